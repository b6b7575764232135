"""Points of the plane in two classes that no straight line separates: moons, circles, a spiral, XOR. Pure Python."""

from __future__ import annotations

import math
import random

from brainbox_core.errors import UsageError, whole
from brainbox_core.rng import key

Point = tuple[float, float]


def points(name: str, count: int, seed: int = 0, part: str = "train") -> tuple[list[Point], list[int]]:
    """Draw points of one set, about as many of each class.

    Args:
        name: `moons`, `circles`, `spiral` or `xor`.
        count: how many points.
        seed: the run's seed.
        part: another name gives other points of the same seed.

    Returns:
        The points, each coordinate between about -1.5 and 1.5, and the label 0 or 1 of each.

    Example:
        >>> rows, labels = points("moons", 100)
        >>> len(rows), sum(labels)
        (100, 50)
    """
    if name not in SETS:
        raise UsageError(f'there are no points named "{name}"', expected=", ".join(SETS))
    numbers = random.Random(key(seed, "points", name, part))
    labels = [index % 2 for index in range(whole("count", count))]
    return [SETS[name](numbers, label) for label in labels], labels


def _moon(numbers: random.Random, label: int) -> Point:
    """Two half circles, each with one end inside the other."""
    angle, sign = math.pi * numbers.random(), 1 - 2 * label
    x, y = sign * math.cos(angle) - sign * 0.5, sign * math.sin(angle) - sign * 0.25
    return x + numbers.gauss(0, 0.1), y + numbers.gauss(0, 0.1)


def _circle(numbers: random.Random, label: int) -> Point:
    """A ring around a disc."""
    angle, radius = 2 * math.pi * numbers.random(), 1.2 if label else 0.5
    radius += numbers.gauss(0, 0.1)
    return radius * math.cos(angle), radius * math.sin(angle)


def _spiral(numbers: random.Random, label: int) -> Point:
    """Two arms that wind around each other once."""
    way = math.sqrt(numbers.random())  # as many points on every piece of an arm's length
    angle = 2 * math.pi * way + math.pi * label
    radius = 0.2 + 1.2 * way
    return radius * math.cos(angle) + numbers.gauss(0, 0.05), radius * math.sin(angle) + numbers.gauss(0, 0.05)


def _xor(numbers: random.Random, label: int) -> Point:
    """Four squares; the class is 1 where the signs of the coordinates differ."""
    x, y = (numbers.choice((-1, 1)) * numbers.uniform(0.1, 1.3) for _ in range(2))
    return x, math.copysign(y, -x if label else x)


SETS = {"moons": _moon, "circles": _circle, "spiral": _spiral, "xor": _xor}
