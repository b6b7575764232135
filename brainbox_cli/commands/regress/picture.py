"""The pictures of `brainbox regress`: predictions, what they miss, the descent, and what each feature counts for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brainbox_core.files.reading import printable
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.screen.plotting import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    Axes,
    Figure,
    MaxNLocator,
    curves,
    label,
    mark,
    new_figure,
    save,
)
from brainbox_core.tasks.regress.data import Data
from brainbox_core.tasks.regress.train import Result

POINTS = 4000  # of a cloud; more would be one blot
BARS = 15
NAME_LENGTH = 28  # characters


def draw(folder: Path, model: Sequential, data: Data, result: Result) -> dict[str, Path]:
    """Predictions, residuals, features, and loss (of a descent)."""
    name = printable(data.target, NAME_LENGTH)
    pictures = {
        "predictions": lambda: predictions(result.truth, result.predicted, name, data.counts["test"] > 0),
        "residuals": lambda: residuals(result.truth, result.predicted, name),
        "features": lambda: features(data, result, name),
    }
    if result.history:
        pictures["loss"] = lambda: loss(result)
    return save(folder, pictures)


def predictions(truth: np.ndarray, predicted: np.ndarray, name: str, held_out: bool) -> Figure:
    """Every row that the model was judged by: what it is against what was predicted."""
    figure = new_figure(6.2, 5.8)
    axes = figure.subplots()
    low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
    axes.plot([low, high], [low, high], color=INK, linewidth=1, label="perfect")
    _cloud(axes, truth, predicted, BLUE, "rows held out" if held_out else "rows in cross-validation")
    _label(axes, f"{len(truth):,} predictions beside the truth", f"true {name}", f"predicted {name}")
    axes.legend(loc="upper left")
    return figure


def residuals(truth: np.ndarray, predicted: np.ndarray, name: str) -> Figure:
    """What the predictions miss: a pattern here is something that a line cannot follow."""
    error = truth - predicted
    figure = new_figure(9.4, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2], sharey=True)
    left.axhline(0, color=INK, linewidth=1)
    _cloud(left, predicted, error, BLUE)
    order = np.argsort(predicted, kind="stable")
    groups = [part for part in np.array_split(order, min(12, len(order) // 8 or 1)) if len(part)]
    if len(groups) > 2:
        middle = [np.mean(predicted[part]) for part in groups], [np.mean(error[part]) for part in groups]
        left.plot(*middle, color=ORANGE, linewidth=2, marker="o", markersize=4, label="mean of neighbours")
        left.legend()
    _label(left, "Residuals: true minus predicted", f"predicted {name}", "residual")
    right.hist(error, bins=min(60, max(8, len(error) // 12)), orientation="horizontal", color=BLUE, alpha=0.7)
    right.axhline(0, color=INK, linewidth=1)
    _label(right, "How often", "rows")
    return figure


def features(data: Data, result: Result, name: str) -> Figure:
    """What one deviation of each feature changes, and the target against the strongest input."""
    weights = sorted(
        [(w.feature, w.deviation) for w in result.weights if w.deviation is not None], key=lambda w: -abs(w[1])
    )[:BARS]
    figure = new_figure(10.4, max(3.6, 0.9 + 0.3 * len(weights)))
    left, right = figure.subplots(1, 2)
    sizes = [size for _, size in weights][::-1]
    learned = f"log({name})" if data.log_target else name
    _label(left, "What one deviation more changes", f"change of {learned}")
    left.grid(visible=False, axis="y")
    left.barh(range(len(sizes)), sizes, color=[BLUE if size > 0 else ORANGE for size in sizes])
    shown = [printable(feature, NAME_LENGTH) for feature, _ in weights][::-1]
    left.set_yticks(range(len(sizes)), shown, parse_math=False, color=INK)
    left.axvline(0, color=INK, linewidth=1)
    _strongest(right, data, name)
    return figure


def _strongest(axes: Axes, data: Data, name: str) -> None:
    """The target against the numeric input that correlates with it most, and the line through this input alone."""
    rows = np.concatenate([data.train, data.val])
    table, target = data.table.take(rows), data.y[rows]
    best, found = None, -1.0
    for column in data.design.inputs:
        if table.is_text(column):
            continue
        values = table.numbers(column)
        known = ~np.isnan(values)
        if known.sum() > 2 and values[known].std() > 0 and target[known].std() > 0:
            together = abs(float(np.corrcoef(values[known], target[known])[0, 1]))
            if together > found:
                best, found, points = column, together, (values[known], target[known])
    if best is None:
        axes.axis("off")
        return
    values, targets = points
    _cloud(axes, values, targets, MUTED, "training rows")
    slope = np.polynomial.Polynomial.fit(values, targets, 1)
    ends = np.array([values.min(), values.max()])
    axes.plot(ends, slope(ends), color=ORANGE, linewidth=2, label="line through this input alone")
    shown = printable(best, NAME_LENGTH)
    _label(axes, f"{name} by {shown}", shown, name)
    axes.legend(loc="upper left")


def loss(result: Result) -> Figure:
    """Loss and largest gradient by epoch; the gradient on a logarithmic scale, where steady descent is a line."""
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in result.history]
    curves(left, result.history, "loss", marker="o", markersize=4)
    best = next(row for row in result.history if row["epoch"] >= result.best_epoch)
    mark(left, best["epoch"], best.get("val_loss", best["train_loss"]), "kept")
    left.set_ylim(bottom=0)
    left.legend()
    gradients = [row["train_gradient"] for row in result.history]
    right.plot(epochs, gradients, color=BLUE, linewidth=2, marker="o", markersize=4)
    for axes, title in ((left, "Loss, in variances of the target"), (right, "Largest gradient")):
        _label(axes, title, "epoch")
        if epochs[-1] > 30:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(_thousands)
    right.set_yscale("log")
    return figure


def _cloud(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str | None = None) -> None:
    if len(x) > POINTS:
        chosen = stream(0, "points").permutation(len(x))[:POINTS]
        x, y = x[chosen], y[chosen]
    size, ink = (16, 0.5) if len(x) < 600 else (7, 0.25)
    axes.scatter(x, y, s=size, color=colour, alpha=ink, linewidths=0, label=label)


def _label(axes: Axes, title: str, x: str, y: str = "") -> None:
    label(axes, title, x, y, size=11, grid="both")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_thousands)
    axes.xaxis.set_major_locator(MaxNLocator(6))


def _thousands(value: float, place: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
