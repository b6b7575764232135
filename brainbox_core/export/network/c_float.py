"""The float32 kernels as C text; `reference_float` computes the same bits.

A table holds the weights in the order in which they are used: blocks of a few output channels, each block its biases
and then, for one input after another, the weights that lead to them. A block's sums stay in registers: where a pool
looks at four places, they share each weight, and the channels of a block share each input.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from brainbox_core.export import c_math, c_names
from brainbox_core.export.network import rows as c_rows
from brainbox_core.export.network.lower import Program, Step
from brainbox_core.export.network.memory import Plan, plan
from brainbox_core.export.network.reference_float import taking_bytes
from brainbox_core.export.network.source import literals, shape_text

_MOST_PLACES = 4  # of a pool that are computed side by side
_BLOCK = 4  # output channels that are computed side by side
_SMALL = 4096  # parameters; below, the code of linear maps in blocks would take more room than it is worth


@dataclass(frozen=True)
class FloatKernels:
    """The kernels of one program; see `c_source.Kernels`.

    Args:
        name: what every identifier begins with.
        original: the program as it was lowered.
        optimize: "ram", "speed" or "size".
        weights: "flash" or "ram", where the tables lie.
    """

    name: str
    original: Program
    optimize: str = "ram"
    weights: str = "flash"
    output_type = "float"
    floats = True

    @cached_property
    def program(self) -> Program:
        """What is computed: bytes are taken as they are."""
        return taking_bytes(self.original)

    @cached_property
    def plan(self) -> Plan:
        """Where everything lies."""
        return plan(self.program, 4, self.optimize)

    @property
    def input_type(self) -> str:
        """The C type of an input."""
        return "uint8_t" if self.original.pixels else "float"

    @property
    def arena(self) -> str:
        """The member of the arena's type; never of length 0, which C has not."""
        return f"float values[{max(self.plan.arena // 4, 1)}]"

    @property
    def table_bytes(self) -> int:
        """Of all weights and biases."""
        return sum(map(self.step_bytes, range(len(self.program.steps))))

    @property
    def notes(self) -> tuple[str, str]:
        """What input and output mean."""
        last = self.program.steps[-1]
        meaning = {"softmax": "probabilities"}.get(last.kind, "as the last layer gives them")
        return ("bytes 0 to 255" if self.original.pixels else "any finite numbers"), f"{meaning}, in float32"

    def step_bytes(self, number: int) -> int:
        """Of a step's weights and biases."""
        return 4 * self.program.steps[number].parameters

    def tables(self) -> str:
        """One table for every step with weights."""
        texts = []
        for step in self.program.steps:
            if step.weight is not None:
                numbers = packed(step, self._dense_block if step.kind == "linear" else _BLOCK)
                head = (
                    f"static{' const' if self.weights == 'flash' else ''} float {self._id(step)}_table[{len(numbers)}]"
                )
                texts.append(f"{head} = {{\n{c_names.table(literals(numbers))}\n}};\n")
        return "\n".join(texts)

    def functions(self) -> str:
        """The activations, and the functions of every step."""
        steps = self.program.steps
        parts = [c_math.c_functions(self.name, {step.activation for step in steps} | {step.kind for step in steps})]
        for source in sorted({self._source(number) for number, step in enumerate(steps) if step.kind == "linear"}):
            text = _DENSE.replace("SUFFIX", "_bytes" if source == "uint8_t" else "")
            text = text.replace("BLOCKS", _DENSE_BLOCKS if self._dense_block > 1 else "")
            parts.append(text.replace("NAME", self.name).replace("SOURCE", source))
        for number, step in enumerate(steps):
            parts += self._functions_of(number, step)
        return "\n".join(part for part in parts if part)

    # --- statements of NAME_run --------------------------------------------------------------------------------------

    def begin(self, number: int) -> str:
        """Nothing: the sums of a linear map start at its biases when the first row comes."""
        return ""

    def row(self, number: int, row: str) -> str:
        """One row of the output, or of the input of a linear map."""
        step = self.program.steps[number]
        if step.kind != "linear":
            patch = self.plan.patches[number]
            extra = f", arena->values + {patch.offset // 4}" if patch else ""
            target = self._output(number) + c_rows.target(self.program, self.plan, number, row)
            return f"{self._id(step)}({self._input(number)}, {target}, {row}{extra});"
        inputs, units = step.weight.shape
        function = f"{self.name}_dense{'_bytes' if self._source(number) == 'uint8_t' else ''}"
        source, first, count = self._input(number), "0", inputs
        if self.plan.takes_rows(number):
            count = step.input_shape[1] * step.input_shape[2]
            source, first = source + c_rows.source(self.program, self.plan, number, row), f"{row} * {count}"
        return (
            f"{function}({source}, {count}, {first}, {self._table(step)}, {inputs}, {self._output(number)}, {units});"
        )

    def end(self, number: int) -> str:
        """The activation of a linear map."""
        step = self.program.steps[number]
        if step.kind != "linear" or step.activation == "linear":
            return ""
        return f"{self._id(step)}_end({self._output(number)});"

    @property
    def _dense_block(self) -> int:
        small = self.optimize == "size" or (self.optimize == "ram" and self.table_bytes < 4 * _SMALL)
        return 1 if small else _BLOCK

    # --- where things are --------------------------------------------------------------------------------------------

    def _id(self, step: Step) -> str:
        return f"{self.name}_{step.layers[0]}"

    def _table(self, step: Step) -> str:
        return f"{self._id(step)}_table"

    def _source(self, number: int) -> str:
        """The C type of a step's input."""
        return "float" if number else self.input_type

    def _input(self, number: int) -> str:
        return f"arena->values + {self.plan.outputs[number - 1].offset // 4}" if number else "x"

    def _output(self, number: int) -> str:
        place = self.plan.outputs[number]
        return f"arena->values + {place.offset // 4}" if place else "y"

    # --- functions ---------------------------------------------------------------------------------------------------

    def _functions_of(self, number: int, step: Step) -> list[str]:
        if step.kind == "linear":
            return [self._end_of(step)] if step.activation != "linear" else []
        if step.kind == "softmax":
            return [self._softmax(number, step)]
        window = self._conv_window(number, step) if step.kind == "conv" else self._plain_window(number, step)
        row = c_rows.function(self.program, self.plan, number, self._id(step), self._source(number), "float", "0")
        return [window, row]

    def _end_of(self, step: Step) -> str:
        return f"""\
static inline void {self._id(step)}_end(float *y)
{{
    int32_t o;
    for (o = 0; o < {len(step.bias)}; o++) {{
        y[o] = {self._activated(step, "y[o]")};
    }}
}}
"""

    def _softmax(self, number: int, step: Step) -> str:
        _, width, channels = step.output_shape
        source = "x" + c_rows.source(self.program, self.plan, number, "row")
        return f"""\
/* {step.title}: {shape_text(step.output_shape)} */
static inline void {self._id(step)}(const float *x, float *y, int32_t row)
{{
    int32_t i;
    (void)row;
    for (i = 0; i < {width * channels}; i++) {{
        y[i] = ({source})[i];
    }}
    for (i = 0; i < {width}; i++) {{
        {self.name}_softmax(y + i * {channels}, {channels});
    }}
}}
"""

    def _conv_window(self, number: int, step: Step) -> str:
        """The function for one place of the output of a convolution, all channels."""
        blocks = []
        for first, count, size in _blocks(step, _BLOCK):
            blocks.append(self._conv_block(number, step, first, count, size))
        return f"""\
static inline void {self._id(step)}_window(const {self._source(number)} **rows, int32_t at, float *y)
{{
    const float *table = {self._table(step)};
    int32_t o;
{textwrap.indent("".join(blocks), "    ")}}}
"""

    def _conv_block(self, number: int, step: Step, first: int, count: int, size: int) -> str:
        """The loop over the blocks of one size: `count` blocks of `size` channels from channel `first` on."""
        kh, kw, channels, _ = step.weight.shape
        ph, pw = step.pool.size if step.pool else (1, 1)
        side_by_side = _side_by_side(step)
        places = [(i, j) for i in range(ph) for j in range(pw)] if side_by_side else [(0, 0)]
        lanes = range(size)
        body = ["const float *k = table;"]
        loop = []
        for p, (i, j) in enumerate(places):
            row = f"i + {i * step.stride[0]}" if side_by_side else f"p / {pw} * {step.stride[0]} + i"
            column = f"{j * step.stride[1] * channels}" if side_by_side else f"p % {pw} * {step.stride[1] * channels}"
            loop.append(f"const {self._source(number)} *p{p} = rows[{row.removesuffix(' + 0')}] + at + {column};")
        sums = [f"a{p}_{c} = k[{c}]" for p in range(len(places)) for c in lanes]
        inner = [f"const float k{c} = k[{c}];" for c in lanes]
        for p in range(len(places)):
            value = f"(float)p{p}[t]" if self._source(number) == "uint8_t" else f"p{p}[t]"
            inner.append(f"const float v{p} = {value};")
        inner += [f"a{p}_{c} += v{p} * k{c};" for p in range(len(places)) for c in lanes]
        taps = [
            f"k += {size};",
            f"for (i = 0; i < {kh}; i++) {{",
            *(f"    {line}" for line in loop),
            f"    for (t = 0; t < {kw * channels}; t++) {{",
            *(f"        {line}" for line in inner),
            f"        k += {size};",
            "    }",
            "}",
        ]
        average = step.pool is not None and step.pool.kind == "avg"
        if side_by_side:
            body += [f"float {', '.join(sums)};", "int32_t i, t;", *taps]
            results = [self._pooled(step, [f"a{p}_{c}" for p in range(len(places))], body) for c in lanes]
        else:
            body += [f"float {', '.join(f'm{c} = 0.0f' for c in lanes)};", "int32_t i, t, p;"]
            body += [f"for (p = 0; p < {ph * pw}; p++) {{", f"    float {', '.join(sums)};"]
            body += [f"    {line}" for line in taps]
            for c in lanes:
                better = (
                    f"m{c} + {self._activated(step, f'a0_{c}')}"
                    if average
                    else f"p == 0 || a0_{c} > m{c} ? a0_{c} : m{c}"
                )
                body.append(f"    m{c} = {better};")
            body += ["    k = table;", "}"]
            share = c_names.float_literal(1 / (ph * pw))
            results = [f"m{c} * {share}" if average else self._activated(step, f"m{c}") for c in lanes]
        body += [f"y[o + {c}] = {result};" for c, result in enumerate(results)]
        body.append(f"table += {size * (kh * kw * channels + 1)};")
        head = f"for (o = {first}; o < {first + count * size}; o += {size}) {{"
        return "".join(f"{line}\n" for line in [head, *(f"    {line}" for line in body), "}"])

    def _pooled(self, step: Step, sums: list[str], body: list[str]) -> str:
        """The expression of a pool over sums in variables, activation included; adds to `body` what comes before it."""
        first, *others = sums
        if step.pool is not None and step.pool.kind == "avg":
            share = c_names.float_literal(1 / len(sums))
            activated = " + ".join(self._activated(step, value) for value in sums)
            return f"({activated}) * {share}"
        body += [f"{first} = {value} > {first} ? {value} : {first};" for value in others]
        return self._activated(step, first)

    def _plain_window(self, number: int, step: Step) -> str:
        """The function for one place of the output of a factor per channel, an activation or a pool."""
        (ph, pw), channels = step.pool.size if step.pool else (1, 1), step.output_shape[2]
        value = f"rows[i][at + j * {channels} + o]"
        if self._source(number) == "uint8_t":
            value = f"(float){value}"
        if step.weight is not None:
            value = f"{value} * {self._table(step)}[{channels} + o] + {self._table(step)}[o]"
        if step.pool is not None and step.pool.kind == "avg":
            collect = f"m = m + {self._activated(step, 'v')};"
            result = f"m * {c_names.float_literal(1 / (ph * pw))}"
        else:
            collect, result = "m = i + j == 0 || v > m ? v : m;", self._activated(step, "m")
        return f"""\
static inline void {self._id(step)}_window(const {self._source(number)} **rows, int32_t at, float *y)
{{
    int32_t o, i, j;
    for (o = 0; o < {channels}; o++) {{
        float m = 0.0f;
        for (i = 0; i < {ph}; i++) {{
            for (j = 0; j < {pw}; j++) {{
                const float v = {value};
                {collect}
            }}
        }}
        y[o] = {result};
    }}
}}
"""

    def _activated(self, step: Step, value: str) -> str:
        if step.activation == "linear":
            return value
        if step.activation == "relu":
            return f"({value} < 0.0f ? 0.0f : {value})"
        return f"{self.name}_{step.activation}({value})"


def packed(step: Step, block: int) -> np.ndarray:
    """A step's weights and biases in the order in which the kernels read them, `block` channels side by side."""
    if step.kind == "scale":
        return np.concatenate([step.bias, step.weight])
    weight = step.weight.reshape(-1, len(step.bias))
    rows = np.concatenate([step.bias[None], weight])
    parts = []
    for first, count, size in _blocks(step, block):
        for start in range(first, first + count * size, size):
            parts.append(rows[:, start : start + size].ravel())
    return np.concatenate(parts)


def _side_by_side(step: Step) -> bool:
    """Whether all places of a pool are computed at once."""
    return step.pool is None or math.prod(step.pool.size) <= _MOST_PLACES


def _blocks(step: Step, size: int) -> list[tuple[int, int, int]]:
    """How the output channels are cut: (first channel, how many blocks, channels of each).

    What is left over is one smaller block of a convolution, and single units of a linear map.
    """
    whole, rest = divmod(len(step.bias), size)
    tail = (whole * size, rest, 1) if step.kind == "linear" else (whole * size, 1, rest)
    return [(0, whole, size)] * (whole > 0) + [tail] * (rest > 0)


_DENSE = """\
/* Adds `count` inputs from number `first` on, times their weights, to the sums in y; the first sums are the biases. */
static inline void NAME_denseSUFFIX(const SOURCE *x, int32_t count, int32_t first, const float *table, int32_t inputs,
                                    float *y, int32_t units)
{
    int32_t i;
BLOCKS    for (; units > 0; units--) {
        const float *k = table + first + 1;
        float a = first ? *y : *table;
        for (i = 0; i < count; i++) {
            a += (float)x[i] * k[i];
        }
        *y++ = a;
        table += inputs + 1;
    }
}
"""

_DENSE_BLOCKS = """\
    for (; units >= 4; units -= 4) {
        const float *k = table + 4 * (first + 1), *b = first ? y : table;
        float a0 = b[0], a1 = b[1], a2 = b[2], a3 = b[3];
        for (i = 0; i < count; i++) {
            const float v = (float)x[i];
            a0 += v * k[0];
            a1 += v * k[1];
            a2 += v * k[2];
            a3 += v * k[3];
            k += 4;
        }
        y[0] = a0;
        y[1] = a1;
        y[2] = a2;
        y[3] = a3;
        y += 4;
        table += 4 * (inputs + 1);
    }
"""
