"""A formula as C text: tables, and one function from a row of a table to a number. `formula.run` computes the same."""

from __future__ import annotations

import textwrap

import numpy as np

from brainbox_core.exact.bfloat16 import upper_half
from brainbox_core.export import c_math
from brainbox_core.export.c_names import Foreign, comment, float_literal
from brainbox_core.export.header import table
from brainbox_core.export.tabular.formula import DAY, DAYS, SECONDS, Formula
from brainbox_core.export.templates import filled


def tables(name: str, formula: Formula, weights: str) -> str:
    """All tables, in "flash" or in "ram"; `name` is what every identifier begins with."""
    scaler = zip(("offset", "factor", "shift"), formula.scaler, strict=False)
    texts = []
    if formula.sources:
        note = "/* Of which value of a row each feature is made */\n"
        texts.append(note + table(name, "sources", np.array(formula.sources, np.uint16), weights))
    texts += [table(name, what, values, weights) for what, values in scaler]
    if formula.terms is not None:
        numbers = []
        for term in formula.terms:
            numbers += [len(term), *(feature * formula.degree + power - 1 for feature, power in term)]
        note = "/* How many factors a term has, and which of the powers they are */\n"
        texts.append(note + table(name, "terms", np.array(numbers, np.uint8), weights))
    rows = "for one input after another the weights that lead from it"
    for number, layer in enumerate(formula.layers):
        note, array = f"the biases, then {rows}", np.concatenate([layer.bias[None], layer.weight]).ravel()
        if formula.halved:
            texts.append(f"/* {layer.title}: the biases */\n" + table(name, f"biases_{number}", layer.bias, weights))
            note, array = rows, upper_half(layer.weight).ravel()
        texts.append(f"/* {layer.title}: {note} */\n" + table(name, f"layer_{number}", array, weights))
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
    parts = [filled("shared.h.in", name), c_math.c_functions(name, kinds)]
    if _has_features(formula):
        parts.append(_feature(name, formula))
    if formula.terms is None:
        parts.append(_layer(name, formula))
    body = _polynomial(name, formula) if formula.terms is not None else _layers(name, formula)
    head = (
        comment(f"{about.comment()}.") + f"{name}_API float {name}_{function}(const float features[{formula.inputs}])"
    )
    parts.append(f"{head}\n{{\n{textwrap.indent(body, '    ')}}}\n")
    log = f"float {name}_log("  # called from several places; copies of it would take room
    return "\n".join(filter(None, parts)).replace(f"static inline {log}", f"static {name}_SHARED {log}")


def _has_features(formula: Formula) -> bool:
    transformed = any(formula.transforms) or bool(formula.sources) or any(fill is not None for fill in formula.fills)
    return transformed or bool(formula.scaler) or formula.squash != "linear"


def _feature(name: str, formula: Formula) -> str:
    """The function for one value of a row as the first layer takes it."""
    cases = []
    steps = list(zip(formula.fills or [None] * formula.features, formula.transforms, strict=True))
    for fill, transform in dict.fromkeys(steps):
        if fill is None and not transform:
            continue
        cases += [f"    case {i}:\n" for i, other in enumerate(steps) if other == (fill, transform)]
        if fill is not None:
            cases.append(f"        v = v >= 0.0f || v < 0.0f ? v : {float_literal(fill)};\n")
        if transform:
            kind, _, part = transform.partition(" ")
            cases.append(textwrap.indent(filled(f"tabular/{kind}.h.in", name, **_NUMBERS, part=part), "        "))
        cases.append("        break;\n")
    scaled = f"{name}_PRODUCT(v - {name}_offset[i], {name}_factor[i])" if formula.scaler else "v"
    scaled += f" + {name}_shift[i]" * (formula.shift is not None)
    if formula.squash not in ("linear", "relu"):
        scaled = f"{name}_{formula.squash}({scaled})"
    switch = f"    switch (i) {{\n{''.join(cases)}    default:\n        break;\n    }}\n" if cases else ""
    kinds = {transform.partition(" ")[0] for transform in formula.transforms}
    dated = {kind: kind in kinds for kind in ("month", "weekday")}
    dates = filled("tabular/dates.h.in", name, **_NUMBERS, **dated) + "\n" if any(dated.values()) else ""
    return dates + filled(
        "tabular/feature.h.in",
        name,
        source=f"{name}_sources[i]" if formula.sources else "i",
        switch=switch,
        scaled=scaled,
        relu=formula.squash == "relu",
    )


_NUMBERS = {
    **{"day": float_literal(float(DAY)), "seconds": float_literal(float(SECONDS))},
    "days": float_literal(float(DAYS)),
}


def _layer(name: str, formula: Formula) -> str:
    """The function for one layer; where columns are scaled or transformed, a parameter says whether it is the first."""
    value, first = "x[i]", ""
    if _has_features(formula):
        value, first = f"first ? {name}_feature(x, i) : x[i]", f",\n{' ' * 30}int first"
    return filled("tabular/layer.h.in", name, halved=formula.halved, value=value, first=first)


def _layers(name: str, formula: Formula) -> str:
    even, odd = formula.buffers
    lines = [f"float a[{even}]{f', b[{odd}]' if odd else ''};"]
    if any(layer.activation != "linear" for layer in formula.layers):
        lines.append("int32_t o;")
    source, inputs = "features", formula.features
    for number, layer in enumerate(formula.layers):
        target, units = "ab"[number % 2], len(layer.bias)
        first = f", {int(number == 0)}" if _has_features(formula) else ""
        tables = f"{name}_biases_{number}, {name}_layer_{number}" if formula.halved else f"{name}_layer_{number}"
        lines.append(f"{name}_layer({source}, {inputs}, {tables}, {target}, {units}{first});")
        if layer.activation != "linear":
            value = f"{target}[o]"
            active = f"{value} < 0.0f ? 0.0f : {value}"
            active = active if layer.activation == "relu" else f"{name}_{layer.activation}({value})"
            lines += [f"for (o = 0; o < {units}; o++) {{", f"    {value} = {active};", "}"]
        source, inputs = target, units
    lines.append(f"return {_result(name, formula, f'{source}[0]')};")
    return "".join(f"{line}\n" for line in lines)


def _result(name: str, formula: Formula, value: str) -> str:
    return f"{name}_exp({value})" if formula.result == "exp" else value


def _polynomial(name: str, formula: Formula) -> str:
    """Legendre polynomials of every input, then the terms one after another."""
    degree = formula.degree
    value = f"{name}_feature(features, i)" if _has_features(formula) else "features[i]"
    powers = [f"p[0] = {value};"]
    for k in range(2, degree + 1):
        before = f"p[{k - 3}]" if k > 2 else "1.0f"
        rise, fall = float_literal(2 - 1 / k), float_literal(1 - 1 / k)
        powers.append(f"p[{k - 1}] = {name}_PRODUCT({rise}, p[0] * p[{k - 2}]) - {name}_PRODUCT({fall}, {before});")
    return filled(
        "tabular/polynomial.h.in",
        name,
        powers=formula.features * degree,
        inputs=formula.features,
        recursion="".join(f"    {line}\n" for line in powers),
        degree=degree,
        terms=len(formula.terms or ()),
        result=_result(name, formula, "y"),
    )
