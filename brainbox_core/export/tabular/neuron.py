"""One neuron as a header, exact: its fractions become whole numbers, whose sums float32 holds without rounding."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from brainbox_core.errors import InputError, printable
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.tabular.draft import TabularDraft
from brainbox_core.export.tabular.formula import Formula, Layer
from brainbox_core.export.tabular.subject import Subject, Value
from brainbox_core.model.sequential import Sequential
from brainbox_core.tables.table import Table
from brainbox_core.tasks.neuron.file import weights_of
from brainbox_core.tasks.neuron.learn import activation, predict, truth_table

_EXACT = 2**24  # float32 has all whole numbers up to here


def draft(model: Sequential, name: str, choices: Choices, material: Material) -> TabularDraft:
    """The header of a model of `neuron`.

    Raises:
        InputError: the file holds no neuron, or its weights have too many digits.
    """
    weights = weights_of(model)
    whole = _whole(weights)
    exact = [Fraction(weight) for weight in whole]
    _, rows, targets = truth_table(model.meta["table"])
    right = sum(predict(weights, row) == target for row, target in zip(rows, targets, strict=True))

    def trained(X: np.ndarray) -> np.ndarray:
        return np.array([float(activation(exact, [Fraction(float(value)) for value in row])) for row in X])

    def sample(random: np.random.Generator, count: int, reach: float) -> np.ndarray:
        """The rows of the truth table over and over; tenths in and around it where the range is left."""
        if reach == 1:
            return np.array(rows, np.float32)[np.arange(count) % len(rows)]
        return (random.integers(-30, 31, (count, len(rows[0]))) / 10).astype(np.float32)

    layer = Layer("neuron", np.array(whole[:-1], np.float32)[:, None], np.array(whole[-1:], np.float32))
    inputs, meaning = len(rows[0]), Foreign("a number, 0 or 1 in training")
    subject = Subject(
        formulas=[Formula(("",) * inputs, (layer,))],
        values=[Value(Foreign(f"x{number}"), meaning, 0.0, 1.0) for number in range(1, inputs + 1)],
        meaning=Foreign("the inputs times their weights and the bias, all in whole numbers: 0 or more is class 1"),
        threshold=0.0,
        probability=False,
        trained=trained,
        sample=sample,
        rows=_no_rows,
        judge=lambda X, results, truth: "",
        learned=[str(weight) for weight in weights],
        words=f"{inputs} inputs, right on {right} of {len(rows)} rows",
    )
    return TabularDraft(model, name, choices, material, subject)


def _whole(weights: tuple[Fraction, ...]) -> list[int]:
    """The smallest whole numbers in the same proportions: the sum has the same sign.

    Raises:
        InputError: sums of them would be rounded.
    """
    unit = math.lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * unit) for weight in weights]
    whole = [number // (math.gcd(*whole) or 1) for number in whole]
    if sum(map(abs, whole)) > _EXACT:
        what = f"the weights {printable(', '.join(map(str, weights)), 80)} have too many digits for float32"
        raise InputError(what, fix="learn it with a rounder `lr`, such as 0.1")
    return whole


def _no_rows(table: Table) -> tuple[np.ndarray, np.ndarray]:
    raise InputError("a neuron knows of no table", fix="leave the data out")
