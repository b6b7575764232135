"""One column of a table: numbers or text, told apart by what its first cells hold."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brainbox_core.files.reading import printable
from brainbox_core.tables import dates
from brainbox_core.tables.notation import (
    FORCE,
    MISSING,
    PLAIN,
    THOUSAND,
    Marks,
    Notation,
    in_thousands,
    number,
    numeral,
)

_CLOSE = (  # what people write for numbers, and how to write it here
    (re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII), "write it without the commas between thousands"),
    (re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?", re.ASCII), "write a decimal point, not a comma"),
    (re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?", re.ASCII), "write it without dots between thousands"),
    (re.compile(r"[+-]?\d+([ '’\u00a0\u2009\u202f]\d{3})+([.,]\d*)?"), "write it without spaces or marks inside"),
    (re.compile(r"[+-]?\s?[$€£¥]\s?[+-]?\d[\d., ]*|[+-]?\d[\d., ]*[$€£¥]"), "remove the currency sign"),
    (re.compile(r"[+-]?\d[\d., ]*%"), "remove the percent sign"),
    (re.compile(r"[+-]?\d[\d.]*_[\d._]*", re.ASCII), "remove the underscores"),
    (re.compile(r"[+-]?0[xX][0-9a-fA-F]+"), "write it as a decimal number"),
    (re.compile(r"[+-]?(inf|infinity)", re.IGNORECASE), "leave the cell empty if the value is missing"),
    (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII), "it is larger than 1.8e308: check the data"),
    (re.compile(r"(?=.*[^\0-\x7f])[+−-]?\d[\d.,٫٬]*"), "write it with the digits 0 to 9 and a plain minus"),
)
_LONGEST = 400  # characters of a cell that is looked at so closely
MOST_SHARED = 10_000  # different texts of a column that are kept once, however often they occur


@dataclass(frozen=True)
class BadCell:
    """The first cell of a column of numbers that cannot be read.

    Attributes:
        line: in the file.
        text: of the cell.
        why, fix: in words, where there is more to say than that it is neither a number nor missing.
    """

    line: int
    text: str
    why: str = ""
    fix: str = ""


@dataclass
class Column:
    """A named column.

    Attributes:
        name: as it stands in the file.
        values: float64 with NaN for missing, or a list of strings.
        bad: the first cell of a column of numbers that does not fit; NaN stands in its place.
        notation: how its numbers are written, as far as that is known.
        order: how its dates are written, see `dates.order_of`; None if it is no column of dates.
    """

    name: str
    values: np.ndarray | list[str]
    bad: BadCell | None = None
    notation: Notation | None = None
    order: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return isinstance(self.values, list)

    @property
    def is_empty(self) -> bool:
        """Whether all its values are missing."""
        if isinstance(self.values, list):
            return not any(value.strip() for value in self.values)
        return self.bad is None and bool(np.isnan(self.values).all())

    @property
    def missing(self) -> np.ndarray:
        """Which of its values are missing, (n,). As text, only an empty cell is, or one that could be a date's."""
        if not isinstance(self.values, list):
            return np.isnan(self.values)
        none = {""} if self.order is None else MISSING
        return np.array([value.strip().lower() in none for value in self.values], bool)

    def take(self, rows: np.ndarray) -> Column:
        """The column with some rows, by their numbers."""
        values = self.values
        taken = [values[row] for row in rows.tolist()] if isinstance(values, list) else values[rows]
        return replace(self, values=taken)


class ColumnBuilder:
    """Collects the cells of a column. Whether it holds text is not known as long as all are missing.

    Args:
        name: of the column.
        as_text: keep it as text.
        known: what a user says of how numbers are written.
        notation: how its numbers are written, if that is known; no cell has a say in it then.

    Attributes:
        marks: what its cells say of how its numbers are written.
    """

    def __init__(
        self, name: str, as_text: bool = False, known: Notation | None = None, notation: Notation | None = None
    ):
        self.name = name
        self.is_text: bool | None = as_text or None
        self.marks, self._known = Marks(known), known
        self._notation = notation
        self._cells: list[str] = []  # of a column of text, or not known yet
        self._numbers: list[np.ndarray] = []
        self._bad: BadCell | None = None
        self._shared: dict[str, str] = {}
        self._open: list[tuple[str, int, int]] = []  # of each cell that is open its mark, part and row in the part
        self._kinds: dict[tuple, tuple[BadCell, int, int]] = {}  # the first cell of each kind, its part and row
        self._bare: BadCell | None = None  # the first number without a unit

    @property
    def reads_points(self) -> bool:
        """Whether a point stands before decimals for certain, so that a cell may be read as NumPy does."""
        return bool(self.is_text) or (self._notation or self.marks).decimal == "."

    def add(self, cells: np.ndarray | Sequence[str], lines: np.ndarray) -> ColumnBuilder:
        """The next cells: strings, or numbers already."""
        if self.is_text is None:
            self.is_text = holds_text(cells)
            if self.is_text is False and self._cells:
                self._numbers, self._cells = [np.full(len(self._cells), np.nan)], []
        if self.is_text is False:
            self._numbers.append(self._read(cells, lines))
        elif isinstance(cells, np.ndarray):  # all missing, and so was the rest
            self._cells.extend(["nan"] * len(cells))
        elif len(self._shared) < MOST_SHARED:
            self._cells.extend(self._shared.setdefault(cell, cell) for cell in cells)
        else:
            self._cells.extend(cells)
        return self

    def _read(self, cells: np.ndarray | Sequence[str], lines: np.ndarray) -> np.ndarray:
        """The cells as numbers; those with an open mark as if it stood before decimals, until `column` decides."""
        if self._notation is not None and not isinstance(cells, np.ndarray):
            values, bad = to_numbers(cells, lines, self._notation)
            self._bad = self._bad or bad
            return values
        quick = cells if isinstance(cells, np.ndarray) else _quick_numbers(cells, self.marks.decimal)
        if quick is not None:
            self._take_plain(quick, lines)
            return quick
        values = np.full(len(cells), np.nan)
        plain = values.copy()
        for row, cell in enumerate(cells):
            value = None if "." in cell else number(cell)
            if value is not None:
                values[row] = plain[row] = value
                continue
            found, line = numeral(cell), int(lines[row])
            if found is None:
                value = number(cell)
                self._bad = self._bad or (BadCell(line, cell) if value is None else None)
                values[row] = math.nan if value is None else value
            elif not self.marks.add(found):
                others = "the numbers before it" if self._known is None else "`decimal` and `thousands` say"
                why = f'"{printable(cell, 40)}" is not written as {others}'
                self._bad = self._bad or BadCell(line, cell, why, f"write all in the same way, or {FORCE}")
            else:
                values[row] = found.value
                place = len(self._numbers), row
                if found.open:
                    self._open.append((found.open, *place))
                if not found.unit and found.value and self._bare is None:
                    self._bare = BadCell(line, cell)
                kind = (found.decimal, found.thousands, found.open, found.unit, cell.strip()[:1] == "(")
                self._kinds.setdefault(kind, (BadCell(line, cell), *place))
        self._take_plain(plain, lines)
        return values

    def _take_plain(self, values: np.ndarray, lines: np.ndarray) -> None:
        """Take note of numbers without marks."""
        self.marks.plain(values)
        if self._bare is None and len(rows := np.flatnonzero(np.abs(values) > 0)):
            self._bare = BadCell(int(lines[rows[0]]), f"{values[rows[0]]:g}")

    def column(self) -> Column:
        """What has come in so far; open marks count as decided in `marks`."""
        if self.is_text:
            return Column(self.name, self._cells, order=dates.order_of(self._cells))
        if self.is_text is None:
            return Column(self.name, np.full(len(self._cells), np.nan))
        notation, bad = self._notation or self.marks.notation, self._bad
        for mark, part, row in self._open:
            if self.marks.roles.get(mark) == THOUSAND:
                self._numbers[part][row] = in_thousands(self._numbers[part][row])
        if notation is None:
            kinds = self._kinds.items()
            cell, part, row = next(first for (_, _, mark, *_), first in kinds if mark and mark not in self.marks.roles)
            value = float(self._numbers[part][row])
            why = f'"{printable(cell.text, 40)}" may be {value:.10g} or {in_thousands(value):.10g}'
            bad = BadCell(cell.line, cell.text, why, FORCE)
        elif notation.unit == "%" and self._bare is not None:
            signed = next(cell for kind, (cell, *_) in self._kinds.items() if kind[3])
            bad = bad or replace(max(self._bare, signed, key=lambda cell: cell.line), why=_MIXED, fix=_PERCENT)
        return Column(self.name, np.concatenate(self._numbers), bad, notation)

    @property
    def telling(self) -> tuple[str, float] | None:
        """A cell that was not read as it stands, and what it counts as; None if there is none."""
        for (_, _, mark, *_), (cell, part, row) in self._kinds.items():
            value = float(self._numbers[part][row])
            if number(cell.text) != value or (mark and self.marks.habit):
                return cell.text.strip(), value
        return None


_MIXED = "some numbers have a percent sign, and some have none"
_PERCENT = "write all of them in the same way"


def holds_text(cells: np.ndarray | Sequence[str]) -> bool | None:
    """Whether most cells that are not missing are something else than numbers; None if all are missing.

    What is close to a number, such as `$400`, counts as one: it will be an error, not a category.
    """
    numbers = cells if isinstance(cells, np.ndarray) else _quick_numbers(cells, ".")
    if numbers is not None:
        return None if np.isnan(numbers).all() else False
    text = numbers_or_close = 0
    for cell, count in Counter(cells).items():
        value = number(cell)
        if value is None and numeral(cell) is None and not remedy(cell):
            text += count
        elif value is None or not math.isnan(value):
            numbers_or_close += count
    return text > numbers_or_close if text or numbers_or_close else None


def to_numbers(
    cells: Sequence[str], lines: np.ndarray, notation: Notation = PLAIN
) -> tuple[np.ndarray, BadCell | None]:
    """The cells as numbers, NaN for what is missing or bad, and the first that is bad."""
    values = _quick_numbers(cells, notation.decimal)
    if values is not None:
        return values, None
    found = [notation.number(cell) for cell in cells]
    bad = None
    if None in found:
        first = found.index(None)
        bad = BadCell(int(lines[first]), cells[first], fix=notation.remedy(cells[first]) if notation != PLAIN else "")
    return np.array([math.nan if value is None else value for value in found], np.float64), bad


def _quick_numbers(cells: Sequence[str], decimal: str) -> np.ndarray | None:
    """The cells as numbers if `float` and `number` read all of them alike, with no mark but the one before decimals."""
    text = "".join(cells)
    if not text.isascii() or "_" in text or (decimal != "." and "." in text):
        return None
    if decimal == ",":
        cells = [cell.replace(",", ".") for cell in cells]
    try:
        values = np.array([float(cell or "nan") for cell in cells], np.float64)
    except ValueError:
        return None
    return None if np.isinf(values).any() else values


def remedy(cell: str) -> str:
    """What to do about a cell that should be a number; empty if it does not even come close to one.

    Example:
        >>> remedy("$400"), remedy("3,14"), remedy("INLAND")
        ('remove the currency sign', 'write a decimal point, not a comma', '')
    """
    cell = cell.strip()
    if len(cell) > _LONGEST:
        return ""
    if number(cell) is not None:
        return "remove the invisible characters around it"
    return next((fix for pattern, fix in _CLOSE if pattern.fullmatch(cell)), "")
