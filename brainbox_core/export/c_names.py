"""Text that goes into C source: identifiers, comments, strings and numbers. Nothing in it can become code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.files.reading import printable

LONGEST_NAME = 32  # of a prefix: with the longest ending a name stays within 63 characters
SIGNIFICANT = 63  # characters of a name that C99 promises to look at
LONGEST_STRING = 255  # bytes of one string; C99 promises 4,095 for a literal

# Of C up to C23 and C++ up to C++20, and what the headers around ours define or a program must not define.
_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace
new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try
typedef typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq main
null errno assert linux unix arm std stdin stdout stderr int8_t uint8_t int16_t uint16_t int32_t uint32_t int64_t
uint64_t size_t ptrdiff_t intptr_t uintptr_t intmax_t uintmax_t memcpy memset memmove memcmp offsetof
"""
_KEYWORDS = frozenset(_WORDS.split())
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def identifier(name: str) -> str:
    """The name itself, if every identifier of a header may begin with it.

    Two underscores in a row are reserved in C++, one at an end would make two. Capitals would let two names share their
    macros, which are in capitals.

    Raises:
        UsageError: it is no identifier, reserved, a keyword or a name of the standard library; the fix proposes one.

    Example:
        >>> identifier("digits")
        'digits'
        >>> identifier("my-net")
        Traceback (most recent call last):
        brainbox_core.errors.UsageError: `name`: "my-net" is no C identifier of small letters, digits and single
        underscores; try my_net
    """
    fix = f"try {cleaned(name)}"
    if len(name) > LONGEST_NAME:
        raise UsageError(
            f"is {len(name):,} characters long", where="`name`", expected=f"at most {LONGEST_NAME}", fix=fix
        )
    if not _IDENTIFIER.fullmatch(name):
        what = f'"{printable(name)}" is no C identifier of small letters, digits and single underscores'
        raise UsageError(what, where="`name`", fix=fix)
    if name in _KEYWORDS:
        raise UsageError(f'"{name}" already means something in C or C++', where="`name`", fix=fix)
    return name


def cleaned(text: str) -> str:
    """The identifier nearest to any text, such as a file's name.

    Example:
        >>> cleaned("my-net"), cleaned("3d"), cleaned("int"), cleaned("é"), cleaned("")
        ('my_net', 'net_3d', 'net_int', 'e', 'net')
    """
    words = [word for word in re.split(r"[^a-z0-9]+", _plain(text).lower()) if word]
    if not words or words[0][0].isdigit() or "_".join(words) in _KEYWORDS:
        words.insert(0, "net")
    return "_".join(words)[:LONGEST_NAME].strip("_")


def constants(texts: Iterable[Foreign], longest: int) -> list[str]:
    """Endings for the names of macros, made of texts such as the columns of a table; no two are equal.

    Args:
        texts: any.
        longest: how many characters an ending has at most.

    Example:
        >>> constants(map(Foreign, ["price per m2", "Price-per-m2", "4", "é/", "??"]), 20)
        ['PRICE_PER_M2', 'PRICE_PER_M2_2', '4', 'E', 'X']
    """
    found: list[str] = []
    for text in texts:
        base = re.sub(r"[^A-Z0-9]+", "_", _plain(text.plain()).upper()).strip("_")[:longest].strip("_") or "X"
        word, number = base, 1
        while word in found:
            number += 1
            word = f"{base[: longest - len(str(number)) - 1].rstrip('_')}_{number}"
        found.append(word)
    return found


def _plain(text: str) -> str:
    """A text without accents, as far as a name may come from it."""
    return "".join(c for c in unicodedata.normalize("NFKD", text[: 8 * LONGEST_NAME]) if not unicodedata.combining(c))


class Foreign:
    """A text from data or from a file, which anybody may have written.

    It enters C only as the inside of a comment, as a string literal, or as the end of a macro's name (`constants`).
    `str()` and an f-string raise TypeError: who forgets to escape it gets an error, and writes no code.

    Example:
        >>> target = Foreign("a*/ int main(){} /*")
        >>> f"/* {target.comment()} */"
        '/* a* / int main(){} / * */'
        >>> f"/* {target} */"
        Traceback (most recent call last):
        TypeError: a text from data enters C as .comment() or .string(), not as it is
    """

    __slots__ = ("_text",)

    def __init__(self, text: object):
        self._text = str(text)

    def __str__(self) -> str:
        raise TypeError("a text from data enters C as .comment() or .string(), not as it is")

    def __format__(self, form: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        return "Foreign(...)"  # as `!r` writes it into an f-string: without the text

    @property
    def size(self) -> int:
        """Bytes in UTF-8."""
        return len(self._bytes)

    @property
    def _bytes(self) -> bytes:
        return self._text.encode("utf-8", "backslashreplace")

    def plain(self) -> str:
        """The text itself, for what escapes it in its own way: JSON, a table's columns."""
        return self._text

    def shown(self, limit: int) -> str:
        """For a terminal; see `printable`."""
        return printable(self._text, limit)

    def comment(self, limit: int = 200) -> str:
        r"""For the inside of a comment: one line of ASCII that cannot end it, nest another, or continue the line.

        A compiler joins a line to the next after a backslash, even if blanks come after it.

        Example:
            >>> print(Foreign("a??/").comment(), Foreign("b\\ \\ ").comment(), Foreign("**//").comment())
            a? ?/ b ** //
        """
        return _harmless(self.shown(limit))

    def string(self) -> str:
        r"""A string literal with the bytes of the text in UTF-8, at most 255 of them (whole characters).

        What is not a plain character becomes octal, three digits, so that no digit after it can join in. Question marks
        are octal too: two of them may begin a trigraph.

        Example:
            >>> print(Foreign('7 "seven"\n').string(), Foreign("??/").string())
            "7 \042seven\042\012" "\077\077/"
        """
        data = self._bytes
        if len(data) > LONGEST_STRING:
            data = data[: LONGEST_STRING - 3].decode("utf-8", "ignore").encode() + b"..."
        plain = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in data)
        return f'"{plain}"'


def comment(*lines: str) -> str:
    """A comment of one line, or of several with a star before each.

    Every line is made harmless once more, as a whole: texts that cannot end a comment could do so side by side.

    Example:
        >>> print(comment("one */"), comment("two", "lines"), sep="", end="")
        /* one * / */
        /*
         * two
         * lines
         */
    """
    safe = [_harmless(line) for line in lines]
    if len(safe) == 1:
        return f"/* {safe[0]} */\n"
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in safe) + " */\n"


def _harmless(text: str) -> str:
    """One line of ASCII that cannot end a comment, nest another, or continue the line."""
    line = printable(text, 10 * len(text)).encode("ascii", "backslashreplace").decode()
    line = line.replace("*/", "* /").replace("/*", "/ *")
    return re.sub(r"\\[\\\s]*\Z", "", re.sub(r"\?(?=\?)", "? ", line))


def included(path: str) -> str:
    """The path itself, if a header of that path can be included by `#include "..."`.

    Raises:
        UsageError: it has other characters than plain ones, or some that mean something there.

    Example:
        >>> included("../net.h")
        '../net.h'
    """
    if re.search(r'[^ -~]|["\\]|\?\?', path):
        what = "is no name that every C compiler can include"
        raise UsageError(what, where=printable(path), fix="name it in plain letters")
    return path


def float_literal(value: float) -> str:
    """The shortest float literal that a C compiler reads as this float32; the value is finite.

    Example:
        >>> float_literal(0.1), float_literal(-0.0), float_literal(1e-45)
        ('0.1f', '-0.0f', '1e-45f')
    """
    return str(np.float32(value)) + "f"


def table(literals: Iterable[str], indent: str = "    ", width: int = 120) -> str:
    """The inside of an array's initialiser, broken into lines.

    Example:
        >>> print(table(["1", "2", "3"], indent="", width=6))
        1, 2,
        3
    """
    lines, line = [], indent
    for literal in literals:
        if len(line) + len(literal) + 1 > width and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += literal + ", "
    lines.append(line.rstrip().rstrip(","))
    return "\n".join(lines)
