"""Reverse-mode automatic differentiation of ordinary numbers, in pure Python.

A `Value` is a number that remembers how it was computed: the Values it came from (`parents`) and, for each of them,
the local slope, that is how much the result moves per unit of that parent (`slopes`). So a formula of Values leaves a
graph behind it with a number on every edge. By the chain rule the derivative of the result with respect to any node is
the sum, over all paths between the two, of the product of the slopes along the path, and one walk from the result back
to the inputs adds all of them up:

    >>> x, y, z = Value(2.0, "x"), Value(-3.0, "y"), Value(10.0, "z")
    >>> result = x * y + z
    >>> result.backward()
    >>> result.data, x.grad, y.grad, z.grad
    (4.0, -3.0, 2.0, 1.0)

Where a derivative does not exist, one is chosen: `relu` and `abs` have slope 0 at 0; of equal numbers `maximum` and
`minimum` choose the first; `0**0` is 1 with slope 0; `sqrt`, and a power between 0 and 1, have slope `inf` at 0. An
operation without a result (`log` of 0, a division by 0, `exp` of 1000) is an error that names the operation. NaN and
infinities that are given, or that `+ - * /` overflow to, travel on as they do in Python.

Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3. The class in this form was made
popular by Andrej Karpathy's micrograd, which keeps a function per node where this one keeps the slopes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from numbers import Real
from operator import mul
from typing import cast

from brainbox_core.errors import ConvergenceError, UsageError


class Value:
    """A number in a graph of numbers: its value, and after `backward()` the slope of the result with respect to it.

    Args:
        data: the number. It may be a Value itself; then gradients are Values too and can be differentiated again,
            which is how `hessian` works.
        name: what to call it; a computed Value is named after the operation that made it.
        parents: the Values it was computed from; an input has none.
        slopes: the derivative with respect to each parent, where it was computed. They are kept as numbers, so
            assigning to the `data` of an input (as an optimizer does) changes what is computed next, not what was.

    `+ - * / **`, `abs` and the comparisons work between Values and with plain numbers on either side. Comparisons are
    by value; the hash is by identity, so a set or dict of Values tells nodes apart, equal or not.

    Raises:
        UsageError: `data` is not a real number.

    Example:
        >>> x = Value(3.0, "x")
        >>> x * x + 1
        Value(10.0, name='+', grad=0.0)
    """

    __slots__ = ("data", "grad", "name", "parents", "slopes")
    data: float  # or a Value, which does whatever is done here with a float; so do grad and slopes
    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to us

    def __init__(
        self, data: float | Value, name: str = "", parents: tuple[Value, ...] = (), slopes: tuple[float, ...] = ()
    ) -> None:
        self.data = data if type(data) is float else _number(data)
        self.grad = 0.0
        self.name = name
        self.parents = parents
        self.slopes = slopes

    def backward(self) -> None:
        """Add to the `grad` of every input the derivative of this Value with respect to it.

        Inputs accumulate from call to call (set `grad = 0.0` in between); computed Values start from zero each time, so
        a second call through the same graph adds the same derivatives once more.

        Example:
            >>> x = Value(3.0)
            >>> (x * x).backward()
            >>> x.grad
            6.0
        """
        order = graph(self)
        for node in order:
            if node.parents:
                node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            grad = node.grad
            if grad:  # nothing flows on from a zero, not even through an infinite slope
                for parent, slope in zip(node.parents, node.slopes):  # noqa: B905 - strict nearly doubles a pair's time
                    parent.grad += slope * grad

    def __add__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, "+", (self, other), (1.0, 1.0))

    def __sub__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data - other.data, "-", (self, other), (1.0, -1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, "*", (self, other), (other.data, self.data))

    def __truediv__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        try:
            quotient = self.data / other.data
        except ZeroDivisionError:
            raise _no_result(f"{self.data} / {other.data}") from None
        return Value(quotient, "/", (self, other), (1.0 / other.data, -quotient / other.data))

    def __pow__(self, other: Value | float) -> Value:
        """A power; the slope for the exponent is log(base) * result: 0 at base 0, NaN at a negative base."""
        base = self.data
        if not isinstance(other, Value):
            exponent = _number(other)
            name = sys.intern(f"**{exponent:g}")  # one string for all nodes
            return Value(_power(base, exponent), name, (self,), (_power_slope(base, exponent),))
        exponent, result = other.data, _power(base, other.data)
        if base > 0:
            exponent_slope = result * _math("log", base)
        else:
            exponent_slope = 0.0 if base == 0 else math.nan
        return Value(result, "**", (self, other), (_power_slope(base, exponent), exponent_slope))

    def __neg__(self) -> Value:
        return Value(-self.data, "neg", (self,), (-1.0,))

    def __abs__(self) -> Value:
        slope = float((self.data > 0) - (self.data < 0))
        return Value(abs(self.data), "abs", (self,), (slope,))

    def __radd__(self, other: float) -> Value:
        return Value(other) + self

    def __rsub__(self, other: float) -> Value:
        return Value(other) - self

    def __rmul__(self, other: float) -> Value:
        return Value(other) * self

    def __rtruediv__(self, other: float) -> Value:
        return Value(other) / self

    def __rpow__(self, other: float) -> Value:
        return Value(other) ** self

    def exp(self) -> Value:
        result = _math("exp", self.data)
        return Value(result, "exp", (self,), (result,))

    def log(self) -> Value:
        return Value(_math("log", self.data), "log", (self,), (1.0 / self.data,))

    def sqrt(self) -> Value:
        root = _math("sqrt", self.data)
        return Value(root, "sqrt", (self,), (math.inf if root == 0 else 0.5 / root,))

    def tanh(self) -> Value:
        result = _math("tanh", self.data)
        return Value(result, "tanh", (self,), (1.0 - result * result,))

    def sigmoid(self) -> Value:
        """1 / (1 + exp(-x)), written so that exp never overflows."""
        power = _math("exp", -self.data if self.data > 0 else self.data)
        large, small = 1.0 / (1.0 + power), power / (1.0 + power)
        return Value(large if self.data > 0 else small, "sigmoid", (self,), (large * small,))

    def relu(self) -> Value:
        if self.data <= 0:
            return Value(0.0, "relu", (self,), (0.0,))
        return Value(self.data, "relu", (self,), (1.0,))

    def abs(self) -> Value:
        return abs(self)

    def sin(self) -> Value:
        return Value(_math("sin", self.data), "sin", (self,), (_math("cos", self.data),))

    def cos(self) -> Value:
        return Value(_math("cos", self.data), "cos", (self,), (-_math("sin", self.data),))

    def tan(self) -> Value:
        result = _math("tan", self.data)
        return Value(result, "tan", (self,), (1.0 + result * result,))

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self.data == (other.data if isinstance(other, Value) else other)

    def __lt__(self, other: Value | float) -> bool:
        return self.data < (other.data if isinstance(other, Value) else other)

    def __le__(self, other: Value | float) -> bool:
        return self.data <= (other.data if isinstance(other, Value) else other)

    def __gt__(self, other: Value | float) -> bool:
        return self.data > (other.data if isinstance(other, Value) else other)

    def __ge__(self, other: Value | float) -> bool:
        return self.data >= (other.data if isinstance(other, Value) else other)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Value({self.data!r}{name}, grad={self.grad!r})"


def graph(root: Value) -> list[Value]:
    """Every Value that `root` was computed from, each after its parents; `root` is the last.

    A depth-first walk with a stack of its own: Python's recursion would end at a depth of about 1,000.

    Example:
        >>> x, y = Value(2.0, "x"), Value(5.0, "y")
        >>> [node.name for node in graph(x * y + x)]
        ['x', 'y', '*', '+']
    """
    order: list[Value] = []
    seen = set()
    stack: list[Value | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:  # the mark below a node's parents: they are done, and so is the node
            order.append(stack.pop())  # type: ignore[arg-type] # below a mark there is no other mark
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += node.parents[::-1]
    return order


def dot(weights: Sequence[Value | float], inputs: Sequence[Value | float]) -> Value:
    """The sum of weight * input over all pairs, as one node: what a neuron computes.

    Raises:
        UsageError: there are more of the one than of the other.

    Example:
        >>> w = [Value(0.5), Value(-1.0)]
        >>> result = dot(w, [4.0, 3.0])
        >>> result.backward()
        >>> result.data, [weight.grad for weight in w]
        (-1.0, [4.0, 3.0])
    """
    if len(weights) != len(inputs):
        raise UsageError("dot needs as many inputs as weights", expected=len(weights), got=len(inputs))
    parents = [_value(x) for x in (*weights, *inputs)]
    data = [x.data for x in parents]
    w, x = data[: len(weights)], data[len(weights) :]
    return Value(sum(map(mul, w, x)), "dot", tuple(parents), (*x, *w))


def maximum(a: Value | float, b: Value | float) -> Value:
    """The larger of two; where they are equal `a` gets the gradient. NaN if one of them is."""
    a, b = _value(a), _value(b)
    return _choose("maximum", a, b, a >= b)


def minimum(a: Value | float, b: Value | float) -> Value:
    """The smaller of two; where they are equal `a` gets the gradient. NaN if one of them is."""
    a, b = _value(a), _value(b)
    return _choose("minimum", a, b, a <= b)


def hessian(function: Callable[..., Value], point: Sequence[float]) -> list[list[float]]:
    """The matrix of second derivatives: row i, column j is the slope along j of the slope along i.

    The function runs on Values of Values. One backward pass gives the gradient with a graph of its own, and a backward
    pass through that from each of its components gives a row. A slope that was chosen (see the top of this file) counts
    as a constant.

    Args:
        function: takes one Value per number of `point`.
        point: where to take the derivatives.

    Example:
        >>> hessian(lambda x, y: x**3 * y, [2.0, 5.0])
        [[60.0, 12.0], [12.0, 0.0]]
    """
    inner = [Value(x) for x in point]
    outer = [Value(x) for x in inner]
    (Value(0.0) + function(*outer)).backward()  # a constant function may return a plain number
    rows = []
    for variable in outer:
        for x in inner:
            x.grad = 0.0
        if isinstance(variable.grad, Value):  # a plain number where the slope is constant
            variable.grad.backward()
        rows.append([x.grad for x in inner])
    return rows


def _value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Value(number)


def _number(data: float | Value) -> float:
    """What a Value may hold: a float, or a Value as it is."""
    if isinstance(data, Value):
        return cast(float, data)
    if not isinstance(data, Real):
        raise UsageError("a Value holds one real number", got=repr(data))
    try:
        return float(data)
    except OverflowError:
        raise UsageError("a Value holds one real number of up to 1.8e308", got="a larger integer") from None


def _math(name: str, x: float) -> float:
    """The function of that name: `math`'s of a number, the method of a Value."""
    if isinstance(x, Value):
        return getattr(x, name)()
    try:
        return getattr(math, name)(x)
    except (ValueError, OverflowError):
        raise _no_result(f"{name}({x})") from None


def _power(base: float, exponent: float) -> float:
    if isinstance(base, Value) or isinstance(exponent, Value):
        return base**exponent
    try:
        return math.pow(base, exponent)  # base**exponent would turn complex at a negative base
    except (ValueError, OverflowError):
        raise _no_result(f"{base} ** {exponent}") from None


def _power_slope(base: float, exponent: float) -> float:
    if base == 0 and exponent < 1:
        return 0.0 if exponent == 0 else math.inf
    return exponent * _power(base, exponent - 1)


def _choose(name: str, a: Value, b: Value, first: bool) -> Value:
    if first or a != a:  # a number that differs from itself is NaN
        return Value(a.data, name, (a, b), (1.0, 0.0))
    return Value(b.data, name, (a, b), (0.0, 1.0))


def _no_result(operation: str) -> ConvergenceError:
    return ConvergenceError(f"{operation} is not a finite number", fix="keep the operation's inputs inside its domain")
