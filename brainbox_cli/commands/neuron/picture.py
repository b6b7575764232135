"""The picture of `brainbox neuron --plot`: the line on its way through the four points, and the sum of every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainbox_core.screen.plotting import BLUE, GRID, INK, MUTED, ORANGE, Axes, Figure, MaxNLocator, new_figure, png
from brainbox_core.tasks.neuron.learn import Result, activation

MOST_LINES, MOST_NAMES = 40, 8
LOW, HIGH = -0.7, 1.7  # the square around the four points


def draw(result: Result, path: Sequence[Sequence]) -> bytes:
    """A PNG picture of how the learning ended, and of the path: the weights at the start and after every update."""
    return png(lambda: _figure(result, path))


def _figure(result: Result, path: Sequence[Sequence]) -> Figure:
    two = len(result.rows[0]) == 2
    figure = new_figure(9.6 if two else 7, 4.6)
    panels = list(figure.subplots(1, 1 + two, squeeze=False).flat)
    if two:
        _boundary(panels[0], result, np.array(path, dtype=float))
    _sums(panels[-1], result, path)
    ending = f"solved after {result.updates} updates" if result.solved else "not learned"
    if not result.separation.possible:
        ending = "no neuron can learn it"
    figure.suptitle(f"{result.name}: {ending}", x=0.02, ha="left", fontweight="bold", fontsize=12)
    return figure


def _boundary(axes: Axes, result: Result, path: np.ndarray) -> None:
    """Where the sum is 0, from the start (pale) to the end (dark); the side that gives 1 is tinted."""
    w1, w2, bias = path[-1]
    grid = np.linspace(LOW, HIGH, 300)
    says_one = w1 * grid[None, :] + w2 * grid[:, None] + bias >= 0
    axes.contourf(grid, grid, says_one, levels=[0.5, 1.5], colors=[BLUE], alpha=0.1)
    chosen = np.unique(np.linspace(0, len(path) - 1, MOST_LINES).astype(int))
    for index in chosen:
        last, age = index == len(path) - 1, (index + 1) / len(path)
        colour, width = (BLUE, 2.6) if last else (ORANGE if index == 0 else MUTED, 1.8 if index == 0 else 1.0)
        _line(axes, path[index], color=colour, linewidth=width, alpha=1.0 if last or index == 0 else 0.15 + 0.5 * age)
    for (x, y), target in zip(result.rows, result.targets, strict=True):
        place, (fill, ink) = (float(x), float(y)), (BLUE, "white") if target else ("white", INK)
        axes.plot(*place, "o", markersize=15, color=fill, markeredgecolor=INK, markeredgewidth=1.5, zorder=4)
        axes.text(*place, str(target), ha="center", va="center", color=ink, fontweight="bold", zorder=5)
    outside = "" if _crosses(path[0]) else " (outside)"
    axes.plot([], [], color=ORANGE, label=f"at the start{outside}")
    axes.plot([], [], color=MUTED, label="after each update")
    axes.plot([], [], color=BLUE, linewidth=2.6, label="at the end (tinted: says 1)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=8)
    axes.set(xlim=(LOW, HIGH), ylim=(LOW, HIGH), xticks=[0, 1], yticks=[0, 1], xlabel="input 1", ylabel="input 2")
    axes.set_aspect("equal")


def _crosses(weights: np.ndarray) -> bool:
    """Whether the line goes through the square: the sum has both signs at its corners."""
    corners = [weights[0] * x + weights[1] * y + weights[2] for x in (LOW, HIGH) for y in (LOW, HIGH)]
    return min(corners) < 0 <= max(corners)


def _line(axes: Axes, weights: np.ndarray, **style: Any) -> None:
    w1, w2, bias = weights
    if w1 or w2:  # otherwise the sum is the same everywhere
        point = -bias * np.array([w1, w2]) / (w1 * w1 + w2 * w2)
        axes.axline(point, point + np.array([-w2, w1]), **style)


def _sums(axes: Axes, result: Result, path: Sequence[Sequence]) -> None:
    """What the neuron compares with 0, for every row: right are the blue ones above and the orange ones below."""
    updates = range(len(path))
    ends: dict[float, list[str]] = {}
    for row, target in zip(result.rows, result.targets, strict=True):
        sums = [float(activation(weights, row)) for weights in path]
        colour = BLUE if target else ORANGE
        axes.plot(updates, sums, color=colour, linewidth=1.6, marker=".", alpha=0.8)
        ends.setdefault(sums[-1], []).append("".join(map(str, row)))
    if len(result.rows) <= MOST_NAMES:
        for height, names in ends.items():
            axes.annotate(
                ", ".join(names),
                (len(path) - 1, height),
                (6, 0),
                textcoords="offset points",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )
    axes.axhline(0, color=INK, linewidth=1)
    axes.plot([], [], color=BLUE, label="rows that should give 1")
    axes.plot([], [], color=ORANGE, label="rows that should give 0")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, fontsize=8)
    axes.set(xlabel="updates", ylabel="sum (1 if it is 0 or more)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=GRID)
