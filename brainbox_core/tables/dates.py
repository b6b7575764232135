"""Dates in a table: how they are written, and the number of days that they mean."""

from __future__ import annotations

import datetime
import itertools
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from brainbox_core.tables.notation import MISSING

YEAR_FIRST, DAY_FIRST, MONTH_FIRST, OPEN = "year first", "day first", "month first", "day or month first"
ORDERS = (YEAR_FIRST, DAY_FIRST, MONTH_FIRST)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_EPOCH = datetime.datetime(1970, 1, 1)
_SAMPLE = 100  # cells, of which one has to be a date
_LONGEST = 40  # characters
_DATE = re.compile(
    r"(?:(?P<year>\d{4})(?P<sep>[-/.]?)(?P<month>\d\d?)(?P=sep)(?P<day>\d\d?)"
    r"|(?P<first>\d\d?)(?P<mark>[-/.])(?P<second>\d\d?)(?P=mark)(?P<last>\d{4}))"
    r"(?:[T ] ?(?P<hour>\d\d?):?(?P<minute>\d\d)(?::?(?P<seconds>\d\d(?:\.\d{1,9})?))?"
    r"(?: ?(?P<half>[AaPp][Mm]))?(?P<zone>Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


def order_of(cells: Iterable[str]) -> str | None:
    """How the dates of a column are written: one of `ORDERS`, or `OPEN`; None if most cells are no dates.

    Dots stand between day, month and year, in this order, unless a value says otherwise; with other marks it is open
    where no day is above 12.

    Example:
        >>> order_of(["20141013T000000"]), order_of(["1/2/2014", "1/13/2014"]), order_of(["1/2/2014"]), order_of(["x"])
        ('year first', 'month first', 'day or month first', None)
    """
    cells = (cell for cell in map(str.strip, cells) if cell.lower() not in MISSING)
    sample = list(itertools.islice(cells, _SAMPLE))
    if not any(map(_match, sample)):
        return None
    different = dict.fromkeys(itertools.chain(sample, cells))
    found = [match for match in map(_match, different) if match]
    if 2 * len(found) <= len(different):
        return None
    late = [match for match in found if match["first"]]
    if not late:
        return YEAR_FIRST
    firsts, seconds = (sum(int(match[part]) > 12 for match in late) for part in ("first", "second"))
    if firsts != seconds:
        return DAY_FIRST if firsts > seconds else MONTH_FIRST
    return DAY_FIRST if not firsts and all(match["mark"] == "." for match in late) else OPEN


def days(cell: str, order: str) -> float | None:
    """Days since the start of 1970, with a fraction for the time of day; None if the cell is no date.

    A time zone is taken off: the days are those of UTC.

    Example:
        >>> days("13.10.2014", DAY_FIRST), days("2014-10-13 12:00", DAY_FIRST), days("10/13/2014", DAY_FIRST)
        (16356.0, 16356.5, None)
    """
    match = _match(cell.strip())
    if match is None:
        return None
    year, month, day = match.group("year", "month", "day")
    if year is None:
        if order == YEAR_FIRST:
            return None
        year, month, day = match.group("last", "second", "first")
        if order == MONTH_FIRST:
            month, day = day, month
    hour = int(match["hour"] or 0)
    if half := match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.lower() == "pm")
    seconds = float(match["seconds"] or 0)
    try:
        moment = datetime.datetime(int(year), int(month), int(day), hour, int(match["minute"] or 0))
    except ValueError:
        return None
    if seconds >= 60:
        return None
    zone = 0
    if match["zone"] and match["zone"] != "Z":
        sign, hours, minutes = match["zone"][0], int(match["zone"][1:3]), int(match["zone"][-2:])
        zone = (-60 if sign == "-" else 60) * (60 * hours + minutes)
    return ((moment - _EPOCH).total_seconds() + seconds - zone) / 86_400


def read(cells: Sequence[str], order: str) -> tuple[np.ndarray, int | None]:
    """Dates as days since the start of 1970, NaN for what is missing or bad, and the row of the first that is bad."""
    known = {cell: math.nan if cell.strip().lower() in MISSING else days(cell, order) for cell in dict.fromkeys(cells)}
    bad = next((row for row, cell in enumerate(cells) if known[cell] is None), None)
    return np.array([known[cell] for cell in cells], np.float64), bad


def parts(values: np.ndarray) -> dict[str, np.ndarray]:
    """For each month and each day of the week which of some days, given as numbers, are in it.

    Example:
        >>> [name for name, rows in parts(np.array([16356.5])).items() if rows[0]]
        ['October', 'Monday']
    """
    whole = np.floor(values).astype("datetime64[D]")
    months = whole.astype("datetime64[M]").astype(np.int64) % 12
    weekdays = (whole.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    found = {month: months == number for number, month in enumerate(MONTHS)}
    return found | {weekday: weekdays == number for number, weekday in enumerate(WEEKDAYS)}


def shown(value: float) -> str:
    """A number of days as a date.

    Example:
        >>> shown(16356.5), shown(16356.0)
        ('2014-10-13 12:00', '2014-10-13')
    """
    try:
        moment = _EPOCH + datetime.timedelta(days=value)
    except OverflowError:
        return f"{value:g} days"
    return moment.isoformat(" ", "minutes").removesuffix(" 00:00")


def _match(cell: str) -> re.Match[str] | None:
    match = _DATE.fullmatch(cell) if len(cell) <= _LONGEST else None
    if match and match["sep"] == "" and len(match["month"] + match["day"]) < 4:
        return None  # digits that run together
    return match
