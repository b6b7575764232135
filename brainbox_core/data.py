"""Data on its way into training: batches, splits, scalers."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.kernels.padded import Padded, pad
from brainbox_core.kernels.rows import Rows, Together
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.rng import stream

__all__ = [
    "DataLoader",
    "MinMaxScaler",
    "Padded",
    "StandardScaler",
    "fingerprint",
    "pad",
    "real_array",
    "stratified_split",
]

_BLOCK = 4096  # rows
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class DataLoader:
    """Batches of inputs and targets, in a fresh order every epoch; the arrays are never copied whole.

    Args:
        X: inputs, (n, ...); may be a memory map.
        y: targets, (n, ...).
        batch_size: rows a batch; the last one of an epoch may be smaller.
        seed: of the order.
        indices: the rows to use, their numbers or a boolean for each row; all of them if left out.
        shuffle: whether each epoch has an order of its own; False keeps the order given.
        augment: a function of a batch of inputs and a random generator that returns the batch to train on instead.
        drop_last: leave out the rows at the end of an epoch's order that are too few for a batch.

    Example:
        >>> loader = DataLoader(np.arange(5), np.arange(5), batch_size=2, shuffle=False)
        >>> [x.tolist() for x, y in loader.epoch(1)]
        [[0, 1], [2, 3], [4]]

    `for x, y in loader` goes through the next epoch, from 1 on.
    """

    def __init__(
        self,
        X: Rows,
        y: np.ndarray,
        batch_size: int = 32,
        seed: int = 0,
        indices: np.ndarray | None = None,
        shuffle: bool = True,
        augment: Augment | None = None,
        drop_last: bool = False,
    ):
        X, y = _rows("X", X), _rows("y", y)
        if len(X) != len(y):
            raise UsageError("X and y need one row for each other", got=f"{len(X)} and {len(y)}")
        self.X, self.y, self.seed, self.shuffle, self.augment = X, y, seed, shuffle, augment
        self.batch_size = whole("batch_size", batch_size)
        self.indices = np.arange(len(X)) if indices is None else _row_numbers(indices, len(X))
        if not len(self.indices):
            raise UsageError("there are no rows to make batches of")
        self._next = 1
        self.drop_last = bool(drop_last)
        if not len(self):
            what, fix = "drop_last leaves no batch", "use a smaller batch_size"
            raise UsageError(what, expected=f"at least {self.batch_size:,} rows", got=f"{len(self.indices):,}", fix=fix)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole_batches, rest = divmod(len(self.indices), self.batch_size)
        return whole_batches + (rest > 0 and not self.drop_last)

    @property
    def smallest(self) -> int:
        """The rows of the smallest batch."""
        rest = 0 if self.drop_last else len(self.indices) % self.batch_size
        return rest or min(self.batch_size, len(self.indices))

    def __iter__(self) -> Iterator[tuple[Rows, np.ndarray]]:
        """The batches of the next epoch."""
        number, self._next = self._next, self._next + 1
        return self.epoch(number)

    def epoch(self, number: int, done: int = 0) -> Iterator[tuple[Rows, np.ndarray]]:
        """The batches of an epoch without the first `done`; the same number always gives the same order."""
        order = self.indices
        if self.shuffle:
            order = stream(self.seed, "shuffle", number).permutation(order)
        for start in range(done * self.batch_size, len(self) * self.batch_size, self.batch_size):
            rows = order[start : start + self.batch_size]
            x: Any = self.X.take(rows, axis=0)
            if self.augment is not None:
                rng = stream(self.seed, "augment", number, start)
                x = x.holding(self.augment(x.array, rng)) if isinstance(x, Padded) else self.augment(x, rng)
            yield x, self.y.take(rows, axis=0)

    @property
    def settings(self) -> dict[str, Any]:
        """What the batches depend on beside the data."""
        names = ("batch_size", "seed", "shuffle", "drop_last", "augment")
        return {name: getattr(self, name) for name in names}

    def fingerprint(self) -> int:
        """A number that other data would not have, but for one chance in four thousand million."""
        return fingerprint(self.X, self.y, self.indices)


def fingerprint(*arrays: Any) -> int:
    """The CRC-32 of arrays, sparse rows or numbers: quick, and no protection against who wants it to be the same.

    Example:
        >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))
        True
    """
    value = 0
    for array in arrays:
        for part in _parts(array):
            value = zlib.crc32(repr((part.dtype.str, part.shape)).encode(), value)
            for start in range(0, len(part), _BLOCK):  # what has to be copied for it is never copied whole
                block = np.ascontiguousarray(part[start : start + _BLOCK]).reshape(-1)
                value = zlib.crc32(block.view(np.uint8).data, value)
    return value


def _parts(rows: Any) -> Iterator[np.ndarray]:
    """The arrays that rows are kept in."""
    if isinstance(rows, SparseRows):
        yield from (rows.indptr, rows.indices, rows.data)
    elif isinstance(rows, Together | Padded):
        for part in rows:
            yield from _parts(part)
    else:
        yield np.atleast_1d(rows)


def stratified_split(labels: np.ndarray, fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of two parts in which every class has the same share, both in ascending order.

    Args:
        labels: (n,) the class of each row; or one-hot rows; or quantities (floats), which are split without classes.
            Of several arrays that belong together the first counts.
        fraction: the share of rows in the second part, between 0 and 1.
        seed: of the choice.

    Raises:
        UsageError: the fraction is not between 0 and 1, or leaves a part empty.

    Example:
        >>> first, second = stratified_split(np.array([0] * 8 + [1] * 4), 0.25)
        >>> len(first), len(second)
        (9, 3)
    """
    between("fraction", fraction, 0, 1, above=True)
    labels = next(_parts(labels))
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    labels = labels.reshape(len(labels), math.prod(labels.shape[1:]))[:, 0]
    if labels.dtype.kind == "f" and not (labels == np.rint(labels)).all():
        labels = np.zeros(len(labels), np.int64)
    rng = stream(seed, "split")
    # Rows sorted by class and shuffled within each; evenly spaced picks then give every class its share.
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    count = round(len(labels) * fraction)
    if not 0 < count < len(labels):
        raise UsageError(
            f"a fraction of {fraction} of {len(labels)} rows leaves a part empty",
            fix="use another fraction or more rows",
        )
    picks = ((np.arange(count) + rng.random()) * (len(labels) / count)).astype(np.intp)
    second = np.zeros(len(labels), bool)
    second[by_class[picks]] = True
    return np.flatnonzero(~second), np.flatnonzero(second)


def real_array(X: Any, name: str = "X") -> Any:
    """Inputs as an array of real numbers, or the sparse rows that they are; rows of different lengths are padded.

    Example:
        >>> real_array([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    if isinstance(X, SparseRows | Padded):
        return X
    try:
        array = np.asarray(X)
    except ValueError:  # a list of rows of different lengths
        return Padded(*pad(X))
    if array.dtype.kind == "O" and array.ndim == 1 and len(array) and isinstance(array[0], np.ndarray | list | tuple):
        return Padded(*pad(list(array)))  # as a column of a table holds them
    if array.dtype.kind not in "fiub" or array.ndim < 1:
        got, fix = f"{array.dtype}, shape {array.shape}", ""
        if hasattr(X, "toarray"):
            got, fix = f"a sparse {type(X).__name__}", f"{name}.toarray()"
        raise UsageError(f"{name} must be an array of real numbers", got=got, fix=fix)
    if np.ma.is_masked(X):  # whose mask would be passed over
        raise UsageError(
            f"{name} has masked numbers", fix=f"fill them in, as {name}.filled(0) does, or leave out their rows"
        )
    return array


def _rows(name: str, values: Any) -> Any:
    """Rows as an array, which a memory map stays; other kinds of rows as they are."""
    if isinstance(values, SparseRows | Padded | Together):
        return values
    try:
        rows = np.asanyarray(values)
    except ValueError:
        raise UsageError(f"{name} must be an array", got="rows of different lengths") from None
    if not rows.ndim:
        raise UsageError(f"{name} must be an array with one row for each example", got=repr(values))
    return rows


def _row_numbers(indices: Any, count: int) -> np.ndarray:
    """Whole numbers of rows, also from a boolean for each row; NumPy would read booleans as rows 0 and 1."""
    rows = np.asarray(indices)
    if rows.dtype.kind == "b" and rows.shape == (count,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        expected = f"whole numbers of rows, or {count} booleans"
        raise UsageError("indices", expected=expected, got=f"{rows.dtype} of shape {rows.shape}")
    if rows.size and not (rows.min() >= -count and rows.max() < count):
        raise UsageError("indices", expected=f"rows from 0 to {count - 1}", got=f"{rows.min()} to {rows.max()}")
    return rows.astype(np.intp, copy=False)


class _Scaler:
    """A scaler takes an origin away from every column and divides by a scale."""

    _origin: np.ndarray
    scale: np.ndarray

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Scale rows with what `fit` measured."""
        return (self._fitting(X) - self._origin) / self.scale

    def inverse(self, X: np.ndarray) -> np.ndarray:
        """Back to the data's own units."""
        return self._fitting(X) * self.scale + self._origin

    def _fitting(self, X: np.ndarray) -> np.ndarray:
        """Rows with as many columns as the training rows; NumPy would use a single column for all of them."""
        if not hasattr(self, "scale"):
            fix = "fit() it to the training rows first"
            raise UsageError(f"{type(self).__name__} has measured nothing yet", fix=fix)
        X = _rows("X", X)
        if X.dtype.kind not in "fiub":
            raise UsageError("a scaler needs numbers", got=f"an array of {X.dtype}")
        if X.shape[-1:] != self.scale.shape:
            raise UsageError("the columns differ from the training rows'", expected=len(self.scale), got=X.shape)
        return X


class StandardScaler(_Scaler):
    """Every column to mean 0 and deviation 1, as measured on the training rows; a constant column becomes 0.

    Attributes:
        mean: of every column.
        scale: the deviation of every column, 1 where it is constant.

    Example:
        >>> StandardScaler().fit(np.array([[1.0], [3.0]])).transform(np.array([[5.0]]))
        array([[3.]])
    """

    def fit(self, X: np.ndarray) -> StandardScaler:
        """Measure the columns of the training rows (n, columns), in float64."""
        X = _table(X)
        low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation, span = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64), high - low
        if not np.isfinite(deviation).all():
            raise UsageError("a column's numbers are too large to be squared", fix="give it in another unit")
        # The squares of tiny numbers may be too small for float64.
        lost = (span > 0) & (deviation == 0)
        if lost.any():
            deviation[lost] = ((X[:, lost] - low[lost]) / span[lost]).std(axis=0) * span[lost]
        # A constant column has a deviation of rounding noise, which must not be blown up to 1.
        self.mean = self._origin = np.where(span > 0, mean, low)
        self.scale = np.where(span > 0, deviation, 1.0)
        return self


class MinMaxScaler(_Scaler):
    """Every column to the range 0 to 1 of the training rows; a constant column becomes 0.

    Attributes:
        low: the smallest value of every column.
        scale: the range of every column, 1 where it is constant.

    Example:
        >>> MinMaxScaler().fit(np.array([[1.0], [3.0]])).transform(np.array([[2.0]]))
        array([[0.5]])
    """

    def fit(self, X: np.ndarray) -> MinMaxScaler:
        """Measure the columns of the training rows (n, columns)."""
        X = _table(X)
        self.low = self._origin = X.min(axis=0).astype(np.float64)
        with np.errstate(over="ignore"):
            span = X.max(axis=0).astype(np.float64) - self.low
        if not np.isfinite(span).all():
            raise UsageError("a column's range is beyond float64", fix="give it in another unit")
        self.scale = np.where(span > 0, span, 1.0)
        return self


def _table(X: np.ndarray) -> np.ndarray:
    X = _rows("X", X)
    if X.dtype.kind not in "fiub":
        raise UsageError("a scaler needs numbers", got=f"an array of {X.dtype}")
    if X.ndim != 2 or not len(X):
        raise UsageError("a scaler needs a table with at least one row (n, columns)", got=f"shape {X.shape}")
    if not np.isfinite(X).all():
        raise UsageError("a scaler needs finite numbers", fix="fill in or remove the missing values first")
    return X
