"""Recurrent cells over whole sequences, as operations on tensors: one node for all steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainbox_core.functional.operations import check_rows
from brainbox_core.kernels import padded
from brainbox_core.kernels import recurrent as recurrence
from brainbox_core.tensor import Tensor, record

Unrolled = tuple[Tensor, tuple[np.ndarray, ...]]  # outputs and final state of a recurrent cell


def rnn(
    x: Tensor | np.ndarray,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    h: Tensor,
    lengths: np.ndarray | None = None,
    last: bool = False,
    norms: np.ndarray | None = None,
) -> Unrolled:
    """h' = tanh(x @ weight + h @ recurrent + bias), step by step (Elman 1990), with exact gradients through all steps.

    Args:
        x: (N, T, I), or an ndarray of whole numbers (N, T) that stand for one-hot vectors.
        weight: (I, H).
        recurrent: (H, H).
        bias: (H,).
        h: (N, H), the state before the first step.
        lengths: (N,) how many steps of each sequence count, 0 to T; all of them if left out. What comes after is not
            looked at: outputs there are 0, and the final state is that after the last step that counts.
        last: whether to return only the output after the last step that counts, (N, H).
        norms: an array (T,) where the backward pass leaves the length of the gradient with respect to the output of
            each step, all later steps included.

    Returns:
        The outputs (N, T, H) or (N, H), and the final state (h,) as ndarrays, outside the graph.

    Example:
        >>> x, weight, recurrent = Tensor(np.ones((2, 5, 3))), Tensor(np.ones((3, 4))), Tensor(np.eye(4))
        >>> y, (h,) = rnn(x, weight, recurrent, bias=Tensor(np.zeros(4)), h=Tensor(np.zeros((2, 4))))
        >>> y.shape, h.shape
        ((2, 5, 4), (2, 4))
    """
    return _unroll("rnn", x, (weight, recurrent, bias), (h,), lengths, last, norms)


def gru(
    x: Tensor | np.ndarray,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    candidate_bias: Tensor,
    h: Tensor,
    lengths: np.ndarray | None = None,
    last: bool = False,
    norms: np.ndarray | None = None,
) -> Unrolled:
    """Gated recurrent unit (Cho et al. 2014), resetting after the recurrent product as cuDNN and PyTorch do.

    Args:
        x: see `rnn`.
        weight: (I, 3 H), the gates side by side: reset, update, candidate.
        recurrent: (H, 3 H), likewise.
        bias: (3 H,), likewise.
        candidate_bias: (H,), of the recurrent part of the candidate, inside the reset. PyTorch has a second bias for
            all three gates; those of reset and update would only be added to the first.
        h, lengths, last, norms: see `rnn`, also for what is returned.

    Example:
        >>> x, weight, recurrent = Tensor(np.ones((2, 5, 3))), Tensor(np.ones((3, 12))), Tensor(np.ones((4, 12)))
        >>> y, (h,) = gru(x, weight, recurrent, Tensor(np.zeros(12)), Tensor(np.zeros(4)), h=Tensor(np.zeros((2, 4))))
        >>> y.shape, h.shape
        ((2, 5, 4), (2, 4))
    """
    return _unroll("gru", x, (weight, recurrent, bias, candidate_bias), (h,), lengths, last, norms)


def lstm(
    x: Tensor | np.ndarray,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    h: Tensor,
    c: Tensor,
    lengths: np.ndarray | None = None,
    last: bool = False,
    norms: np.ndarray | None = None,
) -> Unrolled:
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with a forget gate (Gers et al. 2000).

    Args:
        x: see `rnn`.
        weight: (I, 4 H), the gates side by side: output, input, forget, candidate.
        recurrent: (H, 4 H), likewise.
        bias: (4 H,), likewise.
        h: (N, H), the output before the first step.
        c: (N, H), the cell before the first step.
        lengths, last, norms: see `rnn`.

    Returns:
        The outputs (N, T, H) or (N, H), and the final state (h, c) as ndarrays, outside the graph.

    Example:
        >>> x, weight, recurrent = Tensor(np.ones((2, 5, 3))), Tensor(np.ones((3, 16))), Tensor(np.ones((4, 16)))
        >>> start = Tensor(np.zeros((2, 4)))
        >>> y, (h, c) = lstm(x, weight, recurrent, bias=Tensor(np.zeros(16)), h=start, c=start)
        >>> y.shape, h.shape, c.shape
        ((2, 5, 4), (2, 4), (2, 4))
    """
    return _unroll("lstm", x, (weight, recurrent, bias), (h, c), lengths, last, norms)


def _unroll(
    cell: str,
    x: Tensor | np.ndarray,
    weights: tuple[Tensor, ...],
    state: tuple[Tensor, ...],
    lengths: np.ndarray | None,
    last: bool,
    norms: np.ndarray | None,
) -> Unrolled:
    """All steps of a cell of `recurrence` as one node."""
    forward, backward = recurrence.CELLS[cell]
    tensors, ids = (*weights, *state), not isinstance(x, Tensor)
    if isinstance(x, Tensor):
        inputs, need_dx, tensors = x.data, x.requires_grad, (x, *tensors)
    else:
        inputs, need_dx = x, False
    counted = None
    if lengths is not None:
        # Nothing that comes later changes what came before: it is enough to hide what comes after the end.
        counted = np.arange(inputs.shape[1]) < np.asarray(lengths)[:, None]  # (N, T)
        inputs = np.where(counted if ids else counted[..., None], inputs, 0)
    if ids:
        check_rows(cell, inputs, len(weights[0]))
    arrays = [tensor.data for tensor in (*weights, *state)]
    dtype = np.result_type(*arrays, *(() if ids else (inputs,)))
    arrays = [array.astype(dtype, copy=False) for array in arrays]
    steps = inputs.swapaxes(0, 1)  # (T, N, ...)
    states, cache = forward(steps, *arrays)
    ends: Any = -1 if lengths is None else (lengths, np.arange(len(lengths)))
    final = tuple(array[ends].copy() for array in states)
    if last:
        y = final[0].copy()
    else:
        y = states[0][1:].swapaxes(0, 1)
        if counted is not None:
            y = np.where(counted[..., None], y, 0)

    def gradients(g):
        if last:
            whole = np.zeros_like(cache[0])
            whole[ends] = g
            start, whole = whole[0], whole[1:]  # the last output of a sequence without steps is the state it began in
        else:
            g = g if counted is None else np.where(counted[..., None], g, 0)
            start, whole = 0, np.ascontiguousarray(g.swapaxes(0, 1))
        dx, *rest = backward(whole, cache, need_dx, norms)
        rest[len(weights)] += start
        return tuple(rest) if ids else (None if dx is None else dx.swapaxes(0, 1), *rest)

    return record(cell, y, tensors, gradients), final


def reverse(x: Tensor, lengths: np.ndarray | None = None) -> Tensor:
    """Every sequence of (N, T, ...) from its end to its start; of `lengths` (N,), those of the steps that count.

    Example:
        >>> reverse(Tensor([[1.0, 2.0, 0.0]]), np.array([2])).data
        array([[2., 1., 0.]], dtype=float32)
    """
    return record("reverse", padded.reverse(x.data, lengths), (x,), lambda g: (padded.reverse(g, lengths),))
