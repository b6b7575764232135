"""What an exported network costs and how well it reads, beside the figures to reach and those of other exporters.

Run with: pytest -m bench -s tests/benchmarks/test_export_figures.py

The others' figures were measured once on the same weights and are frozen here: TFLite Micro (with and without CMSIS-NN)
for int8, onnx2c for float32, emlearn for the dense network; Cortex-M3 and, for float32, Cortex-M4F, -O2.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.datasets.idx import read_idx
from brainbox_core.export import board, build, verify
from brainbox_core.export.board import BOARDS
from brainbox_core.export.network.kernels import IntKernels
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.quantize import quantize
from brainbox_core.export.network.reference import run
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.fraud import train as fraud
from tests.export.filters import five_thousand
from tests.realdata import real_data

pytestmark = pytest.mark.bench
L = bb.layers
EPOCHS, BATCH, RATE = 6, 64, 0.006
TRAIN, TEST = (
    ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    (
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ),
)


def pair(names: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(read_idx(real_data(f"mnist/{name}"), dims) for name, dims in zip(names, (3, 1), strict=True))


def trained(chain: list, shape: tuple[int, ...] = (28, 28)) -> bb.Sequential:
    """A network that learned MNIST's training images."""
    X, y = pair(TRAIN)
    model = bb.Sequential(chain)
    schedule = bb.schedules.OneCycle(RATE, EPOCHS * -(-len(X) * 9 // 10 // BATCH))
    model.compile(optimizer=bb.optimizers.Adam(schedule), loss=bb.loss.CrossEntropy())
    model.fit(X, y, epochs=EPOCHS, batch_size=BATCH, validation_split=0.1)
    return model


@pytest.fixture(scope="module")
def tools() -> verify.Compiler:
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    if (compiler := verify.find_compiler()) is None:
        pytest.skip("needs gcc")
    return compiler


@pytest.fixture(scope="module")
def reader(tools) -> bb.Sequential:
    chain = [
        L.Conv2D(16, 3),
        L.ReLU(),
        L.MaxPool(2),
        L.Conv2D(32, 3),
        L.ReLU(),
        L.MaxPool(2),
        L.Flatten(),
        L.Linear(10),
    ]
    return trained(chain)


@pytest.fixture(scope="module")
def show(tools) -> Callable[..., None]:
    print(f"\n{tools.title}, {board.measure(*tiny()).compiler} -O2, figures of {' and '.join(BOARDS)} under QEMU")
    print(f"{'what':<52}{'ours':>14}{'to reach':>14}   others")

    def line(what: str, ours: float, reach: float, others: str = "", least: bool = False) -> None:
        print(f"{what:<52}{ours:>14,.6g}{'>=' if least else '<=':>4}{reach:>10,.6g}   {others}")
        assert ours >= reach if least else ours <= reach, what

    return line


def tiny() -> tuple[str, str]:
    model = bb.Sequential([L.Linear(1)])
    model.build((1,))
    return build(model, "tiny", verify=0).text, "tiny"


def test_the_convolutional_reader_in_int8(reader, show, tools):
    data = pair(TEST)
    began = sum(os.times()[:4])  # seconds of CPU, compilers included
    header = build(reader, "digits", data=data, dtype="int8")
    seconds = sum(os.times()[:4]) - began
    report = build(reader, "digits", data=data, dtype="int8", emulate=True).report
    show("CNN int8: accuracy, %", 100 * report.accuracy.exported, 99.0, "TFLite 99.06", least=True)
    show("CNN int8: points lost from float32", report.accuracy.drop, 0.05)
    show("CNN int8: arena, B", report.arena, 2048, "TFLite Micro 14,948")
    show("CNN int8: all RAM, B", report.ram, 3 * 1024, "TFLite Micro 14,948 + 976 and more")
    show("CNN int8: flash, KB", report.flash / 1024, 15, "TFLite Micro 53.7, with CMSIS-NN 71.5")
    show("CNN int8: instructions", report.instructions, 2_000_000, "10,970,000; CMSIS-NN 2,940,000")
    show("CNN int8: stack, B", report.stack_used, report.stack)
    show("CNN int8: export with all checks, s of CPU", seconds, 5)
    assert build(reader, "digits", data=data, dtype="int8").text == header.text


def test_ten_thousand_images_without_a_different_bit(reader, show, tools):
    X = pair(TEST)[0].reshape(-1, 784)
    integers = quantize(lower(reader), reader.meta["ranges"])
    assert IntKernels("digits", integers).program is integers.program
    text = build(reader, "digits", dtype="int8", verify=0).text
    found = verify.verify(text, "digits", X, run(integers, X).reshape(len(X), -1), tools)
    show("CNN int8: mismatches in 10,000 images", len(X) - found.vectors, 0)


def test_the_convolutional_reader_in_float32(reader, show):
    header = build(reader, "digits", dtype="float32")
    found = board.measure(header.text, "digits", BOARDS["netduinoplus2"])
    show("CNN float32: arena, KB", header.report.arena / 1024, 6.6, "onnx2c 86,528 B")
    show("CNN float32: instructions on a Cortex-M4F", found.instructions, 2_000_000, "onnx2c 6,560,000")
    show("CNN float32: vectors with a different bit", 256 - header.report.checked, 0)


def test_the_dense_reader_in_int8(tools, show):
    report = build(
        trained([L.Flatten(), L.Linear(128), L.ReLU(), L.Linear(10)]),
        "digits",
        dtype="int8",
        data=pair(TEST),
        emulate=True,
    ).report
    show("MLP 784-128-10 int8: flash, KB", report.flash / 1024, 102.5, "emlearn (float) 408.6")
    show("MLP 784-128-10 int8: arena, B", report.arena, 256, "emlearn 6,272")
    show("MLP 784-128-10 int8: instructions", report.instructions, 600_000, "emlearn 5,560,000")
    show("MLP 784-128-10 int8: points lost from float32", report.accuracy.drop, 0.5)


def test_the_fraud_detector_in_float32(tools, show):
    """The network alone with its scaler folded in; then what `brainbox fraud` trains, which begins with a tanh."""
    settings = fraud.Settings()
    data = fraud.load_data(settings)
    numbers = [name for name in data.encoder.names if name.startswith("V")]
    network = bb.Sequential([L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)])
    columns = {name: data.table.numbers(numbers[i % len(numbers)]) for i, name in enumerate(map(str, range(30)))}
    network.build((30,))
    network.meta = {"kind": "fraud", "threshold": 0.5}
    network.meta["features"] = FeatureEncoder.fit(table_of(columns), list(columns)).config()
    report = build(network, "fraud").report
    show("fraud MLP 30-16-16-1 float32, scaler folded in: flash, KB", report.flash / 1024, 3.5)
    show("fraud MLP 30-16-16-1 float32, scaler folded in: arena, B", report.arena, 160)
    model = fraud.build_model(settings, data)
    fraud.train(model, settings, data)
    test = data.parts.test
    report = build(model, "fraud", data=(data.source.take(test), data.labels[test]), emulate=True).report
    print(f"brainbox fraud: {report.judged}")
    show("brainbox fraud, with scaler, logarithm, clock and tanh: flash, KB", report.flash / 1024, 3.5)
    show("brainbox fraud: arena, B", report.arena, 160)
    show("brainbox fraud: instructions", report.instructions, 90_000)
    show("brainbox fraud: stack, B", report.stack_used, report.stack + report.arena)


def test_the_character_generator_in_int8(tools, show):
    from brainbox_core.tasks.rnn import train as rnn

    settings = rnn.Settings.suited(data=str(real_data("text/tinyshakespeare.txt")), steps=500, embedding=32)
    data = rnn.load_data(settings)
    model = rnn.build_model(settings, data)
    rnn.train(model, settings, data)
    held = data.val[:-1], data.val[1:]
    header = build(model, "writer", dtype="int8", data=held, verify=2000, emulate=True)
    report, numbers = header.report, [float(word) for word in header.report.judged.split() if word[0].isdigit()]
    show("LSTM 128 of characters, int8: flash, KB", report.flash / 1024, 112)
    show("LSTM 128 of characters, int8: all RAM, KB", report.ram / 1024, 3.5)
    show("LSTM 128 of characters, int8: bits per character lost", numbers[0] - numbers[1], 0.005)
    show("LSTM 128 of characters, int8: instructions per character", report.instructions, 1_500_000)
    show("LSTM 128 of characters, int8: stack, B", report.stack_used, report.stack)
    show("LSTM 128 of characters: steps with a different bit", 2000 - report.checked, 0)
    report = build(model, "writer", data=held, verify=2000, emulate=True).report
    show("LSTM 128 of characters, float32: all RAM, KB", report.ram / 1024, 3.5)
    show("LSTM 128 of characters, float32: instructions", report.instructions, 7_000_000)
    show("LSTM 128 of characters, float32: steps with a different bit", 2000 - report.checked, 0)


def test_the_filter_of_5000_words(tools, show):
    model, messages = five_thousand()
    report = build(model, "filter", data=(messages.texts, messages.labels), verify=10_000, emulate=True).report
    show("spam, 5,000 words: flash, code and tables (B)", report.flash, 40 * 1024, "m2cgen: RecursionError")
    show("spam, 5,000 words: RAM, all of it (B)", report.ram, 1024)
    show("spam, 5,000 words: same label as the model (%)", 100 * report.accuracy.agreement, 99.9, least=True)
    show("spam, 5,000 words: instructions, 31 characters", report.instructions, 20_000)
