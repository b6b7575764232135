"""What a walk downhill found, and why it ended: a minimum, or one of the many ways to miss it.

Level ground is judged by the eigenvalues of the Hessian (Nocedal and Wright, Numerical Optimization, 2nd ed., section
2.1). A point reached in steps is never exactly level, so the judgement is put to a test: gradient and Hessian describe
a quadratic bowl, and f must still go the way of that bowl a hundred times farther out than its bottom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from brainbox_core.errors import ConvergenceError
from brainbox_core.tasks.descent.landscape import Landscape
from brainbox_core.tasks.descent.walk import FAR, Descent

ZERO, FLAT = 1e-10, 1e-12  # an eigenvalue counts as 0 up to ZERO of the largest, or up to FLAT
NEAR = 0.05  # the bottom must be nearer than this share of the point's length (or of 1, if that is more)
FOUND = ("minimum", "valley")


@dataclass(frozen=True)
class Verdict:
    """How a walk went.

    Attributes:
        status: `minimum` or `valley` (lowest, but so are points beside it) if the walk found what it looked for;
            `maximum`, `saddle`, `plateau`, `constant` for other level ground; `diverged`, `oscillating`, `kink`,
            `unbounded`, `out_of_domain`, `slow` where it did not come to rest.
        reason: in words, with the step and the place.
        smooth: False where the minimum is a kink, such as that of |x|.
        downhill: for a maximum or saddle, a direction in which it goes down.
    """

    status: str
    reason: str
    smooth: bool = True
    downhill: np.ndarray | None = None

    @property
    def found(self) -> bool:
        """Whether the walk ended at a lowest point."""
        return self.status in FOUND


@np.errstate(over="ignore", invalid="ignore")  # of a walk that ended at 1e200, lengths are infinite
def judge(descent: Descent) -> Verdict:
    """What the walk found, or why it did not.

    Example:
        >>> from brainbox_core.tasks.descent.walk import descend
        >>> judge(descend(Landscape("x^2 - y^2"), [1, 0])).status
        'saddle'
        >>> judge(descend(Landscape("x^2"), [1], lr=1.2)).reason
        'overshoots: the first step is already uphill (f 1 -> 1.96) and at step 83 x=-1.3447e+12'
    """
    if descent.ending == "level":
        return _judge_level(descent)
    if descent.ending in ("far", "lost"):
        return _judge_escape(descent)
    return _judge_restless(descent)


def classify(landscape: Landscape, point: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """The kind of a level point by its Hessian.

    Returns:
        `minimum`, `maximum`, `saddle`, or `flat` if an eigenvalue is zero and the others do not differ in sign; the
        eigenvalues in rising order; their directions as columns.

    Example:
        >>> [classify(Landscape(f), [0, 0])[0] for f in ("x^2 + y^2", "-x^2 - y^2", "x*y", "(x - y)^2")]
        ['minimum', 'maximum', 'saddle', 'flat']
    """
    eigenvalues, directions = np.linalg.eigh(landscape.curvature(point))
    size = np.abs(eigenvalues).max()
    zero = np.abs(eigenvalues) <= max(ZERO * size, FLAT)
    eigenvalues = np.where(zero, 0.0, eigenvalues)
    if eigenvalues[0] < 0 < eigenvalues[-1]:
        kind = "saddle"
    elif zero.any():
        kind = "flat"
    else:
        kind = "minimum" if eigenvalues[0] > 0 else "maximum"
    return kind, eigenvalues, directions


# Level ground


def _judge_level(descent: Descent) -> Verdict:
    landscape, point = descent.landscape, descent.points[-1]
    where = landscape.text(point)
    start = "the gradient is zero at the start, " if descent.steps == 0 else "the gradient is zero at "
    try:
        kind, eigenvalues, directions = classify(landscape, point)
    except ConvergenceError:  # the curvature is infinite there, as that of |x|^1.5 at 0
        kind, eigenvalues, directions = "flat", np.zeros(len(point)), np.eye(len(point))
    if kind == "saddle":
        return Verdict("saddle", f"{start}{where}, but that is a saddle, not a minimum", downhill=directions[:, 0])
    if kind != "flat":
        inverse = directions / eigenvalues @ directions.T
        bottom = -inverse @ descent.gradients[-1]  # from here, if f were the parabola that it looks like
        reach = float(np.linalg.norm(bottom))
        ahead, behind = (_rise(landscape, point, 100 * way) for way in (bottom, -bottom))
        expected = -0.5e4 * descent.gradients[-1] @ bottom  # a parabola's rise there; negative at a maximum
        visible = abs(expected) > 1e-12 * abs(descent.values[-1])
        if visible and not min(ahead / expected, behind / expected) > 0:
            return _judge_slope(descent, bottom if ahead < behind else -bottom)
        if reach > NEAR * max(1.0, float(np.linalg.norm(point))):
            reason = f"the gradient at {where} is below the tolerance, but the bottom is still {reach:.3g} away"
            return Verdict("plateau", reason)
        if kind == "maximum":
            return Verdict("maximum", f"{start}{where}, but that is a maximum", downhill=directions[:, 0])
        return Verdict("minimum", f"minimum at {where}")
    return _judge_flat(descent, start + where, eigenvalues, directions)


def _judge_slope(descent: Descent, direction: np.ndarray) -> Verdict:
    """The ground only seems to be level: it goes on falling, ever less."""
    where = descent.landscape.text(descent.points[-1])
    if _endless(descent.landscape, descent.points[-1], direction):
        return Verdict("unbounded", f"f has no minimum: beyond {where} it falls without end")
    norm = math.hypot(*descent.gradients[-1])
    falls = _rise(descent.landscape, descent.points[-1], 100 * direction) < 0
    what = ", but f goes on falling: a plateau or an inflection point" if falls else ": a plateau, not a minimum"
    reason = f"the gradient at {where} is only {norm:.3g}{what}"
    return Verdict("plateau", reason, downhill=direction / np.linalg.norm(direction))


def _judge_flat(descent: Descent, place: str, eigenvalues: np.ndarray, directions: np.ndarray) -> Verdict:
    """The Hessian does not decide, so look around along the directions in which it is zero."""
    landscape, point = descent.landscape, descent.points[-1]
    size = max(1.0, float(np.linalg.norm(point)))
    # What is left to gain across a valley is not downhill along it.
    curved = eigenvalues > 0
    left = float(np.sum((directions.T[curved] @ descent.gradients[-1]) ** 2 / eigenvalues[curved]))
    rises, down = [], None
    for direction in directions.T[eigenvalues == 0]:
        for side in (direction, -direction):
            for distance in (1e-3, 1e-2, 1e-1):
                rises.append(_rise(landscape, point, distance * size * side))
                if rises[-1] < -left and down is None:
                    down = side
    if down is not None and min(eigenvalues) == 0:
        if max(*rises, *eigenvalues) > 0:
            what = "an inflection point" if len(point) == 1 else "a saddle"
            return Verdict("saddle", f"{place}, but that is {what}: beside it f is lower", downhill=down)
        return Verdict("maximum", f"{place}, but that is a maximum", downhill=down)
    if min(eigenvalues) < 0:
        return Verdict("maximum", f"{place}, but that is the top of a ridge", downhill=directions[:, 0])
    if min(rises) > 0:
        # A thousand times nearer, the rise of |x| is a thousand times less, that of a smooth f a million times or more.
        flat = directions.T[eigenvalues == 0]
        near = min(_rise(landscape, point, 1e-6 * size * side) for side in (*flat, *-flat))
        return Verdict("minimum", f"minimum at {landscape.text(point)}", smooth=near < 3e-4 * min(rises[::3]))
    if max(eigenvalues) > 0:
        return Verdict("valley", f"the floor of a valley at {landscape.text(point)}: points along it are as low")
    if _constant(descent):
        return Verdict("constant", "the gradient is identically zero: f is the same everywhere")
    return Verdict("plateau", f"{place}, and so is the curvature: f is flat there, and no direction leads down")


def _constant(descent: Descent) -> bool:
    """Whether f has one value over a wide area."""
    point = descent.points[-1]
    ways = (distance * side for distance in (0.1, 1.7, 31.0) for axis in np.eye(len(point)) for side in (axis, -axis))
    return all(_rise(descent.landscape, point, way) == 0 for way in ways)


# Walks that left


def _judge_escape(descent: Descent) -> Verdict:
    landscape, values, step = descent.landscape, descent.values, descent.steps + 1
    place = landscape.text(descent.next_point)
    value, said = np.nan, ""  # f at the next point: infinite if a float overflows there, nan outside the domain
    if np.isfinite(descent.next_point).all():
        try:
            value = landscape.value(descent.next_point)
        except ConvergenceError as error:
            said = error.what
    fell = values[-1] < values[0] and (not np.diff(values[-5:]).max(initial=0) > 0 or values[-1] < -FAR)
    if value == -np.inf or (descent.ending == "far" and fell):
        reason = f"f has no minimum: it falls without end, and was {values[-1]:.3g} at step {step - 1}"
        return Verdict("unbounded", reason)
    if descent.ending == "far" or value == np.inf or values[-1] > 1e3 * (1 + abs(values[0])):
        return Verdict("diverged", f"overshoots: {_first_rise(descent)}at step {step} {place}")
    if np.isfinite(value):
        return Verdict("kink", f"f is not smooth: its slope has no value at {place}, reached at step {step}")
    return Verdict("out_of_domain", f"step {step} leaves the domain of f: {said}")


def _first_rise(descent: Descent) -> str:
    """Where the last uninterrupted rise of f began."""
    rising = np.diff(descent.values) > 0
    first = len(rising) - int(np.argmin(rising[::-1])) if not rising.all() else 0
    if first >= len(rising):
        return ""
    before, after = descent.values[first : first + 2]
    what = "the first step is already" if first == 0 else f"from step {first + 1} on it goes"
    return f"{what} uphill (f {before:.4g} -> {after:.4g}) and "


# Walks that never came to rest


def _judge_restless(descent: Descent) -> Verdict:
    landscape, points, values = descent.landscape, descent.points, descent.values
    half = len(values) // 2
    for direction in (points[-1] - points[half], -descent.gradients[-1]):
        if _endless(landscape, points[-1], direction):
            reason = f"f has no minimum: it falls without end, and was {values[-1]:.6g} at step {descent.steps}"
            return Verdict("unbounded", reason)
    norm = math.hypot(*descent.gradients[-1])
    turns = [step for step in range(max(1, len(points) - 10), len(points)) if _turns(descent, step)]
    if len(turns) >= 3:
        if kink := _kink(descent, turns[-1]):
            return Verdict("kink", kink)
        if not values[half:].min() < values[:half].min():
            reason = f"overshoots: it jumps from side to side of the minimum, and after {descent.steps:,} steps f is"
            return Verdict("oscillating", f"{reason} {values[-1]:.4g}, no lower than before")
    return Verdict("slow", f"did not converge in {descent.steps:,} steps: the gradient is still {norm:.3g} long")


def _turns(descent: Descent, step: int) -> bool:
    """Whether the slope along this step changes its sign on the way."""
    way = descent.points[step] - descent.points[step - 1]
    return descent.gradients[step - 1] @ way < 0 < descent.gradients[step] @ way


def _kink(descent: Descent, step: int) -> str:
    """A jump of the slope along this step, found by halving; empty if the slope passes through zero smoothly."""
    landscape, left, right = descent.landscape, descent.points[step - 1], descent.points[step]
    way = (right - left) / np.linalg.norm(right - left)
    before, after = descent.gradients[step - 1] @ way, descent.gradients[step] @ way
    first = after - before
    for _ in range(40):
        middle = 0.5 * (left + right)
        try:
            slope = landscape.slope(middle)[1] @ way
        except ConvergenceError:
            return f"f is not smooth: its slope has no value at {landscape.text(middle)}"
        if slope <= 0:
            left, before = middle, slope
        else:
            right, after = middle, slope
        if after - before < 0.1 * first:
            return ""
    jump = f"the slope jumps from {before:.4g} to {after:.4g} at {landscape.text(middle)}"
    return f"f is not smooth: {jump}, and steps of one length cannot settle in a kink"


# Looking around


def _rise(landscape: Landscape, point: np.ndarray, way: np.ndarray) -> float:
    """How much higher f is there; 0 if that may be rounding, infinite outside the domain."""
    here = landscape.value(point)
    try:
        rise = landscape.value(point + way) - here
    except ConvergenceError:
        return np.inf
    return 0.0 if abs(rise) <= 1e-14 * abs(here) else rise


def _endless(landscape: Landscape, point: np.ndarray, direction: np.ndarray) -> bool:
    """Whether f falls in this direction as far as one looks, and by no less with every doubling of the distance."""
    length = np.linalg.norm(direction)
    if not length:
        return False
    here, falls, distance = landscape.value(point), [], max(1.0, float(np.linalg.norm(point)))
    while distance < FAR:
        try:
            there = landscape.value(point + distance / length * direction)
        except ConvergenceError:
            return False
        if there == -np.inf:
            return True
        if not there < here:
            return False
        falls.append(here - there)
        here, distance = there, 2 * distance
    return bool(falls) and falls[-1] > 0.9 * falls[len(falls) // 2]  # none where it is too far away to look further
