"""Losses of quantities."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainbox_core.errors import between
from brainbox_core.loss.base import Loss, shares
from brainbox_core.tensor import Tensor


class MSE(Loss):
    """Mean squared error, for quantities.

    Example:
        >>> MSE()(Tensor([[1.0], [3.0]]), np.array([[1.0], [1.0]])).item()
        2.0
    """

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        difference = outputs - y.astype(outputs.dtype)
        return (difference * difference).mean()

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        difference = outputs - y.astype(outputs.dtype)
        return (difference * difference * shares(weights, outputs)).sum()

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        return float(y.var(axis=0, dtype=np.float64).mean())


class MAE(Loss):
    """Mean absolute error, for quantities of which a few may be far off: every unit of an error counts the same.

    The best constant is the median. The gradient is 1 or -1 however small the error, and 0 where there is none.

    Example:
        >>> MAE()(Tensor([[1.0], [3.0]]), np.array([[1.0], [1.0]])).item()
        1.0
    """

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        return (outputs - y.astype(outputs.dtype)).abs().mean()

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        return ((outputs - y.astype(outputs.dtype)).abs() * shares(weights, outputs)).sum()

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        return float(np.abs(y - np.median(y, axis=0)).mean(dtype=np.float64))


class Huber(Loss):
    """Squared for small errors, straight for large ones: d² / 2 up to `delta`, then delta * (|d| - delta / 2).

    It is as smooth as MSE, and a row that is far off pulls no harder than one that is off by `delta` (Huber, "Robust
    estimation of a location parameter", Annals of Mathematical Statistics 1964). Small errors count half of what they
    do in MSE, as in PyTorch and Keras.

    Args:
        delta: where the straight part begins, in the unit of the targets; above 0.

    Example:
        >>> Huber(delta=1.0)(Tensor([[0.5], [3.0]]), np.array([[0.0], [0.0]])).item()  # (0.125 + 2.5) / 2
        1.3125
    """

    def __init__(self, delta: float = 1.0):
        self.delta = between("delta", delta, 0, above=True)

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        return self._each(outputs, y).mean()

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        return (self._each(outputs, y) * shares(weights, outputs)).sum()

    def _each(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        difference = outputs - y.astype(outputs.dtype)
        near = difference.clip(-self.delta, self.delta)
        return near * (difference - near * 0.5)

    def config(self) -> dict[str, Any]:
        return {"delta": self.delta}
