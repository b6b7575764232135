"""The landscape of `brainbox descent` in characters, and the ball that rolls over it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brainbox_core.screen.screen import Part, Screen
from brainbox_core.tasks.descent.walk import Descent

WIDTH, HEIGHT = 64, 18  # characters of the largest map
LEAST_WIDTH, LEAST_HEIGHT = 20, 6
FRAMES, SECONDS = 45, 2.8
RAMP = " .:-=+*#%"  # from low to high ground
# The same as background colours: a dark valley to pale heights.
COLOURS = ("#12296b", "#1b3a94", "#2450bd", "#2f6fed", "#5b8df1", "#86a9f4", "#b0c6f8", "#d3dffb", "#eef3ff")
UNDEFINED = "/"
TRAILS = ("#f08c2e", "#d64545", "#2fa36b", "#b04fd1", "#e0c02e", "#20b2c4")


def box(descents: Sequence[Descent]) -> list[tuple[float, float]]:
    """The part of the landscape worth seeing: a square around the paths, without what flew far away.

    Returns:
        The least and the greatest coordinate along each variable.
    """
    kept = []
    for descent in descents:
        lowest = descent.points[descent.lowest]
        reach = 10 * max(1.0, float(np.abs(descent.points[0]).max()))
        kept.append(descent.points[np.abs(descent.points - lowest).max(axis=1) <= reach])
    points = np.concatenate(kept)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, span = 0.5 * (low + high), float((high - low).max())
    half = 0.7 * (span or max(1.0, float(np.abs(middle).max())))  # if nothing moved, around the point
    return list(zip((middle - half).tolist(), (middle + half).tolist(), strict=True))


def inside(points: np.ndarray, limits: Sequence[tuple[float, float]]) -> np.ndarray:
    """Which of the points are in a box."""
    low, high = np.transpose(limits)
    return ((points >= low) & (points <= high)).all(axis=1)


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
    ground = (_curve if len(variables) == 1 else _map)(descents, width, height, screen)
    visits = [_first_visits(ground, descent) for descent in descents]
    steps = moments(max(descent.steps for descent in descents), FRAMES)
    if screen.animated and not still:
        for step in steps:
            screen.show_lines(_frame(ground, descents, visits, step, screen))
            time.sleep(SECONDS / FRAMES)
        screen.hide()
    for parts in _frame(ground, descents, visits, steps[-1], screen):
        screen.print(*parts)
    ranges = (f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in zip(variables, ground.box, strict=True))
    screen.print(("  ".join(ranges), "bright_black"), wrap=True)


def moments(steps: int, most: int) -> list[int]:
    """At which steps to look: all if there are few, else ever more rarely; always the start and the end.

    Example:
        >>> moments(3, 45), moments(1000, 6)
        ([0, 1, 2, 3], [0, 1, 6, 32, 178, 1000])
    """
    if steps < most:
        return list(range(steps + 1))
    return [0, *np.unique(np.geomspace(1, steps, most - 1).round().astype(int)).tolist()]


def _room(screen: Screen) -> tuple[int, int]:
    if not screen.animated:
        return WIDTH, HEIGHT
    try:
        rows = os.get_terminal_size(screen.stream.fileno()).lines
    except (OSError, ValueError):
        rows = 24
    return min(WIDTH, screen.width - 1), min(HEIGHT, rows - 4)


@dataclass(frozen=True)
class _Ground:
    """What the paths are drawn on.

    Attributes:
        cells: a character and its style for every row and column.
        box: the range of each variable.
        place: from points (n, variables) and the values there to rows and columns (n, 2), which may lie outside.
    """

    cells: list[list[tuple[str, str]]]
    box: list[tuple[float, float]]
    place: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _map(descents: Sequence[Descent], width: int, height: int, screen: Screen) -> _Ground:
    """A function of two variables from above, each band of heights as large as the others."""
    (left, right), (low, high) = limits = box(descents)
    heights = descents[0].landscape.grid(np.linspace(left, right, width), np.linspace(high, low, height))
    finite = heights[np.isfinite(heights)]
    bounds = np.quantile(finite, np.linspace(0, 1, len(RAMP) + 1)[1:-1]) if finite.size else np.zeros(len(RAMP) - 1)
    bands = np.searchsorted(bounds, heights, side="left")
    looks = [_look(band, screen) for band in range(len(RAMP))] + [(UNDEFINED, "bright_black")]
    bands[~np.isfinite(heights)] = len(RAMP)
    cells = [[looks[band] for band in row] for row in bands]

    def place(points: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.stack([_index(points[:, 1], high, low, height), _index(points[:, 0], left, right, width)], axis=1)

    return _Ground(cells, limits, place)


def _look(band: int, screen: Screen) -> tuple[str, str]:
    return (" ", f"on {COLOURS[band]}") if screen.colour else (RAMP[band], "")


def _curve(descents: Sequence[Descent], width: int, height: int, screen: Screen) -> _Ground:
    """A function of one variable from the side."""
    limits = box(descents)
    left, right = limits[0]
    heights = descents[0].landscape.grid(np.linspace(left, right, width))
    finite = heights[np.isfinite(heights)]
    seen = np.concatenate([descent.values[inside(descent.points, limits)] for descent in descents])
    low = min([*finite, *seen])
    high = max([*seen, np.median(finite)] if finite.size else seen)
    high = low + 1.15 * (high - low) if high > low else low + 1

    def place(points: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.stack([_index(values, high, low, height), _index(points[:, 0], left, right, width)], axis=1)

    cells = [[(" ", "")] * width for _ in range(height)]
    rows = np.where(np.isfinite(heights), _index(heights, high, low, height), -1)
    for column in np.flatnonzero((rows >= 0) & (rows < height)):
        cells[rows[column]][column] = ("·" if screen.unicode else ".", "bright_black")
    return _Ground(cells, limits, place)


def _index(x: np.ndarray, first: float, last: float, cells: int) -> np.ndarray:
    """In which of the cells from `first` to `last` each number lies; outside for one that lies outside."""
    share = np.nan_to_num(np.clip((x - first) / (last - first), -1, 2), nan=-1)
    return np.rint(share * (cells - 1)).astype(int)


def _first_visits(ground: _Ground, descent: Descent) -> dict[tuple[int, int], int]:
    """The cells on the path, with the step that came to each first."""
    cells, steps = np.unique(ground.place(descent.points, descent.values), axis=0, return_index=True)
    return dict(zip(map(tuple, cells.tolist()), steps.tolist(), strict=True))


def _frame(ground: _Ground, descents: Sequence[Descent], visits: Sequence[dict], step: int, screen: Screen) -> list:
    """The lines of one picture: the ground, the paths up to a step, and the balls on top."""
    dot, ball = ("•", "●") if screen.unicode else ("o", "@")
    several = len(descents) > 1
    marks: dict[tuple[int, int], tuple[str, str]] = {}
    for number, cells in enumerate(visits):
        mark = str(number + 1) if several else dot, f"bold {TRAILS[number % len(TRAILS)]}"
        marks |= {cell: mark for cell, first in cells.items() if first <= step}
    for number, descent in enumerate(descents):
        now = [min(step, descent.steps)]
        cell = tuple(ground.place(descent.points[now], descent.values[now])[0].tolist())
        marks[cell] = (str(number + 1) if several else ball, "bold bright_white")
    return [_line(cells, row, marks) for row, cells in enumerate(ground.cells)]


def _line(cells: Sequence[tuple[str, str]], row: int, marks: Mapping[tuple[int, int], tuple[str, str]]) -> list[Part]:
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
