"""An output stream as people see it: lines that stay, and below them, on a terminal, one live line.

The only module of the library that writes to a stream, and only when it is asked to.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from brainbox_core.files.reading import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

REFRESH = 0.2  # seconds between two drawings of the live line
REPORT = 4.0  # seconds between two plain lines about long work, where there is no terminal
TICK = 1.0  # seconds after which the line of work that says nothing is looked at
BAR = 24  # columns
MAX_LINE = 10_000  # characters of one text; what is longer is cut and says so

Part = str | tuple[str, str]  # a text, or a text and its Rich style such as "bold green"


class Screen:
    """One output stream: lines that stay, and one live line below them where the stream is a terminal.

    Text is printed as it is: never as markup, control characters escaped. Without a terminal (a pipe, a file,
    TERM=dumb) nothing but plain lines reaches the stream. NO_COLOR and FORCE_COLOR change colours only.

    Args:
        stream: where to write.

    Example:
        >>> import sys
        >>> Screen(sys.stdout).print("accuracy ", ("97.1%", "bold"), " [not markup]")
        accuracy 97.1% [not markup]
    """

    def __init__(self, stream: TextIO):
        self.stream = stream
        # A terminal that knows no escape sequences is written to as a file is.
        self.animated = stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")
        wanted = self.animated or bool(os.environ.get("FORCE_COLOR"))
        self.colour = wanted and not os.environ.get("NO_COLOR")
        self._live: Live | None = None
        self._drawing = threading.RLock()  # the line of work that says nothing is drawn by a thread of its own

    @cached_property
    def unicode(self) -> bool:
        """Whether bars and arrows can be written in the stream's encoding."""
        try:
            "▁█━─↑↓".encode(getattr(self.stream, "encoding", None) or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    @property
    def width(self) -> int:
        """Columns of the terminal now; practically without end where there is none."""
        if not self.animated:
            return sys.maxsize
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def print(self, *parts: Part, wrap: bool = False) -> None:
        """Write one line that stays, above the live line.

        Args:
            parts: texts, some with a style.
            wrap: break a line that is too long for the terminal between words. Otherwise the terminal breaks it,
                anywhere; a command or a path that goes over two lines can still be copied then.
        """
        pieces = list(map(_safe, parts))
        if self.animated or self.colour:
            from rich.text import Text

            self._sized_console().print(Text.assemble(*pieces), soft_wrap=not (wrap and self.animated))
        else:
            self.stream.write("".join(text for text, _ in pieces) + "\n")
            self.stream.flush()

    def row(self, cells: Sequence[Part], widths: Sequence[int]) -> None:
        """Write one row of a table that stays: each cell at the right end of its column, and never cut."""
        styled = list(map(_safe, cells))
        widths = [max(width, len(text)) for (text, _), width in zip(styled, widths, strict=True)]
        if not (self.animated or self.colour):
            self.print(*(text.rjust(width) for (text, _), width in zip(styled, widths, strict=True)))
            return
        from rich.table import Table
        from rich.text import Text

        table = Table.grid()
        for width in widths:
            table.add_column(width=width, justify="right", no_wrap=True)
        table.add_row(*(Text(text, style) for text, style in styled))
        table.width = sum(widths)  # also on a terminal that is narrower
        self._sized_console().print(table, crop=False)

    def show(self, *parts: Part) -> None:
        """Draw or replace the live line; nothing where the stream is not a terminal."""
        self.show_lines([parts])

    def show_lines(self, lines: Sequence[Sequence[Part]]) -> None:
        """Draw or replace a live picture of several lines, at most as many as the terminal has."""
        if not self.animated:
            return
        from rich.text import Text

        picture = Text("\n").join(Text.assemble(*map(_safe, parts)) for parts in lines)
        picture.no_wrap, picture.overflow = True, "crop"
        self._draw(picture)

    def show_gauge(self, label: str, done: int, total: int, *details: str, left: float | None = None) -> None:
        """Draw or replace the live line: label, bar, count, details and time left, as many as the width takes.

        Args:
            label: what is being done.
            done: how much of it.
            total: how much there is in all; 0 if nobody knows.
            details: what else is worth seeing, the most important first.
            left: seconds until the end, if they can be told.
        """
        count = f"{done:,}/{total:,}" if total else f"{done:,}"
        texts = [label, count, *details] + ([] if left is None else [f"{_clock(left)} left"])
        room = self.width - 1  # the last column stays free: some terminals wrap as soon as it is filled
        while texts and len("  ".join(texts)) > room:
            texts.pop()
        parts: list[Part] = []
        for text, style in zip(texts, ["bold", "cyan", *[""] * len(texts)], strict=False):
            parts += ["  " if parts else "", (text, style)]
        size = min(BAR, room - len("  ".join(texts)) - 2)
        if texts and total and size >= 4:
            # Not Rich's bar: without colours that leaves the part blank that is not done.
            full = min(size, size * done // total)
            on, off = ("━", "━" if self.colour else "─") if self.unicode else ("#", "-")
            parts[2:2] = ["  ", (on * full, "green"), (off * (size - full), "bright_black")]
        self.show(*parts)

    def _draw(self, picture: RenderableType) -> None:
        from rich.live import Live

        console = self._sized_console()
        with self._drawing:
            if self._live is None:
                self._live = Live(
                    console=console,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
            self._live.update(picture, refresh=True)

    def hide(self) -> None:
        """Take the live line away."""
        with self._drawing:
            if self._live is not None:
                self._live.stop()
                self._live = None

    @contextmanager
    def working(self, label: str) -> Iterator[Work]:
        """Show a live line while work goes on that is not training, such as loading or downloading.

        It moves also while the work itself says nothing. Without a terminal there is a plain line every few seconds.

        Args:
            label: what is being done: `downloading mnist`.

        Yields:
            A function to call with what is done and how much there is in all (0 if unknown), as often as one likes.
        """
        work = Work(self, label)
        ended = threading.Event()

        def keep_moving() -> None:
            with suppress(OSError):  # nobody reads on: the work itself finds out with its next line
                while not ended.wait(TICK):
                    work.show()

        thread = threading.Thread(target=keep_moving, daemon=True)
        thread.start()
        try:
            yield work
        finally:
            ended.set()
            thread.join()
            self.hide()

    def _sized_console(self) -> Console:
        if self.animated:
            self._console.width = self.width  # Rich would believe COLUMNS, which may be wrong or old
        return self._console

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        class PipeConsole(Console):
            def on_broken_pipe(self) -> None:  # Rich would leave the program with a code of its own
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

        return PipeConsole(
            file=self.stream,
            force_terminal=True,
            force_interactive=self.animated,
            no_color=not self.colour,
            highlight=False,
            markup=False,
            emoji=False,
        )


class Work:
    """Where a piece of long work is; to be called with what is done and how much there is in all."""

    def __init__(self, screen: Screen, label: str):
        self._screen = screen
        self.begin(label)

    def begin(self, label: str) -> None:
        """Go on to another part of the work, which nothing is known of yet."""
        self._label, self._done, self._total = label, 0, 0
        self._begin = time.perf_counter()
        self._due = self._begin + (REFRESH if self._screen.animated else REPORT)
        self._screen.show((label, "bold"), " ...")

    def __call__(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self.show()

    def show(self) -> None:
        """Draw the live line or write a plain one, if it is time for that."""
        screen, now = self._screen, time.perf_counter()
        done, total, taken = self._done, self._total, now - self._begin
        if now < self._due:
            return
        self._due = now + (REFRESH if screen.animated else REPORT)
        if not screen.animated:
            where = f"{done / total:.0%}" if total else f"{done:,}" if done else f"{taken:.0f} s"
            screen.print(self._label, f": {where}")
        elif done or total:
            screen.show_gauge(self._label, done, total, left=(total - done) * taken / done if done else None)
        else:
            screen.show((self._label, "bold"), f" ...  {_clock(taken)}")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _safe(part: Part) -> tuple[str, str]:
    """A text that no terminal takes for a command, and its style."""
    text, style = (part, "") if isinstance(part, str) else part
    return printable(text, MAX_LINE), style
