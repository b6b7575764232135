"""The transactions of a fraud detector: read, put in order, and made into features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable
from brainbox_core.model.sequential import Sequential
from brainbox_core.tables.columns import Column
from brainbox_core.tables.features import FeatureEncoder, Outside
from brainbox_core.tables.measures import TextColumn
from brainbox_core.tables.notation import Notation
from brainbox_core.tables.table import Table, closest
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Pipe, Progress, no_pipe
from brainbox_core.tasks.fraud.classes import USUAL, Classes, labels_of
from brainbox_core.tasks.fraud.leaks import telling, uneven
from brainbox_core.tasks.fraud.settings import AUTO, BUILT_IN, STRATIFIED, TARGET, TIME, Settings, folds_in_time
from brainbox_core.tasks.fraud.split import Parts, apart, divide, straddling

PACKED = "transactions.csv.gz"  # the built-in ones
DAY = 86_400  # seconds
AMOUNT, CLOCK = "log1p(Amount)", "time of day"  # what the columns below become
SOURCES = {AMOUNT: "Amount", CLOCK: "Time"}
UNIT = 3  # deviations


@dataclass(frozen=True)
class Data(contract.Data):
    """A table of transactions and what is done with its rows.

    Attributes:
        source: as it was read.
        table: the columns that may be features, see `derived`.
        target: the column that tells the frauds.
        classes: what it holds.
        labels: (n,), 1 for a fraud.
        encoder: makes the features of any rows, as measured on the training rows.
        parts: row numbers.
        split: how the rows were divided: `time` or `stratified`.
        duplicates: how many test rows also are among the others.
    """

    source: Table
    table: Table
    target: str
    classes: Classes
    labels: np.ndarray
    encoder: FeatureEncoder
    parts: Parts
    split: str
    duplicates: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.parts._asdict().items()}

    @property
    def held_out(self) -> HeldOut:
        return HeldOut(self.source.take(self.parts.test), self.labels[self.parts.test])

    def part(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features (n, features) and labels (n, 1) of some rows, float32."""
        return self.encoder.transform(self.table.take(rows), np.float32), self.labels[rows, None].astype(np.float32)


def load_data(settings: Settings, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """The transactions that the settings name, their rows divided; no value may be missing."""
    marks = {"decimal": settings.decimal, "thousands": settings.thousands}
    table = _read(settings.data, settings.no_header, progress, pipe, **marks)
    notes = list(table.notes)
    target = settings.target
    if target == TARGET and target not in table.names:
        if table.header:
            likely = printable(closest(target, table.names) or table.names[-1], 80)
            fix = f'name the column that tells the frauds with `target`: is it "{likely}"?'
            raise InputError(f'there is no column "{target}"', where=table.name, fix=fix)
        target = table.names[-1]
        notes.append(f"no header: the last column, {target}, tells the frauds")
    labels, classes = labels_of(table, target)
    if classes != USUAL:
        honest, fraud = classes.names
        notes.append(
            f"{printable(target, 80)} holds {honest} and {fraud}: {fraud}, the rarer with {labels.sum():,} of"
            f" {len(labels):,} rows, counts as fraud"
        )
    time = _time(table, settings.split, notes)
    if settings.folds and time is not None:
        raise folds_in_time()
    names = learning.inputs(table, target, settings.drop, notes, counting=True)
    inputs = derived(table, names, notes)
    require_complete(inputs)
    split, parts = STRATIFIED if time is None else TIME, divide(labels, time, settings, table.name)
    encoder = _fit(inputs.take(parts.train))
    notes += [*encoder.notes, *telling(table, names, labels)]
    if time is not None:
        notes += uneven(labels, parts)
    told = tuple(notes)
    return _counted(Data(table.name, table.sha256, told, table, inputs, target, classes, labels, encoder, parts, split))


def redivided(data: Data, parts: Parts) -> Data:
    """The same transactions divided in another way, the features measured anew on what is now the training part."""
    return replace(data, encoder=_fit(data.table.take(parts.train)), parts=parts)


def load_test_data(model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """What a model is judged by: the rows of its own table that it never saw, or all rows of another one."""
    kept, encoder = model.meta["settings"], FeatureEncoder.from_config(model.meta["features"])
    table = _read(name, kept.get("no_header", False), progress, pipe, notations=notations(encoder))
    notes = list(table.notes)
    labels, classes = labels_of(table, kept["target"], classes_of(model))
    inputs = derived(table, sources(encoder), notes)
    require_complete(inputs)
    none = learned = np.arange(0)
    test = np.arange(table.rows)
    if table.sha256 == model.meta["data"]["sha256"] or name == model.meta["data"]["name"] != "-":
        learned, test = apart(labels, _time(table, kept["split"], notes), model.seed)
    if not labels[test].any():
        raise InputError("has no frauds to find", where=table.name, fix="name transactions with some of both kinds")
    of = kept["target"], classes, labels, encoder, Parts(learned, none, test), kept["split"]
    data = _counted(Data(table.name, table.sha256, tuple(notes), table, inputs, *of))
    return replace(data, parts=Parts(none, none, test))


def classes_of(model: Sequential) -> Classes:
    """What a model tells apart."""
    return Classes(*(model.meta.get("classes") or USUAL))


def _read(name: str, no_header: bool, progress: Progress | None, pipe: Pipe, **options: Any) -> Table:
    header = False if no_header else None
    return learning.table(name, BUILT_IN, PACKED, progress, pipe, header=header, **options)


def derived(table: Table, names: list[str], notes: list[str] | None = None) -> Table:
    """Some columns of a table, with the Time as the time of day and the logarithm of the Amount.

    Yesterday's Time never comes again, but its hour does. Amounts reach from cents to fortunes: log(1 + amount); of a
    negative one, a refund, the size counts and the sign is kept.

    Args:
        table: as it was read.
        names: of the columns.
        notes: takes up what a user should know.

    Raises:
        InputError: there is no such column, or Amount or Time is not a number.
    """
    columns = {}
    for name in names:
        if name == SOURCES[CLOCK]:
            columns[CLOCK] = Column(CLOCK, _seconds(table) % DAY, notation=table.notation_of(name))
        elif name == SOURCES[AMOUNT]:
            amounts = table.numbers(name)
            if notes is not None and (count := np.count_nonzero(amounts < 0)):
                notes.append(f"{count:,} negative amounts: taken as refunds, -log1p of their size")
            logs = np.sign(amounts) * np.log1p(np.abs(amounts))
            columns[AMOUNT] = Column(AMOUNT, logs, notation=table.notation_of(name))
        else:
            table.is_text(name)  # there is such a column
            columns[name] = table.columns[name]
    return replace(table, columns=columns)


def sources(encoder: FeatureEncoder) -> list[str]:
    """The columns of a file that an encoder of derived columns needs."""
    return [SOURCES.get(column.name, column.name) for column in encoder.columns]


def notations(encoder: FeatureEncoder) -> dict[str, Notation]:
    """How the numbers of a file are written, by the names of its columns."""
    return {SOURCES.get(name, name): notation for name, notation in encoder.notations.items()}


def columns_of(model: Sequential) -> list[str]:
    """The columns that a transaction needs."""
    return sources(FeatureEncoder.from_config(model.meta["features"]))


def written(model: Sequential) -> dict[str, Notation]:
    """How the numbers of a table are written, by the names of its columns."""
    return notations(FeatureEncoder.from_config(model.meta["features"]))


def in_own_unit(found: Outside) -> Outside:
    """Values outside the training range, under the name and in the unit of the file's column."""
    if found.column != AMOUNT:
        return found._replace(column=SOURCES.get(found.column, found.column))
    values, low, high = (np.sign(logs) * np.expm1(np.abs(logs)) for logs in (found.values, found.low, found.high))
    return found._replace(column=SOURCES[AMOUNT], values=values, low=float(low), high=float(high))


def require_complete(table: Table, encoder: FeatureEncoder | None = None, lacking: Sequence[str] = ()) -> None:
    """Refuse derived columns with a value missing.

    Args:
        table: see `derived`.
        encoder: of the model, which knows which columns hold numbers: as text, `NaN` would be a value.
        lacking: the columns of the file that may.

    Raises:
        InputError: names the first one.
    """
    text = {column.name for column in encoder.columns if isinstance(column, TextColumn)} if encoder else None
    for name in table.names:
        if SOURCES.get(name, name) in lacking:
            continue
        if text is not None and name not in text:
            missing = np.isnan(table.numbers(name))
        else:
            missing = table.missing(name)
        if missing.any():
            row = int(missing.argmax())
            fix = "fill it in or remove the row: a guess could hide a fraud"
            raise InputError("is empty", where=table.where(row, SOURCES.get(name, name)), fix=fix)


def _time(table: Table, split: str, notes: list[str]) -> np.ndarray | None:
    """The Time of each row, which puts the rows in order; None divides them at random."""
    name = SOURCES[CLOCK]
    if split == STRATIFIED or (split == AUTO and name not in table.names):
        return None
    time = _seconds(table)
    if len(missing := np.flatnonzero(np.isnan(time))):
        where, fix = table.where(missing[0], name), f"fill it in, or use `split {STRATIFIED}`"
        raise InputError("is empty, so the rows cannot be put in order of time", where=where, fix=fix)
    if (np.diff(time) < 0).any():
        notes.append("the rows were not in order of Time: sorted")
    return time


def _seconds(table: Table) -> np.ndarray:
    """The Time of each row in seconds, as it stands there or as a date."""
    name = SOURCES[CLOCK]
    order = table.order_of(name)
    return table.numbers(name) if order is None else table.days(name, order) * DAY


def _counted(data: Data) -> Data:
    """The data with the number of test rows that also are in another part."""
    parts = data.parts
    seen = np.concatenate([parts.train, parts.val])
    if not (count := straddling(data.part(seen)[0], data.part(parts.test)[0])):
        return data
    note = f"{count:,} of the {len(parts.test):,} test rows are duplicates of rows that the model may learn from"
    return replace(data, notes=(*data.notes, note), duplicates=count)


def _fit(table: Table) -> FeatureEncoder:
    """Measure the training rows. A feature of 1 is 3 deviations from the mean, where the tanh layer begins to bend."""
    encoder = FeatureEncoder.fit(table, table.names)
    widened = [replace(column, scales=[UNIT * scale for scale in column.scales]) for column in encoder.columns]
    return FeatureEncoder(widened, encoder.notes)
