"""The picture of `brainbox descent`: contour and surface with the paths, as a PNG or in a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brainbox_cli.commands.descent.ground import Ground
from brainbox_core.errors import UsageError
from brainbox_core.files.reading import printable
from brainbox_core.screen.plotting import (
    GRID,
    INK,
    INKS,
    MUTED,
    STYLE,
    Axes,
    Figure,
    matplotlib,
    new_figure,
    png,
    pyplot,
)
from brainbox_core.tasks.descent.walk import Descent

POINTS = 201  # along each side of the grid
STRIDE = 4  # of them to a tile of the surface; tiles of different sizes make Matplotlib read memory it never wrote
LEVELS = 24  # of the contour
TITLE = 60  # characters of the formula


def draw(descents: Sequence[Descent]) -> bytes:
    """A PNG picture of walks on one landscape: contour and surface, or curve and loss for a single variable."""
    return png(lambda: _fill(new_figure(11, 5.2), descents))


def open_window() -> Callable[[Sequence[Descent]], None]:
    """Find out whether a window can be opened; returns the function that shows the picture in it until it is closed.

    Raises:
        UsageError: there is no display or nothing to draw windows with.
    """
    plt = pyplot()
    reason = "no display, or no toolkit such as Tk or Qt, was found"
    try:
        figure = plt.figure(figsize=(11, 5.2), layout="constrained")
    except (ImportError, RuntimeError) as error:
        raise _no_window(printable(str(error), 120)) from error
    except Exception as error:  # Tk's own class, which cannot be named where Tk is missing
        if type(error).__name__ != "TclError":
            raise
        raise _no_window(printable(str(error), 120)) from error
    if figure.canvas.required_interactive_framework is None:
        plt.close(figure)
        raise _no_window(reason)

    def show(descents: Sequence[Descent]) -> None:
        with matplotlib.rc_context(STYLE):
            _fill(figure, descents)
        plt.show(block=True)

    return show


def _no_window(reason: str) -> UsageError:
    what = f"a window cannot be opened here: {reason}"
    return UsageError(what, where="--show", fix="write the picture to a file with --plot")


def _fill(figure: Figure, descents: Sequence[Descent]) -> Figure:
    ground = Ground(descents)
    title = printable(ground.landscape.expression.text, TITLE)
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold", fontsize=12, parse_math=False)
    left = figure.add_subplot(1, 2, 1)
    draw_ground(left, ground)
    _paths(left, ground)
    if ground.flat:
        _surface(figure.add_subplot(1, 2, 2, projection="3d", computed_zorder=False), ground)
    else:
        _losses(figure.add_subplot(1, 2, 2), ground)
    return figure


def _grid(ground: Ground) -> tuple[list[np.ndarray], np.ndarray]:
    axes = [np.linspace(low, high, POINTS) for low, high in ground.box]
    heights = np.array(ground.landscape.grid(*axes))
    heights[~np.isfinite(heights)] = np.nan
    return axes, heights


def draw_ground(axes: Axes, ground: Ground) -> None:
    """Draw the function without paths: its contour from above, or the curve from the side."""
    (x, *y), z = _grid(ground)
    finite = z[np.isfinite(z)]
    axes.set_xlim(ground.box[0])
    axes.set_xlabel(ground.landscape.variables[0], parse_math=False)
    if not ground.flat:
        axes.plot(x, z, color=MUTED, linewidth=1.5)
        low, high = ground.reach(z)
        margin = 0.08 * (high - low) or 1.0
        axes.set(ylim=(low - margin, high + margin), ylabel="f")
        axes.grid(axis="y", color=GRID)
        return
    # Levels at equal shares of the area show valleys and cliffs alike.
    levels = np.unique(np.quantile(finite, np.linspace(0, 1, LEVELS) ** 1.5)) if finite.size else finite
    if len(levels) > 2:
        colours = matplotlib.colors.BoundaryNorm(levels, INKS.N)
        axes.contourf(x, *y, z, levels=levels, norm=colours, cmap=INKS, alpha=0.75)
        axes.contour(x, *y, z, levels=levels[1:-1], colors="white", linewidths=0.5, linestyles="solid")
    axes.set(xlim=ground.box[0], ylim=ground.box[1], aspect="equal")
    axes.set_ylabel(ground.landscape.variables[1], parse_math=False)


def _paths(axes: Axes, ground: Ground) -> None:
    for descent, colour in ground.walks:
        x, y = ground.path(descent).T
        axes.plot(x, y, color=colour, linewidth=1.6, marker="o", markersize=3, label=descent.optimizer)
        axes.plot(x[-1:], y[-1:], "*", color=colour, markeredgecolor=INK, markersize=14, zorder=5)
    axes.plot(x[:1], y[:1], "o", color="white", markeredgecolor=INK, markersize=8, label="start", zorder=4)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, fontsize=8)


def _surface(axes: Any, ground: Ground) -> None:
    """Draw the landscape into axes in space, for which Matplotlib has no types."""
    (x, y), z = _grid(ground)
    low = min(float(np.nanmin(z)), *(float(descent.values.min()) for descent, _ in ground.walks))
    # Where cliffs would flatten everything else, the logarithm shows the valley.
    steep = np.nanmax(z) - low > 8 * (np.nanmedian(z) - low)

    def height(values: np.ndarray) -> np.ndarray:
        return np.log10(1 + values - low) if steep else values

    tiles = {"rstride": STRIDE, "cstride": STRIDE, "linewidth": 0}
    axes.plot_surface(*np.meshgrid(x, y), height(z), cmap=INKS, alpha=0.8, zorder=1, **tiles)
    for descent, colour in ground.walks:
        seen = ground.inside(descent)
        path = (*descent.points[seen].T, height(descent.values[seen]))
        axes.plot(*path, color=colour, linewidth=2, marker="o", markersize=2.5, zorder=5)
    axes.set_xlabel(ground.landscape.variables[0], parse_math=False)
    axes.set_ylabel(ground.landscape.variables[1], parse_math=False)
    axes.set_zlabel("log10(1 + f - lowest)" if steep else "f")
    axes.view_init(elev=35, azim=-60)


def _losses(axes: Axes, ground: Ground) -> None:
    for descent, colour in ground.walks:
        axes.plot(descent.values, color=colour, linewidth=2, label=descent.optimizer)
    axes.set(xlabel="step", ylabel="f")
    axes.grid(axis="y", color=GRID)
