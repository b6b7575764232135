"""Text as whole numbers: reading it, and the table of the characters that a model knows.

A character is a Unicode code point. Line ends are read as "\\n" whatever the file has, a byte order mark is dropped.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import kind_of, printable, read_regular
from brainbox_core.files.text import MARKS

MOST_BYTES = 100_000_000  # of a text: more than a network of this kind can learn, and little enough for any memory
MOST_CHARACTERS = 1000  # that a model tells apart
OTHER = "\N{REPLACEMENT CHARACTER}"  # stands for all characters beyond those


class Text(NamedTuple):
    """A text as it is learned from, where it came from, and the SHA-256 of its bytes."""

    characters: str
    name: str
    sha256: str


def read_text(source: str | os.PathLike | BinaryIO) -> Text:
    """Read a UTF-8 text.

    Args:
        source: a file, or a binary stream such as standard input.

    Raises:
        InputError: it is missing, empty, too large, not a text, or not UTF-8.
    """
    if isinstance(source, str | os.PathLike):
        name, content = printable(source), read_regular(source, MOST_BYTES)
    else:
        name, content = "standard input", source.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            what = f"is too large: at most {MOST_BYTES:,} bytes are read"
            raise InputError(what, where=name, fix="take a part of it")
    return Text(_decoded(content, name), name, hashlib.sha256(content).hexdigest())


def _decoded(content: bytes, name: str) -> str:
    if not content:
        raise InputError("is empty", where=name, fix="name a text to learn from")
    encoding = next((encoding for mark, encoding in MARKS if content.startswith(mark)), "utf-8")
    if not encoding.startswith("utf-8"):
        raise InputError(f"is {encoding.upper()}, not UTF-8", where=name, fix="save it as UTF-8")
    kind = kind_of(content[:32].ljust(12))
    if kind and kind not in ("a web page", "an XML or SVG file"):  # those are texts, too
        raise InputError(f"is {kind}, not a text", where=name, fix="name a text file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8: byte 0x{content[error.start]:02x} does not belong there"
        raise InputError(what, where=f"{name} line {line}", fix="save the text as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError("holds a NUL, so it is no text", where=f"{name} line {line}", fix="name a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Alphabet:
    """The characters that a model knows, numbered from 0 in the order of their code points.

    Args:
        characters: one code point each, all different.

    Example:
        >>> alphabet = Alphabet("abn")
        >>> alphabet.ids("banana"), alphabet.text([1, 0, 2])
        (array([1, 0, 2, 0, 2, 0], dtype=uint16), 'ban')
    """

    def __init__(self, characters: Sequence[str]):
        self.characters = tuple(characters)
        self.numbers = {character: number for number, character in enumerate(self.characters)}
        if len(self.numbers) != len(self.characters):
            raise ValueError("characters of an alphabet are all different")

    @classmethod
    def of(cls, text: str, most: int = MOST_CHARACTERS, always: str = "") -> Alphabet:
        """The alphabet of a text; if it has more than `most` characters, the rarest share the number of U+FFFD.

        Args:
            text: any.
            most: characters that are told apart, U+FFFD included.
            always: characters that have a number of their own however rare they are.

        Example:
            >>> Alphabet.of("to be or not").characters
            (' ', 'b', 'e', 'n', 'o', 'r', 't')
            >>> Alphabet.of("to be or not", most=4).characters
            (' ', 'o', 't', '\ufffd')
        """
        counts = Counter(text)
        kinds = {*counts, *always}
        if len(kinds) > most:
            given = {*always, OTHER}
            common = sorted(kinds - given, key=lambda character: (-counts[character], character))
            kinds = {*common[: most - len(given)], *given}
        return cls(sorted(kinds))

    def __len__(self) -> int:
        return len(self.characters)

    def ids(self, text: str) -> np.ndarray:
        """The numbers of the characters, (n,) of uint16; those of unknown ones are that of U+FFFD.

        Raises:
            InputError: a character is unknown, and U+FFFD is, too; the error names it.
        """
        unknown = len(self)
        table = np.full(sys.maxunicode + 1, self.numbers.get(OTHER, unknown), np.uint16)
        table[[ord(character) for character in self.characters]] = np.arange(unknown)
        ids = table[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)]
        if OTHER not in self.numbers and (places := np.flatnonzero(ids == unknown)).size:
            raise InputError(f"the model does not know the character {named(text[places[0]])}")
        return ids

    def text(self, ids: Sequence[int] | np.ndarray) -> str:
        """The characters of numbers."""
        return "".join(self.characters[number] for number in ids)


def named(character: str) -> str:
    """A character so that nobody can mistake it.

    Example:
        >>> named("z"), named("\\n")
        ("'z' (U+007A)", "'\\\\n' (U+000A)")
    """
    return f"'{printable(character)}' (U+{ord(character):04X})"


# --- what can be known of the next character by counting ---------------------------------------------------------
# Bits per character are the mean of -log2 of the probability that was given to what came (Shannon 1951). Every count
# begins at 1, so that nothing is impossible (Laplace's rule).


def unigram_bits(train: np.ndarray, text: np.ndarray, size: int) -> float:
    """Bits per character for one who knows how often each character comes.

    Args:
        train: (n,) the characters to count, as numbers from 0.
        text: (m,) the characters to predict, all but the first.
        size: how many different characters there are.

    Example:
        >>> round(unigram_bits(np.array([0, 0, 0, 1]), np.array([1, 0, 1]), 2), 4)
        1.085
    """
    counts = np.bincount(train, minlength=size) + 1
    return float(-np.log2(counts / counts.sum())[text[1:]].mean())


def bigram_bits(train: np.ndarray, text: np.ndarray, size: int) -> float:
    """Bits per character for one who also knows the character before.

    Example:
        >>> round(bigram_bits(np.array([0, 1] * 50), np.array([0, 1, 0]), 2), 4)
        0.0283
    """
    pairs = np.bincount(train[:-1].astype(np.intp) * size + train[1:], minlength=size * size).reshape(size, size) + 1
    bits = -np.log2(pairs / pairs.sum(axis=1, keepdims=True))
    return float(bits[text[:-1], text[1:]].mean())
