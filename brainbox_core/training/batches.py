"""What gives a training its batches: a `DataLoader` over arrays, or whatever else can be gone through."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any, Protocol

from brainbox_core.errors import UsageError
from brainbox_core.kernels.rows import Rows


class Batches(Protocol):
    """What gives the batches of each epoch, as a `DataLoader` does."""

    def __len__(self) -> int: ...
    def epoch(self, number: int, done: int = 0) -> Iterator[tuple[Rows, Any]]: ...
    def fingerprint(self) -> int: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


class GivenBatches:
    """Batches from a list, a generator, a loader of another library: whatever gives pairs of inputs and targets.

    Args:
        source: gone through once an epoch; what can be gone through only once, as a generator, is enough for one.
        convert: makes of a batch what the model takes.

    Attributes:
        first: the inputs and targets of the first batch, as they come.

    Example:
        >>> batches = GivenBatches(((number, -number) for number in range(2)), lambda x, y: (x, y + 1))
        >>> batches.first, list(batches.epoch(1))
        ((0, 0), [(0, 1), (1, 0)])
    """

    def __init__(self, source: Iterable[tuple[Any, Any]], convert: Callable[[Any, Any], tuple[Rows, Any]]):
        self._source, self._convert = source, convert
        self._count = len(source) if isinstance(source, Sized) else 0
        begun = iter(source)
        try:
            self.first = _pair(next(begun))
        except StopIteration:
            raise UsageError("there are no batches to train on", got=f"an empty {type(source).__name__}") from None
        if begun is source:  # it can be gone through only once
            self._source = itertools.chain([self.first], begun)

    def __len__(self) -> int:
        """How many there are in an epoch; 0 as long as nobody knows."""
        return self._count

    def epoch(self, number: int, done: int = 0) -> Iterator[tuple[Rows, Any]]:
        count = 0
        for batch in self._source:
            count += 1
            yield self._convert(*_pair(batch))
        if not count:
            fix = "give a list or a bb.data.DataLoader, which can be gone through again"
            raise UsageError("there are no batches left for another epoch", where=f"epoch {number}", fix=fix)
        self._count = count

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def fingerprint(self) -> int:
        what = "nobody knows whether batches of your own are the same again, so that a training on them cannot go on"
        raise UsageError(what, fix="fit() arrays or a bb.data.DataLoader, or save without `checkpoint`")


def _pair(batch: Any) -> tuple[Any, Any]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        got = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
        fix = "fit(X, y) takes arrays, fit(batches) a list of such pairs"
        raise UsageError("a batch holds inputs and their targets: (X, y)", got=got, fix=fix)
    return batch[0], batch[1]
