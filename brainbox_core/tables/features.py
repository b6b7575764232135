"""From the columns of a table to the standardised numbers that a network takes, and the way back.

    encoder = FeatureEncoder.fit(table.take(train), ["sqft", "district"])    measures the training rows only
    X = encoder.transform(table)                                             any rows: (n, features)

A column of numbers becomes one feature, missing values filled with the median; a column of text becomes one feature of
0 and 1 for each of its values (one-hot), missing ones filled with the commonest. Then every feature is standardised:

    feature = (value - offset) / scale          offset: the mean, scale: the deviation of the training rows

A text that was not in the training rows is 0 in all the columns of its one-hot code.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.tables.csv_rows import MAX_COLUMNS
from brainbox_core.tables.table import Table, table_of

MAX_VALUES = 50  # different texts of a column


class Outside(NamedTuple):
    """The rows of a table in which a column lies outside the range that it had in training."""

    column: str
    rows: np.ndarray
    values: np.ndarray
    low: float
    high: float

    def __str__(self) -> str:
        name, range_ = printable(self.column, 80), f"the training range {self.low:,.10g} to {self.high:,.10g}"
        if len(self.rows) == 1:
            return f"{name} {self.values[0]:,.10g} is outside {range_}"
        return f"{len(self.rows):,} values of {name} are outside {range_}"


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, as measured on the training rows.

    Attributes:
        name: of the column.
        fill: what a missing value counts as: the median.
        low, high: the training range.
        offset, scale: the mean and the deviation, after filling.
    """

    name: str
    fill: float
    low: float
    high: float
    offset: float
    scale: float

    @property
    def features(self) -> list[str]:
        """The name of its one feature."""
        return [self.name]

    @property
    def offsets(self) -> list[float]:
        """Of its one feature."""
        return [self.offset]

    @property
    def scales(self) -> list[float]:
        """Of its one feature."""
        return [self.scale]

    def encode(self, table: Table) -> np.ndarray:
        """The values, filled but not standardised, (n, 1)."""
        values = table.numbers(self.name)
        return np.where(np.isnan(values), self.fill, values)[:, None]


@dataclass(frozen=True)
class TextColumn:
    """A column of text, as measured on the training rows.

    Attributes:
        name: of the column.
        fill: what a missing value counts as: the commonest.
        values: the different texts in alphabetical order, one feature each.
        offsets, scales: of each feature: the mean and the deviation of its zeros and ones.
    """

    name: str
    fill: str
    values: list[str]
    offsets: list[float]
    scales: list[float]

    @property
    def features(self) -> list[str]:
        """The names of its features."""
        return [f"{self.name}={value}" for value in self.values]

    def encode(self, table: Table) -> np.ndarray:
        """The one-hot code, not standardised, (n, values) of True and False."""
        place = {value: index for index, value in enumerate(self.values)}
        texts = (text.strip() or self.fill for text in table.texts(self.name))
        places = np.array([place.get(text, -1) for text in texts], np.intp)
        return places[:, None] == np.arange(len(self.values))


class FeatureEncoder:
    """What `fit` measured on the training rows, and what it makes of any rows.

    Attributes:
        columns: the columns that are used, in order.
        names: of the features, in order: `sqft`, `district=north`, `district=south`.
        offset, scale: of each feature, float64 (features,).
        notes: what was filled in, one-hot encoded or left out while fitting; empty in an encoder from a file.

    Example:
        >>> table = table_of({"sqft": [1000, None, 3000, 2000], "district": ["north", "south", "north", "north"]})
        >>> encoder = FeatureEncoder.fit(table, ["sqft", "district"])
        >>> encoder.names
        ['sqft', 'district=north', 'district=south']
        >>> encoder.transform(table)[0]
        array([-1.41421356,  0.57735027, -0.57735027])
        >>> print(*encoder.notes, sep="\\n")
        sqft: 1 missing value filled with the median 2,000
        district: text, one feature for each of its 2 values
        >>> print(*encoder.remarks({"sqft": [9000], "district": ["west"]}), sep="\\n")
        sqft 9,000 is outside the training range 1,000 to 3,000
        district "west" was not in the training data
    """

    def __init__(self, columns: Sequence[NumberColumn | TextColumn], notes: Sequence[str] = ()):
        self.columns = list(columns)
        self.notes = list(notes)
        self.names = [name for column in self.columns for name in column.features]
        self.offset = np.array([offset for column in self.columns for offset in column.offsets])
        self.scale = np.array([scale for column in self.columns for scale in column.scales])

    @classmethod
    def fit(cls, table: Table, columns: Sequence[str]) -> FeatureEncoder:
        """Measure columns of the training rows.

        A column with a single value or none is left out, with a note.

        Args:
            table: the training rows, and only these: `table.take(rows)`.
            columns: the names of the inputs, without the target.

        Raises:
            InputError: there is no such column, a cell is not a number, a text has over 50 values, no column is left.
        """
        if not table.rows:
            raise InputError("there are no rows to learn from", where=table.name)
        if len(set(columns)) < len(columns):
            raise UsageError("a column is named twice", got=", ".join(map(printable, columns)))
        measured, notes = [], []
        for name in columns:
            measure = _measure_text if table.is_text(name) else _measure_numbers
            column, note = measure(table, name)
            measured += [column] if column is not None else []
            notes += [f"{printable(name, 80)}: {note}"] if note else []
        if not measured:
            what = "no column is left to learn from" + (f" ({'; '.join(notes[:3])})" if notes else "")
            raise InputError(what, where=table.name, fix="name a table with columns that vary")
        return cls(measured, notes)

    def transform(self, table: Table | Mapping[str, Sequence], dtype: type = np.float64) -> np.ndarray:
        """The standardised features of rows, (n, features).

        Args:
            table: a table, or columns by name, with the values of at least the columns that are used.
            dtype: of the result.

        Raises:
            InputError: a column is missing, or a cell is not a number.
        """
        table = _as_table(table)
        out: np.ndarray = np.empty((table.rows, len(self.names)), dtype)
        start = 0
        for column in self.columns:
            values = column.encode(table)
            stop = start + values.shape[1]
            with np.errstate(over="ignore"):  # far outside the training range; the model says what it cannot use
                out[:, start:stop] = (values - self.offset[start:stop]) / self.scale[start:stop]
            start = stop
        return out

    def outside(self, table: Table | Mapping[str, Sequence]) -> list[Outside]:
        """The columns of numbers with values outside their training range, and in which rows."""
        table, found = _as_table(table), []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                values = table.numbers(column.name)
                rows = np.flatnonzero((values < column.low) | (values > column.high))
                if len(rows):
                    found.append(Outside(column.name, rows, values[rows], column.low, column.high))
        return found

    def remarks(self, table: Table | Mapping[str, Sequence]) -> list[str]:
        """What to know about a prediction for these rows: values outside the training range, unseen or missing."""
        table = _as_table(table)
        remarks = [str(outside) for outside in self.outside(table)]
        for column in self.columns:
            if isinstance(column, NumberColumn):
                missing = int(np.isnan(table.numbers(column.name)).sum())
            else:
                missing = sum(not text.strip() for text in table.texts(column.name))
                remarks += _unseen(column, table)
            if missing:
                remarks.append(f"{printable(column.name, 80)}: {_filled(missing, column)}")
        return remarks

    def unseen(self, table: Table | Mapping[str, Sequence]) -> list[str]:
        """The texts that were not in the training rows, in words: one line for each column that has some."""
        table, columns = _as_table(table), (column for column in self.columns if isinstance(column, TextColumn))
        return [line for column in columns for line in _unseen(column, table)]

    def own_units(self, weights: np.ndarray, bias: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """The weights and the bias of a linear model as they apply to the data's own units.

        Args:
            weights: (features,) or (features, outputs), of the standardised features.
            bias: a number, or (outputs,).

        Returns:
            The same shapes in float64, so that bias + value * weight summed over the features gives the same.
        """
        weights = (np.asarray(weights, np.float64).T / self.scale).T
        return weights, bias - self.offset @ weights

    def config(self) -> dict:
        """All of it in JSON types, to be kept in a model's file."""
        kinds = {NumberColumn: "number", TextColumn: "text"}
        return {"columns": [{"kind": kinds[type(column)], **asdict(column)} for column in self.columns]}

    @classmethod
    def from_config(cls, config: object) -> FeatureEncoder:
        """The encoder that `config` described, exactly.

        Raises:
            InputError: it describes none; anybody may have written it.
        """
        if not isinstance(config, dict) or set(config) != {"columns"} or not isinstance(config["columns"], list):
            raise _malformed("expected the columns")
        if not 1 <= len(config["columns"]) <= MAX_COLUMNS:
            raise _malformed(f"expected 1 to {MAX_COLUMNS:,} columns")
        columns = [_column(entry) for entry in config["columns"]]
        if len({column.name for column in columns}) < len(columns):
            raise _malformed("a column appears twice")
        return cls(columns)


# measuring


def _measure_numbers(table: Table, name: str) -> tuple[NumberColumn | None, str]:
    values = table.numbers(name)
    known = values[~np.isnan(values)]
    if not len(known):
        return None, f"empty in all {table.rows:,} rows, left out"
    low, high = float(known.min()), float(known.max())
    if low == high:
        return None, f"always {low:,.10g}{_missing(table.rows - len(known))}, left out"
    with np.errstate(over="ignore", invalid="ignore"):
        fill = float(np.median(known))
        values = np.where(np.isnan(values), fill, values)
        offset, scale = float(values.mean()), float(values.std())
    if not all(map(math.isfinite, (fill, offset, scale))) or scale == 0:
        what = f"values from {low:.3g} to {high:.3g} cannot be standardised"
        where = ", ".join(filter(None, [table.name, f'column "{printable(name, 80)}"']))
        raise InputError(what, where=where, fix="use another unit")
    column = NumberColumn(name, fill, low, high, offset, scale)
    return column, _filled(len(values) - len(known), column)


def _measure_text(table: Table, name: str) -> tuple[TextColumn | None, str]:
    counts = Counter(text.strip() for text in table.texts(name))
    missing = counts.pop("", 0)
    if not counts:
        return None, f"empty in all {table.rows:,} rows, left out"
    values = sorted(counts)
    if len(values) == 1:
        return None, f'always "{printable(values[0], 40)}"{_missing(missing)}, left out'
    if len(values) > MAX_VALUES:
        what = f'column "{printable(name, 80)}" is text with {len(values):,} different values'
        fix = "remove the column, or group its values"
        raise InputError(what, where=table.name, expected=f"at most {MAX_VALUES}", fix=fix)
    fill = min(values, key=lambda value: (-counts[value], value))
    counts[fill] += missing
    means = [counts[value] / table.rows for value in values]
    column = TextColumn(name, fill, values, means, [math.sqrt(mean * (1 - mean)) for mean in means])
    note = f"text, one feature for each of its {len(values)} values"
    return column, "; ".join(filter(None, [note, _filled(missing, column)]))


def _filled(missing: int, column: NumberColumn | TextColumn) -> str:
    if not missing:
        return ""
    if isinstance(column, NumberColumn):
        fill = f"the median {column.fill:,.10g}"
    else:
        fill = f'the commonest, "{printable(column.fill, 40)}"'
    return f"{missing:,} missing value{'s' * (missing != 1)} filled with {fill}"


def _unseen(column: TextColumn, table: Table) -> list[str]:
    texts = dict.fromkeys(text.strip() for text in table.texts(column.name))
    unseen = [text for text in texts if text and text not in column.values]
    if not unseen:
        return []
    shown = ", ".join(f'"{printable(text, 40)}"' for text in unseen[:5]) + ", ..." * (len(unseen) > 5)
    return [f"{printable(column.name, 80)} {shown} {'was' if len(unseen) == 1 else 'were'} not in the training data"]


def _missing(rows: int) -> str:
    return f", missing in {rows:,} row{'s' * (rows != 1)}" if rows else ""


def _as_table(table: Table | Mapping[str, Sequence]) -> Table:
    return table if isinstance(table, Table) else table_of(table)


# reading a config that anybody may have written


def _column(entry: object) -> NumberColumn | TextColumn:
    if not isinstance(entry, dict):
        raise _malformed("a column is not an object")
    if entry.get("kind") == "number":
        _require_keys(entry, NumberColumn)
        numbers = {key: entry[key] for key in ("fill", "low", "high", "offset", "scale")}
        if not all(map(_is_finite, numbers.values())) or entry["scale"] <= 0 or entry["low"] > entry["high"]:
            raise _malformed("a column of numbers has impossible measures")
        return NumberColumn(entry["name"], **{key: float(value) for key, value in numbers.items()})
    if entry.get("kind") == "text":
        _require_keys(entry, TextColumn)
        values, offsets, scales = (entry[key] for key in ("values", "offsets", "scales"))
        for part in (values, offsets, scales):
            if not isinstance(part, list) or not 2 <= len(part) <= MAX_VALUES or len(part) != len(values):
                raise _malformed("a column of text has lists that do not fit each other")
        if not all(isinstance(value, str) for value in values) or len(set(values)) < len(values):
            raise _malformed("the values of a column are not different texts")
        if entry["fill"] not in values:
            raise _malformed("a column is filled with what is none of its values")
        if not all(map(_is_finite, [*offsets, *scales])) or min(scales) <= 0:
            raise _malformed("a column of text has impossible measures")
        return TextColumn(entry["name"], entry["fill"], [*values], [*map(float, offsets)], [*map(float, scales)])
    raise _malformed("a column is of an unknown kind")


def _require_keys(entry: dict, kind: type[NumberColumn | TextColumn]) -> None:
    if set(entry) != {"kind", *(field.name for field in fields(kind))} or not isinstance(entry["name"], str):
        raise _malformed("a column has other fields than it should")


def _is_finite(value: object) -> bool:
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**53)


def _malformed(what: str) -> InputError:
    return InputError(f"the model's features are malformed: {what}", fix="train the model again")
