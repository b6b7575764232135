"""Checks of the numbers that people give: one line each where they are used, one wording everywhere."""

from __future__ import annotations

import contextlib
import math
import numbers
import os

from brainbox_core.errors import UsageError


def whole(name: str, value: object, least: int = 1) -> int:
    """A whole number from `least` up.

    Example:
        >>> whole("epochs", 5)
        5
        >>> whole("epochs", 0)
        Traceback (most recent call last):
        brainbox_core.errors.UsageError: epochs: expected a whole number from 1, got 0
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise UsageError(name, expected=f"a whole number from {least}", got=repr(value))
    return int(value)


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


def memory(what: str, need: float, fix: str) -> None:
    """Refuse what needs more bytes than the machine has; where that cannot be found out, nothing is refused."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > have:
        raise UsageError(f"{what}: training needs {need / 1e9:,.1f} GB, this machine has {have / 1e9:,.1f}", fix=fix)
