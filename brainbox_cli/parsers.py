"""What turns the text of an option into a checked value, and a value back into what one would type.

A parser is also handed defaults, which are written as one would type them.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import typer

from brainbox_core.errors import UsageError, between, whole

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")  # float() would also take 1_0, nan and inf
Value = TypeVar("Value")
_MARKS = {"point": ".", "comma": ",", "space": " ", "apostrophe": "'"}
LARGEST_WHOLE = 2**53  # what every JSON reader keeps exactly


def whole_number(least: int = 1, most: int = LARGEST_WHOLE) -> Callable[[object], int]:
    """A parser for whole numbers in a range."""

    def parse(text: object) -> int:
        text = str(text)
        value = int(text) if _WHOLE.fullmatch(text) else text
        if isinstance(value, int) and value > most:
            raise typer.BadParameter(f"expected a whole number from {least} to {most}, got {text}")
        return _checked(whole, text, value, least)

    return parse


def real_number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Callable[[object], float]:
    """A parser for finite numbers from `low` to `high`; the ends excluded with `above` and `below`."""

    def parse(text: object) -> float:
        text = str(text)
        value = float(text) if _NUMBER.fullmatch(text) else text
        return _checked(between, text, value, low, high, above, below)

    return parse


def sizes(text: object) -> tuple[int, ...]:
    """A parser for one whole number or several with commas between: `128` or `16,16`."""
    parts = str(text).split(",")
    if not all(_WHOLE.fullmatch(part) and 1 <= int(part) <= LARGEST_WHOLE for part in parts):
        raise typer.BadParameter(
            f"expected whole numbers from 1 with commas between, such as 128 or 128,64, got {text}"
        )
    return tuple(map(int, parts))


def mark(known: str) -> Callable[[object], str]:
    """A parser for one of some marks, which may also be typed as a word.

    Example:
        >>> mark(".,' ")("space"), mark(".,")(",")
        (' ', ',')
    """

    def parse(text: object) -> str:
        typed = _MARKS.get(str(text).casefold(), str(text))
        if len(typed) == 1 and typed in known:
            return typed
        raise typer.BadParameter(f"expected {_either(*(word for word in _MARKS if _MARKS[word] in known))}, got {text}")

    return parse


def columns(text: object) -> tuple[str, ...]:
    """A parser for names of columns with commas between."""
    return tuple(name.strip() for name in str(text).split(",") if name.strip())


def one_of(*choices: str) -> Callable[[object], str]:
    """A parser for a closed list of words, which may also be typed in capitals and with _ for -.

    Example:
        >>> one_of("or", "edge-detect")("EDGE_DETECT")
        'edge-detect'
    """

    def parse(text: object) -> str:
        if (choice := chosen(text, choices)) is not None:
            return choice
        raise typer.BadParameter(f"expected {_either(*choices)}, got {text}{_meant(text, choices)}")

    return parse


def name_or_path(*names: str) -> Callable[[object], str]:
    """A parser for the name of something built in, typed as `one_of` takes it, or a file or folder, which goes first.

    Example:
        >>> name_or_path("digits")("Digits"), name_or_path("digits")("my/Digits")
        ('digits', 'my/Digits')
    """

    def parse(text: object) -> str:
        text = str(text)
        name = chosen(text, names)
        return name if name is not None and (name == text or not os.path.exists(text)) else text

    return parse


def word_or(parse: Callable[[object], Value], *words: str) -> Callable[[object], Value | str]:
    """A parser for a few words, which stay as they are, and else for what another parser takes.

    Example:
        >>> batch_size = word_or(whole_number(), "full")
        >>> batch_size("full"), batch_size("64")
        ('full', 64)
    """

    def parse_either(text: object) -> Value | str:
        if (word := chosen(text, words)) is not None:
            return word
        try:
            return parse(text)
        except typer.BadParameter as error:
            wanted, got, rest = error.message.removeprefix("expected ").partition(", got ")
            message = f"expected {_either(*words, wanted)}{got}{rest}{_meant(text, words)}"
            raise typer.BadParameter(message) from error

    return parse_either


def share(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Callable[[object], float]:
    """A parser for a share in a range, as for `real_number`, which may be typed in percent.

    Example:
        >>> share()("0.95"), share(0, 1)("60%")
        (0.95, 0.6)
    """

    def parse(text: object) -> float:
        text = str(text)
        number = text.removesuffix("%")
        if number == text or not _NUMBER.fullmatch(number):
            return real_number(low, high, above=above, below=below)(text)
        # 99.9% is 0.999 to the last digit
        return _checked(between, text, float(Decimal(number) / 100), low, high, above, below)

    return parse


def folder(text: object) -> Path:
    """A parser for a folder, which need not exist yet."""
    if not str(text):
        raise typer.BadParameter("expected a folder, got nothing")
    if str(path := Path(str(text))).startswith("-"):  # `--out --json` lacks the folder, and no command could name it
        raise typer.BadParameter(f"expected a folder, got {text}")
    return path


def file(*suffixes: str) -> Callable[[object], Path]:
    """A parser for a file to write whose name ends in one of `suffixes`, or - for standard output."""

    def parse(text: object) -> Path:
        path = Path(str(text))
        if str(text) != "-" and path.suffix.lower() not in suffixes:
            raise typer.BadParameter(f"expected a file name that ends in {_either(*suffixes)}, got {text}")
        return path

    return parse


def as_typed(value: object) -> str:
    """A value as one would type it on the command line, in the form that the parsers here read.

    Example:
        >>> as_typed((128, 64)), as_typed(0.001), as_typed({"x": 2, "y": -3})
        ('128,64', '0.001', 'x=2,y=-3')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{name}={as_typed(part)}" for name, part in value.items())
    if isinstance(value, (tuple, list)):
        return ",".join(map(as_typed, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _checked(check: Callable, text: str, *limits: object):
    try:
        return check("", *limits)
    except UsageError as error:
        raise typer.BadParameter(f"expected {error.expected}, got {text}") from error


def chosen(text: object, choices: Iterable[str]) -> str | None:
    """Which of the words a text means, whatever its case and with _ for -; None if it is none of them."""
    return next((choice for choice in choices if _plain(choice) == _plain(str(text))), None)


def _plain(word: str) -> str:
    return word.casefold().replace("_", "-")


def _either(*choices: str) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _meant(text: object, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(text).casefold(), choices, n=1)
    return f"; did you mean {close[0]}?" if close else ""
