"""What the fuzzer found once: it stays found."""

import shlex

import numpy as np
import pytest
from PIL import Image

from brainbox_core.network import saving
from tests.core.network.test_saving import signed
from tests.fuzz import command, seeds

LINES = [
    "descent --func x --start 1e308 --steps 9",  # the map of places whose sums are no numbers
    "descent --func x+y --start 1e308,-1e308 --steps 9",
    "descent --func max(log(x),-1e308*x) --start 1e308 --steps 9",
    "mnist predict thin.png -m models/mnist.safetensors",  # a picture of a single column
    "descent --optimizer adam --steps 9",  # a trial of an advice ended too far away to look further
]
MODELS = {  # by what was wrong: the kind, the change of its description, and the command
    "no kind": ("network", lambda meta: meta.pop("kind"), "export bad --verify off -n"),
    "data that is a list": (
        "rnn",
        lambda meta: meta.update(data=[]),
        "rnn evaluate --data text.txt -m bad",
    ),
    "a weight of 300 digits": (
        "neuron",
        lambda meta: meta.update(weights=["3/10", "9" * 90, "8" * 99]),
        "export bad --verify off -n",
    ),
    "a long text for a seed": ("mnist", lambda meta: meta.update(seed="x" * 5000), "mnist predict seven.png -m bad"),
    "a long text for a size": (
        "spam",
        lambda meta: meta.update(input_shape=["\x1b" * 5000]),
        "spam predict hello -m bad",
    ),
    "a class without a name": (
        "fraud",
        lambda meta: meta.update(classes=["", "1"]),
        "fraud predict row.csv -m bad",
    ),
    "a layer of a long kind": (
        "cnn",
        lambda meta: meta["layers"][0].update(kind="Conv2D" * 900),
        "cnn predict seven.png -m bad",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("findings")
    (folder / "models").mkdir()
    seeds.write_inputs(folder)
    (folder / "row.csv").write_text("Time,V1,Amount\n1,2,3\n")
    Image.fromarray(np.uint8([[255]] * 4 + [[0]] * 391 + [[255]] * 4)).save(folder / "thin.png")
    seeds.write_models(folder / "models", folder)
    return folder


@pytest.mark.parametrize("line", LINES)
def test_a_line(folder, monkeypatch, line):
    monkeypatch.chdir(folder)
    command.judged(shlex.split(line))


@pytest.mark.parametrize("name", MODELS)
def test_a_model(folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    kind, change, line = MODELS[name]
    tensors, meta = saving.load_model(f"models/{kind}.safetensors")
    change(meta)
    (folder / "bad").write_bytes(signed(tensors, meta))
    command.judged(line.split())
