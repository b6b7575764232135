"""A function of one or more variables as a landscape: its height, slope and curvature at a point, all by autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brainbox_core import expression
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.value import Value, hessian


class Classic(NamedTuple):
    """A test function of the optimization literature, with a start and settings from which plain descent gets there."""

    formula: str
    start: tuple[float, ...]
    lr: float
    steps: int


# Rosenbrock 1960; Himmelblau, Applied Nonlinear Programming, 1972; Beale 1958; Rastrigin 1974.
CLASSICS = {
    "rosenbrock": Classic("(1 - x)^2 + 100*(y - x^2)^2", (-1.2, 1.0), 0.0015, 30_000),
    "himmelblau": Classic("(x^2 + y - 11)^2 + (x + y^2 - 7)^2", (0.0, 0.0), 0.01, 1_000),
    "beale": Classic("(1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2", (1.0, 1.0), 0.02, 5_000),
    "rastrigin": Classic("20 + x^2 - 10*cos(2*pi*x) + y^2 - 10*cos(2*pi*y)", (1.3, -0.7), 0.001, 1_000),
}


class Landscape:
    """A formula, ready to be walked on.

    Args:
        formula: what `expression.parse` reads, or the name of a classic: rosenbrock, himmelblau, beale, rastrigin.

    Attributes:
        variables: their names in alphabetical order, which is the order of the coordinates of a point.
        expression: the formula as it was read.

    Raises:
        InputError: it is no formula.
        ConvergenceError: it has no variable.

    Example:
        >>> bowl = Landscape("x^2 + y^2")
        >>> bowl.slope([3, 4])
        (25.0, array([6., 8.]))
        >>> bowl.curvature([3, 4])
        array([[2., 0.], [0., 2.]])
    """

    def __init__(self, formula: str):
        classic = CLASSICS.get(formula)
        self.expression = expression.parse(classic.formula if classic else formula)
        self.variables = tuple(sorted(self.expression.variables))
        if not self.variables:
            raise ConvergenceError(
                f"the gradient is identically zero: {self.expression} has no variable",
                fix='give a function of one or more variables, such as "x^2 + y^2"',
            )

    def point(self, coordinates: Sequence[float]) -> np.ndarray:
        """The coordinates as a vector.

        Raises:
            UsageError: they are not one finite number for every variable.
        """
        point = np.array(coordinates, np.float64)
        if point.shape != (len(self.variables),) or not np.isfinite(point).all():
            count, names = len(self.variables), ", ".join(self.variables)
            needed = f"{count} finite number{'s' * (count > 1)}, for {names}"
            raise UsageError("a point does not fit the function", expected=needed, got=list(coordinates))
        return point

    def value(self, point: Sequence[float]) -> float:
        """The height; infinite where a float overflows.

        Raises:
            ConvergenceError: the point is outside the domain.
        """
        return self.expression.evaluate(dict(zip(self.variables, map(float, point), strict=True)))

    def slope(self, point: Sequence[float]) -> tuple[float, np.ndarray]:
        """The height and the gradient.

        Raises:
            ConvergenceError: one of them is not finite.
        """
        inputs = {name: Value(x, name) for name, x in zip(self.variables, point, strict=True)}
        result = Value(0.0) + self.expression.evaluate(inputs)
        result.backward()
        gradient = np.array([variable.grad for variable in inputs.values()])
        if not (np.isfinite(result.data) and np.isfinite(gradient).all()):
            what = "the slope of f" if np.isfinite(result.data) else "f"
            raise ConvergenceError(f"{what} is not finite at {self.text(point)}")
        return result.data, gradient

    def curvature(self, point: Sequence[float]) -> np.ndarray:
        """The matrix of second derivatives.

        Raises:
            ConvergenceError: one of them is not finite.
        """

        def f(*inputs: Value) -> Value:
            return self.expression.evaluate(dict(zip(self.variables, inputs, strict=True)))

        matrix = np.array(hessian(f, point))
        if not np.isfinite(matrix).all():
            raise ConvergenceError(f"the curvature of f is not finite at {self.text(point)}")
        return 0.5 * (matrix + matrix.T)  # equal but for rounding

    def grid(self, *axes: np.ndarray) -> np.ndarray:
        """The heights over all combinations of coordinates: rows follow the last variable, columns the first.

        Args:
            axes: the coordinates along each variable, of one or two variables.

        Returns:
            Shape (len(x),) or (len(y), len(x)); `nan` or infinite outside the domain.
        """
        coordinates = dict(zip(self.variables, np.meshgrid(*axes), strict=True))
        return np.broadcast_to(self.expression.evaluate(coordinates), next(iter(coordinates.values())).shape)

    def text(self, point: Sequence[float]) -> str:
        """A point as people read it.

        Example:
            >>> Landscape("a*b").text([1, 0.5])
            'a=1, b=0.5'
        """
        return ", ".join(f"{name}={x:.6g}" for name, x in zip(self.variables, point, strict=True))
