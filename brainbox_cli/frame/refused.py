"""Inputs that cannot be read, among others that can: each readable one is answered all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from brainbox_core.errors import InputError

if TYPE_CHECKING:
    from brainbox_core.tables.table import Table

MOST = 100  # rows of one table that are refused one by one; with more, the rest of the table is refused as a whole
T = TypeVar("T")


class Refused(NamedTuple):
    """What stands in the place of an answer.

    Attributes:
        input: the input, as answers name it.
        error: why there is none.
    """

    input: object
    error: InputError


def by_rows(table: Table, work: Callable[[Table], T]) -> list[tuple[Table, T | InputError]]:
    """What comes of a table, and where some rows cannot be read, of the rows between them.

    Args:
        work: answers for all rows of a table, or raises InputError.

    Returns:
        (some rows, what came of them), in the order of the table; an error stands beside the one row that it is about,
        or beside the whole table.
    """
    import numpy as np

    refused = 0

    def part(rows: Table) -> list[tuple[Table, T | InputError]]:
        nonlocal refused
        try:
            return [(rows, work(rows))]
        except InputError as error:
            if rows.rows <= 1 or refused >= MOST or error.where in ("", rows.name):  # the last: a column is missing
                refused += 1
                return [(rows, error)]
        half = rows.rows // 2
        return part(rows.take(np.arange(half))) + part(rows.take(np.arange(half, rows.rows)))

    return part(table)
