"""Small good files of every kind that the commands read: what the hostile ones are made from."""

from __future__ import annotations

import gzip
import struct
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import braininabox as bb
from brainbox_core.tasks.digits import train as digits
from brainbox_core.tasks.digits.settings import Settings as Digits
from brainbox_core.tasks.loading import load_task
from brainbox_core.tasks.neuron import file as neuron
from brainbox_core.tasks.neuron.learn import learn_table

HOUSES = "sqft,rooms,district,price\n" + "".join(
    f"{900 + 130 * row},{row % 5},{['north', 'south', 'west'][row % 3]},{50_000 + 3_100 * row + 700 * (row % 7)}\n"
    for row in range(60)
)
TRANSACTIONS = "Time,V1,Amount,Class\n" + "".join(
    f"{60 * row},{row % 7 + 4 * (row % 9 == 0)},{row % 11 + 0.5},{int(row % 9 == 0)}\n" for row in range(90)
)
MESSAGES = "".join(
    f"spam\tBuy cheap meds now {row}!! Click here\nham\tSee you at {row} o'clock in the office\n" for row in range(25)
)
TEXT = "the cat sat on the mat; the dog lay on the rug.\n" * 24


def idx(array: np.ndarray) -> bytes:
    """A file of the MNIST format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def picture(form: str = "PNG", mode: str = "L", size: int = 40) -> bytes:
    """A drawn seven."""
    image = Image.new(mode, (size, size), "white")
    ImageDraw.Draw(image).line([(12, 10), (28, 10), (18, 32)], fill="black", width=3, joint="curve")
    buffer = BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def idx_files() -> dict[str, bytes]:
    """A folder of pictures and labels, by the names that MNIST gives them."""
    images = (np.arange(40 * 28 * 28) % 251).astype(np.uint8).reshape(40, 28, 28)
    labels = (np.arange(40) % 10).astype(np.uint8)
    files = {}
    for part, rows in (("train", 40), ("t10k", 20)):
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(images[:rows]), mtime=0)
        files[f"{part}-labels-idx1-ubyte"] = idx(labels[:rows])
    return files


def write_inputs(folder: Path) -> None:
    """Everything but models, into an empty folder."""
    texts = {"houses.csv": HOUSES, "transactions.csv": TRANSACTIONS, "messages.tsv": MESSAGES, "text.txt": TEXT}
    for name, text in texts.items():
        (folder / name).write_text(text)
    for form, mode in (("PNG", "L"), ("JPEG", "RGB"), ("GIF", "P"), ("BMP", "RGB"), ("WEBP", "RGB")):
        (folder / f"seven.{form.lower()}").write_bytes(picture(form, mode))
    (folder / "idx").mkdir()
    for name, content in idx_files().items():
        (folder / "idx" / name).write_bytes(content)


def write_models(folder: Path, inputs: Path) -> dict[str, Path]:
    """One small model of every kind, each trained for a moment; the files by kind."""
    paths = {}
    images = (np.arange(60 * 28 * 28) % 251).astype(np.uint8).reshape(60, 28, 28)
    labels = (np.arange(60) % 10).astype(np.uint8)
    pictures = digits.Data("digits", "", (), tuple("0123456789"), *(images, labels) * 3)
    for kind, settings in {
        "mnist": Digits.mnist(hidden=(3,), epochs=1),
        "cnn": Digits.cnn(filters=(2,), hidden=(), epochs=1),
    }.items():
        model = digits.build_model(settings, pictures)
        digits.train(model, settings, pictures)
        paths[kind] = folder / f"{kind}.safetensors"
        model.save(paths[kind])
    wanted = {
        "regress": ("houses.csv", {"log": ("sqft", "price"), "degree": 2, "folds": 0, "epochs": 20}),
        "fraud": ("transactions.csv", {"hidden": (3,), "epochs": 2}),
        "spam": ("messages.tsv", {"epochs": 1, "chars": 0, "vocabulary": 200}),
        "rnn": ("text.txt", {"hidden": 3, "embedding": 2, "steps": 2, "seq_len": 8, "batch_size": 2}),
    }
    for kind, (data, options) in wanted.items():
        task = load_task(kind)
        settings = import_module(f"brainbox_core.tasks.{kind}.settings").Settings(data=str(inputs / data), **options)
        loaded = task.load_data(settings)
        model = task.build_model(settings, loaded)
        task.train(model, settings, loaded)
        paths[kind] = folder / f"{kind}.safetensors"
        model.save(paths[kind])
    paths["neuron"] = folder / "neuron.safetensors"
    paths["neuron"].write_bytes(neuron.to_bytes(learn_table("0111")))
    for kind, chain, shape in (
        ("network", _network(), (6, 6)),
        ("sequence", [bb.layers.GRU(2), bb.layers.LSTM(2), bb.layers.RNN(2, last=True), bb.layers.Linear(2)], (3, 2)),
    ):
        model = bb.Sequential(chain)
        model.build(shape)
        model._loss = bb.loss.CrossEntropy()
        paths[kind] = folder / f"{kind}.safetensors"
        model.save(paths[kind])
    return paths


def _network() -> list[bb.layers.Layer]:
    layers = bb.layers
    return [
        layers.Conv2D(2, kernel=3),
        layers.BatchNorm(),
        layers.LeakyReLU(0.1),
        layers.MaxPool(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Linear(4),
        layers.Sigmoid(),
        layers.Linear(3),
    ]


def load(kind: str, path: Path) -> object:
    """A model as the commands load it, or a network that belongs to none of them."""
    if kind in ("mnist", "cnn", "regress", "fraud", "spam", "rnn"):
        return load_task(kind).load_model(path, kind)
    model = bb.Sequential.load(path, "neuron" if kind == "neuron" else None)
    return neuron.weights_of(model) if kind == "neuron" else model
