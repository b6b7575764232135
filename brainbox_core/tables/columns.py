"""One column of a table: numbers or text, told apart by what its first cells hold; and what counts as a number."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MISSING = frozenset({"", "na", "nan", "?", "null"})

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
    """The first cell of a column of numbers that is neither a number nor missing."""

    line: int
    text: str


@dataclass
class Column:
    """A named column.

    Attributes:
        name: as it stands in the file.
        values: float64 with NaN for missing, or a list of strings.
        bad: the first cell of a column of numbers that does not fit; NaN stands in its place.
    """

    name: str
    values: np.ndarray | list[str]
    bad: BadCell | None = None

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

    def take(self, rows: np.ndarray) -> Column:
        """The column with some rows, by their numbers."""
        values = self.values
        taken = [values[row] for row in rows.tolist()] if isinstance(values, list) else values[rows]
        return Column(self.name, taken, self.bad)


class ColumnBuilder:
    """Collects the cells of a column. Whether it holds text is not known as long as all are missing."""

    def __init__(self, name: str, as_text: bool = False):
        self.name = name
        self.is_text: bool | None = as_text or None
        self._cells: list[str] = []  # of a column of text, or not known yet
        self._numbers: list[np.ndarray] = []
        self._bad: BadCell | None = None
        self._shared: dict[str, str] = {}

    def add(self, cells: np.ndarray | Sequence[str], lines: np.ndarray) -> ColumnBuilder:
        """The next cells: strings, or numbers already."""
        if self.is_text is None:
            self.is_text = holds_text(cells)
            if self.is_text is False and self._cells:
                self._numbers, self._cells = [np.full(len(self._cells), np.nan)], []
        if self.is_text is False:
            if not isinstance(cells, np.ndarray):
                cells, bad = to_numbers(cells, lines)
                self._bad = self._bad or bad
            self._numbers.append(cells)
        elif isinstance(cells, np.ndarray):  # all missing, and so was the rest
            self._cells.extend(["nan"] * len(cells))
        elif len(self._shared) < MOST_SHARED:
            self._cells.extend(self._shared.setdefault(cell, cell) for cell in cells)
        else:
            self._cells.extend(cells)
        return self

    def column(self) -> Column:
        """What has come in so far."""
        if self.is_text:
            return Column(self.name, self._cells)
        if self.is_text is None:
            return Column(self.name, np.full(len(self._cells), np.nan))
        return Column(self.name, np.concatenate(self._numbers), self._bad)


def holds_text(cells: np.ndarray | Sequence[str]) -> bool | None:
    """Whether most cells that are not missing are something else than numbers; None if all are missing.

    What is close to a number, such as `$400`, counts as one: it will be an error, not a category.
    """
    numbers = cells if isinstance(cells, np.ndarray) else _quick_numbers(cells)
    if numbers is not None:
        return None if np.isnan(numbers).all() else False
    text = numbers_or_close = 0
    for cell, count in Counter(cells).items():
        value = number(cell)
        if value is None and not remedy(cell):
            text += count
        elif value is None or not math.isnan(value):
            numbers_or_close += count
    return text > numbers_or_close if text or numbers_or_close else None


def to_numbers(cells: Sequence[str], lines: np.ndarray) -> tuple[np.ndarray, BadCell | None]:
    """The cells as numbers, NaN for what is missing or bad, and the first that is bad."""
    values = _quick_numbers(cells)
    if values is not None:
        return values, None
    found = [number(cell) for cell in cells]
    bad = None
    if None in found:
        first = found.index(None)
        bad = BadCell(int(lines[first]), cells[first])
    return np.array([math.nan if value is None else value for value in found], np.float64), bad


def _quick_numbers(cells: Sequence[str]) -> np.ndarray | None:
    """The cells as numbers if `float` and `number` read all of them alike."""
    text = "".join(cells)
    if not text.isascii() or "_" in text:
        return None
    try:
        values = np.array([float(cell or "nan") for cell in cells], np.float64)
    except ValueError:
        return None
    return None if np.isinf(values).any() else values


def number(cell: str) -> float | None:
    """The number in a cell, NaN if it is missing, None if the cell holds something else.

    Spaces around it are allowed, as are `1e5`, `+5`, `.5` and `5.`. Missing are an empty cell, `NA`, `NaN`, `null` and
    `?`, in capitals or not. Infinity, digits of other scripts, underscores and hexadecimal are not numbers here.

    Example:
        >>> number(" 1e5 "), number("NA"), number("1_000"), number("1e999")
        (100000.0, nan, None, None)
    """
    if cell.isascii() and "_" not in cell:
        try:
            value = float(cell)
        except ValueError:
            pass
        else:
            return None if math.isinf(value) else value
    return math.nan if cell.strip().lower() in MISSING else None


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
