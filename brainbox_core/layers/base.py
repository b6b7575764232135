"""What every layer has: parameters, a name, shape arithmetic, a cost, and settings that can rebuild it."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.parameters import Parameter
from brainbox_core.tensor import Tensor, no_grad

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What one input costs a layer: multiplications with additions, parameters, and numbers in the output."""

    multiply_adds: int
    parameters: int
    outputs: int


class Layer:
    """A function from tensor to tensor. Subclass it for a layer of your own; `fit` needs no registration.

    Shapes are those of one input, without the batch axis. A subclass defines `__call__` and, if it learns something,
    `build`, where it makes its parameters.

    Attributes:
        parameters: what training changes, by name, made in `build` with `self.parameter(...)`.
        buffers: other arrays that belong to the trained layer, such as running means.
        name: `linear_0` once part of a model, the layer's kind before.
        position: its place in the model, from 0; None while it is part of none.
        step: the training step, kept up to date by the model; it keys the randomness of Dropout.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape, rng):
        ...         self.gain = self.parameter("gain", np.ones(input_shape, np.float32))
        ...         return input_shape
        ...
        ...     def __call__(self, x, training=False):
        ...         return x * self.gain
        >>> scale = Scale()
        >>> scale.build((3,), np.random.default_rng(0))
        (3,)
        >>> scale(Tensor([[1.0, 2.0, 3.0]])).data
        array([[1., 2., 3.]], dtype=float32)
    """

    parameters: dict[str, Parameter]
    buffers: dict[str, np.ndarray]
    name: str
    position: int | None
    step: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # not in __init__, which a subclass may forget to call
        self = super().__new__(cls)
        self.parameters, self.buffers = {}, {}
        self.name, self.position, self.step = cls.__name__.lower(), None, 0
        return self

    @property
    def takes_ids(self) -> bool:
        """Whether the inputs are whole numbers to look up instead of quantities."""
        return False

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        """Make the parameters for inputs of a shape, and say the shape of the outputs."""
        return self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output, or a UsageError if such inputs do not fit. Found by trying, unless overridden."""
        with no_grad():
            return self(Tensor(np.zeros((1, *input_shape), np.float32))).shape[1:]

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        raise UsageError(f"{self.label} computes nothing", fix="define __call__(self, x, training=False)")

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """The shapes of the parameters that `build` would make, known before any memory is taken for them."""
        return {name: parameter.shape for name, parameter in self.parameters.items()}

    def multiply_adds(self, input_shape: Shape) -> int:
        """How many multiplications with additions one input takes; 0 where there are none worth counting."""
        return 0

    def cost(self, input_shape: Shape) -> Cost:
        """What one input of a shape costs."""
        count = sum(math.prod(shape) for shape in self.parameter_shapes(input_shape).values())
        return Cost(self.multiply_adds(input_shape), count, math.prod(self.output_shape(input_shape)))

    def config(self) -> dict[str, Any]:
        """The arguments that would make this layer again, in JSON types."""
        if type(self).__init__ is object.__init__:
            return {}
        arguments = list(inspect.signature(type(self).__init__).parameters)[1:]
        values = {name: getattr(self, name) for name in arguments}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def parameter(self, name: str, data: np.ndarray) -> Parameter:
        """Add a parameter that starts as an array."""
        self.parameters[name] = Parameter(data)
        return self.parameters[name]

    @property
    def label(self) -> str:
        """How errors call the layer: `layer 3 'linear_0'`, or its kind if it is part of no model."""
        return type(self).__name__ if self.position is None else f"layer {self.position} '{self.name}'"

    def misfit(self, needs: str, input_shape: Shape, fix: str = "") -> UsageError:
        """The error for inputs that do not fit, to be raised."""
        got = ", ".join(map(str, ("batch", *input_shape)))
        return UsageError(f"{self.label} needs {needs}", got=f"({got})", fix=fix)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"
