"""The landscape of `brainbox descent` in characters, and the ball that rolls over it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from brainbox_cli.commands.descent.ground import Ground, moments
from brainbox_core.screen.screen import Part, Screen
from brainbox_core.tasks.descent.walk import Descent

WIDTH, HEIGHT = 64, 18  # characters of the largest map
LEAST_WIDTH, LEAST_HEIGHT = 20, 6
FRAMES, SECONDS = 45, 2.8
RAMP = " .:-=+*#%"  # from low to high ground
# The same as background colours: a dark valley to pale heights.
COLOURS = ("#12296b", "#1b3a94", "#2450bd", "#2f6fed", "#5b8df1", "#86a9f4", "#b0c6f8", "#d3dffb", "#eef3ff")
UNDEFINED = "/"

Cells = list[list[tuple[str, str]]]


def play(screen: Screen, descents: Sequence[Descent], still: bool = False) -> None:
    """Show the landscape with the paths; on a terminal the balls roll first, for about three seconds at most.

    Nothing is shown of functions of more than two variables, or where the terminal is too small.

    Args:
        screen: where.
        descents: walks on one landscape. The path of a single one is drawn in dots, several in the digits 1, 2, ...
        still: draw the end only.
    """
    variables = descents[0].landscape.variables
    width, height = _room(screen)
    if len(variables) > 2 or width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return
    ground = Ground(descents)
    cells, paths = _drawn(ground, width, height, screen)
    frame = partial(_frame, cells, paths, [colour for _, colour in ground.walks], screen)
    steps = moments(max(descent.steps for descent in descents), FRAMES)
    if screen.animated and not still:
        for step in steps:
            screen.show_lines(frame(step))
            time.sleep(SECONDS / FRAMES)
        screen.hide()
    for parts in frame(steps[-1]):
        screen.print(*parts)
    ranges = (f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in zip(variables, ground.box, strict=True))
    screen.print(("  ".join(ranges), "bright_black"), wrap=True)


def _room(screen: Screen) -> tuple[int, int]:
    if not screen.animated:
        return WIDTH, HEIGHT
    try:
        rows = os.get_terminal_size(screen.stream.fileno()).lines
    except (OSError, ValueError):
        rows = 24
    return min(WIDTH, screen.width - 1), min(HEIGHT, rows - 4)


def _drawn(ground: Ground, width: int, height: int, screen: Screen) -> tuple[Cells, list[np.ndarray]]:
    """A character and its style for every row and column, and the cells of each path; some may lie outside."""
    left, right = ground.box[0]
    across = np.linspace(left, right, width)
    if ground.flat:
        low, high = ground.box[1]
        cells = _map(ground.landscape.grid(across, np.linspace(high, low, height)), screen)
    else:
        heights = ground.landscape.grid(across)
        low, high = ground.reach(heights)
        high = low + 1.15 * (high - low) if high > low else low + 1
        cells = [[(" ", "")] * width for _ in range(height)]
        rows = np.where(np.isfinite(heights), _index(heights, high, low, height), -1)
        for column in np.flatnonzero((rows >= 0) & (rows < height)):
            cells[rows[column]][column] = ("·" if screen.unicode else ".", "bright_black")
    paths = []
    for descent, _ in ground.walks:
        x, y = ground.path(descent).T
        paths.append(np.stack([_index(y, high, low, height), _index(x, left, right, width)], axis=1))
    return cells, paths


def _map(heights: np.ndarray, screen: Screen) -> Cells:
    """A function of two variables from above, each band of heights as large as the others."""
    finite = heights[np.isfinite(heights)]
    bounds = np.quantile(finite, np.linspace(0, 1, len(RAMP) + 1)[1:-1]) if finite.size else np.zeros(len(RAMP) - 1)
    bands = np.searchsorted(bounds, heights, side="left")
    looks = [(" ", f"on {colour}") for colour in COLOURS] if screen.colour else [(level, "") for level in RAMP]
    looks.append((UNDEFINED, "bright_black"))
    bands[~np.isfinite(heights)] = len(RAMP)
    return [[looks[band] for band in row] for row in bands]


def _index(x: np.ndarray, first: float, last: float, cells: int) -> np.ndarray:
    """In which of the cells from `first` to `last` each number lies; outside for one that lies outside."""
    share = np.nan_to_num(np.clip((x - first) / (last - first), -1, 2), nan=-1)
    return np.rint(share * (cells - 1)).astype(int)


def _frame(cells: Cells, paths: list[np.ndarray], colours: list[str], screen: Screen, step: int) -> list[list[Part]]:
    """The lines of one picture: the ground, the paths up to a step, and the balls on top."""
    dot, ball = ("•", "●") if screen.unicode else ("o", "@")
    several = len(paths) > 1
    marks: dict[tuple[int, ...], tuple[str, str]] = {}
    for number, (path, colour) in enumerate(zip(paths, colours, strict=True), 1):
        mark = str(number) if several else dot, f"bold {colour}"
        marks |= dict.fromkeys(map(tuple, np.unique(path[: step + 1], axis=0).tolist()), mark)
    for number, path in enumerate(paths, 1):
        marks[tuple(path[min(step, len(path) - 1)].tolist())] = (str(number) if several else ball, "bold bright_white")
    return [_line(line, row, marks) for row, line in enumerate(cells)]


def _line(cells: Sequence[tuple[str, str]], row: int, marks: Mapping[tuple[int, ...], tuple[str, str]]) -> list[Part]:
    """One line of the picture, neighbours of one style in one part."""
    parts: list[Part] = []
    for column, (character, style) in enumerate(cells):
        if mark := marks.get((row, column)):
            character, style = mark[0], f"{mark[1]} {style}"
        if parts and parts[-1][1] == style:
            parts[-1] = (parts[-1][0] + character, style)
        else:
            parts.append((character, style))
    if parts[-1][1] == "":
        parts[-1] = (parts[-1][0].rstrip(), "")
    return parts
