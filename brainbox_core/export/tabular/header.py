"""The header of a model that predicts from the row of a table."""

from __future__ import annotations

from brainbox_core.export import c_names
from brainbox_core.export.c_names import SIGNIFICANT
from brainbox_core.export.header import Memory, Page, Vectors, fails_if, macro, selftest, table
from brainbox_core.export.tabular import source
from brainbox_core.export.tabular.formula import Formula
from brainbox_core.export.tabular.subject import Subject
from brainbox_core.export.templates import filled
from brainbox_core.model.sequential import Sequential


def page(
    name: str, model: Sequential, subject: Subject, formula: Formula, memory: Memory, carried: Vectors, close: str
) -> Page:
    """What a header says.

    Args:
        name: what every identifier begins with.
        model: for the comment.
        subject: what the inputs and the result mean.
        formula: what it computes.
        memory: its bytes.
        carried: the vectors that it carries, each with one result.
        close: how far off the model it is, in words.
    """
    upper, classifies = name.upper(), subject.threshold is not None
    places = c_names.constants([value.name for value in subject.values], SIGNIFICANT - len(f"{name}_FEATURE_"))
    function = "margin" if classifies else "predict"
    needed = frozenset({"sigmoid"} if subject.probability else ())
    macros = ["", *(f"#define {upper}_FEATURE_{place} {number}" for number, place in enumerate(places))]
    if subject.threshold:
        macros += ["", "/* The logit from which on a row is of class 1 */", macro(name, "THRESHOLD", subject.threshold)]
    calls = [f"{'int yes' if classifies else 'float value'} = {name}_predict(features);"]
    calls += [f"float share = {name}_probability(features);"] * subject.probability
    return Page(
        name=name,
        model=model,
        what="a model of the columns of a table",
        size=f"{formula.parameters:,} parameters",
        facts={
            "input": f"const float features[{formula.inputs}], in the data's own units; see below",
            "output": subject.meaning.comment(),
        },
        memory=memory,
        ram=f"{memory.arena} of arrays and about {memory.stack} more of stack, input, output",
        flash="tables, and the code of the functions that are called",
        close=close,
        usage=[
            f"float features[{upper}_INPUT_SIZE] = {{ 0 }};",
            f"features[{upper}_FEATURE_{places[0]}] = ...;",
            *calls,
        ],
        notes=[
            "Nothing is written but the stack. There are no missing values: every feature has to be given, or the",
            "result is that of the 0 that stands there. Check before for what is not finite: the result is not finite",
            f"either{', or says class 0' * classifies}.",
            "",
            "The features, their places, and their ranges in training:",
            "",
            *_features(subject, places),
        ],
        inputs=formula.inputs,
        outputs=1,
        macros=macros,
        learned=subject.learned,
        code=[
            "/* What was learned */\n\n" + source.tables(name, formula, memory.weights),
            "/* The steps */\n\n" + source.functions(name, formula, function, subject.meaning, needed),
            filled(
                "tabular/answers.h.in",
                name,
                inputs=formula.inputs,
                classifies=classifies,
                probability=subject.probability,
                threshold=f" + {upper}_THRESHOLD" if subject.threshold else "",
            ),
            selftest(
                name,
                parameters=[],
                tables=[
                    table(f"{name}_selftest_inputs", carried.inputs),
                    table(f"{name}_selftest_outputs", carried.outputs),
                ],
                count=len(carried.inputs),
                start=["int i;"],
                check=fails_if(f"!({name}_{function}({name}_selftest_inputs[i]) == {name}_selftest_outputs[i])"),
            ),
        ],
    )


def _features(subject: Subject, places: list[str]) -> list[str]:
    """For the comment, a line for every value of a row."""
    width, lines = max(map(len, places)), []
    for number, (place, value) in enumerate(zip(places, subject.values, strict=True)):
        range_ = f", {value.low:.6g} to {value.high:.6g}" if value.meaning.plain().startswith("a number") else ""
        said = f"{value.name.comment(60)}: {value.meaning.comment(80)}{range_}"
        lines.append(f"{number:>5}  {place:<{width}}  {said}")
    return lines
