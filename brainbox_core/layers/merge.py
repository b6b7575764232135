"""Layers of several inputs: where paths of a network come together."""

from __future__ import annotations

from collections.abc import Sequence

from brainbox_core import functional
from brainbox_core.errors import UsageError, whole
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor


class Merge(Layer):
    """What the layers of several inputs have in common. They are called with a list: `Add()([a, b])`."""

    def _several(self, shapes: Sequence[Shape]) -> list[Shape]:
        if not isinstance(shapes, list) or len(shapes) < 2:
            name = type(self).__name__
            raise UsageError(f"{self.label} needs several inputs", got=repr(shapes), fix=f"bb.layers.{name}()([a, b])")
        return shapes


class Add(Merge):
    """The sum of inputs of one shape, such as of a path and of what goes round it (He et al. 2016).

    Example:
        >>> Add()([Tensor([[1.0, 2.0]]), Tensor([[10.0, 20.0]])]).data
        array([[11., 22.]], dtype=float32)
    """

    stepwise = True

    def output_shape(self, input_shape: list[Shape]) -> Shape:  # type: ignore[override]  # of several inputs
        first, *others = self._several(input_shape)
        if any(shape != first for shape in others):
            raise UsageError(f"{self.label} adds inputs of one shape", got=", ".join(map(str, input_shape)))
        return first

    def __call__(self, x: Sequence[Tensor], training: bool = False) -> Tensor:  # type: ignore[override]
        self.output_shape([part.shape[1:] for part in x])
        total, *others = x
        for other in others:
            total = total + other
        return total


class Concatenate(Merge):
    """Inputs one after the other along an axis.

    Args:
        axis: of one input, without the batch axis; -1 for features or channels.

    Example:
        >>> Concatenate()([Tensor([[1.0, 2.0]]), Tensor([[3.0]])]).data
        array([[1., 2., 3.]], dtype=float32)
    """

    def __init__(self, axis: int = -1):
        self.axis = whole("axis", axis, least=-64)
        self.stepwise = self.axis == -1 or self.axis > 0  # axis 0 is the steps, and from the end it may be

    def output_shape(self, input_shape: list[Shape]) -> Shape:  # type: ignore[override]  # of several inputs
        first, *others = shapes = self._several(input_shape)
        axis = self.axis if self.axis >= 0 else len(first) + self.axis
        if not 0 <= axis < len(first) or any(_without(shape, axis) != _without(first, axis) for shape in others):
            needs = f"inputs that differ in axis {self.axis} alone"
            raise UsageError(f"{self.label} needs {needs}", got=", ".join(map(str, shapes)))
        return *first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]

    def __call__(self, x: Sequence[Tensor], training: bool = False) -> Tensor:  # type: ignore[override]
        self.output_shape([part.shape[1:] for part in x])
        return functional.concat(x, self.axis if self.axis < 0 else self.axis + 1)


def _without(shape: Shape, axis: int) -> tuple[int, Shape]:
    """The number of axes, and all sizes but one."""
    return len(shape), (*shape[:axis], *shape[axis + 1 :])
