"""Tables of numbers and text from CSV files of every habit: other delimiters, no header, quotes, missing values.

    with header=None, delimiter and header are recognised:   table = read_table("houses.csv")
    a column of numbers, NaN where one is missing:           table.numbers("sqft")
    a column of text:                                        table.texts("district")
    some of the rows:                                        table.take(rows)

A column holds numbers or text, decided by the majority in its first rows. How numbers are written, such as with a
decimal comma, is found out column by column, and said. In a column of numbers a cell that is neither a number nor
missing is an error that names file, line and column, raised when the column is asked for. No row is ever left out.
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.files.text import open_text
from brainbox_core.tables import dates
from brainbox_core.tables.columns import Column, ColumnBuilder, holds_text, remedy, to_numbers
from brainbox_core.tables.csv_rows import Block, CsvRows
from brainbox_core.tables.notation import PLAIN, Notation, decide, forced, number, numeral

Progress = Callable[[int, int], object]


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
        notation: how numbers are written in a column that does not say so itself.
    """

    name: str
    sha256: str
    columns: dict[str, Column]
    lines: np.ndarray
    notes: list[str] = field(default_factory=list)
    delimiter: str = ","
    header: bool = True
    notation: Notation = PLAIN

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
        return self._column(name).is_text

    def notation_of(self, name: str) -> Notation:
        """How the numbers of a column are written.

        Raises:
            InputError: there is no such column.
        """
        return (self._column(name).notation or PLAIN).completed(self.notation)

    def order_of(self, name: str) -> str | None:
        """How the dates of a column are written; None if it is no column of dates.

        Raises:
            InputError: there is no such column.
        """
        return self._column(name).order

    def missing(self, name: str) -> np.ndarray:
        """Which values of a column are missing, (n,). As text, `NA` is a value, but not among dates.

        Raises:
            InputError: there is no such column.
        """
        return self._column(name).missing

    def written(self, notations: Mapping[str, Notation]) -> Table:
        """The table with its texts read as numbers in these notations, by the names of their columns.

        Raises:
            InputError: a column of numbers was read in a notation in which they may mean something else.
        """
        columns = dict(self.columns)
        for name, notation in notations.items():
            column = columns.get(name)
            if column is None:
                continue
            if column.is_text:
                columns[name] = replace(column, notation=notation)
            elif column.notation is not None and not column.notation.fits(notation):
                what = f'its marks are "{column.notation.decimal}" and "{column.notation.thousands}"'
                fix = "read the table in the notations of the training"
                expected = f'"{notation.decimal}" before decimals, as in training'
                raise InputError(what, where=f'{self.name} column "{printable(name, 80)}"', expected=expected, fix=fix)
        return replace(self, columns=columns)

    def days(self, name: str, order: str) -> np.ndarray:
        """A column of dates as days since the start of 1970, (n,), NaN where one is missing.

        Args:
            name: of the column.
            order: see `dates.order_of`.

        Raises:
            InputError: there is no such column, or a cell of the file is neither a date nor missing.
        """
        column = self._column(name)
        if not column.is_text and column.notation is None:  # days at hand, or nothing at all
            return self.numbers(name)
        if order == dates.OPEN:
            what = "day and month cannot be told apart: no value is above 12"
            fix = "write the dates as 2014-10-31, or leave the column out"
            raise InputError(what, where=f'{self.name} column "{printable(name, 80)}"'.strip(), fix=fix)
        texts = self.texts(name)
        values, bad = dates.read(texts, order)
        if bad is not None:
            what = f'"{printable(texts[bad], 40)}" is not a date with the {order}'
            fix = "write it as 2014-10-31, or leave the cell empty if it is missing"
            raise InputError(what, where=self.where(bad, name), fix=fix)
        return values

    def numbers(self, name: str) -> np.ndarray:
        """A column as float64 (n,), NaN where a cell is empty, `NA`, `NaN`, `null` or `?`.

        Raises:
            InputError: there is no such column, or a cell of the file is neither a number nor missing.
        """
        column = self._column(name)
        values, bad = column.values, column.bad
        if isinstance(values, list):
            values, bad = to_numbers(values, self.lines, column.notation or PLAIN)
        if bad is not None:
            what, where = bad.why or f'"{printable(bad.text, 40)}" is not a number', self._place(bad.line, name)
            fix = bad.fix or remedy(bad.text) or "correct it, or leave the cell empty if the value is missing"
            raise InputError(what, where=where, fix=fix)
        return values

    def texts(self, name: str) -> list[str]:
        """A column as strings, as they stand in the file.

        Of a column of numbers the digits are not kept: `007` comes back as `7` and a missing value as an empty string,
        with the column's own mark before decimals.
        Name it in the `text` of `read_table` to have them as they stand.

        Raises:
            InputError: there is no such column, or it is one of numbers with a cell that is none.
        """
        values = self._column(name).values
        if isinstance(values, list):
            return values
        return [self.notation_of(name).text(value) for value in self.numbers(name).tolist()]

    def where(self, row: int, name: str | None = None) -> str:
        """The place of a cell, for an error: file, line and column; without a name, the place of the row."""
        return self._place(self.lines[row], name)

    def take(self, rows: np.ndarray) -> Table:
        """The table of some rows: by their numbers, in that order, or by a mask of all rows."""
        rows = np.arange(self.rows)[rows]
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return replace(self, columns=columns, lines=self.lines[rows])

    def _place(self, line: int, name: str | None) -> str:
        row = f"{self.name} line {line}" if self.name else f"row {line}" if self.rows > 1 else ""
        column = "" if name is None else f'column "{printable(name, 80)}"'
        return ", ".join(filter(None, [row, column]))

    def _column(self, name: str) -> Column:
        if name in self.columns:
            return self.columns[name]
        near = closest(name, self.columns)
        shown = ", ".join(f'"{printable(known, 40)}"' for known in itertools.islice(self.columns, 20))
        fix = f'did you mean "{printable(near, 80)}"?' if near is not None else f"the columns are {shown}"
        raise InputError(f'there is no column "{printable(name, 80)}"', where=self.name, fix=fix)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like one that is not known, whatever its capitals; None if none comes close.

    Example:
        >>> closest("Prise", ["sqft", "price"])
        'price'
    """
    folded = {other.casefold(): other for other in known}
    return next((folded[near] for near in difflib.get_close_matches(name.casefold(), folded, 1)), None)


def table_of(columns: Mapping[str, Sequence]) -> Table:
    """A table of columns that are at hand.

    Args:
        columns: equally many values for each name: numbers (None or NaN if missing), or strings, which are text until
            `numbers` is asked for.

    Raises:
        UsageError: the columns differ in length, or a number is infinite.

    Example:
        >>> table = table_of({"sqft": ["1650", ""], "district": ["north", "south"], "price": [3.5, None]})
        >>> table.numbers("sqft"), table.texts("district"), table.numbers("price")
        (array([1650.,   nan]), ['north', 'south'], array([3.5, nan]))
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise UsageError("columns of a table need equally many values", got=", ".join(map(str, sorted(lengths))))
    made = {}
    for name, values in columns.items():
        if any(isinstance(value, str) for value in values):
            texts = ["" if value is None else str(value) for value in values]
            made[name] = Column(name, texts, order=dates.order_of(texts))
        else:
            made[name] = Column(name, np.array(values, np.float64))
            if np.isinf(made[name].values).any():
                raise UsageError(f'column "{printable(name, 80)}" holds a number that is not finite')
    return Table("", "", made, np.arange(1, 1 + max(lengths, default=0)))


def read_table(
    source: str | os.PathLike | BinaryIO,
    name: str | None = None,
    header: bool | None = None,
    progress: Progress | None = None,
    *,
    text: bool | Collection[str] = False,
    decimal: str | None = None,
    thousands: str | None = None,
    notations: Mapping[str, Notation] | None = None,
) -> Table:
    """Read a table of at most 2 GiB whose cells are separated by commas, semicolons, tabs or bars.

    Args:
        source: a path, or a binary stream such as standard input.
        name: what to call it in messages; the path, or "standard input".
        header: whether the first line names the columns; None finds out: it does unless it holds numbers where the
            rows below do. Without a header the columns are named `column_1`, `column_2`, ...
        progress: called with (bytes done, bytes in all).
        text: True keeps every column as text; or the names of those to keep so.
        decimal: the mark before decimals in all columns; None finds out.
        thousands: the mark between thousands; None finds out.
        notations: how numbers are written, by the name of the column, where that is known before.

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
        rows, notes = CsvRows(file.text, file.name), file.notes
        top, places = _sample(rows, file.name)
        if header is None:
            header = _has_header(top, notes)
        given = _names(top[0], file.name) if header else [""] * rows.width
        names = [name or f"column_{position}" for position, name in enumerate(given, 1)]
        known, fixed = forced(decimal, thousands), notations or {}
        builders = [
            ColumnBuilder(name, text is True or (text is not False and name in text), known, fixed.get(name))
            for name in names
        ]
        lines, first = [], 1 if header else 0
        block: Block | None = Block(places[first:], top[first:])
        while block is not None:
            # Transposing takes no columns from no rows, as below a header that fills the sample alone.
            columns = block.cells.T if isinstance(block.cells, np.ndarray) else zip(*block.cells, strict=True)
            for builder, cells in zip(builders, columns, strict=False):
                builder.add(cells, block.lines)
            lines.append(block.lines)
            if progress is not None:
                progress(file.position, file.size)
            fast = not any(builder.is_text for builder in builders)
            block = rows.block(fast, [i for i, builder in enumerate(builders) if not builder.reads_points])
        notation = decide((builder.marks for builder in builders), rows.delimiter)
        made = {builder.name: builder.column() for builder in builders}
        table = Table(
            file.name, file.sha256, made, np.concatenate(lines), notes, rows.delimiter, header, known or notation
        )
    if not table.rows:
        what = "has no data rows" + " below its header" * header
        raise InputError(what, where=table.name, fix=_NO_ROWS)
    _tell(table, [name for name, own in zip(names, given, strict=True) if not own], rows.blank_lines)
    table.notes += _readings(table, [builder for builder in builders if builder.name in table.columns])
    return table


_NO_ROWS = "name a file with a table in it"
_DELIMITER_NAMES = {";": '";"', "|": '"|"', "\t": "tabs"}


def _tell(table: Table, unnamed: list[str], blank_lines: int) -> None:
    """Leave out the columns that have neither a name nor values, and note what was recognised in the file."""
    if table.delimiter != ",":
        table.notes.append(f"columns are separated by {_DELIMITER_NAMES[table.delimiter]}")
    if not table.header:
        table.notes.append("no header: the first line is data, and the columns are called column_1, column_2, ...")
    for name in unnamed:
        if table.columns[name].is_empty:
            del table.columns[name]
            table.notes.append(f"{name} has neither a name nor values and is left out")
        elif table.header:
            table.notes.append(f"a column without a name is called {name}")
    if not table.columns:
        raise InputError("has no data rows: all cells are empty", where=table.name, fix=_NO_ROWS)
    if blank_lines:
        table.notes.append(f"{blank_lines} blank line{'s' * (blank_lines != 1)} skipped")


def _readings(table: Table, builders: list[ColumnBuilder]) -> list[str]:
    """Notes on numbers that were not read as they stand, one for all columns that are written alike."""
    alike: dict[tuple, list[ColumnBuilder]] = {}
    for builder in builders:
        column = table.columns[builder.name]
        if not column.is_text and column.bad is None and builder.telling is not None:
            alike.setdefault((column.notation, builder.marks.habit), []).append(builder)
    notes = []
    for (_, habit), group in alike.items():
        text, value = group[0].telling or ("", 0.0)
        names = ", ".join(printable(builder.name, 40) for builder in group[:5]) + ", ..." * (len(group) > 5)
        doubt = "; if that is wrong, say so with `decimal` or `thousands`" if habit else ""
        notes.append(f'{names}: "{printable(text, 40)}" is read as {value:.10g}{doubt}')
    return notes


def _sample(rows: CsvRows, name: str) -> tuple[list[list[str]], np.ndarray]:
    """The first rows, by which the header and each column's kind are recognised, and their line numbers."""
    cells: list[list[str]] = []
    lines: list[int] = []
    while len(cells) < 2 and (block := rows.block()) is not None:
        cells += block.cells
        lines += block.lines.tolist()
    if not cells:
        raise InputError("has no data rows: it is empty", where=name, fix=_NO_ROWS)
    return cells, np.array(lines, np.int64)


def _has_header(rows: list[list[str]], notes: list[str]) -> bool:
    """Whether the first row names the columns: not if it holds numbers where the rows below it do."""
    below = list(zip(*rows[1:], strict=True)) or [()] * len(rows[0])
    cells = [cell for cell, column in zip(rows[0], below, strict=True) if holds_text(column) is not True]
    values = [found.value if (found := numeral(cell)) else number(cell) for cell in cells]
    if not any(value is not None and not math.isnan(value) for value in values):
        return True
    if None not in values:
        return False
    odd = next(cell for cell, value in zip(cells, values, strict=True) if value is not None and not math.isnan(value))
    notes.append(f'the header holds a number, "{printable(odd, 40)}"; if the first line is data, use `no_header`')
    return True


def _names(cells: list[str], file: str) -> list[str]:
    """The names in a header, empty where there is none."""
    if cells[0].startswith(("b'", 'b"')):
        what = f"the header looks like str(bytes): {printable(cells[0], 40)}"
        fix = "the program that wrote it printed bytes: let it write bytes.decode() instead"
        raise InputError(what, where=f"{file} line 1", fix=fix)
    names = [cell.strip() for cell in cells]
    full = [name or f"column_{position}" for position, name in enumerate(names, 1)]
    if len(set(full)) < len(full):
        twice = next(name for name, count in Counter(full).items() if count > 1)
        first, second = [position for position, name in enumerate(full, 1) if name == twice][:2]
        what = f'columns {first} and {second} have the same name "{printable(twice, 80)}"'
        raise InputError(what, where=file, fix="rename one of them")
    return names
