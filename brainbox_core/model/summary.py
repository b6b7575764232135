"""A model as a table: what each layer makes, learns and costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from brainbox_core.layers.base import Layer, Shape, learned
from brainbox_core.screen.display import fitted


@dataclass(frozen=True)
class Row:
    """One layer, for one input.

    Its name, kind, output shape, parameters, multiply-adds, bytes of output (float32), and how many of the parameters
    are frozen.
    """

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    multiply_adds: int
    activation_bytes: int
    not_trained: int = 0


@dataclass(frozen=True)
class Summary:
    """All layers of a model; `print()` shows the table.

    Attributes:
        input_shape: of one input.
        rows: a layer each.
    """

    input_shape: Shape
    rows: list[Row]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def not_trained(self) -> int:
        return sum(row.not_trained for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    @property
    def text(self) -> str:
        """The table in fixed width, with totals in bytes of float32 and of int8."""
        head = ("layer", "output", "parameters", "multiply-adds", "activations")
        cells = [head, ("input", _size(self.input_shape), "", "", "")]
        for row in self.rows:
            numbers = (f"{row.parameters:,}", f"{row.multiply_adds:,}", f"{row.activation_bytes:,} B")
            cells.append((row.name, _size(row.output_shape), *numbers))
        lines, total = fitted(cells, sys.maxsize, left=2), self.parameters
        lines.append(f"{total:,} parameters: {4 * total:,} B in float32, {total:,} B in int8")
        if self.not_trained:
            lines.append(f"{self.not_trained:,} of them not trained")
        lines.append(f"{self.multiply_adds:,} multiply-adds an input")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def summarize(layers: Sequence[Layer], shapes: Sequence[Shape]) -> Summary:
    """The summary of layers from the shapes of one input and of one output of each layer."""
    rows = []
    for layer, before, after in zip(layers, shapes, shapes[1:], strict=False):
        cost = layer.cost(before)
        frozen = sum(parameter.size for parameter in learned([layer]).values() if not parameter.requires_grad)
        numbers = cost.parameters, cost.multiply_adds, 4 * cost.outputs, frozen
        rows.append(Row(layer.name, type(layer).__name__, after, *numbers))
    return Summary(shapes[0], rows)


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape))
