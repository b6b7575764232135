"""Which targets count: those of a row, or of the steps of a sequence up to its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainbox_core.data import real_array
from brainbox_core.errors import UsageError
from brainbox_core.kernels.padded import Padded
from brainbox_core.kernels.rows import Rows, Together, Weighted, counting, steps_of
from brainbox_core.loss import Loss, Several
from brainbox_core.network.learner import Learner
from brainbox_core.tensor import Tensor, no_grad


def targets(model: Learner, X: Rows, y: Any) -> Any:
    """Targets that fit the loss; of outputs that are sequences of different lengths, with those lengths.

    Args:
        model: built and compiled.
        X: its inputs, checked.
        y: for each output.

    Raises:
        UsageError: the loss does not take them, or a layer does not keep the steps of sequences apart.
    """
    inputs: list[Any] = list(X) if isinstance(X, Together) else [X]
    if not len(X) or not any(isinstance(part, Padded) for part in inputs):
        return model.loss.targets(y, model.output_shape)
    first: list[Any] = [Padded(part.array[:1, :1], [1]) if isinstance(part, Padded) else part[:1] for part in inputs]
    with no_grad(), np.errstate(all="ignore"):  # which of the outputs are sequences is seen by what becomes of a step
        row = model.inputs(Together(first) if isinstance(X, Together) else first[0])
        outputs = listed(model.forward(row))
    pairs = zip(listed(row), inputs, strict=True)
    ends = {id(part.lengths): sequences for part, sequences in pairs if isinstance(part, Padded)}
    each = [ends[id(part.lengths)] if isinstance(part, Padded) else None for part in outputs]
    if not isinstance(model.loss, Several):
        return _of_steps(model.loss, y, each[0], model.output_shape)
    if not isinstance(y, list | tuple | Together) or len(parts := list(y)) != len(each):
        return model.loss.targets(y, model.output_shape)  # which refuses them
    return Together(list(map(_of_steps, model.loss.losses, parts, each, model.output_shape)))


def counted(model: Learner, y: Any) -> float:
    """How many targets of a batch count, by which it counts in the mean of an epoch, whatever their weights."""
    each, shape = steps_of(y), _shape_of_target(y, model.output_shape)
    return model.loss.counted(each.targets if isinstance(each, Weighted) else each, shape)


def mean_weight(model: Learner, y: Any) -> float:
    """The mean weight of those targets, 1 where they have none."""
    if not isinstance(y, Weighted):
        return 1.0
    each, shape = steps_of(y), _shape_of_target(y, model.output_shape)
    return model.loss.counted(each.targets, shape, each.weights) / model.loss.counted(each.targets, shape)


def measure(model: Learner, outputs: Any, y: Any) -> Tensor:
    """The loss of a batch. Rows with weights, whose mean over all batches is 1, count in full wherever they fall."""
    as_promised = _fits(outputs, y, model.output_shape)
    weight = mean_weight(model, y)
    outputs, y = counting(outputs, y)
    if not as_promised:  # a user's own layer broke its promise, and the loss says so
        return model.loss(outputs, y.targets if isinstance(y, Weighted) else y)
    if isinstance(y, Weighted):
        return model.loss.weighted(outputs, y.targets, y.weights) * weight
    return model.loss.measure(outputs, y)


def _fits(outputs: Any, y: Any, shape: Any) -> bool:
    """Whether the outputs for some targets have the shapes that the layers promised."""
    if isinstance(shape, list):
        return len(outputs) == len(shape) and all(map(_fits, outputs, y, shape))
    if len(_shape_of_target(y, shape)) < len(shape):
        shape = *outputs.shape[1:2], *shape[1:]  # it was cut to its longest sequence
    return outputs.shape == (len(y), *shape)


def _shape_of_target(y: Any, shape: Any) -> Any:
    """The shape of the output for one target: of a step where targets are those of sequences of different lengths."""
    return shape[1:] if isinstance(y.targets if isinstance(y, Weighted) else y, Padded) else shape


def listed(parts: Any) -> list:
    """Parts as a list, also where there is only one."""
    return list(parts) if isinstance(parts, list | tuple) else [parts]


def _of_steps(loss: Loss, y: Any, sequences: Padded | None, shape: tuple[int, ...]) -> Any:
    """Targets of one output that fit the loss; nothing looks at those after the end of a sequence."""
    if sequences is None:
        return loss.targets(y, shape)
    if not isinstance(y, Padded):
        y = real_array(y, "y")
    if len(y) != len(sequences):
        raise UsageError("X and y need one row for each other", got=f"{len(sequences)} and {len(y)}")
    if isinstance(y, Padded):
        if (y.lengths != sequences.lengths).any():
            row = int(np.flatnonzero(y.lengths != sequences.lengths)[0])
            expected, got = f"{sequences.lengths[row]}, as X has", y.lengths[row]
            raise UsageError("every step needs a target", where=f"row {row} of y", expected=expected, got=got)
        y = y.array
    shape = sequences.time, *shape[1:]
    if y.shape[1:2] == shape[:1]:
        counted = sequences.counted.reshape(*y.shape[:2], *[1] * (y.ndim - 2))
        y = np.where(counted, y, y[:, :1])  # the first step of a row always counts
    return sequences.holding(loss.targets(y, shape))
