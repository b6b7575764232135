"""Columns that give the frauds away, and frauds that are all at one time."""

import numpy as np
import pytest

from brainbox_core.rng import stream
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.fraud.leaks import telling, uneven
from brainbox_core.tasks.fraud.split import Parts

LABELS = (np.arange(1000) >= 800).astype(int)
NOISE = stream(0, "noise").normal(size=1000)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(1000),
        -np.arange(1000),
        LABELS,
        1 - LABELS,
        np.where(LABELS, 0.5, np.sign(NOISE) * (1 + np.abs(NOISE))),  # frauds in the middle
        np.where(LABELS, np.sign(NOISE) * (4 + np.abs(NOISE)), np.tanh(NOISE)),  # at both ends
        np.arange(1000) + 2.5 * (np.arange(1000) == 799),  # but for two rows
        np.where(LABELS, "charged back", "paid"),
        np.where(LABELS, np.where(NOISE > 0, "a", "b"), np.where(NOISE > 0, "c", "d")),
    ],
)
def test_a_column_that_tells_the_classes_by_itself_is_noted(values):
    (note,) = telling(table_of({"V1": values.tolist(), "V2": NOISE.tolist()}), ["V1", "V2"], LABELS)
    assert note.startswith("column V1 alone tells the frauds apart")


@pytest.mark.parametrize(
    "values",
    [
        NOISE,
        NOISE + 4 * LABELS,
        NOISE.round(),
        np.where(NOISE > 0, "a", "b"),
        np.arange(1000).astype(str),
        np.where(LABELS * (NOISE > -1), "a", "b"),
    ],
)
def test_a_column_that_helps_is_not(values):
    assert telling(table_of({"V1": values.tolist()}), ["V1"], LABELS) == []


def parts(frauds, test_frauds, rows=1000):
    """Labels with so many frauds before the last fifth and in it."""
    labels = np.zeros(rows, int)
    labels[:frauds] = labels[rows - test_frauds :] = 1
    row = np.arange(rows)
    return labels, Parts(row[: rows * 3 // 5], row[rows * 3 // 5 : rows * 4 // 5], row[rows * 4 // 5 :])


@pytest.mark.parametrize("found", [(80, 20), (80, 10), (30, 20), (20, 5)])
def test_frauds_at_all_times(found):
    assert uneven(*parts(*found)) == []


@pytest.mark.parametrize("found", [(16, 4), (200, 6), (20, 150), (3, 190)])
def test_frauds_at_one_time_are_noted(found):
    (note,) = uneven(*parts(*found))
    assert note.startswith(f"{found[1]} of the 200 last rows") and "`split stratified`" in note
