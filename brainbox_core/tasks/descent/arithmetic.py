"""The arithmetic of one step of a descent, number by number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.optimizers import Optimizer
from brainbox_core.tasks.descent.landscape import Landscape
from brainbox_core.tasks.descent.walk import Descent, Walker

# For each rule: what it keeps from step to step, and how it moves the point. `x` is the variable's name.
RULES = {
    "gd": "x <- x - lr * g",
    "momentum": "v <- 0.9 * v + g;  x <- x - lr * v",
    "nesterov": "v <- 0.9 * v + g;  x <- x - lr * (g + 0.9 * v)",
    "adagrad": "s <- s + g^2;  x <- x - lr * g / (sqrt(s) + 1e-08)",
    "rmsprop": "s <- 0.9 * s + 0.1 * g^2;  x <- x - lr * g / (sqrt(s) + 1e-08)",
    "adam": "m <- 0.9 * m + 0.1 * g;  s <- 0.999 * s + 0.001 * g^2;  "
    "x <- x - lr * m / (1 - 0.9^k) / (sqrt(s / (1 - 0.999^k)) + 1e-08) at step k",
}


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
    taken = descent.steps + (descent.next_point is not None)
    if not 1 <= step <= taken:
        expected = f"1 to {taken}" if taken else "none, as the walk took no step"
        raise UsageError("there is no such step", expected=expected, got=step, fix="name one that was taken")
    landscape, lr = descent.landscape, f"{descent.lr:g}"
    walker = Walker(descent.optimizer, descent.lr, descent.points[0])
    for gradient in descent.gradients[: step - 1]:
        walker.step(gradient)
    old = {name: moment.copy() for name, moment in walker.optimizer.moments.items()}
    point, gradient = descent.points[step - 1], descent.gradients[step - 1]
    after = walker.step(gradient)
    lines = [
        f"{descent.optimizer}: {RULES[descent.optimizer]}, where g is the slope of f along x and lr = {lr}",
        f"f({landscape.text(point)}) = {_text(descent.values[step - 1])}",
    ]
    for index, name in enumerate(landscape.variables):
        lines.append(f"g along {name} = {_text(gradient[index])}   {_check(landscape, point, index)}")
    show = _SHOW[descent.optimizer]
    for index, name in enumerate(landscape.variables):
        before = {kept: values[index] for kept, values in old.items()}
        now = {kept: values[index] for kept, values in walker.optimizer.moments.items()}
        *kept, move = show(walker.optimizer, before, now, gradient[index], lr, step)
        lines += [f"{line}   (for {name})" for line in kept]
        lines.append(f"{name} <- {_text(point[index])} - {move} = {_text(after[index])}")
    if step < len(descent.values):
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


# For each rule, from the optimizer, what it kept before and after, g, lr and the step: lines, the last one the move.
# The optimizers keep sums that fade; averages, as the rules are written, are these times the share of a new gradient.


def _gd(optimizer: Optimizer, before: dict, now: dict, g: float, lr: str, step: int) -> list[str]:
    return [f"{lr} * {_signed(g)}"]


def _momentum(optimizer: Optimizer, before: dict, now: dict, g: float, lr: str, step: int) -> list[str]:
    v, velocity = _signed(before["velocity"]), now["velocity"]
    kept = f"v = {optimizer.momentum:g} * {v} + {_signed(g)} = {_text(velocity)}"
    if optimizer.nesterov:
        return [kept, f"{lr} * ({_text(g)} + {optimizer.momentum:g} * {_signed(velocity)})"]
    return [kept, f"{lr} * {_signed(velocity)}"]


def _adagrad(optimizer: Optimizer, before: dict, now: dict, g: float, lr: str, step: int) -> list[str]:
    square = _text(now["square"])
    kept = f"s = {_text(before['square'])} + {_signed(g)}^2 = {square}"
    return [kept, f"{lr} * {_signed(g)} / (sqrt({square}) + {optimizer.epsilon:g})"]


def _rmsprop(optimizer: Optimizer, before: dict, now: dict, g: float, lr: str, step: int) -> list[str]:
    share = 1 - optimizer.decay
    square = _text(share * now["square"])
    kept = f"s = {optimizer.decay:g} * {_text(share * before['square'])} + {share:g} * {_signed(g)}^2 = {square}"
    return [kept, f"{lr} * {_signed(g)} / (sqrt({square}) + {optimizer.epsilon:g})"]


def _adam(optimizer: Optimizer, before: dict, now: dict, g: float, lr: str, step: int) -> list[str]:
    first, second = 1 - optimizer.beta1, 1 - optimizer.beta2
    mean, square = first * now["mean"], second * now["square"]
    return [
        f"m = {optimizer.beta1:g} * {_signed(first * before['mean'])} + {first:g} * {_signed(g)} = {_text(mean)}",
        f"s = {optimizer.beta2:g} * {_text(second * before['square'])} + {second:g} * {_signed(g)}^2 = {_text(square)}",
        f"{lr} * {_signed(mean)} / (1 - {optimizer.beta1:g}^{step}) / "
        f"(sqrt({_text(square)} / (1 - {optimizer.beta2:g}^{step})) + {optimizer.epsilon:g})",
    ]


_SHOW: dict[str, Callable[..., list[str]]] = {
    "gd": _gd,
    "momentum": _momentum,
    "nesterov": _momentum,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
}


def _text(x: float) -> str:
    return f"{x + 0.0:.6g}"


def _signed(x: float) -> str:
    return _text(x) if x >= 0 else f"({_text(x)})"
