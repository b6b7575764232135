"""One picture of a lesson as PNG bytes, in the colours and the style of `pictures`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

from brainbox_cli.pictures import STYLE, Figure, FigureCanvasAgg, matplotlib


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, drawn by Agg alone: no display, no pyplot.

    Args:
        width: in inches of 130 pixels.
        height: the same.
    """
    figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png(draw: Callable[[], Figure]) -> bytes:
    """The picture that `draw` makes; it is called with the style in place.

    Example:
        >>> png(lambda: new_figure(2, 1))[1:4]
        b'PNG'
    """
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that the font lacks is drawn as a box
        content = io.BytesIO()
        draw().savefig(content, format="png", metadata={"Software": None})
        return content.getvalue()
