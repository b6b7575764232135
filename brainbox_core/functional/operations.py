"""Operations on tensors that are one node each: choosing, joining, what layers do, and losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.kernels import convolution, dense, depthwise
from brainbox_core.kernels.convolution import Padding, Pair
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.parameters import Parameter
from brainbox_core.tensor import Tensor, record, unbroadcast

# --- choosing and joining --------------------------------------------------------------------------------------------


def where(condition: np.ndarray, a: Tensor, b: Tensor) -> Tensor:
    """Elements of a where the condition holds, of b elsewhere; what was not chosen gets a gradient of exactly 0.

    Args:
        condition: booleans that broadcast with a and b; it is not differentiated.

    Example:
        >>> x = Tensor([-1.0, 4.0], requires_grad=True)
        >>> where(x.data > 0, x.sqrt(), x * 0).sum().backward()
        >>> x.grad
        array([0.  , 0.25], dtype=float32)
    """
    a, b = _tensors(a, b)
    chosen = np.asarray(condition, dtype=bool)

    def backward(g):
        return unbroadcast(np.where(chosen, g, 0), a.shape), unbroadcast(np.where(chosen, 0, g), b.shape)

    return record("where", np.where(chosen, a.data, b.data), (a, b), backward)


def maximum(a: Tensor, b: Tensor) -> Tensor:
    """The larger of a and b, element by element, or NaN if one is; where they are equal a gets the gradient.

    Example:
        >>> maximum(Tensor([1.0, 5.0]), 3)
        Tensor([3., 5.])
    """
    a, b = _tensors(a, b)
    return where((a.data.real >= b.data.real) | np.isnan(a.data), a, b)


def minimum(a: Tensor, b: Tensor) -> Tensor:
    """The smaller of a and b, element by element, or NaN if one is; where they are equal a gets the gradient.

    Example:
        >>> minimum(Tensor([1.0, 5.0]), 3)
        Tensor([1., 3.])
    """
    a, b = _tensors(a, b)
    return where((a.data.real <= b.data.real) | np.isnan(a.data), a, b)


def concat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors one after the other along an axis they have.

    Example:
        >>> concat([Tensor([1.0, 2.0]), Tensor([3.0])])
        Tensor([1., 2., 3.])
    """
    tensors = tuple(tensors)
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])[:-1]
    y = np.concatenate([tensor.data for tensor in tensors], axis=axis)
    return record("concat", y, tensors, lambda g: tuple(np.split(g, ends, axis=axis)))


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis.

    Example:
        >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).shape
        (2, 2)
    """
    tensors = tuple(tensors)
    y = np.stack([tensor.data for tensor in tensors], axis=axis)
    return record("stack", y, tensors, lambda g: tuple(np.moveaxis(g, axis, 0)))


def pad(x: Tensor, widths: Sequence[Pair]) -> Tensor:
    """Zeros before and after each axis.

    Args:
        widths: one (before, after) for every axis.

    Example:
        >>> pad(Tensor([1.0, 2.0]), [(1, 2)])
        Tensor([0., 1., 2., 0., 0.])
    """
    if len(widths) != x.ndim or any(side < 0 for width in widths for side in width):
        raise UsageError(f"pad() needs {x.ndim} pairs of whole numbers from 0", got=widths)
    inside = tuple(slice(before, before + size) for (before, _), size in zip(widths, x.shape, strict=True))
    y = np.zeros([before + size + after for (before, after), size in zip(widths, x.shape, strict=True)], x.dtype)
    y[inside] = x.data
    return record("pad", y, (x,), lambda g: (g[inside],))


def embedding(table: Tensor, indices: np.ndarray, padding: int | None = None) -> Tensor:
    """Rows of a table: (rows, D) and whole numbers of any shape (...) -> (..., D).

    Args:
        padding: the row that no gradient changes; None for none.

    Example:
        >>> embedding(Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0, 1]))[:, 0]
        Tensor([3., 1., 3.])
    """
    rows = len(table)
    check_rows("embedding", indices, rows)

    def backward(g):
        gradient = dense.embedding_backward(g, indices, rows)
        if padding is not None:
            gradient[padding] = 0
        return (gradient,)

    return record("embedding", table.data[indices], (table,), backward)


# --- layers' work ----------------------------------------------------------------------------------------------------


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x @ weight + bias: (N, I), (I, O), (O,) -> (N, O).

    Example:
        >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]), Tensor([0.5]))
        Tensor([[11.5]])
    """
    y = dense.linear(x.data, weight.data, bias.data)
    x_data, w_data, need_dx = x.data, weight.data, x.requires_grad

    def backward(g):
        out = weight.vacant if isinstance(weight, Parameter) and weight is not x else None
        return dense.linear_backward(g, x_data, w_data, need_dx, out)

    return record("linear", y, (x, weight, bias), backward)


def sparse_linear(x: SparseRows, weight: Tensor, bias: Tensor) -> Tensor:
    """The same for rows of mostly zeros, which are no tensor and get no gradient.

    Example:
        >>> x = SparseRows([0, 1], [1], [2.0], columns=2)  # one row: 0, 2
        >>> sparse_linear(x, Tensor([[3.0], [4.0]]), Tensor([0.5]))
        Tensor([[8.5]])
    """
    y = x.matmul(weight.data) + bias.data
    return record("sparse_linear", y, (weight, bias), lambda g: (x.transposed_matmul(g), g.sum(axis=0)))


def conv2d(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor,
    stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    pool: Pair = (1, 1),
    dilation: Pair = (1, 1),
) -> Tensor:
    """Correlate images with kernels: (N, H, W, C), (KH, KW, C, F), (F,) -> (N, OH, OW, F).

    Args:
        stride: steps down and across.
        padding: zeros (above, below) and (left, right).
        pool: of every window of this size, side by side, only the largest result is kept; (1, 1) keeps all.
        dilation: how many rows and columns the places of a kernel lie apart.

    Example:
        >>> x, kernel = Tensor(np.ones((1, 5, 5, 3))), Tensor(np.ones((3, 3, 3, 8)))
        >>> y = conv2d(x, kernel, Tensor(np.zeros(8)))
        >>> y.shape, y[0, 0, 0, 0].item()
        ((1, 3, 3, 8), 27.0)
    """
    y, cache = convolution.conv2d(x.data, kernel.data, bias.data, stride, padding, pool, dilation)
    weights, need_dx = kernel.data, x.requires_grad
    return record(
        "conv2d",
        y,
        (x, kernel, bias),
        lambda g: convolution.conv2d_backward(g, cache, weights, stride, padding, pool, need_dx, dilation),
    )


def conv1d(
    x: Tensor, kernel: Tensor, bias: Tensor, stride: int = 1, padding: Pair = (0, 0), dilation: int = 1
) -> Tensor:
    """`conv2d` for sequences, as images of height 1: (N, L, C), (K, C, F), (F,) -> (N, OL, F).

    Example:
        >>> conv1d(Tensor([[[1.0], [2.0], [4.0]]]), Tensor([[[-1.0]], [[1.0]]]), Tensor([0.0])).reshape(-1)
        Tensor([1., 2.])
    """
    image, kernels = x.reshape(len(x), 1, *x.shape[1:]), kernel.reshape(1, *kernel.shape)
    y = conv2d(image, kernels, bias, (1, stride), ((0, 0), padding), dilation=(1, dilation))
    return y.reshape(len(x), *y.shape[2:])


def depthwise_conv2d(
    x: Tensor,
    kernel: Tensor,
    stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
) -> Tensor:
    """Every channel correlated with M kernels of its own: (N, H, W, C), (KH, KW, 1, C*M) -> (N, OH, OW, C*M).

    Example:
        >>> depthwise_conv2d(Tensor(np.ones((1, 5, 5, 3))), Tensor(np.ones((3, 3, 1, 6)))).shape
        (1, 3, 3, 6)
    """
    y, cache = depthwise.conv2d(x.data, kernel.data, stride, padding, dilation)
    weights, need_dx, times = kernel.data, x.requires_grad, kernel.shape[-1] // x.shape[-1]

    def backward(g):
        return depthwise.conv2d_backward(g, cache, weights, stride, padding, dilation, times, need_dx)

    return record("depthwise_conv2d", y, (x, kernel), backward)


def max_pool2d(x: Tensor, size: Pair, stride: Pair) -> Tensor:
    """The largest value of every window: (N, H, W, C) -> (N, OH, OW, C).

    Example:
        >>> max_pool2d(Tensor(np.arange(16.0).reshape(1, 4, 4, 1)), (2, 2), (2, 2)).reshape(-1)
        Tensor([ 5.,  7., 13., 15.])
    """
    x_data = x.data
    y = convolution.max_pool2d(x_data, size, stride)
    return record("max_pool2d", y, (x,), lambda g: (convolution.max_pool2d_backward(g, x_data, y, size, stride),))


def avg_pool2d(x: Tensor, size: Pair, stride: Pair) -> Tensor:
    """The mean of every window: (N, H, W, C) -> (N, OH, OW, C).

    Example:
        >>> avg_pool2d(Tensor(np.arange(16.0).reshape(1, 4, 4, 1)), (2, 2), (2, 2)).reshape(-1)
        Tensor([ 2.5,  4.5, 10.5, 12.5])
    """
    shape = x.shape
    y = convolution.avg_pool2d(x.data, size, stride)
    return record("avg_pool2d", y, (x,), lambda g: (convolution.avg_pool2d_backward(g, shape, size, stride),))


def batch_norm(x: Tensor, gain: Tensor, shift: Tensor, epsilon: float) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Normalise every feature (last axis) over the batch; also returns the batch's means and variances.

    Example:
        >>> y, mean, variance = batch_norm(Tensor([[1.0], [3.0]]), Tensor([1.0]), Tensor([0.0]), epsilon=0)
        >>> y.reshape(-1), mean, variance
        (Tensor([-1.,  1.]), array([2.], dtype=float32), array([1.], dtype=float32))
    """
    y, mean, variance, cache = dense.batch_norm(x.data, gain.data, shift.data, epsilon)
    gains = gain.data
    out = record("batch_norm", y, (x, gain, shift), lambda g: dense.batch_norm_backward(g, cache, gains))
    return out, mean, variance


def layer_norm(x: Tensor, gain: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    """Normalise the numbers along the last axis, each place of the others by itself.

    Example:
        >>> layer_norm(Tensor([[1.0, 3.0]]), Tensor([1.0, 1.0]), Tensor([0.0, 0.0]), epsilon=0)
        Tensor([[-1.,  1.]])
    """
    y, cache = dense.layer_norm(x.data, gain.data, shift.data, epsilon)
    gains = gain.data
    return record("layer_norm", y, (x, gain, shift), lambda g: dense.layer_norm_backward(g, cache, gains))


# --- activations and losses ------------------------------------------------------------------------------------------


def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    """x where it is positive, slope * x elsewhere (Maas et al. 2013).

    Example:
        >>> leaky_relu(Tensor([-2.0, 2.0]), slope=0.5)
        Tensor([-1.,  2.])
    """
    factor = np.where(x.data.real > 0, 1, slope).astype(x.dtype)
    return record("leaky_relu", x.data * factor, (x,), lambda g: (g * factor,))


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Probabilities that sum to 1 along an axis.

    Example:
        >>> softmax(Tensor([0.0, 0.0]))
        Tensor([0.5, 0.5])
    """
    y = dense.softmax(x.data, axis)
    return record("softmax", y, (x,), lambda g: (y * (g - (g * y).sum(axis=axis, keepdims=True)),))


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """log(softmax(x)), finite however far apart the values are.

    Example:
        >>> log_softmax(Tensor([0.0, 1000.0]))
        Tensor([-1000.,     0.])
    """
    y = dense.log_softmax(x.data, axis)
    return record("log_softmax", y, (x,), lambda g: (g - np.exp(y) * g.sum(axis=axis, keepdims=True),))


def softmax_cross_entropy(logits: Tensor, targets: np.ndarray) -> Tensor:
    """Mean cross-entropy of logits (N, K) against probabilities (N, K).

    Example:
        >>> softmax_cross_entropy(Tensor([[0.0, 0.0]]), np.array([[0.25, 0.75]])).item()  # log(2)
        0.693...
    """
    loss, gradient = dense.softmax_cross_entropy(logits.data, targets)
    return record("softmax_cross_entropy", loss, (logits,), lambda g: (gradient * g,))


def cross_entropy_of_labels(
    logits: Tensor, labels: np.ndarray, smoothing: float = 0.0, counted: np.ndarray | None = None
) -> Tensor:
    """Mean cross-entropy of logits (..., K) against whole numbers (...).

    Args:
        smoothing: the share of each target that is spread over all classes.
        counted: (...) which labels count; the mean is over those. All if left out.

    Example:
        >>> cross_entropy_of_labels(Tensor([[0.0, 0.0]]), np.array([1])).item()  # log(2)
        0.693...
    """
    rows = logits.data.reshape(-1, logits.shape[-1])
    counted = None if counted is None else counted.reshape(-1)
    loss, gradient = dense.cross_entropy_of_labels(rows, labels.reshape(-1), smoothing, counted)
    gradient = gradient.reshape(logits.shape)
    return record("cross_entropy_of_labels", loss, (logits,), lambda g: (gradient * g,))


def binary_cross_entropy(logits: Tensor, targets: np.ndarray, weights: np.ndarray) -> Tensor:
    """Weighted mean binary cross-entropy of logits; all shapes are the same.

    Example:
        >>> binary_cross_entropy(Tensor([[0.0]]), np.array([[1.0]]), np.ones((1, 1))).item()  # log(2)
        0.693...
    """
    loss, gradient = dense.binary_cross_entropy(logits.data, targets, weights)
    return record("binary_cross_entropy", loss, (logits,), lambda g: (gradient * g,))


def check_rows(name: str, ids: np.ndarray, rows: int) -> None:
    """Refuse numbers of rows that are not there."""
    if ids.size and not (ids.min() >= 0 and ids.max() < rows):
        got = f"{ids.min()} to {ids.max()}"
        raise UsageError(f"{name}() looks up rows", expected=f"whole numbers from 0 to {rows - 1}", got=got)


def _tensors(a, b) -> tuple[Tensor, Tensor]:
    """Both as tensors; a Python number takes the dtype of the other."""
    if isinstance(a, Tensor):
        return a, a._beside(b)
    if isinstance(b, Tensor):
        return b._beside(a), b
    return Tensor(a), Tensor(b)
