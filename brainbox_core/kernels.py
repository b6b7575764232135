"""The heavy operations on plain ndarrays, forward beside backward. No tensors and no tape in here.

Images are NHWC: (batch, height, width, channels), the order that microcontroller kernels use. Kernels of convolutions
are (height, width, input channels, output channels). Everything runs in the dtype it is given, complex128 included (the
gradient checks need that), so ordering always looks at the real part.

Sources: im2col from Chellapilla, Puri, Simard, "High performance convolutional neural networks for document processing"
(2006); batch normalisation from Ioffe and Szegedy (2015); the rest from Goodfellow, Bengio, Courville, "Deep Learning"
(2016), chapters 6 and 9.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # rows above and below, columns left and right
Slots = list[tuple[slice, ...]]

# --- linear ----------------------------------------------------------------------------------------------------------


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x @ weight + bias: (N, I) @ (I, O) + (O,) -> (N, O)."""
    y = x @ weight
    y += bias
    return y


def linear_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, need_dx: bool
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Gradients of input (None unless needed), weight and bias."""
    return (g @ weight.T if need_dx else None), x.T @ g, g.sum(axis=0)


# --- convolution -----------------------------------------------------------------------------------------------------


def window_count(size: int, kernel: int, stride: int, padding: str) -> int:
    """How many windows fit along an axis: with "valid" inside it, with "same" as many as strides.

    Example:
        >>> window_count(28, 3, 1, "valid"), window_count(28, 3, 2, "same")
        (26, 14)
    """
    return -(-size // stride) if padding == "same" else (size - kernel) // stride + 1


def same_padding(size: int, kernel: int, stride: int) -> Pair:
    """Zeros before and after an axis for padding "same"; the odd one goes after, as TensorFlow has it."""
    total = max((window_count(size, kernel, stride, "same") - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_image(x: np.ndarray, padding: Padding) -> np.ndarray:
    """Zeros around the two middle axes."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    n, h, w, c = x.shape
    out = np.zeros((n, h + top + bottom, w + left + right, c), x.dtype)
    out[:, top : top + h, left : left + w] = x
    return out


def _taps(kernel: Pair, stride: Pair, out: Pair) -> Slots:
    """For each place (i, j) of the kernel the part of the padded image that it meets, row by row."""
    (kh, kw), (sh, sw), (oh, ow) = kernel, stride, out
    return [
        (slice(None), slice(i, i + sh * (oh - 1) + 1, sh), slice(j, j + sw * (ow - 1) + 1, sw))
        for i in range(kh)
        for j in range(kw)
    ]


def _columns(x: np.ndarray, kernel: Pair, stride: Pair, out: Pair) -> np.ndarray:
    """Every window as a row (im2col): (N, H, W, C) -> (N*OH*OW, KH*KW*C)."""
    (kh, kw), (sh, sw), (oh, ow) = kernel, stride, out
    n, _, _, c = x.shape
    if c == 1:  # a window's rows are short: fill by kernel place instead, then hand BLAS the transposed matrix
        columns = np.empty((kh * kw, n, oh, ow), x.dtype)
        for column, tap in zip(columns, _taps(kernel, stride, out), strict=True):
            column[...] = x[..., 0][tap]
        return columns.reshape(kh * kw, -1).T
    x = np.ascontiguousarray(x)
    bn, bh, bw, bc = x.strides
    windows = as_strided(x, (n, oh, ow, kh, kw * c), (bn, bh * sh, bw * sw, bh, bc), writeable=False)
    return windows.reshape(n * oh * ow, kh * kw * c)  # copies


def conv2d(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: Pair, padding: Padding
) -> tuple[np.ndarray, tuple]:
    """Correlate every image with every kernel: (N, H, W, C), (KH, KW, C, F) -> (N, OH, OW, F).

    Below 32 input channels one matrix product over columns is fastest; from 32 on the columns cost more than they save,
    and one product per kernel place wins.

    Returns:
        The result, and what the backward pass wants to see again.
    """
    x = pad_image(x, padding)
    n, h, w, c = x.shape
    kh, kw, _, f = kernel.shape
    out = (h - kh) // stride[0] + 1, (w - kw) // stride[1] + 1
    if c < 32:
        columns = _columns(x, (kh, kw), stride, out)
        y = columns @ kernel.reshape(-1, f)
    else:
        columns = None
        y = np.zeros((n * out[0] * out[1], f), np.result_type(x, kernel))
        for weight, tap in zip(kernel.reshape(-1, c, f), _taps((kh, kw), stride, out), strict=True):
            y += x[tap].reshape(-1, c) @ weight
    y += bias
    return y.reshape(n, *out, f), (x if columns is None else None, columns, x.shape)


def conv2d_backward(
    g: np.ndarray, cache: tuple, kernel: np.ndarray, stride: Pair, padding: Padding, need_dx: bool
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Gradients of input (None unless needed), kernel and bias, from that of the result (N, OH, OW, F)."""
    x, columns, padded_shape = cache
    kh, kw, c, f = kernel.shape
    taps = _taps((kh, kw), stride, g.shape[1:3])
    rows = g.reshape(-1, f)  # (N*OH*OW, F)
    if columns is not None:
        dkernel = columns.T @ rows
    else:
        dkernel = np.stack([x[tap].reshape(-1, c).T @ rows for tap in taps])
    dx = None
    if need_dx:  # per kernel place: adding whole slices is far cheaper than scattering columns back
        dx = np.zeros(padded_shape, g.dtype)
        for weight, tap in zip(kernel.reshape(-1, c, f), taps, strict=True):
            dx[tap] += (rows @ weight.T).reshape(*g.shape[:3], c)
        (top, bottom), (left, right) = padding
        dx = dx[:, top : dx.shape[1] - bottom, left : dx.shape[2] - right]
    return dx, dkernel.reshape(kernel.shape), rows.sum(axis=0)


# --- pooling ---------------------------------------------------------------------------------------------------------


def max_pool2d(x: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """The largest value of every window: (N, H, W, C) -> (N, OH, OW, C). Rows that fill no window are left out."""
    out = (x.shape[1] - size[0]) // stride[0] + 1, (x.shape[2] - size[1]) // stride[1] + 1
    first, *others = _taps(size, stride, out)
    y = x[first].copy()
    for tap in others:  # a few strided maxima: 60 times faster here than reducing a window view
        if x.dtype.kind == "c":
            np.copyto(y, x[tap], where=x[tap].real > y.real)
        else:
            np.maximum(y, x[tap], out=y)
    return y


def max_pool2d_backward(g: np.ndarray, x: np.ndarray, y: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """Every window's gradient goes to its first maximum, as numpy.argmax would find it."""
    dx = np.zeros_like(x, dtype=g.dtype)
    apart = stride[0] >= size[0] and stride[1] >= size[1]  # no two windows share an input
    left = g.copy()  # what no earlier place of the window has taken
    for tap in _taps(size, stride, y.shape[1:3]):
        taken = left * (x[tap] == y)
        if apart:
            dx[tap] = taken
        else:
            dx[tap] += taken
        left -= taken
    return dx


def avg_pool2d(x: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """The mean of every window: (N, H, W, C) -> (N, OH, OW, C)."""
    out = (x.shape[1] - size[0]) // stride[0] + 1, (x.shape[2] - size[1]) // stride[1] + 1
    first, *others = _taps(size, stride, out)
    y = x[first].copy()
    for tap in others:
        y += x[tap]
    y *= 1 / (size[0] * size[1])
    return y


def avg_pool2d_backward(g: np.ndarray, shape: tuple[int, ...], size: Pair, stride: Pair) -> np.ndarray:
    """Every value of a window gets the same share of its gradient."""
    dx = np.zeros(shape, g.dtype)
    share = g * (1 / (size[0] * size[1]))
    for tap in _taps(size, stride, g.shape[1:3]):
        dx[tap] += share
    return dx


# --- softmax and losses ----------------------------------------------------------------------------------------------


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


def binary_cross_entropy(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of -y log(p) - (1 - y) log(1 - p) with p = sigmoid(logits), and its gradient by the logits.

    log(1 + exp(-|x|)) keeps it finite for every logit. All three arrays have the same shape.
    """
    positive = logits.real > 0
    away = np.where(positive, -logits, logits)  # -|x|, analytic for the complex step
    losses = np.where(positive, logits, 0) - logits * targets + np.log1p(np.exp(away))
    share = 1 / logits.size
    p = 0.5 * np.tanh(0.5 * logits) + 0.5
    gradient = (p - targets) * weights * share
    return np.asarray((losses * weights).sum() * share, logits.dtype), gradient.astype(logits.dtype, copy=False)


# --- batch normalisation and embedding -------------------------------------------------------------------------------


def batch_norm(
    x: np.ndarray, gain: np.ndarray, shift: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple]:
    """Every feature (last axis) to mean 0 and variance 1 over the batch, then scaled and shifted.

    Returns:
        The result, the batch's means and variances, and what the backward pass wants to see again.
    """
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)
    centred = x - mean
    variance = (centred * centred).mean(axis=axes)
    scale = 1 / np.sqrt(variance + epsilon)
    normal = centred * scale
    return normal * gain + shift, mean, variance, (normal, scale)


def batch_norm_backward(g: np.ndarray, cache: tuple, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of input, gain and shift."""
    normal, scale = cache
    axes = tuple(range(g.ndim - 1))
    dgain, dshift = (g * normal).sum(axis=axes), g.sum(axis=axes)
    count = g.size // g.shape[-1]
    dx = (g - (dshift + normal * dgain) / count) * (gain * scale)
    return dx, dgain, dshift


def embedding_backward(g: np.ndarray, indices: np.ndarray, rows: int) -> np.ndarray:
    """The gradient of a table whose rows were looked up: (..., D), (...) -> (rows, D).

    Sorted sums instead of np.add.at, which visits the elements one by one.
    """
    table = np.zeros((rows, g.shape[-1]), g.dtype)
    flat = indices.reshape(-1)
    if flat.size:
        order = np.argsort(flat, kind="stable")
        used, starts = np.unique(flat[order], return_index=True)
        table[used] = np.add.reduceat(g.reshape(-1, g.shape[-1])[order], starts, axis=0)
    return table
