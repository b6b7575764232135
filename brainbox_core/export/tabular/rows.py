"""Rows of a table as a device gives them: one float for each number, and for each value of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brainbox_core.export.c_names import Foreign
from brainbox_core.export.tabular.subject import Value
from brainbox_core.files.reading import printable
from brainbox_core.tables.features import FeatureEncoder, NumberColumn, TextColumn
from brainbox_core.tables.table import Table, table_of

_NONE = 0.05  # share of the random rows with an unknown text


@dataclass(frozen=True)
class TableRows:
    """How the columns of a file become the values of a row, and back.

    Attributes:
        encoder: of the model.
        sources: for each of its columns the name that it has in the file.
        transforms: for each of its columns what was done to it before: see `formula.Formula`.
    """

    encoder: FeatureEncoder
    sources: Sequence[str]
    transforms: Sequence[str]

    @property
    def features(self) -> tuple[str, ...]:
        """The transform of every value of a row."""
        return tuple(
            transform
            for column, transform in zip(self.encoder.columns, self.transforms, strict=True)
            for _ in column.features
        )

    @property
    def values(self) -> list[Value]:
        """What every value of a row means."""
        found = []
        for column, source, transform in self._columns():
            if isinstance(column, TextColumn):
                for text in column.values:
                    meaning = Foreign(f'1 if it is "{printable(text, 40)}", else 0')
                    found.append(Value(Foreign(f"{source}={text}"), meaning, 0.0, 1.0))
            else:
                low, high = (float(_BACK[transform](end)) for end in (column.low, column.high))
                found.append(Value(Foreign(source), Foreign(f"a number{_NOTES[transform]}"), low, high))
        return found

    def rows(self, table: Table) -> tuple[np.ndarray, np.ndarray]:
        """The rows (n, values) without those that lack a number that float32 holds, and which ones they are."""
        parts = []
        for column, source, _ in self._columns():
            if isinstance(column, NumberColumn):
                parts.append(table.numbers(source)[:, None])
            else:
                parts.append(column.encode(table))
        X = np.concatenate(parts, axis=1, dtype=np.float64)
        with np.errstate(over="ignore"):
            kept = np.flatnonzero(np.isfinite(X.astype(np.float32)).all(axis=1))
        return X[kept], kept

    def table(self, X: np.ndarray) -> Table:
        """The table whose rows these are."""
        columns: dict[str, Sequence] = {}
        start = 0
        for column, source, _ in self._columns():
            part = X[:, start : start + len(column.features)]
            start += len(column.features)
            if isinstance(column, NumberColumn):
                columns[source] = part[:, 0].tolist()
            else:
                unknown = "".join(column.values) + "?"  # a text that is none of them
                places = np.where(part.any(axis=1), part.argmax(axis=1), len(column.values))
                columns[source] = [[*column.values, unknown][place] for place in places]
        return table_of(columns)

    def sample(self, random: np.random.Generator, count: int, reach: float) -> np.ndarray:
        """Random rows around the middle of the training range: inside it for a reach of 1, three times as far for 3.

        A column whose range and median are whole numbers gets whole numbers, which float32 may hold where it has no
        room for digits behind the point.
        """
        parts = []
        for column, _, transform in self._columns():
            if isinstance(column, NumberColumn):
                middle, half = column.low / 2 + column.high / 2, column.high / 2 - column.low / 2
                made = middle + reach * half * random.uniform(-1, 1, count)
                made = np.clip(made, column.low, column.high) if reach == 1 else made
                whole = all(end.is_integer() for end in (column.low, column.high, 2 * column.fill))
                made = np.rint(made) if whole else made
                with np.errstate(over="ignore"):
                    parts.append(_BACK[transform](made)[:, None])
            else:
                places = random.integers(0, len(column.values), count)
                places[random.random(count) < _NONE] = -1
                parts.append(places[:, None] == np.arange(len(column.values)))
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def _columns(self) -> zip:
        return zip(self.encoder.columns, self.sources, self.transforms, strict=True)


_NOTES = {
    "": "",
    "log": ", above 0 (its logarithm is taken inside)",
    "log1p": " (its logarithm is taken inside)",
    "day": " of seconds, below 2147483648 (the time of day is taken inside)",
}
_BACK: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda x: x,
    "log": np.exp,
    "log1p": lambda x: np.sign(x) * np.expm1(np.abs(x)),
    "day": lambda x: x,
}
