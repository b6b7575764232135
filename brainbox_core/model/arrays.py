"""Arrays as users of scikit-learn give them, checked with the words that scikit-learn looks for."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError


def column_names(X: Any) -> np.ndarray | None:
    """The names of the columns, where they have some."""
    names = list(getattr(X, "columns", ()))
    return np.array(names, object) if names and all(isinstance(name, str) for name in names) else None


def inputs(X: Any) -> np.ndarray:
    """Inputs as an array of real numbers with one row for each example."""
    if hasattr(X, "toarray"):
        raise UsageError("Sparse data was passed for X, but dense data is required", fix="use X.toarray()")
    X = numbers("X", X)
    if X.ndim < 2:
        fix = "Reshape your data: X.reshape(-1, 1) for a single feature, X.reshape(1, -1) for a single sample"
        raise UsageError(f"Expected 2D array, got {X.ndim}D array instead", fix=fix)
    for count, what in zip(X.shape, ("sample", "feature"), strict=False):
        if not count:
            raise UsageError(f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required.")
    return X


def numbers(name: str, values: Any) -> np.ndarray:
    """Finite real numbers as an array."""
    try:
        values = np.asarray(values)
        if values.dtype.kind == "O":  # as of a frame whose columns have several types
            values = values.astype(np.float64)
    except ValueError as error:
        raise UsageError(f"{name} must be numbers", got=str(error), fix="encode what is none first") from None
    if values.dtype.kind == "c":
        raise UsageError("Complex data not supported", where=name)
    if values.dtype.kind not in "fiub":
        raise UsageError(f"{name} must be numbers", got=f"an array of {values.dtype}", fix="encode what is none first")
    if not np.isfinite(values).all():
        what = "NaN" if np.isnan(values).any() else f"infinity or a value too large for {values.dtype!r}"
        raise UsageError(f"Input {name} contains {what}", fix="fill in or remove the rows at fault")
    return values


def labels(y: Any) -> np.ndarray:
    """Labels as an array, (n,)."""
    if y is None:
        raise UsageError("a classifier requires y to be passed, but the target y is None")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        what = "A column-vector y was passed when a 1d array was expected; y.reshape(-1) makes it one"
        warnings.warn(what, theirs("DataConversionWarning", UserWarning), stacklevel=3)
        y = y[:, 0]
    if y.ndim != 1:
        raise UsageError("y should be a 1d array of labels", got=f"shape {y.shape}")
    if y.dtype.kind == "O" and not all(isinstance(label, str) for label in y):
        if any(isinstance(label, str) for label in y):
            raise UsageError("labels are names or numbers, and not both", fix="fill in or remove the rows at fault")
        y = numbers("y", y.tolist())
    if y.dtype.kind == "f" and not (numbers("y", y) == np.rint(y)).all():
        raise UsageError("Unknown label type: continuous", fix="number the classes, or use bb.Regressor()")
    return y


def quantities(y: Any) -> np.ndarray:
    """Targets as an array of float64, (n,) or (n, quantities)."""
    if y is None:
        raise UsageError("a regressor requires y to be passed, but the target y is None")
    y = numbers("y", y).astype(np.float64)
    if y.ndim not in (1, 2) or not y.size:
        raise UsageError("y", expected="one quantity for each row, or several", got=f"shape {y.shape}")
    return y


def theirs(name: str, ours: type) -> Any:
    """An exception of scikit-learn where that is loaded, for whoever catches it by its class; else ours."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, ours)
