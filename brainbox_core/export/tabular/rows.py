"""Rows of a table as a device gives them: one float for each number or date, and for each value of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from brainbox_core.export.c_names import Foreign
from brainbox_core.export.tabular.formula import Formula
from brainbox_core.export.tabular.subject import Value
from brainbox_core.files.reading import printable
from brainbox_core.tables import dates
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.measures import NO_VALUE, DateColumn, Measure, NumberColumn, TextColumn
from brainbox_core.tables.table import Table, table_of

_NONE = 0.05  # share of the random rows with an unknown text, or a missing value that is a value of its own


class Steps(NamedTuple):
    """How the features come of the values of a row: see `formula.Formula`."""

    transforms: tuple[str, ...]
    sources: tuple[int, ...]
    fills: tuple[float | None, ...]

    def of(self, formula: Formula) -> Formula:
        """A formula with these steps."""
        return replace(formula, transforms=self.transforms, sources=self.sources, fills=self.fills)


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
    def steps(self) -> Steps:
        """How the features come of the values of a row."""
        transforms: list[str] = []
        sources: list[int] = []
        fills: list[float | None] = []
        place = 0
        for column, _, transform in self._columns():
            count = len(column.features)
            if isinstance(column, TextColumn):
                transforms += [""] * count
                sources += range(place, place + count)
                fills += [None] * count
                place += count
                continue
            made = [transform, *(_PARTS[part] for part in getattr(column, "parts", [NO_VALUE][: count - 1]))]
            fill = float(_BACK[transform](column.fill)) if _may_lack(column) else None
            transforms += made
            sources += [place] * count
            fills += [None if name == "missing" else fill for name in made]
            place += 1
        moved = sources != list(range(place))
        return Steps(tuple(transforms), tuple(sources) if moved else (), () if set(fills) == {None} else tuple(fills))

    @property
    def values(self) -> list[Value]:
        """What every value of a row means."""
        found = []
        for column, source, transform in self._columns():
            if isinstance(column, TextColumn):
                for text in column.values:
                    what = f'"{printable(text, 40)}"' if text else "missing"
                    name = Foreign(f"{source}={text or NO_VALUE}")
                    found.append(Value(name, Foreign(f"1 if it is {what}, else 0"), 0.0, 1.0))
            else:
                note = _NOTES["date" if isinstance(column, DateColumn) else transform]
                note += ", a NaN if it is missing" * _may_lack(column)
                low, high = (float(_BACK[transform](end)) for end in (column.low, column.high))
                found.append(Value(Foreign(source), Foreign(f"a number{note}"), low, high))
        return found

    def rows(self, table: Table) -> tuple[np.ndarray, np.ndarray]:
        """The rows (n, values) without those that lack a value that has to be given, and which ones they are."""
        parts = []
        for column, source, _ in self._columns():
            if isinstance(column, NumberColumn):
                parts.append(table.numbers(source)[:, None])
            elif isinstance(column, DateColumn):
                parts.append(_days(column.read(table))[:, None])
            else:
                parts.append(column.encode(table))
        X = np.concatenate(parts, axis=1, dtype=np.float64)
        with np.errstate(over="ignore"):
            usable = np.isfinite(X.astype(np.float32)) | (np.isnan(X) & self._lacking)
        kept = np.flatnonzero(usable.all(axis=1))
        return X[kept], kept

    def table(self, X: np.ndarray) -> Table:
        """The table whose rows these are."""
        columns: dict[str, Sequence] = {}
        start = 0
        for column, source, _ in self._columns():
            part = X[:, start : start + _width(column)]
            start += _width(column)
            if not isinstance(column, TextColumn):
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
            if not isinstance(column, TextColumn):
                middle, half = column.low / 2 + column.high / 2, column.high / 2 - column.low / 2
                made = middle + reach * half * random.uniform(-1, 1, count)
                made = np.clip(made, column.low, column.high) if reach == 1 else made
                whole = all(end.is_integer() for end in (column.low, column.high, 2 * column.fill))
                made = np.rint(made) if whole else made
                with np.errstate(over="ignore"):
                    made = _BACK[transform](made)
                made = _days(made) if isinstance(column, DateColumn) else made
                if _may_lack(column):
                    made[random.random(count) < _NONE] = np.nan
                parts.append(made[:, None])
            else:
                places = random.integers(0, len(column.values), count)
                places[random.random(count) < _NONE] = -1
                parts.append(places[:, None] == np.arange(len(column.values)))
        return np.concatenate(parts, axis=1, dtype=np.float64)

    @property
    def _lacking(self) -> np.ndarray:
        """Which values of a row may be missing."""
        return np.array([_may_lack(column) for column in self.encoder.columns for _ in range(_width(column))])

    def _columns(self) -> zip:
        return zip(self.encoder.columns, self.sources, self.transforms, strict=True)


def _days(values: np.ndarray) -> np.ndarray:
    """Days as float32 holds them, rounded down: the last minute of a day does not become the next one."""
    single = values.astype(np.float32)
    return np.where(single > values, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float64)


def _width(column: Measure) -> int:
    """How many values of a row a column has."""
    return len(column.values) if isinstance(column, TextColumn) else 1


def _may_lack(column: Measure) -> bool:
    """Whether its value in a row may be NaN, for missing."""
    return not isinstance(column, TextColumn) and not column.filled


_PARTS = {
    **{month: f"month {number}" for number, month in enumerate(dates.MONTHS)},
    **{weekday: f"weekday {number}" for number, weekday in enumerate(dates.WEEKDAYS)},
    NO_VALUE: "missing",
}

_NOTES = {
    "": "",
    "log": ", above 0 (its logarithm is taken inside)",
    "log1p": " (its logarithm is taken inside)",
    "date": " of days since 1 January 1970",
    "day": " of seconds, below 2147483648 (the time of day is taken inside)",
}
_BACK: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda x: x,
    "log": np.exp,
    "log1p": lambda x: np.sign(x) * np.expm1(np.abs(x)),
    "day": lambda x: x,
}
