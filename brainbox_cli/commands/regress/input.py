"""What a regression predicts from: values that are typed in order or by name, or rows of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable, standard_input
from brainbox_core.tables.notation import number
from brainbox_core.tables.table import Table, closest, read_table, table_of

_MOST = 20  # inputs that a hint lists


def listed(inputs: Sequence[str]) -> str:
    """The inputs for a hint, as many as one wants to read.

    Example:
        >>> listed(["sqft", "bedrooms"])
        'sqft, bedrooms'
    """
    more = f" and {len(inputs) - _MOST:,} more" if len(inputs) > _MOST else ""
    return ", ".join(printable(name, 40) for name in inputs[:_MOST]) + more


def are_tables(words: Sequence[str]) -> bool:
    """Whether words of the command line name tables, and not values: `-`, a file that is there, or one called so.

    Example:
        >>> are_tables(["rows.csv", "-"]), are_tables(["1650", "harbor"]), are_tables(["2.5"])
        (True, False, False)
    """
    return all(
        word == "-" or (number(word) is None and (os.path.exists(word) or word.lower().endswith((".csv", ".tsv"))))
        for word in words
    )


def typed_row(inputs: Sequence[str], values: Sequence[str], settings: Sequence[str]) -> Table:
    """One row of values in the order of the inputs, or each as COL=VALUE; those not named are missing.

    Raises:
        UsageError: there are more or fewer values than inputs, or a name that is none of them.

    Example:
        >>> typed_row(["sqft", "bedrooms"], ["1650", "3"], []).numbers("sqft")
        array([1650.])
        >>> typed_row(["sqft", "bedrooms"], ["1650"], [])
        Traceback (most recent call last):
        brainbox_core.errors.UsageError: needs 2 values: sqft, bedrooms; 1 was given; ...
    """
    named = "give them in this order, or by name: " + " ".join(
        f"--set {printable(name, 40)}=..." for name in inputs[:2]
    )
    if values and settings:
        raise UsageError("values come in order or by --set, not both", fix=named)
    if values and len(values) != len(inputs):
        count = f"{len(values)} {'was' if len(values) == 1 else 'were'} given"
        what = f"needs {len(inputs)} value{'s' * (len(inputs) > 1)}: {listed(inputs)}; {count}"
        raise UsageError(what, fix=named)
    row = dict(zip(inputs, values, strict=False))
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = next((known for known in inputs if known == name.strip()), name)
        if not equals or name not in inputs:
            what = "expected COL=VALUE" if not equals else f'there is no input "{printable(name, 80)}"'
            near = closest(name.strip(), inputs) if equals else None
            fix = f'did you mean "{printable(near, 80)}"?' if near else f"the inputs are {listed(inputs)}"
            raise UsageError(what, where=f"--set {setting}", fix=fix)
        if name in row:
            raise UsageError(f"{printable(name, 80)} is given twice", where=f"--set {setting}", fix="give it once")
        row[name] = value
    return table_of({name: [row.get(name, "")] for name in inputs})


def table_rows(inputs: Sequence[str], source: str) -> Table:
    """The rows of a CSV file, or of standard input for `-`: by the names in its first line, else in order.

    Raises:
        InputError: it cannot be read, has no rows, or lacks an input.
    """
    raw = read_table(standard_input("rows") if source == "-" else source, header=False, text=True)
    cells = [raw.texts(name)[0].strip() for name in raw.names]
    first = dict(zip(cells, raw.names, strict=True))
    if {name.casefold() for name in inputs} & {cell.casefold() for cell in cells}:
        if lacking := [name for name in inputs if name not in first]:
            what = f'there is no column "{printable(lacking[0], 80)}"'
            near = closest(lacking[0], [cell for cell in cells if cell not in inputs])
            fix = f'rename "{printable(near, 80)}" if that is it; ' if near else ""
            raise InputError(what, where=raw.name, fix=f"{fix}the inputs are {listed(inputs)}")
        if twice := [name for name in inputs if cells.count(name) > 1]:
            what = f'there are {cells.count(twice[0])} columns "{printable(twice[0], 80)}"'
            raise InputError(what, where=raw.name, fix="rename or remove all but one")
        if raw.rows == 1:
            raise InputError("has no rows below its header", where=raw.name, fix="add rows to predict")
        raw, places = raw.take(np.arange(1, raw.rows)), [first[name] for name in inputs]
    elif set(inputs) <= set(raw.names):  # trained on a table without a header
        places = list(inputs)
    elif len(raw.names) == len(inputs):
        places = raw.names
    else:
        what = f"needs {len(inputs)} columns, or a header with their names"
        raise InputError(what, where=raw.name, got=f"{len(raw.names)} columns", fix=f"the inputs are {listed(inputs)}")
    columns = {name: replace(raw.columns[place], name=name) for name, place in zip(inputs, places, strict=True)}
    return replace(raw, columns=columns)
