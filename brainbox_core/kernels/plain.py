"""What a network computes, in plain loops: to read before the fast kernels, and to test them against.

Each operation stands beside its backward pass, which takes g, the gradient of the loss by the result, and returns the
gradients by what went in. Both follow one rule: a number that was multiplied by w on the way forward gets g * w back,
and a number that went to several places gets the sum of what comes back from each (Goodfellow, Bengio, Courville, "Deep
Learning", 2016, section 6.5).

    N  inputs of a batch      H, W  height and width       I, O  numbers into and out of a linear layer
    C  channels               F     filters                K     classes
"""

from __future__ import annotations

import math

import numpy as np

Pair = tuple[int, int]
Three = tuple[np.ndarray, np.ndarray, np.ndarray]


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Every output is a weighted sum of all inputs, and a bias: (N, I), (I, O), (O,) -> (N, O).

    Example:
        >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
        array([[11.5]])
    """
    y = np.zeros((len(x), len(bias)))
    for n, o in np.ndindex(y.shape):
        y[n, o] = bias[o]
        for i in range(len(weight)):
            y[n, o] += x[n, i] * weight[i, o]
    return y


def linear_backward(g: np.ndarray, x: np.ndarray, weight: np.ndarray) -> Three:
    """Gradients by x (N, I), weight (I, O) and bias (O,), from g (N, O)."""
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(g.shape[1])
    for n, o in np.ndindex(g.shape):
        dbias[o] += g[n, o]
        for i in range(len(weight)):
            dx[n, i] += g[n, o] * weight[i, o]
            dweight[i, o] += g[n, o] * x[n, i]
    return dx, dweight, dbias


def conv2d(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> np.ndarray:
    """Lay the kernel on every window of an image, multiply and add: (N, H, W, C), (KH, KW, C, F) -> (N, OH, OW, F).

    With a dilation the window has gaps: its places lie so many rows and columns apart (Yu and Koltun 2016).

    Example:
        >>> image, edge = np.array([[1.0, 1.0, 5.0]]), np.array([[-1.0, 1.0]])
        >>> conv2d(image[None, ..., None], edge[..., None, None], np.zeros(1)).reshape(-1)
        array([0., 4.])
    """
    kh, kw, _, filters = kernel.shape
    oh = (x.shape[1] - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    ow = (x.shape[2] - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    y = np.zeros((len(x), oh, ow, filters))
    for n, i, j, f in np.ndindex(y.shape):
        window = _window(n, i * stride[0], j * stride[1], (kh, kw), dilation)
        y[n, i, j, f] = (x[window] * kernel[..., f]).sum() + bias[f]  # (KH, KW, C) each
    return y


def conv2d_backward(
    g: np.ndarray, x: np.ndarray, kernel: np.ndarray, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Three:
    """Gradients by x (N, H, W, C), kernel (KH, KW, C, F) and bias (F,), from g (N, OH, OW, F)."""
    kh, kw, _, filters = kernel.shape
    dx, dkernel, dbias = np.zeros_like(x), np.zeros_like(kernel), np.zeros(filters)
    for n, i, j, f in np.ndindex(g.shape):
        window = _window(n, i * stride[0], j * stride[1], (kh, kw), dilation)
        dx[window] += g[n, i, j, f] * kernel[..., f]
        dkernel[..., f] += g[n, i, j, f] * x[window]
        dbias[f] += g[n, i, j, f]
    return dx, dkernel, dbias


def _window(n: int, top: int, left: int, size: Pair, dilation: Pair) -> tuple[int, slice, slice]:
    """Where the kernel lies in image n when its first place is at (top, left)."""
    down, across = (
        slice(start, start + places * apart, apart)
        for start, places, apart in zip((top, left), size, dilation, strict=True)
    )
    return n, down, across


def depthwise_conv2d(x: np.ndarray, kernel: np.ndarray, stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> np.ndarray:
    """Every channel with M kernels of its own: (N, H, W, C), (KH, KW, 1, C*M) -> (N, OH, OW, C*M)."""
    each = kernel.shape[3] // x.shape[3]
    none = np.zeros(1)
    results = [conv2d(x[..., [f // each]], kernel[..., [f]], none, stride, dilation) for f in range(kernel.shape[3])]
    return np.concatenate(results, axis=3)


def depthwise_conv2d_backward(
    g: np.ndarray, x: np.ndarray, kernel: np.ndarray, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients by x and kernel, from g (N, OH, OW, C*M): a channel gets what comes back from each of its kernels."""
    each = kernel.shape[3] // x.shape[3]
    dx, dkernel = np.zeros_like(x), np.zeros_like(kernel)
    for f in range(kernel.shape[3]):
        channel = x[..., [f // each]]
        share, dkernel[..., [f]], _ = conv2d_backward(g[..., [f]], channel, kernel[..., [f]], stride, dilation)
        dx[..., [f // each]] += share
    return dx, dkernel


def max_pool2d(x: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """The largest value of every window: (N, H, W, C) -> (N, OH, OW, C); rows that fill no window are left out.

    Example:
        >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), (2, 2), (2, 2)).reshape(2, 2)
        array([[ 5.,  7.],
               [13., 15.]])
    """
    oh, ow = (x.shape[1] - size[0]) // stride[0] + 1, (x.shape[2] - size[1]) // stride[1] + 1
    y = np.zeros((len(x), oh, ow, x.shape[3]))
    for n, i, j, c in np.ndindex(y.shape):
        top, left = i * stride[0], j * stride[1]
        y[n, i, j, c] = x[n, top : top + size[0], left : left + size[1], c].max()
    return y


def max_pool2d_backward(g: np.ndarray, x: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """Only the largest value of a window made a difference, so it gets all of g; of equal ones the first."""
    dx = np.zeros_like(x)
    for n, i, j, c in np.ndindex(g.shape):
        top, left = i * stride[0], j * stride[1]
        window = x[n, top : top + size[0], left : left + size[1], c]
        down, across = np.unravel_index(window.argmax(), window.shape)
        dx[n, top + down, left + across, c] += g[n, i, j, c]
    return dx


def layer_norm(x: np.ndarray, gain: np.ndarray, shift: np.ndarray, epsilon: float) -> np.ndarray:
    """The numbers of an input to mean 0 and variance 1, times a gain each, plus a shift: (N, I), (I,), (I,) -> (N, I).

    Example:
        >>> layer_norm(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2), 0.0)
        array([[-1.,  1.]])
    """
    y = np.zeros_like(x)
    for n, row in enumerate(x):
        mean = sum(row) / len(row)
        variance = sum((number - mean) ** 2 for number in row) / len(row)
        for i, number in enumerate(row):
            y[n, i] = (number - mean) / math.sqrt(variance + epsilon) * gain[i] + shift[i]
    return y


def softmax_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of -log p[label], where p = exp(logits) / sum(exp(logits)), and its gradient by the logits (N, K).

    The gradient is what is too much: p at every class, less 1 at the true one.

    Example:
        >>> softmax_cross_entropy(np.zeros((1, 2)), np.array([1]))
        (0.6931471805599453, array([[ 0.5, -0.5]]))
    """
    loss, gradient = 0.0, np.zeros_like(logits)
    for n, label in enumerate(labels):
        powers = [math.exp(logit - max(logits[n])) for logit in logits[n]]  # less the largest, so that none overflows
        for k, power in enumerate(powers):
            gradient[n, k] = (power / sum(powers) - (k == label)) / len(labels)
        loss -= math.log(powers[label] / sum(powers)) / len(labels)
    return loss, gradient


def rnn_step(x: np.ndarray, h: np.ndarray, weight: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One step of a recurrent layer: the next state of every unit looks at the input and at the states before it.

    (N, I), (N, H), (I, H), (H, H), (H,) -> (N, H)

    Example:
        >>> rnn_step(np.array([[1.0]]), np.zeros((1, 1)), np.array([[0.5]]), np.array([[2.0]]), np.zeros(1)).round(4)
        array([[0.4621]])
    """
    total = linear(x, weight, bias) + linear(h, recurrent, np.zeros_like(bias))
    after = np.zeros_like(h)
    for n, unit in np.ndindex(h.shape):
        after[n, unit] = math.tanh(total[n, unit])
    return after


def rnn_step_backward(
    g: np.ndarray, after: np.ndarray, x: np.ndarray, h: np.ndarray, weight: np.ndarray, recurrent: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients by x, h, weight, recurrent and bias, from g, that by the state `after` the step (N, H).

    Of a sequence, the gradient by h is added to the g of the step before (Werbos 1990).
    """
    slope = 1 - after * after  # of tanh, (N, H)
    dx, dweight, dbias = linear_backward(g * slope, x, weight)
    dh, drecurrent, _ = linear_backward(g * slope, h, recurrent)
    return dx, dh, dweight, drecurrent, dbias
