"""Sequences of different lengths in one array: what is told apart, and what is refused."""

import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.kernels.padded import Padded, pad, reverse


def test_padding_and_lengths_give_the_sequences_back():
    sequences = [np.arange(6.0).reshape(3, 2), np.ones((1, 2)), np.zeros((2, 2))]
    array, lengths = pad(sequences, value=-1)
    assert array.shape == (3, 3, 2) and lengths.tolist() == [3, 1, 2] and (array[1, 1:] == -1).all()
    assert np.array_equal(Padded(array, lengths).steps, np.concatenate(sequences))
    for sequence, row, length in zip(sequences, array, lengths, strict=True):
        assert np.array_equal(row[:length], sequence)


@pytest.mark.parametrize(
    ("sequences", "dtype"), [([[1, 2], [3]], int), ([[1.5], [1, 2]], float), ([np.ones(2, np.float32), [1]], float)]
)
def test_padding_keeps_a_type_that_holds_all_numbers(sequences, dtype):
    assert pad(sequences)[0].dtype == dtype


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "no sequences"),
        ([[1], []], "number 1: sequences: expected numbers, at least one step"),
        ([[1], 2], "number 1: sequences: expected numbers"),
        ([["a", "b"], ["c"]], "number 0: sequences: expected numbers"),
        ([[1], [None, 2]], "number 1: sequences: expected numbers, at least one step, got list"),
        ([[[1, 2], [3]]], "number 0: sequences: expected numbers"),
        ([np.ones((3, 2)), np.ones((4, 3))], r"number 1: sequences: expected steps of shape \(2,\).*got \(3,\)"),
    ],
)
def test_what_are_no_sequences_is_refused(sequences, message):
    with pytest.raises(UsageError, match=message):
        pad(sequences)


@pytest.mark.parametrize(
    ("array", "lengths", "message"),
    [
        (np.ones((2, 3)), [1], r"for each of 2 rows, got int64 of shape \(1,\)"),
        (np.ones((2, 3)), [[1], [2]], "for each of 2 rows"),
        (np.ones((2, 3)), [1.0, 2.0], "for each of 2 rows, got float64"),
        (np.ones((2, 3)), [True, True], "for each of 2 rows, got bool"),
        (np.ones((2, 3)), [1, 4], "row 1: lengths: expected from 1 to 3, got 4"),
        (np.ones((2, 3)), [0, 3], "row 0: lengths: expected from 1 to 3, got 0"),
        (np.ones(3), [1, 1, 1], r"belong to an array \(n, time\).*got shape \(3,\)"),
        ([[1, 2]], [1], "belong to an array.*got list"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(array, lengths, message):
    with pytest.raises(UsageError, match=message):
        Padded(array, lengths)


def test_rows_keep_their_lengths():
    sequences = Padded(np.arange(12).reshape(3, 4), [1, 4, 2])
    for part in (sequences[1:], sequences[np.array([1, 2])], sequences.take(np.array([1, 2]), axis=0)):
        assert len(part) == 2 and part.lengths.tolist() == [4, 2] and part.array[0, 0] == 4


def test_cutting_leaves_no_number_that_does_not_count():
    array = np.full((2, 5, 2), np.nan)
    array[0, :2], array[1, :3] = 1, 2
    sequences = Padded(array, [2, 3])
    cut = sequences.cut()
    assert cut.shape == (2, 3, 2) and cut.time == 5 and cut.array[0].tolist() == [[1, 1], [1, 1], [0, 0]]
    assert np.isnan(sequences.array[0, 2:]).all()  # those that were given stay as they are


def test_reversing_begins_at_each_end_and_twice_is_nothing():
    x, lengths = np.random.default_rng(0).normal(size=(4, 6, 2)), np.array([6, 1, 3, 0])
    back = reverse(x, lengths)
    for row, before, length in zip(back, x, lengths, strict=True):
        assert np.array_equal(row[:length], before[:length][::-1]) and np.array_equal(row[length:], before[length:])
    assert np.array_equal(reverse(back, lengths), x) and np.array_equal(reverse(x), x[:, ::-1])
