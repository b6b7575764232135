"""A chain of layers as the few fused steps that a device computes, one after another.

    Conv2D, BatchNorm, ReLU, MaxPool, Flatten, Dropout, Linear  ->  conv2d_0+relu+maxpool, linear_0

A batch normalisation is folded into the linear map before it, a dropout is nothing, a flatten only renames the shape.
What is left is a list of steps that all look alike: one linear map (or none), one activation, one pool (or none).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from brainbox_core import layers
from brainbox_core.errors import InputError, UsageError
from brainbox_core.export.network.activations import ACTIVATIONS, name_of
from brainbox_core.kernels.convolution import Padding, Pair
from brainbox_core.layers import Layer, pooling
from brainbox_core.model.sequential import Sequential

Image = tuple[int, int, int]  # height, width, channels; a vector is 1 x 1 x n

# Beside the activations.
_SUPPORTED: tuple[type[Layer], ...] = (
    *(layers.Linear, layers.Conv2D, layers.MaxPool, layers.AvgPool, layers.Flatten, layers.Softmax, layers.Dropout),
    layers.BatchNorm,
)


@dataclass(frozen=True)
class Pool:
    """Windows that are reduced to one number per channel; they never reach outside the image.

    Attributes:
        kind: "max" or "avg".
        size: height and width of a window.
        stride: steps down and across.
    """

    kind: str
    size: Pair
    stride: Pair


@dataclass(frozen=True)
class Step:
    """One linear map, then an activation, then a pool, on images of (height, width, channels) in that memory order.

    A max pool may as well be taken before the activation: no activation here falls anywhere, so the largest number
    stays the largest. An average pool comes after it. A pool shares a step with a convolution only if its windows do
    not overlap, so that no convolution is computed twice.

    Attributes:
        kind: "conv", "linear" (takes the whole image as one vector), "scale" ((x - offset) * weight + bias of each
            channel), "identity" (no map: an activation or a pool alone) or "softmax" (over the channels, nothing else).
        layers: the names of the layers that the step is made of, in their order.
        input_shape: (height, width, channels).
        output_shape: (height, width, channels), after the pool.
        weight: conv (kernel height, kernel width, input channels, channels), linear (inputs, units),
            scale (channels,), else None; float32, as is the bias.
        bias: one per output channel, None where there is no weight.
        offset: of a scale, float32 per channel, or None for 0. Numbers far from 0 keep their digits if it goes first.
        map_output: the name of the last layer of the linear map, a folded batch normalisation included; "" without.
        stride: of the convolution, down and across.
        padding: zeros around the image for the convolution: ((above, below), (left, right)).
        activation: a name of `ACTIVATIONS`.
        slope: what a straight activation multiplies numbers below 0 with.
        pool: after that, or None.
    """

    kind: str
    layers: tuple[str, ...]
    input_shape: Image
    output_shape: Image
    weight: np.ndarray | None = field(default=None, repr=False)
    bias: np.ndarray | None = field(default=None, repr=False)
    offset: np.ndarray | None = field(default=None, repr=False)
    map_output: str = ""
    stride: Pair = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    activation: str = "linear"
    slope: float = 1.0
    pool: Pool | None = None

    @property
    def learned(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of a step that has them."""
        if self.weight is None or self.bias is None:
            raise UsageError("has no weights", where=self.title)
        return self.weight, self.bias

    @property
    def pool_size(self) -> Pair:
        """Rows and columns of the pool's window; of a single place where there is no pool."""
        return self.pool.size if self.pool else (1, 1)

    @property
    def averages(self) -> bool:
        """Whether it ends with an average pool."""
        return self.pool is not None and self.pool.kind == "avg"

    @property
    def padded(self) -> bool:
        """Whether there are zeros around the image."""
        return any(zeros for side in self.padding for zeros in side)

    @property
    def title(self) -> str:
        """The layers in a few characters: `conv2d_0+relu+maxpool`."""
        first, *others = self.layers
        return "+".join([first, *(name.rsplit("_", 1)[0] for name in others)])

    @property
    def map_shape(self) -> Image:
        """Height, width and channels of what the linear map gives, before the pool."""
        h, w, _ = self.input_shape
        if self.kind == "linear":
            return (1, 1, self.learned[0].shape[1])
        if self.kind != "conv":
            return self.input_shape
        (top, bottom), (left, right) = self.padding
        kh, kw, _, filters = self.learned[0].shape
        return (h + top + bottom - kh) // self.stride[0] + 1, (w + left + right - kw) // self.stride[1] + 1, filters

    @property
    def span(self) -> Pair:
        """Rows and columns of the input that one output looks at, the zeros around the image included."""
        kh, kw = self.learned[0].shape[:2] if self.kind == "conv" else (1, 1)
        ph, pw = self.pool_size
        return (ph - 1) * self.stride[0] + kh, (pw - 1) * self.stride[1] + kw

    @property
    def advance(self) -> Pair:
        """Rows and columns of the input from one output to the next."""
        ph, pw = self.pool.stride if self.pool else (1, 1)
        return ph * self.stride[0], pw * self.stride[1]

    @property
    def multiply_adds(self) -> int:
        """How many multiplications with additions one input takes; results that no pool looks at are not computed."""
        return 0 if self.weight is None else math.prod((*self.output_shape[:2], *self.pool_size)) * self.weight.size

    @property
    def parameters(self) -> int:
        """How many numbers of weights and bias the step holds."""
        return sum(array.size for array in self.learned) if self.weight is not None else 0


@dataclass(frozen=True)
class Program:
    """What a device computes for one input.

    Attributes:
        input_shape: (height, width, channels).
        pixels: whether the input is bytes 0 to 255 that stand for 0 to 1, and not floats.
        steps: one after another; each takes what the one before gave.
    """

    input_shape: Image
    pixels: bool
    steps: tuple[Step, ...]

    @property
    def output_shape(self) -> Image:
        """(height, width, channels) of the result."""
        return self.steps[-1].output_shape


def lower(model: Sequential) -> Program:
    """The steps that compute a built model's predictions.

    The input is bytes if `model.meta["input"]` is "uint8", else floats.

    Raises:
        InputError: a layer cannot be exported, or a weight is not finite.

    Example:
        >>> import braininabox as bb
        >>> chain = [bb.layers.Conv2D(4), bb.layers.BatchNorm(), bb.layers.ReLU(), bb.layers.MaxPool(2)]
        >>> model = bb.Sequential([*chain, bb.layers.Flatten(), bb.layers.Dropout(), bb.layers.Linear(3)])
        >>> model.build((12, 12))
        (3,)
        >>> [(step.title, step.output_shape) for step in lower(model).steps]
        [('conv2d_0+batchnorm+relu+maxpool', (5, 5, 4)), ('linear_0', (1, 1, 3))]
    """
    if not model.built:
        raise InputError("the model is not built, so there are no weights to export", fix="fit() it first")
    chain = _Chain(model.input_shape)
    with np.errstate(all="ignore"):  # what a normalisation makes not finite is refused below, by the step's name
        for layer in model.layers:
            chain.add(layer)
    if not chain.steps:
        raise InputError("the model computes nothing", fix="add a layer that does: bb.layers.Linear(units)")
    for step in chain.steps:
        learned = (array for array in (step.weight, step.bias, step.offset) if array is not None)
        if not all(np.isfinite(array).all() for array in learned):
            raise InputError(f"the weights of {step.title} are not finite", fix="train the model again")
    return Program(chain.steps[0].input_shape, model.meta.get("input") == "uint8", tuple(chain.steps))


class _Chain:
    """The steps so far, and the shape that the next layer sees."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self.steps: list[Step] = []

    def add(self, layer: Layer) -> None:
        """Take one more layer in, into the last step if it fits there."""
        activation = name_of(layer)
        if activation is None and type(layer) not in _SUPPORTED:
            kinds = [*_SUPPORTED, *(row.layer for row in ACTIVATIONS.values() if row.layer)]
            what = f"{layer.label} ({type(layer).__name__}) cannot be exported"
            expected = f"one of {', '.join(kind.__name__ for kind in kinds)}"
            raise InputError(what, expected=expected, fix="replace the layer, or train without it")
        shape, before, self.shape = self.shape, _image(self.shape), layer.output_shape(self.shape)
        if activation is not None:
            self._activate(layer, before, activation)
        elif isinstance(layer, layers.Conv2D):
            if layer.dilation != (1, 1):
                what = f"{layer.label} (Conv2D with dilation={layer.dilation}) cannot be exported"
                raise InputError(what, expected="dilation=1", fix="replace the layer, or train without it")
            height, width, *_ = shape
            image = (height, width, layer.weight.data.shape[2])
            self._append("conv", layer, image, *_of(layer), stride=layer.stride, padding=layer.zeros)
        elif isinstance(layer, layers.Linear):
            # The image before a flattening, whose rows it can take one by one.
            self._append("linear", layer, self.steps[-1].output_shape if self.steps else before, *_of(layer))
        elif isinstance(layer, layers.BatchNorm):
            self._normalise(layer, before)
        elif isinstance(layer, pooling.Pool):
            self._pool(layer, before)
        elif isinstance(layer, layers.Softmax):
            self._append("softmax", layer, before)

    def _append(
        self,
        kind: str,
        layer: Layer,
        shape: Image,
        weight: np.ndarray | None = None,
        bias: np.ndarray | None = None,
        **settings: Any,
    ) -> None:
        output = "" if weight is None else layer.name
        step = Step(kind, (layer.name,), shape, shape, weight, bias, map_output=output, **settings)
        self.steps.append(replace(step, output_shape=_image(self.shape) if step.pool else step.map_shape))

    def _extend(self, layer: Layer, **changes: Any) -> None:
        last = self.steps[-1]
        self.steps[-1] = replace(last, layers=(*last.layers, layer.name), **changes)

    def _normalise(self, layer: layers.BatchNorm, shape: Image) -> None:
        gain, shift = (parameter.data.astype(np.float64) for parameter in (layer.gain, layer.shift))
        mean, variance = layer.buffers["mean"].astype(np.float64), layer.buffers["variance"].astype(np.float64)
        scale = gain / np.sqrt(variance + layer.epsilon)
        last = self.steps[-1] if self.steps else None
        if (
            last is None
            or last.weight is None
            or last.activation != "linear"
            or last.pool
            or last.output_shape[2] != shape[2]
        ):
            learned = (x.astype(np.float32) for x in (scale, shift))
            self._append("scale", layer, shape, *learned, offset=mean.astype(np.float32))
        else:
            weight, bias = last.learned
            weight, bias = (weight * scale).astype(np.float32), ((bias - mean) * scale + shift).astype(np.float32)
            self._extend(layer, weight=weight, bias=bias, map_output=layer.name)

    def _pool(self, layer: pooling.Pool, shape: Image) -> None:
        pool = Pool("max" if isinstance(layer, layers.MaxPool) else "avg", layer.size, layer.stride)
        last = self.steps[-1] if self.steps else None
        if (
            not last
            or last.pool
            or last.kind == "softmax"
            or last.output_shape != shape
            or (last.kind == "conv" and (pool.stride[0] < pool.size[0] or pool.stride[1] < pool.size[1]))
            or (pool.kind == "avg" and last.activation not in ("linear", "relu"))
        ):
            self._append("identity", layer, shape, pool=pool)
        else:
            self._extend(layer, pool=pool, output_shape=_image(self.shape))

    def _activate(self, layer: Layer, shape: Image, name: str) -> None:
        # ReLU is straight with nothing below 0.
        changes: dict[str, Any] = {"activation": name, "slope": float(getattr(layer, "slope", 0))}
        last = self.steps[-1] if self.steps else None
        if not last or last.kind == "softmax" or last.activation != "linear" or last.averages:
            self._append("identity", layer, shape, **changes)
        else:
            self._extend(layer, **changes)


def _of(layer: layers.Linear | layers.Conv2D) -> tuple[np.ndarray, np.ndarray]:
    """A copy of what a layer learned."""
    return layer.weight.data.copy(), layer.bias.data.copy()


def _image(shape: tuple[int, ...]) -> Image:
    """The shape of one input as (height, width, channels), the last axis being the channels."""
    *others, channels = shape
    return (others[0], others[1], channels) if len(others) == 2 else (math.prod(others), 1, channels)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as `13x13x16`; a vector as its length.

    Example:
        >>> shape_text((13, 13, 16)), shape_text((1, 1, 10))
        ('13x13x16', '10')
    """
    sizes = list(shape)
    return str(sizes[-1]) if math.prod(sizes) == sizes[-1] else "x".join(map(str, sizes))
