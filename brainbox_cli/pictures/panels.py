"""Panels that the pictures of several commands share."""

from __future__ import annotations

import numpy as np

from brainbox_core.screen.plotting import (
    INK,
    INKS,
    RED,
    Figure,
    MaxNLocator,
    PercentFormatter,
    curves,
    label,
    mark,
    new_figure,
)


def loss_curve(history: list[dict], best_epoch: int) -> Figure:
    """Loss and accuracy by epoch, on the training and the held-out part."""
    epochs = [row["epoch"] for row in history]
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, "loss"), (right, "accuracy")):
        held = curves(axes, history, name, marker="o", markersize=4, clip_on=False)
        if held and best_epoch in epochs:
            mark(axes, best_epoch, held[epochs.index(best_epoch)], "best epoch", clip_on=False)
        label(axes, name.capitalize(), "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    left.legend()
    left.set_ylim(bottom=0)
    right.set_ylim(top=min(1.0, right.get_ylim()[1]))  # all right from the start: the scale would go on above it
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    return figure


def confusion_matrix(confusion: np.ndarray, names: list[str]) -> Figure:
    """How often each class was read as each; colours are shares of a row, so that mistakes show beside the diagonal."""
    confusion = np.asarray(confusion)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    figure = new_figure(6.4, 6.2)
    axes = figure.subplots()
    axes.imshow(np.sqrt(shares), cmap=INKS, vmin=0, vmax=1)  # the root lifts a few per cent out of the white
    for row, column in np.argwhere(confusion):
        colour = "white" if shares[row, column] > 0.2 else INK if row == column else RED
        text = str(confusion[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(len(names)), names, parse_math=False)
    if max(map(len, names)) > 2:
        axes.tick_params(axis="x", rotation=45)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="read as", ylabel="really")
    right = np.trace(confusion) / max(confusion.sum(), 1)
    axes.set_title(f"Test part: {right:.1%} right", loc="left", fontweight="bold")
    return figure
