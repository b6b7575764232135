"""From the text of a formula to its steps in postfix order, by a closed list of what may stand in it.

Method: precedence climbing (Richards and Whitby-Strevens, BCPL: the language and its compiler, 1979). The language is
described in `expression`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable

MAX_LENGTH, MAX_NODES, MAX_DEPTH, MAX_NAME = 1000, 256, 40, 32  # characters, nodes, levels of nesting, characters

CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS: dict[str, Callable[[float], float]] = {  # of one argument, and what they do to a float
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt")},
    "abs": abs,
    "tanh": math.tanh,
    "sigmoid": lambda x: 0.5 * math.tanh(0.5 * x) + 0.5,
    "relu": lambda x: max(x, 0.0),
}
CHOICES = {"min": min, "max": max}  # of two arguments or more

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


class Step(NamedTuple):
    """One step of a formula in postfix order.

    Attributes:
        kind: `number` and `variable` put a value on the stack; `operator` and `function` take theirs from it.
        what: the number, or the name.
        takes: how many values it takes.
    """

    kind: str
    what: Any
    takes: int = 0


def postfix(text: str) -> tuple[Step, ...]:
    """The steps of a formula.

    Raises:
        InputError: it is not a formula; names the column, counted from 1, and the character there.

    Example:
        >>> [step.what for step in postfix("2*x + 1")]
        [2.0, 'x', '*', 1.0, '+']
    """
    return _Parser(text).formula()


class _Token(NamedTuple):
    kind: str  # number, name, sign or end
    text: str
    start: int  # index of its first character


class _Parser:
    """Reads one text, token by token; recursion ends at MAX_DEPTH."""

    def __init__(self, text: str):
        self.text = text
        if len(text) > MAX_LENGTH:
            what = f"the formula is too long: at most {MAX_LENGTH:,} characters, got {len(text):,}"
            self._fail(what, _Token("", "", MAX_LENGTH), fix="use a shorter formula")
        self.tokens = self._tokens()
        self.position = 0
        self.steps: list[Step] = []

    def formula(self) -> tuple[Step, ...]:
        if self._next.kind == "end":
            self._fail("the formula is empty", self._next, fix='give one such as "x^2 + y^2"')
        self._terms(1, 1)
        if self._next.kind != "end":
            self._trailing()
        return tuple(self.steps)

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
        elif name.lower() in FUNCTIONS | CHOICES:
            fix = f"write {name.lower()}, in small letters"
        else:
            fix = f"known: {', '.join(FUNCTIONS | CHOICES)}; to multiply write {name}*(...)"
        self._fail(f'unknown function "{name}"', token, fix=fix)

    def _tokens(self) -> list[_Token]:
        tokens, start = [], 0
        while start < len(self.text):
            match = _TOKEN.match(self.text, start)
            if match is None:
                self._refuse(start)
            if match.lastgroup != "space":
                text = "^" if match[0] == "**" else match[0]
                tokens.append(_Token(str(match.lastgroup), text, start))
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
            fix = _ADVICE.get(character, f"use numbers, names, + - * / ^ ( ) and {', '.join(FUNCTIONS | CHOICES)}")
        elif digit is not None:
            fix = f"write {digit}"
        elif len(plain) == 1 and plain.isascii() and plain.isprintable():
            fix = f'write "{plain}" as on a plain keyboard'
        else:
            fix = "names are made of the letters a to z, digits and _"
        self._fail(f"{shown} is not allowed", _Token("", character, start), fix=fix)

    def _fail(self, what: str, token: _Token, fix: str) -> NoReturn:
        raise InputError(what, where=f'column {token.start + 1} of "{printable(self.text, 40)}"', fix=fix)
