"""Layers of vectors: all inputs to all outputs (Linear), images to vectors (Flatten), ids to vectors (Embedding)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brainbox_core import functional
from brainbox_core.errors import UsageError, between, whole
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.layers import initializers
from brainbox_core.layers.activation import Activated
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor


class Linear(Activated):
    """x @ weight + bias: every output is a weighted sum of all inputs.

    Args:
        units: how many outputs.
        initializer: how the weights start: "he", "glorot", "lecun" or "zeros"; the bias starts at 0.
        activation: what comes behind, a name such as "relu" or a layer; None for nothing.
        l2: the penalty l2 * sum(weight²) in the loss of a training, from 0; none by default.

    Shape:
        (batch, inputs) -> (batch, units), and (batch, time, inputs) -> (batch, time, units), every step alike;
        weight (inputs, units), bias (units,). The inputs of a model's first layer may be `SparseRows`.

    Example:
        >>> layer = Linear(2, initializer="zeros")
        >>> layer.build((3,), np.random.default_rng(0))
        (2,)
        >>> layer(Tensor(np.ones((1, 3)))).shape
        (1, 2)
    """

    stepwise = True

    def __init__(self, units: int, initializer: str = "he", activation: Any = None, l2: float = 0.0):
        super().__init__(activation)
        self.units = whole("units", units)
        self.initializer, self.l2 = initializer, between("l2", l2, 0)
        initializers.named(initializer)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in (1, 2):
            raise self.misfit("(batch, features)", input_shape, "add bb.layers.Flatten() before it")
        return *input_shape[:-1], self.units

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shapes = self.parameter_shapes(input_shape)
        self.weight = self.parameter("weight", initializers.named(self.initializer)(shapes["weight"], rng))
        self.bias = self.parameter("bias", np.zeros(shapes["bias"], np.float32))
        return self.output_shape(input_shape)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        self.output_shape(input_shape)
        return {"weight": (input_shape[-1], self.units), "bias": (self.units,)}

    def __call__(self, x: Tensor | SparseRows, training: bool = False) -> Tensor:
        self.output_shape(x.shape[1:])
        if isinstance(x, SparseRows):
            return functional.sparse_linear(x, self.weight, self.bias)
        return functional.linear(x, self.weight, self.bias)

    def multiply_adds(self, input_shape: Shape) -> int:
        return math.prod(input_shape) * self.units


class Flatten(Layer):
    """Every input as one vector, row by row.

    Shape:
        (batch, ...) -> (batch, product of the rest).

    Example:
        >>> Flatten()(Tensor(np.zeros((2, 13, 13, 4)))).shape
        (2, 676)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return x.reshape(len(x), math.prod(x.shape[1:]))


class Embedding(Layer):
    """A vector to learn for each of a number of ids (words, characters): row i of a table stands for id i.

    Args:
        ids: how many there are; inputs are whole numbers from 0 to ids - 1.
        dim: the length of each vector.
        padding: the id that stands for nothing; its vector is 0 and stays so.

    Shape:
        (batch, ...) -> (batch, ..., dim); table (ids, dim), which starts normal with deviation 1.

    Example:
        >>> layer = Embedding(ids=5, dim=2)
        >>> layer.build((3,), np.random.default_rng(0))
        (3, 2)
        >>> layer(Tensor([[0, 4, 4]])).shape
        (1, 3, 2)
    """

    takes_ids = stepwise = True

    def __init__(self, ids: int, dim: int, padding: int | None = None):
        self.ids, self.dim = whole("ids", ids), whole("dim", dim)
        self.padding = None if padding is None else whole("padding", padding, 0, self.ids - 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.dim)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        table = initializers.normal((self.ids, self.dim), rng)
        if self.padding is not None:
            table[self.padding] = 0
        self.table = self.parameter("table", table)
        return self.output_shape(input_shape)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"table": (self.ids, self.dim)}

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.embedding(self.table, whole_ids(self, self.ids, x), self.padding)


def whole_ids(layer: Layer, count: int, x: Tensor) -> np.ndarray:
    """The ids that a layer looks up, as whole numbers from 0 to count - 1; anything else is refused."""
    with np.errstate(invalid="ignore"):  # what is no whole number is told below
        ids = x.data.real.astype(np.intp)
    exact = 2 / np.finfo(x.dtype).eps  # from there on, a float stands for more than one id
    if ids.size and ids.max() >= exact:
        got = f"{ids.max()} as {x.dtype}"
        fix = "give them to predict() or fit() as an array of whole numbers, or as float64"
        raise UsageError(f"{layer.label} looks up ids", expected=f"below {exact:.0f}", got=got, fix=fix)
    if ids.size and not (ids.min() >= 0 and ids.max() < count and (ids == x.data).all()):
        raise UsageError(
            f"{layer.label} looks up ids",
            expected=f"whole numbers from 0 to {count - 1}",
            got=f"values from {x.data.real.min():g} to {x.data.real.max():g}",
        )
    return ids
