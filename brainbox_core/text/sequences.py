"""Text on its way into training: windows of parallel streams, or lines of different lengths side by side.

Both give batches of characters and of those that follow them, cut into windows for truncated backpropagation through
time (Williams and Peng 1990): a network that carries its state from one window to the next has seen all that came
before, but its gradient ends at the border. A batch says where it must begin anew, from a state of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from brainbox_core.errors import UsageError, whole
from brainbox_core.rng import stream

NOTHING = -1  # in place of a target where there is nothing to predict; the loss is to ignore it
_POOL = 4  # batches whose lines are sorted by length together: with more, every batch would be of one length


class Batch(NamedTuple):
    """Characters to read and to predict, each (rows, time) of whole numbers, and whether the state starts anew."""

    x: np.ndarray
    y: np.ndarray
    fresh: bool


class Streams:
    """A long text as parallel streams: row i of every batch goes on where row i of the one before ended.

    Each pass over the text starts at another place, so that its windows have other borders, and from a fresh state.

    Args:
        ids: (n,) the text in whole numbers.
        batch_size: how many streams; fewer if the text is too short for so many.
        window: how many characters of each stream a batch has.
        seed: of the starts.

    Attributes:
        batch_size: how many streams there are.

    Raises:
        UsageError: the text is too short for one window.

    Example:
        >>> from itertools import islice
        >>> for x, y, fresh in islice(Streams(np.arange(13), 2, window=3).batches(), 2):
        ...     print(x.tolist(), y.tolist(), fresh)
        [[0, 1, 2], [6, 7, 8]] [[1, 2, 3], [7, 8, 9]] True
        [[3, 4, 5], [9, 10, 11]] [[4, 5, 6], [10, 11, 12]] False
    """

    def __init__(self, ids: np.ndarray, batch_size: int, window: int, seed: int = 0):
        self.ids, self.window, self.seed = np.asarray(ids), whole("window", window), seed
        if len(self.ids) <= window:
            raise UsageError("the text is too short", expected=f"at least {window + 1} characters", got=len(self.ids))
        self.batch_size = min(whole("batch_size", batch_size), (len(self.ids) - 1) // window)
        self._windows = (len(self.ids) - 1) // (self.batch_size * window)  # of one pass

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Batches without end, from batch number `start` of a training on."""
        length = self._windows * self.window  # of a stream
        slack = len(self.ids) - 1 - self.batch_size * length
        number, done = divmod(start, self._windows)
        while True:
            offset = int(stream(self.seed, "offset", number).integers(slack + 1))
            part = self.ids[offset : offset + self.batch_size * length + 1].astype(np.int64)
            x, y = part[:-1].reshape(self.batch_size, length), part[1:].reshape(self.batch_size, length)
            for window in range(done, self._windows):
                here = slice(window * self.window, (window + 1) * self.window)
                yield Batch(x[:, here], y[:, here], window == 0)
            number, done = number + 1, 0


class Lines:
    """Lines as sequences of their own: side by side in a batch, the shorter ones filled up with what is ignored.

    Every line is read from the line end before it and predicts the one after it. Lines of like length come together,
    so that less is filled up; those longer than a window go on in the next batch. A batch ends
    early where the next line has more than twice the windows of the shortest, so that a very long line does not fill
    up many short ones.

    Args:
        ids: (n,) the text in whole numbers, beginning and ending with a line end.
        end: the number of the line end.
        batch_size: lines of one batch.
        window: the most characters of a line in one batch.
        seed: of the order.

    Example:
        >>> for x, y, fresh in Lines(np.array([0, 7, 0, 8, 9, 0]), end=0, batch_size=2, window=2).once():
        ...     print(x.tolist(), y.tolist(), fresh)
        [[0, 7], [0, 8]] [[7, 0], [8, 9]] True
        [[0], [9]] [[-1], [0]] False
    """

    def __init__(self, ids: np.ndarray, end: int, batch_size: int, window: int, seed: int = 0):
        self.ids, self.window, self.seed = np.asarray(ids, np.int64), whole("window", window), seed
        ends = np.flatnonzero(self.ids == end)
        self.starts, self.lengths = ends[:-1], np.diff(ends)
        self.end, self.batch_size = end, min(whole("batch_size", batch_size), len(self.starts))

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.starts)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Batches without end, from batch number `start` of a training on."""
        number = 0
        while True:
            for lines in self._shuffled(number):
                if start >= (count := self._count(lines)):
                    start -= count
                    continue
                yield from list(self._cut(lines))[start:] if start else self._cut(lines)
                start = 0
            number += 1

    def once(self) -> Iterator[Batch]:
        """Batches of every line once, the shortest first."""
        for lines in self._side_by_side(np.arange(len(self))):
            yield from self._cut(lines)

    def _shuffled(self, number: int) -> list[np.ndarray]:
        """The lines of each batch of one pass, in a fresh order."""
        rng = stream(self.seed, "lines", number)
        order = rng.permutation(len(self))
        groups = []
        for first in range(0, len(order), _POOL * self.batch_size):
            groups += self._side_by_side(order[first : first + _POOL * self.batch_size])
        return [groups[i] for i in rng.permutation(len(groups))]

    def _side_by_side(self, lines: np.ndarray) -> list[np.ndarray]:
        """Lines divided into batches of similar length, the shortest first."""
        lines = lines[np.argsort(self.lengths[lines], kind="stable")]
        windows = (-(-self.lengths[lines] // self.window)).tolist()
        groups, first = [], 0
        for place in range(1, len(lines) + 1):
            if place == len(lines) or place - first == self.batch_size or windows[place] > 2 * windows[first]:
                groups.append(lines[first:place])
                first = place
        return groups

    def _count(self, lines: np.ndarray) -> int:
        return -(-int(self.lengths[lines].max()) // self.window)

    def _cut(self, lines: np.ndarray) -> Iterator[Batch]:
        starts, lengths = self.starts[lines][:, None], self.lengths[lines][:, None]
        longest = int(lengths.max())
        for first in range(0, longest, self.window):
            steps = np.arange(first, min(first + self.window, longest))
            inside = steps < lengths
            places = np.where(inside, starts + steps, 0)  # (rows, time)
            x, y = np.where(inside, self.ids[places], self.end), np.where(inside, self.ids[places + 1], NOTHING)
            yield Batch(x, y, first == 0)


def in_order(ids: np.ndarray, window: int, streams: int) -> Iterator[Batch]:
    """Batches that predict every character of a text once, except the first. They are for evaluating a model.

    Args:
        ids: (n,) the text in whole numbers.
        window: how many characters of each stream a batch has.
        streams: how many parts of the text are read side by side.

    Example:
        >>> for x, y, fresh in in_order(np.arange(6), window=2, streams=2):
        ...     print(x.tolist(), y.tolist(), fresh)
        [[0, 1], [3, 4]] [[1, 2], [4, 5]] True
        [[2], [0]] [[3], [-1]] False
    """
    count = len(ids) - 1
    length = -(-count // streams)
    x, y = np.zeros((streams, length), np.int64), np.full((streams, length), NOTHING, np.int64)
    x.flat[:count], y.flat[:count] = ids[:-1], ids[1:]
    for first in range(0, length, window):
        yield Batch(x[:, first : first + window], y[:, first : first + window], first == 0)
