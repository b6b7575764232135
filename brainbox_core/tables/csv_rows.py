"""The rows of a CSV file: what separates the cells, and the lines taken apart, exactly or fast, in blocks.

The format is that of RFC 4180, as Python's csv module reads it in its strict mode.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable

DELIMITERS = "\t;|,"  # the comma last: where others separate the cells, it is part of numbers and sentences
MAX_CELL = 2**16  # characters
MAX_COLUMNS = 10_000
BLOCK = 2**21  # characters of the lines that are read at a time
SAMPLE = 2**17  # of those by which the delimiter is recognised

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass
class Block:
    """Rows that follow each other.

    Attributes:
        lines: the line number of each row, (n,).
        cells: (n, columns) float64 where all cells are numbers or `nan`, else one list of strings for each row.
    """

    lines: np.ndarray
    cells: np.ndarray | list[list[str]]


class CsvRows:
    """Takes the lines of a file apart.

    Args:
        text: the file, opened with `newline=""`.
        name: what to call it in errors, printable.

    Attributes:
        delimiter: what separates the cells.
        width: cells of a row; 0 until the first row is read.
        blank_lines: how many empty lines stood before rows so far.
    """

    def __init__(self, text: TextIO, name: str):
        self._text, self._name = text, name
        self.width = self.blank_lines = self._blank_since = 0
        self._next_line = 1
        self._start = text.readlines(SAMPLE)
        if self._start and (match := _SEPARATOR_LINE.fullmatch(self._start[0])):
            self.delimiter = match[1]
            if self.delimiter not in DELIMITERS:
                what = f'"{printable(self._start[0].strip())}" names a separator that is not read here'
                fix = "save it again with one of these"
                raise InputError(what, where=f"{name} line 1", expected="one of , ; | or a tab", fix=fix)
            self._next_line = 2
            del self._start[0]
        else:
            self.delimiter = _sniff(self._start)

    def block(self, fast: bool = False, exact: Sequence[int] = ()) -> Block | None:
        """The next rows, from about 2 million characters (the first block is smaller); None at the end of the file.

        Args:
            fast: try NumPy's reader first. It gives floats where all cells of the block are plain numbers.
            exact: columns, by their numbers, whose cells are wanted as they stand if there is a point in one of them.

        Raises:
            InputError: a row with more or fewer cells than the first, a quote that does not close, a cell that is too
                long, too many columns.
        """
        lines, self._start = self._start or self._text.readlines(BLOCK), []
        if not lines:
            return None
        numbers = self._numbers(lines, exact) if fast else None
        if numbers is not None:
            self._count_blank_lines()
            first, self._next_line = self._next_line, self._next_line + len(lines)
            return Block(np.arange(first, self._next_line), numbers)
        places, rows = [], []
        for place, row in self._rows(lines):
            places.append(place)
            rows.append(row)
        return Block(np.array(places, np.int64), rows)

    def _numbers(self, lines: list[str], exact: Sequence[int] = ()) -> np.ndarray | None:
        """The cells as numbers, if they all are numbers in a form that NumPy and `columns.number` read alike."""
        text = "".join(lines)
        if not text.isascii() or not text.strip() or max(map(len, lines)) > MAX_CELL:
            return None
        if any(separator in text for separator in "\x1c\x1d\x1e\x1f"):  # spaces for NumPy, but not for `float`
            return None
        between = text.split('"')
        # Each second quote has to end a cell: NumPy also takes `"1"2` for a number, and `"1` for a whole cell.
        if len(between) % 2 == 0 or not all(part[:1] in f"{self.delimiter}\r\n" for part in between[2::2]):
            return None
        try:
            cells = np.loadtxt(lines, np.float64, comments=None, delimiter=self.delimiter, quotechar='"', ndmin=2)
        except ValueError:
            return None
        if cells.shape != (len(lines), self.width) or np.isinf(cells).any():
            return None
        return None if self._has_points(lines, text, exact) else cells

    def _has_points(self, lines: list[str], text: str, columns: Sequence[int]) -> bool:
        """Whether a cell of some columns holds a point; each line is a row of as many cells."""
        if not columns:
            return False
        characters = np.frombuffer(text.encode("ascii"), np.uint8)
        starts = np.cumsum([0, *map(len, lines)])
        points = np.flatnonzero(characters == ord("."))
        marks = np.flatnonzero(characters == ord(self.delimiter)).reshape(len(lines), self.width - 1)
        ends = np.concatenate([starts[:-1, None], marks, starts[1:, None]], axis=1)
        between = (np.searchsorted(points, ends[:, [column, column + 1]]) for column in columns)
        return any((places[:, 1] > places[:, 0]).any() for places in between)

    def _rows(self, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        """The line number and the cells of each row that starts in these lines."""
        reader = csv.reader(itertools.chain(lines, self._text), delimiter=self.delimiter, strict=True)
        before = self._next_line
        while reader.line_num < len(lines):
            place = before + reader.line_num
            try:
                row = next(reader)
            except csv.Error as error:
                raise self._broken(error, place, before + reader.line_num - 1) from error
            if not row or (len(row) == 1 != self.width and not row[0].strip()):
                self._blank_since += 1
                continue
            if len(row) != self.width:
                last = lines[min(reader.line_num, len(lines)) - 1]
                self._set_width(row, place, cut_off=not last.endswith(("\n", "\r")))
            if max(map(len, row)) > MAX_CELL:
                longest = 1 + max(range(len(row)), key=lambda index: len(row[index]))
                what = f"field {longest} is too long (over {MAX_CELL:,} characters)"
                raise InputError(what, where=f"{self._name} line {place}", fix=_TOO_LONG)
            if self._blank_since:
                self._count_blank_lines()
            yield place, row
        self._next_line = before + reader.line_num

    def _count_blank_lines(self) -> None:
        """Count the blank lines before a row; those at the end of the file do not count."""
        self.blank_lines += self._blank_since
        self._blank_since = 0

    def _set_width(self, row: list[str], line: int, cut_off: bool) -> None:
        """Take the width of the first row, and refuse any other."""
        where = f"{self._name} line {line}"
        if len(row) > MAX_COLUMNS:
            what = f"too many columns: {len(row):,}"
            raise InputError(what, where=where, expected=f"at most {MAX_COLUMNS:,}", fix="take out those not needed")
        if self.width:
            what = f"{len(row)} field{'s' * (len(row) != 1)}, the first row has {self.width}"
            fix = f'put quotes around cells that contain "{self.delimiter}", or correct the line'
            if cut_off and len(row) < self.width:
                fix = "the file seems to break off here: copy it again, or remove the line"
            raise InputError(what, where=where, fix=fix)
        self.width = len(row)

    def _broken(self, error: csv.Error, first: int, last: int) -> InputError:
        """The error for a row, from line `first` to line `last`, that the csv module could not read."""
        where, text = f"{self._name} line {first}", str(error)
        if "field limit" in text and first == last:
            return InputError(f"a field is too long (over {MAX_CELL:,} characters)", where=where, fix=_TOO_LONG)
        if "expected after" in text:
            what = f"text follows a closing quote in line {last}" if last > first else "text follows a closing quote"
            fix = 'write "" for a quote inside a quoted cell; a quote before it may lack its partner'
            return InputError(what, where=where, fix=fix)
        if "field limit" in text or "end of data" in text:
            what = f"a quote opened in line {first} never closes"
            return InputError(what, where=where, fix="add the closing quote, or remove it")
        return InputError(f"cannot be read ({text})", where=where)


_TOO_LONG = "shorten it, or take the column out"


def _sniff(lines: list[str]) -> str:
    """The delimiter that gives most lines as many cells as the first; a comma if none divides the first line."""
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        rows = csv.reader(lines, delimiter=delimiter)
        try:
            widths = [len(row) for row in rows if row]
        except csv.Error:
            continue  # of a cell that is too long; said when it is read
        alike = sum(width == widths[0] for width in widths) / len(widths) if widths and widths[0] > 1 else 0.0
        if alike > most:
            best, most = delimiter, alike
    return best
