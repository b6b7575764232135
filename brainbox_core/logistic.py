"""Logistic regression: a weighted sum z, the logit, becomes a probability p = sigmoid(z) = 1 / (1 + exp(-z)).

What pulls z to where it should be is the derivative of the loss. For a message that is spam (y = 1) and gets p:

    log loss         -log(p)      derivative  p - y                  -1 when it is all wrong
    squared error    (p - y)^2    derivative  2 (p - y) p (1 - p)     0 when it is all wrong

The squared error multiplies the mistake by the slope of the sigmoid, which is flat where the model is sure: from a
confident mistake it learns nothing. Log loss cancels that slope out, and is convex (Bishop, Pattern Recognition and
Machine Learning, 2006, section 4.3.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brainbox_core.errors import between
from brainbox_core.loss import BinaryCrossEntropy, Loss
from brainbox_core.parameters import Parameter
from brainbox_core.tensor import Tensor


class SquaredError(BinaryCrossEntropy):
    """Mean of (sigmoid(z) - y)², the Brier score: what log loss is better than. Takes logits.

    Example:
        >>> SquaredError()(Tensor([[0.0]]), np.array([[1.0]])).item()
        0.25
    """

    def __init__(self) -> None:
        super().__init__()

    def __call__(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        y = self.paired(outputs, y).astype(outputs.data.real.dtype)
        return ((outputs.sigmoid() - y) ** 2).mean()

    def config(self) -> dict[str, Any]:
        return {}


LOSSES: dict[str, type[BinaryCrossEntropy]] = {"log": BinaryCrossEntropy, "mse": SquaredError}


class Penalised(Loss):
    """A loss and a penalty on large weights, l2 / 2 * sum of their squares, which counts while the model is trained.

    Args:
        loss: what is measured.
        weight: the weights, not the bias.
        l2: the penalty's factor; with n rows it is 1 / (n C) in the terms of a support vector machine.
    """

    def __init__(self, loss: Loss, weight: Parameter, l2: float):
        self._loss, self._weight = loss, weight
        self._half = between("l2", l2, 0) / 2

    def targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        return self._loss.targets(y, output_shape)

    def __call__(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        value = self._loss(outputs, y)
        if outputs.requires_grad and self._half:  # not where held-out rows are measured
            value = value + (self._weight * self._weight).sum() * self._half
        return value

    def metrics(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        return self._loss.metrics(y, outputs)


def derivative(loss: str, p: float, y: int) -> float:
    """What a row with probability p and truth y adds to the derivative of the loss with respect to its logit.

    Args:
        loss: "log" or "mse".

    Example:
        >>> derivative("log", 0.001, 1), round(derivative("mse", 0.001, 1), 6)
        (-0.999, -0.001996)
    """
    return p - y if loss == "log" else 2 * (p - y) * p * (1 - p)
