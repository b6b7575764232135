"""The pictures of `brainbox spam --plot`: training, the words that tell most, scores, precision against recall."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainbox_cli.pictures.classifier import loss_curve
from brainbox_core.files.reading import printable
from brainbox_core.metrics import precision_recall_curve
from brainbox_core.screen.plotting import BLUE, GRID, INK, MUTED, ORANGE, Figure, PercentFormatter, new_figure, save
from brainbox_core.tasks.spam.train import Result

BINS = 40
WORD_LENGTH = 20  # characters


def draw(folder: Path, result: Result) -> dict[str, Path]:
    """Draw what a spam filter learned, as PNG files in a folder.

    Args:
        folder: where the files go.
        result: the training's result.

    Returns:
        The files by name; `words` only if the vocabulary has names.
    """
    figures = {"loss": lambda: loss_curve(result.history, result.best_epoch), "scores": lambda: _scores(result)}
    if result.telling:
        figures["words"] = lambda: _words(result.telling)
    return save(folder, figures)


def _words(telling: dict[str, list[tuple[str, float]]]) -> Figure:
    """The weights of the words and marks that speak most for each side."""
    figure = new_figure(9, 4.6)
    for axes, (label, words) in zip(figure.subplots(1, 2), telling.items(), strict=True):
        names = [printable(name, WORD_LENGTH) for name, _ in words]
        weights = [abs(weight) for _, weight in words]
        places = range(len(words))
        axes.barh(places, weights, color=ORANGE if label == "spam" else BLUE, height=0.7)
        axes.set_yticks(places, names, color=INK, parse_math=False)
        axes.invert_yaxis()
        axes.set_title(f"says {label}", loc="left", fontweight="bold")
        axes.set_xlabel("weight" if label == "spam" else "weight, negative")
        axes.grid(axis="x", color=GRID)
    return figure


def _scores(result: Result) -> Figure:
    """What probability the test messages got, and what any threshold would catch."""
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 1, BINS + 1)
    for label, name, colour in ((0, "ham", BLUE), (1, "spam", ORANGE)):
        left.hist(result.probabilities[result.labels == label], edges, color=colour, alpha=0.7, label=name)
    left.axvline(result.threshold, color=INK, linewidth=1, linestyle="--", label="threshold")
    left.set_yscale("log")
    left.set_title("Test messages by probability", loc="left", fontweight="bold")
    left.set(xlabel="probability of spam", ylabel="messages", xlim=(0, 1))
    left.legend(frameon=False)
    precision, recall, _ = precision_recall_curve(result.labels, result.probabilities)
    right.plot(recall, precision, color=MUTED, linewidth=2)
    found = result.metrics
    here = f"threshold {result.threshold:g}"
    right.plot([found["test_recall"]], [found["test_precision"]], "o", color=ORANGE, markersize=9, label=here)
    right.set_title("Precision against recall", loc="left", fontweight="bold")
    right.set(xlabel="recall: of the spam, found", ylabel="precision: of what is found, spam")
    right.set(xlim=(0, 1.03), ylim=(min(0.5, float(precision.min())), 1.03))
    right.legend(frameon=False, loc="lower left")
    for axes in (left, right):
        axes.grid(axis="y", color=GRID)
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
