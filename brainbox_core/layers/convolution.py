"""Layers of images, (batch, height, width, channels): Conv2D, and the pools that shrink what it finds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brainbox_core import functional
from brainbox_core.errors import UsageError, pair, whole
from brainbox_core.kernels.convolution import Pair, same_padding, window_count
from brainbox_core.layers import initializers
from brainbox_core.layers.activation import Activated
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor


class Conv2D(Activated):
    """Slides small kernels over an image; each makes one channel of the result (correlation, as is usual in networks).

    Args:
        filters: how many kernels, and so channels of the result.
        kernel: their height and width; one number for a square.
        stride: steps down and across.
        padding: "valid" (windows stay inside) or "same" (zeros around, so that stride 1 keeps the size).
        initializer: how the kernels start: "he", "glorot", "lecun" or "zeros"; the bias starts at 0.
        activation: what comes behind, a name such as "relu" or a layer; None for nothing.

    Shape:
        (batch, height, width, channels) or (batch, height, width) -> (batch, new height, new width, filters);
        kernel (height, width, channels, filters), bias (filters,).

    Example:
        >>> layer = Conv2D(32, kernel=3)
        >>> layer.build((28, 28, 1), np.random.default_rng(0))
        (26, 26, 32)
        >>> layer(Tensor(np.zeros((1, 28, 28, 1)))).shape
        (1, 26, 26, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        padding: str = "valid",
        initializer: str = "he",
        activation: Any = None,
    ):
        super().__init__(activation)
        self.filters = whole("filters", filters)
        self.kernel, self.stride = pair("kernel", kernel), pair("stride", stride)
        if padding not in ("valid", "same"):
            raise UsageError("padding", expected="'valid' or 'same'", got=repr(padding))
        self.padding, self.initializer = padding, initializer
        initializers.named(initializer)

    def output_shape(self, input_shape: Shape) -> Shape:
        h, w, c = self._image(input_shape)
        kh, kw = self.kernel
        if self.padding == "valid" and (kh > h or kw > w):
            fix = "use a smaller kernel, padding='same', or fewer convolutions and pools before it"
            if h in (1, 3, 4) and w == c:
                fix = "images are (height, width, channels): X.transpose(0, 2, 3, 1)"
            raise self.misfit(f"images of at least {kh}x{kw} for its kernel", input_shape, fix)
        if self.position == 0 and h in (1, 3, 4) and w == c > 4:
            raise self.misfit(
                "(batch, height, width, channels) and these look channels first",
                input_shape,
                "X.transpose(0, 2, 3, 1)",
            )
        sizes = zip((h, w), self.kernel, self.stride, strict=True)
        return *(window_count(size, k, s, self.padding) for size, k, s in sizes), self.filters

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape = self.output_shape(input_shape)
        h, w, _ = self._image(input_shape)
        shapes = self.parameter_shapes(input_shape)
        self.weight = self.parameter("kernel", initializers.named(self.initializer)(shapes["kernel"], rng))
        self.bias = self.parameter("bias", np.zeros(shapes["bias"], np.float32))
        self.zeros = ((0, 0), (0, 0))
        if self.padding == "same":
            across, down = zip((h, w), self.kernel, self.stride, strict=True)
            self.zeros = same_padding(*across), same_padding(*down)
        return shape

    def __call__(self, x: Tensor, training: bool = False, pool: Pair = (1, 1)) -> Tensor:
        """The convolution; with `pool`, only the largest result of every window of that size, side by side."""
        if x.ndim == 3:
            x = x.reshape(*x.shape, 1)
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.zeros, pool)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"kernel": (*self.kernel, self._image(input_shape)[2], self.filters), "bias": (self.filters,)}

    def multiply_adds(self, input_shape: Shape) -> int:
        h, w, filters = self.output_shape(input_shape)
        return h * w * filters * math.prod(self.kernel) * self._image(input_shape)[2]

    def _image(self, shape: Shape) -> tuple[int, int, int]:
        if len(shape) not in (2, 3):
            raise self.misfit("images: (batch, height, width, channels) or (batch, height, width)", shape)
        return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


class Pool(Layer):
    """Windows over an image, each reduced to one number per channel; rows that fill no window are left out.

    Args:
        size: the window's height and width; one number for a square.
        stride: steps down and across; the window's size if left out.
    """

    def __init__(self, size: int | Pair = 2, stride: int | Pair | None = None):
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise self.misfit("images: (batch, height, width, channels)", input_shape)
        if self.size[0] > input_shape[0] or self.size[1] > input_shape[1]:
            needs = f"images of at least {self.size[0]}x{self.size[1]} for its window"
            raise self.misfit(needs, input_shape, "use a smaller window, or fewer pools before it")
        sizes = zip(input_shape[:2], self.size, self.stride, strict=True)
        return *(window_count(size, window, s, "valid") for size, window, s in sizes), input_shape[2]


class MaxPool(Pool):
    """The largest value of every window, channel by channel.

    Args:
        size: the window's height and width; one number for a square.
        stride: steps down and across; the window's size if left out.

    Example:
        >>> MaxPool(2)(Tensor(np.arange(16.0).reshape(1, 4, 4, 1))).data.reshape(2, 2)
        array([[ 5.,  7.],
               [13., 15.]])
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.max_pool2d(x, self.size, self.stride)


class AvgPool(Pool):
    """The mean of every window, channel by channel.

    Args:
        size: the window's height and width; one number for a square.
        stride: steps down and across; the window's size if left out.

    Example:
        >>> AvgPool(2)(Tensor(np.arange(16.0).reshape(1, 4, 4, 1))).data.reshape(2, 2)
        array([[ 2.5,  4.5],
               [10.5, 12.5]])
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.avg_pool2d(x, self.size, self.stride)
