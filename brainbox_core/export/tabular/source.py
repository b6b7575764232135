"""A formula as C text: tables, and one function from a row of a table to a number. `formula.run` computes the same."""

from __future__ import annotations

import textwrap
from collections import defaultdict

import numpy as np

from brainbox_core.exact.bfloat16 import upper_half
from brainbox_core.export import c_math, c_names
from brainbox_core.export.c_names import Foreign, float_literal
from brainbox_core.export.network.source import literals
from brainbox_core.export.tabular.formula import DAY, SECONDS, Formula


def tables(name: str, formula: Formula, weights: str) -> str:
    """All tables, in flash or in RAM.

    Args:
        name: what every identifier begins with.
        weights: "flash" or "ram".
    """
    head = f"static{' const' if weights == 'flash' else ''}"
    texts = []
    if formula.factor is not None:
        for what, values in (("offset", formula.offset), ("factor", formula.factor)):
            texts.append(_table(f"{head} float {name}_{what}", [*literals(values)]))
    if formula.terms is not None:
        numbers = []
        for term in formula.terms:
            numbers += [len(term), *(feature * formula.degree + power - 1 for feature, power in term)]
        note = "/* How many factors a term has, and which of the powers they are */\n"
        texts.append(note + _table(f"{head} uint8_t {name}_terms", list(map(str, numbers))))
    for number, layer in enumerate(formula.layers):
        rows = "for one input after another the weights that lead from it"
        if formula.halved:
            note = f"/* {layer.title}: the biases */\n"
            texts.append(note + _table(f"{head} float {name}_biases_{number}", [*literals(layer.bias)]))
            note, kind, numbers = rows, "uint16_t", [*literals(upper_half(layer.weight))]
        else:
            values = np.concatenate([layer.bias[None], layer.weight]).ravel()
            note, kind, numbers = f"the biases, then {rows}", "float", [*literals(values)]
        texts.append(f"/* {layer.title}: {note} */\n" + _table(f"{head} {kind} {name}_layer_{number}", numbers))
    return "\n".join(texts)


def functions(name: str, formula: Formula, function: str, about: Foreign, needed: frozenset[str] = frozenset()) -> str:
    """The function NAME_`function` from a row to the result, and those that it calls.

    Args:
        name: what every identifier begins with.
        function: the end of its name.
        about: what it gives.
        needed: more functions of `c_math` to include.
    """
    kinds = {formula.squash, *(layer.activation for layer in formula.layers), formula.result, *needed}
    if {"log", "log1p"} & set(formula.transforms):
        kinds.add("log")
    parts = [c_math.c_functions(name, kinds)]
    if _has_features(formula):
        parts.append(_feature(formula))
    if formula.terms is None:
        parts.append(_layer(formula))
    body = _polynomial(formula) if formula.terms is not None else _layers(formula)
    parts.append(f"""\
/* <ABOUT> */
static inline float NAME_{function}(const float features[{formula.inputs}])
{{
{textwrap.indent(body, "    ")}}}
""")
    text = "\n".join(part for part in parts if part)
    for called in ("void NAME_layer(", f"float {name}_log("):  # from several places; copies of them would take room
        text = text.replace(f"static inline {called}", f"NAME_SHARED {called}")
    return (_SHARED + text).replace("NAME", name).replace("<ABOUT>", f"{about.comment()}.")


_SHARED = """\
#if defined(__GNUC__)
#define NAME_SHARED static __attribute__((noinline, unused))
#else
#define NAME_SHARED static inline
#endif

"""


def _table(head: str, numbers: list[str]) -> str:
    return f"{head}[{len(numbers)}] = {{\n{c_names.table(numbers)}\n}};\n"


def _has_features(formula: Formula) -> bool:
    return any(formula.transforms) or formula.factor is not None or formula.squash != "linear"


def _feature(formula: Formula) -> str:
    """The function for one value of a row as the first layer takes it."""
    places = defaultdict(list)
    for i, transform in enumerate(formula.transforms):
        if transform:
            places[transform].append(i)
    cases = "".join(
        "".join(f"    case {i}:\n" for i in found)
        + textwrap.indent(_TRANSFORMS[transform], "        ")
        + "        break;\n"
        for transform, found in places.items()
    )
    switch = f"    switch (i) {{\n{cases}    default:\n        break;\n    }}\n" if cases else ""
    scaled = "v" if formula.factor is None else "(v - NAME_offset[i]) * NAME_factor[i]"
    squash = formula.squash
    if squash == "relu":
        switch += f"    v = {scaled};\n"
        scaled = "v < 0.0f ? 0.0f : v"
    elif squash != "linear":
        scaled = f"NAME_{squash}({scaled})"
    numbers = {"DAY": float_literal(DAY), "SECONDS": float_literal(SECONDS)}
    for word, literal in numbers.items():
        switch = switch.replace(f"<{word}>", literal)
    return f"""\
/* Value i of a row, as the network takes it */
static inline float NAME_feature(const float *x, int32_t i)
{{
    float v = x[i];
{switch}    return {scaled};
}}
"""


_TRANSFORMS = {
    "log": "v = NAME_log(v);\n",
    "log1p": "v = v < 0.0f ? -NAME_log(1.0f - v) : NAME_log(1.0f + v);\n",
    "day": """\
if (v < <SECONDS> && v > -<SECONDS>) {
    v -= (float)(int32_t)(v / <DAY>) * <DAY>;
    v = v < 0.0f ? v + <DAY> : v;
    v = v >= <DAY> ? v - <DAY> : v;
} else {
    v = v - v;
}
""",
}

_LAYER = """\
/* One layer: the biases are the first row of the table, then each input has a row */
static inline void NAME_layer(const float *x, int32_t inputs, const float *k, float *y, int32_t units)
{
    int32_t i, o;
    for (o = 0; o < units; o++) {
        y[o] = k[o];
    }
    for (i = 0; i < inputs; i++) {
        const float v = x[i];
        k += units;
        for (o = 0; o < units; o++) {
            y[o] += v * k[o];
        }
    }
}
"""

_HALVED_LAYER = """\
/* A weight: the upper half of a float, the lower half is 0 */
static inline float NAME_weight(uint16_t upper)
{
    union {
        uint32_t bits;
        float value;
    } weight;
    weight.bits = (uint32_t)upper << 16;
    return weight.value;
}

/* One layer: each input has a row in the table */
static inline void NAME_layer(const float *x, int32_t inputs, const float *biases, const uint16_t *k,
                              float *y, int32_t units)
{
    int32_t i, o;
    for (o = 0; o < units; o++) {
        y[o] = biases[o];
    }
    for (i = 0; i < inputs; i++) {
        const float v = x[i];
        for (o = 0; o < units; o++) {
            y[o] += v * NAME_weight(k[o]);
        }
        k += units;
    }
}
"""


def _layer(formula: Formula) -> str:
    """The function for one layer; where the columns are not taken as they are, it has to know the first layer."""
    text = _HALVED_LAYER if formula.halved else _LAYER
    if _has_features(formula):
        text = text.replace("int32_t units)", f"int32_t units,\n{' ' * 30}int first)")
        text = text.replace("= x[i];", "= first ? NAME_feature(x, i) : x[i];")
    return text


def _layers(formula: Formula) -> str:
    even, odd = formula.buffers
    lines = [f"float a[{even}]{f', b[{odd}]' if odd else ''};"]
    if any(layer.activation != "linear" for layer in formula.layers):
        lines.append("int32_t o;")
    source, inputs = "features", formula.inputs
    for number, layer in enumerate(formula.layers):
        target, units = "ab"[number % 2], len(layer.bias)
        first = f", {int(number == 0)}" if _has_features(formula) else ""
        tables = f"NAME_biases_{number}, NAME_layer_{number}" if formula.halved else f"NAME_layer_{number}"
        lines.append(f"NAME_layer({source}, {inputs}, {tables}, {target}, {units}{first});")
        if layer.activation != "linear":
            value = f"{target}[o]"
            active = f"{value} < 0.0f ? 0.0f : {value}"
            active = active if layer.activation == "relu" else f"NAME_{layer.activation}({value})"
            lines += [f"for (o = 0; o < {units}; o++) {{", f"    {value} = {active};", "}"]
        source, inputs = target, units
    lines.append(f"return {_result(formula, f'{source}[0]')};")
    return "".join(f"{line}\n" for line in lines)


def _result(formula: Formula, value: str) -> str:
    return f"NAME_exp({value})" if formula.result == "exp" else value


def _polynomial(formula: Formula) -> str:
    """Legendre polynomials of every input, then the terms one after another."""
    degree = formula.degree
    value = "NAME_feature(features, i)" if _has_features(formula) else "features[i]"
    powers = [f"p[0] = {value};"]
    for k in range(2, degree + 1):
        before = f"p[{k - 3}]" if k > 2 else "1.0f"
        rise, fall = float_literal(2 - 1 / k), float_literal(1 - 1 / k)
        powers.append(f"p[{k - 1}] = {rise} * (p[0] * p[{k - 2}]) - {fall} * {before};")
    loop = textwrap.indent("\n".join(powers), "    ")
    return f"""\
float powers[{formula.inputs * degree}], *p = powers;
const uint8_t *t = NAME_terms;
float y = NAME_layer_0[0];
int32_t i;
for (i = 0; i < {formula.inputs}; i++) {{
{loop}
    p += {degree};
}}
for (i = 1; i <= {len(formula.terms)}; i++) {{
    float v = 1.0f;
    int32_t factors = *t++;
    for (; factors > 0; factors--) {{
        v *= powers[*t++];
    }}
    y += v * NAME_layer_0[i];
}}
return {_result(formula, "y")};
"""
