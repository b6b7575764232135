"""What a descent starts from: the function, the point and the settings. Loads no NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from brainbox_core.scalar.expression import Expression, parse

LR, STEPS, TOL = 0.1, 1000, 1e-6


class Classic(NamedTuple):
    """A test function of the optimization literature, with a start and settings that lead `gd` to a minimum."""

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


@dataclass(frozen=True)
class Settings:
    """Where to start and how to go; `choose` fills in what is not given.

    Attributes:
        expression: the function.
        variables: its variables in alphabetical order, which is the order of the coordinates.
        start: a number for each, if it was given so.
        lr: learning rate.
        steps: the most steps.
    """

    expression: Expression
    variables: tuple[str, ...]
    start: tuple[float, ...]
    lr: float
    steps: int


def choose(
    func: str, start: tuple[float, ...] | None = None, lr: float | None = None, steps: int | None = None
) -> Settings:
    """The settings for a function: those given, else those of the classic, else the start 3, 4, 5, ... and the usual.

    Raises:
        InputError: `func` is neither a formula nor the name of a classic.

    Example:
        >>> settings = choose("b^2 + a^2", lr=0.5)
        >>> settings.variables, settings.start, settings.lr, settings.steps
        (('a', 'b'), (3.0, 4.0), 0.5, 1000)
    """
    classic = CLASSICS.get(func)
    expression = parse(classic.formula if classic else func)
    variables = tuple(sorted(expression.variables))
    usual = classic or Classic(func, tuple(3.0 + index for index in range(len(variables))), LR, STEPS)
    return Settings(expression, variables, start or usual.start, lr or usual.lr, steps or usual.steps)
