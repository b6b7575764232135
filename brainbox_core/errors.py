"""The errors a user can cause, and the checks of numbers that raise them: one wording everywhere.

An error says what went wrong, where, and what to do about it.
"""

from __future__ import annotations

import contextlib
import math
import numbers
import os

# Characters of the parts of an error; names from data can have millions.
_LONGEST = {"what": 300, "where": 600, "expected": 200, "got": 80, "fix": 300}


def printable(text: str | os.PathLike, limit: int = 500) -> str:
    r"""Text on one line that any terminal can show: control, unprintable and surrogate characters escaped.

    Args:
        text: a path, or text from a file.
        limit: the length in characters after which it is cut.

    Example:
        >>> print(printable("a\nb\x1b[31m é"))
        a\nb\x1b[31m é
    """
    text = os.fsdecode(text)
    shown = text[: limit + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)
    return shown if len(shown) <= limit else shown[:limit] + "..."


class BrainboxError(Exception):
    """A mistake in what was given, told in one plain line and one hint.

    Args:
        what: the fact, in lower case and without a full stop: `"n/a" is not a number`.
        where: the file, line, column, layer or option at fault: `houses.csv line 14, column "sqft"`.
        expected: what would have been right.
        got: what was there instead.
        fix: what to do, as an imperative; the command line prints it as the hint.

    Example:
        >>> where = 'houses.csv line 14, column "sqft"'
        >>> print(BrainboxError('"n/a" is not a number', where=where, fix="remove the row"))
        houses.csv line 14, column "sqft": "n/a" is not a number; remove the row
        >>> print(BrainboxError("batch_size is out of range", expected="a whole number from 1", got=0))
        batch_size is out of range: expected a whole number from 1, got 0
    """

    def __init__(self, what: str, *, where: str = "", expected: object = "", got: object = "", fix: str = ""):
        parts = (what, where, str(expected), str(got), fix)
        self.what, self.where, self.expected, self.got, self.fix = map(printable, parts, _LONGEST.values())
        super().__init__(f"{self.line}; {self.fix}" if fix else self.line)

    @property
    def line(self) -> str:
        """The error without its remedy: what the command line prints after `error:`."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected:
            text += f": expected {self.expected}"
        if self.got:
            text += f", got {self.got}"
        return text


class UsageError(BrainboxError, ValueError):
    """An argument, an option or an array that does not fit the call.

    Example:
        >>> import braininabox as bb
        >>> try:
        ...     bb.optimizers.SGD(lr=-1)
        ... except bb.UsageError as error:
        ...     print(error)
        lr: expected a number above 0, got -1
    """


class InputError(BrainboxError):
    """A file or a text that is missing, unreadable, malformed or cannot be written.

    Example:
        >>> import braininabox as bb
        >>> try:
        ...     bb.load("nowhere.safetensors")
        ... except bb.InputError as error:
        ...     print(error.line)
        nowhere.safetensors: no such file
    """


class ConvergenceError(BrainboxError, ArithmeticError):
    """Training that diverged: a loss, a gradient or a prediction that is not finite.

    Example:
        >>> import numpy as np, braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(1)])
        >>> model.compile(optimizer=bb.optimizers.SGD(), loss=bb.loss.MSE())
        >>> try:
        ...     model.fit(np.array([[np.inf]]), np.array([[1.0]]))
        ... except bb.ConvergenceError as error:
        ...     print(error.where)
        epoch 1, step 1
    """


class BudgetError(BrainboxError):
    """An exported model that needs more memory than the device has."""


class VerificationError(BrainboxError):
    """An exported header that does not compile cleanly, or does not compute what its reference computes."""


class AccuracyError(BrainboxError):
    """A result that is less accurate than was asked for."""


# --- checks of the numbers that people give ----------------------------------------------------------------------


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """A whole number from `least` up, or to `most`.

    Example:
        >>> whole("epochs", 5)
        5
        >>> whole("epochs", 0)
        Traceback (most recent call last):
        brainbox_core.errors.UsageError: epochs: expected a whole number from 1, got 0
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    upper = "" if most is None else f" to {most}"
    raise UsageError(name, expected=f"a whole number from {least}{upper}", got=repr(value))


def between(
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    above: bool = False,
    below: bool = False,
) -> float:
    """A finite number from `low` (greater than it if `above`) to `high` (less than it if `below`).

    Example:
        >>> between("rate", 1.5, 0, 1)
        Traceback (most recent call last):
        brainbox_core.errors.UsageError: rate: expected a number from 0 to 1, got 1.5
    """
    number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # of a whole number with more than 308 digits
            number = float(value)
    inside = (low < number if above else low <= number) and (number < high if below else number <= high)
    if not (math.isfinite(number) and inside):
        lower = f"above {low:g}" if above else f"from {low:g}" if math.isfinite(low) else ""
        upper = f"{'below' if below else 'up to' if above else 'to'} {high:g}" if math.isfinite(high) else ""
        both = "and" if lower and upper and (above or below) else ""
        raise UsageError(name, expected=" ".join(filter(None, ["a number", lower, both, upper])), got=repr(value))
    return number


def pair(name: str, value: object, least: int = 1) -> tuple[int, int]:
    """Two whole numbers for height and width; one number stands for both."""
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise UsageError(name, expected="one whole number or two, for height and width", got=repr(value))
        return whole(name, value[0], least), whole(name, value[1], least)
    return (whole(name, value, least),) * 2


def sizes(name: str, value: object) -> tuple[int, ...]:
    """The sizes of the axes of an array, each a whole number from 1.

    Example:
        >>> sizes("input_shape", [28, 28])
        (28, 28)
        >>> sizes("input_shape", ["!"])
        Traceback (most recent call last):
        brainbox_core.errors.UsageError: input_shape: expected a whole number from 1, got '!'
    """
    if isinstance(value, tuple | list):
        return tuple(whole(name, size) for size in value)
    raise UsageError(name, expected="a list of whole numbers from 1", got=repr(value))


def check_memory(what: str, need: float, fix: str) -> None:
    """Refuse what needs more bytes than the machine has; where that cannot be found out, nothing is refused."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > have:
        raise UsageError(f"{what}: training needs {need / 1e9:,.1f} GB, this machine has {have / 1e9:,.1f}", fix=fix)
