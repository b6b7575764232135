"""Numbers as people write them into tables: what counts as one, what stands for a missing one, what comes close."""

from __future__ import annotations

import math
import re

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
