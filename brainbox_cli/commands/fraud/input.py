"""The transactions that a fraud detector is asked about: tables, or one that is typed as `Amount=5000,V1=-2.3`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from brainbox_core.errors import UsageError
from brainbox_core.files.reading import printable, standard_input
from brainbox_core.tables.table import Table, closest, read_table, table_of


def transactions(columns: Sequence[str], source: str, **options: Any) -> tuple[Table, list[str]]:
    """The transactions that a word of the command line means, and which columns they lack.

    Args:
        columns: that a transaction has.
        source: a file, `-` for standard input, or NAME=VALUE with commas between.
        options: of `read_table`.

    Raises:
        InputError: the table cannot be read.
        UsageError: what was typed is no transaction.
    """
    if source == "-":
        return replace(read_table(standard_input("a table"), **options), name="-"), []
    if "=" not in source or os.path.exists(source):
        return read_table(source, **options), []
    return typed(columns, source)


def typed(columns: Sequence[str], text: str) -> tuple[Table, list[str]]:
    """One transaction, and the columns that were not named: they will count as missing.

    Raises:
        UsageError: a part is not NAME=VALUE, or names no column, or one that was named before.

    Example:
        >>> table, lacking = typed(["V1", "V2", "Amount"], "Amount=5000,V1=-2.3")
        >>> table.numbers("Amount"), lacking
        (array([5000.]), ['V2'])
        >>> typed(["V1", "Amount"], "Amount=1.050,50,V1=-2,3")[0].texts("Amount")
        ['1.050,50']
    """
    row: dict[str, str] = {}
    for part in re.split(r",(?!\d+(?:,|$))", text):  # digits alone are decimals or thousands
        name, equals, value = (piece.strip() for piece in part.partition("="))
        where = printable(part)
        if not equals or not value:
            raise UsageError("expected NAME=VALUE", where=where, fix="write it as Amount=5000,V1=-2.3")
        if name not in columns:
            shown = ", ".join(printable(known, 40) for known in columns)
            near = closest(name, columns)
            fix = f"did you mean {printable(near)}?" if near else f"the columns are {shown}"
            raise UsageError(f'there is no column "{printable(name, 80)}"', where=where, fix=fix)
        if name in row:
            raise UsageError(f"{printable(name, 80)} is given twice", where=where, fix="give it once")
        row[name] = value
    table = table_of({name: [row.get(name, "")] for name in columns})
    return table, [name for name in columns if name not in row]
