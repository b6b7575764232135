"""Formulas as people type them: `x^2 + sin(3*y)`, read by a small parser of our own and never run as code.

What may stand in a formula is a closed list: numbers, names of variables, `+ - * / ^ **`, parentheses, the functions
below and the constants `pi` and `e`. Everything else is refused with its column. As in mathematics a power binds
tighter than a sign and from the right: `-x^2` is -(x²), and `2^3^2` is 2⁹.

    >>> f = parse("x^2 + 3*y")
    >>> f.variables, f.evaluate({"x": 2.0, "y": 1.0})
    (('x', 'y'), 7.0)

The same formula runs on `Value`s, for its gradient, and on NumPy arrays, for a whole grid of points at once:

    >>> x, y = Value(2.0), Value(1.0)
    >>> f.evaluate({"x": x, "y": y}).backward()
    >>> x.grad, y.grad
    (4.0, 3.0)

The formula is kept in postfix order, which a stack evaluates: no recursion, however deeply it is nested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.scalar.parser import CHOICES, FUNCTIONS, Step, postfix
from brainbox_core.scalar.value import Value, maximum, minimum

T = TypeVar("T")


@dataclass(frozen=True)
class Expression:
    """A formula that was read; `parse` makes it.

    Attributes:
        text: as it was typed.
        variables: their names, in the order in which they appear first.
        steps: the formula in postfix order.
    """

    text: str
    variables: tuple[str, ...]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text

    def evaluate(self, values: Mapping[str, T]) -> T:
        """The formula's value at a point, or on a grid of points.

        Args:
            values: a float, a `Value` (also a Value of a Value) or a NumPy array for every variable. Arrays must fit
                together by NumPy's rules.

        Returns:
            A number of the same kind; a float if the formula has no variable. A float that overflows is `inf`;
            in arrays a point outside the domain is `nan`.

        Raises:
            UsageError: a variable has no value.
            ConvergenceError: the formula has no value at this point, such as log(0).

        Example:
            >>> parse("9^9^9").evaluate({})
            inf
            >>> parse("1 / x").evaluate({"x": 0.0})
            Traceback (most recent call last):
            brainbox_core.errors.ConvergenceError: f is not finite at x=0: 1 / 0 has no value; ...
        """
        for name in self.variables:
            if name not in values:
                raise UsageError(f"{name} has no value", fix=f"give one for each of {', '.join(self.variables)}")
        # A NumPy number would divide by 0 without an error, a whole number would take powers of any size.
        operands: dict[str, Any] = {}
        for name, value in values.items():
            operands[name] = value if isinstance(value, Value) or _is_array(value) else float(value)  # type: ignore[arg-type]
        array = next((operands[name] for name in self.variables if _is_array(operands[name])), None)
        try:
            with nullcontext() if array is None else array.__array_namespace__().errstate(all="ignore"):
                result = self._run(operands)
        except ConvergenceError as error:
            raise self._not_finite(operands, error.what) from None
        if array is None and result != result:
            raise self._not_finite(operands, "infinities cancel each other")
        return result

    def _run(self, values: Mapping[str, Any]) -> Any:
        stack: list[Any] = []
        for kind, what, takes in self.steps:
            if kind == "number":
                stack.append(what)
            elif kind == "variable":
                stack.append(values[what])
            else:
                first = len(stack) - takes
                apply = _operate if kind == "operator" else _call
                stack[first:] = [apply(what, *stack[first:])]
        return stack.pop()

    def _not_finite(self, values: Mapping[str, Any], why: str) -> ConvergenceError:
        point = ", ".join(f"{name}={_data(values[name]):.6g}" for name in self.variables if not _is_array(values[name]))
        at = f" at {point}" if point else ""
        return ConvergenceError(f"f is not finite{at}: {why}", fix="stay inside the domain of the formula")


def parse(text: str) -> Expression:
    """Read a formula.

    Args:
        text: at most 1,000 characters; the formula has at most 256 nodes and 40 levels of nesting. The language is
            described at the top of this module.

    Raises:
        InputError: it is not a formula of the language; names the column, counted from 1, and the character there.

    Example:
        >>> parse("2x")
        Traceback (most recent call last):
        brainbox_core.errors.InputError: column 2 of "2x": an operator is missing before "x"; write 2*x
    """
    steps = postfix(text)
    variables = dict.fromkeys(step.what for step in steps if step.kind == "variable")
    return Expression(text, tuple(variables), steps)


# What the steps do, on floats, Values and arrays


def _operate(operator: str, a: Any, b: Any = None) -> Any:
    if b is None:
        return -a
    if operator == "^":
        return a**b if not isinstance(a, float) or not isinstance(b, float) else _power(a, b)
    if operator == "+":
        return a + b
    if operator == "-":
        return a - b
    if operator == "*":
        return a * b
    try:
        return a / b
    except ZeroDivisionError:
        raise ConvergenceError(f"{a:.6g} / {b:.6g} has no value") from None


def _call(name: str, *arguments: Any) -> Any:
    first = arguments[0]
    if name in CHOICES:
        for other in arguments[1:]:
            first = _choose(name, first, other)
        return first
    if isinstance(first, Value):
        return getattr(first, name)()
    if _is_array(first):
        arrays = first.__array_namespace__()
        if name == "sigmoid":
            return 0.5 * arrays.tanh(0.5 * first) + 0.5
        return arrays.maximum(first, 0.0) if name == "relu" else getattr(arrays, name)(first)
    try:
        return FUNCTIONS[name](first)
    except OverflowError:  # only exp has one, towards infinity
        return math.inf
    except ValueError:
        raise ConvergenceError(f"{name}({first:.6g}) has no value") from None


def _power(base: float, exponent: float) -> float:
    """A power of floats; infinite where it overflows."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        raise ConvergenceError(f"{base:.6g} ^ {exponent:.6g} has no value") from None


def _choose(name: str, a: Any, b: Any) -> Any:
    if isinstance(a, Value) or isinstance(b, Value):
        return minimum(a, b) if name == "min" else maximum(a, b)
    if _is_array(a) or _is_array(b):
        arrays = (a if _is_array(a) else b).__array_namespace__()
        return arrays.minimum(a, b) if name == "min" else arrays.maximum(a, b)
    return CHOICES[name](a, b)


def _is_array(value: object) -> bool:
    """Whether it is a NumPy array (or one of the same interface): asked without importing NumPy."""
    return hasattr(value, "__array_namespace__") and getattr(value, "ndim", 0) > 0


def _data(value: Any) -> float:
    """The plain number in a Value, or in a Value of a Value."""
    while isinstance(value, Value):
        value = value.data
    return value
