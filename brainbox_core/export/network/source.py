"""The header as text: what is the same for every kind of number. The kernels come from `kernels`.

comment, guards, sizes, types          here
tables, kernels                        Kernels.tables(), Kernels.functions()
NAME_run                               here: the loops of the memory plan, with Kernels' statements inside
NAME_predict, NAME_selftest            here
"""

from __future__ import annotations

import hashlib
import json
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from brainbox_core import __version__
from brainbox_core.export import c_names
from brainbox_core.export.network.lower import Program, Step
from brainbox_core.export.network.memory import Plan
from brainbox_core.export.origin import class_names, origin
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
    def notes(self) -> Sequence[str]: ...

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


@dataclass(frozen=True)
class Vectors:
    """Inputs with what the reference makes of them.

    Attributes:
        inputs: (n, values), uint8 or float32.
        outputs: (n, values), int8 or float32.
    """

    inputs: np.ndarray
    outputs: np.ndarray


def fingerprint(model: Sequential) -> str:
    """SHA-256 of a model's layers and everything they learned."""
    digest = hashlib.sha256(json.dumps(model.config(), sort_keys=True).encode())
    for name, array in sorted(model.state().items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def stack(program: Program) -> int:
    """Bytes of stack that a run takes at most, with 32-bit pointers: more for tall windows and for those with zeros."""
    rows = max(step.span[0] for step in program.steps)
    padded = any(zeros for step in program.steps for side in step.padding for zeros in side)
    return _STACK + 4 * max(rows - _FEW_ROWS, 0) + (16 * rows if padded else 0)


def ram_total(kernels: Kernels, weights: str) -> int:
    """Bytes of RAM that a run needs: arena, input, output and stack, and the tables if they are kept there."""
    sizes = {"float": 4, "int8_t": 1, "uint8_t": 1}
    program = kernels.program
    ends = math.prod(program.input_shape) * sizes[kernels.input_type]
    ends += math.prod(program.output_shape) * sizes[kernels.output_type]
    return kernels.plan.arena + ends + stack(program) + (kernels.table_bytes if weights == "ram" else 0)


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
    sections = [
        _comment(name, model, kernels, checked, weights),
        opening(name, kernels.floats),
        _sizes(name, model, kernels, weights),
        _types(name, kernels),
        "/* What was learned */\n\n" + kernels.tables(),
        "/* The steps */\n\n" + kernels.functions(),
        _run(name, kernels),
        _predict(name, kernels),
        _selftest(name, kernels, selftest),
        closing(name),
    ]
    return "\n".join(section.rstrip("\n") + "\n" for section in sections)


# --- sections --------------------------------------------------------------------------------------------------------


def _comment(name: str, model: Sequential, kernels: Kernels, checked: str, weights: str) -> str:
    program, plan = kernels.program, kernels.plan
    inputs, outputs = math.prod(program.input_shape), math.prod(program.output_shape)
    ram, deep = ram_total(kernels, weights), stack(program)
    lines = [
        f"{name}: a neural network in one header, made by brainbox {__version__}",
        "",
        f"model    {origin(model)}, {len(model.params):,} parameters",
        f"         SHA-256 of layers and weights {fingerprint(model)}",
        f"input    const {kernels.input_type} x[{inputs}]: {shape_text(program.input_shape)}, {kernels.notes[0]}",
        f"output   {kernels.output_type} y[{outputs}]: {kernels.notes[1]}",
        f"RAM      {ram:,} bytes: arena {plan.arena:,}, input, output, about {deep} of stack"
        + (", and the weights" if weights == "ram" else ""),
        f"flash    {kernels.table_bytes:,} bytes of weights, and the code",
        f"checked  {checked}",
        "",
        f"    static {name}_arena_t arena;",
        f"    int best = {name}_predict(x, &arena);",
        "",
        "Every run may have an arena of its own, nothing else is written. Self-test vectors take flash only where",
        f"{name}_selftest is called.",
        "",
    ]
    width = max(len(step.title) for step in program.steps)
    for step in program.steps:
        shape = f"{shape_text(step.input_shape)} -> {shape_text(step.output_shape)}"
        lines.append(f"    {step.title:<{width}}  {shape}, {step.parameters:,} parameters")
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def opening(name: str, floats: bool) -> str:
    """The guard, what is included, and what keeps compilers from changing floating point."""
    guard = f"{name.upper()}_H_INCLUDED"
    text = f"#ifndef {guard}\n#define {guard}\n\n#include <stddef.h>\n#include <stdint.h>\n"
    return text + (_FLOAT_GUARD.replace("NAME", name) if floats else "")


# GCC contracts a*b + c into one fused operation wherever the processor has it, unless -std=c99 or the like forbids it.
_FLOAT_GUARD = """
#if defined(__FAST_MATH__)
#error "NAME: -ffast-math changes what is computed; compile this file without it"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__) && defined(__FP_FAST_FMAF) && (defined(__cplusplus) || !defined(__STRICT_ANSI__))
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#define NAME_POP_OPTIONS
#endif
"""


def closing(name: str) -> str:
    """The end of what `opening` began."""
    pop = f"#if defined({name}_POP_OPTIONS)\n#undef {name}_POP_OPTIONS\n#pragma GCC pop_options\n#endif\n\n"
    return f"{pop}#endif /* {name.upper()}_H_INCLUDED */\n"


def _sizes(name: str, model: Sequential, kernels: Kernels, weights: str) -> str:
    program = kernels.program
    values = {
        "INPUT_SIZE": math.prod(program.input_shape),
        "OUTPUT_SIZE": math.prod(program.output_shape),
        "ARENA_SIZE": kernels.plan.arena,
        "STATE_SIZE": 0,
        "RAM_TOTAL": ram_total(kernels, weights),
        "FLASH_CONST": 0 if weights == "ram" else kernels.table_bytes,
    }
    upper = name.upper()
    lines = [f"#define {upper}_{word} {value}" for word, value in values.items()]
    if classes := class_names(model, values["OUTPUT_SIZE"]):
        lines += ["", "/* static const char *const names[] = " + f"{upper}_CLASS_NAMES; */"]
        strings = ", \\\n".join("    " + text.string() for text in classes)
        lines.append(f"#define {upper}_CLASS_NAMES {{ \\\n{strings} \\\n}}")
    return "\n".join(lines) + "\n"


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


def _predict(name: str, kernels: Kernels) -> str:
    outputs = math.prod(kernels.program.output_shape)
    if outputs == 1:
        return ""
    return f"""\
/* The place of the largest output, the first if there are several. */
static inline int {name}_predict(const {name}_input_t *x, {name}_arena_t *arena)
{{
    {name}_output_t y[{outputs}];
    int best = 0, i;
    (void){name}_run(x, y, arena);
    for (i = 1; i < {outputs}; i++) {{
        best = y[i] > y[best] ? i : best;
    }}
    return best;
}}
"""


def _selftest(name: str, kernels: Kernels, vectors: Vectors) -> str:
    count = len(vectors.inputs)
    signature = f"static inline int {name}_selftest({name}_arena_t *arena)"
    about = "/* 0 if each embedded input gives its embedded output, else the number of the first that does not. */"
    if not count:
        return f"{about}\n{signature}\n{{\n    (void)arena;\n    return 0;\n}}\n"
    inputs, outputs = vectors.inputs.shape[1], vectors.outputs.shape[1]
    return f"""\
static const {name}_input_t {name}_selftest_inputs[{count}][{inputs}] = {{
{rows_of(vectors.inputs)}
}};
static const {name}_output_t {name}_selftest_outputs[{count}][{outputs}] = {{
{rows_of(vectors.outputs)}
}};

{about}
{signature}
{{
    {name}_output_t y[{outputs}];
    int i, j;
    for (i = 0; i < {count}; i++) {{
        (void){name}_run({name}_selftest_inputs[i], y, arena);
        for (j = 0; j < {outputs}; j++) {{
            if (!(y[j] == {name}_selftest_outputs[i][j])) {{
                return i + 1;
            }}
        }}
    }}
    return 0;
}}
"""


# --- pieces ----------------------------------------------------------------------------------------------------------


def shape_text(shape: Sequence[int]) -> str:
    """A shape as `13x13x16`; a vector as its length.

    Example:
        >>> shape_text((13, 13, 16)), shape_text((1, 1, 10))
        ('13x13x16', '10')
    """
    sizes = list(shape)
    return str(sizes[-1]) if math.prod(sizes) == sizes[-1] else "x".join(map(str, sizes))


def literals(array: np.ndarray) -> Iterator[str]:
    """Every number of an array as C writes it, one after another: all at once would take 60 bytes for each."""
    if array.dtype == np.float32:
        return (c_names.float_literal(value) for value in array.ravel())
    return (str(value) for value in array.ravel().tolist())


def rows_of(array: np.ndarray) -> str:
    """The inside of an initialiser of a two-dimensional array."""
    return ",\n".join("    {\n" + c_names.table(literals(row), "        ") + "\n    }" for row in array)
