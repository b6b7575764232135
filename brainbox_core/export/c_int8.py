"""The int8 kernels as C text; `reference` computes the same numbers.

A table of weights holds blocks of a few output channels; in a block one input after another, and for each the weights
that lead to the block's channels. The sums of a block stay in registers: where a pool looks at up to four places they
are computed side by side and share each weight, and the channels of a block share each input. On a Cortex-M3 that is
6 loads for 8 multiply-adds in a 2x2 pool. The largest sum of a pool is chosen before it becomes an int8.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from brainbox_core.export import c_names
from brainbox_core.export.c_source import literals, shape_text
from brainbox_core.export.lower import Program
from brainbox_core.export.memory import Plan, plan
from brainbox_core.export.quantize import HIGH, LOW, IntProgram, IntStep
from brainbox_core.export.reference import quantizing

_MOST_PLACES = 4  # of a pool that are computed side by side
_MOST_SUMS = 8  # that registers hold beside pointers and operands
_DENSE_BLOCKS = (4, 5, 3, 2)  # outputs of a linear map that are computed side by side, the first that divides them
_UNROLL = {
    "ram": lambda count: count if count <= 5 else 2 - count % 2,
    "speed": lambda count: count if count <= 9 else next(n for n in (4, 3, 2, 1) if count % n == 0),
}


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
        return sum(array.nbytes for step in self.integers.steps for array in self._arrays(step).values())

    @property
    def notes(self) -> tuple[str, str]:
        """What input and output mean."""
        result = self.integers.steps[-1].result
        zero = f"(y - {result.zero})" if result.zero >= 0 else f"(y + {-result.zero})"
        return (
            "bytes 0 to 255" if self.program.pixels else "floats; NaN counts as very small",
            f"{result.scale:.9g} * {zero} is the number meant",
        )

    def tables(self) -> str:
        """Everything that was learned, step by step."""
        head = "static const" if self.weights == "flash" else "static"
        texts = []
        for step in self.integers.steps:
            for word, array in self._arrays(step).items():
                kind = f"{array.dtype}_t {self._id(step)}_{word}[{array.size}]"
                texts.append(f"{head} {kind} = {{\n{c_names.table(literals(array))}\n}};\n")
        return "\n".join(texts)

    def functions(self) -> str:
        """What all steps share, and the functions of every step."""
        parts = [_SHIFTS, _RESCALE] if any(step.rescale for step in self.integers.steps) else []
        if any(step.rescale and not _high(step) for step in self.integers.steps):
            parts.append(_RESCALE_WIDE)
        for number, step in enumerate(self.integers.steps):
            parts += self._functions_of(number, step)
        return "\n".join(part.replace("NAME", self.name) for part in parts)

    # --- statements of NAME_run --------------------------------------------------------------------------------------

    def begin(self, number: int) -> str:
        """The sums of a linear map that takes rows start at its biases."""
        return f"{self._name(number)}_begin({self._words(number)});" if self._takes_rows(number) else ""

    def row(self, number: int, row: str) -> str:
        """One row of the output, or of the input of a linear map that takes rows."""
        function, source = self._name(number), self._input(number)
        if self._takes_rows(number):
            return f"{function}({source}{self._at(number - 1, row)}, {row}, {self._words(number)});"
        if self.program.steps[number].kind == "linear":
            return f"{function}({source}, {self._output(number)});"
        patch = self.plan.patches[number]
        extra = f", {self._bytes(patch.offset)}" if patch else ""
        return f"{function}({source}, {self._output(number)}{self._at(number, row)}, {row}{extra});"

    def end(self, number: int) -> str:
        """The sums of a linear map that took rows become int8."""
        if not self._takes_rows(number):
            return ""
        return f"{self._name(number)}_end({self._words(number)}, {self._output(number)});"

    # --- where things are --------------------------------------------------------------------------------------------

    def _id(self, step: IntStep) -> str:
        return f"{self.name}_{step.step.layers[0]}"

    def _name(self, number: int) -> str:
        return self._id(self.integers.steps[number])

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

    def _source(self, number: int) -> str:
        """The C type of a step's input."""
        return "int8_t" if number else self.input_type

    def _at(self, number: int, row: str) -> str:
        """What to add to a step's output to get to one of its rows."""
        height, width, channels = self.program.steps[number].output_shape
        place = self.plan.outputs[number]
        rows = place.rows if place else height
        if height == 1 or rows == 1:
            return ""
        return f" + {_slot(row, rows, height)} * {width * channels}"

    def _source_row(self, number: int, row: str) -> str:
        """A row of a step's input, inside its function."""
        height, width, channels = self.program.steps[number].input_shape
        place = self.plan.outputs[number - 1] if number else None
        rows = place.rows if place else height
        return "x" if height == 1 or rows == 1 else f"x + {_slot(row, rows, height)} * {width * channels}"

    # --- tables ------------------------------------------------------------------------------------------------------

    def _arrays(self, step: IntStep) -> dict[str, np.ndarray]:
        """The tables of a step by the last word of their names."""
        arrays = {}
        if step.weight is not None:
            arrays["weights"] = self._packed(step)
        if step.bias is not None:
            arrays["bias"] = step.bias
        if step.rescale is not None:
            arrays["multiplier"] = step.rescale.multiplier
            arrays["shift"] = step.rescale.shift.astype(np.uint8)
        if step.table is not None:
            arrays["table"] = step.table
        return arrays

    def _packed(self, step: IntStep) -> np.ndarray:
        """The weights in the order in which they are used."""
        if step.step.kind == "scale":
            return step.weight
        rows = step.weight.reshape(-1, step.weight.shape[-1])
        parts = []
        for first, count, size in self._blocks(step):
            parts += [rows[:, start : start + size].ravel() for start in range(first, first + count * size, size)]
        return np.concatenate(parts)

    def _blocks(self, step: IntStep) -> list[tuple[int, int, int]]:
        """How the output channels are cut: (first channel, how many blocks, channels of each)."""
        channels = step.weight.shape[-1]
        if self.optimize == "size":
            return [(0, channels, 1)]
        if step.step.kind == "linear":
            size = next((size for size in _DENSE_BLOCKS if channels % size == 0), _DENSE_BLOCKS[0])
        else:
            size = _MOST_SUMS // max(2, _places(step))
        whole, rest = divmod(channels, size)
        return ([(0, whole, size)] if whole else []) + ([(whole * size, 1, rest)] if rest else [])

    # --- functions ---------------------------------------------------------------------------------------------------

    def _functions_of(self, number: int, step: IntStep) -> list[str]:
        kind = step.step.kind
        if kind == "quantize":
            return [self._quantize(step)]
        if kind == "linear":
            return self._linear_rows(number, step) if self._takes_rows(number) else [self._linear(number, step)]
        if kind == "softmax":
            return [self._softmax(number, step)]
        window = self._conv_window(number, step) if kind == "conv" else self._plain_window(number, step)
        return [window, self._row_of(number, step)]

    def _quantize(self, step: IntStep) -> str:
        factor, offset = map(c_names.float_literal, quantizing(step))
        height, width, channels = step.step.output_shape
        count = width * channels
        return f"""\
/* A row of floats to int8: the nearest number, or the end of the range that training saw */
static inline void {self._id(step)}(const float *x, int8_t *y, int32_t row)
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

    def _finished(self, step: IntStep, total: str, channel: str) -> str:
        """The expression that makes a sum the int8 of a channel."""
        rescale, name = step.rescale, self._id(step)
        function = f"{self.name}_rescale" + ("" if _high(step) else "_wide")
        value = f"{function}({total}, {name}_multiplier[{channel}], {name}_shift[{channel}]) + {_signed(rescale.zero)}"
        value = f"{self.name}_clamp({value}, {rescale.low})"
        return f"{name}_table[{value} + 128]" if step.table is not None else f"(int8_t){value}"

    def _linear(self, number: int, step: IntStep) -> str:
        """A linear map of an input that is there as a whole."""
        inputs = step.weight.shape[0]
        body = []
        for first, count, size in self._blocks(step):
            lanes = range(size)
            sums = ", ".join(f"a{c} = {self._id(step)}_bias[o + {c}]" for c in lanes)
            body += [
                f"for (o = {first}; o < {first + count * size}; o += {size}) {{",
                f"    const {self._source(number)} *p = x;",
                f"    const {self._source(number)} *const end = x + {inputs};",
                f"    int32_t {sums};",
                *(f"    {line}" for line in self._dense_loop(number, step, size)),
                *(f"    y[o + {c}] = {self._finished(step, f'a{c}', f'o + {c}')};" for c in lanes),
                "}",
            ]
        return f"""\
/* {step.step.title}: {shape_text(step.step.input_shape)} -> {shape_text(step.step.output_shape)} */
static inline void {self._id(step)}(const {self._source(number)} *x, int8_t *y)
{{
    const int8_t *k = {self._id(step)}_weights;
    int32_t o;
{_indented(body)}}}
"""

    def _linear_rows(self, number: int, step: IntStep) -> list[str]:
        """A linear map of an input that comes row by row."""
        (inputs, units), name = step.weight.shape, self._id(step)
        count = step.step.input_shape[1] * step.step.input_shape[2]
        body = []
        for first, blocks, size in self._blocks(step):
            lanes = range(size)
            sums = ", ".join(f"a{c} = sums[o + {c}]" for c in lanes)
            body += [
                f"for (o = {first}; o < {first + blocks * size}; o += {size}) {{",
                f"    const int8_t *k = {name}_weights + o * {inputs} + row * {count * size};",
                "    const int8_t *p = x;",
                f"    const int8_t *const end = x + {count};",
                f"    int32_t {sums};",
                *(f"    {line}" for line in self._dense_loop(number, step, size)),
                *(f"    sums[o + {c}] = a{c};" for c in lanes),
                "}",
            ]
        return [
            f"""\
/* {step.step.title}: {shape_text(step.step.input_shape)} -> {shape_text(step.step.output_shape)}, row by row */
static inline void {name}_begin(int32_t *sums)
{{
    int32_t o;
    for (o = 0; o < {units}; o++) {{
        sums[o] = {name}_bias[o];
    }}
}}
""",
            f"""\
static inline void {name}(const int8_t *x, int32_t row, int32_t *sums)
{{
    int32_t o;
{_indented(body)}}}
""",
            f"""\
static inline void {name}_end(const int32_t *sums, int8_t *y)
{{
    int32_t o;
    for (o = 0; o < {units}; o++) {{
        y[o] = {self._finished(step, "sums[o]", "o")};
    }}
}}
""",
        ]

    def _dense_loop(self, number: int, step: IntStep, size: int) -> list[str]:
        """The loop over the inputs from p to end, and their weights from k on."""
        return [
            "while (p < end) {",
            "    const int32_t v = *p++;",
            *(f"    a{c} += v * k[{c}];" for c in range(size)),
            f"    k += {size};",
            "}",
        ]

    def _softmax(self, number: int, step: IntStep) -> str:
        _, width, channels = step.step.output_shape
        return f"""\
/* {step.step.title}: {shape_text(step.step.output_shape)}; shares of 256 */
static inline void {self._id(step)}(const int8_t *x, int8_t *y, int32_t row)
{{
    int32_t i, c;
    (void)row;
    x = {self._source_row(number, "row")};
    for (i = 0; i < {width}; i++) {{
        int32_t most = x[0];
        uint32_t total = 0u;
        for (c = 1; c < {channels}; c++) {{
            most = x[c] > most ? x[c] : most;
        }}
        for (c = 0; c < {channels}; c++) {{
            total += {self._id(step)}_table[most - x[c]];
        }}
        for (c = 0; c < {channels}; c++) {{
            const uint32_t share = ({self._id(step)}_table[most - x[c]] * 256u + total / 2u) / total;
            y[c] = (int8_t)(share > 255u ? 127 : (int32_t)share - 128);
        }}
        x += {channels};
        y += {channels};
    }}
}}
"""

    def _row_of(self, number: int, step: IntStep) -> str:
        """The function for a row: finds the rows of the input that a window looks at, and goes from column to column.

        Where a window reaches over the border, it is copied first, with the zero of the source around the image.
        """
        lowered, source = step.step, self._source(number)
        height, width, channels = lowered.input_shape
        (span_h, span_w), (advance_h, advance_w) = lowered.span, lowered.advance
        (top, bottom), (left, right) = lowered.padding
        columns, filters = lowered.output_shape[1:]
        values = {"ID": self._id(step), "KIND": source, "COLUMNS": columns, "FILTERS": filters, "SPAN": span_h}
        values |= {"STEP": advance_w * channels, "TITLE": lowered.title}
        values["SHAPES"] = f"{shape_text(lowered.input_shape)} -> {shape_text(lowered.output_shape)}"
        first = f"row * {advance_h}" if lowered.output_shape[0] > 1 else "0"
        if not (top or bottom or left or right):
            values["SOURCE"] = self._source_row(number, f"({first} + i)")
            return _filled(_ROW, values)
        values |= {"FIRST": f"{first} - {top}", "WIDE": span_w * channels, "ADVANCE": advance_w, "LEFT": left}
        values |= {"INSIDE": width - span_w, "HEIGHT": height, "WIDTH": width, "CHANNELS": channels, "SPANW": span_w}
        values |= {"SOURCE": self._source_row(number, "r"), "ZERO": step.source.zero}
        return _filled(_PADDED_ROW, values)

    def _conv_window(self, number: int, step: IntStep) -> str:
        """The function for one place of the output of a convolution, all channels."""
        blocks = [line for block in self._blocks(step) for line in self._conv_block(number, step, *block)]
        return f"""\
NAME_NOINLINE static void {self._id(step)}_window(const {self._source(number)} *const *rows, int32_t at, int8_t *y)
{{
    const int8_t *k = {self._id(step)}_weights;
    int32_t o;
{_indented(blocks)}}}
"""

    def _conv_block(self, number: int, step: IntStep, first: int, count: int, size: int) -> list[str]:
        """The loop over `count` blocks of `size` channels from channel `first` on."""
        pool, lanes, name = step.step.pool, range(size), self._id(step)
        rows, columns = pool.size if pool else (1, 1)
        places = _places(step)
        sums = ", ".join(f"a{p}_{c} = {name}_bias[o + {c}]" for c in lanes for p in range(places))
        taps = [f"int32_t {sums};", *self._taps(number, step, size)]
        if rows * columns == 1:
            body, results = taps, [f"a0_{c}" for c in lanes]
        else:
            # Each row of the pool takes the same weights, and so does each of its places if they come one by one.
            again = step.weight[..., 0].size * size
            start = "0" if pool.kind == "avg" else "INT32_MIN"
            taken = [line for c in lanes for p in range(places) for line in _taken_in(step, f"m{c}", f"a{p}_{c}")]
            body = [
                f"int32_t {', '.join(f'm{c} = {start}' for c in lanes)}, p;",
                f"for (p = 0; p < {rows * columns // places}; p++) {{",
                *(f"    {line}" for line in [*taps, *taken, f"k -= {again};"]),
                "}",
                f"k += {again};",
            ]
            results = [f"m{c}" for c in lanes]
        body += [f"y[o + {c}] = {self._finished(step, result, f'o + {c}')};" for c, result in enumerate(results)]
        head = f"for (o = {first}; o < {first + count * size}; o += {size}) {{"
        return [head, *(f"    {line}" for line in body), "}"]

    def _taps(self, number: int, step: IntStep, size: int) -> list[str]:
        """Every tap of the kernel, row by row, added to the sums of the places side by side and of a block's channels."""
        kh, kw, channels, _ = step.weight.shape
        (sh, sw), pool = step.step.stride, step.step.pool
        places, count = _places(step), kw * channels
        row, column = "i", "at"
        if pool and math.prod(pool.size) > 1:
            row = f"p * {sh} + i"
            if places < pool.size[1]:
                row, column = f"p / {pool.size[1]} * {sh} + i", f"at + p % {pool.size[1]} * {sw * channels}"

        def tap(t: int) -> list[str]:
            """One input's multiply-adds; its neighbours' are a step of the convolution further."""
            lines = [f"const int32_t v{p} = q[{t + p * sw * channels}];" for p in range(places)]
            for c in range(size):
                lines.append(f"const int32_t w{c} = k[{t * size + c}];")
                lines += [f"a{p}_{c} += v{p} * w{c};" for p in range(places)]
            return ["{", *(f"    {line}" for line in lines), "}"]

        unrolled = 1 if self.optimize == "size" else _UNROLL[self.optimize](count)
        steps = [line for t in range(unrolled) for line in tap(t)] + [f"q += {unrolled};", f"k += {unrolled * size};"]
        if unrolled < count:
            end = [f"const {self._source(number)} *const end = q + {count};"]
            steps = [*end, "do {", *(f"    {line}" for line in steps), "} while (q < end);"]
        source = f"const {self._source(number)} *q = rows[{row}] + {column};"
        body = [source, *steps]
        return ["int32_t i;", f"for (i = 0; i < {kh}; i++) {{", *(f"    {line}" for line in body), "}"]

    def _plain_window(self, number: int, step: IntStep) -> str:
        """The function for one place of the output of a factor per channel, an activation or a pool."""
        pool, channels, source = step.step.pool, step.step.output_shape[2], self._source(number)
        (ph, pw), name = pool.size if pool else (1, 1), self._id(step)
        average = pool is not None and pool.kind == "avg"
        value = f"(int32_t)rows[i][at + j * {channels} + o]"
        if step.weight is not None:
            value = f"{value} * {name}_weights[o]"
        if step.bias is not None:
            value = f"{value} + {name}_bias[o]"
        if step.rescale is not None:
            result = self._finished(step, "m", "o")
        elif step.table is not None:
            result = f"{name}_table[m{'' if step.bytes_in else ' + 128'}]"
        else:
            result = f"(int8_t)(m{' - 128' if step.bytes_in else ''})"
        return f"""\
static inline void {name}_window(const {source} *const *rows, int32_t at, int8_t *y)
{{
    int32_t o, i, j;
    for (o = 0; o < {channels}; o++) {{
        int32_t m = {"0" if average else "INT32_MIN"};
        for (i = 0; i < {ph}; i++) {{
            for (j = 0; j < {pw}; j++) {{
                const int32_t v = {value};
{textwrap.indent(chr(10).join(_taken_in(step, "m", "v")), " " * 16)}
            }}
        }}
        y[o] = {result};
    }}
}}
"""


def _places(step: IntStep) -> int:
    """How many places of a pool's row are computed side by side: all of a few, or one after another."""
    columns = step.step.pool.size[1] if step.step.pool else 1
    return columns if columns <= _MOST_PLACES else 1


def _taken_in(step: IntStep, total: str, value: str) -> list[str]:
    """Statements that take one more sum into what a pool has found so far."""
    pool = step.step.pool
    if pool is None or pool.kind == "max":
        return [f"{total} = {value} > {total} ? {value} : {total};"]
    if step.step.activation == "relu":
        return [f"{total} += {value} > 0 ? {value} : 0;"]
    return [f"{total} += {value};"]


def _high(step: IntStep) -> bool:
    """Whether the high word of a product is enough to rescale with."""
    return int(step.rescale.shift.min()) >= 33


def _signed(number: int) -> str:
    return str(number) if number >= 0 else f"({number})"


def _slot(row: str, rows: int, height: int) -> str:
    return row if rows >= height else f"({row} % {rows})"


def _indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def _filled(text: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", str(value))
    return text


_SHIFTS = """\
#if defined(__GNUC__)
#define NAME_NOINLINE __attribute__((noinline))
#else
#define NAME_NOINLINE
#endif

/* Does not compile where shifting a negative number to the right does not round down. */
typedef char NAME_shift_check[(-1 >> 1) == -1 && (-(int64_t)5 >> 1) == -3 ? 1 : -1];
"""

_RESCALE = """\
/* floor((sum * multiplier + 2**(shift - 1)) / 2**shift) for shifts from 33 on, where the low word cannot matter */
static inline int32_t NAME_rescale(int32_t sum, int32_t multiplier, int32_t shift)
{
    const int32_t high = (int32_t)(((int64_t)sum * multiplier) >> 32);
    return (high + ((int32_t)1 << (shift - 33))) >> (shift - 32);
}

static inline int32_t NAME_clamp(int32_t value, int32_t low)
{
    value = value < low ? low : value;
    return value > 127 ? 127 : value;
}
"""

_RESCALE_WIDE = """\
/* The same for shifts from 30 on */
static inline int32_t NAME_rescale_wide(int32_t sum, int32_t multiplier, int32_t shift)
{
    return (int32_t)(((int64_t)sum * multiplier + ((int64_t)1 << (shift - 1))) >> shift);
}
"""

_ROW = """\
/* <TITLE>: <SHAPES> */
static inline void <ID>(const <KIND> *x, int8_t *y, int32_t row)
{
    const <KIND> *rows[<SPAN>];
    int32_t i;
    (void)row;
    for (i = 0; i < <SPAN>; i++) {
        rows[i] = <SOURCE>;
    }
    for (i = 0; i < <COLUMNS>; i++) {
        <ID>_window(rows, i * <STEP>, y + i * <FILTERS>);
    }
}
"""

_PADDED_ROW = """\
/* <TITLE>: <SHAPES> */
static inline void <ID>(const <KIND> *x, int8_t *y, int32_t row, int8_t *patch)
{
    const <KIND> *rows[<SPAN>], *padded[<SPAN>];
    <KIND> *to = (<KIND> *)patch;
    const int32_t first = <FIRST>;
    int32_t i, j, c, column;
    (void)row;
    for (i = 0; i < <SPAN>; i++) {
        const int32_t r = first + i;
        rows[i] = r >= 0 && r < <HEIGHT> ? <SOURCE> : x;
        padded[i] = to + i * <WIDE>;
    }
    for (column = 0; column < <COLUMNS>; column++) {
        const int32_t left = column * <ADVANCE> - <LEFT>;
        if (first >= 0 && first + <SPAN> <= <HEIGHT> && left >= 0 && left <= <INSIDE>) {
            <ID>_window(rows, left * <CHANNELS>, y + column * <FILTERS>);
            continue;
        }
        for (i = 0; i < <SPAN>; i++) {
            for (j = 0; j < <SPANW>; j++) {
                const int inside = first + i >= 0 && first + i < <HEIGHT> && left + j >= 0 && left + j < <WIDTH>;
                for (c = 0; c < <CHANNELS>; c++) {
                    to[i * <WIDE> + j * <CHANNELS> + c] = inside ? rows[i][(left + j) * <CHANNELS> + c] : (<KIND>)<ZERO>;
                }
            }
        }
        <ID>_window(padded, 0, y + column * <FILTERS>);
    }
}
"""
