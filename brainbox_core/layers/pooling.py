"""Layers that shrink images and sequences: every window (or the whole) becomes one number a channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brainbox_core import functional
from brainbox_core.errors import pair, whole
from brainbox_core.kernels.convolution import Pair, window_count
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor


class Pool(Layer):
    """Windows over an image or a sequence, each reduced to one number per channel; what fills no window is left out.

    Args:
        size: the window's height and width; one number for a square, and for sequences.
        stride: steps down and across, or along; the window's size if left out.
    """

    axes = 2  # that the windows lie along
    needs = "images: (batch, height, width, channels)"

    def __init__(self, size: int | Pair = 2, stride: int | Pair | None = None):
        number: Callable[[str, object], Any] = pair if self.axes == 2 else whole
        self.size = number("size", size)
        self.stride = self.size if stride is None else number("stride", stride)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self.axes + 1:
            raise self.misfit(self.needs, input_shape)
        windows, strides = ((n,) if self.axes == 1 else n for n in (self.size, self.stride))
        *sizes, channels = input_shape
        if any(window > size for window, size in zip(windows, sizes, strict=True)):
            needs = f"{self.needs.partition(':')[0]} of at least {'x'.join(map(str, windows))} for its window"
            raise self.misfit(needs, input_shape, "use a smaller window, or fewer pools before it")
        sides = zip(sizes, windows, strides, strict=True)
        return *(window_count(size, window, stride, "valid") for size, window, stride in sides), channels


class MaxPool(Pool):
    """The largest value of every window, channel by channel.

    Args:
        size: the window's height and width; one number for a square.
        stride: steps down and across; the window's size if left out.

    Example:
        >>> MaxPool(2).output_shape((28, 28, 8))
        (14, 14, 8)
        >>> MaxPool(2)(Tensor([[[[1.0], [2.0]], [[4.0], [3.0]]]])).data.item()
        4.0
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.max_pool2d(x, self.size, self.stride)


class AvgPool(Pool):
    """The mean of every window, channel by channel.

    Args:
        size: the window's height and width; one number for a square.
        stride: steps down and across; the window's size if left out.

    Example:
        >>> AvgPool(2).output_shape((28, 28, 8))
        (14, 14, 8)
        >>> AvgPool(2)(Tensor([[[[1.0], [2.0]], [[4.0], [3.0]]]])).data.item()
        2.5
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.avg_pool2d(x, self.size, self.stride)


class Pool1D(Pool):
    """The same along sequences, which are pooled as images of height 1.

    Args:
        size: the window's length.
        stride: steps along; the window's size if left out.
    """

    axes = 1
    needs = "sequences: (batch, length, channels)"

    def __init__(self, size: int = 2, stride: int | None = None):
        super().__init__(size, stride)

    def _pooled(self, pool: Callable[[Tensor, Pair, Pair], Tensor], x: Tensor) -> Tensor:
        y = pool(x.reshape(len(x), 1, *x.shape[1:]), (1, self.size), (1, self.stride))
        return y.reshape(len(x), *y.shape[2:])


class MaxPool1D(Pool1D):
    """The largest value of every window along a sequence, channel by channel.

    Args:
        size: the window's length.
        stride: steps along; the window's size if left out.

    Example:
        >>> MaxPool1D(2)(Tensor([[[1.0], [2.0], [4.0], [3.0]]])).data.ravel().tolist()
        [2.0, 4.0]
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return self._pooled(functional.max_pool2d, x)


class AvgPool1D(Pool1D):
    """The mean of every window along a sequence, channel by channel.

    Args:
        size: the window's length.
        stride: steps along; the window's size if left out.

    Example:
        >>> AvgPool1D(2)(Tensor([[[1.0], [2.0], [4.0], [3.0]]])).data.ravel().tolist()
        [1.5, 3.5]
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return self._pooled(functional.avg_pool2d, x)


class GlobalPool(Layer):
    """A whole image or sequence as one number per channel."""

    needs = "images: (batch, height, width, channels), or sequences: (batch, length, channels)"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2:
            raise self.misfit(self.needs, input_shape)
        return input_shape[-1:]


class GlobalAvgPool(GlobalPool):
    """The mean of every channel of an image or a sequence (Lin, Chen and Yan, "Network in network", 2014).

    Shape:
        (batch, ..., channels) -> (batch, channels).

    Example:
        >>> GlobalAvgPool()(Tensor([[[1.0, 10.0], [2.0, 20.0], [6.0, 0.0]]])).data.tolist()
        [[3.0, 10.0]]
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return x.mean(axis=tuple(range(1, x.ndim - 1)))


class GlobalMaxPool(GlobalPool):
    """The largest value of every channel of an image or a sequence; of equal ones the first gets the gradient.

    Shape:
        (batch, ..., channels) -> (batch, channels).

    Example:
        >>> GlobalMaxPool()(Tensor([[[1.0, 10.0], [2.0, 20.0], [6.0, 0.0]]])).data.tolist()
        [[6.0, 20.0]]
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return x.reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1]).max(axis=1)
