"""What training makes small: the distance between a model's outputs and what they should have been.

A loss never broadcasts: outputs and targets of different shapes are an error and not a surprise.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brainbox_core import functional, metrics
from brainbox_core.errors import UsageError, between
from brainbox_core.kernels.dense import sigmoid, softmax
from brainbox_core.kernels.rows import Together
from brainbox_core.parameters import Parameter
from brainbox_core.tensor import Tensor

_SURE = 100.0  # a logit whose probability no float64 tells from 0 or 1


class Loss:
    """A function of outputs (a tensor) and targets (an array) to one number, the mean over the batch.

    Attributes:
        takes_logits: whether it turns outputs into probabilities by itself, so that a layer which does so before it is
            refused. A loss of your own that takes probabilities says False.
    """

    takes_logits: bool = False

    def targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        """Check targets against the shape of one output, before training starts; returns them as an array.

        One output may have its targets in one axis: (n,) becomes (n, 1).
        """
        y = np.asarray(y)
        if y.ndim == 1 and output_shape == (1,):
            y = y[:, None]
        if not y.ndim or y.shape[1:] != output_shape:
            got = f"targets of shape {y.shape} for outputs of shape {('n', *output_shape)}".replace("'", "")
            fix = "make the last layer fit the targets"
            raise UsageError("every output needs a target of its own", got=got, fix=fix)
        if y.dtype.kind not in "fiub" or not np.isfinite(y).all():
            raise UsageError("targets must be finite numbers", fix="remove or fill in the rows at fault")
        return y

    def __call__(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        """The loss of a batch, whose targets are checked first."""
        y = self.targets(y, outputs.shape[1:])
        if len(y) != len(outputs) or not len(y):
            raise UsageError("a loss needs outputs and one target for each", got=f"{len(outputs)} and {len(y)}")
        return self.measure(outputs, y)

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        """The loss of a batch whose targets have passed `targets`, which training does once and not for every batch."""
        if type(self).__call__ is Loss.__call__:
            raise UsageError(f"{type(self).__name__} measures nothing", fix="define __call__(self, outputs, y)")
        return self(outputs, y)

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        """`measure` where a row of weight 2 counts as two rows: sum of weight * loss / sum of weights.

        Args:
            weights: (n,) from 0, not all 0.
        """
        what = f"{type(self).__name__} does not say how rows are weighed"
        raise UsageError(what, fix="define weighted(self, outputs, y, weights), or fit without weights")

    def metrics(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        """What else to show beside the loss: none for a plain one."""
        return {}

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What was true and what the model says, as metrics compare them: quantities here, classes of a classifier."""
        return y.reshape(-1), outputs.reshape(-1)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """The outputs as probabilities."""
        raise UsageError(f"{type(self).__name__} is not about probabilities", fix="use predict()")

    def counted(self, y: np.ndarray, output_shape: tuple[int, ...]) -> int:
        """How many targets the mean of a batch is over; the mean of an epoch weighs its batches by this."""
        return len(y)

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        """The loss of the best outputs that are the same for every row; None where nobody knows it.

        A model that has learned something is better.

        Example:
            >>> MSE().of_constant(np.array([[1.0], [3.0]]), (1,))
            1.0
        """
        return None

    def config(self) -> dict[str, Any]:
        """The arguments that would make this loss again, in JSON types."""
        return {}


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
        return (difference * difference * _shares(weights, outputs)).sum()

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        return float(y.var(axis=0, dtype=np.float64).mean())


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
        each = (zero + (one - zero) * y) * _shares(weights, outputs) * y.size
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
        return ((outputs.sigmoid() - y) ** 2 * _shares(weights, outputs)).sum()

    def config(self) -> dict[str, Any]:
        return {}


class CrossEntropy(Loss):
    """-log of the probability given to the true class. Takes logits: no Softmax before it.

    Args:
        label_smoothing: this share of the target, from 0 to less than 1, is spread evenly over all classes, so that the
            model is not pushed to be infinitely sure (Szegedy et al. 2016).
        ignore: a label, such as -1, for what does not count, as the steps after the end of a sequence; the loss is the
            mean over the others. None if every label counts.

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

    def __init__(self, label_smoothing: float = 0.0, ignore: int | None = None):
        self.label_smoothing = between("label_smoothing", label_smoothing, 0, 0.999)
        if ignore is not None and (isinstance(ignore, bool) or not isinstance(ignore, numbers.Integral)):
            raise UsageError("ignore", expected="a whole number or None", got=repr(ignore))
        self.ignore = None if ignore is None else int(ignore)

    def targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        y = np.asarray(y)
        if len(output_shape) not in (1, 2):
            raise UsageError(
                "CrossEntropy needs outputs (batch, classes) or (batch, time, classes)", got=f"(batch, {output_shape})"
            )
        if len(output_shape) == 1:
            if y.ndim == 2 and y.shape[1] == 1 != output_shape[0]:
                raise UsageError("labels come as one axis", expected="shape (n,)", got=y.shape, fix="y.reshape(-1)")
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
        labels = _labels(y, outputs.ndim)
        if labels is None:
            return self._of_probabilities(outputs, y)
        counted = None if self.ignore is None else labels != self.ignore
        if counted is not None and not counted.any():
            raise UsageError(f"a batch without a label that counts: all are {self.ignore}, which is to be ignored")
        return functional.cross_entropy_of_labels(outputs, labels, self.label_smoothing, counted)

    def weighted(self, outputs: Tensor, y: np.ndarray, weights: np.ndarray) -> Tensor:
        labels = _labels(y, outputs.ndim)
        if labels is None:
            what = "CrossEntropy weighs rows of labels, and not of probabilities"
            raise UsageError(what, fix="give whole numbers or one-hot rows as targets")
        each = np.broadcast_to(weights.reshape(-1, *[1] * (labels.ndim - 1)), labels.shape)
        if self.ignore is not None:
            each = each * (labels != self.ignore)
        return functional.cross_entropy_of_labels(outputs, labels, self.label_smoothing, each)

    def metrics(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        return {"accuracy": metrics.accuracy(*self.answers(y, outputs))}

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = y if y.ndim < outputs.ndim else y.argmax(axis=-1)
        counted = np.ones(labels.shape, bool) if self.ignore is None else labels != self.ignore
        return labels[counted], outputs.argmax(axis=-1)[counted]

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        return softmax(outputs)

    def counted(self, y: np.ndarray, output_shape: tuple[int, ...]) -> int:
        if self.ignore is None:
            return len(y)
        labels = _labels(y, 1 + len(output_shape))
        return len(y) if labels is None else int(np.count_nonzero(labels != self.ignore))

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        classes, labels = output_shape[-1], _labels(y, 1 + len(output_shape))
        if labels is None:
            share = y.mean(axis=0, dtype=np.float64)
        else:
            labels = labels.reshape(-1) if self.ignore is None else labels[labels != self.ignore]
            share = np.bincount(labels.astype(np.int64), minlength=classes) / labels.size
        share = share * (1 - self.label_smoothing) + self.label_smoothing / classes
        return float(-share @ np.log(np.where(share > 0, share, 1)))

    def config(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing, "ignore": self.ignore}

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


class Penalised(Loss):
    """A loss and a penalty on large weights, l2 / 2 * sum of their squares, which counts while the model is trained.

    Args:
        loss: what is measured.
        weight: the weights, not the bias.
        l2: the penalty's factor; with n rows it is 1 / (n C) in the terms of a support vector machine.
    """

    def __init__(self, loss: Loss, weight: Parameter, l2: float):
        self._loss, self._weight = loss, weight
        self.takes_logits = loss.takes_logits
        self._half = between("l2", l2, 0) / 2

    def targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        return self._loss.targets(y, output_shape)

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        value = self._loss.measure(outputs, y)
        if outputs.requires_grad and self._half:  # not where held-out rows are measured
            value = value + (self._weight * self._weight).sum() * self._half
        return value

    def metrics(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        return self._loss.metrics(y, outputs)

    def counted(self, y: np.ndarray, output_shape: tuple[int, ...]) -> int:
        return self._loss.counted(y, output_shape)

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        return self._loss.of_constant(y, output_shape)

    def config(self) -> dict[str, Any]:
        return {"loss": type(self._loss).__name__, "l2": 2 * self._half}


class Several(Loss):
    """The weighted sum of a loss for each output of a model with several.

    Args:
        losses: in the order of the outputs.
        weights: how much each counts; all 1 if left out.

    Example:
        >>> both = Several([MSE(), MSE()], [1, 0.5])
        >>> both.measure([Tensor([[2.0]]), Tensor([[0.0]])], both.targets([[[0.0]], [[2.0]]], [(1,), (1,)])).item()
        6.0
    """

    def __init__(self, losses: Sequence[Loss], weights: Sequence[float] | None = None):
        self.losses = list(losses)
        self.weights = [1.0] * len(self.losses) if weights is None else list(weights)
        if not self.losses or len(self.weights) != len(self.losses):
            raise UsageError("each loss needs a weight", expected=len(self.losses), got=len(self.weights))
        for loss, weight in zip(self.losses, self.weights, strict=True):
            between("loss_weights", weight, 0)
            if not isinstance(loss, Loss):
                raise UsageError("compile() needs a loss for each output", got=repr(loss), fix="bb.loss.MSE()")

    def targets(self, y: Any, output_shape: Any) -> Any:
        if not isinstance(y, list | tuple | Together) or len(parts := list(y)) != len(self.losses):
            got = len(y) if isinstance(y, list | tuple) else type(y).__name__
            raise UsageError("y holds an array for each output", expected=f"a list of {len(self.losses)}", got=got)
        return Together([loss.targets(*pair) for loss, *pair in zip(self.losses, parts, output_shape, strict=True)])

    def measure(self, outputs: Any, y: Any) -> Tensor:
        parts = zip(self.losses, self.weights, outputs, y, strict=True)
        total, *others = [loss.measure(output, target) * weight for loss, weight, output, target in parts]
        for other in others:
            total = total + other
        return total

    def __call__(self, outputs: Any, y: Any) -> Tensor:
        """The loss of a batch, whose targets are checked first."""
        return self.measure(outputs, self.targets(y, [output.shape[1:] for output in outputs]))

    def metrics(self, y: Any, outputs: Any) -> dict[str, float]:
        named = [loss.metrics(*pair) for loss, *pair in zip(self.losses, y, outputs, strict=True)]
        return {f"{name}_{place}": value for place, each in enumerate(named) for name, value in each.items()}


class Own(Loss):
    """A loss that is a function of the user's own.

    Args:
        function: of outputs (a tensor) and targets (an array of the same shape) to the mean over the batch, a tensor.

    Example:
        >>> Own(lambda outputs, y: (outputs - y).abs().mean())(Tensor([[3.0]]), np.array([[1.0]])).item()
        2.0
    """

    def __init__(self, function: Callable[[Tensor, np.ndarray], Tensor]):
        self.function = function

    def measure(self, outputs: Tensor, y: np.ndarray) -> Tensor:
        value = self.function(outputs, y.astype(outputs.dtype) if y.dtype.kind == "f" else y)
        if not isinstance(value, Tensor) or value.shape:
            got = f"shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
            raise UsageError("a loss gives one number, a tensor made of the outputs", got=got, fix="take its .mean()")
        return value


def named(loss: Any) -> Loss:
    """A loss from what users call it: an object, a name such as "cross_entropy", a function, or a list of them.

    Example:
        >>> type(named("cross_entropy")).__name__, type(named(["mse", "mse"])).__name__
        ('CrossEntropy', 'Several')
    """
    if isinstance(loss, list | tuple):
        return Several([named(part) for part in loss])
    if isinstance(loss, str):
        known = {re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower(): kind for name, kind in KINDS.items()}
        if loss not in known:
            raise UsageError("unknown loss", expected=", ".join(known), got=repr(loss))
        return known[loss]()
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise UsageError("compile() needs a loss", got=f"the class {loss.__name__}", fix=f"bb.loss.{loss.__name__}()")
    if callable(loss) and not isinstance(loss, Loss):
        return Own(loss)
    if not isinstance(loss, Loss):
        raise UsageError("compile() needs a loss", got=repr(loss), fix="bb.loss.CrossEntropy()")
    return loss


def _shares(weights: np.ndarray, outputs: Tensor) -> np.ndarray:
    """The share of each output in a mean in which the rows have weights; they sum to 1."""
    dtype = outputs.data.real.dtype
    share = (weights / weights.sum()).astype(dtype) / dtype.type(max(1, outputs.data[0].size))
    return np.broadcast_to(share.reshape(-1, *[1] * (outputs.ndim - 1)), outputs.shape)


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


# Model files name their loss; only these names are ever looked up.
KINDS: dict[str, type[Loss]] = {loss.__name__: loss for loss in (MSE, BinaryCrossEntropy, SquaredError, CrossEntropy)}
