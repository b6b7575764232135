"""Linear layers, softmax, losses, normalisation and look-ups on plain ndarrays, forward beside backward.

Everything runs in the dtype it is given, complex128 included (the gradient checks need that), so ordering always looks
at the real part. `plain.py` has the first three in loops.

Sources: batch normalisation from Ioffe and Szegedy (2015), layer normalisation from Ba, Kiros and Hinton (2016); the
rest from Goodfellow, Bengio, Courville, "Deep Learning" (2016), chapter 6.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.kernels.memory import empty, product

# --- linear ----------------------------------------------------------------------------------------------------------


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x @ weight + bias: (N, I) or (N, T, I), (I, O), (O,) -> (N, O) or (N, T, O)."""
    y = x @ weight
    y += bias
    return y


def linear_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, need_dx: bool, out: np.ndarray | None = None
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Gradients of input (None unless needed), weight (written to `out` if given) and bias."""
    shape = x.shape
    x, g = x.reshape(-1, shape[-1]), g.reshape(-1, g.shape[-1])
    dx = (g @ weight.T).reshape(shape) if need_dx else None
    return dx, np.matmul(x.T, g, out=out), np.ones(len(g), g.dtype) @ g


# --- sigmoid, softmax and losses ------------------------------------------------------------------------------------


def relu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """max(x, 0), and where x is positive."""
    y, positive = empty(x.shape, x.dtype), np.greater(x.real, 0, out=empty(x.shape, bool))
    return (np.multiply(x, positive, out=y) if x.dtype.kind == "c" else np.maximum(x, 0, out=y)), positive


def sigmoid(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / (1 + exp(-x)) and 1 / (1 + exp(x)), what is missing to 1, both with all their digits.

    With e = exp(-|x|) one is 1 / (1 + e) and the other e / (1 + e): nothing is subtracted, nothing overflows.
    """
    positive = x.real > 0
    e = np.exp(np.where(positive, -x, x))  # exp(-|x|), analytic for the complex step
    large = 1 / (1 + e)
    small = e * large
    return np.where(positive, large, small), np.where(positive, small, large)


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """exp(x) / sum(exp(x)), shifted by the maximum so that it cannot overflow."""
    e = np.exp(x - x.real.max(axis=axis, keepdims=True))
    e /= e.sum(axis=axis, keepdims=True)
    return e


def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """log(softmax(x)) without the underflow of taking the logarithm afterwards."""
    shifted = x - x.real.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def softmax_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of -sum(targets * log_softmax(logits)) over the batch, and its gradient by the logits.

    Args:
        logits: (N, K).
        targets: (N, K) probabilities that sum to 1 in each row.
    """
    log_p = log_softmax(logits)
    share = 1 / len(logits)
    loss = -(targets * log_p).sum() * share
    gradient = np.exp(log_p)
    gradient -= targets
    gradient *= share
    return np.asarray(loss, logits.dtype), gradient


def cross_entropy_of_labels(
    logits: np.ndarray, labels: np.ndarray, smoothing: float, counted: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The same for targets that are 1 - smoothing at a label, with smoothing spread over all classes.

    Args:
        logits: (N, K).
        labels: (N,) whole numbers; any where they do not count.
        smoothing: from 0 to less than 1.
        counted: (N,) which rows count, or how much, at least one; all if None. The mean is over those.
    """
    n, classes = logits.shape
    share = 1 / (n if counted is None else float(counted.sum(dtype=np.float64)))
    if counted is not None:
        labels, counted = np.where(counted, labels, 0), counted.astype(logits.real.dtype, copy=False)
    there = np.arange(n), labels
    gradient = logits - logits.real.max(axis=1, keepdims=True)
    wanted = gradient[there]  # what the loss wants to be large
    if smoothing:
        wanted = (1 - smoothing) * wanted + smoothing * gradient.mean(axis=1)
    np.exp(gradient, out=gradient)
    total = gradient @ np.ones(classes, gradient.dtype)
    loss = np.log(total)
    loss -= wanted
    gradient *= (share / total)[:, None]
    if smoothing:
        gradient -= smoothing / classes * share
    gradient[there] -= (1 - smoothing) * share
    if counted is not None:
        loss *= counted
        gradient *= counted[:, None]
    return np.asarray(loss.sum() * share, logits.dtype), gradient


def binary_cross_entropy(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of -y log(p) - (1 - y) log(1 - p) with p = sigmoid(logits), and its gradient by the logits.

    log(1 + exp(-|x|)) keeps it finite for every logit. All three arrays have the same shape.
    """
    positive = logits.real > 0
    away = np.where(positive, -logits, logits)  # -|x|, analytic for the complex step
    losses = np.where(positive, logits, 0) - logits * targets + np.log1p(np.exp(away))
    share = 1 / logits.size
    p, rest = sigmoid(logits)
    gradient = ((1 - targets) * p - targets * rest) * weights * share  # p - targets, also where p is nearly 1
    return np.asarray((losses * weights).sum() * share, logits.dtype), gradient.astype(logits.dtype, copy=False)


# --- normalisation and embedding -------------------------------------------------------------------------------------


def batch_norm(
    x: np.ndarray, gain: np.ndarray, shift: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple]:
    """Every feature (last axis) to mean 0 and variance 1 over the batch, then scaled and shifted.

    Returns:
        The result, the batch's means and variances, and what the backward pass needs.
    """
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)
    normal = np.subtract(x, mean, out=empty(x.shape, x.dtype))
    y = product(normal, normal)
    variance = y.mean(axis=axes)
    scale = 1 / np.sqrt(variance + epsilon)
    normal *= scale
    np.multiply(normal, gain, out=y)
    y += shift
    return y, mean, variance, (normal, scale)


def batch_norm_backward(g: np.ndarray, cache: tuple, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of input, gain and shift."""
    normal, scale = cache
    axes = tuple(range(g.ndim - 1))
    dx = product(g, normal)
    dgain, dshift = dx.sum(axis=axes), g.sum(axis=axes)
    count = g.size // g.shape[-1]
    np.multiply(normal, dgain, out=dx)
    dx += dshift
    dx /= count
    np.subtract(g, dx, out=dx)
    dx *= gain * scale
    return dx, dgain, dshift


def layer_norm(x: np.ndarray, gain: np.ndarray, shift: np.ndarray, epsilon: float) -> tuple[np.ndarray, tuple]:
    """Along the last axis to mean 0 and variance 1, then scaled and shifted; and what the backward pass needs."""
    normal = np.subtract(x, _means(x), out=empty(x.shape, x.dtype))
    y = product(normal, normal)
    scale = 1 / np.sqrt(_means(y) + epsilon)
    normal *= scale
    np.multiply(normal, gain, out=y)
    y += shift
    return y, (normal, scale)


def layer_norm_backward(g: np.ndarray, cache: tuple, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of input, gain and shift."""
    normal, scale = cache
    features, ones = len(gain), np.ones(g.size // len(gain), g.dtype)
    other = product(g, normal)
    dgain, dshift = ones @ other.reshape(-1, features), ones @ g.reshape(-1, features)
    dx = product(g, gain)
    along = _means(np.multiply(dx, normal, out=other))
    dx -= _means(dx)
    dx -= np.multiply(normal, along, out=other)
    dx *= scale
    return dx, dgain, dshift


def _means(x: np.ndarray) -> np.ndarray:
    """Of the numbers along the last axis, which stays as one place; BLAS is faster at it than mean() for short rows."""
    return (x @ np.ones(x.shape[-1], x.dtype))[..., None] / x.shape[-1]


def embedding_backward(g: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
    """The gradient of a table whose rows were looked up: (..., D), (...) -> (count, D).

    One id after the other, its rows added up by BLAS. For 65 ids that is 8 times as fast as np.add.reduceat over sorted
    rows, and 3 times as fast as a product with one-hot rows.
    """
    rows, flat = g.reshape(-1, g.shape[-1]), indices.reshape(-1)
    table = np.zeros((count, rows.shape[-1]), g.dtype)
    order = np.argsort(flat, kind="stable")
    used, starts = np.unique(flat[order], return_index=True)
    ones = np.ones(len(flat), g.dtype)
    for row, start, end in zip(used, starts, [*starts[1:], len(flat)], strict=False):  # no id has no starts
        np.matmul(ones[start:end], rows[order[start:end]], out=table[row])
    return table
