"""The pictures of `brainbox autograd --plot`: the graph of a formula, or what a network made of the plane."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from brainbox_cli.commands.autograd.layout import Edge, Layout, layout
from brainbox_core.scalar.graph import label as name_of
from brainbox_core.scalar.value import Value
from brainbox_core.screen.plotting import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SIGNED,
    Axes,
    FancyArrowPatch,
    Figure,
    MaxNLocator,
    PercentFormatter,
    Rectangle,
    label,
    matplotlib,
    new_figure,
    png,
)
from brainbox_core.tasks.autograd.formula import Result
from brainbox_core.tasks.autograd.network import EXTENT, Training, boundary

MOST_DRAWN = 60  # nodes; more cannot be read
MOST_INCHES = 40  # in either direction
TITLE = 0.5  # inches
BOX = (1.25, 0.66)  # inches
STEP = (2.1, 0.95)  # inches from one column or row to the next


def draw_graph(result: Result) -> bytes:
    """The graph from the inputs on the left to the result on the right, as a PNG picture.

    Boxes hold data and gradient, edges are labelled with the slope between the two nodes.
    """
    return png(lambda: _graph(layout(result.root, MOST_DRAWN), result))


def draw_boundary(training: Training, history: list[dict]) -> bytes:
    """The probability of class 1 over the plane with the points on it, and how loss and accuracy went."""
    return png(lambda: _boundary(training, history))


def _graph(drawing: Layout, result: Result) -> Figure:
    places = [place for edge in drawing.edges for place in edge.places] + list(drawing.places.values())
    columns, rows = 1 + max(column for column, _ in places), [row for _, row in places]
    wide, high = columns * STEP[0], (max(rows) - min(rows) + 1.2) * STEP[1]
    scale = min(1.0, MOST_INCHES / wide, MOST_INCHES / high)
    width, height = max(5.0, wide * scale), high * scale + TITLE
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1 - TITLE / height))
    margin = (width / scale / STEP[0] - columns) / 2  # of a graph narrower than the title
    axes.set(xlim=(-0.5 - margin, columns - 0.5 + margin), ylim=(min(rows) - 0.6, max(rows) + 0.6))
    axes.axis("off")
    for edge in drawing.edges:
        _draw_edge(axes, edge, scale)
    for node, place in drawing.places.items():
        colour = BLUE if node is result.root else MUTED if node.parents else ORANGE
        _draw_node(axes, node, place, colour, scale)
    more = f"   ({drawing.left_out:,} more nodes are not drawn)" if drawing.left_out else ""
    text = result.expression.text
    title = f"{text if len(text) <= 60 else text[:57] + '...'} = {result.value:.6g}{more}"
    figure.text(0.02, 1 - 0.5 * TITLE / height, title, va="center", fontweight="bold", fontsize=11, parse_math=False)
    return figure


def _draw_node(axes: Axes, node: Value, place: tuple[float, float], colour: str, scale: float) -> None:
    width, height = BOX[0] / STEP[0], BOX[1] / STEP[1]
    corner = (place[0] - width / 2, place[1] - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor="white", edgecolor=colour, linewidth=1.6, zorder=3))
    texts = ((0.27, name_of(node), "bold", INK), (0.0, f"data {node.data:.4g}", "normal", INK))
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8 * scale, "parse_math": False, "zorder": 4}
    for offset, text, weight, ink in (*texts, (-0.27, f"grad {node.grad:.4g}", "normal", BLUE)):
        axes.text(place[0], place[1] + offset * height, text, fontweight=weight, color=ink, **style)


def _draw_edge(axes: Axes, edge: Edge, scale: float) -> None:
    """A curve that leaves and arrives level, with the slope on it; grey where nothing flows back."""
    half = BOX[0] / STEP[0] / 2
    (x0, y0), *bends, (x1, y1) = edge.places
    level = [(x + side, y) for x, y in bends for side in (-half, half)]  # past the boxes of that layer
    points = [(x0 + half, y0), *level, (x1 - half, y1)]
    kinds = matplotlib.path.Path
    path, codes = [points[0]], [kinds.MOVETO]
    for (ax, ay), (bx, by) in pairwise(points):
        path += [((ax + bx) / 2, ay), ((ax + bx) / 2, by), (bx, by)]
        codes += [kinds.CURVE4] * 3
    colour = INK if edge.child.grad and edge.slope else MUTED
    arrow = FancyArrowPatch(
        path=kinds(path, codes), arrowstyle="-|>", mutation_scale=10 * scale, color=colour, linewidth=1, fill=False
    )
    axes.add_patch(arrow)
    (ax, ay), (bx, by) = points[-2:]
    # Near the arrow's end, where edges to one node are farthest apart from those of others.
    axes.text(
        ax + 0.35 * (bx - ax),
        ay + 0.28 * (by - ay),
        f"{edge.slope:.3g}",
        ha="center",
        va="center",
        fontsize=7 * scale,
        color=MUTED,
        zorder=2,
        bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
    )


def _boundary(training: Training, history: list[dict]) -> Figure:
    figure = new_figure(10.4, 5)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    grid = np.array(boundary(training.network, 160, 160))
    # Class 1 is blue and class 0 orange, as strongly as the network is sure.
    left.imshow(grid, cmap=SIGNED, vmin=-0.5, vmax=1.5, extent=(-EXTENT, EXTENT, -EXTENT, EXTENT), alpha=0.6)
    ticks = np.linspace(-EXTENT, EXTENT, 160)
    left.contour(ticks, ticks[::-1], grid, levels=[0.5], colors=[INK], linewidths=1.5)
    for value, colour in ((0, ORANGE), (1, BLUE)):
        for rows, labels, size, alpha in (
            (training.test_rows, training.test_labels, 5, 0.45),
            (training.rows, training.labels, 24, 1.0),
        ):
            points = np.array([row for row, label in zip(rows, labels, strict=True) if label == value])
            left.scatter(*points.T, s=size, color=colour, alpha=alpha, edgecolor="white", linewidth=0.6, zorder=3)
    left.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")
    accuracy = history[-1]["val_accuracy"]
    title = f"{training.settings.dataset}: {accuracy:.1%} right"
    label(left, title, "large: points it learned from, small: points it never saw")
    left.grid(visible=False)

    epochs = [row["epoch"] for row in history]
    right.plot(epochs, [row["train_loss"] for row in history], color=MUTED, linewidth=2, label="training loss")
    right.set_ylim(0, None)
    right.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    label(right, "Loss and accuracy", "epoch")
    other = right.twinx()
    other.plot(epochs, [row["val_accuracy"] for row in history], color=BLUE, linewidth=2, label="test accuracy")
    other.set(ylim=(0.4, 1.02))
    other.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    lines = [*right.get_lines(), *other.get_lines()]
    right.legend(lines, [line.get_label() for line in lines], loc="center right")
    return figure
