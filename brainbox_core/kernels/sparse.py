"""Rows that are almost all zeros, kept without them, and their product with a matrix.

    indptr   [0, 2, 2, 3]     row i has the entries indptr[i] ... indptr[i + 1] - 1: two, none, one
    indices  [4, 7, 4]        the column of each entry
    values   [1, 1, 3]        and what stands there

This is the compressed sparse row format (Duff, Erisman, Reid, Direct Methods for Sparse Matrices, 1986, section 2.7).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from brainbox_core.errors import UsageError


class SparseRows:
    """A matrix of mostly zeros that a `Sequential` takes as its inputs where a `Linear` comes first.

    Args:
        indptr: where each row starts, and the end, (n + 1,).
        indices: the column of each entry, (entries,); several entries of one column add up.
        values: the entries, (entries,).
        columns: how many columns there are.

    Raises:
        UsageError: the three arrays do not fit each other, or a column is out of range.

    Example:
        >>> rows = SparseRows([0, 2, 2, 3], [4, 7, 4], [1, 1, 3], columns=8)
        >>> rows.shape, rows.take([2, 0]).dense().sum(axis=1)
        ((3, 8), array([3., 2.], dtype=float32))
    """

    ndim = 2

    def __init__(self, indptr: ArrayLike, indices: ArrayLike, values: ArrayLike, columns: int):
        self.indptr = np.asarray(indptr, np.int64)
        self.indices = np.asarray(indices, np.int32)
        self.data = np.asarray(values, np.float32)
        if (
            self.indptr[:1].tolist() != [0]
            or self.indptr[-1] != len(self.indices)
            or len(self.indices) != len(self.data)
            or (np.diff(self.indptr) < 0).any()
        ):
            raise UsageError("indptr, indices and values do not fit each other")
        if len(self.indices) and (self.indices.min() < 0 or self.indices.max() >= columns):
            raise UsageError("a column of the entries is out of range", expected=f"0 to {columns - 1}")
        self.shape = len(self.indptr) - 1, columns

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> SparseRows:
        """Some of the rows, by a slice."""
        return self.take(np.arange(len(self))[rows])

    def take(self, rows: ArrayLike, axis: int = 0) -> SparseRows:
        """Some of the rows, by their numbers, in that order."""
        rows = np.asarray(rows, np.intp)
        starts, counts = self.indptr[rows], np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        entries = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], counts)
        return SparseRows(indptr, self.indices[entries], self.data[entries], self.shape[1])

    def dense(self) -> np.ndarray:
        """The same with its zeros, (n, columns)."""
        rows = np.zeros(self.shape, np.float32)
        np.add.at(rows, (self._rows, self.indices), self.data)
        return rows

    def matmul(self, weight: np.ndarray) -> np.ndarray:
        """These rows times a matrix: (n, columns) @ (columns, units) -> (n, units)."""
        products = self.data[:, None] * weight[self.indices]  # (entries, units)
        sums = [np.bincount(self._rows, column, len(self)) for column in products.T]
        return np.stack(sums, axis=1).astype(weight.dtype)

    def transposed_matmul(self, g: np.ndarray) -> np.ndarray:
        """The transpose of these rows times a matrix: (columns, n) @ (n, units) -> (columns, units)."""
        products = self.data[:, None] * g[self._rows]  # (entries, units)
        sums = [np.bincount(self.indices, column, self.shape[1]) for column in products.T]
        return np.stack(sums, axis=1).astype(g.dtype)

    @property
    def _rows(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))
