"""A model as a table: what each layer makes, learns and costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One layer, for one input: its name, kind, output shape, parameters, multiply-adds, bytes of output (float32)."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """All layers of a model; `print()` shows the table.

    Attributes:
        input_shape: of one input.
        rows: a layer each.
    """

    input_shape: tuple[int, ...]
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
        widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        total = self.parameters
        lines.append(f"{total:,} parameters: {4 * total:,} B in float32, {total:,} B in int8")
        lines.append(f"{self.multiply_adds:,} multiply-adds an input")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
