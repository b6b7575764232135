"""A picture in characters: two pixels a cell in colour where the terminal has colours, else ten shades of gray."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from PIL import Image

from brainbox_core.screen.screen import Screen

SHADES = " .:-=+*#%@"  # from black to white; Unicode has five at most
UPPER_HALF = "▀"

Line = list[tuple[str, str]]  # texts and their styles


def preview(pixels: np.ndarray, columns: int, rows: int, screen: Screen) -> list[Line]:
    """The lines of a picture, at most so many rows and columns, light pixels as light or dense characters.

    Args:
        pixels: uint8, (H,W) or (H,W,3).
        columns, rows: the space that there is.
        screen: what it is made for: its colours and its characters.

    Example:
        >>> import io
        >>> ramp = np.arange(0, 256, 16, dtype=np.uint8).reshape(2, 8)
        >>> plain = Screen(io.TextIOWrapper(io.BytesIO(), "ascii"))
        >>> [text for [(text, style)] in preview(np.repeat(ramp, 2, axis=0), 8, 2, plain)]
        ['  ..:--=', '++**#%%@']
    """
    height, width = pixels.shape[:2]
    scale = min(columns / width, 2 * rows / height, 1)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale / 2))
    image = Image.fromarray(pixels)
    if screen.colour and screen.unicode:
        small = np.asarray(image.convert("RGB").resize((columns, 2 * rows), Image.Resampling.BOX))
        return [_half_blocks(*pair) for pair in small.reshape(rows, 2, columns, 3)]
    small = np.asarray(image.convert("L").resize((columns, rows), Image.Resampling.BOX), int)
    return [[("".join(SHADES[level * len(SHADES) // 256] for level in line), "")] for line in small]


def side_by_side(pictures: list[tuple[str, list[Line]]], gap: int = 2) -> list[Line]:
    """Pictures beside each other, each below its name."""
    columns = [max(len(name), *(_length(line) for line in lines)) for name, lines in pictures]
    height = max(len(lines) for _, lines in pictures)
    beside: list[Line] = [[] for _ in range(height + 1)]
    for (name, lines), width in zip(pictures, columns, strict=True):
        column = [[(name, "bold cyan")], *lines, *[[("", "")]] * (height - len(lines))]
        for target, line in zip(beside, column, strict=True):
            target += [*([(" " * gap, "")] if target else []), *line, (" " * (width - _length(line)), "")]
    return beside


def _length(line: Line) -> int:
    return sum(len(text) for text, _ in line)


def _half_blocks(upper: np.ndarray, lower: np.ndarray) -> Line:
    """A line of cells, each with one pixel in the colour of the text and one in that of its background."""
    cells = zip(map(tuple, upper.tolist()), map(tuple, lower.tolist()), strict=True)
    styles = ["rgb({},{},{}) on rgb({},{},{})".format(*above, *below) for above, below in cells]
    return [(UPPER_HALF * len(list(group)), style) for style, group in groupby(styles)]
