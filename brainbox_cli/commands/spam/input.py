"""Messages from standard input, one a line, answered as they come and never more of them held than one block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from brainbox_core.errors import InputError

LONGEST = 2**20  # bytes of one message
BLOCK = 2**16  # bytes
WHERE = "standard input"


def messages_from(stream: BinaryIO, note: Callable[[str], None]) -> Iterator[list[str | InputError]]:
    r"""The messages of a stream, one a line, as many at a time as have arrived.

    Args:
        stream: bytes in UTF-8, or else Windows-1252.
        note: is told of the first line that is not UTF-8.

    Returns:
        Blocks of messages; in the place of one that holds a NUL character stands why.

    Raises:
        InputError: there are none, or one is over 1 MiB long.

    Example:
        >>> import io
        >>> list(messages_from(io.BytesIO(b"hello\r\n\nyou won\n"), print))
        [['hello', '', 'you won']]
    """
    number, rest, told = 0, b"", False

    def decode(line: bytes, number: int) -> str | InputError:
        nonlocal told
        if len(line) > LONGEST:
            return _too_long(number)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        where = f"{WHERE} line {number}"
        if b"\0" in line:
            fix = "pipe text in UTF-8 into the command, a message a line"
            return InputError("holds a NUL character: this is no text", where=where, fix=fix)
        line = line.removesuffix(b"\r")
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            if not told:
                note(f"{where}: byte 0x{line[error.start]:02x} is not UTF-8; such lines are read as Windows-1252")
                told = True
            return line.decode("cp1252", errors="replace")

    while block := stream.read1(BLOCK):  # type: ignore[attr-defined]  # which all buffered streams have
        *lines, rest = (rest + block).split(b"\n")
        yield [decode(line, number + place) for place, line in enumerate(lines, 1)]
        number += len(lines)
        if len(rest) > LONGEST:  # whether it ever ends nobody knows
            raise _too_long(number + 1)
    if rest:
        number += 1
        yield [decode(rest, number)]
    if not number:
        raise InputError("there are no messages", where=WHERE, fix="pipe messages into the command, one a line")


def _too_long(number: int) -> InputError:
    what = f"the message is too long (over {LONGEST:,} bytes)"
    return InputError(what, where=f"{WHERE} line {number}", fix="put one message on each line")
