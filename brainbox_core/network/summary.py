"""A model as a table: what each layer makes, learns and costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from brainbox_core.layers.base import Shape, Shapes
from brainbox_core.network.building import Placed
from brainbox_core.screen.display import fitted


@dataclass(frozen=True)
class Row:
    """One layer, for one input: its name, kind, output shape, parameters, multiply-adds, bytes of output (float32)."""

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """All layers of a model; `print()` shows the table.

    Attributes:
        input_shape: of one input; a list for several inputs.
        rows: a layer each.
    """

    input_shape: Shapes
    rows: list[Row]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

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
        lines.append(f"{self.multiply_adds:,} multiply-adds an input")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def summarize(input_shape: Shapes, placed: Sequence[Placed]) -> Summary:
    """The summary of a built network; a layer that is used again costs no more parameters."""
    rows: list[Row] = []
    for layer, before, after in placed:
        cost = layer.cost(before)  # type: ignore[arg-type]  # as its build() took it
        parameters = 0 if any(row.name == layer.name for row in rows) else cost.parameters
        rows.append(Row(layer.name, type(layer).__name__, after, parameters, cost.multiply_adds, 4 * cost.outputs))
    return Summary(input_shape, rows)


def _size(shapes: Shapes) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in (shapes if isinstance(shapes, list) else [shapes]))
