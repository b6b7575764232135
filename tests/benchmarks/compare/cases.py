"""What is compared: the same shapes for all sides of a case, written down once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from brainbox_core.tasks.digits.settings import CLASSES, KERNEL, PIXELS, Settings

BATCH = 64
LETTERS, WINDOW, EMBEDDING, UNITS = 65, 64, 64, 128
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

Product = tuple[int, int, int, int]  # how many products of (m, k) by (k, n)
Filters = tuple[str, int, int]  # a convolution, ReLU and 2x2 pool: the kind of layer, filters, side of the kernel
AT_A_TIME = 250  # images of a prediction, of 10,000 a whole number of times
# What a way says is done; the rest is as PyTorch comes.
TORCH_PICTURES = (
    "eager",
    "fused Adam",
    "channels_last, fused Adam",
    "compiled, fused Adam",
    "compiled, channels_last, fused Adam",
)
TORCH_PREDICT = ("eager", "channels_last", "compiled", "compiled, channels_last")
TORCH_RECURRENT = ("eager", "fused Adam", "compiled, fused Adam")
PIPELINES = ("words, liblinear", "words and characters, liblinear", "hashed words, SGD")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: on the command line.
        title: what is measured.
        task: the function of `ours` and of the module `yardstick` that does it.
        yardstick: the module of the other library.
        ways: how the other library is used; each is a side of its own.
        given: the arguments of the task.
        times: by how much the time of a turn is divided: steps or calls.
        products: the matrix products of one of these.
        limit: what `pytest -m bench` lets our time be at most, as a share of the best of theirs.
    """

    name: str
    title: str
    task: str
    yardstick: str
    ways: tuple[str, ...]
    given: dict[str, Any]
    times: int
    limit: float
    products: tuple[Product, ...] = ()


def picture_products(filters: tuple[Filters, ...], hidden: tuple[int, ...], rows: int) -> list[Product]:
    """The products of one pass forward over so many pictures, a convolution being one over its windows."""
    found, size, channels = [], PIXELS, 1
    for kind, count, kernel in filters:
        size -= kernel - 1
        window = channels * (kernel * kernel if kind == "Conv2D" else 1)  # a separable one's depthwise half is none
        found.append((1, rows * size * size, window, count))
        size, channels = size // 2, count
    return found + [(1, rows, *widths) for widths in pairwise([size * size * channels, *hidden, CLASSES])]


def and_backward(forward: list[Product]) -> tuple[Product, ...]:
    """The products forward, those for the weights, and, but for the first, those for the inputs."""
    weights = [(count, k, m, n) for count, m, k, n in forward]
    inputs = [(count, m, n, k) for count, m, k, n in forward[1:]]
    return (*forward, *weights, *inputs)


def _training(name: str, title: str, filters: Any, hidden: Any, times: int, limit: float) -> Case:
    products = and_backward(picture_products(filters, hidden, BATCH))
    given = {"filters": filters, "hidden": hidden}
    return Case(name, f"{title}, a step", "train_pictures", "pytorch", TORCH_PICTURES, given, times, limit, products)


def _prediction(name: str, title: str, rows: int, times: int, limit: float) -> Case:
    given = {**CNN, "rows": rows}
    parts = max(1, rows // AT_A_TIME)
    products = tuple((parts, m, k, n) for _, m, k, n in picture_products(**CNN, rows=rows // parts))
    return Case(name, title, "predict_pictures", "pytorch", TORCH_PREDICT, given, times, limit, products)


def _characters(cell: str, layers: int, times: int, limit: float) -> Case:
    # Of a layer: all steps at once by the weights of the inputs, then step by step by those of the state.
    width, rows = GATES[cell] * UNITS, BATCH * WINDOW
    products: list[Product] = [(1, rows, UNITS, LETTERS), (1, UNITS, rows, LETTERS), (1, rows, LETTERS, UNITS)]
    for inputs in (EMBEDDING, *[UNITS] * (layers - 1)):
        products += [(1, rows, inputs, width), (1, inputs, rows, width), (1, rows, width, inputs)]
        products += [(WINDOW, BATCH, UNITS, width), (1, UNITS, rows, width), (WINDOW, BATCH, width, UNITS)]
    name = f"{cell.lower()}-{layers}"
    title = f"embedding {EMBEDDING} - {' - '.join([f'{cell} {UNITS}'] * layers)} - {LETTERS}, {WINDOW} steps, a step"
    given = {"cell": cell, "layers": layers}
    return Case(name, title, "train_characters", "pytorch", TORCH_RECURRENT, given, times, limit, tuple(products))


def _messages(task: str, title: str, limit: float) -> Case:
    return Case(task.partition("_")[0] + "-spam", title, task, "scikit_learn", PIPELINES, {}, 1, limit)


def _filter(shape: tuple[int, int], side: int, times: int, limit: float) -> Case:
    name = f"filter-{shape[0]}-{side}"
    title = f"convolve {shape[0]}x{shape[1]} by {side}x{side}, float64"
    given = {"shape": shape, "side": side}
    return Case(name, title, "filter_picture", "scipy_images", ("ndimage.correlate",), given, times, limit)


_CNN = Settings.cnn()
CNN = {"filters": tuple(("Conv2D", count, KERNEL) for count in _CNN.filters), "hidden": _CNN.hidden}
_ALL = (
    _training("mlp", "784-128-64-10", (), (128, 64), 180, 1.1),
    _training("snippet", "conv3x3x32-pool-10", (("Conv2D", 32, 3),), (), 30, 0.75),
    _training("cnn", f"`brainbox cnn`, {_CNN.title.removesuffix(' CNN')}", CNN["filters"], CNN["hidden"], 60, 1.35),
    _training("conv-conv", "conv3x3x32-pool-conv3x3x64-pool-10", (("Conv2D", 32, 3), ("Conv2D", 64, 3)), (), 15, 1.1),
    _training(
        "separable",
        "conv3x3x16-pool-separable3x3x32-pool-10",
        (("Conv2D", 16, 3), ("SeparableConv2D", 32, 3)),
        (),
        30,
        1.25,
    ),
    _prediction("predict-10000", "`brainbox cnn`, predict 10,000 images", 10_000, 1, 2.7),
    _prediction("predict-1", "`brainbox cnn`, predict one image", 1, 500, 1.35),
    *[
        _characters(cell, layers, 20 // GATES[cell] // layers, limit)
        for layers in (1, 2)
        for cell, limit in (("RNN", 0.85), ("GRU", 0.9), ("LSTM", 1.25))
    ],
    _messages("learn_messages", "learning the SMS Spam Collection", 1.5),
    _messages("read_messages", "reading the SMS Spam Collection", 0.5),
    _filter((512, 512), 3, 20, 0.75),
    _filter((1080, 1920), 5, 3, 0.7),
    _filter((1080, 1920), 15, 1, 0.12),
)
CASES = {case.name: case for case in _ALL}
