"""Convolution and pooling on plain ndarrays, forward beside backward. No tensors and no tape in here.

Images are NHWC: (batch, height, width, channels), the order that microcontroller kernels use. Kernels of convolutions
are (height, width, input channels, output channels). Everything runs in the dtype it is given, complex128 included (the
gradient checks need that), so ordering always looks at the real part. `plain.py` has the same in loops.

Sources: im2col from Chellapilla, Puri, Simard, "High performance convolutional neural networks for document processing"
(2006); the rest from Goodfellow, Bengio, Courville, "Deep Learning" (2016), chapter 9.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from brainbox_core.kernels.memory import copy, empty, product, zeros

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # rows above and below, columns left and right

_MOST_COLUMNS = 256 << 20  # bytes of columns that a convolution may keep for its backward pass

# --- convolution -----------------------------------------------------------------------------------------------------


def window_count(size: int, kernel: int, stride: int, padding: str) -> int:
    """How many windows fit along an axis: with "valid" inside it, with "same" and "causal" as many as strides.

    Example:
        >>> window_count(28, 3, 1, "valid"), window_count(28, 3, 2, "same")
        (26, 14)
    """
    return (size - kernel) // stride + 1 if padding == "valid" else -(-size // stride)


def kernel_span(kernel: int, dilation: int) -> int:
    """How far a kernel reaches along an axis when its places lie `dilation` apart."""
    return (kernel - 1) * dilation + 1


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
    out = zeros((n, h + top + bottom, w + left + right, c), x.dtype)
    out[:, top : top + h, left : left + w] = x
    return out


def _taps(kernel: Pair, stride: Pair, out: Pair, dilation: Pair = (1, 1)) -> list[tuple[slice, ...]]:
    """For each place of the kernel the part of the padded image that it meets, row by row."""
    (kh, kw), (sh, sw), (oh, ow), (dh, dw) = kernel, stride, out, dilation
    return [
        (slice(None), slice(i, i + sh * (oh - 1) + 1, sh), slice(j, j + sw * (ow - 1) + 1, sw))
        for i in range(0, kh * dh, dh)
        for j in range(0, kw * dw, dw)
    ]


def _columns(x: np.ndarray, kernel: Pair, stride: Pair, pool: Pair, out: Pair, dilation: Pair) -> np.ndarray:
    """Every window as a row (im2col): (N, H, W, C) -> (PH*PW * N*OH*OW, KH*KW*C).

    The windows come in groups, one for each place in the pooling window, so that pooling later compares whole groups.
    Within a group they are in the order of the images. With one channel they are in the order of the places in an image
    instead: a row of a window is then too short to copy fast, and the values of one place in all images are a long run.
    """
    (kh, kw), (sh, sw), (ph, pw), (oh, ow), (dh, dw) = kernel, stride, pool, out, dilation
    n, _, _, c = x.shape
    if c == 1:
        x = np.ascontiguousarray(x[..., 0].transpose(1, 2, 0))  # (H, W, N)
        bh, bw, bn = x.strides
        shape = (kh, kw, ph, pw, oh, ow, n)
        steps = (dh * bh, dw * bw, sh * bh, sw * bw, ph * sh * bh, pw * sw * bw, bn)
        windows = as_strided(x, shape, steps, writeable=False)
        return copy(windows).reshape(kh * kw, -1).T  # BLAS takes the transposed matrix as it is
    x = np.ascontiguousarray(x)
    bn, bh, bw, bc = x.strides
    windows = as_strided(
        x,
        (ph, pw, n, oh, ow, kh, kw, c),
        (sh * bh, sw * bw, bn, ph * sh * bh, pw * sw * bw, dh * bh, dw * bw, bc),
        writeable=False,
    )
    return copy(windows).reshape(-1, kh * kw * c)


def conv2d(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    stride: Pair,
    padding: Padding,
    pool: Pair = (1, 1),
    dilation: Pair = (1, 1),
) -> tuple[np.ndarray, tuple]:
    """Correlate every image with every kernel, and keep the largest of every pool of results.

    (N, H, W, C), (KH, KW, C, F) -> (N, OH, OW, F). The places of a kernel lie `dilation` rows and columns apart. Pools
    lie side by side; results that fill no pool are not computed.
    Each place of a pool is a group of rows, so pooling and its backward pass are a few operations on whole arrays.
    Convolution and pooling together take a third of the time of the one after the other.

    Returns:
        The result, and what the backward pass needs.
    """
    x = pad_image(x, padding)
    n, h, w, c = x.shape
    kh, kw, _, f = kernel.shape
    oh = window_count(h, kernel_span(kh, dilation[0]), stride[0], "valid") // pool[0]
    ow = window_count(w, kernel_span(kw, dilation[1]), stride[1], "valid") // pool[1]
    size = pool[0] * pool[1] * oh * ow * kh * kw * c * x.itemsize  # of one image's columns
    if n > 1 and n * size > _MOST_COLUMNS:
        step = max(_MOST_COLUMNS // size, 1)
        parts = [x[i : i + step] for i in range(0, n, step)]
        none = ((0, 0), (0, 0))
        y = np.concatenate([conv2d(part, kernel, bias, stride, none, pool, dilation)[0] for part in parts])
        return y, (parts, None, None, None)
    columns = _columns(x, (kh, kw), stride, pool, (oh, ow), dilation)
    sums = empty((len(columns), f), np.result_type(columns, kernel))
    groups = np.matmul(columns, kernel.reshape(-1, f), out=sums).reshape(pool[0] * pool[1], -1)
    best = groups[0]
    if len(groups) > 1:
        best = copy(best)
        for group in groups[1:]:
            _keep_larger(best, group)
    y = empty((n, oh, ow, f), best.dtype)
    ordered = best.reshape(oh, ow, n, f).transpose(2, 0, 1, 3) if c == 1 else best.reshape(y.shape)
    np.add(ordered, bias, out=y)  # the same number everywhere, so it can wait until after the pool
    return y, (x.shape, columns, groups, best)


def conv2d_backward(
    g: np.ndarray,
    cache: tuple,
    kernel: np.ndarray,
    stride: Pair,
    padding: Padding,
    pool: Pair = (1, 1),
    need_dx: bool = True,
    dilation: Pair = (1, 1),
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Gradients of input (None unless needed), kernel and bias, from that of the result (N, OH, OW, F).

    The gradient of a pool goes to its first maximum.
    """
    shape, columns, groups, best = cache
    kh, kw, c, f = kernel.shape
    n, oh, ow, _ = g.shape
    if columns is None:  # too large to be kept: once more, part by part
        return _conv2d_backward_in_parts(g, shape, kernel, stride, padding, pool, need_dx, dilation)
    dbias = np.ones(n * oh * ow, g.dtype) @ g.reshape(-1, f)  # a sum over rows; BLAS is faster at it for few columns
    flat = (copy(g.transpose(1, 2, 0, 3)) if c == 1 else g).reshape(-1)  # in the order of the columns
    if len(groups) > 1:
        dgroups = empty(groups.shape, g.dtype)
        left = copy(flat)  # what no earlier place of the pool has taken
        chosen = empty(best.shape, bool)
        for dgroup, group in zip(dgroups, groups, strict=True):
            np.multiply(left, np.equal(group, best, out=chosen), out=dgroup)
            left -= dgroup
    else:
        dgroups = flat
    dkernel = columns.T @ dgroups.reshape(-1, f)
    if not need_dx:
        return None, dkernel.reshape(kernel.shape), dbias
    ph, pw = pool
    if c == 1:  # from groups back to images, in the order (OH, PH, OW, PW, N, F) = (rows, columns, N, F)
        rows = dgroups.reshape(ph, pw, oh, ow, n, f).transpose(2, 0, 3, 1, 4, 5)
    else:
        rows = dgroups.reshape(ph, pw, n, oh, ow, f).transpose(3, 0, 4, 1, 2, 5)
    rows = (rows if rows.flags.c_contiguous else copy(rows)).reshape(-1, f)
    dx = zeros((*shape[1:3], n, c), g.dtype)  # with the images inside, what is added are long runs
    share = empty((oh * ph, ow * pw, n, c), g.dtype)
    # One product per place of the kernel: adding whole slices is far cheaper than scattering columns back.
    weights = np.ascontiguousarray(kernel.reshape(-1, c, f).transpose(0, 2, 1))
    for weight, tap in zip(weights, _taps((kh, kw), stride, (oh * ph, ow * pw), dilation), strict=True):
        np.matmul(rows, weight, out=share.reshape(-1, c))
        dx[tap[1:]] += share
    (top, bottom), (before, after) = padding
    dx = dx[top : shape[1] - bottom, before : shape[2] - after].transpose(2, 0, 1, 3)
    return copy(dx), dkernel.reshape(kernel.shape), dbias


def _conv2d_backward_in_parts(
    g: np.ndarray,
    parts: list[np.ndarray],
    kernel: np.ndarray,
    stride: Pair,
    padding: Padding,
    pool: Pair,
    need: bool,
    dilation: Pair,
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """The backward pass of a batch whose columns together would take too much memory."""
    start, dxs = 0, []
    dkernel, dbias = np.zeros_like(kernel, g.dtype), np.zeros(kernel.shape[-1], g.dtype)
    for part in parts:
        zeros = np.zeros(kernel.shape[-1], kernel.dtype)
        _, cache = conv2d(part, kernel, zeros, stride, ((0, 0), (0, 0)), pool, dilation)
        gradient = g[start : start + len(part)]
        dx, dk, db = conv2d_backward(gradient, cache, kernel, stride, padding, pool, need, dilation)
        start, dkernel, dbias = start + len(part), dkernel + dk, dbias + db
        if dx is not None:
            dxs.append(dx)
    return (np.concatenate(dxs) if need else None), dkernel, dbias


def _keep_larger(best: np.ndarray, other: np.ndarray) -> None:
    """best = max(best, other), in place; by the real part, for the complex step of the gradient checks."""
    if best.dtype.kind == "c":
        np.copyto(best, other, where=other.real > best.real)
    else:
        np.maximum(best, other, out=best)


# --- pooling ---------------------------------------------------------------------------------------------------------


def max_pool2d(x: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """The largest value of every window: (N, H, W, C) -> (N, OH, OW, C). Rows that fill no window are left out."""
    out = (x.shape[1] - size[0]) // stride[0] + 1, (x.shape[2] - size[1]) // stride[1] + 1
    first, *others = _taps(size, stride, out)
    y = copy(x[first])
    for tap in others:  # a few strided maxima: 60 times faster here than reducing a window view
        _keep_larger(y, x[tap])
    return y


def max_pool2d_backward(g: np.ndarray, x: np.ndarray, y: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """Every window's gradient goes to its first maximum, as numpy.argmax would find it."""
    dx = zeros(x.shape, g.dtype)
    apart = stride[0] >= size[0] and stride[1] >= size[1]  # no two windows share an input
    left = copy(g)  # what no earlier place of the window has taken
    for tap in _taps(size, stride, y.shape[1:3]):
        taken = product(left, x[tap] == y)
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
    y = copy(x[first])
    for tap in others:
        y += x[tap]
    y *= 1 / (size[0] * size[1])
    return y


def avg_pool2d_backward(g: np.ndarray, shape: tuple[int, ...], size: Pair, stride: Pair) -> np.ndarray:
    """Every value of a window gets the same share of its gradient."""
    dx = zeros(shape, g.dtype)
    share = product(g, 1 / (size[0] * size[1]))
    for tap in _taps(size, stride, g.shape[1:3]):
        dx[tap] += share
    return dx
