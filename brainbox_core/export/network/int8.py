"""What only int8 has: sums that are rescaled, clamped and looked up, floats that become int8, a softmax of tables."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from brainbox_core.export import c_names
from brainbox_core.export.network.arithmetic import INT8, Blocks, Kernel, packed
from brainbox_core.export.network.quantize import IntStep, Rescale
from brainbox_core.export.network.reference import quantizing
from brainbox_core.export.templates import filled

_MOST_PLACES = 4  # of a pool's row that are computed side by side
_MOST_SUMS = 8  # that registers hold beside pointers and operands
# Channels of a block of a linear map, the first that divides them; larger blocks load less and take more code.
_DENSE = {"ram": (4, 5, 3, 2), "speed": (8, 7, 6, 5, 4, 3, 2)}


class IntKernel(Kernel):
    """A step in int8."""

    type = INT8
    starts = 0

    def __init__(self, integers: IntStep, source: str, optimize: str):
        super().__init__(integers.step, source, optimize)
        self.integers = integers
        self.padding = str(integers.source.zero)

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        step, arrays = self.integers, {}
        if step.columns is not None:
            arrays["low"], arrays["factor"] = step.columns
        if step.weight is not None:
            rows = step.weight.reshape(-1, step.weight.shape[-1])
            arrays["weights"] = step.weight if step.step.kind == "scale" else packed(rows, self.blocks)
        if step.bias is not None:
            arrays["bias"] = step.bias
        if step.rescale is not None:
            arrays["multiplier"], arrays["shift"] = step.rescale.multiplier, step.rescale.shift.astype(np.uint8)
            if step.rescale.below is not None:
                multiplier, shift = step.rescale.below
                arrays["below_multiplier"], arrays["below_shift"] = multiplier, shift.astype(np.uint8)
        if step.table is not None:
            arrays["table"] = step.table
        return arrays

    @property
    def blocks(self) -> Blocks:
        channels = self.step.output_shape[2]
        if self.optimize == "size":
            size = 1
        elif self.step.kind == "linear":
            sizes = _DENSE[self.optimize]
            size = next((size for size in sizes if channels % size == 0), sizes[0])
        else:
            size = _MOST_SUMS // max(len(self.places), 1 if self.optimize == "speed" else 2)
        whole, rest = divmod(channels, size)
        return ([(0, whole, size)] if whole else []) + ([(whole * size, 1, rest)] if rest else [])

    @property
    def places(self) -> list[tuple[int, int]]:
        columns = self.step.pool_size[1]
        return [(0, j) for j in range(columns if columns <= _MOST_PLACES else 1)]

    def start(self, channel: int) -> str:
        return f"{self.name}_bias[o + {channel}]"

    def mapped(self, value: str) -> str:
        if self.integers.weight is not None:
            value = f"{value} * {self.table}[o]"
        return value if self.integers.bias is None else f"{value} + {self.name}_bias[o]"

    def averaged(self, value: str) -> str:
        return f"({value} > 0 ? {value} : 0)" if self.step.activation == "relu" else value

    def finished(self, total: str, channel: str) -> str:
        step, by = self.integers, self.integers.rescale
        if by is None:  # a number that was chosen
            if step.table is not None:
                return f"{self.name}_table[{total}{'' if step.bytes_in else ' + 128'}]"
            return f"(int8_t)({total}{' - 128' if step.bytes_in else ''})"
        factors = f"{self.name}_multiplier[{channel}], {self.name}_shift[{channel}]"
        if by.below is not None:
            sides = [
                f"({total} < 0 ? {self.name}_below_{word} : {self.name}_{word})" for word in ("multiplier", "shift")
            ]
            factors = ", ".join(f"{side}[{channel}]" for side in sides)
        function = "NAME_rescale" if _high_word_is_enough(by) else "NAME_rescale_wide"
        zero = f"+ {by.zero}" if by.zero >= 0 else f"- {-by.zero}"
        value = f"NAME_clamp({function}({total}, {factors}) {zero}, {by.low})"
        return f"{self.name}_table[{value} + 128]" if step.table is not None else f"(int8_t){value}"


def quantizer(kernel: IntKernel) -> str:
    """The function that makes a row of floats int8."""
    factor, offset = (c_names.float_literal(float(number)) for number in quantizing(kernel.integers))
    _, width, channels = kernel.step.output_shape
    own = kernel.integers.columns is not None
    words = {"id": kernel.name, "count": width * channels, "own": own, "factor": factor, "offset": offset}
    return filled("network/quantize.h.in", "NAME", **words)


def shared(steps: Iterable[IntStep]) -> list[str]:
    """The functions that the steps of a program call."""
    found = {_high_word_is_enough(step.rescale) for step in steps if step.rescale is not None}
    names = ["noinline", "clamp"] * bool(found) + ["rescale"] * (True in found) + ["rescale_wide"] * (False in found)
    return [filled(f"network/{name}.h.in", "NAME") for name in names]


def _high_word_is_enough(by: Rescale) -> bool:
    """Whether the low word of a product can be dropped before rounding."""
    return int(by.shift.min()) >= 33
