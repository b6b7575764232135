"""What tasks have in common: tables, optimizers with their schedule, parts of cross-validation, checked model files."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.layers import Linear
from brainbox_core.loss import Loss
from brainbox_core.model.sequential import Sequential
from brainbox_core.optimizers import Optimizer, named
from brainbox_core.rng import stream
from brainbox_core.schedules import OneCycle
from brainbox_core.tables import measures
from brainbox_core.tables.table import Table, read_table
from brainbox_core.tasks.contract import FULL, EpochSettings, Pipe, Progress, Settings, check_drop
from brainbox_core.training.callbacks import Callback, EarlyStopping


def table(name: str, built_in: str, file: str, progress: Progress | None, pipe: Pipe, **options: Any) -> Table:
    """The table of a task.

    Args:
        name: that of the built-in data, `-` for standard input, or a file.
        built_in: the name of the built-in data.
        file: where that is kept; one that ends in `.gz` is unpacked.
        options: of `read_table`, for what is not built in.
    """
    if name == built_in:
        content = builtin(file).read_bytes()
        return read_table(BytesIO(gzip.decompress(content) if file.endswith(".gz") else content), name=name)
    if name == "-":
        return replace(read_table(pipe("a table"), progress=progress, **options), name=name)
    return read_table(name, progress=progress, **options)


# The names of columns that tell rows apart: `id`, `car_ID`, `PassengerId`, `Serial No.`, `RowNumber`, `Unnamed: 0`.
_OF_ROWS = re.compile(
    r"(?i:#|index|unnamed: ?[0-9]+|(.*[\W_])?(id|idx|no|nr|number|row)\.?)|.*[a-z](I[dD]|N(o|r|umber))"
)
_UNNAMED = re.compile(r"column_[0-9]+")  # as `read_table` calls a column without a name
_DIFFERENT = 0.9  # share of different values from which on such a column tells rows apart; a house is sold twice


def inputs(table: Table, target: str, drop: Sequence[str], notes: list[str], *, counting: bool = False) -> list[str]:
    """The columns that may be learned from: all but the target, those to drop, and those that only number the rows.

    A column numbers the rows if it is called so, or has no name, and nearly all its values are different whole numbers
    or texts, in whatever order.

    Args:
        table: all rows.
        target: what is predicted.
        drop: columns to leave out.
        notes: takes up what is left out without being asked for.
        counting: also leave out a column of 0, 1, 2, ... by any name. A quantity may rise with the rows, as a salary
            does with the level; of a class such a column tells no more than how the table was sorted.

    Raises:
        InputError: there is no such column to drop.
        UsageError: the target is to be dropped.

    Example:
        >>> from brainbox_core.tables.table import table_of
        >>> table = table_of({"carID": [7, 3, 12], "seats": [4, 5, 2], "doors": [5, 5, 3], "price": [3, 4, 9]})
        >>> notes = []
        >>> inputs(table, "price", ["doors"], notes), notes
        (['seats'], ['column carID numbers the rows: left out'])
    """
    check_drop(target, drop)
    for name in drop:
        table.is_text(name)  # there is such a column
    names = [name for name in table.names if name != target and name not in drop]
    numbering = [name for name in names if _numbers_rows(table, name, counting)]
    notes += [f"column {printable(name, 80)} numbers the rows: left out" for name in numbering]
    return [name for name in names if name not in numbering]


def _numbers_rows(table: Table, name: str, counting: bool) -> bool:
    unnamed = table.header and _UNNAMED.fullmatch(name) and not all(map(_UNNAMED.fullmatch, table.names))
    of_rows = unnamed or _OF_ROWS.fullmatch(name)
    if table.is_text(name):
        return bool(of_rows) and len(set(table.texts(name))) >= _DIFFERENT * table.rows
    if not (of_rows or counting):
        return False
    values = table.numbers(name)
    if counting and values[0] in (0, 1) and (np.diff(values) == 1).all():
        return True
    return bool(of_rows and (values % 1 == 0).all() and len(np.unique(values)) >= _DIFFERENT * table.rows)


def read_as(model: Sequential, decimal: str | None = None, thousands: str | None = None) -> None:
    """Let a model of a table read numbers that are written otherwise than in its training.

    Raises:
        UsageError: `decimal` or `thousands` is no mark.
    """
    target = model.meta.get("target", {})  # of a class nothing is said
    measures.read_as([*model.meta["features"]["columns"], target], decimal, thousands)


def load_model(path: str | Path, kind: str, check: Callable[[Sequential], None]) -> Sequential:
    """A model of a task from its file.

    Args:
        path: the file.
        kind: the noun that it has to be of.
        check: raises an `InputError` if the parts of the model do not fit each other.

    Raises:
        InputError: the file is missing, damaged or another noun's, or the check found something.
    """
    model, fix = Sequential.load(path, kind), "train it again"
    try:
        data = model.meta.get("data", {})
        if not isinstance(data, dict) or not all(isinstance(data.get(name, ""), str) for name in ("name", "sha256")):
            raise InputError("it does not say what it was trained on")
        check(model)
    except InputError as error:
        raise InputError(error.what, where=str(path), expected=error.expected, got=error.got, fix=fix) from error
    except (UsageError, TypeError, KeyError) as error:
        raise InputError("the model's settings are malformed", where=str(path), fix=fix) from error
    return model


def stopping(settings: Settings, monitor: str = "val_loss") -> Sequence[Callback]:
    """What ends a training early, where the settings have a patience."""
    return [] if settings.patience is None else [EarlyStopping(monitor, settings.patience)]


NOISE = 1e-5  # of a loss: what float32 rounds off


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


def unlearned(loss: Loss, always: str, *parts: tuple[np.ndarray, tuple[int, ...], float]) -> str:
    """Why a training has not converged, in words; nothing if it has.

    A model has learned something if its loss on one of the parts is below that of the best answer that is the same for
    every row. Accuracy would say nothing: where one row in a hundred is a fraud, a constant answer has 99 %.

    Args:
        loss: what was trained with.
        always: the constant answer, in words: `always answering 7`.
        parts: the targets, the shape of one output and the loss that was measured, of the part that chose the epoch and
            of the training part. The first one is told.

    Example:
        >>> from brainbox_core.loss import MSE
        >>> unlearned(MSE(), "always answering the mean", (np.array([[1.0], [3.0]]), (1,), 1.5))
        'not converged: its loss of 1.5 is no better than that of always answering the mean, 1'
    """
    known = [(found, best) for y, shape, found in parts if len(y) and (best := loss.of_constant(y, shape)) is not None]
    if not known or any(found < best * (1 - NOISE) for found, best in known):
        return ""
    found, best = known[0]
    return f"not converged: its loss of {found:.4g} is no better than that of {always}, {best:.4g}"


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
