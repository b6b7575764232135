"""The gradient of a formula by backpropagation, and the same by trying: finite differences.

>>> result = differentiate("x*y + z", {"x": 2, "y": -3, "z": 10})
>>> result.value, result.gradients
(4.0, {'x': -3.0, 'y': 2.0, 'z': 1.0})
>>> [comparison.verdict for comparison in check(result)]
['ok', 'ok', 'ok']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.scalar.expression import Expression, parse
from brainbox_core.scalar.value import Value

TOLERANCE = 1e-6  # relative; most differences are good to 1e-10
LEAST = 1e-3  # a difference that is less certain than this proves nothing
STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


@dataclass(frozen=True)
class Result:
    """A formula at a point.

    Attributes:
        expression: the formula.
        inputs: a Value for every variable, after `backward()`.
        root: the Value of the formula, with the graph behind it.
    """

    expression: Expression
    inputs: dict[str, Value]
    root: Value

    @property
    def value(self) -> float:
        return self.root.data

    @property
    def gradients(self) -> dict[str, float]:
        """The derivative with respect to every variable."""
        return {name: node.grad for name, node in self.inputs.items()}


@dataclass(frozen=True)
class Comparison:
    """One derivative, computed in two ways.

    Attributes:
        name: the variable.
        gradient: by backpropagation.
        difference: by finite differences; None if none can be trusted, as on the edge of the domain.
        error: how far the two are apart, relative to the larger (to 1 if both are smaller); None without a difference.
        verdict: `ok`; `wrong`; `kink` if the slopes to the left and to the right differ and the gradient lies between
            them; `unclear` without a difference.
    """

    name: str
    gradient: float
    difference: float | None
    error: float | None
    verdict: str


def differentiate(text: str, at: Mapping[str, float]) -> Result:
    """Evaluate a formula on `Value`s and walk back through its graph.

    Args:
        text: the formula, in the language of `brainbox_core.scalar.expression`.
        at: a number for every variable.

    Raises:
        InputError: the text is no formula.
        UsageError: a variable has no number, or a number no variable.
        ConvergenceError: the formula has no finite value there.
    """
    expression = parse(text)
    for name in at:
        if name not in expression.variables:
            known = ", ".join(expression.variables) or "no variables"
            raise UsageError(f"there is no {name} in the formula", fix=f"it has {known}")
    missing = [name for name in expression.variables if name not in at]
    if missing:
        example = ",".join(f"{name}={at.get(name, 1)}" for name in expression.variables)
        need = "need" if len(missing) > 1 else "needs"
        raise UsageError(f"{' and '.join(missing)} {need} a value", fix=f"add `at {example}`")
    inputs = {name: Value(at[name], name) for name in expression.variables}
    root = expression.evaluate(inputs)
    if not isinstance(root, Value):  # nothing variable in it
        root = Value(root)
    if not math.isfinite(root.data):
        raise ConvergenceError(
            f"the formula is {root.data} there", fix="stay away from numbers of more than 300 digits"
        )
    root.backward()
    return Result(expression, inputs, root)


def check(result: Result) -> list[Comparison]:
    """Compare every derivative with what happens when its variable is moved a little."""
    point = {name: node.data for name, node in result.inputs.items()}

    def along(name: str) -> Callable[[float], float]:
        return lambda x: result.expression.evaluate({**point, name: x})

    return [_compare(name, gradient, along(name), point[name]) for name, gradient in result.gradients.items()]


def _compare(name: str, gradient: float, function: Callable[[float], float], x: float) -> Comparison:
    # No step suits every formula (sin(1000*x), log(x) near 0, x + 1e10), so several are tried.
    tried = [_ridders(function, x, step * size) for size in {1.0, abs(x) or 1.0} for step in STEPS]
    tried = [(difference, doubt) for difference, doubt in tried if math.isfinite(difference)]
    if not tried or not math.isfinite(gradient):
        return Comparison(name, gradient, None, None, "unclear")
    difference, doubt = min(tried, key=lambda pair: abs(pair[0] - gradient) + pair[1])
    scale = max(1.0, abs(gradient), abs(difference))
    error = abs(gradient - difference) / scale
    if error <= max(TOLERANCE, min(10 * doubt / scale, LEAST)):
        return Comparison(name, gradient, difference, error, "ok")
    trusted = [difference for difference, doubt in tried if doubt <= LEAST * scale]
    if _is_kink(gradient, function, x, LEAST * scale):
        return Comparison(name, gradient, difference, error, "kink")
    # Numbers as large as 1e11 lie too far apart for the small steps that a wave, say, would need.
    if not trusted or max(trusted) - min(trusted) > LEAST * scale or math.ulp(x) > STEPS[-1]:
        return Comparison(name, gradient, None, None, "unclear")
    return Comparison(name, gradient, difference, error, "wrong")


def _is_kink(gradient: float, function: Callable[[float], float], x: float, slack: float) -> bool:
    """Whether the slopes to the left and to the right differ, and the gradient lies between them."""
    step = 1e-6 * max(1.0, abs(x))
    try:
        low, middle, high = function(x - step), function(x), function(x + step)
    except ConvergenceError:
        return False
    left, right = (middle - low) / step, (high - middle) / step
    return abs(left - right) > slack and min(left, right) - slack <= gradient <= max(left, right) + slack


def _ridders(function: Callable[[float], float], x: float, step: float) -> tuple[float, float]:
    """The derivative and how uncertain it is: central differences of shrinking steps, extrapolated to step 0.

    C. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering Software 4, 1982.
    """
    best, doubt = math.nan, math.inf
    before: list[float] = []
    for _ in range(8):
        low, high = x - step, x + step
        try:
            row = [(function(high) - function(low)) / (high - low)]
        except (ConvergenceError, ZeroDivisionError):  # outside the domain, or a step too small for this x
            return math.nan, math.inf
        factor = 1.0
        for old in before:
            factor *= 2.0
            row.append((factor * row[-1] - old) / (factor - 1))
            new_doubt = max(abs(row[-1] - row[-2]), abs(row[-1] - old))
            if new_doubt <= doubt:
                best, doubt = row[-1], new_doubt
        before, step = row, step / math.sqrt(2)
    return best, doubt
