"""Reading messages that somebody has labelled: spam, or ham for wanted mail."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable
from brainbox_core.files.text import TextFile, open_text
from brainbox_core.tables.csv_rows import CsvRows
from brainbox_core.tables.table import Progress

LABELS = {"ham": 0, "spam": 1, "0": 0, "1": 1}
LABEL_NAMES = ("label", "class", "category", "target", "type", "spam", "is_spam", "v1")  # of columns
TEXT_NAMES = ("text", "message", "sms", "body", "content", "email", "v2")


@dataclass(frozen=True)
class Messages:
    """Messages with what they are.

    Attributes:
        name: the file's name, printable.
        sha256: of the file's bytes.
        texts: the messages, in the file's order.
        labels: 1 for spam and 0 for ham, (n,).
        notes: what was recognised while reading that the user should know.
    """

    name: str
    sha256: str
    texts: list[str]
    labels: np.ndarray
    notes: tuple[str, ...] = ()


def read_messages(
    source: str | os.PathLike | BinaryIO, name: str | None = None, progress: Progress | None = None
) -> Messages:
    r"""Read labelled messages from lines `label<TAB>text`, or from a CSV file with a column of each.

    Labels are spam or ham (or 1 or 0). In the lines with a tab a quotation mark is a character like any other, and the
    text may hold further tabs; the first line may be a header. The columns of a CSV file are found by their names
    (label, class, category, v1; text, message, sms, v2, ...), or are the first two where there is no header.

    Args:
        source: a path, or a binary stream such as standard input.
        name: what to call it in messages; the path, or "standard input".
        progress: called with (bytes done, bytes in all).

    Raises:
        InputError: the file cannot be read, is in neither form, has another label, or no messages.

    Example:
        >>> import io
        >>> found = read_messages(io.BytesIO(b'spam\tWIN a "prize"\nham\tok\n'))
        >>> found.texts, found.labels
        (['WIN a "prize"', 'ok'], array([1, 0]))
    """
    with open_text(source, name) as file:
        first = next((line for line in iter(file.text.readline, "") if line.strip()), "")
        file.text.seek(0)
        rows = _table_rows if "\t" not in first and _is_table(first) else _line_rows
        texts: list[str] = []
        labels: list[int] = []
        for line, label, text in rows(file):
            if (known := LABELS.get(label.strip().casefold())) is None:
                if not texts and label.strip().casefold() in LABEL_NAMES:
                    continue  # the header
                what = f'label "{printable(label.strip(), 40)}" is not "spam" or "ham"'
                fix = "name a file of lines label<TAB>text, or a CSV file with the columns label and text"
                raise InputError(what, where=f"{file.name} line {line}", fix=fix)
            texts.append(text)
            labels.append(known)
            if progress is not None and not len(texts) % 1000:
                progress(file.position, file.size)
        if not texts:
            raise InputError("has no messages", where=file.name, fix="name a file with messages in it")
        return Messages(file.name, file.sha256, texts, np.array(labels), tuple(file.notes))


def _line_rows(file: TextFile) -> Iterator[tuple[int, str, str]]:
    """The number, label and text of each line; without a tab the first word is the label, which the error names."""
    for number, line in enumerate(iter(file.text.readline, ""), 1):
        if line.strip():
            label, tab, text = line.rstrip("\r\n").partition("\t")
            yield number, label if tab else line.split()[0], text


def _table_rows(file: TextFile) -> Iterator[tuple[int, str, str]]:
    """The same from a CSV file: the first row tells which columns they are."""
    rows = CsvRows(file.text, file.name)
    places: tuple[int, int] | None = None
    while (block := rows.block()) is not None:
        for line, cells in zip(block.lines.tolist(), block.cells, strict=True):
            label, text = places = places or _places(cells) or (0, 1)
            yield line, cells[label], cells[text]


def _is_table(line: str) -> bool:
    """Whether the first line of a file is that of a CSV file of messages."""
    return any(_places(cells) for mark in ",;|" for cells in csv.reader([line[:1000]], delimiter=mark))


def _places(cells: list[str]) -> tuple[int, int] | None:
    """The places of label and text in the first row of a CSV file."""
    names = [cell.strip().casefold() for cell in cells]
    label = next((place for place, name in enumerate(names) if name in LABEL_NAMES), None)
    text = next((place for place, name in enumerate(names) if name in TEXT_NAMES), None)
    if label is not None and text is not None:
        return label, text
    return (0, 1) if len(names) > 1 and names[0] in LABELS else None
