"""What differs from one model of a table to another: its values, its formulas, and the model to compare them with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brainbox_core.export.c_names import Foreign
from brainbox_core.export.tabular.formula import Formula
from brainbox_core.tables.table import Table


@dataclass(frozen=True)
class Value:
    """One value of a row.

    Attributes:
        name: of the column, `district=north` for one value of a text column.
        meaning: what to write there.
        low, high: the training range.
    """

    name: Foreign
    meaning: Foreign
    low: float
    high: float


@dataclass(frozen=True)
class Subject:
    """What a header computes from a row, and what to compare it with.

    Attributes:
        formulas: ways to compute it, the cheapest first; the first that is precise enough is taken.
        values: the inputs, in order.
        meaning: of the result.
        threshold: what was subtracted, so that a result of 0 or more is class 1; None for a regression.
        probability: whether a sigmoid makes a probability of the result.
        trained: of rows (n, values), what the model predicts, (n,) float64.
        sample: random rows: of (generator, how many, how far around the training range they go; 1 stays inside).
        rows: of a table, its rows without those that miss a value, and the numbers of those that are left.
        judge: of (rows, exported results, truth), how well the header does, in words.
        learned: all that was learned beside the layers, in JSON types.
        words: what the report calls it, after the command.
        classes: what class 0 and 1 are called; empty where they have no names.
    """

    formulas: Sequence[Formula]
    values: Sequence[Value]
    meaning: Foreign
    threshold: float | None
    probability: bool
    trained: Callable[[np.ndarray], np.ndarray]
    sample: Callable[[np.random.Generator, int, float], np.ndarray]
    rows: Callable[[Table], tuple[np.ndarray, np.ndarray]]
    judge: Callable[[np.ndarray, np.ndarray, np.ndarray], str]
    learned: object
    words: str
    classes: Sequence[Foreign] = ()
