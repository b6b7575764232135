"""One step as C computes it: its tables, how its channels are cut into blocks, and how sums become results.

A block is a few output channels whose sums stay in registers while one input after another is loaded once and
multiplied with the block's weights for it. A table holds the weights in the order in which they are used: block by
block, input by input, channel by channel. In all text NAME stands for the prefix of identifiers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from brainbox_core.export import c_names
from brainbox_core.export.network.activations import ACTIVATIONS
from brainbox_core.export.network.lower import Step, shape_text

_MOST_PLACES = 4  # of a pool that are computed side by side
Blocks = list[tuple[int, int, int]]  # (first channel, how many blocks, channels of each)


@dataclass(frozen=True)
class Arithmetic:
    """What C has to know of a type of number.

    Attributes:
        image: C type of a number of an image.
        total: C type of a sum and of what is multiplied.
        weight: C type of a weight.
        table: the last word of the name of the table with the weights.
        zero: as it is written.
        least: a number below every sum; "" where there is none, because of NaN.
        unrolled: inputs of a kernel's row that are written out one by one; of more, two at a time where they are even.
        product: of two numbers, that may be added to something.
    """

    image: str
    total: str
    weight: str
    table: str
    zero: str
    least: str
    unrolled: int
    product: str


FLOAT32 = Arithmetic("float", "float", "float", "table", "0.0f", "", 1, "NAME_PRODUCT({}, {})")
INT8 = Arithmetic("int8_t", "int32_t", "int8_t", "weights", "0", "INT32_MIN", 5, "{} * {}")


class Kernel(ABC):
    """One step in C.

    Attributes:
        type: of its numbers.
        step: shapes, strides, padding, pool.
        source: C type of a number of the input.
        optimize: "ram", "speed" or "size".
        starts: how many numbers lie before a block's weights in the table, for each of its channels.
        padding: what stands for 0 in the input.
    """

    type: ClassVar[Arithmetic]
    starts: ClassVar[int]
    padding = "0"

    def __init__(self, step: Step, source: str, optimize: str):
        self.step, self.source, self.optimize = step, source, optimize
        self.name = f"NAME_{step.layers[0]}"
        self.table = f"{self.name}_{self.type.table}"

    @property
    def title(self) -> str:
        """What it computes, for a comment."""
        return f"{self.step.title}: {shape_text(self.step.input_shape)} -> {shape_text(self.step.output_shape)}"

    @property
    @abstractmethod
    def tables(self) -> dict[str, np.ndarray]:
        """Its tables, by the last word of their names."""

    @property
    @abstractmethod
    def blocks(self) -> Blocks:
        """How the output channels are cut."""

    @property
    @abstractmethod
    def places(self) -> list[tuple[int, int]]:
        """Rows and columns of the places of a pool that are computed side by side."""

    @abstractmethod
    def start(self, channel: int) -> str:
        """Where the sum of a block's channel starts; `k` is at the block's numbers, `o` at its first channel."""

    @abstractmethod
    def mapped(self, value: str) -> str:
        """A number of channel `o`, times its weight, plus its bias, where there are any."""

    @abstractmethod
    def averaged(self, value: str) -> str:
        """A sum as it enters an average: after the activation."""

    @abstractmethod
    def finished(self, total: str, channel: str) -> str:
        """The result for a channel, of a variable with what a pool found."""

    def read(self, value: str) -> str:
        """A number of the input as one that is multiplied."""
        return value if self.source == self.type.total else f"({self.type.total}){value}"

    def taken_in(self, total: str, value: str, first: str) -> str:
        """The statement that takes one more number into what a pool has found so far."""
        if self.step.averages:
            return f"{total} += {self.averaged(value)};"
        first = "" if self.type.least else f"{first} || "
        return f"{total} = {first}{value} > {total} ? {value} : {total};"

    @property
    def least(self) -> str:
        """What a pool starts with."""
        return self.type.zero if self.step.averages else self.type.least or self.type.zero


class FloatKernel(Kernel):
    """A step in float32; its biases lie in the table of its weights, before those of their block."""

    type = FLOAT32
    starts = 1

    def __init__(self, step: Step, source: str, optimize: str, block: int):
        super().__init__(step, source, optimize)
        self.block = block

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        if self.step.weight is None:
            return {}
        weight, bias = self.step.learned
        if self.step.kind == "scale":
            offset = [] if self.step.offset is None else [self.step.offset]
            return {"table": np.concatenate([bias, weight, *offset])}
        return {"table": packed(np.concatenate([bias[None], weight.reshape(-1, len(bias))]), self.blocks)}

    @property
    def blocks(self) -> Blocks:
        whole, rest = divmod(self.step.output_shape[2], self.block)
        tail = (whole * self.block, rest, 1) if self.step.kind == "linear" else (whole * self.block, 1, rest)
        return [(0, whole, self.block)] * (whole > 0) + [tail] * (rest > 0)

    @property
    def places(self) -> list[tuple[int, int]]:
        rows, columns = self.step.pool_size
        return [(i, j) for i in range(rows) for j in range(columns)] if rows * columns <= _MOST_PLACES else [(0, 0)]

    def start(self, channel: int) -> str:
        return f"k[{channel}]"

    def mapped(self, value: str) -> str:
        if self.step.weight is None:
            return value
        channels = self.step.output_shape[2]
        value = value if self.step.offset is None else f"{value} - {self.table}[{2 * channels} + o]"
        return f"{self.type.product.format(value, f'{self.table}[{channels} + o]')} + {self.table}[o]"

    def averaged(self, value: str) -> str:
        return self.activated(value)

    def finished(self, total: str, channel: str) -> str:
        if self.step.averages:
            return self.type.product.format(total, c_names.float_literal(1 / math.prod(self.step.pool_size)))
        return self.activated(total)

    def activated(self, value: str) -> str:
        """The activation of a variable."""
        text = ACTIVATIONS[self.step.activation].c.replace("VALUE", value)
        return text.replace("SLOPE", c_names.float_literal(self.step.slope))


def packed(rows: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Rows of one number a channel, block by block."""
    starts = [(start, size) for first, count, size in blocks for start in range(first, first + count * size, size)]
    return np.concatenate([rows[:, start : start + size].ravel() for start, size in starts])


def indented(lines: list[str]) -> list[str]:
    """Lines, each one level further in."""
    return [f"    {line}" for line in lines]


def loop(head: str, body: list[str], end: str = "}") -> list[str]:
    """A loop, or another block, around lines."""
    return [f"{head} {{", *indented(body), end]


def text(lines: list[str]) -> str:
    """Lines as text."""
    return "".join(f"{line}\n" for line in lines)
