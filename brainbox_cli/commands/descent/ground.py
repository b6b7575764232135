"""The ground that the walks of `brainbox descent` are drawn on, in characters, as a PNG picture and as an animation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainbox_core.tasks.descent.walk import Descent

TRAILS = ("#f08c2e", "#d64545", "#2fa36b", "#b04fd1", "#e0c02e", "#20b2c4")
DRAWN = 1e300  # the largest coordinate that is drawn: sums of larger ones are no numbers


class Ground:
    """A function of two variables seen from above, or one of a single variable seen from the side, as a curve.

    Args:
        descents: walks on one landscape.

    Attributes:
        box: the least and the greatest coordinate along each variable, as far as it is worth seeing.
        flat: whether it is seen from above.
        walks: each walk with the colour of its path.
    """

    def __init__(self, descents: Sequence[Descent]):
        self.landscape = descents[0].landscape
        self.box = box(descents)
        self.flat = len(self.landscape.variables) == 2
        self.walks = [(descent, TRAILS[number % len(TRAILS)]) for number, descent in enumerate(descents)]

    def path(self, descent: Descent) -> np.ndarray:
        """Where the points of a walk are, to the right and upwards: (steps + 1, 2)."""
        return descent.points if self.flat else np.column_stack([descent.points[:, 0], descent.values])

    def inside(self, descent: Descent) -> np.ndarray:
        """Which points of a walk are in the box."""
        low, high = np.transpose(self.box)
        return ((descent.points >= low) & (descent.points <= high)).all(axis=1)

    def reach(self, curve: np.ndarray) -> tuple[float, float]:
        """From where to where a curve is worth seeing: its bottom, and as high as the paths in the box need it."""
        finite = curve[np.isfinite(curve)]
        seen = np.concatenate([descent.values[self.inside(descent)] for descent, _ in self.walks])
        heights = np.concatenate([finite, seen, [] if finite.size + seen.size else [0.0]])
        return heights.min(), max([*seen, np.median(finite)] if finite.size else heights)


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
    points = np.concatenate(kept).clip(-DRAWN, DRAWN)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, span = 0.5 * (low + high), float((high - low).max())
    half = 0.7 * (span or max(1.0, float(np.abs(middle).max())))  # if nothing moved, around the point
    return list(zip((middle - half).tolist(), (middle + half).tolist(), strict=True))


def moments(steps: int, most: int) -> list[int]:
    """At which steps to look: all if there are few, else ever more rarely; always the start and the end.

    Example:
        >>> moments(3, 45), moments(1000, 6)
        ([0, 1, 2, 3], [0, 1, 6, 32, 178, 1000])
    """
    if steps < most:
        return list(range(steps + 1))
    return [0, *np.unique(np.geomspace(1, steps, most - 1).round().astype(int)).tolist()]
