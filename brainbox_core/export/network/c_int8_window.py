"""One place of an int8 image as C text: all channels of a convolution, a pool, a factor per channel or a table.

The largest sum of a pool is chosen before it becomes an int8: multipliers are positive, so it is the largest after as
well. A row of the pool is computed side by side, so that its places share each weight, and the channels of a block
share each input: on a Cortex-M3 two places and four channels take 6 loads for 8 multiply-adds, and all 14 registers.
"""

from __future__ import annotations

import math
import textwrap

from brainbox_core.export.network.c_int8_blocks import blocks, finished, identifier, indented, places
from brainbox_core.export.network.quantize import IntStep

_WRITTEN_OUT = 5  # inputs of a kernel's row that are written out one by one; of more, two at a time where they are even


def convolution(step: IntStep, source: str, optimize: str) -> str:
    """The function for one place of the output of a convolution, all channels."""
    name = identifier(step)
    lines = [line for block in blocks(step, optimize) for line in _block(step, source, optimize, *block)]
    return f"""\
NAME_NOINLINE static void {name}_window(const {source} *const *rows, int32_t at, int8_t *y)
{{
    const int8_t *k = {name}_weights;
    int32_t o;
{indented(lines)}}}
"""


def _block(step: IntStep, source: str, optimize: str, first: int, count: int, size: int) -> list[str]:
    """The loop over `count` blocks of `size` channels from channel `first` on."""
    pool, lanes, name = step.step.pool, range(size), identifier(step)
    rows, columns = pool.size if pool else (1, 1)
    side_by_side = places(step)
    sums = ", ".join(f"a{p}_{c} = {name}_bias[o + {c}]" for c in lanes for p in range(side_by_side))
    taps = [f"int32_t {sums};", *_taps(step, source, optimize, size)]
    if rows * columns == 1:
        body, results = taps, [f"a0_{c}" for c in lanes]
    else:
        # Each row of the pool takes the same weights, and so does each of its places if they come one by one.
        again = step.weight[..., 0].size * size
        start = "0" if pool.kind == "avg" else "INT32_MIN"
        taken = [line for c in lanes for p in range(side_by_side) for line in _taken_in(step, f"m{c}", f"a{p}_{c}")]
        body = [
            f"int32_t {', '.join(f'm{c} = {start}' for c in lanes)}, p;",
            f"for (p = 0; p < {rows * columns // side_by_side}; p++) {{",
            *(f"    {line}" for line in [*taps, *taken, f"k -= {again};"]),
            "}",
            f"k += {again};",
        ]
        results = [f"m{c}" for c in lanes]
    body += [f"y[o + {c}] = {finished(step, result, f'o + {c}')};" for c, result in enumerate(results)]
    head = f"for (o = {first}; o < {first + count * size}; o += {size}) {{"
    return [head, *(f"    {line}" for line in body), "}"]


def _taps(step: IntStep, source: str, optimize: str, size: int) -> list[str]:
    """Every tap of the kernel, row by row, added to the sums of all places and channels of a block."""
    kh, kw, channels, _ = step.weight.shape
    (sh, sw), pool = step.step.stride, step.step.pool
    side_by_side, count = places(step), kw * channels
    row, column = "i", "at"
    if pool and math.prod(pool.size) > 1:
        row = f"p * {sh} + i"
        if side_by_side < pool.size[1]:
            row, column = f"p / {pool.size[1]} * {sh} + i", f"at + p % {pool.size[1]} * {sw * channels}"

    def tap(t: int) -> list[str]:
        """One input's multiply-adds; its neighbours' are a step of the convolution further."""
        lines = [f"const int32_t v{p} = q[{t + p * sw * channels}];" for p in range(side_by_side)]
        for c in range(size):
            lines.append(f"const int32_t w{c} = k[{t * size + c}];")
            lines += [f"a{p}_{c} += v{p} * w{c};" for p in range(side_by_side)]
        return ["{", *(f"    {line}" for line in lines), "}"]

    unrolled = count if count <= _WRITTEN_OUT else 2 - count % 2
    if optimize == "size":
        unrolled = 1
    steps = [line for t in range(unrolled) for line in tap(t)] + [f"q += {unrolled};", f"k += {unrolled * size};"]
    if unrolled < count:
        end = [f"const {source} *const end = q + {count};"]
        steps = [*end, "do {", *(f"    {line}" for line in steps), "} while (q < end);"]
    start = f"const {source} *q = rows[{row}] + {column};"
    body = [start, *steps]
    return ["int32_t i;", f"for (i = 0; i < {kh}; i++) {{", *(f"    {line}" for line in body), "}"]


def plain(step: IntStep, source: str) -> str:
    """The function for one place of the output of a factor per channel, an activation or a pool."""
    pool, channels = step.step.pool, step.step.output_shape[2]
    (ph, pw), name = pool.size if pool else (1, 1), identifier(step)
    average = pool is not None and pool.kind == "avg"
    value = f"(int32_t)rows[i][at + j * {channels} + o]"
    if step.weight is not None:
        value = f"{value} * {name}_weights[o]"
    if step.bias is not None:
        value = f"{value} + {name}_bias[o]"
    if step.rescale is not None:
        result = finished(step, "m", "o")
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


def _taken_in(step: IntStep, total: str, value: str) -> list[str]:
    """Statements that take one more sum into what a pool has found so far."""
    pool = step.step.pool
    if pool is None or pool.kind == "max":
        return [f"{total} = {value} > {total} ? {value} : {total};"]
    if step.step.activation == "relu":
        return [f"{total} += {value} > 0 ? {value} : 0;"]
    return [f"{total} += {value};"]
