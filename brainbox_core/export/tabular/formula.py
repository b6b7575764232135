"""The formula that turns one row of a table, in the data's own units, into one number in float32.

    transform   the logarithm of a column, the time of day, the month        where the model was trained on those
    scale       (value - offset) * factor + shift, then perhaps a tanh      folded into the first layer where possible
    terms       products of powers (Legendre polynomials)                    of a polynomial regression
    layers      linear maps with activations

`run` and the C of `source` do the same operations in the same order, so they agree in every bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from brainbox_core.exact.float_math import exp, log
from brainbox_core.export.network.activations import ACTIVATIONS
from brainbox_core.tables import dates

DAY = np.float32(86_400)  # seconds
DAYS = np.float32(10**6)  # from 1970 on; dates beyond are none
SECONDS = np.float32(2**31)  # from which on float32 knows a time to 256 seconds only


@dataclass(frozen=True)
class Layer:
    """A linear map and its activation.

    Attributes:
        title: `linear_0+relu`.
        weight: (inputs, units) float32.
        bias: (units,) float32.
        activation: "linear", "relu", "sigmoid" or "tanh".
    """

    title: str
    weight: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)
    activation: str = "linear"


@dataclass(frozen=True)
class Formula:
    """The steps for one row.

    Attributes:
        transforms: for each feature "", "log", "log1p" (of the size, with the sign kept), "day" (the time of day),
            "missing" (1 for NaN, else 0), or of days since 1970 "month 0" (1 in January, else 0) to "month 11" and
            "weekday 0" (1 on a Monday, else 0) to "weekday 6".
        sources: for each feature the value of a row that it is made of; empty where each value is one feature.
        fills: for each feature what a value that is NaN counts as; None where it stays NaN. Empty for none at all.
        layers: the last of them has one unit.
        offset, factor: float32 (inputs,), or None where they are folded into the first layer.
        shift: what the offsets lost as float32, times the factor: float32 (inputs,), or None where it does not matter.
        squash: the activation of what was scaled: "linear", "relu", "sigmoid" or "tanh".
        terms: of a polynomial: for each the inputs with their powers; None where the inputs go into the first layer.
        result: "linear", or "exp" where the logarithm was learned.
        halved: whether the weights, all of which are bfloat16, lie in 16 bits each; not for a polynomial.
    """

    transforms: tuple[str, ...]
    layers: tuple[Layer, ...]
    offset: np.ndarray | None = None
    factor: np.ndarray | None = None
    shift: np.ndarray | None = None
    squash: str = "linear"
    terms: tuple[tuple[tuple[int, int], ...], ...] | None = None
    result: str = "linear"
    halved: bool = False
    sources: tuple[int, ...] = ()
    fills: tuple[float | None, ...] = ()

    @property
    def inputs(self) -> int:
        """How many values a row has."""
        return max(self.sources) + 1 if self.sources else self.features

    @property
    def features(self) -> int:
        """How many numbers the scaler, the terms or the first layer take."""
        return len(self.transforms)

    @property
    def degree(self) -> int:
        """The highest power of an input in the terms; 0 without terms."""
        return max((power for term in self.terms or () for _, power in term), default=0)

    @property
    def parameters(self) -> int:
        """How many numbers the layers hold."""
        return sum(layer.weight.size + layer.bias.size for layer in self.layers)

    @property
    def scaler(self) -> tuple[np.ndarray, ...]:
        """Offsets, factors and perhaps shifts; empty where they are folded into the first layer."""
        return tuple(part for part in (self.offset, self.factor, self.shift) if part is not None)

    @property
    def scaler_bytes(self) -> int:
        """Of the tables of the scaler."""
        return 4 * self.features * len(self.scaler)

    @property
    def source_bytes(self) -> int:
        """Of the table that says of which value each feature is made."""
        return 2 * len(self.sources)

    def layer_bytes(self, inputs: int, units: int) -> int:
        """Of the tables of a layer."""
        return (2 if self.halved else 4) * inputs * units + 4 * units

    @property
    def term_bytes(self) -> int:
        """Of the table of terms: for each how many factors it has, and which."""
        return 0 if self.terms is None else sum(1 + len(term) for term in self.terms)

    @property
    def table_bytes(self) -> int:
        """Of all tables."""
        layers = sum(self.layer_bytes(*layer.weight.shape) for layer in self.layers)
        return layers + self.scaler_bytes + self.term_bytes + self.source_bytes

    @property
    def buffers(self) -> tuple[int, int]:
        """Numbers in the two arrays that the layers write into in turn."""
        units = [len(layer.bias) for layer in self.layers]
        return max(units[::2]), max(units[1::2], default=0)

    @property
    def scratch(self) -> int:
        """Bytes of a run's own arrays."""
        return 4 * (sum(self.buffers) + self.degree * self.features)


def run(formula: Formula, X: np.ndarray) -> np.ndarray:
    """What the formula gives for rows (n, inputs) float32: (n,) float32."""
    with np.errstate(all="ignore"):  # what is not finite is computed with, as in C
        x = X.astype(np.float32)[:, formula.sources or slice(None)]
        for i, transform in enumerate(formula.transforms):
            if formula.fills and (fill := formula.fills[i]) is not None:
                x[np.isnan(x[:, i]), i] = np.float32(fill)
            if transform:
                kind, _, part = transform.partition(" ")
                x[:, i] = _part(x[:, i], _PARTS[kind][int(part)]) if part else _TRANSFORMS[kind](x[:, i])
        if formula.scaler:
            offset, factor, *shift = formula.scaler
            x = (x - offset) * factor
            x = x + shift[0] if shift else x
        x = ACTIVATIONS[formula.squash].float32(x, 0)
        if formula.terms is not None:
            x = _products(formula.terms, _powers(x, formula.degree))
        for layer in formula.layers:
            total = np.repeat(layer.bias[None], len(x), axis=0)
            for i, row in enumerate(layer.weight):
                total += x[:, i : i + 1] * row
            x = ACTIVATIONS[layer.activation].float32(total, 0)
        return exp(x[:, 0]) if formula.result == "exp" else x[:, 0]


def _log1p(x: np.ndarray) -> np.ndarray:
    size = log(np.float32(1) + np.abs(x))
    return np.where(x < 0, -size, size)


def _day(x: np.ndarray) -> np.ndarray:
    """Seconds since midnight; 0 where a float32 no longer knows them."""
    near = np.abs(x) < SECONDS
    t = np.where(near, x, np.float32(0))
    rest = t - np.trunc(t / DAY) * DAY
    rest = np.where(rest < 0, rest + DAY, rest)
    rest = np.where(rest >= DAY, rest - DAY, rest)
    return np.where(near, rest, x - x)


def _missing(x: np.ndarray) -> np.ndarray:
    return np.isnan(x).astype(np.float32)


def _part(x: np.ndarray, name: str) -> np.ndarray:
    """Whether days lie in a month, or are such a day of the week; 0 where they are no date."""
    near = np.abs(x) < DAYS
    found = dates.parts(np.where(near, x, np.float32(0)))[name]
    return np.where(near, found.astype(np.float32), x - x)


_TRANSFORMS = {"log": log, "log1p": _log1p, "day": _day, "missing": _missing}
_PARTS = {"month": dates.MONTHS, "weekday": dates.WEEKDAYS}


def _powers(x: np.ndarray, degree: int) -> list[np.ndarray]:
    """Legendre polynomials 1 to `degree` of every input, by Bonnet's recursion."""
    powers = [x]
    for k in range(2, degree + 1):
        before = powers[-2] if k > 2 else np.float32(1)
        rise, fall = np.float32(2 - 1 / k), np.float32(1 - 1 / k)
        powers.append(rise * (x * powers[-1]) - fall * before)
    return powers


def _products(terms: Sequence[Sequence[tuple[int, int]]], powers: list[np.ndarray]) -> np.ndarray:
    columns = []
    for term in terms:
        value = np.ones(len(powers[0]), np.float32)
        for feature, power in term:
            value = value * powers[power - 1][:, feature]
        columns.append(value)
    return np.stack(columns, axis=1)
