"""C files of this package with words filled in: `.h.in` becomes a part of a header, `.c` and `.ld` a program beside it.

NAME_ UPPER_            the prefix of every identifier, and the same in capitals
<WORD>                  a word of the caller; on a line of its own it stands for whole lines, or for none
<IF WORD> ... <END>     lines that are there if the word is true; <IF NOT WORD> if it is not
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_BLOCK = re.compile(r"^<IF( NOT)? (\w+)>\n(.*?)^<END>\n", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"^<([A-Z]\w*)>\n|<([A-Z]\w*)>|\b(NAME|UPPER)(?=_)", re.MULTILINE)


def filled(file: str, name: str = "", **words: object) -> str:
    r"""The text of a file, filled in at one go: what is filled in is not looked at again.

    Args:
        file: its path beneath `export`.
        name: the prefix.
        words: in small letters. A text from data (`c_names.Foreign`) is none: it raises TypeError.

    Raises:
        KeyError: the file has a word that is not given.

    Example:
        >>> print(filled("tabular/log.h.in", "net"))
        v = net_log(v);
    """
    words = {"name": name, "upper": name.upper(), **words}
    text = _BLOCK.sub(lambda block: block[3] if bool(words[block[2].lower()]) != bool(block[1]) else "", _read(file))
    return _WORD.sub(lambda found: str(words[next(filter(None, found.groups())).lower()]), text)


@cache
def _read(file: str) -> str:
    return (Path(__file__).parent / file).read_text(encoding="ascii")
