"""JSON from files that anybody may have written, read without the parser's leniences."""

from __future__ import annotations

import json
import math
import re

from brainbox_core.errors import InputError

MAX_DEPTH = 32
MAX_VALUES = 200_000

# A whole string, a bracket or a comma; a quote alone is a string without an end. Possessive: it never backtracks.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["\[\]{},]')


def read_json(text: str, where: str = "", fix: str = "") -> object:
    """Parse JSON strictly: no key twice in an object, no NaN or Infinity, no number beyond float64 and 64 bits.

    Depth and number of values are bounded before the parser starts, so that a hostile text costs neither memory nor
    the stack: at most 32 levels and 200,000 values.

    Args:
        text: the whole document.
        where: the file that it comes from, for the error.
        fix: what to do about a bad file, for the error.

    Raises:
        InputError: the text is not such JSON.

    Example:
        >>> read_json('{"layers": [784, 10], "loss": 0.5}')
        {'layers': [784, 10], 'loss': 0.5}
        >>> read_json('{"loss": NaN}')
        Traceback (most recent call last):
        brainbox_core.errors.InputError: not valid JSON: NaN is not a finite number
    """
    depth = values = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            values += 1
        elif token in "]}":
            depth -= 1
        elif token == ",":
            values += 1
        elif token == '"':
            raise InputError("not valid JSON: a string without an end", where=where, fix=fix)
        if depth > MAX_DEPTH or values > MAX_VALUES:
            what = f"not accepted as JSON: over {MAX_DEPTH} levels or {MAX_VALUES:,} values"
            raise InputError(what, where=where, fix=fix)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_finite, parse_constant=_finite
        )
    except ValueError as error:
        raise InputError(f"not valid JSON: {error}", where=where, fix=fix) from error


def _object(pairs: list[tuple[str, object]]) -> dict:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return result


def _integer(digits: str) -> int:
    # The length first: turning 5,000 digits into a number takes long, and Python refuses it with a hint of its own.
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise ValueError("a whole number beyond 64 bits")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number
