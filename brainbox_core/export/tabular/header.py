"""The header of a model that predicts from the row of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainbox_core import __version__
from brainbox_core.export import c_names
from brainbox_core.export.c_names import SIGNIFICANT
from brainbox_core.export.network.source import Vectors, closing, literals, opening, rows_of
from brainbox_core.export.origin import origin
from brainbox_core.export.tabular import source as c_formula
from brainbox_core.export.tabular.formula import Formula
from brainbox_core.model.sequential import Sequential

if TYPE_CHECKING:
    from brainbox_core.export.tabular.draft import Subject


def header(
    name: str,
    model: Sequential,
    subject: Subject,
    formula: Formula,
    carried: Vectors,
    checked: str,
    weights: str,
    digest: str,
    stack: int,
    close: str,
) -> str:
    """The text of a header, in ASCII; the same for the same arguments.

    Args:
        name: what every identifier begins with.
        model: for the comment.
        subject: what the inputs and the result mean.
        formula: what it computes.
        carried: the vectors that it carries, with the results.
        checked: what was checked, or "NO ..." if nothing was.
        weights: "flash" or "ram", where the tables lie.
        digest: SHA-256 of the model.
        stack: bytes that a run takes beside its arrays.
        close: how far off the model it is, in words.
    """
    longest = SIGNIFICANT - len(f"{name}_FEATURE_")
    places = c_names.constants([value.name for value in subject.values], longest)
    classifies = subject.threshold is not None
    function = "score" if classifies else "predict"
    needed = frozenset({"sigmoid"} if subject.probability else ())
    ram = formula.scratch + 4 * formula.inputs + 4 + stack + (formula.table_bytes if weights == "ram" else 0)
    sections = [
        _comment(name, model, subject, formula, checked, weights, digest, places, ram, stack, close),
        opening(name, floats=True),
        _sizes(name, subject, formula, weights, places, ram),
        "/* What was learned */\n\n" + c_formula.tables(name, formula, weights),
        "/* The steps */\n\n" + c_formula.functions(name, formula, function, subject.meaning, needed),
        _probability(name, subject, formula) if subject.probability else "",
        _classify(name, formula) if classifies else "",
        _selftest(name, function, carried),
        closing(name),
    ]
    return "\n".join(section.rstrip("\n") + "\n" for section in sections if section)


def _comment(
    name: str,
    model: Sequential,
    subject: Subject,
    formula: Formula,
    checked: str,
    weights: str,
    digest: str,
    places: list[str],
    ram: int,
    stack: int,
    close: str,
) -> str:
    upper = name.upper()
    calls = [f"    float value = {name}_predict(features);"]
    if subject.threshold is not None:
        calls = [f"    int yes = {name}_classify(features);"]
        calls += [f"    float share = {name}_predict(features);"] if subject.probability else []
    lines = [
        f"{name}: a model of the columns of a table in one header, made by brainbox {__version__}",
        "",
        f"model    {origin(model)}, {formula.parameters:,} parameters",
        f"         SHA-256 of all that was learned {digest}",
        f"input    const float features[{formula.inputs}], in the data's own units; see below",
        f"output   {subject.meaning.comment()}",
        f"RAM      {ram:,} bytes: {formula.scratch} of arrays and about {stack} more of stack, input, output"
        + (", and the weights" if weights == "ram" else ""),
        f"flash    {formula.table_bytes:,} bytes of tables, and the code of the functions that are called",
        f"checked  {checked}",
        f"         {close}",
        "",
        f"    float features[{upper}_INPUT_SIZE] = {{ 0 }};",
        f"    features[{upper}_FEATURE_{places[0]}] = ...;",
        *calls,
        "",
        "Nothing is written but the stack. There are no missing values: every feature has to be given, or what the",
        "result says is about the 0 that stands there. Check for what is not finite before: the result is not finite",
        "either" + (", or says class 0." if subject.threshold is not None else "."),
        "",
        "The features, their places, and their ranges in training:",
        "",
    ]
    width = max(map(len, places))
    for number, (place, value) in enumerate(zip(places, subject.values, strict=True)):
        range_ = f", {value.low:.6g} to {value.high:.6g}" if value.meaning.plain().startswith("a number") else ""
        said = f"{value.name.comment(60)}: {value.meaning.comment(80)}{range_}"
        lines.append(f"{number:>5}  {place:<{width}}  {said}")
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _sizes(name: str, subject: Subject, formula: Formula, weights: str, places: list[str], ram: int) -> str:
    upper = name.upper()
    values = {
        "INPUT_SIZE": formula.inputs,
        "OUTPUT_SIZE": 1,
        "ARENA_SIZE": formula.scratch,
        "STATE_SIZE": 0,
        "RAM_TOTAL": ram,
        "FLASH_CONST": 0 if weights == "ram" else formula.table_bytes,
    }
    lines = [f"#define {upper}_{word} {value}" for word, value in values.items()]
    lines += ["", *(f"#define {upper}_FEATURE_{place} {number}" for number, place in enumerate(places))]
    if subject.threshold:
        literal = c_names.float_literal(subject.threshold)
        literal = f"({literal})" if literal.startswith("-") else literal
        lines += ["", "/* The logit from which on a row is of class 1 */", f"#define {upper}_THRESHOLD {literal}"]
    return "\n".join(lines) + "\n"


def _probability(name: str, subject: Subject, formula: Formula) -> str:
    return f"""\
/* The probability of class 1. */
static inline float {name}_predict(const float features[{formula.inputs}])
{{
    return {name}_sigmoid({name}_score(features){f" + {name.upper()}_THRESHOLD" if subject.threshold else ""});
}}
"""


def _classify(name: str, formula: Formula) -> str:
    return f"""\
/* The class: 1 from the threshold on, which is in the score already; else 0. */
static inline int {name}_classify(const float features[{formula.inputs}])
{{
    return {name}_score(features) >= 0.0f ? 1 : 0;
}}
"""


def _selftest(name: str, function: str, carried: Vectors) -> str:
    count = len(carried.inputs)
    about = "/* 0 if each embedded row gives its embedded result, else the number of the first that does not. */"
    signature = f"static inline int {name}_selftest(void)"
    if not count:
        return f"{about}\n{signature}\n{{\n    return 0;\n}}\n"
    return f"""\
static const float {name}_selftest_inputs[{count}][{carried.inputs.shape[1]}] = {{
{rows_of(carried.inputs)}
}};
static const float {name}_selftest_outputs[{count}] = {{
{c_names.table(literals(carried.outputs))}
}};

{about}
{signature}
{{
    int i;
    for (i = 0; i < {count}; i++) {{
        if (!({name}_{function}({name}_selftest_inputs[i]) == {name}_selftest_outputs[i])) {{
            return i + 1;
        }}
    }}
    return 0;
}}
"""
