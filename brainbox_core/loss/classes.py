"""Losses of classes: they take logits, and make probabilities of them by themselves."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from brainbox_core import functional, metrics
from brainbox_core.errors import UsageError, between
from brainbox_core.kernels.dense import sigmoid, softmax
from brainbox_core.loss.base import Loss, shares
from brainbox_core.tensor import Tensor

_SURE = 100.0  # a logit whose probability no float64 tells from 0 or 1


class BinaryCrossEntropy(Loss):
    """-log of the probability given to what was true, for yes or no. Takes logits: no Sigmoid before it.

    Args:
        class_weights: how much a 0 and a 1 count, for unbalanced data; both 1 by default.

    Example:
        >>> round(BinaryCrossEntropy()(Tensor([[0.0]]), np.array([[1.0]])).item(), 4)
        0.6931
    """

    takes_logits = True

    def __init__(self, class_weights: tuple[float, float] = (1.0, 1.0)):
        zero, one = class_weights
        self.class_weights = tuple(between("class_weights", weight, 0, above=True) for weight in (zero, one))

    def targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        y = super().targets(y, output_shape)
        if y.size and (y.min() < 0 or y.max() > 1):
            raise UsageError("BinaryCrossEntropy needs targets from 0 to 1", got=f"{y.min():g} to {y.max():g}")
        return y

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        y = y.astype(outputs.data.real.dtype)
        zero, one = self.class_weights
        return functional.binary_cross_entropy(outputs, y, zero + (one - zero) * y)

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        y = y.astype(outputs.data.real.dtype)
        zero, one = self.class_weights
        each = (zero + (one - zero) * y) * shares(weights, outputs) * y.size
        return functional.binary_cross_entropy(outputs, y, each)

    def metrics(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        return {"accuracy": float(((outputs > 0) == (y > 0.5)).mean())}

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (y > 0.5).reshape(-1).astype(np.int64), (outputs > 0).reshape(-1).astype(np.int64)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Of both classes, (n, 2), for one output; of each output for several."""
        p, rest = sigmoid(outputs)
        return np.concatenate([rest, p], axis=1) if outputs.shape[1:] == (1,) else p

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        share, (zero, one) = y.mean(axis=0, dtype=np.float64), self.class_weights
        with np.errstate(divide="ignore"):  # sure of what is always so
            best = np.clip(np.log(one * share) - np.log(zero * (1 - share)), -_SURE, _SURE)
        return self.measure(Tensor(np.broadcast_to(best, y.shape)), y).item()

    def config(self) -> dict[str, Any]:
        return {"class_weights": list(self.class_weights)}


class SquaredError(BinaryCrossEntropy):
    """Mean of (sigmoid(z) - y)², the Brier score: what log loss is better than. Takes logits.

    Example:
        >>> SquaredError()(Tensor([[0.0]]), np.array([[1.0]])).item()
        0.25
    """

    def __init__(self) -> None:
        super().__init__()

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        y = y.astype(outputs.data.real.dtype)
        return ((outputs.sigmoid() - y) ** 2).mean()

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        y = y.astype(outputs.data.real.dtype)
        return ((outputs.sigmoid() - y) ** 2 * shares(weights, outputs)).sum()

    def config(self) -> dict[str, Any]:
        return {}


class CrossEntropy(Loss):
    """-log of the probability given to the true class. Takes logits: no Softmax before it.

    Args:
        label_smoothing: this share of the target, from 0 to less than 1, is spread evenly over all classes, so that the
            model is not pushed to be infinitely sure (Szegedy et al. 2016).
        ignore: a label, such as -1, for what does not count, as the steps after the end of a sequence; the loss is the
            mean over the others. None if every label counts.
        class_weights: how much a label of each class counts in that mean, for unbalanced data; all 1 by default.

    Shape:
        outputs (batch, classes); targets (batch,) whole numbers from 0, or (batch, classes) one-hot or probabilities.
        Of sequences: outputs (batch, time, classes), targets (batch, time) whole numbers.

    Example:
        >>> round(CrossEntropy()(Tensor([[0.0, 0.0]]), np.array([1])).item(), 4)
        0.6931
        >>> round(CrossEntropy(ignore=-1)(Tensor([[[0.0, 0.0], [9.0, 1.0]]]), np.array([[1, -1]])).item(), 4)
        0.6931
    """

    takes_logits = True

    def __init__(
        self, label_smoothing: float = 0.0, ignore: int | None = None, class_weights: Sequence[float] | None = None
    ):
        self.label_smoothing = between("label_smoothing", label_smoothing, 0, 0.999)
        if ignore is not None and (isinstance(ignore, bool) or not isinstance(ignore, numbers.Integral)):
            raise UsageError("ignore", expected="a whole number or None", got=repr(ignore))
        self.ignore = None if ignore is None else int(ignore)
        weights = None if class_weights is None else list(class_weights)
        self.class_weights = weights and [between("class_weights", weight, 0, above=True) for weight in weights]

    def targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        y = np.asarray(y)
        if len(output_shape) not in (1, 2):
            got = ", ".join(map(str, ("batch", *output_shape)))
            raise UsageError("CrossEntropy needs outputs (batch, classes) or (batch, time, classes)", got=f"({got})")
        if self.class_weights is not None and len(self.class_weights) != output_shape[-1]:
            raise UsageError(
                "class_weights", expected=f"one for each of {output_shape[-1]} classes", got=self.class_weights
            )
        if len(output_shape) == 1:
            if y.ndim == 2 and y.shape[1] == 1 != output_shape[0]:
                raise UsageError("labels come as one axis", expected="shape (n,)", got=y.shape, fix="np.ravel(y)")
            if y.ndim != 1:
                return _probabilities(super().targets(y, output_shape))
        elif y.shape[1:] != output_shape[:1]:
            fix = "for one output a sequence use last=True in the last recurrent layer, or bb.layers.Flatten()"
            raise UsageError("every step needs a label", expected=("n", output_shape[0]), got=y.shape, fix=fix)
        if y.dtype.kind == "b" or (y.dtype.kind == "f" and np.isfinite(y).all() and (y == np.rint(y)).all()):
            y = y.astype(np.int64)
        if y.dtype.kind not in "iu":
            raise UsageError("labels must be whole numbers", got=f"an array of {y.dtype}")
        self._in_range(y, output_shape[-1])
        return y

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        if self.class_weights is None and _labels(y, outputs.ndim) is None:
            return self._of_probabilities(outputs, y)
        labels = self._weighable(y, outputs.ndim)
        each = self._each(labels)
        if each is not None and not each.any():
            raise UsageError(f"a batch without a label that counts: all are {self.ignore}, which is to be ignored")
        return functional.cross_entropy_of_labels(outputs, labels, self.label_smoothing, each)

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        labels = self._weighable(y, outputs.ndim)
        each = self._each(labels)
        weights = weights.reshape(-1, *[1] * (labels.ndim - 1)) * np.ones(labels.shape)
        return functional.cross_entropy_of_labels(
            outputs, labels, self.label_smoothing, weights if each is None else weights * each
        )

    def metrics(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        return {"accuracy": metrics.accuracy(*self.answers(y, outputs))}

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = y if y.ndim < outputs.ndim else y.argmax(axis=-1)
        counted = np.ones(labels.shape, bool) if self.ignore is None else labels != self.ignore
        return labels[counted], outputs.argmax(axis=-1)[counted]

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        return softmax(outputs)

    def counted(self, y: np.ndarray, output_shape: tuple[int, ...], weights: np.ndarray | None = None) -> float:
        labels = _labels(y, 1 + len(output_shape))
        each = None if labels is None else self._each(labels)
        if each is None:
            return super().counted(y, output_shape, weights)
        rows = each.reshape(len(y), -1).sum(axis=1)
        return float(rows.sum() if weights is None else rows @ weights)

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        classes, labels = output_shape[-1], _labels(y, 1 + len(output_shape))
        if labels is None:
            share = y.mean(axis=0, dtype=np.float64)
        else:
            labels = labels.reshape(-1) if self.ignore is None else labels[labels != self.ignore]
            share = np.bincount(labels.astype(np.int64), minlength=classes) * (self.class_weights or np.ones(classes))
            share = share / share.sum()
        share = share * (1 - self.label_smoothing) + self.label_smoothing / classes
        return float(-share @ np.log(np.where(share > 0, share, 1)))

    def config(self) -> dict[str, Any]:
        config = {"label_smoothing": self.label_smoothing, "ignore": self.ignore}
        return config if self.class_weights is None else {**config, "class_weights": self.class_weights}

    def _weighable(self, y: np.ndarray, ndim: int) -> np.ndarray:
        labels = _labels(y, ndim)
        if labels is None:
            what = "CrossEntropy weighs labels, and not probabilities"
            raise UsageError(what, fix="give whole numbers or one-hot rows as targets")
        return labels

    def _each(self, labels: np.ndarray) -> np.ndarray | None:
        """How much each label counts; None if all count alike."""
        counted = None if self.ignore is None else labels != self.ignore
        if self.class_weights is None:
            return counted
        weights = np.array(self.class_weights)
        return weights[labels] if counted is None else weights[np.where(counted, labels, 0)] * counted

    def _of_probabilities(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        target = y.astype(outputs.data.real.dtype)
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / outputs.shape[-1]
        return functional.softmax_cross_entropy(outputs, target)

    def _in_range(self, y: np.ndarray, classes: int) -> None:
        """Refuse labels that are not classes."""
        if y.size and y.min() >= 0 and y.max() < classes:
            return
        counted = y if self.ignore is None else y[y != self.ignore]
        if not counted.size or (counted.min() >= 0 and counted.max() < classes):
            return
        wrong = counted.min() if counted.min() < 0 else counted.max()
        where = f"y[{', '.join(map(str, np.argwhere(y == wrong)[0]))}]"
        fix = "number the classes from 0"
        if counted.min() >= 0:
            fix += f", or give the last layer {int(wrong) + 1} outputs"
        raise UsageError("label out of range", where=where, expected=f"0 to {classes - 1}", got=wrong, fix=fix)


def _labels(y: np.ndarray, ndim: int) -> np.ndarray | None:
    """The labels that targets for outputs of `ndim` axes say, also one-hot; None if they are probabilities."""
    if y.ndim < ndim:
        return y
    return y.argmax(axis=-1) if ((y == 0) | (y == 1)).all() else None  # the same bits as if labels had been given


def _probabilities(y: np.ndarray) -> np.ndarray:
    """Rows that sum to 1; the gradient of the cross-entropy would be wrong for others."""
    wrong = (y < 0).any(axis=1) | (abs(y.sum(axis=1) - 1) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise UsageError("a row is no probabilities", where=f"y[{row}]", expected="from 0, sum 1", got=y[row].tolist())
    return y
