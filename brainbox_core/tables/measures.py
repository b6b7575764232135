"""What is measured of a column on the training rows, and the features that it becomes.

A column of numbers is one feature, and one more says where its value is missing, if a third of them is. A column of
text is one feature of 0 and 1 for each of its values. A date is a number of days, and one feature of 0 and 1 for each
month and each day of the week that not all rows have.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable
from brainbox_core.tables import dates
from brainbox_core.tables.notation import DECIMALS, PLAIN, THOUSANDS, Notation, forced
from brainbox_core.tables.table import Table

MAX_VALUES = 50  # different texts of a column
OFTEN = 1 / 3  # share of missing values above which "missing" is a value of its own
NO_VALUE = "(missing)"  # the name of that value


@dataclass(frozen=True)
class Measure:
    """A column as measured on the training rows.

    Attributes:
        name: of the column.
        offsets, scales: of each feature: the mean and the deviation of the training rows, after filling.
    """

    name: str
    offsets: list[float]
    scales: list[float]

    @property
    def features(self) -> list[str]:
        """The names of its features."""
        raise NotImplementedError

    @property
    def filled(self) -> str:
        """What a missing value counts as, in words; empty if it is a value of its own."""
        raise NotImplementedError

    @property
    def dependent(self) -> int:
        """How many of its features follow from the others, as the last value of a text does."""
        return 0

    def encode(self, table: Table) -> np.ndarray:
        """The features, filled but not standardised, (n, features)."""
        raise NotImplementedError

    def missing(self, table: Table) -> int:
        """How many values are missing."""
        raise NotImplementedError

    def unseen(self, table: Table) -> list[str]:
        """The values that the training rows did not have, as they are shown."""
        return []

    def config(self) -> dict:
        """All of it in JSON types."""
        return {"kind": _KINDS[type(self)], **asdict(self)}


@dataclass(frozen=True)
class NumberColumn(Measure):
    """A column of numbers.

    Attributes:
        fill: what a missing value counts as: the median.
        low, high: the training range.
        notation: how its numbers were written.
    """

    fill: float
    low: float
    high: float
    notation: Notation = PLAIN

    @property
    def features(self) -> list[str]:
        return [self.name, f"{self.name}={NO_VALUE}"][: len(self.offsets)]

    @property
    def filled(self) -> str:
        return "" if len(self.offsets) > 1 or self.low == self.high else f"filled with the median {self.fill:,.10g}"

    def read(self, table: Table) -> np.ndarray:
        """The values, (n,), NaN where one is missing."""
        return table.numbers(self.name)

    def missing(self, table: Table) -> int:
        return int(np.isnan(self.read(table)).sum())

    def encode(self, table: Table) -> np.ndarray:
        values = self.read(table)
        missing = np.isnan(values)
        return np.stack([np.where(missing, self.fill, values), missing][: len(self.offsets)], axis=1)

    def shown(self, value: float) -> str:
        """A value for people."""
        return f"{value:,.10g}"


@dataclass(frozen=True)
class DateColumn(Measure):
    """A column of dates, as days since the start of 1970.

    Attributes:
        order: how its dates are written, see `dates.order_of`.
        fill: what a missing value counts as: the one in the middle.
        low, high: the training range.
        parts: the months and the days of the week that are features, and `NO_VALUE` if that is one.
    """

    order: str
    fill: float
    low: float
    high: float
    parts: list[str]

    @property
    def features(self) -> list[str]:
        return [self.name, *(f"{self.name}={part}" for part in self.parts)]

    @property
    def filled(self) -> str:
        return "" if NO_VALUE in self.parts else f"filled with {self.shown(self.fill)}, the one in the middle"

    @property
    def dependent(self) -> int:
        return sum(not set(self.parts).isdisjoint(names) for names in (dates.MONTHS, dates.WEEKDAYS))

    def read(self, table: Table) -> np.ndarray:
        """The days, (n,), NaN where a date is missing."""
        return table.days(self.name, self.order)

    def missing(self, table: Table) -> int:
        return int(np.isnan(self.read(table)).sum())

    def encode(self, table: Table) -> np.ndarray:
        values = self.read(table)
        missing = np.isnan(values)
        values = np.where(missing, self.fill, values)
        indicators = {NO_VALUE: missing, **dates.parts(values)}
        return np.stack([values, *(indicators[part] for part in self.parts)], axis=1)

    def unseen(self, table: Table) -> list[str]:
        values = self.read(table)
        found = dates.parts(values[~np.isnan(values)])
        kept = [names for names in (dates.MONTHS, dates.WEEKDAYS) if not set(self.parts).isdisjoint(names)]
        return [part for names in kept for part in names if part not in self.parts and found[part].any()]

    def shown(self, value: float) -> str:
        """A number of days as a date."""
        return dates.shown(value)


@dataclass(frozen=True)
class TextColumn(Measure):
    """A column of text.

    Attributes:
        fill: what a missing value counts as: the commonest, or an empty text, if that is a value of its own.
        values: the different texts in alphabetical order, one feature each.
    """

    fill: str
    values: list[str]

    @property
    def features(self) -> list[str]:
        return [f"{self.name}={text or NO_VALUE}" for text in self.values]

    @property
    def filled(self) -> str:
        return f'filled with the commonest, "{printable(self.fill, 40)}"' if self.fill else ""

    @property
    def dependent(self) -> int:
        return 1

    def missing(self, table: Table) -> int:
        return sum(not text.strip() for text in table.texts(self.name))

    def encode(self, table: Table) -> np.ndarray:
        place = {text: index for index, text in enumerate(self.values)}
        texts = (text.strip() or self.fill for text in table.texts(self.name))
        places = np.array([place.get(text, -1) for text in texts], np.intp)
        return places[:, None] == np.arange(len(self.values))

    def unseen(self, table: Table) -> list[str]:
        texts = dict.fromkeys(text.strip() for text in table.texts(self.name))
        return [f'"{printable(text, 40)}"' for text in texts if text and text not in self.values]


_KINDS: dict[type[Measure], str] = {NumberColumn: "number", DateColumn: "date", TextColumn: "text"}


def measure(table: Table, name: str) -> tuple[Measure | None, str]:
    """Measure a column of the training rows; None for one that does not vary, and a note on it.

    Raises:
        InputError: there is no such column, a cell cannot be read, a text has over 50 values.
    """
    order = table.order_of(name)
    if order is None and table.is_text(name):
        return _measure_texts(table, name)
    values = table.numbers(name) if order is None else table.days(name, order)
    absent = np.isnan(values)
    known, missing = values[~absent], int(absent.sum())
    if not len(known):
        return None, f"empty in all {table.rows:,} rows, left out"
    often = missing > OFTEN * table.rows
    low, high = float(known.min()), float(known.max())
    if low == high and (order or not often):
        always = f"{low:,.10g}" if order is None else dates.shown(low)
        return None, f"always {always}{_missing(missing)}, left out"
    column: NumberColumn | DateColumn
    if order is not None:
        fill = float(np.sort(known)[(len(known) - 1) // 2])
        found = dates.parts(np.where(absent, fill, values)).items()
        parts = [part for part, rows in found if rows.any() and not rows.all()] + [NO_VALUE] * often
        column = DateColumn(name, [], [], order, fill, low, high, parts)
        note = "a date, as its days, months and days of the week"
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            fill, note = float(np.median(known)), ""
        if low == high:  # and often missing
            fill, often = float(low == 0), False
            note = f"always {low:,.10g}{_missing(missing)}, where it counts as {fill:g}"
            missing = 0
        column = NumberColumn(name, [0.0] * (1 + often), [], fill, low, high, table.notation_of(name))
    first, *indicators = column.encode(table).T
    with np.errstate(over="ignore", invalid="ignore"):
        first = np.ascontiguousarray(first)
        offset, scale = float(first.mean()), float(first.std())
    if not all(map(math.isfinite, (fill, offset, scale))) or scale == 0:
        what = f"values from {low:.3g} to {high:.3g} cannot be standardised"
        where = ", ".join(filter(None, [table.name, f'column "{printable(name, 80)}"']))
        raise InputError(what, where=where, fix="use another unit")
    offsets, scales = _of_indicators([float(indicator.mean()) for indicator in indicators])
    column = replace(column, offsets=[offset, *offsets], scales=[scale, *scales])
    return column, "; ".join(filter(None, [note, filled(missing, column)]))


def _measure_texts(table: Table, name: str) -> tuple[TextColumn | None, str]:
    counts = Counter(text.strip() for text in table.texts(name))
    missing = counts.pop("", 0)
    if not counts:
        return None, f"empty in all {table.rows:,} rows, left out"
    texts = sorted(counts)
    often = missing > OFTEN * table.rows
    if len(texts) == 1 and not often:
        return None, f'always "{printable(texts[0], 40)}"{_missing(missing)}, left out'
    if len(texts) > MAX_VALUES:
        what = f'column "{printable(name, 80)}" is text with {len(texts):,} different values'
        fix = "remove the column, or group its values"
        raise InputError(what, where=table.name, expected=f"at most {MAX_VALUES}", fix=fix)
    fill = "" if often else min(texts, key=lambda text: (-counts[text], text))
    counts[fill] += missing
    texts = sorted(counts)
    column = TextColumn(name, *_of_indicators([counts[text] / table.rows for text in texts]), fill, texts)
    note = f"text, one feature for each of its {len(texts) - often} values"
    return column, "; ".join(filter(None, [note, filled(missing, column)]))


def _of_indicators(means: list[float]) -> tuple[list[float], list[float]]:
    """The means and the deviations of features of 0 and 1."""
    return means, [math.sqrt(mean * (1 - mean)) for mean in means]


def filled(missing: int, column: Measure) -> str:
    """What becomes of missing values, in words; empty if there are none."""
    values = f"{missing:,} missing value{'s' * (missing != 1)}"
    return f"{values} {column.filled or 'told apart by a feature of their own'}" if missing else ""


def _missing(rows: int) -> str:
    return f", missing in {rows:,} row{'s' * (rows != 1)}" if rows else ""


# reading a config that anybody may have written


def from_config(entry: object) -> Measure:
    """The column that `Measure.config` described.

    Raises:
        InputError: it describes none.
    """
    if not isinstance(entry, dict):
        raise malformed("a column is not an object")
    kind = next((kind for kind, name in _KINDS.items() if name == entry.get("kind")), None)
    if kind is None:
        raise malformed("a column is of an unknown kind")
    values = {name: value for name, value in entry.items() if name != "kind"}
    if set(values) != {field.name for field in fields(kind)} or not isinstance(values["name"], str):
        raise malformed("a column has other fields than it should")
    offsets, scales = (values[name] for name in ("offsets", "scales"))
    if not all(isinstance(part, list) and all(map(_is_finite, part)) for part in (offsets, scales)):
        raise malformed("a column has impossible measures")
    if not len(offsets) == len(scales) or min(scales, default=0) <= 0:
        raise malformed("a column has impossible measures")
    values |= {"offsets": [*map(float, offsets)], "scales": [*map(float, scales)]}
    if kind is TextColumn:
        _check_texts(values)
    else:
        if not all(_is_finite(values[name]) for name in ("fill", "low", "high")) or values["low"] > values["high"]:
            raise malformed("a column has an impossible range")
        values |= {name: float(values[name]) for name in ("fill", "low", "high")}
    if kind is NumberColumn:
        values["notation"] = notation(values["notation"])
    if kind is DateColumn and (values["order"] not in dates.ORDERS or not _are_parts(values["parts"])):
        raise malformed("a column of dates has impossible parts")
    column: Measure = kind(**values)
    if len(column.features) != len(offsets):
        raise malformed("a column has lists that do not fit each other")
    return column


def notation(entry: object) -> Notation:
    """How numbers are written, as a model's file says.

    Raises:
        InputError: it does not.
    """
    if isinstance(entry, dict) and set(entry) == {field.name for field in fields(Notation)}:
        decimal, thousands, unit = (entry[name] for name in ("decimal", "thousands", "unit"))
        marks = isinstance(thousands, str) and set(thousands) <= set(THOUSANDS) - {decimal}
        if decimal in ("", *DECIMALS) and marks and isinstance(unit, str):
            return Notation(decimal, thousands, unit)
    raise malformed("it does not say how numbers are written")


def read_as(columns: Iterable[dict], decimal: str | None, thousands: str | None) -> None:
    """Let the numbers of columns, as their configs have them, be written as a user says, if he says anything.

    Raises:
        UsageError: as `notation.forced`.
    """
    if (known := forced(decimal, thousands)) is not None:
        for entry in columns:
            if "notation" in entry:
                entry["notation"] |= {"decimal": known.decimal, "thousands": known.thousands}


def _check_texts(entry: dict) -> None:
    values = entry["values"]
    if not isinstance(values, list) or not 2 <= len(values) <= MAX_VALUES + ("" in values):
        raise malformed("a column of text has lists that do not fit each other")
    if not all(isinstance(value, str) for value in values) or len(set(values)) < len(values):
        raise malformed("the values of a column are not different texts")
    if entry["fill"] not in values or ("" in values and entry["fill"]):
        raise malformed("a column is filled with what is none of its values")


def _are_parts(parts: object) -> bool:
    known = [*dates.MONTHS, *dates.WEEKDAYS, NO_VALUE]
    return isinstance(parts, list) and parts == [part for part in known if part in parts]


def _is_finite(value: object) -> bool:
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**53)


def malformed(what: str) -> InputError:
    """What is wrong with the features that a model's file describes."""
    return InputError(f"the model's features are malformed: {what}", fix="train the model again")
