"""A model as a table: what each layer makes, learns and costs."""

from __future__ import annotations

import html
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from brainbox_core.layers.base import Shape, Shapes, learned
from brainbox_core.network.building import Placed
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


@dataclass(frozen=True, repr=False)
class Summary:
    """All layers of a model; `print()` shows the table, and so do a notebook and, in short, the interactive Python.

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
    def not_trained(self) -> int:
        return sum(row.not_trained for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    @property
    def text(self) -> str:
        """The table in fixed width, with totals in bytes of float32 and of int8."""
        return "\n".join([*self._lines(), *self._totals()])

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        head, inputs, *layers = self._lines()
        return "\n".join([head, inputs, *in_short(layers), *self._totals()])

    def _repr_html_(self) -> str:
        head, *body = (
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th"] + ["td"] * (len(self.rows) + 1), self._cells(), strict=True)
        )
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        totals = "<br>".join(map(html.escape, self._totals()))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><p>{totals}</p>"

    def _cells(self) -> list[tuple[str, ...]]:
        head = ("layer", "output", "parameters", "multiply-adds", "activations")
        cells: list[tuple[str, ...]] = [head, ("input", _size(self.input_shape), "", "", "")]
        for row in self.rows:
            numbers = (f"{row.parameters:,}", f"{row.multiply_adds:,}", f"{row.activation_bytes:,} B")
            cells.append((row.name, _size(row.output_shape), *numbers))
        return cells

    def _lines(self) -> list[str]:
        return fitted(self._cells(), sys.maxsize, left=2)

    def _totals(self) -> list[str]:
        total = self.parameters
        lines = [f"{total:,} parameters: {4 * total:,} B in float32, {total:,} B in int8"]
        if self.not_trained:
            lines.append(f"{self.not_trained:,} of them not trained")
        return [*lines, f"{self.multiply_adds:,} multiply-adds an input"]


def in_short(lines: Sequence[str], most: int = 30) -> list[str]:
    """Lines, of which those in the middle are left out where they are too many.

    Example:
        >>> in_short(["a", "b", "c", "d", "e"], 4)
        ['a', 'b', '... and 1 more', 'd', 'e']
    """
    if len(lines) <= most:
        return list(lines)
    half = most // 2
    return [*lines[:half], f"... and {len(lines) - 2 * half} more", *lines[-half:]]


def summarize(input_shape: Shapes, placed: Sequence[Placed]) -> Summary:
    """The summary of a built network; a layer that is used again costs no more parameters."""
    rows: list[Row] = []
    for layer, before, after in placed:
        cost = layer.cost(before)  # type: ignore[arg-type]  # as its build() took it
        frozen = sum(parameter.size for parameter in learned([layer]).values() if not parameter.requires_grad)
        again = any(row.name == layer.name for row in rows)
        parameters, frozen = (0, 0) if again else (cost.parameters, frozen)
        numbers = parameters, cost.multiply_adds, 4 * cost.outputs, frozen
        rows.append(Row(layer.name, type(layer).__name__, after, *numbers))
    return Summary(input_shape, rows)


def _size(shapes: Shapes) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in (shapes if isinstance(shapes, list) else [shapes]))
