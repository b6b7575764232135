"""Layers whose kernels slide over images or sequences (convolutions), and zeros around those (ZeroPadding)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from brainbox_core import functional
from brainbox_core.errors import UsageError, between, pair, whole
from brainbox_core.kernels.convolution import Pair, kernel_span, same_padding, window_count
from brainbox_core.layers import initializers
from brainbox_core.layers.activation import Activated
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor

# Zeros before and after an axis, from its size, the span of the kernel and the stride.
_PADDINGS: dict[str, Callable[[int, int, int], Pair]] = {
    "valid": lambda size, span, stride: (0, 0),
    "same": same_padding,
    "causal": lambda size, span, stride: (span - 1, 0),
}


class Convolution(Activated):
    """What convolutions have in common: where their kernels lie on the inputs, and so the shape of the result.

    Args:
        kernel: the height and width of a kernel; a number for sequences.
        stride: steps from one place to the next.
        padding: "valid", "same" or, for sequences, "causal".
        initializer: how the kernels start.
        activation: what comes behind.
        dilation: steps between the numbers that a kernel meets.
        l2: the penalty on large kernels.
    """

    axes = 2  # that the kernels slide along
    needs = "images: (batch, height, width, channels) or (batch, height, width)"

    def __init__(
        self,
        kernel: int | Pair,
        stride: int | Pair,
        padding: str,
        initializer: str,
        activation: Any,
        dilation: int | Pair,
        l2: float,
    ):
        super().__init__(activation)
        number: Callable[[str, object], Any] = pair if self.axes == 2 else whole
        self.kernel, self.stride = number("kernel", kernel), number("stride", stride)
        self.dilation = number("dilation", dilation)
        paddings = [*_PADDINGS] if self.axes == 1 else ["valid", "same"]
        if padding not in paddings:
            raise UsageError("padding", expected=" or ".join(map(repr, paddings)), got=repr(padding))
        self.padding, self.initializer, self.l2 = padding, initializer, between("l2", l2, 0)
        initializers.named(initializer)

    def output_shape(self, input_shape: Shape) -> Shape:
        *sizes, c = self._with_channels(input_shape)
        sides = self._sides(input_shape)
        square = self.axes == 2 and sizes[0] in (1, 3, 4) and sizes[1] == c
        if self.padding == "valid" and any(span > size for size, span, _ in sides):
            fix = "use a smaller kernel, padding='same', or fewer convolutions and pools before it"
            if square:
                fix = "images are (height, width, channels): X.transpose(0, 2, 3, 1)"
            spans = "x".join(str(span) for _, span, _ in sides)
            raise self.misfit(f"{self.needs.partition(':')[0]} of at least {spans} for its kernel", input_shape, fix)
        if self.position == 0 and square and c > 4:
            raise self.misfit(
                "(batch, height, width, channels) and these look channels first",
                input_shape,
                "X.transpose(0, 2, 3, 1)",
            )
        return *(window_count(*side, self.padding) for side in sides), *self.parameter_shapes(input_shape)["bias"]

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape, shapes = self.output_shape(input_shape), self.parameter_shapes(input_shape)
        self.weight = self.parameter("kernel", initializers.named(self.initializer)(shapes["kernel"], rng))
        self.bias = self.parameter("bias", np.zeros(shapes["bias"], np.float32))
        self.zeros = self._zeros(input_shape)
        return shape

    def multiply_adds(self, input_shape: Shape) -> int:
        *places, _ = self.output_shape(input_shape)
        shapes = self.parameter_shapes(input_shape)
        return math.prod(places) * sum(math.prod(shape) for name, shape in shapes.items() if name != "bias")

    def _sides(self, input_shape: Shape) -> list[tuple[int, int, int]]:
        """Of every axis that the kernels slide along its size, how far a kernel reaches, and the stride."""
        settings = ((n,) if self.axes == 1 else n for n in (self.kernel, self.dilation, self.stride))
        sides = zip(input_shape, *settings, strict=False)  # the channels come behind
        return [(size, kernel_span(kernel, dilation), stride) for size, kernel, dilation, stride in sides]

    def _zeros(self, input_shape: Shape) -> Any:
        """Zeros before and after every axis that the kernels slide along."""
        return tuple(_PADDINGS[self.padding](*side) for side in self._sides(input_shape))

    def _with_channels(self, shape: Shape) -> Shape:
        """The shape of an input; what has no axis of channels has one channel."""
        if len(shape) not in (self.axes, self.axes + 1):
            raise self.misfit(self.needs, shape)
        return shape if len(shape) > self.axes else (*shape, 1)

    def _channelled(self, x: Tensor) -> Tensor:
        return x if x.ndim > self.axes + 1 else x.reshape(*x.shape, 1)


class Conv2D(Convolution):
    """Slides small kernels over an image; each makes one channel of the result (correlation, as is usual in networks).

    Args:
        filters: how many kernels, and so channels of the result.
        kernel: their height and width; one number for a square.
        stride: steps down and across.
        padding: "valid" (windows stay inside) or "same" (zeros around, so that stride 1 keeps the size).
        initializer: how the kernels start: "he", "glorot", "lecun" or "zeros"; the bias starts at 0.
        activation: what comes behind, a name such as "relu" or a layer; None for nothing.
        dilation: rows and columns from one number that a kernel meets to the next; above 1 it reaches further with as
            many weights (Yu and Koltun 2016).
        l2: the penalty l2 * sum(kernel²) in the loss of a training, from 0; none by default.

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
        dilation: int | Pair = 1,
        l2: float = 0.0,
    ):
        super().__init__(kernel, stride, padding, initializer, activation, dilation, l2)
        self.filters = whole("filters", filters)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"kernel": (*self.kernel, self._with_channels(input_shape)[-1], self.filters), "bias": (self.filters,)}

    def __call__(self, x: Tensor, training: bool = False, pool: Pair = (1, 1)) -> Tensor:
        """The convolution; with `pool`, only the largest result of every window of that size, side by side."""
        x = self._channelled(x)
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.zeros, pool, self.dilation)


class Conv1D(Convolution):
    """Slides small kernels along a sequence; each makes one channel of the result.

    Args:
        filters: how many kernels, and so channels of the result.
        kernel: their length.
        stride: steps along the sequence.
        padding: "valid" (windows stay inside), "same" (zeros around, so that stride 1 keeps the length) or "causal"
            (all zeros before the sequence, so that no result looks ahead; van den Oord et al. 2016).
        initializer: how the kernels start: "he", "glorot", "lecun" or "zeros"; the bias starts at 0.
        activation: what comes behind, a name such as "relu" or a layer; None for nothing.
        dilation: steps from one number that a kernel meets to the next.
        l2: the penalty l2 * sum(kernel²) in the loss of a training, from 0; none by default.

    Shape:
        (batch, length, channels) or (batch, length) -> (batch, new length, filters);
        kernel (length, channels, filters), bias (filters,).

    Example:
        >>> layer = Conv1D(8, kernel=3, padding="causal", dilation=2)
        >>> layer.build((20, 4), np.random.default_rng(0))
        (20, 8)
        >>> layer(Tensor(np.zeros((1, 20, 4)))).shape
        (1, 20, 8)
    """

    axes = 1
    needs = "sequences: (batch, length, channels) or (batch, length)"

    def __init__(
        self,
        filters: int,
        kernel: int = 3,
        stride: int = 1,
        padding: str = "valid",
        initializer: str = "he",
        activation: Any = None,
        dilation: int = 1,
        l2: float = 0.0,
    ):
        super().__init__(kernel, stride, padding, initializer, activation, dilation, l2)
        self.filters = whole("filters", filters)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"kernel": (self.kernel, self._with_channels(input_shape)[-1], self.filters), "bias": (self.filters,)}

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        (zeros,) = self.zeros
        x = self._channelled(x)
        return functional.conv1d(x, self.weight, self.bias, self.stride, zeros, self.dilation)


class DepthwiseConv2D(Convolution):
    """Slides over every channel of an image kernels of its own; channels are not mixed (Howard et al. 2017).

    Args:
        kernel: the height and width of the kernels; one number for a square.
        stride: steps down and across.
        padding: "valid" (windows stay inside) or "same" (zeros around, so that stride 1 keeps the size).
        initializer: how the kernels start: "he", "glorot", "lecun" or "zeros"; the bias starts at 0.
        activation: what comes behind, a name such as "relu" or a layer; None for nothing.
        dilation: rows and columns from one number that a kernel meets to the next.
        depth_multiplier: how many kernels each channel has. Their results lie side by side.
        l2: the penalty l2 * sum(kernel²) in the loss of a training, from 0; none by default.

    Shape:
        (batch, height, width, channels) or (batch, height, width) -> (batch, new height, new width,
        channels * depth_multiplier); kernel (height, width, 1, channels * depth_multiplier), bias (channels *
        depth_multiplier,).

    Example:
        >>> layer = DepthwiseConv2D(3, padding="same", depth_multiplier=2)
        >>> layer.build((28, 28, 16), np.random.default_rng(0))
        (28, 28, 32)
        >>> layer(Tensor(np.zeros((1, 28, 28, 16)))).shape
        (1, 28, 28, 32)
    """

    def __init__(
        self,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        padding: str = "valid",
        initializer: str = "he",
        activation: Any = None,
        dilation: int | Pair = 1,
        depth_multiplier: int = 1,
        l2: float = 0.0,
    ):
        super().__init__(kernel, stride, padding, initializer, activation, dilation, l2)
        self.depth_multiplier = whole("depth_multiplier", depth_multiplier)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        kernels = self._with_channels(input_shape)[-1] * self.depth_multiplier
        return {"kernel": (*self.kernel, 1, kernels), "bias": (kernels,)}

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        x = self._channelled(x)
        return functional.depthwise_conv2d(x, self.weight, self.stride, self.zeros, self.dilation) + self.bias


class SeparableConv2D(Convolution):
    """A convolution in two steps: kernels over each channel by itself, then weighted sums of the channels.

    Both together have far fewer weights than the kernels of Conv2D, which look at all channels at once (Chollet 2017).

    Args:
        filters: how many channels the result has.
        kernel: the height and width of the kernels; one number for a square.
        stride: steps down and across.
        padding: "valid" (windows stay inside) or "same" (zeros around, so that stride 1 keeps the size).
        initializer: how the weights of the sums start: "he", "glorot", "lecun" or "zeros"; the bias starts at 0. The
            kernels start by "lecun", as no activation comes between.
        activation: what comes behind, a name such as "relu" or a layer; None for nothing.
        dilation: rows and columns from one number that a kernel meets to the next.
        depth_multiplier: how many kernels each channel has.
        l2: the penalty l2 * sum(W²) of both weights in the loss of a training, from 0; none by default.

    Shape:
        (batch, height, width, channels) or (batch, height, width) -> (batch, new height, new width, filters);
        depthwise (height, width, 1, channels * depth_multiplier), pointwise (channels * depth_multiplier, filters),
        bias (filters,).

    Example:
        >>> layer = SeparableConv2D(32, kernel=3)
        >>> layer.build((28, 28, 16), np.random.default_rng(0))
        (26, 26, 32)
        >>> layer.cost((28, 28, 16)).parameters, Conv2D(32, kernel=3).cost((28, 28, 16)).parameters
        (688, 4640)
    """

    def __init__(
        self,
        filters: int,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        padding: str = "valid",
        initializer: str = "he",
        activation: Any = None,
        dilation: int | Pair = 1,
        depth_multiplier: int = 1,
        l2: float = 0.0,
    ):
        super().__init__(kernel, stride, padding, initializer, activation, dilation, l2)
        self.filters, self.depth_multiplier = whole("filters", filters), whole("depth_multiplier", depth_multiplier)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        kernels = self._with_channels(input_shape)[-1] * self.depth_multiplier
        depthwise = (*self.kernel, 1, kernels)
        return {"depthwise": depthwise, "pointwise": (kernels, self.filters), "bias": (self.filters,)}

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape, shapes = self.output_shape(input_shape), self.parameter_shapes(input_shape)
        self.depthwise = self.parameter("depthwise", initializers.lecun(shapes["depthwise"], rng))
        self.pointwise = self.parameter("pointwise", initializers.named(self.initializer)(shapes["pointwise"], rng))
        self.bias = self.parameter("bias", np.zeros(shapes["bias"], np.float32))
        self.zeros = self._zeros(input_shape)
        return shape

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        x = self._channelled(x)
        y = functional.depthwise_conv2d(x, self.depthwise, self.stride, self.zeros, self.dilation)
        *places, channels = y.shape
        y = functional.linear(y.reshape(math.prod(places), channels), self.pointwise, self.bias)
        return y.reshape(*places, self.filters)


class ZeroPadding(Layer):
    """Zeros around images, or before and after sequences; for where "same" puts too few or puts them elsewhere.

    Args:
        amount: how many. A number is for every side. Two numbers are for rows and columns of images, or for before and
            after sequences. Two pairs are ((above, below), (left, right)) of images.

    Shape:
        (batch, height, width, channels) or (batch, length, channels) -> the same, larger.

    Example:
        >>> ZeroPadding(((0, 1), (2, 2))).output_shape((28, 28, 3)), ZeroPadding((3, 0)).output_shape((20, 4))
        ((29, 32, 3), (23, 4))
    """

    def __init__(self, amount: int | Pair | tuple[Pair, Pair] = 1):
        self.amount: Any
        if isinstance(amount, tuple | list) and len(amount) == 2:
            check = [pair if isinstance(side, tuple | list) else whole for side in amount]
            self.amount = tuple(one("amount", side, 0) for one, side in zip(check, amount, strict=True))
        else:
            self.amount = whole("amount", amount, 0)

    def output_shape(self, input_shape: Shape) -> Shape:
        widths = [*self._widths(input_shape), (0, 0)]
        return tuple(before + size + after for size, (before, after) in zip(input_shape, widths, strict=True))

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.pad(x, [(0, 0), *self._widths(x.shape[1:]), (0, 0)])

    def _widths(self, shape: Shape) -> list[Pair]:
        """Zeros before and after every axis but that of the channels."""
        sides = self.amount if isinstance(self.amount, tuple) else (self.amount, self.amount)
        if len(shape) == 2 and all(isinstance(side, int) for side in sides):
            return [sides]
        if len(shape) == 3:
            return [side if isinstance(side, tuple) else (side, side) for side in sides]
        needs = "images: (batch, height, width, channels), or with one or two numbers (batch, length, channels)"
        raise self.misfit(needs, shape)
