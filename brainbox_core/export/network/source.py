"""The header of a network: what is the same for every kind of number.

types                                  here
tables, kernels                        the kernels' tables() and functions()
NAME_run                               here: the loops of the memory plan, with the kernels' statements inside
NAME_predict, NAME_selftest            here
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from brainbox_core.export.header import Memory, Page, Vectors, differs, macro, selftest, table, taken
from brainbox_core.export.network.arithmetic import indented, text
from brainbox_core.export.network.kernels import NetworkKernels
from brainbox_core.export.network.lower import Program, Step, shape_text
from brainbox_core.export.origin import class_names
from brainbox_core.export.templates import filled
from brainbox_core.model.sequential import Sequential

_STACK = 256  # bytes that a run takes at most, with what the compiler saves; measured on the boards
_FEW_ROWS = 6  # of a window, which _STACK already counts


def stack(program: Program) -> int:
    """Bytes of stack that a run takes at most, with 32-bit pointers: more for tall windows and for padded ones."""
    rows = max(step.span[0] for step in program.steps)
    padded = any(step.padded for step in program.steps)
    return _STACK + 4 * max(rows - _FEW_ROWS, 0) + 16 * rows * padded


def memory(kernels: NetworkKernels) -> Memory:
    """The bytes that a run needs."""
    sizes = {"float": 4, "int8_t": 1, "uint8_t": 1}
    program = kernels.program
    return Memory(
        arena=kernels.plan.arena,
        input=math.prod(program.input_shape) * sizes[kernels.input_type],
        output=math.prod(program.output_shape) * sizes[kernels.output_type],
        stack=stack(program),
        tables=kernels.table_bytes,
        weights=kernels.weights,
    )


def page(model: Sequential, kernels: NetworkKernels, selftest: Vectors) -> Page:
    """What the header of a model says, which its kernels compute; `selftest` are the vectors that it carries."""
    name = kernels.name
    program = kernels.program
    inputs, outputs = math.prod(program.input_shape), math.prod(program.output_shape)
    width = max(len(step.title) for step in program.steps)
    steps = [
        f"    {step.title:<{width}}  {shape_text(step.input_shape)} -> {shape_text(step.output_shape)}, "
        f"{step.parameters:,} parameters"
        for step in program.steps
    ]
    answers = [f"int best = {name}_predict(x, &arena);"] if outputs > 1 else [f"{name}_run(x, y, &arena);"]
    return Page(
        name=name,
        model=model,
        what="a neural network",
        size=f"{len(model.params):,} parameters",
        facts={
            "input": f"const {kernels.input_type} x[{inputs}]: {shape_text(program.input_shape)}, {kernels.notes[0]}",
            "output": f"{kernels.output_type} y[{outputs}]: {kernels.notes[1]}",
        },
        memory=memory(kernels),
        ram=f"arena {kernels.plan.arena:,}, input, output, about {stack(program)} of stack",
        flash="weights, and the code",
        usage=[f"static {name}_arena_t arena;", *answers],
        notes=[
            "Every run may have an arena of its own, nothing else is written. Self-test vectors take flash only where",
            f"{name}_selftest is called.",
            "",
            *steps,
        ],
        inputs=inputs,
        outputs=outputs,
        macros=[
            macro(name, f"{word}_{what}", value)
            for word, scale in kernels.scales.items()
            for what, value in (("SCALE", scale.scale), ("ZERO", scale.zero))
        ],
        classes=class_names(model, outputs),
        types=[_types(name, kernels)],
        code=[
            "/* What was learned */\n\n" + kernels.tables(),
            "/* The steps */\n\n" + kernels.functions(),
            _run(name, kernels),
            filled("network/predict.h.in", name, outputs=outputs) if outputs > 1 else "",
            _selftest(name, kernels, selftest),
        ],
        floats=kernels.floats,
    )


# --- sections --------------------------------------------------------------------------------------------------------


def _types(name: str, kernels: NetworkKernels) -> str:
    return f"""\
typedef {kernels.input_type} {name}_input_t;
typedef {kernels.output_type} {name}_output_t;
typedef struct {{
    {kernels.arena};
}} {name}_arena_t;
"""


def _run(name: str, kernels: NetworkKernels) -> str:
    program, plan = kernels.program, kernels.plan
    body = "".join(_group(program.steps, group, kernels) for group in plan.groups)
    inputs, outputs = math.prod(program.input_shape), math.prod(program.output_shape)
    return f"""\
/* Computes y[{outputs}] from x[{inputs}]; returns 0. The arena's content before and after means nothing. */
{name}_API int {name}_run(const {name}_input_t *x, {name}_output_t *y, {name}_arena_t *arena)
{{
    (void)arena;
{textwrap.indent(body, "    ")}    return 0;
}}
"""


def _group(steps: Sequence[Step], group: Sequence[int], kernels: NetworkKernels) -> str:
    """The loops of steps that stream to each other: a row of the first, then what it makes possible behind it."""
    first = group[0]
    rows = 1 if steps[first].kind == "linear" else steps[first].output_shape[0]
    begins = [line for number in group if (line := kernels.begin(number))]
    ends = [line for number in group if (line := kernels.end(number))]
    if len(group) == 1 and rows == 1:
        return text([*begins, kernels.row(first, "0"), *ends])
    counted = [number for number in group if number == first or steps[number].kind != "linear"]
    counters = ", ".join(f"r{number} = 0" for number in counted)
    lines = [f"/* {' > '.join(steps[number].title for number in group)} */", "{", f"    int32_t {counters};"]
    lines += indented(begins)
    inner: list[str] = []
    for number in reversed(group[1:]):
        inner = _behind(steps, number, kernels, inner)
    lines += [f"    for (; r{first} < {rows}; r{first}++) {{", f"        {kernels.row(first, f'r{first}')}"]
    lines += [f"        {line}" for line in inner]
    lines += ["    }", *indented(ends), "}"]
    return text(lines)


def _behind(steps: Sequence[Step], number: int, kernels: NetworkKernels, inner: list[str]) -> list[str]:
    """The loop over the rows of a step that the latest row of the step before it has made possible."""
    step, counter, before = steps[number], f"r{number}", f"r{number - 1}"
    if step.kind == "linear":  # takes each row at once; nothing streams behind it
        return [kernels.row(number, before)]
    height = step.input_shape[0]
    needed = step.span[0] - step.padding[0][0]
    ready = f"{counter} * {step.advance[0]} + {needed} <= {before} + 1"
    if step.padding[0][1]:
        ready = f"({before} == {height - 1} || {ready})"
    loop = [f"for (; {counter} < {step.output_shape[0]} && {ready}; {counter}++) {{"]
    return [*loop, f"    {kernels.row(number, counter)}", *(f"    {line}" for line in inner), "}"]


def _selftest(name: str, kernels: NetworkKernels, vectors: Vectors) -> str:
    inputs, outputs = vectors.inputs.shape[1], vectors.outputs.shape[1]
    declared, taking = taken(name, f"{name}_input_t", inputs)
    return selftest(
        name,
        parameters=[f"{name}_arena_t *arena"],
        tables=[
            table(name, "selftest_inputs", vectors.inputs, kind=f"{name}_input_t"),
            table(name, "selftest_outputs", vectors.outputs, kind=f"{name}_output_t"),
        ],
        count=len(vectors.inputs),
        start=[f"{name}_output_t y[{outputs}];", "int i, j;", *declared],
        check=[*taking, f"(void){name}_run(x, y, arena);", *differs(name, outputs)],
        floats=kernels.floats,
    )
