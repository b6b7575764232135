"""From the columns of a table to the standardised numbers that a network takes, and the way back.

    encoder = FeatureEncoder.fit(table.take(train), ["sqft", "district"])    measures the training rows only
    X = encoder.transform(table)                                             any rows: (n, features)

A column of numbers becomes one feature, missing values filled with the median; a column of text becomes one feature of
0 and 1 for each of its values (one-hot), missing ones filled with the commonest; a date becomes a number of days, with
one feature of 0 and 1 for each month and each day of the week. Where over a third of the values are missing, that is a
value of its own. Then every feature is standardised:

    feature = (value - offset) / scale          offset: the mean, scale: the deviation of the training rows

A text that was not in the training rows is 0 in all the columns of its one-hot code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.tables.csv_rows import MAX_COLUMNS
from brainbox_core.tables.measures import DateColumn, Measure, NumberColumn, filled, from_config, malformed, measure
from brainbox_core.tables.notation import Notation
from brainbox_core.tables.table import Table, table_of


class Outside(NamedTuple):
    """The rows of a table in which a column lies outside the range that it had in training."""

    column: str
    rows: np.ndarray
    values: np.ndarray
    low: float
    high: float
    shown: Callable[[float], str]

    def __str__(self) -> str:
        name, low, high = printable(self.column, 80), self.shown(self.low), self.shown(self.high)
        range_ = f"the training range {low} to {high}"
        if len(self.rows) == 1:
            return f"{name} {self.shown(float(self.values[0]))} is outside {range_}"
        return f"{len(self.rows):,} values of {name} are outside {range_}"


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

    def __init__(self, columns: Sequence[Measure], notes: Sequence[str] = ()):
        self.columns = list(columns)
        self.notes = list(notes)
        self.names = [name for column in self.columns for name in column.features]
        self.offset = np.array([offset for column in self.columns for offset in column.offsets])
        self.scale = np.array([scale for column in self.columns for scale in column.scales])

    @property
    def notations(self) -> dict[str, Notation]:
        """How the numbers of its columns are written, by name."""
        return {column.name: column.notation for column in self.columns if isinstance(column, NumberColumn)}

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
        table = self._table(table)
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
        table, found = self._table(table), []
        for column in self.columns:
            if isinstance(column, NumberColumn | DateColumn):
                values = column.read(table)
                rows = np.flatnonzero((values < column.low) | (values > column.high))
                if len(rows):
                    found.append(Outside(column.name, rows, values[rows], column.low, column.high, column.shown))
        return found

    def remarks(self, table: Table | Mapping[str, Sequence]) -> list[str]:
        """What to know about a prediction for these rows: values outside the training range, unseen or missing."""
        table = self._table(table)
        remarks = [str(outside) for outside in self.outside(table)]
        for column in self.columns:
            remarks += _unseen(column, table)
            if column.filled and (missing := column.missing(table)):
                remarks.append(f"{printable(column.name, 80)}: {filled(missing, column)}")
        return remarks

    def unseen(self, table: Table | Mapping[str, Sequence]) -> list[str]:
        """The texts that were not in the training rows, in words: one line for each column that has some."""
        table = self._table(table)
        return [line for column in self.columns for line in _unseen(column, table)]

    def _table(self, table: Table | Mapping[str, Sequence]) -> Table:
        """The table, its numbers read as those of the training."""
        return (table if isinstance(table, Table) else table_of(table)).written(self.notations)

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
        return {"columns": [column.config() for column in self.columns]}

    @classmethod
    def from_config(cls, config: object) -> FeatureEncoder:
        """The encoder that `config` described, exactly.

        Raises:
            InputError: it describes none; anybody may have written it.
        """
        if not isinstance(config, dict) or set(config) != {"columns"} or not isinstance(config["columns"], list):
            raise malformed("expected the columns")
        if not 1 <= len(config["columns"]) <= MAX_COLUMNS:
            raise malformed(f"expected 1 to {MAX_COLUMNS:,} columns")
        columns = [from_config(entry) for entry in config["columns"]]
        if len({column.name for column in columns}) < len(columns):
            raise malformed("a column appears twice")
        return cls(columns)


def _unseen(column: Measure, table: Table) -> list[str]:
    unseen = column.unseen(table)
    if not unseen:
        return []
    shown = ", ".join(unseen[:5]) + ", ..." * (len(unseen) > 5)
    return [f"{printable(column.name, 80)} {shown} {'was' if len(unseen) == 1 else 'were'} not in the training data"]
