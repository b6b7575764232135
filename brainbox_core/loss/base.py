"""What every loss has, and losses made of functions and of other losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError, between
from brainbox_core.kernels.rows import Together, counting
from brainbox_core.tensor import Tensor


class Loss:
    """A function of outputs (a tensor) and targets (an array) to one number, the mean over the batch.

    Attributes:
        takes_logits: whether it turns outputs into probabilities by itself, so that a layer which does so before it is
            refused. A loss of your own that takes probabilities says False.

    Example:
        >>> class MeanError(Loss):
        ...     def __call__(self, outputs, y):
        ...         return (outputs - y).abs().mean()
        >>> MeanError()(Tensor([[1.0], [3.0]]), np.array([[1.0], [1.0]])).item()
        1.0
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
            got = f"an array of {y.dtype}" if y.dtype.kind not in "fiub" else ""
            raise UsageError("targets must be finite numbers", got=got, fix="remove or fill in the rows at fault")
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

    def counted(self, y: np.ndarray, output_shape: tuple[int, ...], weights: np.ndarray | None = None) -> float:
        """How many targets the mean of a batch is over; the mean of an epoch weighs its batches by this.

        Args:
            weights: of rows, (n,): each target then counts as often as the weight of its row says.
        """
        return len(y) if weights is None else float(weights.sum())

    def of_constant(self, y: np.ndarray, output_shape: tuple[int, ...]) -> float | None:
        """The loss of the best outputs that are the same for every row; None where nobody knows it.

        A model that has learned something is better.

        Example:
            >>> from brainbox_core.loss import MSE
            >>> MSE().of_constant(np.array([[1.0], [3.0]]), (1,))
            1.0
        """
        return None

    def config(self) -> dict[str, Any]:
        """The arguments that would make this loss again, in JSON types."""
        return {}


class Several(Loss):
    """The weighted sum of a loss for each output of a model with several.

    Args:
        losses: in the order of the outputs.
        weights: how much each counts; all 1 if left out.

    Example:
        >>> from brainbox_core.loss import MSE
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
        parts = zip(self.losses, self.weights, map(counting, outputs, y), strict=True)
        total, *others = [loss.measure(*pair) * weight for loss, weight, pair in parts]
        for other in others:
            total = total + other
        return total

    def __call__(self, outputs: Any, y: Any) -> Tensor:
        """The loss of a batch, whose targets are checked first."""
        return self.measure(outputs, self.targets(y, [output.shape[1:] for output in outputs]))

    def metrics(self, y: Any, outputs: Any) -> dict[str, float]:
        pairs = map(counting, outputs, y)
        named = [loss.metrics(target, output) for loss, (output, target) in zip(self.losses, pairs, strict=True)]
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


def shares(weights: np.ndarray, outputs: Tensor) -> np.ndarray:
    """The share of each output in a mean in which the rows have weights; they sum to 1."""
    dtype = outputs.data.real.dtype
    share = (weights / weights.sum()).astype(dtype) / dtype.type(max(1, outputs.data[0].size))
    return np.broadcast_to(share.reshape(-1, *[1] * (outputs.ndim - 1)), outputs.shape)
