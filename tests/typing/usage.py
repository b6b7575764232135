"""A program of a user's. Type checkers accept it in their strictest settings, and find the types that it says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import numpy as np

import braininabox as bb


class Scale(bb.layers.Layer):
    """A layer of one's own."""

    def __init__(self, start: float = 1.0) -> None:
        self.start = start

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
        self.gain = self.parameter("gain", np.full(input_shape, self.start, np.float32))
        return input_shape

    def __call__(self, x: bb.Tensor, training: bool = False) -> bb.Tensor:
        return x * self.gain


class Losses(bb.callbacks.Callback):
    """A callback of one's own."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_epoch_end(self, model: bb.Sequential, logs: Mapping[str, Any]) -> None:
        self.seen.append(logs["train_loss"])
        model.stop_training = len(self.seen) > 5


def train(folder: Path) -> bb.Sequential:
    X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
    model = bb.Sequential([Scale(2.0), bb.layers.Linear(8), bb.layers.ReLU(), bb.layers.Linear(1)], seed=3)
    schedule = bb.schedules.Cosine(0.01, steps=10)
    model.compile(optimizer=bb.optimizers.Adam(lr=schedule), loss=bb.loss.MSE())
    losses = Losses()
    watching = [bb.callbacks.Progress(live=False), bb.callbacks.EarlyStopping("train_loss"), losses]
    history = model.fit(X, X**2, epochs=2, callbacks=watching)
    assert_type(history[-1]["train_loss"], float)
    assert_type(model.evaluate(X, X**2)["loss"], float)
    print(model.predict(X).argmax(axis=1))
    assert_type(model.layers[0], bb.layers.Layer)
    print(model.summary(), sum(losses.seen))
    assert_type(bb.metrics.accuracy(np.array([1]), np.array([1])), float)
    return model


def keep(folder: Path) -> None:
    model = bb.Sequential([bb.layers.Conv2D(2), bb.layers.Flatten(), bb.layers.Linear(units=3)])
    model.build((5, 5, 1))
    model.save(folder / "model.safetensors")
    loaded = bb.load(folder / "model.safetensors")
    assert_type(loaded, bb.Model)
    loaded.compile(bb.optimizers.SGD(lr=0.1, momentum=0.9), bb.loss.CrossEntropy())
    bb.load_torch(loaded, bb.torch_weights(model))
    for name, array in loaded.state().items():
        assert_type(name, str)
        print(array.shape, array.dtype)


def estimate() -> None:
    X = np.linspace(-1, 1, 8).reshape(-1, 1)
    classifier = bb.Classifier(hidden=[bb.layers.Linear(4), 3], epochs=1, random_state=0).fit(X, ["no", "yes"] * 4)
    assert_type(classifier, bb.Classifier)
    assert_type(classifier.score(X, ["no"] * 8), float)
    assert_type(classifier.model_, bb.Sequential)
    print(classifier.classes_.tolist(), bb.Regressor(epochs=1).fit(X, X).predict(X).shape)


def differentiate() -> float:
    x = bb.Tensor([[1.0, 2.0]], requires_grad=True)
    y = (2 * x + x @ np.eye(2) - x**2 / 3).relu().sum()
    assert_type(y, bb.Tensor)
    y.backward()
    with bb.no_grad():
        assert_type(bb.functional.softmax(x)[0].shape, tuple[int, ...])
    assert x.grad is not None
    assert_type((bb.Value(2.0) * 3 + 1).data, float)
    return float(x.grad.sum()) + y.item()


def main(folder: Path) -> None:
    train(folder)
    keep(folder)
    estimate()
    differentiate()
    try:
        bb.layers.Linear(0)
    except bb.UsageError as error:
        assert_type(error.fix, str)
