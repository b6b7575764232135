"""What a training of `brainbox rnn` shows: rows with a growing sample, figures beside their baselines, the gradient."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from brainbox_cli.frame.reporter import Reporter
from brainbox_core.files.reading import printable
from brainbox_core.screen.display import columns, cut, fitted, number
from brainbox_core.screen.screen import REFRESH, Part, Screen
from brainbox_core.training.callbacks import Callback
from brainbox_core.training.progress import pace

if TYPE_CHECKING:
    import numpy as np

    from brainbox_core.network.learner import Learner, Logs
    from brainbox_core.tasks.rnn.data import Data
    from brainbox_core.tasks.rnn.train import Result

SHORTEST, LONGEST, GROWTH = 12, 48, 4  # columns of the sample in a row
FRAME = len(': "..."')
# name in the logs, title, width
COLUMNS = (
    ("bits_per_char", "bits/char", 9),
    ("train_loss", "train", 7),
    ("gradient_norm", "gradient", 8),
    ("lr", "lr", 7),
    ("time_s", "time", 6),
)
BAR = 32  # characters of the longest
FLOW_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Rows(Callback):
    """One row for every look at the held-out part: a sample that grows from row to row, and the figures.

    The columns are bits per character of the held-out part, the training's loss in nats, the length of the gradient,
    the learning rate, and the time so far. On a terminal a live line below them shows how far the training is.

    Args:
        screen: where.
        steps: of the whole training.
        baselines: bits per character of models that only count, shown above the rows.
    """

    def __init__(self, screen: Screen, steps: int, baselines: Mapping[str, float]):
        self._screen, self._steps, self._baselines = screen, steps, baselines
        self._columns: list[tuple[str, str, int]] = []
        self._least, self._seconds = math.inf, 0.0

    def on_train_begin(self, model: Learner, logs: Logs) -> None:
        self._begin, self._due = time.perf_counter(), 0.0
        self._draw(0, None)

    def on_batch_end(self, model: Learner, logs: Logs) -> None:
        if self._screen.animated and time.perf_counter() >= self._due:
            self._draw(logs["step"], logs["train_loss"])

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        if not self._columns:
            self._print_header()
        self._seconds += logs["time_s"]
        self._screen.print(*self._row(logs))
        self._least = min(self._least, logs["bits_per_char"])
        self._due = 0.0  # the row has taken the place of the live line

    def on_train_end(self, model: Learner, logs: Logs) -> None:
        self._screen.hide()

    def _draw(self, step: int, loss: float | None) -> None:
        now = time.perf_counter()
        self._due = now + REFRESH
        details, left = pace(step, self._steps, now - self._begin, loss, "steps") if step else ([], None)
        self._screen.show_gauge("training", step, self._steps, *details, left=left)

    def _print_header(self) -> None:
        """The titles, and the baselines in the column that they belong to."""
        begin, width = len("Iter ") + len(str(self._steps)), self._screen.width - 1
        shown = list(COLUMNS)
        while len(shown) > 1 and begin + FRAME + SHORTEST + _width(shown) > width:
            shown.pop()
        self._columns = shown
        room = min(LONGEST, width - begin - FRAME - _width(shown))
        self._room = room if room >= SHORTEST else 0  # no sample then
        left = begin + (FRAME + self._room if self._room else 0)
        self._screen.print((" " * left + "".join(f"  {title:>{width}}" for _, title, width in shown), "bold cyan"))
        for name, bits in self._baselines.items():
            told = name.removesuffix("_bits")
            self._screen.print((f"{told[:left]:>{left}}  {number(name, bits):>{shown[0][2]}}", "bright_black"))

    def _row(self, logs: Mapping) -> list[Part]:
        parts: list[Part] = [("Iter ", "bright_black"), (f"{logs['step']:>{len(str(self._steps))}}", "bold")]
        if self._room:
            sample = printable(" / ".join(line for line in logs["sample"].split("\n") if line))
            shown = f'"{cut(sample, min(self._room, SHORTEST + GROWTH * (logs["epoch"] - 1)))}..."'
            parts += [": ", (shown + " " * (self._room + FRAME - 2 - columns(shown)), "cyan")]
        for name, _, width in self._columns:
            value = self._seconds if name == "time_s" else logs[name]
            best = name == "bits_per_char" and value < self._least
            style = "bold green" if best else "" if name in ("bits_per_char", "train_loss") else "bright_black"
            parts.append((f"  {number(name, value):>{width}}", style))
        return parts


def _width(titles: list[tuple[str, str, int]]) -> int:
    return sum(width + 2 for *_, width in titles)


def show(reporter: Reporter, verb: str, result: Result, data: Data) -> None:
    """The figures, how the gradient flows if that was asked for, and what the model writes."""
    show_figures(reporter, result.figures)
    if result.flows.get("before"):
        show_flow(reporter, result.flows)
    if result.sample:
        reporter.say()
        for line in result.sample.rstrip("\n").split("\n"):
            reporter.say(("  " + line, "italic") if line else "")
        reporter.say()


def show_figures(reporter: Reporter, metrics: Mapping[str, float]) -> None:
    """Bits and nats per character with and without what came before the window, and the baselines."""

    def both(nats: float) -> str:
        return f"{nats / math.log(2):.3f} bits, {nats:.3f} nats a character"

    rows = {
        "carried": f"{both(metrics['val_loss'])}, knowing all that came before",
        "reset": f"{both(metrics['reset_val_loss'])}, knowing only windows of 64 characters",
        "baselines": f"{metrics['unigram_bits']:.3f} bits knowing how often each character comes (unigram), "
        f"{metrics['bigram_bits']:.3f} knowing the one before (bigram)",
    }
    for name, text in rows.items():
        reporter.row(name, text, wrap=True)


def show_flow(reporter: Reporter, flows: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """How long the gradient of the last character's loss still is, step by step back through time."""
    mark = "█" if reporter.text.unicode else "#"
    for name, after in flows["after"].items():
        before = flows["before"][name]
        reporter.say()
        reporter.say((f"gradient of the last character's loss on its way back through {name}", "bold cyan"))
        steps = [step for step in FLOW_STEPS if step < len(after)]
        table = [["steps back", "before training", "after"]]
        table += [[str(step), f"{before[-1 - step]:.1e}", f"{after[-1 - step]:.1e}"] for step in steps]
        head, *lines = fitted(table, reporter.text.width, left=0)
        reporter.say((head, "bright_black"))
        for step, line in zip(steps, lines, strict=True):
            bar = mark * _bar(float(after[-1 - step]), float(after[-1]))
            reporter.say(line, (f"  {bar}", "green") if len(line) + 2 + BAR <= reporter.text.width else "")


def _bar(value: float, most: float) -> int:
    """Characters of a bar on a logarithmic scale: all at `most`, none at a hundred-millionth of it."""
    return max(0, round(BAR * (1 + math.log10(value / most) / 8))) if value > 0 else 0
