"""Running a command in this process, a thousand times a second cheaper than in one of its own, and judging its end."""

from __future__ import annotations

import functools
import io
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import typer.main

from brainbox_cli.app import _command
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.reporter import Reporter

# A command that is built once and not anew for each input: that took most of the time.
_get_command = functools.cache(typer.main.get_command)
LIMIT = 5  # seconds of computing after which an input has hung
WAITING = 60  # seconds on the clock, which a busy machine may take
LONGEST = 300  # characters of a line of an error, beside what was typed
NOT_FINITE = re.compile(r"(?<![\w.])[+-]?(nan|inf|infinity)(?![\w.])", re.IGNORECASE)


class Finding(AssertionError):  # noqa: N818  # not of the program, but about it
    """What no input may lead to."""


class _Hung(BaseException):
    """Raised where an input has taken too long; no `except Exception` on the way may swallow it."""


class Ended:
    """How a command ended: its code and what it wrote."""

    def __init__(self, code: ExitCode, out: bytes, err: str):
        self.code, self.out, self.err = code, out, err


def run(words: list[str], stdin: bytes = b"") -> Ended:
    """Run a command as its entry point does."""
    out, err = io.BytesIO(), io.StringIO()
    streams = sys.stdin, sys.stdout, sys.stderr
    with warnings.catch_warnings(), mock.patch.object(typer.main, "get_command", _get_command):
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8", errors="surrogateescape")
        sys.stdout, sys.stderr = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace"), err
        try:
            warnings.simplefilter("default")  # as it is outside the tests: a note beside the answer
            reporter = Reporter(words)
            warnings.showwarning = lambda message, *rest: reporter.warn(str(message))
            code = _command(words, reporter)
            reporter.finish(code)
            reporter.print_document()
        finally:
            sys.stdout.flush()
            sys.stdout.detach()  # else it would close what was written to
            sys.stdin, sys.stdout, sys.stderr = streams
    return Ended(code, out.getvalue(), err.getvalue())


def judged(words: list[str], stdin: bytes = b"", says_nan: bool = False) -> Ended:
    """Run a command and hold it to what is promised for any input.

    Args:
        says_nan: whether the input itself holds such words, which may then be shown.

    Raises:
        Finding: it ended with 1, hung, showed NaN as an answer, or told an error otherwise than in two lines.
    """
    try:
        with _alarm():
            ended = run(words, stdin)
    except _Hung:
        raise Finding("it hangs") from None
    asked = {"-v", "--verbose"} & set(words)  # then a mistake of the user's comes with its traceback, too
    if ended.code == ExitCode.BUG or ("Traceback" in ended.err and not asked):
        raise Finding(ended.err[-3000:])
    answered = ended.code in (ExitCode.OK, ExitCode.GATE)
    found = None if says_nan else NOT_FINITE.search(ended.out.decode("utf-8", "replace"))
    if answered and found:
        raise Finding(f"shows {found[0]!r} as an answer: {ended.out[-500:]!r}")
    told = [line for line in ended.err.split("\n") if line.startswith(("error: ", "hint: "))]
    errors = sum(line.startswith("error: ") for line in told)
    if (not errors and not answered) or len(told) != 2 * errors:
        raise Finding(f"code {ended.code} without its two lines: {ended.err[-500:]!r}")
    for line in told:
        if len(line) > LONGEST + max(map(len, words), default=0) or not line.isprintable():
            raise Finding(f"{len(line)} characters: {line!r}")
    return ended


@contextmanager
def _alarm() -> Iterator[None]:
    def hung(*_):
        raise _Hung

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, LIMIT), (signal.SIGALRM, signal.ITIMER_REAL, WAITING))
    before = [signal.signal(number, hung) for number, *_ in timers]
    for _, timer, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and the time of its last change."""
    found = {}
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    status = entry.stat(follow_symlinks=False)
                    found[entry.path] = status.st_size, status.st_mtime_ns
    return found
