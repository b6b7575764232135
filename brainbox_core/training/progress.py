"""What a training shows: one row for every epoch and, on a terminal, a live line below them.

model.fit(X, y, epochs=5, callbacks=[bb.callbacks.Progress()])
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from brainbox_core.screen.display import number
from brainbox_core.screen.screen import REFRESH, Part, Screen
from brainbox_core.training.callbacks import Callback, better, lower_is_better

if TYPE_CHECKING:
    from brainbox_core.network.learner import Learner, Logs

GAP = 2  # columns of the terminal between those of the table
FAILED = "failed"  # behind the row of an epoch
ARROW = ""  # the name of the column with the trend of the main figure
WIDTHS = {"epoch": 5, "lr": 7, "time_s": 6}


def shown(verbose: bool | int | None, callbacks: Sequence[Callback]) -> list[Callback]:
    """The progress that `fit` shows by itself: on a terminal and in a notebook, unless it is told, or given one."""
    if verbose is None:
        verbose = "ipykernel" in sys.modules or (sys.stdout is not None and sys.stdout.isatty())
    return [] if not verbose or any(isinstance(callback, Progress) for callback in callbacks) else [Progress()]


class _Column(NamedTuple):
    name: str
    title: str
    width: int  # with the gap before it


class Progress(Callback):
    """Show training: one row per epoch and, on a terminal, a live line with the epoch's progress.

    Columns are the numbers that `fit` reports, whatever they are. The main figure is the last one of the held-out part;
    on a terminal an arrow behind it shows where it moved, and values that are the best so far are highlighted. A
    terminal too narrow for all columns loses the least important ones: first the learning rate, then the time, the
    figures of the training part and the other figures of the held-out part. No number is ever cut. An epoch whose logs
    hold a true `failed` is marked: its model is of no use, whatever its figures say.

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
        self._screen = stream if isinstance(stream, Screen) else Screen(stream or sys.stdout)
        self._live = live

    def on_train_begin(self, model: Learner | None, logs: Logs) -> None:
        self._epochs, self._batches = logs["epochs"], logs["batches"]
        self._before = logs.get("epoch", 0)
        self._columns: list[_Column] = []
        self._best: dict[str, float] = {}
        self._last: float | None = None
        self._trend: Part = ""
        self._begin = time.perf_counter()
        self._draw(self._before + 1, 0, None)
        self._due = 0.0  # the first batch shows at once how fast it goes

    def on_batch_end(self, model: Learner, logs: Logs) -> None:
        # A step of a small network takes half a millisecond: look at the clock, and nothing more most of the time.
        if self._screen.animated and time.perf_counter() >= self._due:
            self._draw(logs["epoch"], logs["batch"], logs["train_loss"])

    def on_epoch_end(self, model: Learner | None, logs: Logs) -> None:
        values = _values(logs)
        if not self._columns:
            self._print_header(values, marked="failed" in logs)
        cells = [self._cell(column.name, values.get(column.name, "")) for column in self._columns]
        widths = [column.width for column in self._columns]
        if logs.get("failed"):
            cells.append((FAILED, "bold red"))
            widths.append(GAP + len(FAILED))
        self._screen.row(cells, widths)
        if logs["epoch"] < self._epochs:
            self._draw(logs["epoch"] + 1, 0, None)

    def on_train_end(self, model: Learner, logs: Logs) -> None:
        self._screen.hide()

    def _draw(self, epoch: int, batch: int, loss: float | None) -> None:
        now = time.perf_counter()
        self._due = now + REFRESH
        if not self._live:
            return
        done, total = (times * self._batches for times in (epoch - 1 - self._before, self._epochs - self._before))
        details, left = pace(done + batch, total, now - self._begin, loss, "batches") if batch else ([], None)
        self._screen.show_gauge(f"epoch {epoch}/{self._epochs}", batch, self._batches, *details, left=left)

    def _print_header(self, values: Mapping[str, str], marked: bool) -> None:
        held_out = [name for name in values if name.startswith("val_")]
        self._watched = held_out or [name for name in values if _is_metric(name)]
        self._main = self._watched[-1] if self._watched else ""
        columns: list[_Column] = []
        for name, text in values.items():
            title = "time" if name == "time_s" else name.replace("accuracy", "acc").replace("average_precision", "AP")
            usual = WIDTHS.get(name, 7 if "accuracy" in name else 8)
            columns.append(_Column(name, title, max(len(title), usual, len(text)) + GAP * bool(columns)))
            if name == self._main and self._screen.animated:
                columns.append(_Column(ARROW, "", 2))
        room, mark = self._screen.width, (GAP + len(FAILED)) * marked
        self._columns = self._fitting(columns, room - mark) or self._fitting(columns, room) or columns[:1]
        widths = [column.width for column in self._columns]
        self._screen.row([(column.title, "bold cyan") for column in self._columns], widths)
        if self._screen.animated:
            rule = "─" if self._screen.unicode else "-"
            self._screen.print((rule * min(sum(widths), self._screen.width), "bright_black"))

    def _fitting(self, columns: list[_Column], room: int) -> list[_Column]:
        """The most important columns that fit beside each other, in their order."""

        def importance(column: _Column) -> int:
            ranked = [self._main, ARROW, "epoch", *reversed(self._watched), *filter(_is_metric, names), "time_s", "lr"]
            return ranked.index(column.name)

        names = [column.name for column in columns]
        kept: list[_Column] = []
        for column in sorted(columns, key=importance):
            if sum(other.width for other in (*kept, column)) > room:
                break
            kept.append(column)
        return [column for column in columns if column in kept]

    def _cell(self, name: str, text: str) -> Part:
        if name == ARROW:
            return self._trend
        if name in self._watched:
            value = float(text.rstrip("%").replace(",", "")) if text else None  # a change that is seen, not any
            if name == self._main:
                self._trend = self._arrow(value)
                self._last = value
            if value is not None and _improves(name, value, self._best.get(name)):
                self._best[name] = value
                return text, "bold green"
        return text, "bold" if name == "epoch" else "" if _is_metric(name) else "bright_black"

    def _arrow(self, value: float | None) -> Part:
        if value is None or self._last is None or value == self._last:
            return ""
        arrows = "↓↑" if self._screen.unicode else "v^"
        return arrows[value > self._last], "green" if _improves(self._main, value, self._last) else "red"


def pace(done: int, total: int, seconds: float, loss: float | None, unit: str) -> tuple[list[str], float]:
    """The details of the live line of a training, and the seconds that are left."""
    rate = done / seconds
    speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    return [f"loss {loss:.4f}", f"{speed} {unit}/s"], (total - done) / rate


def _values(logs: Mapping[str, Any]) -> dict[str, str]:
    """The numbers of an epoch as texts: the epoch first, the learning rate and the time last."""
    names = ["epoch", *filter(_is_metric, logs), "lr", "time_s"]
    return {name: number(name, logs[name]) for name in names if isinstance(logs.get(name), int | float)}


def _is_metric(name: str) -> bool:
    return name.startswith(("train_", "val_"))


def _improves(name: str, value: float, other: float | None) -> bool:
    return better(value, other, -1 if lower_is_better(name) else 1)
