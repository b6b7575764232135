"""The arithmetic of one step of a descent, number by number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.scalar.expression import parse
from brainbox_core.scalar.update_rules import RULES
from brainbox_core.tasks.descent.landscape import Landscape
from brainbox_core.tasks.descent.walk import Descent


def explain(descent: Descent, step: int) -> list[str]:
    """One step in lines: the rule, the gradient with a check, and the numbers put into the rule.

    Args:
        descent: the walk.
        step: which, from 1 to the number that were taken.

    Raises:
        UsageError: there was no such step.

    Example:
        >>> from brainbox_core.tasks.descent.walk import descend
        >>> for line in explain(descend(Landscape("x^2 + y^2"), [3, 4]), 2):
        ...     print(line)
        gd: x <- x - lr * g, where g is the slope of f along x and lr = 0.1
        f(x=2.4, y=3.2) = 16
        g along x = 4.8   (f 0.00024 to the left and right: 4.8)
        g along y = 6.4   (f 0.00032 to the left and right: 6.4)
        x <- 2.4 - 0.1 * 4.8 = 1.92
        y <- 3.2 - 0.1 * 6.4 = 2.56
        f(x=1.92, y=2.56) = 10.24
    """
    taken = descent.steps + bool(descent.next_point.size)
    if not 1 <= step <= taken:
        expected = f"1 to {taken}" if taken else "none, as the walk took no step"
        raise UsageError("there is no such step", expected=expected, got=step, fix="name one that was taken")
    landscape, formulas = descent.landscape, RULES[descent.optimizer].formulas
    point, gradients = descent.points[step - 1], descent.gradients[:step]
    after = descent.points[step] if step <= descent.steps else descent.next_point
    rule = ";  ".join(formulas) + " at step k" * ("^k" in formulas[-1])
    lines = [
        f"{descent.optimizer}: {rule}, where g is the slope of f along x and lr = {descent.lr:g}",
        f"f({landscape.text(point)}) = {_text(descent.values[step - 1])}",
    ]
    for index, name in enumerate(landscape.variables):
        lines.append(f"g along {name} = {_text(gradients[-1, index])}   {_check(landscape, point, index)}")
    for index, name in enumerate(landscape.variables):
        *kept, move = _filled_in(formulas, name, point[index], gradients[:, index], descent.lr)
        lines += [*kept, f"{move} = {_text(after[index])}"]
    if step <= descent.steps:
        lines.append(f"f({landscape.text(after)}) = {_text(descent.values[step])}")
    return lines


def _check(landscape: Landscape, point: np.ndarray, index: int) -> str:
    """The slope once more, from f a little to the left and to the right."""
    distance = 1e-4 * max(1.0, abs(point[index]))
    away = np.zeros_like(point)
    away[index] = distance
    try:
        slope = (landscape.value(point + away) - landscape.value(point - away)) / (2 * distance)
    except ConvergenceError:
        return "(the edge of the domain is too near for a check)"
    return f"(f {distance:g} to the left and right: {_text(slope)})"


def _filled_in(formulas: Sequence[str], variable: str, x: float, gradients: np.ndarray, lr: float) -> list[str]:
    """The formulas of a rule for one variable, with the numbers of the last step in place of the names."""
    *keeping, (_, move) = (formula.split(" <- ") for formula in formulas)
    rules = {name: parse(side) for name, side in keeping}
    kept, before = dict.fromkeys(rules, 0.0), {}
    for g in gradients.tolist():
        before = {"g": g, **kept}
        kept = {name: rule.evaluate(before) for name, rule in rules.items()}
    lines = [f"{name} = {_insert(before, side)} = {_text(kept[name])}   (for {variable})" for name, side in keeping]
    now = {"x": x, "g": g, "lr": lr, "k": len(gradients), **kept}
    return [*lines, f"{variable} <- {_insert(now, move)}"]


def _insert(numbers: Mapping[str, float], formula: str) -> str:
    """A formula with numbers for its names; negative ones in brackets, but not at the start of a sum.

    Example:
        >>> _insert({"x": -1, "v": -2}, "x - 0.9 * v")
        '-1 - 0.9 * (-2)'
    """

    def number(match: re.Match) -> str:
        opening, name = match[1] or "", match[2]
        if name not in numbers:
            return match[0]
        text = _text(numbers[name])
        return opening + text if numbers[name] >= 0 or match[1] is not None else f"({text})"

    return re.sub(r"(^|\()?\b([a-z]+)\b", number, formula)


def _text(x: float) -> str:
    return f"{x + 0.0:.6g}"
