"""One training of a linear regression: from features and targets to a line, epoch by epoch or at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brainbox_core.data import fingerprint
from brainbox_core.errors import ConvergenceError, InputError, between, whole
from brainbox_core.layers import Linear
from brainbox_core.model.sequential import Sequential
from brainbox_core.tasks.learning import linear
from brainbox_core.tasks.regress.settings import FULL, Settings
from brainbox_core.tasks.regress.solver import Descent, least_squares, predictions
from brainbox_core.training.callbacks import Callback, EarlyStopping
from brainbox_core.training.checkpoint import Part, Training
from brainbox_core.training.interrupts import Interrupts


@dataclass(frozen=True)
class Line:
    """Weights (features,) and an intercept, in the unit of what is learned."""

    weights: np.ndarray
    intercept: float

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return predictions(X, self.weights, self.intercept)


@dataclass(frozen=True)
class Fit:
    """What one training found.

    Attributes:
        line: the weights.
        losses: train_loss and val_loss with targets of deviation 1.
        history: the logs of the epochs that are shown; empty for least squares, as best_epoch and epochs are 0.
        gradient: the largest derivative that was left; see `solver.Epoch`.
    """

    line: Line
    losses: dict[str, float]
    history: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    epochs: int = 0
    gradient: float | None = None
    converged: bool = True


def learn(
    settings: Settings,
    X: np.ndarray,
    t: np.ndarray,
    val: tuple[np.ndarray, np.ndarray] | None = None,
    model: Sequential | None = None,
    callbacks: Sequence[Callback] = (),
) -> Fit:
    """Weights for features and targets, by descent or at once.

    Args:
        X: features (n, features), standardised.
        t: targets (n,) in their own unit; they are standardised here, and so are all losses.
        val: features and targets to choose the best epoch by; None keeps the last.
        model: is given the weights of every epoch that is shown.
        callbacks: are told of the epochs that are shown.

    Raises:
        ConvergenceError: the learning rate is too large.
        InputError: a row of `val` is so far outside that its error is no number.
    """
    y, _, scale = standard(t)
    model = line_model(X.shape[1]) if model is None else model

    def loss(line: Line, part: str, X: np.ndarray, t: np.ndarray) -> dict[str, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(np.mean((line(X) - t) ** 2)) / scale**2
        if not math.isfinite(value):
            what = "a row to choose the epoch by is so far outside the training range that its error is no number"
            raise InputError(what, fix="look for values that are wrong, or leave `val_split` out")
        return {f"{part}_loss": value}

    if settings.closed_form:
        solution = least_squares(X, y, settings.ridge)
        line = rescaled(solution.weights, solution.intercept, t)
        return Fit(line, loss(line, "train", X, t) | (loss(line, "val", *val) if val else {}))
    size = None if settings.batch_size == FULL else int(settings.batch_size)
    batches = 1 if size is None else -(-len(X) // size)
    course = _Course(model, settings.lr or 0.0)

    def tell(done: int, total: int) -> None:
        batch = max(1, done * batches // total)
        logs = {"epoch": course.epochs + 1, "batches": batches, "lr": course.lr, "train_loss": course.train_loss}
        for callback in callbacks:
            callback.on_batch_end(model, {**logs, "batch": batch, "step": course.epochs * batches + batch})

    told = {name: getattr(settings, name) for name in ("lr", "batch_size", "plain", "ridge", "seed", "patience")}
    told["epochs"] = settings.epochs if size is None else str(settings.epochs)  # on which the rate of batches depends
    descent = Descent(
        X,
        y,
        settings.epochs,
        settings.lr,
        size,
        settings.plain,
        settings.ridge,
        settings.seed,
        tell if callbacks else None,
    )
    stopper = EarlyStopping("train_loss" if val is None else "val_loss", settings.patience or settings.epochs + 1)
    parts: dict[str, Part] = {"descent": descent, "stopper": stopper, "course": course}
    training = Training(told, lambda: fingerprint(X, t, *(val or ())), model, parts, {})
    saved, model.training, model.unfinished, model.stop_training = model.unfinished, training, None, False
    if saved is not None:
        training.check(saved)
        training.resume(saved)
    history = model.history
    begun = time.monotonic()
    interrupts = Interrupts()
    for callback in callbacks:
        callback.on_train_begin(model, {"epochs": settings.epochs, "epoch": course.epochs, "batches": batches})
    try:
        with interrupts.installed():
            while not (descent.ended or model.stop_training):
                epoch = descent.look()
                line = rescaled(epoch.weights, epoch.intercept, t)
                logs: dict[str, Any] = {"epoch": epoch.number, "train_loss": epoch.loss}
                logs |= {"train_gradient": epoch.gradient} | (loss(line, "val", *val) if val else {}) | {"lr": epoch.lr}
                with interrupts:
                    descent.advance(epoch)
                    course.epochs, course.lr, course.train_loss = epoch.number, epoch.lr, epoch.loss
                    course.gradient, course.converged = epoch.gradient, epoch.converged
                    if val is None or course.best is None or logs["val_loss"] < course.best[1]["val_loss"]:
                        course.best = line, logs
                    stopper.on_epoch_end(model, logs)
                    if descent.ended or model.stop_training or _is_shown(epoch.number):
                        logs["time_s"] = time.monotonic() - begun
                        begun = time.monotonic()
                        history.append(logs)
                        set_weights(model, line)
                        for callback in callbacks:
                            callback.on_epoch_end(model, logs)
    except ConvergenceError:
        training.whole = False
        raise
    finally:
        for callback in callbacks:
            best = course.best and course.best[1]["epoch"]
            callback.on_train_end(model, {"best_epoch": best, "history": history})
    assert course.best is not None  # there is at least one epoch
    line, logs = course.best
    losses: dict[str, float] = {name: logs[name] for name in ("train_loss", "val_loss") if name in logs}
    return Fit(line, losses, history, logs["epoch"], course.epochs, course.gradient, course.converged)


class _Course:
    """What a training by descent has come to so far: its last epoch, and the best one with its line."""

    def __init__(self, model: Sequential, lr: float):
        self._model = model
        self.epochs, self.lr, self.train_loss, self.gradient, self.converged = 0, lr, 1.0, 0.0, False
        self.best: tuple[Line, dict[str, Any]] | None = None

    def state(self) -> dict[str, Any]:
        line, logs = self.best or (Line(np.zeros(0), 0.0), None)
        best = {"logs": logs, "weights": line.weights, "intercept": line.intercept}
        last = {name: getattr(self, name) for name in ("epochs", "lr", "train_loss", "gradient", "converged")}
        return {**last, **best, "stopped": self._model.stop_training}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.epochs, self.converged = whole("epochs", state["epochs"], 0), state["converged"] is True
        self.lr, self.train_loss, self.gradient = (between(n, state[n], 0) for n in ("lr", "train_loss", "gradient"))
        if state["logs"] is not None:
            self.best = Line(state["weights"], between("intercept", state["intercept"])), dict(state["logs"])
        self._model.stop_training = state["stopped"] is True


def _is_shown(epoch: int) -> bool:
    """Whether an epoch is worth a row: 1, 2, 3, 5, 10, 20, 30, 50, 100 and so on."""
    text = str(epoch)
    return text[0] in "1235" and not text[1:].strip("0")


def standard(t: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Targets with mean 0 and deviation 1, and the mean and the deviation that they had."""
    mean, scale = float(t.mean()), float(t.std())
    return (t - mean) / scale, mean, scale


def rescaled(weights: np.ndarray, intercept: float, t: np.ndarray) -> Line:
    """A line to standardised targets as one to the targets themselves."""
    _, mean, scale = standard(t)
    return Line(weights * scale, intercept * scale + mean)


def line_model(features: int, seed: int = 0) -> Sequential:
    """One linear layer from features to a number, all weights 0."""
    model = Sequential([Linear(1, initializer="zeros")], seed)
    model.build((features,))
    return model


def set_weights(model: Sequential, line: Line) -> None:
    """Put a line into a model's only layer, in its float32."""
    layer = linear(model)
    layer.weight.data[:, 0], layer.bias.data[0] = line.weights, line.intercept
    model.params.touched()
