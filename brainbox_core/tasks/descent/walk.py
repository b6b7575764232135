"""Walk downhill on a function: from a start, step by step against the gradient, by any of six rules.

The rules are those that train networks, on a vector of two numbers instead of two million:

    >>> path = descend(Landscape("x^2 + y^2"), [3, 4], lr=0.1)
    >>> path.points[:3]
    array([[3.  , 4.  ],
           [2.4 , 3.2 ],
           [1.92, 2.56]])
    >>> path.ending, path.steps
    ('level', 73)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError, between, whole
from brainbox_core.optimizers import named
from brainbox_core.parameters import Parameter, Parameters
from brainbox_core.scalar.update_rules import DESCENT_OPTIMIZERS
from brainbox_core.tasks.descent.landscape import Landscape

FAR = 1e12  # farther out than this there is nothing to be found
RETURNS = 20  # this many times to and fro between the same two points make a cycle


@dataclass(frozen=True)
class Descent:
    """A walk and how it ended.

    Attributes:
        landscape: where.
        optimizer: by which rule.
        lr: with which learning rate.
        tol: the length of the gradient that counts as level ground.
        limit: the most steps that were allowed.
        points: (steps + 1, variables), the start included; f and its gradient are finite at each.
        values: (steps + 1,), f at the points.
        gradients: (steps + 1, variables).
        ending: `level` (the gradient is at most `tol`), `limit` (all steps are taken), `cycle` (to and fro between two
            points), `far` (farther than 1e12) or `lost` (f or its slope is not finite at the next point).
        next_point: the point after the last where the walk ended `far` or `lost`, else empty.
    """

    landscape: Landscape
    optimizer: str
    lr: float
    tol: float
    limit: int
    points: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    ending: str
    next_point: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.points) - 1

    @property
    def lowest(self) -> int:
        """The index of the lowest point; the last one if several are."""
        return len(self.values) - 1 - int(np.argmin(self.values[::-1]))

    @property
    def length(self) -> float:
        """How long the path is, in the units of the variables."""
        return sum(math.hypot(*way) for way in np.diff(self.points, axis=0).tolist())


@np.errstate(over="ignore")  # the length of a slope of 1e200 is infinite, which is not level either
def descend(
    landscape: Landscape,
    start: Sequence[float],
    optimizer: str = "gd",
    lr: float = 0.1,
    steps: int = 1000,
    tol: float = 1e-6,
) -> Descent:
    """Go downhill until the ground is level, the steps are used up or there is no going on.

    Args:
        landscape: the function.
        start: one number for every variable, in alphabetical order of their names.
        optimizer: gd, momentum (0.9), nesterov (0.9), adagrad, rmsprop or adam.
        lr: learning rate, above 0.
        steps: the most steps to take.
        tol: the length of the gradient that counts as level ground.

    Raises:
        UsageError: an argument does not fit.
        ConvergenceError: f or its slope is not finite at the start.
    """
    if optimizer not in DESCENT_OPTIMIZERS:
        raise UsageError("unknown optimizer", expected=", ".join(DESCENT_OPTIMIZERS), got=optimizer)
    lr, tol = between("lr", lr, 0, above=True), between("tol", tol, 0)
    limit = whole("steps", steps)
    point = landscape.point(start)
    parameters, rule = Parameters({"point": Parameter(point.copy())}), named(optimizer, lr)
    rule.build(parameters)
    parameters.named["point"].grad = parameters.gradients
    value, gradient = landscape.slope(point)
    points, values, gradients = [point], [value], [gradient]
    ending, returns, beyond = "", 0, np.empty(0)
    while not ending:
        if np.sqrt(gradient @ gradient) <= tol:
            ending = "level"
        elif returns == RETURNS:
            ending = "cycle"
        elif len(points) > limit:
            ending = "limit"
        else:
            parameters.gradients[...] = gradient
            rule.step(check=False)  # where it blows up is what a walk shows
            point = parameters.values.copy()
            if not np.abs(point).max() <= FAR:  # not true of nan either
                ending, beyond = "far", point
                break
            try:
                value, gradient = landscape.slope(point)
            except ConvergenceError:
                ending, beyond = "lost", point
                break
            returns = returns + 1 if _turned_back(points, point) else 0
            points.append(point)
            values.append(value)
            gradients.append(gradient)
    walked = np.array(points), np.array(values), np.array(gradients)
    return Descent(landscape, optimizer, lr, tol, limit, *walked, ending, beyond)


def _turned_back(points: list[np.ndarray], point: np.ndarray) -> bool:
    """Whether the new point is where the walk was before its last step, up to rounding."""
    if len(points) < 2:
        return False
    scale = np.abs(point).max()
    return np.abs(point - points[-2]).max() <= 1e-14 * scale < 1e-9 * scale < np.abs(point - points[-1]).max()
