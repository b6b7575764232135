"""Tables of numbers and text from CSV files of every habit: other delimiters, no header, quotes, missing values.

    with header=None, delimiter and header are recognised:   table = read_table("houses.csv")
    a column of numbers, NaN where one is missing:           table.numbers("sqft")
    a column of text:                                        table.texts("district")
    some of the rows:                                        table.take(rows)

A column holds numbers or text, decided by the majority in its first rows. In a column of numbers a cell that is
neither a number nor missing is an error that names file, line and column, raised when the column is asked for. No row
is ever left out.
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np

from brainbox_core import numerals
from brainbox_core.csv_rows import Block, CsvRows
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files import printable
from brainbox_core.text_file import open_text

MOST_SHARED = 10_000  # different strings of a column of which each is kept once

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class BadCell:
    """The first cell of a column of numbers that is not one."""

    line: int
    text: str


@dataclass
class Column:
    """A named column: float64 with NaN for missing, or a list of strings; and its first cell that does not fit."""

    name: str
    values: np.ndarray | list[str]
    bad: BadCell | None = None


@dataclass
class Table:
    """Rows under named columns.

    Attributes:
        name: the file's name, printable.
        sha256: of the file's bytes.
        columns: by name, in the file's order.
        lines: the line number of each row in the file, (n,).
        notes: what was recognised or changed while reading that the user should know.
        delimiter: what separates the cells.
        header: whether the first line names the columns.
    """

    name: str
    sha256: str
    columns: dict[str, Column]
    lines: np.ndarray
    notes: list[str] = field(default_factory=list)
    delimiter: str = ","
    header: bool = True

    @property
    def names(self) -> list[str]:
        """The columns' names in the file's order, as they stand there: show them through `printable`."""
        return list(self.columns)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.lines)

    def is_text(self, name: str) -> bool:
        """Whether a column holds text.

        Raises:
            InputError: there is no such column.
        """
        return isinstance(self._column(name).values, list)

    def numbers(self, name: str) -> np.ndarray:
        """A column as float64 (n,), NaN where a cell is empty, `NA`, `NaN`, `null` or `?`.

        Raises:
            InputError: there is no such column, or a cell of the file is neither a number nor missing.
        """
        column = self._column(name)
        values, bad = column.values, column.bad
        if isinstance(values, list):
            values, bad = _to_numbers(values, self.lines)
        if bad is not None:
            raise InputError(
                f'"{printable(bad.text, 40)}" is not a number',
                where=f'{self.name} line {bad.line}, column "{printable(name, 80)}"',
                fix=numerals.remedy(bad.text) or "correct it, or leave the cell empty if the value is missing",
            )
        return values

    def texts(self, name: str) -> list[str]:
        """A column as strings, as they stand in the file.

        Of a column of numbers the digits are not kept: `007` comes back as `7` and a missing value as an empty string.
        Name it in the `text` of `read_table` to have them as they stand.

        Raises:
            InputError: there is no such column.
        """
        values = self._column(name).values
        if isinstance(values, list):
            return values
        return ["" if math.isnan(value) else repr(value).removesuffix(".0") for value in values.tolist()]

    def where(self, row: int, name: str) -> str:
        """The place of a cell, for an error: file, line and column."""
        return f'{self.name} line {self.lines[row]}, column "{printable(name, 80)}"'

    def take(self, rows: np.ndarray) -> Table:
        """The table of some rows, by their numbers, in their order."""
        rows = np.asarray(rows)
        columns = {
            name: replace(
                column,
                values=[column.values[row] for row in rows.tolist()]
                if isinstance(column.values, list)
                else column.values[rows],
            )
            for name, column in self.columns.items()
        }
        return replace(self, columns=columns, lines=self.lines[rows])

    def _column(self, name: str) -> Column:
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name.casefold(), [known.casefold() for known in self.columns], 1)
        near = next((known for known in self.columns if near == [known.casefold()]), None)
        shown = ", ".join(f'"{printable(known, 40)}"' for known in itertools.islice(self.columns, 20))
        fix = f'did you mean "{printable(near, 80)}"?' if near is not None else f"the columns are {shown}"
        raise InputError(f'there is no column "{printable(name, 80)}"', where=self.name, fix=fix)


def table_of(columns: Mapping[str, Sequence], name: str = "the values given") -> Table:
    """A table of columns that are at hand: numbers, or strings as they would stand in a file.

    Args:
        columns: equally many values for each name.
        name: what to call the table in messages.

    Raises:
        UsageError: the columns differ in length.

    Example:
        >>> table = table_of({"sqft": ["1650", ""], "district": ["north", "south"], "price": [3.5, 4]})
        >>> table.numbers("sqft"), table.is_text("district"), table.numbers("price")
        (array([1650.,   nan]), True, array([3.5, 4. ]))
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise UsageError("columns of a table need equally many values", got=", ".join(map(str, sorted(lengths))))
    lines = np.arange(1, 1 + max(lengths, default=0))
    made = {}
    for key, values in columns.items():
        if any(isinstance(value, str) for value in values):
            made[key] = _Builder(key).add(list(values), lines).column()
        else:
            made[key] = Column(key, np.asarray(values, np.float64))
    return Table(name, "", made, lines)


def read_table(
    source: str | os.PathLike | BinaryIO,
    name: str | None = None,
    header: bool | None = None,
    progress: Progress | None = None,
    *,
    quoting: bool = True,
    text: bool | Collection[str] = False,
) -> Table:
    """Read a table of at most 2 GiB whose cells are separated by commas, semicolons, tabs or bars.

    Args:
        source: a path, or a binary stream such as standard input.
        name: what to call it in messages; the path, or "standard input".
        header: whether the first line names the columns; None finds out: it does unless it holds numbers where the
            rows below do. Without a header the columns are named `column_1`, `column_2`, ...
        progress: called with (bytes done, bytes in all).
        quoting: whether `"` around a cell lets it hold delimiters and line ends; False takes it as any character.
        text: True keeps every column as text; or the names of those to keep so.

    Raises:
        InputError: the file cannot be read, is no table, has rows of different lengths, no rows, or too much of
            anything: over 10,000 columns or 65,536 characters in a cell.

    Example:
        >>> import io
        >>> table = read_table(io.BytesIO(b"sqft;price;district\\n2104;399900;north\\n1600;;south\\n"))
        >>> table.names, table.rows, table.numbers("price"), table.texts("district")
        (['sqft', 'price', 'district'], 2, array([399900.,     nan]), ['north', 'south'])
        >>> table.notes
        ['columns are separated by ";"']
    """
    with open_text(source, name) as file:
        rows, notes = CsvRows(file.text, file.name, quoting), file.notes
        sample = _sample(rows)
        if sample is None:
            raise InputError("has no data rows: it is empty", where=file.name, fix="name a file with a table in it")
        cells, lines = sample.cells, [sample.lines]
        if header is None:
            header = _has_header(cells, notes)
        if header:
            names = _names(cells[0], file.name, notes)
            del cells[0]
            lines = [sample.lines[1:]]
        else:
            names = [f"column_{position}" for position in range(1, rows.width + 1)]
            notes.append(f'no header: the first line is data, and the columns are named "column_1" to "{names[-1]}"')
        builders = [_Builder(name, as_text=text is True or (text is not False and name in text)) for name in names]
        _add(builders, cells, sample.lines[-len(cells) :])
        while (block := rows.block(fast=not any(builder.is_text for builder in builders))) is not None:
            _add(builders, block.cells, block.lines)
            lines.append(block.lines)
            if progress is not None:
                progress(file.position, file.size)
        places = np.concatenate(lines)
        if not len(places):
            what = "has no data rows" + " below its header" * header
            raise InputError(what, where=file.name, fix="name a file with a table in it")
        if rows.delimiter != ",":
            notes.insert(0, f"columns are separated by {_DELIMITER_NAMES[rows.delimiter]}")
        if rows.blank_lines:
            notes.append(f"{rows.blank_lines} blank line{'s' * (rows.blank_lines != 1)} between rows skipped")
        columns = {builder.name: builder.column() for builder in builders}
        return Table(file.name, file.sha256, columns, places, notes, rows.delimiter, header)


def _sample(rows: CsvRows) -> Block | None:
    """The first row and some below it, by which the header and the kind of each column are recognised."""
    sample = rows.block()
    while sample is not None and len(sample.cells) < 2 and (more := rows.block()) is not None:
        sample = Block(np.concatenate([sample.lines, more.lines]), sample.cells + more.cells)
    return sample if sample is not None and sample.cells else None


_DELIMITER_NAMES = {",": '","', ";": '";"', "|": '"|"', "\t": "tabs"}


def _has_header(rows: list[list[str]], notes: list[str]) -> bool:
    """Whether the first row names the columns: not if it holds numbers where the rows below it do."""
    below = list(zip(*rows[1:], strict=True)) or [()] * len(rows[0])
    cells = [cell for cell, column in zip(rows[0], below, strict=True) if _holds_text(column) is not True]
    values = [numerals.number(cell) for cell in cells]
    if not any(value is not None and not math.isnan(value) for value in values):
        return True
    if None not in values:
        return False
    odd = next(cell for cell, value in zip(cells, values, strict=True) if value is not None and not math.isnan(value))
    notes.append(
        f'the header holds a number, "{printable(odd, 40)}"; if the first line is data, say that there is no header'
    )
    return True


def _names(cells: list[str], file: str, notes: list[str]) -> list[str]:
    if cells[0].startswith(("b'", 'b"')):
        what = f"the header looks like str(bytes): {printable(cells[0], 40)}"
        fix = "the program that wrote it printed bytes: let it write bytes.decode() instead"
        raise InputError(what, where=f"{file} line 1", fix=fix)
    names = [cell.strip() or f"column_{position}" for position, cell in enumerate(cells, 1)]
    unnamed = [f'"{name}"' for name, cell in zip(names, cells, strict=True) if not cell.strip()]
    if unnamed:
        notes.append(f"a column without a name is called {', '.join(unnamed[:10])}{', ...' * (len(unnamed) > 10)}")
    seen: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if name in seen:
            what = f'two columns are named "{printable(name, 80)}": {seen[name]} and {position}'
            raise InputError(what, where=file, fix="rename one of them")
        seen[name] = position
    return names


class _Builder:
    """A column while its cells come in; text, numbers, or not known yet as long as all are missing."""

    def __init__(self, name: str, as_text: bool = False):
        self.name = name
        self.is_text: bool | None = as_text or None
        self._cells: list[str] = []  # of a column of text, or not known yet
        self._numbers: list[np.ndarray] = []
        self._bad: BadCell | None = None
        self._shared: dict[str, str] = {}

    def add(self, cells: np.ndarray | Sequence[str], lines: np.ndarray) -> _Builder:
        """The next cells: strings, or numbers already."""
        if self.is_text is None:
            self.is_text = _holds_text(cells)
            if self.is_text is False and self._cells:
                self._numbers, self._cells = [np.full(len(self._cells), np.nan)], []
        if self.is_text is False:
            if not isinstance(cells, np.ndarray):
                cells, bad = _to_numbers(cells, lines)
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
        if self.is_text:
            return Column(self.name, self._cells)
        if self.is_text is None:
            return Column(self.name, np.full(len(self._cells), np.nan))
        return Column(self.name, np.concatenate(self._numbers), self._bad)


def _add(builders: list[_Builder], cells: np.ndarray | list[list[str]], lines: np.ndarray) -> None:
    columns = cells.T if isinstance(cells, np.ndarray) else zip(*cells, strict=True)
    for builder, column in zip(builders, columns, strict=False):  # no columns where there are no rows
        builder.add(column, lines)


def _holds_text(cells: np.ndarray | Sequence[str]) -> bool | None:
    """Whether most cells that are not missing are something else than numbers; None if all are missing.

    What is close to a number, such as `$400`, counts as one: it will be an error, not a category.
    """
    numbers = cells if isinstance(cells, np.ndarray) else _quick_numbers(cells)
    if numbers is not None:
        return None if np.isnan(numbers).all() else False
    votes = []
    for cell in cells:
        value = numerals.number(cell)
        if value is None:
            votes.append(not numerals.remedy(cell))
        elif not math.isnan(value):
            votes.append(False)
    return sum(votes) > len(votes) / 2 if votes else None


def _to_numbers(cells: Sequence[str], lines: np.ndarray) -> tuple[np.ndarray, BadCell | None]:
    """The cells as numbers, NaN for what is missing or bad, and the first that is bad."""
    values = _quick_numbers(cells)
    if values is not None:
        return values, None
    found = [numerals.number(cell) for cell in cells]
    bad = None
    if None in found:
        first = found.index(None)
        bad = BadCell(int(lines[first]), cells[first])
    return np.array([math.nan if value is None else value for value in found], np.float64), bad


def _quick_numbers(cells: Sequence[str]) -> np.ndarray | None:
    """The cells as numbers if `float` and `numerals.number` read all of them alike."""
    text = "".join(cells)
    if not text.isascii() or "_" in text:
        return None
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return None if np.isinf(values).any() else values
