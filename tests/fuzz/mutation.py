"""From a good input to a bad one of the same form, by the numbers of a seeded generator."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = [
    *("0", "1", "-1", "2", "0.5", "1e308", "-1e308", "1e-320", "1e400", "nan", "inf", "-inf", "NaN", "1_0", "0x10"),
    *("9" * 400, "1e5", "+5", ".5", "5.", " 5 ", "٣", "1,5", "1 234", "$4", "40%", "1/3", "--1", "9007199254740993"),
    *("18446744073709551616", "-9223372036854775809", "", "-0", "1e", "e1", "0" * 5000, "1.7976931348623157e308"),
]
TEXTS = [
    *("", " ", "\t", "\n", "\r", "\0", "\x1b[31m", "\x1b]8;;http://x\x07", "\u202e", "\ufeff", "\u2028", "é", "🧠"),
    *('"', "'", "\\", "`", "%n%s", "{}", "[/]", "[bold]x", "$x$", r"\frac{", "=cmd|' /C calc'!A1", "+1", "@x", "-"),
    *("*/ int evil; /*", "__class__", "os.system", "../../etc/passwd", "/dev/zero", "a" * 10_000, "NULL", "int"),
    *("e\u0301", "frее", "ﬀ", "\u200b", "ß", "İ", "a" * 70, "true", "0,0", "x=1", "<b>", "#", "--", "None"),
]
VALUES = [
    *(None, True, False, 0, 1, -1, 2, 7, 0.0, -0.5, 1e308, -1e-320, 2**31, 2**63, 2**64 - 1, -(2**63)),
    *("", "x", "!", "\x1b[31m\n", "x" * 5000, "é\u202e", "*/ int evil; /*", "os.system", "Linear", "__class__"),
    *([], {}, [[]], [None], [0], [-1], [True], ["!"], [1, 1], [2**40], [1] * 70, [1e308], [[1, 2], [3]], {"a": 1}),
    *({"kind": "Linear", "config": {"units": 1}}, {"kind": "Softmax", "config": {}}),
    {"kind": "RNN", "config": {"units": 3}},
]


def some(random: random.Random, pieces: Sequence[Any]) -> Any:
    """One piece, a copy of its own."""
    return copy.deepcopy(random.choice(pieces))


def of_bytes(random: random.Random, content: bytes, other: bytes = b"") -> bytes:
    """Some bytes flipped, cut out, repeated, put in or taken from elsewhere, or the end cut off."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        at, size = random.randrange(len(data) + 1), random.choice((1, 1, 2, 4, 8, 64, 512))
        match random.randrange(8):
            case 0 | 1 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + size]
            case 4:
                data[at:at] = random.randbytes(size)
            case 5:
                data[at:at] = data[at : at + size] * random.choice((1, 2, 9))
            case 6:
                data[at : at + size] = random.choice((b"\0", b"\xff", b"\x7f")) * size
            case 7:
                start = random.randrange(len(other) + 1)
                data[at:at] = other[start : start + size]
    return bytes(data)


def of_text(random: random.Random, text: str, words: Sequence[str] = ()) -> str:
    """Some characters, words, numbers or lines of a text changed."""
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        at, size = random.randrange(len(text) + 1), random.choice((0, 0, 1, 1, 3, 20))
        match random.randrange(6):
            case 0:
                piece = some(random, TEXTS)
            case 1:
                piece = some(random, NUMBERS)
            case 2:
                piece = text[at : at + random.choice((1, 5, 50))] * random.choice((1, 2, 30))
            case 3 if words:
                piece = some(random, words)
            case 4:
                piece = chr(random.choice((random.randrange(128), random.randrange(0xD800), 0x1F600)))
            case _:
                piece = ""
        text = text[:at] + piece + text[at + size :]
    return text


def of_table(random: random.Random, text: str) -> str:
    """A table of lines with cells, columns, lines, separators or the ends of lines changed."""
    lines = text.split("\n")
    separator = "\t" if "\t" in lines[0] else ","
    for _ in range(random.choice((1, 1, 2, 5))):
        row = random.randrange(len(lines))
        cells = lines[row].split(separator)
        column = random.randrange(len(cells))
        match random.randrange(9):
            case 0 | 1 | 2:
                cells[column] = some(random, NUMBERS + TEXTS)
                lines[row] = separator.join(cells)
            case 3:
                del lines[row : row + random.choice((1, 1, 1000))]
                lines = lines or [""]
            case 4:
                lines[row:row] = [lines[row]] * random.choice((1, 3, 200))
            case 5:
                lines = [line.replace(separator, random.choice(";\t| ,")) for line in lines]
            case 6:
                whole = [line.split(separator) for line in lines]
                piece = some(random, NUMBERS + TEXTS)
                lines = [separator.join([*line[:column], piece, *line[column + 1 :]]) for line in whole]
            case 7:
                lines[row] = of_text(random, lines[row])
            case 8:
                whole = [line.split(separator) for line in lines]
                lines = [separator.join(line[:column] + line[column + 1 :]) for line in whole]
    return random.choice(("\n", "\n", "\n", "\r\n", "\r")).join(lines)


def of_json(random: random.Random, value: Any) -> Any:
    """A description in JSON types with some of its parts exchanged, taken away, doubled or moved."""
    root = {"": copy.deepcopy(value)}
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        places = list(_places(root))
        holder, key = random.choice(places)
        if (isinstance(holder, dict) and key not in holder) or (isinstance(holder, list) and key >= len(holder)):
            continue
        match random.randrange(8):
            case 0 | 1 | 2:
                holder[key] = some(random, VALUES)
            case 3 if holder is not root:
                del holder[key]
            case 4 if isinstance(holder, list):
                holder[key:key] = [copy.deepcopy(holder[key])] * random.choice((1, 1, 30))
            case 5:
                other, name = random.choice(places)
                if (isinstance(other, dict) and name in other) or (isinstance(other, list) and name < len(other)):
                    holder[key] = copy.deepcopy(other[name])
            case 6:
                holder[key] = _another(random, holder[key])
            case 7 if isinstance(holder, list):
                random.shuffle(holder)
    return root[""]


def _places(holder: Any):
    for key in holder if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])


def _another(random: random.Random, value: Any) -> Any:
    """A value that looks like another, and is not what it was."""
    if isinstance(value, bool) or value is None:
        return some(random, VALUES)
    if isinstance(value, int):
        return random.choice((value + 1, value - 1, -value, float(value), str(value), value * 1000, [value]))
    if isinstance(value, float):
        return random.choice((-value, value * 1e300, value / 1e300, 0.0, str(value), 1 - value))
    if isinstance(value, str):
        return of_text(random, value)
    return [value] if isinstance(value, list) else [list(item) for item in value.items()]


def of_header(random: random.Random, content: bytes) -> bytes:
    """A model file whose header was changed as text or as JSON, with or without its length."""
    length = int.from_bytes(content[:8], "little")
    text, rest = content[8 : 8 + length], content[8 + length :]
    match random.randrange(4):
        case 0:
            text = of_bytes(random, text)
        case 1:
            text = json.dumps(of_json(random, json.loads(text))).encode()
        case 2:
            length = random.choice((0, 1, 2, length - 1, length + 1, len(content), 2**31, 2**63, 2**64 - 1))
            return struct.pack("<Q", length) + text + rest
        case 3:
            rest = of_bytes(random, rest)
    return struct.pack("<Q", len(text)) + text + rest


def by_pieces(random: random.Random, pieces: Sequence[str], most: int = 12) -> str:
    """A few pieces one after another."""
    return "".join(random.choices(pieces, k=random.randint(0, most)))


Mutation = Callable[[random.Random, Any], Any]
