"""The table of a linear regression: which column is predicted, and which rows are learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tables import measures
from brainbox_core.tables.table import Table, table_of
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Pipe, Progress, no_pipe
from brainbox_core.tasks.regress.design import Design
from brainbox_core.tasks.regress.settings import AUTO, BUILT_IN, FEW, NONE, Settings

TEST_SPLIT = 0.2
LEAST, LARGEST = 1e-30, 1e30  # of targets; the model's layer is float32


@dataclass(frozen=True)
class Data(contract.Data):
    """A table and what is done with its rows.

    Attributes:
        table: the rows whose target is known.
        y: their targets, (n,), in the data's own units.
        target: the column that is predicted.
        log_target: whether its logarithm is what is learned.
        design: makes the features of any rows.
        train, val, test: row numbers, each in a random order.
    """

    table: Table
    y: np.ndarray
    target: str
    log_target: bool
    design: Design
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    @property
    def held_out(self) -> HeldOut:
        return HeldOut(self.table.take(self.test), self.y[self.test])

    def learned(self, rows: np.ndarray) -> np.ndarray:
        """What is learned of some rows: the target or its logarithm."""
        return np.log(self.y[rows]) if self.log_target else self.y[rows]

    def part(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features of some rows, and what is learned of them."""
        return self.design.transform(self.table.take(rows)), self.learned(rows)


def load_data(settings: Settings, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """The table that the settings name, its rows divided at random."""
    table = _read(settings, progress, pipe, decimal=settings.decimal, thousands=settings.thousands)
    target = _target(table, settings.target)
    notes = list(table.notes)
    table, y = _with_known(table, target, notes)
    for name in settings.log:
        if table.is_text(name):
            kind = "text" if table.order_of(name) is None else "a date"
            what = f'column "{printable(name, 80)}" is {kind} and has no logarithm'
            raise InputError(what, where=table.name, fix="leave it out of `log`")
        table.numbers(name)
    shown, log_target = f'column "{printable(target, 80)}"', target in settings.log
    if log_target and len(bad := np.flatnonzero(y <= 0)):
        what = f"{y[bad[0]]:g} has no logarithm"
        raise InputError(what, where=table.where(bad[0], target), fix=f"leave {printable(target)} out of `log`")
    train, val, test = _divide(settings, table.rows)
    inputs = learning.inputs(table, target, settings.drop, notes)
    if not inputs:
        what = "has no column beside the target" + " that is not left out" * (len(table.names) > 1)
        raise InputError(what, where=table.name, fix="add columns to predict it from")
    if len(train) < 3:
        what = f"{len(train)} row{'s' * (len(train) != 1)} to train on"
        raise InputError(what, where=table.name, expected="at least 3", fix="add more rows")
    if (y[train] == y[train[0]]).all():
        what = f"{shown} is always {y[train[0]]:,.10g}: there is nothing to predict"
        raise InputError(what, where=table.name, fix="name another column with `target`")
    if len(test):
        _require_variety(y[test], table.name, target, "hold out more rows with `test_split`, or none")
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float((np.log(y[train]) if log_target else y[train]).std())
    if not LEAST < spread < LARGEST or np.abs(y).max() > LARGEST:
        what = f"{shown} has values up to {np.abs(y).max():.3g} with a deviation of {spread:.3g}"
        raise InputError(what, where=table.name, fix="use another unit")
    logged = [name for name in settings.log if name in inputs]
    design = Design.fit(table.take(train), inputs, logged, settings.degree)
    features = len(design.names)
    if len(train) <= features and not settings.ridge:
        fix = "add rows, remove columns or lower the degree, or weigh the weights with `ridge`"
        what = f"{len(train):,} rows to train on are too few for {features:,} features"
        raise InputError(what, where=table.name, expected=f"at least {features + 1:,}", fix=fix)
    notes += design.notes + _leaks(table, inputs, target, y)
    return Data(table.name, table.sha256, tuple(notes), table, y, target, log_target, design, train, val, test)


def load_test_data(model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """What a model is judged by: the rows of its own table that it never saw, or all rows of another one.

    Its bytes say whether a table is the model's own, wherever it lies.

    Raises:
        UsageError: the model was trained on all rows of this table.
    """
    kept = model.meta["settings"]
    target = model.meta["target"]["name"]
    settings = Settings(**{**kept, "log": tuple(kept["log"]), "data": name})
    design = Design.from_config(model.meta)
    notations = design.notations | {target: measures.notation(model.meta["target"]["notation"])}
    table = _read(settings, progress, pipe, text=design.texts, notations=notations)
    notes = list(table.notes)
    table, y = _with_known(table, target, notes)
    rows = np.arange(table.rows)
    if table.sha256 == model.meta["data"]["sha256"]:
        rows = _divide(settings, table.rows)[2]
        if not len(rows):
            raise UsageError(f"it was trained on all rows of {name}", fix="name other rows with `data`")
    _require_variety(y[rows], table.name, target, "name more rows with `data`")
    notes += design.remarks(table.take(rows))
    none = np.arange(0)
    log = model.meta["target"]["log"]
    return Data(table.name, table.sha256, tuple(notes), table, y, target, log, design, none, none, rows)


def objection(model: Sequential, name: str, text: str) -> str:
    """Why a text is no value of an input; empty if it is one."""
    design = Design.from_config(model.meta)
    column = design.encoder.columns[design.inputs.index(name)]
    table = table_of({column.name: [text]}).written(design.encoder.notations)
    try:
        column.encode(table)
    except InputError as error:
        return error.what
    return ""


def _read(settings: Settings, progress: Progress | None, pipe: Pipe, **options: Any) -> Table:
    header = False if settings.no_header else None
    return learning.table(settings.data, BUILT_IN, "houses.csv", progress, pipe, header=header, **options)


def _target(table: Table, name: str | None) -> str:
    target = table.names[-1] if name is None else name
    if table.is_text(target):
        numbers = [f'"{printable(other, 40)}"' for other in table.names if not table.is_text(other)]
        kind = "text" if table.order_of(target) is None else "a date"
        what = f'column "{printable(target, 80)}" is {kind}, and what is predicted is a number'
        last = "the last column is the target unless `target` names another" if name is None else ""
        fix = f"name one of {', '.join(numbers[-10:])} with `target`" if numbers else "name a table with numbers in it"
        raise InputError(what, where=table.name, fix="; ".join(filter(None, [last, fix])))
    return target


def _with_known(table: Table, target: str, notes: list[str]) -> tuple[Table, np.ndarray]:
    """The rows whose target is known, and these targets."""
    y = table.numbers(target)
    missing = np.isnan(y)
    if not missing.any():
        return table, y
    name, count = printable(target, 80), int(missing.sum())
    if missing.all():
        what = f'column "{name}" is empty in all {count:,} rows'
        raise InputError(what, where=table.name, fix="name another column with `target`")
    notes.append(f"{count:,} of {table.rows:,} rows left out: their {name} is missing")
    return table.take(np.flatnonzero(~missing)), y[~missing]


def _require_variety(y: np.ndarray, place: str, target: str, fix: str) -> None:
    """Refuse targets that are all equal: their R² is undefined."""
    if (y == y[0]).all():
        name, count = printable(target, 80), f"{len(y):,} row{'s' * (len(y) != 1)}"
        what = f'column "{name}" is always {y[0]:,.10g} in the {count} to judge by: R² needs targets that differ'
        raise InputError(what, where=place, fix=fix)


def _divide(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers to train on, to choose the epoch by, and to judge by."""
    order = stream(settings.seed, "split").permutation(rows)
    split = settings.test_split
    if split == AUTO:
        split = TEST_SPLIT if rows >= FEW or not settings.folds else NONE
    tests = 0 if isinstance(split, str) else round(rows * split)
    rest = order[tests:][: settings.limit]
    vals = round(len(rest) * settings.val_split)
    parts = rest[vals:], rest[:vals], order[:tests]
    for share, part in ((split, parts[2]), (settings.val_split, parts[1]), (1, parts[0])):
        if share not in (NONE, 0) and not len(part):
            raise UsageError(f"a share of {share} of {rows:,} rows leaves a part empty", fix="use another share")
    return parts


def _leaks(table: Table, inputs: list[str], target: str, y: np.ndarray) -> list[str]:
    """Notes on columns that give the target away."""
    notes, spread = [], y - y.mean()
    for name in inputs:
        if table.is_text(name):
            continue
        values = table.numbers(name)
        known = ~np.isnan(values)
        shown = f"column {printable(name, 80)}"
        if known.any() and (values[known] == y[known]).all():
            notes.append(f"{shown} equals the target {printable(target, 80)}: leave it out to learn anything")
        elif known.all():
            with np.errstate(over="ignore", invalid="ignore"):
                values = values - values.mean()
                product = np.sqrt(values @ values) * np.sqrt(spread @ spread)
                together = abs(values @ spread)
            if product and together > (1 - 1e-9) * product:  # of numbers that overflow nothing is known
                notes.append(f"{shown} is a straight line of the target {printable(target, 80)}: is it known before?")
    return notes
