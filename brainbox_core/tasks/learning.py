"""What trainings have in common: the optimizer with its schedule, and the parts of cross-validation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.layers import Linear
from brainbox_core.model.sequential import Sequential
from brainbox_core.optimizers import Optimizer, named
from brainbox_core.rng import stream
from brainbox_core.schedules import OneCycle
from brainbox_core.tasks.contract import FULL, EpochSettings


def optimizer(settings: EpochSettings, rows: int, lr: float, normalized_decay: float | None = None) -> Optimizer:
    """The optimizer of the settings, with a one-cycle learning rate over the whole training; sgd has momentum 0.9.

    Args:
        settings: `optimizer`, `epochs` and `batch_size`.
        rows: of an epoch.
        lr: the highest learning rate.
        normalized_decay: weight decay of `adamw` times the root of the number of updates, so that one value suits 500
            updates and 50,000 (Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019, appendix B).
    """
    steps = math.ceil(rows / batch_rows(settings, rows)) * settings.epochs
    schedule = OneCycle(lr, steps)
    if settings.optimizer == "adamw" and normalized_decay is not None:
        return named("adamw", schedule, weight_decay=normalized_decay / math.sqrt(steps))
    return named(settings.optimizer, schedule)


def linear(model: Sequential, place: int = 0) -> Linear:
    """A layer of a model that is known to be linear; `load_model` of its task has seen to that."""
    layer = model.layers[place]
    if not isinstance(layer, Linear):
        raise UsageError(f"layer {place} '{layer.name}' is not linear", fix="use a model of this task")
    return layer


def batch_rows(settings: EpochSettings, rows: int) -> int:
    """How many rows an update sees, where `full` stands for all of them."""
    return rows if settings.batch_size == FULL else int(settings.batch_size)


def folds(labels: np.ndarray, count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Deal the rows out into parts in which every class has the same share.

    Args:
        labels: (n,) the class of each row.
        count: how many parts.
        seed: of the order in which the rows of a class are dealt out.

    Yields:
        For each part the numbers of all other rows and those of its own, both in ascending order.

    Example:
        >>> [test.tolist() for rest, test in folds(np.array([0, 1, 0, 1, 0, 0]), 2, seed=0)]
        [[1, 4, 5], [0, 2, 3]]
    """
    shuffled = stream(seed, "folds").permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    for fold in range(count):
        test = np.sort(by_class[fold::count])
        yield np.delete(np.arange(len(labels)), test), test
