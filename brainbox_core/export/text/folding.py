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

from collections.abc import Iterable

from brainbox_core.export.text import folding_runs
from brainbox_core.export.text.folding_runs import (
    ASCII,
    LETTER,
    LOWER,
    PAGES,
    PAIRS,
    REST,
    SAME,
    SELF,
    SHIFT,
    TEXTS,
    UPPER,
    Item,
    item_of,
)

HANGUL = range(0xAC00, 0xD7A4)


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
        (True, False, 'café 一')
    """

    def __init__(self, names: Iterable[str] = ()):
        self._letters = set().union(*names)
        self.stranger = next(chr(c) for c in range(0x4E00, 0x9FFF) if chr(c) not in self._letters)
        own = {ord(letter) >> 8 for letter in self._letters if ord(letter) not in HANGUL}
        self._pages = sorted(own.union(*(range(first, last + 1) for first, last in PAGES)))
        self.directory: list[tuple[int, int]] = []
        self.runs = b""
        self._lay_out()

    def covers(self, character: str) -> bool:
        """Whether the device folds a character as `text` does."""
        code = ord(character)
        return code < 128 or code in HANGUL or (code >> 8 in self._pages and not folding_runs.strange(code))

    def covered(self) -> str:
        """The code points outside ASCII and Hangul where it is exact, in words."""
        spans: list[list[int]] = []
        for page in self._pages:
            if spans and spans[-1][1] == (page << 8) - 1:
                spans[-1][1] = (page << 8) + 255
            else:
                spans.append([max(page << 8, 128), (page << 8) + 255])
        codes = (code for first, last in spans for code in range(first, last + 1))
        strange = [code for code in codes if folding_runs.strange(code)]
        text = ", ".join(f"U+{first:04X}-{last:04X}" for first, last in spans)
        return text + (f", except for {', '.join(f'U+{code:04X}' for code in strange)}" if strange else "")

    def read(self, content: str) -> str:
        """A text with its strange characters as the device reads them."""
        if content.isascii():
            return content
        return "".join(letter if self.covers(letter) else self.stranger for letter in content)

    def items(self, character: str) -> list[Item]:
        """What a character becomes, from the table and not from Unicode: as the device sees it."""
        code = ord(character)
        if code < 128:
            return [item_of(character)]
        if code in HANGUL:
            lead, rest = divmod(code - HANGUL.start, 588)
            parts = [0x1100 + lead, 0x1161 + rest // 28, *([0x11A7 + rest % 28] if rest % 28 else [])]
            return [Item(chr(part), LETTER) for part in parts]
        kind, place, start = self._find(code)
        data = self.runs
        if kind in (SELF, SHIFT, PAIRS):
            return [self._single(code)]
        if kind == ASCII:
            content = data[place + code - start :][:1]
        else:
            for _ in range(code - start if kind == TEXTS else 0):
                place += data[place] + 1
            content = data[place + 1 : place + 1 + data[place]]
        return [item_of(part) if part.isascii() else self._single(ord(part)) for part in content.decode()]

    def _single(self, code: int) -> Item:
        kind, place, start = self._find(code)
        if kind == SELF:
            return Item(chr(code), self.runs[place])
        if kind == PAIRS:
            capital = not (code - start) % 2
            return Item(chr(code + capital), UPPER if capital else LOWER)
        first = int.from_bytes(self.runs[place : place + 3], "big")
        return item_of(chr(first + code - start), self.runs[place + 3])

    def _find(self, code: int) -> tuple[int, int, int]:
        """The kind of a code point's run, the place of the run's content, and the run's first code point."""
        place = max(entry for entry in self.directory if entry[0] <= code >> 8)[1]
        start = code & ~0xFF
        while True:
            kind, count = self.runs[place] >> 5, (self.runs[place] & 31) + 1
            place += 1
            if count == REST or code < start + count:
                return kind, place, start
            start += count
            place += self._length(kind, count, place)

    def _length(self, kind: int, count: int, place: int) -> int:
        if kind != TEXTS:
            return {ASCII: count, SAME: self.runs[place] + 1, SELF: 1, SHIFT: 4, PAIRS: 0}[kind]
        end = place
        for _ in range(count):
            end += self.runs[end] + 1
        return end - place

    def _lay_out(self) -> None:
        places: dict[bytes, int] = {}
        for page in range(0x1100):
            known = page in self._pages
            content = folding_runs.page(page, self.stranger) if known else folding_runs.same(self.stranger)
            if content not in places:
                places[content] = len(self.runs)
                self.runs += content
            if not self.directory or self.directory[-1][1] != places[content]:
                self.directory.append((page, places[content]))
