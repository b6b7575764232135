"""A function of one or more variables as a landscape: its height, slope and curvature at a point, all by autograd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.scalar.value import Value, hessian
from brainbox_core.tasks.descent.settings import choose

Point = Sequence[float] | np.ndarray


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
        settings = choose(formula)
        self.expression, self.variables = settings.expression, settings.variables
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

    def value(self, point: Point) -> float:
        """The height; infinite where a float overflows.

        Raises:
            ConvergenceError: the point is outside the domain.
        """
        return self.expression.evaluate(dict(zip(self.variables, map(float, point), strict=True)))

    def slope(self, point: Point) -> tuple[float, np.ndarray]:
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

    def curvature(self, point: Point) -> np.ndarray:
        """The matrix of second derivatives.

        Raises:
            ConvergenceError: one of them is not finite.
        """

        def f(*inputs: Value) -> Value:
            return self.expression.evaluate(dict(zip(self.variables, inputs, strict=True)))

        matrix: np.ndarray = np.array(hessian(f, [float(x) for x in point]))
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

    def text(self, point: Point) -> str:
        """A point as people read it.

        Example:
            >>> Landscape("a*b").text([1, 0.5])
            'a=1, b=0.5'
        """
        return ", ".join(f"{name}={x:.6g}" for name, x in zip(self.variables, point, strict=True))
