"""The activations that a header computes: one row each, for float32, for int8 and for what both are compared with.

To export another activation, add its row here. It must never fall: a max pool may then be taken before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brainbox_core import layers
from brainbox_core.exact import float_math

Function = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Activation:
    """How one activation is computed.

    Attributes:
        layer: the layer that stands for it; its `slope`, where it has one, goes along.
        c: the float32 expression in C of VALUE, which may stand there several times; with NAME, the prefix of
            identifiers, and SLOPE.
        float32: of (numbers, slope), the same in NumPy, bit for bit.
        real: of (numbers, slope), in float64: what the tables of int8 are made of.
        straight: whether it is the number itself above 0, and slope times the number below: int8 then needs no table,
            and rounds once.
        edge: beyond this and its negative a table need not look: the result is the same in 8 bits.
        result: scale and zero of the result in int8, where the range is known without looking at data.
    """

    layer: type[layers.Layer] | None
    c: str
    float32: Function
    real: Function
    straight: bool = False
    edge: float = math.inf
    result: tuple[float, int] | None = None


def _same(x: np.ndarray, slope: float) -> np.ndarray:
    return x


def _relu(x: np.ndarray, slope: float) -> np.ndarray:
    return np.where(x < 0, x.dtype.type(0), x)


def _leaky(x: np.ndarray, slope: float) -> np.ndarray:
    return np.where(x > 0, x, x * x.dtype.type(slope))


ACTIVATIONS = {
    "linear": Activation(None, "VALUE", _same, _same, straight=True),
    "relu": Activation(layers.ReLU, "(VALUE < 0.0f ? 0.0f : VALUE)", _relu, _relu, straight=True),
    "leakyrelu": Activation(
        layers.LeakyReLU, "(VALUE > 0.0f ? VALUE : NAME_PRODUCT(VALUE, SLOPE))", _leaky, _leaky, straight=True
    ),
    "sigmoid": Activation(
        layers.Sigmoid,
        "NAME_sigmoid(VALUE)",
        lambda x, slope: float_math.sigmoid(x),
        lambda x, slope: 0.5 * np.tanh(0.5 * x) + 0.5,
        edge=6.25,
        result=(1 / 256, -128),
    ),
    "tanh": Activation(
        layers.Tanh,
        "NAME_tanh(VALUE)",
        lambda x, slope: float_math.tanh(x),
        lambda x, slope: np.tanh(x),
        edge=3.5,
        result=(1 / 128, 0),
    ),
}


def name_of(layer: layers.Layer) -> str | None:
    """The name of the row that stands for a layer.

    Example:
        >>> name_of(layers.LeakyReLU()), name_of(layers.Flatten())
        ('leakyrelu', None)
    """
    return next((name for name, row in ACTIVATIONS.items() if row.layer is type(layer)), None)
