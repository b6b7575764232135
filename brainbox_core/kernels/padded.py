"""Sequences of different lengths side by side in one array, and what it takes to tell their steps from the padding."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from brainbox_core.errors import UsageError


class Padded:
    """Sequences of different lengths in one array, and how long each is; nothing looks at what comes after its end.

    Args:
        array: (n, time, ...); on its way through a network a tensor, which has no more steps than its longest sequence.
        lengths: (n,) how many steps of each row count, from 1 to time.

    Attributes:
        time: the steps that the array had before it was cut to its longest sequence.

    Raises:
        UsageError: there is not one length for each row, or one is no whole number from 1 to time.

    Example:
        >>> words = Padded(np.array([[4, 2, 0], [3, 0, 0]]), [2, 1])
        >>> words.counted.tolist()
        [[True, True, False], [True, False, False]]
        >>> words[:1].lengths, words.take([1], axis=0).array
        (array([2]), array([[3, 0, 0]]))
    """

    def __init__(self, array: Any, lengths: Any):
        if not isinstance(array, np.ndarray) or array.ndim < 2:
            got = f"shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise UsageError("lengths belong to an array (n, time) or (n, time, features)", got=got)
        given, self.time = np.asarray(lengths), array.shape[1]
        if given.shape != array.shape[:1] or given.dtype.kind not in "iu":
            got = f"{given.dtype} of shape {given.shape}"
            raise UsageError("lengths", expected=f"a whole number for each of {len(array):,} rows", got=got)
        if given.size and not 1 <= given.min() <= given.max() <= self.time:
            row = int(np.flatnonzero((given < 1) | (given > self.time))[0])
            raise UsageError("lengths", where=f"row {row}", expected=f"from 1 to {self.time}", got=given[row])
        self.array, self.lengths = array, given.astype(np.intp)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    @property
    def counted(self) -> np.ndarray:
        """(n, time) which steps come before the end of their sequence."""
        return np.arange(self.shape[1]) < self.lengths[:, None]

    @property
    def steps(self) -> Any:
        """The steps of all sequences one below the other, (steps, ...)."""
        return self.array[self.counted]

    def holding(self, array: Any) -> Self:
        """The same lengths with another array."""
        other = copy.copy(self)
        other.array = array
        return other

    def cut(self) -> Self:
        """Without the steps that no sequence has, and with zeros for what comes after the others' ends."""
        part = self.holding(self.array[:, : self.lengths.max(initial=1)])
        counted = part.counted.reshape(*part.shape[:2], *[1] * (part.ndim - 2))
        return part.holding(np.where(counted, part.array, part.dtype.type(0)))

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.array, self.lengths))

    def __getitem__(self, rows: slice | np.ndarray) -> Self:
        part = self.holding(self.array[rows])
        part.lengths = self.lengths[rows]
        return part

    def take(self, rows: np.ndarray, axis: int) -> Self:
        """Rows by their numbers, as `np.take` has them."""
        part = self.holding(self.array.take(rows, axis=axis))
        part.lengths = self.lengths.take(rows)
        return part


def pad(sequences: Sequence[Any], value: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of different lengths as one array, and their lengths.

    Args:
        sequences: an array or a list each, (steps,) or (steps, features), of at least one step.
        value: what stands after the end of each.

    Returns:
        The array (n, longest, ...), and the lengths (n,).

    Raises:
        UsageError: a sequence is empty, or its steps are no numbers or of another shape than those of the first.

    Example:
        >>> pad([[4, 2, 7], [3]])
        (array([[4, 2, 7],
               [3, 0, 0]]), array([3, 1]))
    """
    arrays = [_steps(place, sequence) for place, sequence in enumerate(sequences)]
    if not arrays:
        raise UsageError("there are no sequences to pad")
    for place, array in enumerate(arrays):
        if array.shape[1:] != arrays[0].shape[1:]:
            expected = f"steps of shape {arrays[0].shape[1:]}, as the first has"
            raise UsageError("sequences", where=f"number {place}", expected=expected, got=array.shape[1:])
    lengths = np.array([len(array) for array in arrays])
    dtype = np.result_type(*{array.dtype for array in arrays})
    padded = np.full((len(arrays), lengths.max(), *arrays[0].shape[1:]), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded, lengths


def _steps(place: int, sequence: Any) -> np.ndarray:
    try:
        array = np.asarray(sequence)
    except ValueError:  # its steps are of different lengths
        array = np.empty(0, object)
    if array.dtype.kind not in "fiub" or not array.ndim or not len(array):
        got = f"shape {array.shape} of {array.dtype}" if array.dtype.kind != "O" else type(sequence).__name__
        raise UsageError("sequences", where=f"number {place}", expected="numbers, at least one step", got=got)
    return array


def reverse(x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """Every sequence from its own end to its start, (n, time, ...); what comes after the end stays. Twice is nothing.

    Example:
        >>> reverse(np.array([[4, 2, 7, 0], [3, 5, 6, 8]]), np.array([3, 4]))
        array([[7, 2, 4, 0],
               [8, 6, 5, 3]])
    """
    if lengths is None:
        return x[:, ::-1]
    steps = np.arange(x.shape[1])
    back = lengths[:, None] - 1 - steps  # (n, time)
    return x[np.arange(len(x))[:, None], np.where(back >= 0, back, steps)]
