"""One training of a linear regression: from features and targets to a line, epoch by epoch or at once."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.layers import Linear
from brainbox_core.model.callbacks import Callback, EarlyStopping
from brainbox_core.model.sequential import Sequential
from brainbox_core.tasks.learning import linear
from brainbox_core.tasks.regress.settings import FULL, Settings
from brainbox_core.tasks.regress.solver import descend, least_squares, predictions


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
    state = {"epoch": 1, "batches": batches, "lr": settings.lr or 0.0, "train_loss": 1.0}

    def tell(done: int, total: int) -> None:
        batch = max(1, done * batches // total)
        for callback in callbacks:
            callback.on_batch_end(model, {**state, "batch": batch, "step": (state["epoch"] - 1) * batches + batch})

    stopper = EarlyStopping("train_loss" if val is None else "val_loss", settings.patience or settings.epochs + 1)
    history: list[dict] = []
    best: tuple[Line, dict] | None = None
    begun = time.monotonic()
    model.stop_training = False
    for callback in callbacks:
        callback.on_train_begin(model, {"epochs": settings.epochs, "epoch": 0, "batches": batches})
    try:
        for epoch in descend(
            X,
            y,
            epochs=settings.epochs,
            lr=settings.lr,
            batch_size=size,
            plain=settings.plain,
            ridge=settings.ridge,
            seed=settings.seed,
            progress=tell if callbacks else None,
        ):
            line = rescaled(epoch.weights, epoch.intercept, t)
            logs: dict[str, Any] = {"epoch": epoch.number, "train_loss": epoch.loss, "train_gradient": epoch.gradient}
            logs |= (loss(line, "val", *val) if val else {}) | {"lr": epoch.lr}
            if val is None or best is None or logs["val_loss"] < best[1]["val_loss"]:
                best = line, logs
            stopper.on_epoch_end(model, logs)
            last = epoch.converged or epoch.number == settings.epochs or model.stop_training
            if last or _is_shown(epoch.number):
                logs["time_s"] = time.monotonic() - begun
                begun = time.monotonic()
                history.append(logs)
                set_weights(model, line)
                for callback in callbacks:
                    callback.on_epoch_end(model, logs)
            state |= {"epoch": epoch.number + 1, "lr": epoch.lr, "train_loss": epoch.loss}
            if last:
                break
    finally:
        for callback in callbacks:
            callback.on_train_end(model, {"best_epoch": best and best[1]["epoch"], "history": history})
    assert best is not None  # there is at least one epoch
    line, logs = best
    losses: dict[str, float] = {name: logs[name] for name in ("train_loss", "val_loss") if name in logs}
    return Fit(line, losses, history, logs["epoch"], epoch.number, epoch.gradient, epoch.converged)


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
