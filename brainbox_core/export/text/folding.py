"""What every character of Unicode becomes on a device: the folding of `text`, as a table of a few kilobytes.

The table is exact on the pages (256 code points) where messages are mostly written, and on those of the vocabulary's
own characters. All other characters are read as one and the same letter that is in no word of the vocabulary: they
count as parts of words, and no word with them is known.

A page is a sequence of runs. The first byte of a run is its kind, and how many characters it has less one; 31 means
all that are left.

    ASCII    becomes the ASCII character that stands here, one byte for each
    SAME     become all the same text: its length, its bytes in UTF-8
    TEXTS    become a text each: length, bytes, length, bytes ...
    SELF     remain what they are; a byte says what that is: MARK, SPACE, OTHER (of letters and digits) ... UPPER
    SHIFT    become consecutive characters: 3 bytes of the first, and a byte that says what they are
    PAIRS    one in two is a capital, and becomes the small letter after it

Non-ASCII characters of a text are looked up once more, where they are SELF, SHIFT or PAIRS: a text has no capitals that
become small at the same time. Hangul syllables, 11,172, are computed and not looked up.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from brainbox_core.text import tokens

HANGUL = range(0xAC00, 0xD7A4)
ASCII, SAME, TEXTS, SELF, SHIFT, PAIRS = range(6)
MARK, SPACE, OTHER, DIGIT, LETTER, LOWER, UPPER = range(7)
REST = 32  # a count that stands for all that are left
PAGES = (  # first and last; what is written in them
    (0x00, 0x06),  # Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic
    (0x0E, 0x0E),  # Thai, Lao
    (0x10, 0x11),  # Burmese, Georgian, parts of Hangul syllables
    (0x17, 0x17),  # Khmer
    (0x1E, 0x1F),  # Vietnamese, old Greek
    (0x20, 0x2B),  # punctuation, currency, symbols
    (0x2E, 0x2E),  # punctuation
    (0x30, 0x30),  # kana
    (0x34, 0x9F),  # Chinese
    (0xFB, 0xFB),  # ligatures
    (0xFE, 0xFF),  # full-width forms
    (0x1D4, 0x1D7),  # letters of mathematics
    (0x1F0, 0x1FA),  # emoji, and letters in boxes
    (0x200, 0x2A6),  # more Chinese
    (0xE00, 0xE01),  # invisible tags
)


class Folding:
    """What characters become for one vocabulary.

    Args:
        names: all words of the vocabulary.

    Attributes:
        stranger: the letter that every character outside is read as.
        directory: (first page, place in `runs`); it counts up to the next entry's first page.
        runs: the bytes of all pages.

    Example:
        >>> folding = Folding(["free"])
        >>> folding.covers("é"), folding.covers("ཀ"), folding.read("café ཀ")
        (True, False, 'café ᄓ')
    """

    def __init__(self, names: Iterable[str] = ()):
        self._letters = set().union(*names)
        # A letter of Korean a thousand years ago; of scripts without spaces every letter would be a word.
        self.stranger = next(chr(c) for c in (*range(0x1113, 0x115F), *HANGUL) if chr(c) not in self._letters)
        own = {ord(letter) >> 8 for letter in self._letters if ord(letter) not in HANGUL}
        self._pages = sorted(own.union(*(range(first, last + 1) for first, last in PAGES)))
        self.directory: list[tuple[int, int]] = []
        self.runs = b""
        places: dict[bytes, int] = {}
        for number in range(0x1100):
            content = page(number, self.stranger) if number in self._pages else same(self.stranger)
            if content not in places:
                places[content] = len(self.runs)
                self.runs += content
            if not self.directory or self.directory[-1][1] != places[content]:
                self.directory.append((number, places[content]))

    def covers(self, character: str) -> bool:
        """Whether the device folds a character as `text` does."""
        code = ord(character)
        return code < 128 or code in HANGUL or (code >> 8 in self._pages and not strange(code))

    def covered(self) -> str:
        """The code points outside ASCII and Hangul where it is exact, in words."""
        spans: list[list[int]] = []
        for page in self._pages:
            if spans and spans[-1][1] == (page << 8) - 1:
                spans[-1][1] = (page << 8) + 255
            else:
                spans.append([max(page << 8, 128), (page << 8) + 255])
        codes = (code for first, last in spans for code in range(first, last + 1))
        inexact = [code for code in codes if strange(code)]
        text = ", ".join(f"U+{first:04X}-{last:04X}" for first, last in spans)
        return text + (f", except for {', '.join(f'U+{code:04X}' for code in inexact)}" if inexact else "")

    def read(self, content: str) -> str:
        """A text with its strange characters as the device reads them."""
        if content.isascii():
            return content
        return "".join(letter if self.covers(letter) else self.stranger for letter in content)


# --- the runs of a page ----------------------------------------------------------------------------------------------


class Item(NamedTuple):
    """A character of a folded text, in lower case if it is a letter, and what it was: MARK ... UPPER."""

    character: str
    kind: int


@functools.cache
def truth(character: str) -> tuple[Item, ...]:
    """What a character becomes."""
    items = []
    for part in tokens.fold(character):
        small = part.casefold() if part.isalnum() else part
        items.append(Item(small[0], _kind(part)))
        items += [Item(letter, LOWER if part.islower() else OTHER) for letter in small[1:]]  # no letters of the text
    return tuple(items)


def item_of(character: str, kind: int = MARK) -> Item:
    """The item of a folded character; an ASCII character tells its kind itself."""
    return Item(character.lower(), _kind(character)) if character.isascii() else Item(character, kind)


@functools.cache
def strange(code: int) -> bool:
    """Whether no run can say what a character becomes."""
    action = _action(code)
    if isinstance(action, Item):
        return False
    items: list[Item] = []
    for part in action:
        again = item_of(part) if part.isascii() else _action(ord(part))
        if isinstance(again, str) or not (part.isascii() or any(a <= ord(part) >> 8 <= b for a, b in PAGES)):
            return True
        items.append(again)
    return tuple(items) != truth(chr(code))


def same(content: str) -> bytes:
    """A page whose characters all become one text."""
    return bytes([SAME << 5 | REST - 1]) + _texts([content])


@functools.cache
def page(number: int, stranger: str) -> bytes:
    """The runs of a page, in as few bytes as possible.

    Args:
        number: a code point divided by 256.
        stranger: what a character becomes of which no run can tell.
    """
    codes = range(number << 8, number + 1 << 8)
    actions = [stranger if strange(code) else _action(code) for code in codes]
    if dict(_ways(actions, 0, codes.start)).get(SELF) == 256:
        return bytes([SELF << 5 | REST - 1]) + _content(SELF, actions)
    ends = [0]  # of the texts, as TEXTS writes them
    for action in actions:
        ends.append(ends[-1] + (len(_texts([action])) if isinstance(action, str) else 0))
    best = [(0, 0, 0)] * 257  # from each place to the end of the page: bytes, kind and length of the first run
    for place in reversed(range(256)):
        ways = []
        for kind, longest in _ways(actions, place, codes.start + place):
            lengths = {longest} if place + longest == 256 else {min(longest, REST - 1)}
            if kind in (ASCII, TEXTS):
                lengths |= set(range(1, min(longest, REST)))
            for length in lengths:
                texts = ends[place + length] - ends[place]
                size = {ASCII: length, SAME: ends[place + 1] - ends[place], TEXTS: texts, SELF: 1, SHIFT: 4, PAIRS: 0}
                ways.append((1 + size[kind] + best[place + length][0], kind, length))
        best[place] = min(ways)
    made, place = b"", 0
    while place < 256:
        _, kind, length = best[place]
        count = REST if place + length == 256 else length
        made += bytes([kind << 5 | count - 1]) + _content(kind, actions[place : place + length])
        place += length
    return made


def _action(code: int) -> Item | str:
    """What a character becomes: one item that is not ASCII, or a text to read."""
    if code < 128:
        return ""  # never looked up
    found, folded = truth(chr(code)), tokens.fold(chr(code))
    if len(found) == 1 and folded == chr(code):
        return found[0]
    return "".join(part.casefold() if len(part.casefold()) > 1 else part for part in folded)


def _ways(actions: list[Item | str], place: int, code: int) -> list[tuple[int, int]]:
    """The kinds of run that can begin at a place, and how long each can be."""
    first = actions[place]
    if isinstance(first, str):
        ways = [
            (SAME, lambda n, action: action == first),
            (TEXTS, lambda n, action: isinstance(action, str)),
        ]
        if len(first) == 1 and first.isascii():
            ways += [
                (ASCII, lambda n, action: isinstance(action, str) and len(action) == 1 and action.isascii()),
                (SHIFT, lambda n, action: action == chr(ord(first) + n)),
            ]
    else:
        start = ord(first.character)
        ways = [(SHIFT, lambda n, action: action == Item(chr(start + n), first.kind))]
        if start == code:
            ways += [(SELF, lambda n, action: action == Item(chr(code + n), first.kind))]
        if first == Item(chr(code + 1), UPPER):
            ways += [(PAIRS, lambda n, action: action == Item(chr(code + (n | 1)), (UPPER, LOWER)[n % 2]))]
    after = actions[place:]
    return [(kind, next((n for n, a in enumerate(after) if not holds(n, a)), len(after))) for kind, holds in ways]


def _content(kind: int, actions: list[Item | str]) -> bytes:
    texts = [action for action in actions if isinstance(action, str)]
    if kind == ASCII:
        return "".join(texts).encode()
    if kind in (SAME, TEXTS):
        return _texts(texts if kind == TEXTS else texts[:1])
    if kind == PAIRS:
        return b""
    first = actions[0]
    item = Item(first, MARK) if isinstance(first, str) else first
    return (b"" if kind == SELF else ord(item.character).to_bytes(3, "big")) + bytes([item.kind])


def _texts(contents: list[str]) -> bytes:
    encoded = [content.encode() for content in contents]
    return b"".join(bytes([len(data)]) + data for data in encoded)


def _kind(character: str) -> int:
    if not character.isalnum():
        return SPACE if character.isspace() else MARK
    if character.isdecimal():
        return DIGIT
    if not character.isalpha():
        return OTHER
    if character.isupper():
        return UPPER
    return LOWER if character.islower() or unicodedata.category(character) == "Lt" else LETTER
