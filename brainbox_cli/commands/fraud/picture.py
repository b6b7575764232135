"""The pictures of `brainbox fraud --plot`: training, precision against recall, scores, mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainbox_cli.pictures.panels import confusion_matrix
from brainbox_core.metrics import precision_recall_curve
from brainbox_core.model.sequential import Sequential
from brainbox_core.screen.plotting import (
    BLUE,
    MUTED,
    ORANGE,
    RED,
    Figure,
    MaxNLocator,
    PercentFormatter,
    curves,
    label,
    mark,
    new_figure,
    save,
)
from brainbox_core.tasks.fraud.data import Data
from brainbox_core.tasks.fraud.train import Result

BINS = 60


def draw(folder: Path, model: Sequential, data: Data, result: Result) -> dict[str, Path]:
    """Loss, precision against recall, scores and confusion."""
    figures = {
        "loss": lambda: _epochs(result.history, result.best_epoch),
        "precision_recall": lambda: _precision_recall(result),
        "scores": lambda: _scores(result),
        "confusion": lambda: _confusion(result),
    }
    return save(folder, figures)


def _epochs(history: list[dict], best_epoch: int) -> Figure:
    """Loss by epoch, and beside it accuracy, which says little, and what it hides; failed epochs are shaded."""
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    curves(left, history, "loss")
    shown = (
        ("val_accuracy", "accuracy", MUTED),
        ("val_recall", "recall at one half", ORANGE),
        ("val_average_precision", "average precision", BLUE),
    )
    for name, told, colour in shown:
        right.plot(epochs, [row[name] for row in history], color=colour, linewidth=2, label=told)
    best = history[epochs.index(best_epoch)]["val_average_precision"]
    mark(right, best_epoch, best, "best epoch", color=BLUE, markersize=8)
    failed = [row["epoch"] for row in history if row["failed"]]
    for epoch in failed:
        first = "failed: finds no fraud" if epoch == failed[0] else None
        right.axvspan(epoch - 0.5, epoch + 0.5, color=RED, alpha=0.12, linewidth=0, label=first)
    left.set_ylim(bottom=0)
    right.set_ylim(-0.02, 1.02)
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes, title in ((left, "Loss"), (right, "Held-out rows")):
        label(axes, title, "epoch")
        axes.legend(fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, max(epochs) + 0.5)
    return figure


def _precision_recall(result: Result) -> Figure:
    """Every threshold as a point; the one that was chosen, and what guessing would give."""
    precision, recall, _ = precision_recall_curve(result.labels, result.logits)
    found, share = result.metrics, float(np.mean(result.labels))
    figure = new_figure(6, 4.6)
    axes = figure.subplots()
    axes.step([0, *recall], [precision[0], *precision], where="pre", color=BLUE, linewidth=2, label="test rows")
    mark(axes, float(found["test_recall"]), float(found["test_precision"]), "chosen threshold", zorder=2)
    axes.axhline(share, color=MUTED, linestyle="--", linewidth=1, label=f"guessing: {share:.2%}")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    low, high = result.interval
    title = f"Average precision {found['test_average_precision']:.3f} ({low:.3f} to {high:.3f})"
    label(axes, title, "recall: frauds that are found", "precision: alarms that are frauds")
    axes.legend(fontsize=9)
    return figure


def _scores(result: Result) -> Figure:
    """The scores of both classes about the threshold; on a logarithmic scale, or the few frauds would not show."""
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    low, high = float(result.logits.min()), float(result.logits.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1).tolist()
    for number, colour in ((0, MUTED), (1, RED)):
        logits = result.logits[result.labels == number]
        axes.hist(logits, edges, color=colour, alpha=0.75, label=result.names[number], log=True)
    axes.axvline(result.threshold, color=ORANGE, linewidth=2, label="threshold")
    label(axes, "Scores", "logit: logarithm of the odds that it is a fraud", "test rows")
    for text in axes.legend(fontsize=9).get_texts():
        text.set_parse_math(False)
    return figure


def _confusion(result: Result) -> Figure:
    confusion = result.confusion
    figure = confusion_matrix(confusion, list(result.names))
    axes = figure.axes[0]
    axes.tick_params(axis="x", rotation=0)
    axes.set_xlabel("called")
    found, frauds = confusion[1, 1], confusion[1].sum()
    axes.set_title(f"Test part: {found:,} of {frauds:,} frauds found", loc="left", fontweight="bold")
    figure.set_size_inches(4.6, 4.4)
    return figure
