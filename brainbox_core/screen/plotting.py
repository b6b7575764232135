"""What every picture is made with: Matplotlib, colours, a style.

Figures are drawn by Agg alone, without a display, whatever MPLBACKEND says. No other module imports Matplotlib, as it
has to be silenced first.
"""

# ruff: noqa: E402 (Matplotlib is silenced before it is imported)

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

# It warns on standard error when it has to build its font cache or finds no home folder; that is nobody's business.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

import matplotlib
import numpy as np
from matplotlib.axes import Axes as Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap as Colormap
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Figure
from matplotlib.figure import SubFigure as SubFigure
from matplotlib.patches import FancyArrowPatch as FancyArrowPatch
from matplotlib.patches import Rectangle as Rectangle
from matplotlib.ticker import MaxNLocator as MaxNLocator
from matplotlib.ticker import PercentFormatter as PercentFormatter
from matplotlib.transforms import Transform as Transform

from brainbox_core.files.writing import atomic_write

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE, RED = "#2f6fed", "#f08c2e", "#d64545"
INKS = LinearSegmentedColormap.from_list("inks", ["#ffffff", "#9fb8ee", BLUE, "#12296b"])
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#b8500d", ORANGE, "#fff7ee", "#ffffff", "#eef3ff", BLUE, "#12296b"]
)
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,  # the grid
    "axes.edgecolor": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


class Picture(Figure):
    """A figure that a notebook shows, also without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(lambda: self)


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, drawn by Agg alone: no display, no pyplot.

    Args:
        width: in inches of 130 pixels.
        height: the same.
    """
    figure = Picture(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def label(
    axes: Axes, title: str, x: str = "", y: str = "", *, size: float = 12, grid: Literal["x", "y", "both"] = "y"
) -> None:
    """Give axes a title, the names of what lies along them, and thin lines across; no text is taken for a formula."""
    axes.set_title(title, loc="left", fontweight="bold", fontsize=size, parse_math=False)
    axes.set_xlabel(x, parse_math=False)
    axes.set_ylabel(y, parse_math=False)
    axes.grid(axis=grid, color=GRID)


def mark(axes: Axes, x: float, y: float, label: str, **style: Any) -> None:
    """Draw the one point of a curve that counts, such as the best epoch."""
    axes.plot([x], [y], "o", label=label, **{"color": ORANGE, "markersize": 9, "zorder": 3, **style})


def curves(axes: Axes, history: Sequence[Mapping[str, Any]], name: str, **style: Any) -> list[float] | None:
    """A figure by epoch on the training and the held-out part, as far as the history has it.

    Returns:
        The values of the held-out part.
    """
    epochs = [row["epoch"] for row in history]
    for part, shown, colour in (("train", "training", MUTED), ("val", "held out", BLUE)):
        values: list[Any] = [row.get(f"{part}_{name}") for row in history]
        if values.count(None) < len(values):
            axes.plot(epochs, np.array(values, float), color=colour, linewidth=2, label=shown, **style)
    return None if None in values else values


def history_figure(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Everything that a history has of the training or of the held-out part, by epoch."""
    parts = [name.partition("_") for row in history for name in row]
    names = list(dict.fromkeys(name for part, _, name in parts if part in ("train", "val")))
    across = min(len(names), 3)
    down = -(-len(names) // across)
    figure = new_figure(4.5 * across, 3.6 * down)
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(down, across, place)
        curves(axes, history, name, marker="o", markersize=4, clip_on=False)
        label(axes, name.replace("_", " ").capitalize(), "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.axes[0].legend()
    return figure


def frame(axes: Axes) -> None:
    """Draw a thin line around a picture, whose border may be as white as the paper, in the place of ticks."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def pixels(figure: Figure) -> np.ndarray:
    """A figure of `new_figure` as it looks: uint8, (H,W,4)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def png(draw: Callable[[], Figure]) -> bytes:
    """The picture that `draw` makes; it is called with the style in place.

    Example:
        >>> png(lambda: new_figure(2, 1))[1:4]
        b'PNG'
    """
    with style():
        return _encoded(draw())


def save(folder: Path, figures: Mapping[str, Callable[[], Figure | None]]) -> dict[str, Path]:
    """Draw pictures one after another into a folder, as `NAME.png`.

    Args:
        folder: where the files go.
        figures: what draws each, by name; None where there is nothing to draw.

    Returns:
        The files by name.
    """
    paths = {}
    with style():
        for name, draw in figures.items():
            if (figure := draw()) is not None:
                paths[name] = folder / f"{name}.png"
                atomic_write(paths[name], _encoded(figure))
    return paths


def pyplot() -> ModuleType:
    """The part of Matplotlib that opens windows; loaded for those who want one."""
    import matplotlib.pyplot

    return matplotlib.pyplot


@contextlib.contextmanager
def style() -> Iterator[None]:
    """What is drawn meanwhile is drawn in our style, whatever the user's Matplotlib is set to."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that the font lacks is drawn as a box
        yield


def _encoded(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": "made by brainbox"})
    return content.getvalue()
