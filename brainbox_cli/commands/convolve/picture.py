"""The picture of `brainbox convolve --plot`: before, the kernel, after."""

from __future__ import annotations

import numpy as np
from PIL import Image

from brainbox_core.screen.plotting import SIGNED, Figure, frame, new_figure, png
from brainbox_core.tasks.convolve.kernels import Kernel

MOST_PIXELS = 700  # of a side, somewhat more than are shown: Matplotlib takes 56 bytes for each
MOST_NUMBERS = 9  # rows and columns of a kernel whose weights are written into it


def draw(before: np.ndarray, kernel: Kernel, after: np.ndarray) -> bytes:
    """A PNG picture of two pictures, uint8 (H,W) or (H,W,3), and the kernel that lies between."""
    return png(lambda: _figure(before, kernel, after))


def _figure(before: np.ndarray, kernel: Kernel, after: np.ndarray) -> Figure:
    figure = new_figure(11, 4.2)
    left, middle, right = figure.subplots(1, 3, width_ratios=[4, 2.4, 4])
    for axes, title, pixels in ((left, "before", before), (right, "after", after)):
        shown = Image.fromarray(pixels).reduce(-(-max(pixels.shape) // MOST_PIXELS))
        axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        axes.set_title(f"{title}, {pixels.shape[1]}x{pixels.shape[0]}", loc="left")
    weights = np.array(kernel.weights)
    limit = np.abs(weights).max() or 1
    middle.imshow(weights, cmap=SIGNED, vmin=-limit, vmax=limit)
    middle.set_title(kernel.title, loc="left", fontweight="bold")
    if max(kernel.size) <= MOST_NUMBERS:
        longest = max(len(cell) for row in kernel.cells for cell in row)
        size = min(13, 110 / (max(kernel.size) * max(longest, 2) * 0.62))
        for (row, column), weight in np.ndenumerate(weights):
            colour = "white" if abs(weight) > 0.6 * limit else "black"
            cell = kernel.cells[row][column]
            middle.text(column, row, cell, ha="center", va="center", fontsize=size, color=colour, parse_math=False)
    for axes in (left, middle, right):
        frame(axes)
    return figure
