"""Reading digits (or any ten kinds of 28x28 pictures): the task behind the commands mnist and cnn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from brainbox_core import layers, metrics
from brainbox_core.data import DataLoader, stratified_split
from brainbox_core.datasets import catalog
from brainbox_core.errors import InputError, UsageError
from brainbox_core.images.augment import Warp
from brainbox_core.kernels.dense import softmax
from brainbox_core.loss import CrossEntropy
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Pipe, Progress, no_pipe
from brainbox_core.tasks.digits.settings import CLASSES, KERNEL, PIXELS, Settings
from brainbox_core.tensor import Tensor
from brainbox_core.training import loop
from brainbox_core.training.callbacks import Callback

# How far the training images are moved with augment=True. A dense network has to learn every place anew, so it gets
# less; a convolutional one is to read digits that are well off the centre. The warp is what helps most on MNIST.
WARPS = {
    "mlp": Warp(shift=1.5, rotation=10, scale=0.1, shear=0.15, elastic=0.6),
    "conv": Warp(shift=3, rotation=12, scale=0.12, shear=0.2, elastic=1),
}


@dataclass(frozen=True)
class Data(contract.Data):
    """Pictures (n, 28, 28) of uint8 with labels (n,): to learn from, to choose the epoch by, and to judge by."""

    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    val_images: np.ndarray
    val_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        return {"train": len(self.train_labels), "val": len(self.val_labels), "test": len(self.test_labels)}

    @property
    def held_out(self) -> HeldOut:
        return HeldOut(self.test_images, self.test_labels)


@dataclass(frozen=True, kw_only=True)
class Result(contract.Result):
    """What a training or an evaluation found, beside what every task finds.

    Attributes:
        confusion: how often each true class (row) was read as each class (column).
        probabilities: for every test picture, (n, classes).
    """

    confusion: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Prediction:
    """What a picture was read as: the likeliest class, its probability, and the likeliest few with theirs."""

    label: str
    probability: float
    top: list[tuple[str, float]]


def load_data(settings: Settings, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """The pictures that the settings name, with a part of the training pictures set aside for validation."""
    source = catalog.load_images(settings.data, progress=progress)
    if source.train_images.shape[1:] != (PIXELS, PIXELS):
        got = "x".join(map(str, source.train_images.shape[1:]))
        what, fix = "the pictures have another size", "resize them, or train a bb.Sequential of your own"
        raise InputError(what, where=settings.data, expected=f"{PIXELS}x{PIXELS}", got=got, fix=fix)
    rows = stream(settings.seed, "limit").permutation(len(source.train_labels))[: settings.limit]
    train, val = stratified_split(source.train_labels[rows], settings.val_split, settings.seed)
    return _divided(source, rows[train], rows[val])


def _divided(source: catalog.ImageData, train: np.ndarray, val: np.ndarray) -> Data:
    images, labels = source.train_images, source.train_labels
    parts = images[train], labels[train], images[val], labels[val], source.test_images, source.test_labels
    return Data(source.name, source.sha256, source.notes, source.classes, *parts)


def load_test_data(model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """What a model is judged by: the test pictures of a data set."""
    return load_data(Settings.mnist(data=name, seed=model.seed), progress)


def build_model(settings: Settings, data: Data) -> Sequential:
    """The network, built and compiled with a one-cycle learning rate over the whole training."""
    chain: list[layers.Layer] = []
    for filters in settings.filters:
        chain += [layers.Conv2D(filters, kernel=KERNEL), layers.ReLU(), layers.MaxPool(2)]
    chain.append(layers.Flatten())
    for width in settings.hidden:
        chain += [layers.Linear(width), layers.ReLU()]
    chain.append(layers.Linear(CLASSES, initializer="lecun"))
    model = Sequential(chain, settings.seed)
    model.compile(learning.optimizer(settings, len(data.train_labels), settings.lr), CrossEntropy())
    model.build((PIXELS, PIXELS))
    model.meta = {
        "kind": "mnist" if settings.network == "mlp" else "cnn",
        "classes": list(data.classes),
        "data": {"name": data.name, "sha256": data.sha256},
    }
    return model


def train(model: Sequential, settings: Settings, data: Data, callbacks: Sequence[Callback] = ()) -> Result:
    """Train, restore the best epoch, and judge it by the test pictures, which nothing before has looked at."""
    warp = WARPS[settings.network] if settings.augment else None
    loader = DataLoader(data.train_images, data.train_labels, settings.batch_size, settings.seed, augment=warp)
    callbacks = [*callbacks, *learning.stopping(settings)]
    history = loop.train(model, loader, settings.epochs, (data.val_images, data.val_labels), callbacks)
    best = min(history, key=lambda logs: logs["val_loss"])
    judged = evaluate(model, data)
    found = {**judged.metrics, **{name: best[name] for name in ("train_loss", "val_loss", "val_accuracy")}}
    model.meta["metrics"] = found
    stuck = f"accuracy is stuck at {best['val_accuracy']:.0%}, as if guessing: try another learning rate or more data"
    notes = (stuck,) if best["val_accuracy"] < 2 / CLASSES else ()
    commonest = data.classes[int(np.bincount(data.train_labels).argmax())]
    failure = learning.unlearned(
        model.loss,
        f"always answering {commonest}",
        (data.val_labels, model.output_shape, best["val_loss"]),
        (data.train_labels, model.output_shape, best["train_loss"]),
    )
    return replace(
        judged, metrics=found, history=history, best_epoch=int(best["epoch"]), notes=notes, unlearned=failure
    )


def evaluate(model: Sequential, data: Data, shift: int = 0, progress: Progress | None = None) -> Result:
    """Judge a model by the test pictures.

    Args:
        shift: move every picture by up to so many pixels first, down and across, each by its own random amounts.
    """
    if not 0 <= shift < PIXELS:
        raise UsageError("shift", expected=f"a whole number from 0 to {PIXELS - 1}", got=shift)
    images = shifted(data.test_images, shift, model.seed) if shift else data.test_images
    parts = []
    for start in range(0, len(images), 1000):
        parts.append(model.predict(images[start : start + 1000]))
        if progress is not None:
            progress(min(start + 1000, len(images)), len(images))
    logits, labels = np.concatenate(parts), data.test_labels
    return Result(
        metrics={
            "primary": "test_accuracy",
            "test_accuracy": metrics.accuracy(labels, logits.argmax(axis=1)),
            "test_loss": CrossEntropy()(Tensor(logits), labels).item(),
        },
        confusion=metrics.confusion_matrix(labels, logits.argmax(axis=1), logits.shape[1]),
        probabilities=softmax(logits),
    )


def predict(model: Sequential, images: np.ndarray, top: int = 3) -> list[Prediction]:
    """Read pictures (n, 28, 28) of uint8, light ink on black, centred as `images.digit_from_image` does it.

    Args:
        top: how many of the likeliest classes to tell for each.
    """
    classes = model.meta["classes"]
    predictions = []
    for probabilities in softmax(model.predict(images)):
        order = np.argsort(-probabilities, kind="stable")[:top]
        ranked = [(classes[i], float(probabilities[i])) for i in order]
        predictions.append(Prediction(*ranked[0], ranked))
    return predictions


def held_out(model: Sequential) -> HeldOut | str:
    """The test pictures of the data that a model was trained on; also of a network of another shape."""
    none = np.arange(0)
    return contract.held_out(model, catalog.at_hand, lambda name: _divided(catalog.load_images(name), none, none))


def load_model(path: str | Path, kind: str) -> Sequential:
    """A digit reader from its file, which `kind` says is of "mnist" or "cnn"."""
    return learning.load_model(path, kind, _check)


def _check(model: Sequential) -> None:
    classes, outputs = model.meta.get("classes"), model.output_shape
    if (
        not isinstance(classes, list)
        or not all(isinstance(name, str) for name in classes)
        or not (len(classes),) == outputs == (len(set(classes)),)
    ):
        raise InputError("its class names do not fit its outputs")
    if model.input_shape not in ((PIXELS, PIXELS), (PIXELS, PIXELS, 1)):
        raise InputError(f"it does not read {PIXELS}x{PIXELS} pictures")


def shifted(images: np.ndarray, most: int, seed: int = 0) -> np.ndarray:
    """Pictures (n, height, width), each moved by whole pixels of its own, uniform from -most to most; 0 comes in.

    Example:
        >>> shifted(np.full((1, 2, 2), 9, np.uint8), 0)
        array([[[9, 9],
                [9, 9]]], dtype=uint8)
    """
    n, h, w = images.shape
    framed = np.zeros((n, h + 2 * most, w + 2 * most), images.dtype)
    framed[:, most : most + h, most : most + w] = images
    down, right = stream(seed, "shift").integers(0, 2 * most + 1, (2, n))
    rows, columns = down[:, None] + np.arange(h), right[:, None] + np.arange(w)
    return framed[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
