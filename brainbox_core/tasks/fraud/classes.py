"""The column that tells the frauds: any two values, of which the rarer is the fraud."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable
from brainbox_core.tables.notation import number
from brainbox_core.tables.table import Table


class Classes(NamedTuple):
    """The two values of that column, without quotes and as short as a number can be.

    Example:
        >>> Classes("0", "1").names, Classes("no", "yes").names
        (('honest', 'fraud'), ('no', 'yes'))
    """

    honest: str
    fraud: str

    @property
    def names(self) -> tuple[str, str]:
        """What answers call them."""
        return ("honest", "fraud") if self == USUAL else (printable(self.honest, 40), printable(self.fraud, 40))


USUAL = Classes("0", "1")  # as in the published data set


def are_two(found: object) -> bool:
    """Whether a model's file can mean two classes: texts, of which neither is a missing cell."""
    return (
        isinstance(found, list)
        and [*map(type, found)] == [str, str]
        and not any(math.isnan(number(name) or 0) for name in found)
    )


def labels_of(table: Table, target: str, classes: Classes | None = None) -> tuple[np.ndarray, Classes]:
    """The class of each row, (n,) of 0 and 1, and what both are called in the table.

    Args:
        table: with the column.
        target: its name.
        classes: as another table had them; None finds out, and takes the rarer value for a fraud.

    Raises:
        InputError: there is no such column, or it does not hold two values.

    Example:
        >>> from brainbox_core.tables.table import table_of
        >>> labels_of(table_of({"class": ["'1'", "'-1'", "'-1'"]}), "class")
        (array([1, 0, 0]), Classes(honest='-1', fraud='1'))
    """
    cells, places = _distinct(table, target)
    fix = "write the classes as the training data did"
    if classes is None:
        fix = "name the column that tells the frauds with `target`"
        classes = _classes(table, target, dict(zip(cells, np.bincount(places).tolist(), strict=True)))
    codes = {value.casefold(): code for code, value in enumerate(classes)}
    labels = np.array([codes.get(cell.casefold(), -1) for cell in cells])[places]
    if len(wrong := np.flatnonzero(labels < 0)):
        cell = cells[places[wrong[0]]]
        expected = " or ".join(printable(value, 40) for value in sorted(classes, key=_size))
        got = printable(cell, 40) or "nothing"
        raise InputError("is no class", where=table.where(wrong[0], target), expected=expected, got=got, fix=fix)
    return labels, classes


def _distinct(table: Table, target: str) -> tuple[list[str], np.ndarray]:
    """The different cells of a column, and for each row which one it has."""
    if table.is_text(target):
        found: dict[str, int] = {}
        places = np.array([found.setdefault(_plain(cell), len(found)) for cell in table.texts(target)])
        return list(found), places
    values, places = np.unique(table.numbers(target), return_inverse=True)
    return [_plain(repr(value)) for value in values.tolist()], places


def _plain(cell: str) -> str:
    """A cell without the quotes of other programs, and a number in its shortest form; empty if it is missing."""
    cell = cell.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == "'":
        cell = cell[1:-1].strip()
    value = number(cell)
    if value is None:
        return cell
    return "" if math.isnan(value) else repr(value).removesuffix(".0")


def _classes(table: Table, target: str, cells: Mapping[str, int]) -> Classes:
    """The two commonest values, whatever their capitals; of equally common ones the greater is the fraud."""
    spelled: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for cell, rows in cells.items():
        counts[spelled.setdefault(cell.casefold(), cell)] += rows if cell else 0
    counts += Counter()  # without what is missing
    if len(counts) < 2:
        held = f"only {printable(next(iter(counts)), 40)}" if counts else "nothing"
        where = f'{table.name}, column "{printable(target, 80)}"'
        fix = "name the column that tells the frauds with `target`"
        raise InputError(f"holds {held} in its {table.rows:,} rows", where=where, expected="two values", fix=fix)
    honest, fraud = sorted(sorted(counts, key=_size), key=counts.__getitem__, reverse=True)[:2]
    return Classes(honest, fraud)


def _size(value: str) -> tuple[bool, float, str]:
    """For sorting: numbers by their size, then texts."""
    found = number(value)
    return found is None, found or 0.0, value
