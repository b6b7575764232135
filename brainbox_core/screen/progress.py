"""What long work shows: rows that stay, and below them, on a terminal, one live line.

The only module of the library that writes to a stream, and only when it is asked to:

    model.fit(X, y, epochs=5, callbacks=[bb.callbacks.Progress()])
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TextIO

from brainbox_core.files.reading import printable
from brainbox_core.model.callbacks import Callback, lower_is_better
from brainbox_core.screen.display import number

REFRESH = 0.2  # seconds between two drawings of the live line
REPORT = 10.0  # seconds between two plain lines about long work, where there is no terminal
BAR = 24  # columns
FAILED = "  failed"  # behind the row of an epoch
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
        self._live = None

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
        pieces = [(printable(text, MAX_LINE), style) for text, style in map(_styled, parts)]
        if self.animated or self.colour:
            from rich.text import Text

            if self.animated:
                self._console.width = self.width  # Rich would believe COLUMNS, which may be wrong or old
            self._console.print(Text.assemble(*pieces), soft_wrap=not (wrap and self.animated))
        else:
            self.stream.write("".join(text for text, _ in pieces) + "\n")
            self.stream.flush()

    def show(self, *parts: Part) -> None:
        """Draw or replace the live line; nothing where the stream is not a terminal."""
        self.show_lines([parts])

    def show_lines(self, lines: Sequence[Sequence[Part]]) -> None:
        """Draw or replace a live picture of several lines, at most as many as the terminal has."""
        if not self.animated:
            return
        from rich.live import Live
        from rich.text import Text

        self._console.width = self.width
        pieces = [[(printable(text, MAX_LINE), style) for text, style in map(_styled, parts)] for parts in lines]
        picture = Text("\n").join(Text.assemble(*line) for line in pieces)
        picture.no_wrap, picture.overflow = True, "crop"
        if self._live is None:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(picture, refresh=True)

    def hide(self) -> None:
        """Take the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def working(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Show a live line while work goes on that is not training, such as loading or downloading.

        Args:
            label: what is being done: `downloading mnist`.

        Yields:
            A function to call with what is done and how much there is in all (0 if unknown), as often as one likes.
        """
        begin = time.perf_counter()
        due = begin + (REFRESH if self.animated else REPORT)

        def report(done: int, total: int) -> None:
            nonlocal due
            now = time.perf_counter()
            if now < due:
                return
            if self.animated:
                due = now + REFRESH
                left = (total - done) * (now - begin) / done if done else None
                self.show(*self.gauge(label, done, total, left=left))
            else:
                due = now + REPORT
                self.print(label, f": {done / total:.0%}" if total else f": {done:,}")

        self.show((label, "bold"), " ...")
        try:
            yield report
        finally:
            self.hide()

    def gauge(self, label: str, done: int, total: int, *details: str, left: float | None = None) -> list[Part]:
        """The parts of a live line: label, bar, count, details and time left, as many as the width takes."""
        count = f"{done:,}/{total:,}" if total else f"{done:,}"
        clock = [] if left is None else [f"{_clock(left)} left"]
        texts = [label, count, *details, *clock]
        room = self.width - 1  # the last column stays free: some terminals wrap as soon as it is filled
        while texts and len("  ".join(texts)) > room:
            texts.pop()
        if not texts:
            return []
        parts: list[Part] = [(texts[0], "bold")]
        size = min(BAR, room - len("  ".join(texts)) - 2)
        if total and size >= 4:
            full = min(size, size * done // total)
            on, off = ("━", "━" if self.colour else "─") if self.unicode else ("#", "-")
            parts += ["  ", (on * full, "green"), (off * (size - full), "bright_black")]
        for text in texts[1:]:
            parts += ["  ", (text, "cyan" if text == count else "")]
        return parts

    @cached_property
    def _console(self):
        from rich.console import Console

        console = Console(
            file=self.stream,
            force_terminal=True,
            force_interactive=self.animated,
            no_color=not self.colour,
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.on_broken_pipe = _broken_pipe  # Rich would leave the program with a code of its own
        return console


class Progress(Callback):
    """Show training: one row per epoch and, on a terminal, a live line with the epoch's progress.

    Columns are the numbers that `fit` reports, whatever they are; a terminal too narrow for all of them loses columns
    from the right, never digits. Values that are the best so far are highlighted, and an arrow shows where the last
    one moved. An epoch whose logs hold a true `failed` is marked: its model is of no use, whatever its figures say.

    Args:
        stream: where to write, or a `Screen`; standard output if not given.
        live: whether to draw the live line; without it there are only the rows.

    Example:
        >>> progress = Progress()
        >>> progress.on_train_begin(None, {"epochs": 2, "batches": 10, "epoch": 0})
        >>> logs = {"epoch": 1, "train_loss": 0.5127, "val_accuracy": 0.912, "lr": 0.001, "time_s": 0.6}
        >>> progress.on_epoch_end(None, logs)
        epoch  train_loss  val_acc       lr    time
            1      0.5127   91.20%   0.0010    0.6s
    """

    def __init__(self, stream: TextIO | Screen | None = None, live: bool = True):
        self._stream, self._live = stream, live
        self._screen: Screen | None = None

    def on_train_begin(self, model: object, logs: Mapping) -> None:
        stream = sys.stdout if self._stream is None else self._stream
        self._screen = stream if isinstance(stream, Screen) else Screen(stream)
        self._epochs, self._batches = logs["epochs"], logs["batches"]
        self._before = logs.get("epoch", 0)
        self._columns: list[tuple[str, str, int]] = []  # name, title, width
        self._best: dict[str, float] = {}
        self._last: float | None = None
        self._begin = time.perf_counter()
        self._due = 0.0
        self._draw(self._before + 1, 0, 0.0, None)

    def on_batch_end(self, model: object, logs: Mapping) -> None:
        # A step of a small network takes half a millisecond: look at the clock, and nothing more most of the time.
        if self._screen.animated and (now := time.perf_counter()) >= self._due:
            self._draw(logs["epoch"], logs["batch"], now, logs["train_loss"])

    def on_epoch_end(self, model: object, logs: Mapping) -> None:
        values = _cells_of(logs)
        if not self._columns:
            self._print_header(values, marked="failed" in logs)
        mark = [(FAILED, "bold red")] if logs.get("failed") else []
        self._screen.print(*self._row(values), *mark)
        if logs["epoch"] < self._epochs:
            self._draw(logs["epoch"] + 1, 0, time.perf_counter(), None)

    def on_train_end(self, model: object, logs: Mapping) -> None:
        if self._screen is not None:  # another callback may have failed before training began
            self._screen.hide()

    def _draw(self, epoch: int, batch: int, now: float, loss: float | None) -> None:
        self._due = now + REFRESH
        if not self._live:
            return
        done = (epoch - 1 - self._before) * self._batches + batch
        rate = done / (now - self._begin) if batch else 0.0
        details, left = [], None
        if rate:
            details = [f"loss {loss:.4f}", f"{rate:,.0f} batches/s" if rate >= 10 else f"{rate:.1f} batches/s"]
            left = ((self._epochs - self._before) * self._batches - done) / rate
        label = f"epoch {epoch}/{self._epochs}"
        self._screen.show(*self._screen.gauge(label, batch, self._batches, *details, left=left))

    def _print_header(self, values: Mapping[str, str], marked: bool) -> None:
        columns = [(name, _title(name), max(len(_title(name)), _width(name), len(values[name]))) for name in values]
        self._columns = columns[:1]
        mark = len(FAILED) * marked
        # The arrow's two columns belong to the number it stands behind.
        for column in columns[1:]:
            if _line_width([*self._columns, column]) + 2 * self._screen.animated + mark > self._screen.width:
                break
            self._columns.append(column)
        names = [name for name, *_ in self._columns]
        metrics = [name for name in names if name.startswith("val_")] or [name for name in names if _is_metric(name)]
        self._watched = metrics
        self._arrow = metrics[-1] if metrics and self._screen.animated else None
        self._screen.print((self._join([title for _, title, _ in self._columns]).rstrip(), "bold cyan"))
        if self._screen.animated:
            rule = "─" if self._screen.unicode else "-"
            width = _line_width(self._columns) + 2 * bool(self._arrow)
            self._screen.print((rule * min(width, self._screen.width), "bright_black"))

    def _join(self, texts: Sequence[str]) -> str:
        cells = []
        for (name, _, width), text in zip(self._columns, texts, strict=True):
            cells.append(text.rjust(width) + ("  " if name == self._arrow else ""))
        return "  ".join(cells)

    def _row(self, values: Mapping[str, str]) -> list[Part]:
        parts: list[Part] = []
        for name, _, width in self._columns:
            if parts:
                parts.append("  ")
            text = values.get(name, "")
            style = "bold" if name == "epoch" else "bright_black" if not _is_metric(name) else ""
            better = False
            if name in self._watched and text:
                value = float(text.rstrip("%"))
                better = name not in self._best or _improves(name, value, self._best[name])
                if better:
                    self._best[name], style = value, "bold green"
            parts.append((text.rjust(width), style))
            if name == self._arrow:
                parts.append(self._arrow_for(name, text))
        return parts

    def _arrow_for(self, name: str, text: str) -> Part:
        value, last = (float(text.rstrip("%")) if text else None), self._last
        self._last = value
        if value is None or last is None or value == last:
            return "  "
        arrow = ("↑" if self._screen.unicode else "^") if value > last else ("↓" if self._screen.unicode else "v")
        return f" {arrow}", "green" if _improves(name, value, last) else "red"


def _cells_of(logs: Mapping) -> dict[str, str]:
    """The numbers of an epoch as texts: the epoch first, the learning rate and the time last."""
    names = ["epoch", *(name for name in logs if _is_metric(name)), "lr", "time_s"]
    return {name: number(name, logs[name]) for name in names if isinstance(logs.get(name), (int, float))}


def _is_metric(name: str) -> bool:
    return name.startswith(("train_", "val_"))


def _improves(name: str, value: float, other: float) -> bool:
    return value < other if lower_is_better(name) else value > other


def _title(name: str) -> str:
    return "time" if name == "time_s" else name.replace("accuracy", "acc").replace("average_precision", "AP")


def _width(name: str) -> int:
    return {"epoch": 5, "lr": 7, "time_s": 6}.get(name, 7 if "accuracy" in name else 8)


def _line_width(columns: Sequence[tuple[str, str, int]]) -> int:
    return sum(width for *_, width in columns) + 2 * (len(columns) - 1)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _styled(part: Part) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else part


def _broken_pipe() -> None:
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
