"""What a network takes and gives, one row for each example: an array, several side by side, or sparse rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.kernels.sparse import SparseRows


class Together:
    """Arrays that belong together row by row: for a network of several inputs or outputs.

    Args:
        arrays: of as many rows each.

    Example:
        >>> pairs = Together([np.arange(3), np.eye(3)])
        >>> len(pairs), len(pairs[:2]), [part.shape for part in pairs.take([0, 2], axis=0)]
        (3, 2, [(2,), (2, 3)])
    """

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays = tuple(arrays)
        if len({len(array) for array in self.arrays}) != 1:
            got = ", ".join(str(len(array)) for array in self.arrays)
            raise UsageError("arrays that belong together need one row for each other", got=got)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.arrays)

    def __getitem__(self, rows: slice | np.ndarray) -> Together:
        return type(self)([array[rows] for array in self.arrays])

    def take(self, rows: np.ndarray, axis: int) -> Together:
        """Rows by their numbers, as `np.take` has them."""
        return type(self)([array.take(rows, axis=axis) for array in self.arrays])


class Weighted(Together):
    """Targets, and how much each row counts.

    Example:
        >>> Weighted([np.arange(3), np.array([1.0, 1.0, 2.0])])[1:].weights
        array([1., 2.])
    """

    @property
    def targets(self) -> np.ndarray:
        return self.arrays[0]

    @property
    def weights(self) -> np.ndarray:
        return self.arrays[1]


Rows = np.ndarray | SparseRows | Together
