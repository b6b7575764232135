"""Depthwise convolution on plain ndarrays, forward beside backward: every channel is seen by kernels of its own.

Nothing is added up over channels, so there is no matrix product to make of it. But a row of an image, all columns and
channels, is one run in memory, and what lies a column further is the run that begins `channels` numbers later. So a
place of the kernel, repeated for every column, multiplies a whole row at once. `plain.py` has the same in loops.

Source: Chollet, "Xception: Deep learning with depthwise separable convolutions" (2017).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from brainbox_core.kernels.convolution import Padding, Pair, kernel_span, pad_image, window_count
from brainbox_core.kernels.memory import copy, empty, zeros


def conv2d(
    x: np.ndarray, kernel: np.ndarray, stride: Pair, padding: Padding, dilation: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Correlate every channel with M kernels: (N, H, W, C), (KH, KW, 1, C*M) -> (N, OH, OW, C*M).

    Returns:
        The result, and what the backward pass needs: the padded images, each channel M times.
    """
    x = pad_image(x, padding)
    times = kernel.shape[-1] // x.shape[-1]
    x = np.ascontiguousarray(x) if times == 1 else np.repeat(x, times, axis=-1)
    y = _correlate(x, kernel, stride[0], dilation)
    return (y if stride[1] == 1 else copy(y[:, :, :: stride[1]])), x


def conv2d_backward(
    g: np.ndarray,
    x: np.ndarray,
    kernel: np.ndarray,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    times: int,
    need_dx: bool = True,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Gradients of input (None unless needed) and kernel, from that of the result (N, OH, OW, C*M).

    Args:
        x: what `conv2d` gave beside the result.
        times: M, how often each channel is in there.
    """
    n, h, w, c = x.shape
    kh, kw = kernel.shape[:2]
    bottom, right = kernel_span(kh, dilation[0]) - 1, kernel_span(kw, dilation[1]) - 1
    wide = g
    if stride[1] > 1:  # what no result was taken from gets nothing
        wide = zeros((n, g.shape[1], w - right, c), g.dtype)
        wide[:, :, :: stride[1]] = g
    rows = wide.reshape(n, g.shape[1], (w - right) * c)  # (N, OH, OW*C)
    windows = _windows(x, (kh, kw), stride[0], dilation)
    dkernel = np.empty((kh, kw, c), g.dtype)
    for i, j in np.ndindex(kh, kw):  # one after the other: their sums then stay in the processor's cache
        dkernel[i, j] = np.einsum("nhw,nhw->w", windows[:, :, i, j], rows).reshape(-1, c).sum(axis=0)
    if not need_dx:
        return None, dkernel.reshape(kernel.shape)
    # A pixel was met by the last place of the kernel first: the gradient is correlated with the kernel turned round.
    around = zeros((n, h + bottom, w + right, c), g.dtype)
    around[:, bottom : h : stride[0], right:w] = wide
    dx = _correlate(around, kernel[::-1, ::-1], 1, dilation)
    (above, below), (before, after) = padding
    dx = dx[:, above : h - below, before : w - after]
    if times > 1:
        dx = dx.reshape(*dx.shape[:3], c // times, times).sum(axis=-1)
    return dx, dkernel.reshape(kernel.shape)


def _correlate(x: np.ndarray, kernel: np.ndarray, step: int, dilation: Pair) -> np.ndarray:
    """Every `step`-th row of the result, and all columns."""
    kh, kw, _, c = kernel.shape
    windows = _windows(x, (kh, kw), step, dilation)
    columns = windows.shape[-1] // c
    rows = np.tile(kernel.reshape(kh, kw, c), (1, 1, columns))  # (KH, KW, OW*C)
    y = empty((*windows.shape[:2], columns * c), x.dtype)
    return np.einsum("nhijw,ijw->nhw", windows, rows, out=y).reshape(*windows.shape[:2], columns, c)


def _windows(x: np.ndarray, kernel: Pair, step: int, dilation: Pair) -> np.ndarray:
    """For every row of the result and every place of the kernel the run that it meets: (N, OH, KH, KW, OW*C)."""
    n, h, w, c = x.shape
    bn, bh, bw, bc = x.strides
    (kh, kw), (dh, dw) = kernel, dilation
    rows = window_count(h, kernel_span(kh, dh), step, "valid")
    columns = window_count(w, kernel_span(kw, dw), 1, "valid")
    return as_strided(x, (n, rows, kh, kw, columns * c), (bn, step * bh, dh * bh, dw * bw, bc), writeable=False)
