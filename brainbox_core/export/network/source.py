"""The header of a network: what is the same for every kind of number.

types                                  here
tables, kernels                        Kernels.tables(), Kernels.functions()
NAME_run                               here: the loops of the memory plan, with Kernels' statements inside
NAME_predict, NAME_selftest            here
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Protocol

from brainbox_core.export.header import Memory, Page, Vectors, differs, macro, selftest, table, write
from brainbox_core.export.header import literals as literals
from brainbox_core.export.network.lower import Program, Step
from brainbox_core.export.network.memory import Plan
from brainbox_core.export.network.quantize import Scale
from brainbox_core.export.origin import class_names
from brainbox_core.export.templates import filled
from brainbox_core.model.sequential import Sequential

_STACK = 256  # bytes that a run takes at most, with what the compiler saves; measured on the boards
_FEW_ROWS = 6  # of a window, whose places are counted in


class Kernels(Protocol):
    """How one kind of number is computed with, in C.

    Attributes:
        program: what is computed, as the kernels take it.
        plan: where everything lies.
        input_type, output_type: C types of a number of the caller's arrays.
        arena: the member of the arena's type: `float values[408]`.
        table_bytes: of all tables.
        floats: whether the header computes in floating point.
        notes: lines of the top comment on what input and output mean.
    """

    @property
    def program(self) -> Program: ...

    @property
    def plan(self) -> Plan: ...

    @property
    def input_type(self) -> str: ...

    @property
    def output_type(self) -> str: ...

    @property
    def arena(self) -> str: ...

    @property
    def table_bytes(self) -> int: ...

    @property
    def floats(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, str]: ...

    def step_bytes(self, number: int) -> int:
        """Bytes of a step's tables."""

    def tables(self) -> str:
        """The definitions of all tables."""

    def functions(self) -> str:
        """The functions that the statements call."""

    def begin(self, number: int) -> str:
        """The statement before the first row of a step, if any. `x`, `y` and `arena` are those of NAME_run."""

    def row(self, number: int, row: str) -> str:
        """The statement that computes a row of a step's output; for a linear map that takes rows, takes in one."""

    def end(self, number: int) -> str:
        """The statement after a step's last row, if any."""


def stack(program: Program) -> int:
    """Bytes of stack that a run takes at most, with 32-bit pointers: more for tall windows and for those with zeros."""
    rows = max(step.span[0] for step in program.steps)
    padded = any(zeros for step in program.steps for side in step.padding for zeros in side)
    return _STACK + 4 * max(rows - _FEW_ROWS, 0) + (16 * rows if padded else 0)


def memory(kernels: Kernels, weights: str) -> Memory:
    """The bytes that a run needs; the tables lie in "flash" or in "ram"."""
    sizes = {"float": 4, "int8_t": 1, "uint8_t": 1}
    program = kernels.program
    return Memory(
        arena=kernels.plan.arena,
        input=math.prod(program.input_shape) * sizes[kernels.input_type],
        output=math.prod(program.output_shape) * sizes[kernels.output_type],
        stack=stack(program),
        tables=kernels.table_bytes,
        weights=weights,
    )


def ram_total(kernels: Kernels, weights: str) -> int:
    """Bytes of RAM that a run needs in all."""
    return memory(kernels, weights).ram


def header(
    name: str, model: Sequential, kernels: Kernels, selftest: Vectors, checked: str, weights: str = "flash"
) -> str:
    """The text of a header, in ASCII; the same for the same arguments.

    Args:
        name: what every identifier begins with.
        model: for the comment: names, parameters, SHA-256.
        kernels: what it computes.
        selftest: the vectors that it carries.
        checked: what was checked, or "NO ..." if nothing was.
        weights: "flash" or "ram", where the tables lie.
    """
    return write(page(name, model, kernels, selftest, weights), checked)


def page(
    name: str,
    model: Sequential,
    kernels: Kernels,
    selftest: Vectors,
    weights: str = "flash",
    scales: Mapping[str, Scale] | None = None,
) -> Page:
    """What a header says; see `header` for the arguments.

    Args:
        scales: of int8: what the integers of the input, if it has any, and of the output stand for.
    """
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
        memory=memory(kernels, weights),
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
            for word, scale in (scales or {}).items()
            for what, value in (("SCALE", scale.scale), ("ZERO", scale.zero))
        ],
        classes=class_names(model, outputs),
        code=[
            _types(name, kernels),
            "/* What was learned */\n\n" + kernels.tables(),
            "/* The steps */\n\n" + kernels.functions(),
            _run(name, kernels),
            filled("network/predict.h.in", name, outputs=outputs) if outputs > 1 else "",
            _selftest(name, outputs, selftest),
        ],
        floats=kernels.floats,
    )


# --- sections --------------------------------------------------------------------------------------------------------


def _types(name: str, kernels: Kernels) -> str:
    return f"""\
typedef {kernels.input_type} {name}_input_t;
typedef {kernels.output_type} {name}_output_t;
typedef struct {{
    {kernels.arena};
}} {name}_arena_t;
"""


def _run(name: str, kernels: Kernels) -> str:
    program, plan = kernels.program, kernels.plan
    body = "".join(_group(program.steps, group, kernels) for group in plan.groups)
    inputs, outputs = math.prod(program.input_shape), math.prod(program.output_shape)
    return f"""\
/* Computes y[{outputs}] from x[{inputs}]; returns 0. The arena's content before and after means nothing. */
static inline int {name}_run(const {name}_input_t *x, {name}_output_t *y, {name}_arena_t *arena)
{{
    (void)arena;
{textwrap.indent(body, "    ")}    return 0;
}}
"""


def _group(steps: Sequence[Step], group: Sequence[int], kernels: Kernels) -> str:
    """The loops of steps that stream to each other: a row of the first, then what it makes possible behind it."""
    first = group[0]
    rows = 1 if steps[first].kind == "linear" else steps[first].output_shape[0]
    begins = [text for number in group if (text := kernels.begin(number))]
    ends = [text for number in group if (text := kernels.end(number))]
    if len(group) == 1 and rows == 1:
        return "".join(_lines([*begins, kernels.row(first, "0"), *ends]))
    counted = [number for number in group if number == first or steps[number].kind != "linear"]
    counters = ", ".join(f"r{number} = 0" for number in counted)
    lines = [f"/* {' > '.join(steps[number].title for number in group)} */", "{", f"    int32_t {counters};"]
    lines += [f"    {text}" for text in begins]
    inner: list[str] = []
    for number in reversed(group[1:]):
        inner = _behind(steps, number, kernels, inner)
    lines += [f"    for (; r{first} < {rows}; r{first}++) {{", f"        {kernels.row(first, f'r{first}')}"]
    lines += [f"        {line}" for line in inner]
    lines += ["    }", *(f"    {text}" for text in ends), "}"]
    return "".join(_lines(lines))


def _behind(steps: Sequence[Step], number: int, kernels: Kernels, inner: list[str]) -> list[str]:
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


def _lines(lines: Sequence[str]) -> list[str]:
    return [line + "\n" for line in lines]


def _selftest(name: str, outputs: int, vectors: Vectors) -> str:
    return selftest(
        name,
        parameters=[f"{name}_arena_t *arena"],
        tables=[
            table(f"{name}_selftest_inputs", vectors.inputs, kind=f"{name}_input_t"),
            table(f"{name}_selftest_outputs", vectors.outputs, kind=f"{name}_output_t"),
        ],
        count=len(vectors.inputs),
        start=[f"{name}_output_t y[{outputs}];", "int i, j;"],
        check=[f"(void){name}_run({name}_selftest_inputs[i], y, arena);", *differs(name, outputs)],
    )


# --- pieces ----------------------------------------------------------------------------------------------------------


def shape_text(shape: Sequence[int]) -> str:
    """A shape as `13x13x16`; a vector as its length.

    Example:
        >>> shape_text((13, 13, 16)), shape_text((1, 1, 10))
        ('13x13x16', '10')
    """
    sizes = list(shape)
    return str(sizes[-1]) if math.prod(sizes) == sizes[-1] else "x".join(map(str, sizes))
