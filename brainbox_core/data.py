"""Data on its way into training: batches, splits, scalers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.kernels.sparse import Rows
from brainbox_core.rng import stream

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class DataLoader:
    """Batches of inputs and targets, in a fresh order every epoch; the arrays are never copied whole.

    Args:
        X: inputs, (n, ...); may be a memory map.
        y: targets, (n, ...).
        batch_size: rows a batch; the last one of an epoch may be smaller.
        seed: of the order.
        indices: the rows to use; all of them if left out.
        shuffle: whether each epoch has an order of its own; False keeps the order given.
        augment: a function of a batch of inputs and a random generator that returns the batch to train on instead.
        drop_last: leave out the rows at the end of an epoch's order that are too few for a batch.

    Example:
        >>> loader = DataLoader(np.arange(5), np.arange(5), batch_size=2, shuffle=False)
        >>> [x.tolist() for x, y in loader.epoch(1)]
        [[0, 1], [2, 3], [4]]
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
        if len(X) != len(y):
            raise UsageError("X and y need one row for each other", got=f"{len(X)} and {len(y)}")
        self.X, self.y, self.seed, self.shuffle, self.augment = X, y, seed, shuffle, augment
        self.batch_size = whole("batch_size", batch_size)
        self.indices = np.arange(len(X)) if indices is None else np.asarray(indices)
        if not len(self.indices):
            raise UsageError("there are no rows to make batches of")
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

    def epoch(self, number: int) -> Iterator[tuple[Rows, np.ndarray]]:
        """The batches of an epoch; the same number always gives the same order."""
        order = self.indices
        if self.shuffle:
            order = stream(self.seed, "shuffle", number).permutation(order)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            rows = order[start : start + self.batch_size]
            x: Any = self.X.take(rows, axis=0)
            if self.augment is not None:
                x = self.augment(x, stream(self.seed, "augment", number, start))
            yield x, self.y.take(rows, axis=0)


def stratified_split(labels: np.ndarray, fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of two parts in which every class has the same share, both in ascending order.

    Args:
        labels: (n,) the class of each row; or one-hot rows; or quantities (floats), which are split without classes.
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
    labels = np.asarray(labels)
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
        X = np.asarray(X)
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
            mean, deviation = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        largest = np.maximum(np.abs(low), np.abs(high))
        # A constant column has a deviation of rounding noise, which must not be blown up to 1.
        constant = high - low <= 4 * np.finfo(np.float64).eps * largest
        if not np.isfinite(deviation).all() or ((deviation == 0) & ~constant).any():
            what = "a column's numbers are too large or too small to be squared"
            raise UsageError(what, fix="give it in another unit")
        self.mean = self._origin = np.where(constant, low, mean)
        self.scale = np.where(constant, 1.0, deviation)
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
    X = np.asarray(X)
    if X.ndim != 2 or not len(X):
        raise UsageError("a scaler needs a table with at least one row (n, columns)", got=f"shape {X.shape}")
    if not np.isfinite(X).all():
        raise UsageError("a scaler needs finite numbers", fix="fill in or remove the missing values first")
    return X
