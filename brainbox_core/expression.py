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

Method: precedence climbing (Richards and Whitby-Strevens, BCPL: the language and its compiler, 1979) into postfix
order, which a stack then evaluates.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, TypeVar

from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.files import printable
from brainbox_core.value import Value, maximum, minimum

MAX_LENGTH, MAX_NODES, MAX_DEPTH, MAX_NAME = 1000, 256, 40, 32  # characters, nodes, levels of nesting, characters

CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = ("sin", "cos", "tan", "exp", "log", "sqrt", "abs", "tanh", "sigmoid", "relu")  # of one argument
CHOICES = ("min", "max")  # of two arguments or more

_TOKEN = re.compile(
    r"(?P<number>([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|[-+*/^(),])|(?P<space>[ \t]+)"
)
_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}  # how tightly an operator binds; a sign before a value is level 3
_SIGN, _POWER = 3, 4
_WRITE = {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "√": "sqrt(...)", "π": "pi", "²": "^2", "³": "^3"}
_INSTEAD = {"ln": "log", "fabs": "abs", "pow": "x^y"}
_ADVICE = {
    "_": "names begin with a letter, and numbers have no _",
    "=": "give only the formula, without its name",
    "[": "use round brackets",
    "{": "use round brackets",
    "%": "write 0.05 for 5%",
    "\n": "write the formula on one line",
    "\r": "write the formula on one line",
}

T = TypeVar("T")


class Step(NamedTuple):
    """One step of a formula in postfix order.

    Attributes:
        kind: `number` and `variable` put a value on the stack; `operator` and `function` take theirs from it.
        what: the number, or the name.
        takes: how many values it takes.
    """

    kind: str
    what: str | float
    takes: int = 0


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
            A number of the same kind; a float if nothing variable is in the formula. A float that overflows is `inf`;
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
        values = {x: value if _keeps_kind(value) else float(value) for x, value in values.items()}
        array = next((values[name] for name in self.variables if _is_array(values[name])), None)
        try:
            with nullcontext() if array is None else array.__array_namespace__().errstate(all="ignore"):
                result = self._run(values)
        except ConvergenceError as error:
            raise self._not_finite(values, error.what) from None
        if array is None and result != result:
            raise self._not_finite(values, "infinities cancel each other")
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
    if len(text) > MAX_LENGTH:
        raise InputError(
            f"the formula is too long: at most {MAX_LENGTH:,} characters, got {len(text):,}",
            where=f'column {MAX_LENGTH + 1} of "{printable(text, 40)}"',
            fix="use a shorter formula",
        )
    return _Parser(text).expression()


class _Token(NamedTuple):
    kind: str  # number, name, sign or end
    text: str
    start: int  # index of its first character


class _Parser:
    """Reads one text, token by token; recursion ends at MAX_DEPTH."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = self._tokens()
        self.position = 0
        self.steps: list[Step] = []

    def expression(self) -> Expression:
        if self._next.kind == "end":
            self._fail("the formula is empty", self._next, fix='give one such as "x^2 + y^2"')
        self._terms(1, 1)
        if self._next.kind != "end":
            self._trailing()
        variables = dict.fromkeys(step.what for step in self.steps if step.kind == "variable")
        return Expression(self.text, tuple(variables), tuple(self.steps))

    @property
    def _next(self) -> _Token:
        return self.tokens[self.position]

    def _take(self) -> _Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def _terms(self, level: int, depth: int) -> None:
        """Values with operators between them that bind at least as tightly as `level`."""
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels of nesting", self._next, fix="take some brackets or signs out")
        token = self._next
        if token.text in ("+", "-"):
            self._take()
            self._terms(_SIGN, depth + 1)
            if token.text == "-":
                self._add(token, Step("operator", "-", 1))
        else:
            self._atom(depth)
        while (operator := self._next).text in _LEVELS and (binds := _LEVELS[operator.text]) >= level:
            self._take()
            if binds == _POWER:  # from the right, and a sign may follow: 2^-x^2 is 2^(-(x^2))
                self._terms(_SIGN, depth + 1)
            else:  # the right side binds tighter, which can happen only twice more: not a level of nesting
                self._terms(binds + 1, depth)
            self._add(operator, Step("operator", operator.text, 2))

    def _atom(self, depth: int) -> None:
        """A number, a constant, a variable, a call or something in brackets."""
        token = self._take()
        if token.kind == "number":
            self._add(token, Step("number", self._number(token)))
        elif token.kind == "name":
            self._name(token, depth)
        elif token.text == "(":
            self._terms(1, depth + 1)
            self._close(token)
        elif token.kind == "end":
            self._fail("the formula ends where a value should follow", token, fix="complete it or take the rest out")
        else:
            self._fail(
                f'a value should stand here, not "{token.text}"', token, fix="write a number, a name or ( before it"
            )

    def _name(self, token: _Token, depth: int) -> None:
        name = token.text
        if self._next.text == "(":
            if name in FUNCTIONS or name in CHOICES:
                self._call(token, depth)
            else:
                self._unknown_function(token)
        elif name in FUNCTIONS or name in CHOICES:
            fix = f"write {name}(x)" if name in FUNCTIONS else f"write {name}(x, y)"
            self._fail(f'the function "{name}" needs brackets around its argument', token, fix=fix)
        elif name in CONSTANTS:
            self._add(token, Step("number", CONSTANTS[name]))
        elif len(name) > MAX_NAME:
            self._fail(f'the name "{name[:MAX_NAME]}..." is too long', token, fix=f"at most {MAX_NAME} characters")
        else:
            self._add(token, Step("variable", name))

    def _call(self, token: _Token, depth: int) -> None:
        name, bracket, count = token.text, self._take(), 0
        if self._next.text != ")":
            self._terms(1, depth + 1)
            count = 1
            while self._next.text == ",":
                self._take()
                self._terms(1, depth + 1)
                count += 1
        self._close(bracket)
        if name in FUNCTIONS and count != 1:
            self._fail(f"{name} takes one argument, got {count}", token, fix=f"write {name}(x)")
        if name in CHOICES and count < 2:
            self._fail(f"{name} takes two arguments or more, got {count}", token, fix=f"write {name}(x, y)")
        self._add(token, Step("function", name, count))

    def _close(self, bracket: _Token) -> None:
        if self._next.text == ")":
            self._take()
        elif self._next.kind == "end":
            self._fail('the bracket "(" is never closed', bracket, fix='add the missing ")"')
        else:
            self._trailing()

    def _number(self, token: _Token) -> float:
        number, after = float(token.text), self._next
        if math.isinf(number):
            self._fail(f"{printable(token.text, 20)} is too large for a number", token, fix="stay below 1.8e308")
        whole = self.text[token.start : after.start + len(after.text)]
        if after.kind == "name" and re.fullmatch("0([xX][0-9a-fA-F]+|[bB][01]+|[oO][0-7]+)", whole):
            self._fail(f"{printable(whole, 20)} is not a decimal number", token, fix="write it with the digits 0 to 9")
        return number

    def _add(self, token: _Token, step: Step) -> None:
        if len(self.steps) == MAX_NODES:
            self._fail(f"the formula has more than {MAX_NODES} numbers, names and operators", token, fix="shorten it")
        self.steps.append(step)

    def _trailing(self) -> NoReturn:
        """Something stands where an operator or the end should be."""
        token, before = self._next, self.tokens[self.position - 1]
        if token.text == ")":
            self._fail('the bracket ")" was never opened', token, fix="take it out or add a bracket before it")
        if token.text == ",":
            fix = "write 0.5 and not 0,5" if before.kind == "number" else "only min and max take several arguments"
            self._fail('"," is not allowed here', token, fix=fix)
        left = "(...)" if before.text == ")" else printable(before.text, 20)
        right = "(...)" if token.text == "(" else printable(token.text, 20)
        self._fail(f'an operator is missing before "{printable(token.text, 20)}"', token, fix=f"write {left}*{right}")

    def _unknown_function(self, token: _Token) -> NoReturn:
        name = printable(token.text, MAX_NAME)
        if name in _INSTEAD:
            fix = f"write {_INSTEAD[name]}"
        elif name.lower() in FUNCTIONS + CHOICES:
            fix = f"write {name.lower()}, in small letters"
        else:
            fix = f"known: {', '.join(FUNCTIONS + CHOICES)}; to multiply write {name}*(...)"
        self._fail(f'unknown function "{name}"', token, fix=fix)

    def _tokens(self) -> list[_Token]:
        tokens, start = [], 0
        while start < len(self.text):
            match = _TOKEN.match(self.text, start)
            if match is None:
                self._refuse(start)
            if match.lastgroup != "space":
                text = "^" if match[0] == "**" else match[0]
                tokens.append(_Token(match.lastgroup, text, start))
            start = match.end()
        return [*tokens, _Token("end", "", len(self.text.rstrip()))]

    def _refuse(self, start: int) -> NoReturn:
        """A character that no formula has: name it, and what is written instead."""
        character = self.text[start]
        plain = unicodedata.normalize("NFKC", character)
        digit = unicodedata.decimal(character, None)
        shown = f'"{printable(character)}"'
        if not character.isascii():
            shown += f" (U+{ord(character):04X} {unicodedata.name(character, 'a character without a name')})"
        if character in _WRITE:
            fix = f"write {_WRITE[character]}"
        elif character.isascii():
            fix = _ADVICE.get(character, f"use numbers, names, + - * / ^ ( ) and {', '.join(FUNCTIONS + CHOICES)}")
        elif digit is not None:
            fix = f"write {digit}"
        elif len(plain) == 1 and plain.isascii() and plain.isprintable():
            fix = f'write "{plain}" as on a plain keyboard'
        else:
            fix = "names are made of the letters a to z, digits and _"
        self._fail(f"{shown} is not allowed", _Token("", character, start), fix=fix)

    def _fail(self, what: str, token: _Token, fix: str) -> NoReturn:
        raise InputError(what, where=f'column {token.start + 1} of "{printable(self.text, 40)}"', fix=fix)


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
        choose = _minimum if name == "min" else _maximum
        for other in arguments[1:]:
            first = choose(first, other)
        return first
    if isinstance(first, Value):
        return getattr(first, name)()
    if _is_array(first):
        arrays = first.__array_namespace__()
        if name == "sigmoid":
            return 0.5 * arrays.tanh(0.5 * first) + 0.5
        return arrays.maximum(first, 0.0) if name == "relu" else getattr(arrays, name)(first)
    try:
        return _ON_FLOATS[name](first)
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


def _minimum(a: Any, b: Any) -> Any:
    return _choose(minimum, "minimum", min, a, b)


def _maximum(a: Any, b: Any) -> Any:
    return _choose(maximum, "maximum", max, a, b)


def _choose(of_values: Callable, of_arrays: str, of_floats: Callable, a: Any, b: Any) -> Any:
    if isinstance(a, Value) or isinstance(b, Value):
        return of_values(a, b)
    if _is_array(a) or _is_array(b):
        return getattr((a if _is_array(a) else b).__array_namespace__(), of_arrays)(a, b)
    return of_floats(a, b)


_ON_FLOATS: dict[str, Callable[[float], float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh")},
    "abs": abs,
    "sigmoid": lambda x: 0.5 * math.tanh(0.5 * x) + 0.5,
    "relu": lambda x: max(x, 0.0),
}


def _keeps_kind(value: object) -> bool:
    return isinstance(value, Value) or _is_array(value)


def _is_array(value: object) -> bool:
    """Whether it is a NumPy array (or one of the same interface): asked without importing NumPy."""
    return hasattr(value, "__array_namespace__") and getattr(value, "ndim", 0) > 0


def _data(value: Any) -> float:
    """The plain number in a Value, or in a Value of a Value."""
    while isinstance(value, Value):
        value = value.data
    return value
