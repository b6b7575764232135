"""How the numbers of a table are written: which mark stands before decimals, and which between thousands.

`1.050` is 1.05 to one writer and 1050 to another, so that no cell can be read alone. `Marks` collects what the cells of
a column say, and what they leave open is decided in this order:

    the column itself       3,14 has a decimal comma, 1.234.567 has points between thousands
    its scale               1.050 beside 12 and 537: the values without a mark lie a hundred times higher or more
    the rest of the table   one file is written in one way
    the habit               a point stands before decimals; a comma between thousands where commas separate the cells

and what is open then is refused. `Notation` is the answer, which a model keeps: it reads all later cells by it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from brainbox_core.errors import UsageError

DECIMALS = ".,"
THOUSANDS = ".,' "
MISSING = frozenset({"", "na", "nan", "?", "null"})
DECIMAL, THOUSAND = "decimal", "thousand"  # what a mark stands before
FORCE = "say which with `decimal` or `thousands`"
FAR, NEAR = 100, 10  # how much higher values without a mark lie, if the mark is one of thousands, and if it is not

_ALIKE = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "’": "'"})
_LONGEST = 400  # characters of a cell that is looked at so closely
_UNIT = r"(?:[$¢-¥₠-⃏]|EUR|USD|GBP|CHF|JPY|CNY|INR)"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?) ?(?P<before>{_UNIT}?) ?(?P<inner>[+-]?)"
    rf"(?P<digits>[0-9.,' ]*[0-9][.,]?)(?P<power>[eE][+-]?[0-9]+)? ?(?P<after>%|{_UNIT}|)(?P<close>\))?"
)
_GROUPS = re.compile(r"[1-9]\d{0,2}(?:(?P<mark>[.,' ])\d{3})(?:(?P=mark)\d{3})*|[1-9]\d?(?:,\d{2})+,\d{3}", re.ASCII)


def number(cell: str) -> float | None:
    """The number in a cell without marks but a decimal point, NaN if it is missing, None if the cell is something else.

    Spaces around it are allowed, as are `1e5`, `+5`, `.5` and `5.`. Missing are an empty cell, `NA`, `NaN`, `null` and
    `?`, in capitals or not. Infinity, digits of other scripts, underscores and hexadecimal are not numbers here.

    Example:
        >>> number(" 1e5 "), number("NA"), number("1_000"), number("1e999")
        (100000.0, nan, None, None)
    """
    if cell.isascii() and "_" not in cell:
        try:
            value = float(cell)
        except ValueError:
            pass
        else:
            return None if math.isinf(value) else value
    return math.nan if cell.strip().lower() in MISSING else None


@dataclass(frozen=True)
class Numeral:
    """A number as it stands in a cell.

    Attributes:
        value: what it means; with an open mark, what it means if that stands before decimals.
        decimal: the mark before its decimals, empty if there is none.
        thousands: the mark between its thousands, empty if there is none.
        open: the only mark, with one to three digits before it and three behind: it may be either.
        unit: a currency or `%`.
    """

    value: float
    decimal: str = ""
    thousands: str = ""
    open: str = ""
    unit: str = ""


def numeral(cell: str) -> Numeral | None:
    """The number in a cell with all that people write around it, None if there is none.

    Example:
        >>> numeral("€ 1.234,50")
        Numeral(value=1234.5, decimal=',', thousands='.', open='', unit='€')
        >>> numeral("(1'250)").value, numeral("1.050").open, numeral("40 %").unit
        (-1250.0, '.', '%')
    """
    if len(cell) > _LONGEST or not (match := _CELL.fullmatch(cell.translate(_ALIKE).strip())):
        return None
    signs, units = match["sign"] + match["inner"], match["before"] + match["after"]
    twice = len(signs) > 1 or (match["before"] and match["after"])
    if twice or bool(match["open"]) != bool(match["close"]) or (match["open"] and signs):
        return None
    digits, power = match["digits"], match["power"] or ""
    decimal = thousands = open_ = ""
    whole, fraction = digits, ""
    marks = [mark for mark in digits if mark in THOUSANDS]
    if len(marks) == 1 and marks[0] in DECIMALS:
        whole, _, fraction = digits.partition(marks[0])
        if _GROUPS.fullmatch(digits) and not power:
            open_ = marks[0]
        else:
            decimal = marks[0]
    elif marks:
        if marks[-1] in DECIMALS and marks[-1] not in marks[:-1]:
            decimal = marks[-1]
            whole, _, fraction = digits.rpartition(decimal)
        if not _GROUPS.fullmatch(whole):
            return None
        thousands = marks[0]
        whole = whole.replace(thousands, "")
    value = float(f"{whole or 0}.{fraction or 0}{power}")
    if math.isinf(value):
        return None
    return Numeral(-value if "-" in signs or match["open"] else value, decimal, thousands, open_, units)


def in_thousands(value: float) -> float:
    """What a number with three decimals means if their mark is one between thousands."""
    return float(round(value * 1000))


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written.

    Attributes:
        decimal: the mark before decimals; empty if nothing tells which: then it is a point, but `1.050` is refused.
        thousands: the marks between thousands that are allowed; none of them if it is empty.
        unit: the currency, or `%`, that may stand beside a number.

    Example:
        >>> german = Notation(",", ".")
        >>> german.number("1.050"), german.number("3,14"), german.number("3.14"), Notation(".").number("1.050")
        (1050.0, 3.14, None, 1.05)
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def number(self, cell: str) -> float | None:
        """As the function `number`, by this notation; None also for what is written in another one."""
        if self.decimal == "." or "." not in cell:
            value = number(cell)
            if value is not None:
                return value
        found = numeral(cell)
        if found is None or found.unit not in ("", self.unit):
            return None
        if found.open:
            if found.open == self.decimal:
                return found.value
            return in_thousands(found.value) if found.open in self.thousands else None
        allowed = found.decimal in ("", self.decimal or ".") and (
            not found.thousands or found.thousands in self.thousands
        )
        return found.value if allowed else None

    def text(self, value: float) -> str:
        """A number as it is written in this notation, without marks between thousands; empty for NaN."""
        return "" if math.isnan(value) else repr(value).removesuffix(".0").replace(".", self.decimal or ".")

    def fits(self, other: Notation) -> bool:
        """Whether no number that was read by this notation means something else by another."""
        return not other.decimal or (self.decimal in ("", other.decimal) and other.decimal not in self.thousands)

    def completed(self, table: Notation) -> Notation:
        """With what the rest of the table says where the column says nothing."""
        decimal = self.decimal or _beside(self.thousands) or table.decimal
        thousands = self.thousands or (table.thousands if decimal == table.decimal else "")
        return replace(self, decimal=decimal, thousands=thousands)

    def remedy(self, cell: str) -> str:
        """What to do about a number in another notation; empty if it is none.

        Example:
            >>> Notation(",", ".").remedy("3.14")
            'write it as 1.234,5 is written, or say which with `decimal` or `thousands`'
        """
        found = numeral(cell)
        if found is None:
            return ""
        if found.unit not in ("", self.unit):
            sign = "percent" if found.unit == "%" else "currency"
            return f'write it in "{self.unit}", or without a sign' if self.unit else f"remove the {sign} sign"
        if found.open and not self.decimal:
            return f"it may be {found.value:.10g} or {in_thousands(found.value):.10g}: {FORCE}"
        return f"write it as 1{self.thousands[:1]}234{self.decimal or '.'}5 is written, or {FORCE}"


PLAIN = Notation()


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def _beside(thousands: str) -> str:
    """The mark before decimals that goes with those between thousands; empty if both do."""
    return next((_other(mark) for mark in DECIMALS if mark in thousands), "")


def forced(decimal: str | None, thousands: str | None) -> Notation | None:
    """What a user says of a whole table; None if nothing.

    Raises:
        UsageError: it is no mark, or the same one twice.

    Example:
        >>> forced(",", None), forced(None, ".")
        (Notation(decimal=',', thousands=".' ", unit=''), Notation(decimal=',', thousands='.', unit=''))
    """
    if decimal is None and thousands is None:
        return None
    for name, mark, known in (("decimal", decimal, DECIMALS), ("thousands", thousands, THOUSANDS)):
        if mark is not None and (len(mark) != 1 or mark not in known):
            raise UsageError(f"{name} is no mark", expected=" or ".join(f'"{one}"' for one in known), got=mark)
    if decimal == thousands:
        raise UsageError("decimal and thousands are the same mark", fix="name two different ones")
    decimal = decimal or _beside(thousands or "") or "."
    return Notation(decimal, thousands or THOUSANDS.replace(decimal, ""))


class Marks:
    """What the cells of a column say about how its numbers are written.

    Args:
        known: what a user says; no cell speaks against it.

    Attributes:
        roles: of each mark that is known: DECIMAL or THOUSAND.
        unit: the currency or `%` beside the numbers.
        open: of each mark that a cell leaves open the smallest value, if it stands before decimals.
        habit: whether an open mark was decided by habit alone.
    """

    def __init__(self, known: Notation | None = None):
        self.roles: dict[str, str] = {}
        if known is not None:
            self.roles = {known.decimal: DECIMAL, **dict.fromkeys(known.thousands, THOUSAND)}
        self.unit = ""
        self.open: dict[str, float] = {}
        self.habit = False
        self._low, self._high = math.inf, 0.0  # of the numbers without a mark

    @property
    def decimal(self) -> str:
        """The mark before decimals, empty as long as none is known."""
        return next((mark for mark, role in self.roles.items() if role == DECIMAL), "")

    def plain(self, values: np.ndarray) -> None:
        """Take note of numbers without marks."""
        sizes = np.abs(values)
        sizes = sizes[sizes > 0]
        if len(sizes):
            self._low, self._high = min(self._low, float(sizes.min())), max(self._high, float(sizes.max()))

    def add(self, found: Numeral) -> bool:
        """Take note of a number with marks or a unit; whether it goes together with those before it."""
        roles = {mark: role for mark, role in ((found.decimal, DECIMAL), (found.thousands, THOUSAND)) if mark}
        for mark, role in roles.items():
            if self.roles.get(mark, role) != role or (mark in DECIMALS and self.roles.get(_other(mark)) == role):
                return False
        if found.unit and self.unit not in ("", found.unit):
            return False
        self.roles |= roles
        self.unit = self.unit or found.unit
        if found.open:
            self.open[found.open] = min(abs(found.value), self.open.get(found.open, math.inf))
        return True

    def decide(self) -> None:
        """Decide the open marks by the column itself and by its scale, where that can be."""
        for mark in self._undecided:
            if self.roles.get(_other(mark)) == DECIMAL:
                self.roles[mark] = THOUSAND
            elif THOUSAND in self.roles.values():
                self.roles[mark] = DECIMAL
            elif len(self.open) == 1 and not self._is_code and self._high >= FAR * self.open[mark]:
                self.roles[mark] = THOUSAND

    def decide_by(self, table: Mapping[str, Collection[str]], delimiter: str) -> None:
        """Decide the rest by the roles that the marks have in the table, or by habit; what is undecided then is open.

        Args:
            table: for each role the marks that have it in some column.
            delimiter: what separates the cells.
        """
        for mark in self._undecided:
            says = set()
            if mark in table[DECIMAL] or set(table[THOUSAND]) - {mark}:
                says.add(DECIMAL)
            if mark in table[THOUSAND] or _other(mark) in table[DECIMAL]:
                says.add(THOUSAND)
            if len(says) == 1:
                self.roles[mark] = says.pop()
            elif (
                not says
                and len(self.open) == 1
                and (self._high <= NEAR * self.open[mark] if mark == "." else delimiter == ",")
            ):
                self.roles[mark] = DECIMAL if mark == "." else THOUSAND
                self.habit = True

    @property
    def _is_code(self) -> bool:
        """Whether the only number without a mark is 99, 999 or the like, which often stands for a missing value."""
        return self._low == self._high and set(f"{self._high:.0f}") == {"9"}

    @property
    def _undecided(self) -> list[str]:
        return [mark for mark in self.open if mark not in self.roles]

    @property
    def notation(self) -> Notation | None:
        """The answer; None if it is still open."""
        if self._undecided:
            return None
        thousands = "".join(mark for mark in THOUSANDS if self.roles.get(mark) == THOUSAND)
        return Notation(self.decimal, thousands, self.unit)


def decide(columns: Iterable[Marks], delimiter: str) -> Notation:
    """Decide how the columns of a table are written; returns the notation of a column that says nothing itself."""
    columns = list(columns)
    for marks in columns:
        marks.decide()
    table = _roles(columns)
    for marks in columns:
        marks.decide_by(table, delimiter)
    table = _roles(columns)
    points, commas = (mark in table[DECIMAL] or _other(mark) in table[THOUSAND] for mark in DECIMALS)
    if points == commas:  # nothing is known, or the columns differ
        return Notation("")
    decimal = "." if points else ","
    return Notation(decimal, "".join(mark for mark in THOUSANDS if mark in table[THOUSAND]))


def _roles(columns: Iterable[Marks]) -> dict[str, set[str]]:
    """For each role the marks that have it in some column."""
    roles: dict[str, set[str]] = {DECIMAL: set(), THOUSAND: set()}
    for marks in columns:
        for mark, role in marks.roles.items():
            roles[role].add(mark)
    return roles
