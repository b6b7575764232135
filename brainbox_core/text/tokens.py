"""From a message to its words: one pass over the characters, in time that grows with their number and nothing else.

First every character is folded, by itself: compatibility forms are taken apart (Unicode NFKD: ﬁ becomes fi, Ａ becomes
A, é becomes e and an accent), accents and invisible characters are removed, every currency sign becomes $, and the
Cyrillic and Greek letters that look Latin become Latin, for forged words are written with them. Then the text becomes

    words    runs of letters and digits, in lower case. An apostrophe inside is left out (don't: dont), and so is a dot
             or comma between two digits. A word with two or more digits gets a 0 for each: what a number says is how
             long it is. Of a word of more than 30 characters the first 30 count, and it also gives <long>.
    letters  of Chinese, Japanese, Thai, Lao, Khmer and Burmese, which put no spaces between words: each is a word of
             its own, and so are each two that follow each other.
    marks    runs of one and the same other character, written once or, if there are more, twice: ! !! ? .. $ :
             A word of three or more letters, all capitals, also gives <shout>. http, https, www, and a dot between a
             word and the end of an address (example.com) give <link>.

Words begin with a letter or a digit and marks never do: so they are told apart. Whoever changes any of this raises
`VERSION`, because a model only understands the tokens that it was trained on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

VERSION = 2
LONGEST = 30  # characters of a word that count
LINK, LONG, SHOUT = "<link>", "<long>", "<shout>"
ADDRESS_STARTS = frozenset({"http", "https", "www"})
ADDRESS_ENDS = frozenset({"biz", "co", "com", "eu", "gov", "info", "ly", "net", "org", "ru", "tv", "uk"})

TOGETHER = (  # first and last of the letters that stand together without spaces; no digit is among them
    (0xE01, 0xE30),  # Thai
    (0xE32, 0xE33),
    (0xE40, 0xE46),
    (0xE81, 0xEB0),  # Lao
    (0xEB2, 0xEB3),
    (0xEBD, 0xEC6),
    (0xEDC, 0xEDF),
    (0x1000, 0x102A),  # Burmese
    (0x103F, 0x103F),
    (0x1050, 0x1081),
    (0x1780, 0x17B3),  # Khmer
    (0x3005, 0x3007),  # signs of repetition, and a zero
    (0x3041, 0x3096),  # hiragana
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),  # katakana
    (0x30FC, 0x30FF),
    (0x3105, 0x312F),  # bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)

_LOOK_ALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХасеѕіјорхуһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧιονυ" + "‘’ʼ",  # Cyrillic, Greek, apostrophes
    "ABESIJKMHOPCTYXacesijopxyhdqw" + "ABEZHIKMNOPTYXiovu" + "'''",
)


class _Folding(dict):
    """What becomes of each character, for `str.translate`; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        # By itself: NFKD of a whole text also puts its accents in order, which can take quadratic time.
        parts = unicodedata.normalize("NFKD", chr(code)).translate(_LOOK_ALIKES)
        kept = "".join(part for part in parts if unicodedata.category(part) not in ("Mn", "Me", "Cf"))
        self[code] = folded = "$" if unicodedata.category(chr(code)) == "Sc" else kept
        return folded


_FOLDING = _Folding()
_RANGES = "".join(f"{chr(first)}-{chr(last)}" for first, last in TOGETHER)
_LETTER = r"[^\W_]"  # or a digit
_WORD = rf"[^\W_{_RANGES}]"
_TOGETHER = rf"[{_RANGES}](?<=\w)"
# No alternative gives back what it took (++), so no character is looked at more than a few times.
_PIECE = re.compile(
    rf"{_WORD}++(?:(?:'|(?<=\d)[.,](?=\d)){_WORD}++)*+"
    rf"|(?<={_LETTER})\.(?i:{'|'.join(sorted(ADDRESS_ENDS))})(?!'?{_WORD})"
    r"|([^\w\s]|_)\1*+"
    rf"|(?:{_TOGETHER})++"
)
_FIRST_TOGETHER = re.compile(_TOGETHER)
_JOINT = re.compile(r"[^\w]")
_DIGIT = re.compile(r"\d")


def tokenize(text: str) -> list[str]:
    """The words and marks of a text in its order. Nothing reaches over a space, so texts joined by one stay apart.

    Example:
        >>> tokenize("Don't miss it!!! WIN £1,000 at example.com")
        ['dont', 'miss', 'it', '!!', 'win', '<shout>', '$', '0000', 'at', 'example', '<link>', 'com']
    """
    return list(_tokens_of_text(text))


def is_word(token: str) -> bool:
    """Whether a token is a word and not a mark.

    Example:
        >>> is_word("free"), is_word("!!"), is_word("<link>")
        (True, False, False)
    """
    return token[0].isalnum()


def is_together(token: str) -> bool:
    """Whether a token is one or two letters of a script that puts no spaces between words.

    Example:
        >>> [token for token in tokenize("Free 免费 iPhone") if is_together(token)]
        ['免', '免费', '费']
    """
    return not token.isascii() and _FIRST_TOGETHER.match(token) is not None


def fold(text: str) -> str:
    """The text with its characters folded; capitals stay.

    Example:
        >>> fold("ＦREE Сafé €5")
        'FREE Cafe $5'
    """
    return text if text.isascii() else text.translate(_FOLDING)


class Memory(dict):
    """Remembers what was worked out for short texts: most come again. It begins anew when it holds too many parts.

    Args:
        work_out: from a text to its parts.
        most: how many parts are held.
    """

    def __init__(self, work_out: Callable[[Any], Sequence[str | int]], most: Callable[[], int]):
        self._work_out, self._most, self._held = work_out, most, 0

    def __missing__(self, text: Any) -> Sequence:
        parts = self._work_out(text)
        if len(text) <= LONGEST:
            self._held += 1 + len(parts)
            if self._held > self._most():
                self.clear()
                self._held = 1 + len(parts)
            self[text] = parts
        return parts


_MOST_REMEMBERED = 2**17


@lru_cache(maxsize=1)  # one message is looked at several times: for its features, its words, what each of them adds
def _tokens_of_text(text: str) -> tuple[str, ...]:
    return tuple([token for chunk in text.split() for token in _CHUNKS[chunk]])


def _tokens_of_chunk(chunk: str) -> tuple[str, ...]:
    """The tokens of what stands between two spaces; a character that is folded into several words has some inside."""
    parts = fold(chunk).split()
    if len(parts) > 1:
        return tuple([token for part in parts for token in _CHUNKS[part]])
    return tuple([token for match in _PIECE.finditer(parts[0]) for token in _PIECES[match[0]]]) if parts else ()


def _tokens_of_piece(piece: str) -> tuple[str, ...]:
    """A word or a mark in its plain form, and the marks that it also gives."""
    if not piece[0].isalnum():
        return (LINK, *_PIECES[piece[1:]]) if piece[1:2].isalnum() else (piece[:2],)
    if is_together(piece):
        pairs = (piece[place : place + size] for place in range(len(piece)) for size in (1, 2))
        return tuple(pairs)[:-1]
    word = (piece if piece.isalnum() else _JOINT.sub("", piece)).casefold()
    if not word.isalpha() and len(_DIGIT.findall(word)) >= 2:
        word = _DIGIT.sub("0", word)
    marks = [
        (LONG, len(word) > LONGEST),
        (SHOUT, piece.isupper() and sum(map(str.isalpha, piece)) >= 3),
        (LINK, word in ADDRESS_STARTS),
    ]
    return (word[:LONGEST], *(mark for mark, given in marks if given))


_CHUNKS = Memory(_tokens_of_chunk, lambda: _MOST_REMEMBERED)
_PIECES = Memory(_tokens_of_piece, lambda: _MOST_REMEMBERED)
