"""Linear maps of int8 as C text: of an input that is there as a whole, or that comes row by row."""

from __future__ import annotations

from brainbox_core.export.network.c_int8_blocks import blocks, finished, identifier, indented
from brainbox_core.export.network.quantize import IntStep
from brainbox_core.export.network.source import shape_text


def whole(step: IntStep, source: str, optimize: str) -> str:
    """A linear map of an input that is there as a whole; `source` is its C type."""
    inputs, name = step.weight.shape[0], identifier(step)
    body = []
    for first, count, size in blocks(step, optimize):
        lanes = range(size)
        sums = ", ".join(f"a{c} = {name}_bias[o + {c}]" for c in lanes)
        body += [
            f"for (o = {first}; o < {first + count * size}; o += {size}) {{",
            f"    const {source} *p = x;",
            f"    const {source} *const end = x + {inputs};",
            f"    int32_t {sums};",
            *(f"    {line}" for line in _loop(size)),
            *(f"    y[o + {c}] = {finished(step, f'a{c}', f'o + {c}')};" for c in lanes),
            "}",
        ]
    return f"""\
/* {step.step.title}: {shape_text(step.step.input_shape)} -> {shape_text(step.step.output_shape)} */
static inline void {name}(const {source} *x, int8_t *y)
{{
    const int8_t *k = {name}_weights;
    int32_t o;
{indented(body)}}}
"""


def by_rows(step: IntStep, optimize: str) -> list[str]:
    """A linear map of an input that comes row by row."""
    (inputs, units), name = step.weight.shape, identifier(step)
    count = step.step.input_shape[1] * step.step.input_shape[2]
    body = []
    for first, number, size in blocks(step, optimize):
        lanes = range(size)
        sums = ", ".join(f"a{c} = sums[o + {c}]" for c in lanes)
        body += [
            f"for (o = {first}; o < {first + number * size}; o += {size}) {{",
            f"    const int8_t *k = {name}_weights + o * {inputs} + row * {count * size};",
            "    const int8_t *p = x;",
            f"    const int8_t *const end = x + {count};",
            f"    int32_t {sums};",
            *(f"    {line}" for line in _loop(size)),
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
{indented(body)}}}
""",
        f"""\
static inline void {name}_end(const int32_t *sums, int8_t *y)
{{
    int32_t o;
    for (o = 0; o < {units}; o++) {{
        y[o] = {finished(step, "sums[o]", "o")};
    }}
}}
""",
    ]


def _loop(size: int) -> list[str]:
    """The loop over the inputs from p to end, and their weights from k on."""
    return [
        "while (p < end) {",
        "    const int32_t v = *p++;",
        *(f"    a{c} += v * k[{c}];" for c in range(size)),
        f"    k += {size};",
        "}",
    ]
