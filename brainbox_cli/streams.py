"""Standard output that is written whole or fails, and standard error whose failure costs nothing."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO, cast


class _Whole(io.RawIOBase):
    """A raw stream that takes all the bytes it is given, however few the system takes at once.

    With PYTHONUNBUFFERED Python's own text streams write straight to the system, and do not look at how much of it was
    taken: on a disk that fills up, or in a pipe that does not block, the rest is lost.
    """

    def __init__(self, raw: io.RawIOBase):
        self._raw = raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            written = self._raw.write(rest)
            if written is None:  # a pipe that does not block, and is full
                select.select([], [self._raw.fileno()], [])
            else:
                rest = rest[written:]
        return size


class _Expendable(_Whole):
    """A stream for what is said beside the answer: where it cannot be written, the answer still can."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data).cast("B"))


def take_over() -> None:
    """Replace standard output and standard error by streams that keep the promises above.

    Raises:
        BrokenPipeError: the caller closed standard output.
    """
    if sys.stderr is None:  # closed by the caller; whatever file is opened next would become standard error
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    else:
        sys.stderr = _wrapped(sys.stderr, _Expendable)
    if sys.stdout is None:
        raise BrokenPipeError
    sys.stdout = _wrapped(sys.stdout, _Whole)


def discard() -> None:
    """Nobody reads standard output on: what is still buffered goes nowhere, instead of failing when Python ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wrapped(stream: TextIO, kind: type[_Whole]) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):  # a stand-in of a test or a notebook
        return stream
    buffered = isinstance(stream.buffer, io.BufferedWriter)
    whole = kind(cast("io.RawIOBase", stream.buffer.raw if buffered else stream.buffer))
    return io.TextIOWrapper(
        io.BufferedWriter(whole) if buffered else cast("io.BufferedWriter", whole),
        encoding=stream.encoding,
        errors="backslashreplace",  # any name can be shown in any encoding
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
