"""The pictures of `brainbox fraud --plot`: training, precision against recall, scores, mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainbox_cli.commands.fraud.view import CLASSES
from brainbox_cli.pictures.classifier import confusion_matrix
from brainbox_core.metrics import precision_recall_curve
from brainbox_core.screen.plotting import (
    BLUE,
    GRID,
    MUTED,
    ORANGE,
    RED,
    Axes,
    Figure,
    MaxNLocator,
    PercentFormatter,
    new_figure,
    save,
)
from brainbox_core.tasks.fraud.train import Result

BINS = 60


def draw(folder: Path, result: Result) -> dict[str, Path]:
    """Draw what a fraud detector learned, as PNG files in a folder.

    Args:
        folder: where the files go.
        result: the training's result.

    Returns:
        The files by name.
    """
    figures = {
        "loss": lambda: _epochs(result.history, result.best_epoch),
        "precision_recall": lambda: _precision_recall(result),
        "scores": lambda: _scores(result),
        "confusion": lambda: _confusion(result.confusion),
    }
    return save(folder, figures)


def _epochs(history: list[dict], best_epoch: int) -> Figure:
    """Loss by epoch, and beside it accuracy, which says little, and what it hides; failed epochs are shaded."""
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for name, label, colour in (("train_loss", "training", MUTED), ("val_loss", "held out", BLUE)):
        left.plot(epochs, [row[name] for row in history], color=colour, linewidth=2, label=label)
    shown = (
        ("val_accuracy", "accuracy", MUTED),
        ("val_recall", "recall at one half", ORANGE),
        ("val_average_precision", "average precision", BLUE),
    )
    for name, label, colour in shown:
        right.plot(epochs, [row[name] for row in history], color=colour, linewidth=2, label=label)
    best = history[epochs.index(best_epoch)]["val_average_precision"]
    right.plot([best_epoch], [best], "o", color=BLUE, markersize=8, label="best epoch", zorder=3)
    failed = [row["epoch"] for row in history if row["failed"]]
    for epoch in failed:
        told = "failed: finds no fraud" if epoch == failed[0] else None
        right.axvspan(epoch - 0.5, epoch + 0.5, color=RED, alpha=0.12, linewidth=0, label=told)
    left.set_ylim(bottom=0)
    right.set_ylim(-0.02, 1.02)
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes, title in ((left, "Loss"), (right, "Held-out rows")):
        _finish(axes, title, "epoch")
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
    axes.plot(
        [found["test_recall"]], [found["test_precision"]], "o", color=ORANGE, markersize=9, label="chosen threshold"
    )
    axes.axhline(share, color=MUTED, linestyle="--", linewidth=1, label=f"guessing: {share:.2%}")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("precision: alarms that are frauds")
    low, high = result.interval
    title = f"Average precision {found['test_average_precision']:.3f} ({low:.3f} to {high:.3f})"
    _finish(axes, title, "recall: frauds that are found")
    return figure


def _scores(result: Result) -> Figure:
    """The scores of both classes about the threshold; on a logarithmic scale, or the few frauds would not show."""
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    low, high = float(result.logits.min()), float(result.logits.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1).tolist()
    for label, colour in ((0, MUTED), (1, RED)):
        axes.hist(
            result.logits[result.labels == label], edges, color=colour, alpha=0.75, label=CLASSES[label], log=True
        )
    axes.axvline(result.threshold, color=ORANGE, linewidth=2, label="threshold")
    axes.set_ylabel("test rows")
    _finish(axes, "Scores", "logit: logarithm of the odds that it is a fraud")
    return figure


def _confusion(confusion: np.ndarray) -> Figure:
    figure = confusion_matrix(confusion, list(CLASSES))
    axes = figure.axes[0]
    axes.tick_params(axis="x", rotation=0)
    axes.set_xlabel("called")
    found, frauds = confusion[1, 1], confusion[1].sum()
    axes.set_title(f"Test part: {found:,} of {frauds:,} frauds found", loc="left", fontweight="bold")
    figure.set_size_inches(4.6, 4.4)
    return figure


def _finish(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel(below)
    axes.grid(axis="y", color=GRID)
    axes.legend(frameon=False, fontsize=9)
