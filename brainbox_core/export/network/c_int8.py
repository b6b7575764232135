"""The int8 kernels of a program: its tables, its functions and the statements that call them; `reference` agrees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from brainbox_core.export import c_names
from brainbox_core.export.network import c_int8_blocks, c_int8_dense, c_int8_window
from brainbox_core.export.network import rows as c_rows
from brainbox_core.export.network.lower import Program
from brainbox_core.export.network.memory import Plan, plan
from brainbox_core.export.network.quantize import IntProgram, IntStep
from brainbox_core.export.network.reference import quantizing
from brainbox_core.export.network.source import literals, shape_text


@dataclass(frozen=True)
class IntKernels:
    """The kernels of one program; see `c_source.Kernels`.

    Args:
        name: what every identifier begins with.
        integers: the program in integers.
        optimize: "ram", "speed" or "size".
        weights: "flash" or "ram", where the tables lie.
    """

    name: str
    integers: IntProgram
    optimize: str = "ram"
    weights: str = "flash"
    output_type = "int8_t"

    @property
    def program(self) -> Program:
        """What is computed; floats are made int8 by a first step."""
        return self.integers.program

    @cached_property
    def plan(self) -> Plan:
        """Where everything lies."""
        return plan(self.program, 1, self.optimize)

    @property
    def floats(self) -> bool:
        """Whether the header computes in floating point, which it does only to make floats int8."""
        return not self.program.pixels

    @property
    def input_type(self) -> str:
        """The C type of an input."""
        return "uint8_t" if self.program.pixels else "float"

    @property
    def arena(self) -> str:
        """The member of the arena's type; never of length 0, which C has not."""
        return f"int32_t words[{max(self.plan.arena // 4, 1)}]"

    @property
    def table_bytes(self) -> int:
        """Of weights, biases, multipliers, shifts and functions as tables."""
        return sum(map(self.step_bytes, range(len(self.integers.steps))))

    @property
    def notes(self) -> tuple[str, str]:
        """What input and output mean."""
        result = self.integers.steps[-1].result
        zero = f"(y - {result.zero})" if result.zero >= 0 else f"(y + {-result.zero})"
        return (
            "bytes 0 to 255" if self.program.pixels else "floats; NaN counts as very small",
            f"{result.scale:.9g} * {zero} is the number meant",
        )

    def step_bytes(self, number: int) -> int:
        """Of a step's tables."""
        return sum(array.nbytes for array in self._arrays(self.integers.steps[number]).values())

    def tables(self) -> str:
        """Everything that was learned, step by step."""
        head = "static const" if self.weights == "flash" else "static"
        texts = []
        for step in self.integers.steps:
            for word, array in self._arrays(step).items():
                kind = f"{array.dtype}_t {self.name}_{step.step.layers[0]}_{word}[{array.size}]"
                texts.append(f"{head} {kind} = {{\n{c_names.table(literals(array))}\n}};\n")
        return "\n".join(texts)

    def functions(self) -> str:
        """What all steps share, and the functions of every step."""
        texts = c_int8_blocks.shared(self.integers.steps)
        for number, step in enumerate(self.integers.steps):
            texts += self._functions_of(number, step)
        return "\n".join(texts).replace("NAME", self.name)

    # --- statements of NAME_run --------------------------------------------------------------------------------------

    def begin(self, number: int) -> str:
        """The sums of a linear map that takes rows start at its biases."""
        return f"{self._name(number)}_begin({self._words(number)});" if self._takes_rows(number) else ""

    def row(self, number: int, row: str) -> str:
        """One row of the output, or of the input of a linear map that takes rows."""
        function, source = self._name(number), self._input(number)
        if self._takes_rows(number):
            source += c_rows.source(self.program, self.plan, number, row)
            return f"{function}({source}, {row}, {self._words(number)});"
        if self.program.steps[number].kind == "linear":
            return f"{function}({source}, {self._output(number)});"
        target = self._output(number) + c_rows.target(self.program, self.plan, number, row)
        patch = self.plan.patches[number]
        extra = f", {self._bytes(patch.offset)}" if patch else ""
        return f"{function}({source}, {target}, {row}{extra});"

    def end(self, number: int) -> str:
        """The sums of a linear map that took rows become int8."""
        if not self._takes_rows(number):
            return ""
        return f"{self._name(number)}_end({self._words(number)}, {self._output(number)});"

    # --- where things are --------------------------------------------------------------------------------------------

    def _name(self, number: int) -> str:
        return f"{self.name}_{self.program.steps[number].layers[0]}"

    def _takes_rows(self, number: int) -> bool:
        return self.program.steps[number].kind == "linear" and self.plan.takes_rows(number)

    def _bytes(self, offset: int) -> str:
        return f"(int8_t *)arena->words + {offset}"

    def _words(self, number: int) -> str:
        return f"arena->words + {self.plan.sums[number].offset // 4}"

    def _input(self, number: int) -> str:
        return self._bytes(self.plan.outputs[number - 1].offset) if number else "x"

    def _output(self, number: int) -> str:
        place = self.plan.outputs[number]
        return self._bytes(place.offset) if place else "y"

    def _arrays(self, step: IntStep) -> dict[str, np.ndarray]:
        """The tables of a step by the last word of their names."""
        arrays = {}
        if step.weight is not None:
            arrays["weights"] = c_int8_blocks.packed(step, self.optimize)
        if step.bias is not None:
            arrays["bias"] = step.bias
        if step.rescale is not None:
            arrays["multiplier"] = step.rescale.multiplier
            arrays["shift"] = step.rescale.shift.astype(np.uint8)
        if step.table is not None:
            arrays["table"] = step.table
        return arrays

    # --- functions ---------------------------------------------------------------------------------------------------

    def _functions_of(self, number: int, step: IntStep) -> list[str]:
        kind, source = step.step.kind, "int8_t" if number else self.input_type
        if kind == "quantize":
            return [self._quantize(step)]
        if kind == "softmax":
            return [self._softmax(number, step, source)]
        if self._takes_rows(number):
            return c_int8_dense.by_rows(step, self.optimize)
        if kind == "linear":
            return [c_int8_dense.whole(step, source, self.optimize)]
        if kind == "conv":
            window = c_int8_window.convolution(step, source, self.optimize)
        else:
            window = c_int8_window.plain(step, source)
        name, zero = c_int8_blocks.identifier(step), str(step.source.zero)
        return [window, c_rows.function(self.program, self.plan, number, name, source, "int8_t", zero)]

    def _quantize(self, step: IntStep) -> str:
        factor, offset = map(c_names.float_literal, quantizing(step))
        count = step.step.output_shape[1] * step.step.output_shape[2]
        return f"""\
/* A row of floats to int8: the nearest number, or the end of the range that training saw */
static inline void {c_int8_blocks.identifier(step)}(const float *x, int8_t *y, int32_t row)
{{
    int32_t i;
    x += row * {count};
    for (i = 0; i < {count}; i++) {{
        float v = x[i] * {factor};
        v = v + {offset};
        v = v > 0.0f ? (v < 255.0f ? v : 255.0f) : 0.0f;
        y[i] = (int8_t)((int32_t)(v + 0.5f) - 128);
    }}
}}
"""

    def _softmax(self, number: int, step: IntStep, source: str) -> str:
        (_, width, channels), name = step.step.output_shape, c_int8_blocks.identifier(step)
        return f"""\
/* {step.step.title}: {shape_text(step.step.output_shape)}; shares of 256 */
static inline void {name}(const {source} *x, int8_t *y, int32_t row)
{{
    int32_t i, c;
    (void)row;
    x = x{c_rows.source(self.program, self.plan, number, "row")};
    for (i = 0; i < {width}; i++) {{
        int32_t most = x[0];
        uint32_t total = 0u;
        for (c = 1; c < {channels}; c++) {{
            most = x[c] > most ? x[c] : most;
        }}
        for (c = 0; c < {channels}; c++) {{
            total += {name}_table[most - x[c]];
        }}
        for (c = 0; c < {channels}; c++) {{
            const uint32_t share = ({name}_table[most - x[c]] * 256u + total / 2u) / total;
            y[c] = (int8_t)(share > 255u ? 127 : (int32_t)share - 128);
        }}
        x += {channels};
        y += {channels};
    }}
}}
"""
