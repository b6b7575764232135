"""The pictures of `brainbox spam --plot`: training, the words that tell most, scores, precision against recall."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainbox_cli.pictures.panels import loss_curve
from brainbox_core.files.reading import printable
from brainbox_core.metrics import precision_recall_curve
from brainbox_core.model.sequential import Sequential
from brainbox_core.screen.plotting import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    Figure,
    PercentFormatter,
    label,
    mark,
    new_figure,
    save,
)
from brainbox_core.tasks.spam.data import Data
from brainbox_core.tasks.spam.train import Result

BINS = 40
WORD_LENGTH = 20  # characters


def draw(folder: Path, model: Sequential, data: Data, result: Result) -> dict[str, Path]:
    """Loss, scores and, if the vocabulary has names, the words that tell most."""
    figures = {"loss": lambda: loss_curve(result.history, result.best_epoch), "scores": lambda: _scores(result)}
    if result.telling:
        figures["words"] = lambda: _words(result.telling)
    return save(folder, figures)


def _words(telling: dict[str, list[tuple[str, float]]]) -> Figure:
    """The weights of the words and marks that speak most for each side."""
    figure = new_figure(9, 4.6)
    for axes, (kind, words) in zip(figure.subplots(1, 2), telling.items(), strict=True):
        names = [printable(name, WORD_LENGTH) for name, _ in words]
        weights = [abs(weight) for _, weight in words]
        places = range(len(words))
        axes.barh(places, weights, color=ORANGE if kind == "spam" else BLUE, height=0.7)
        axes.set_yticks(places, names, color=INK, parse_math=False)
        axes.invert_yaxis()
        label(axes, f"says {kind}", "weight" if kind == "spam" else "weight, negative", grid="x")
    return figure


def _scores(result: Result) -> Figure:
    """What probability the test messages got, and what any threshold would catch."""
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 1, BINS + 1)
    for number, name, colour in ((0, "ham", BLUE), (1, "spam", ORANGE)):
        left.hist(result.probabilities[result.labels == number], edges, color=colour, alpha=0.7, label=name)
    left.axvline(result.threshold, color=INK, linewidth=1, linestyle="--", label="threshold")
    left.set_yscale("log")
    label(left, "Test messages by probability", "probability of spam", "messages")
    left.set_xlim(0, 1)
    left.legend()
    precision, recall, _ = precision_recall_curve(result.labels, result.probabilities)
    right.plot(recall, precision, color=MUTED, linewidth=2)
    found = result.metrics
    mark(
        right, float(found["test_recall"]), float(found["test_precision"]), f"threshold {result.threshold:g}", zorder=2
    )
    label(right, "Precision against recall", "recall: of the spam, found", "precision: of what is found, spam")
    right.set(xlim=(0, 1.03), ylim=(min(0.5, float(precision.min())), 1.03))
    right.legend(loc="lower left")
    for axis in (right.xaxis, right.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
