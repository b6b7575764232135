"""What a network takes and gives, one row for each example: an array, sequences, several side by side, sparse rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.kernels.padded import Padded
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


def counting(outputs: Any, y: Any) -> tuple[Any, Any]:
    """Outputs and targets of the steps that count, one below the other; both as they are where all count.

    Args:
        outputs: (n, steps, ...), a tensor or an array.
        y: their targets, `Padded` where some of the steps are padding; they may have more steps than the outputs.
    """
    sequences = y.targets if isinstance(y, Weighted) else y
    if not isinstance(sequences, Padded):
        return outputs, y
    outputs = outputs.array if isinstance(outputs, Padded) else outputs
    return outputs[sequences.counted[:, : outputs.shape[1]]], steps_of(y)


def steps_of(y: Any) -> Any:
    """Targets of the steps that count, one below the other; as they are where all count."""
    if isinstance(y, Weighted) and isinstance(y.targets, Padded):  # each step weighs what its row does
        return Weighted([y.targets.steps, np.repeat(y.weights, y.targets.lengths)])
    return y.steps if isinstance(y, Padded) else y


Rows = np.ndarray | SparseRows | Padded | Together
