"""The kernels of a program as C text: its tables, its functions and the statements that call them.

One generator for float32 and int8; `arithmetic` and `int8` hold what is different for a step, `reference` computes the
same bits. A linear map takes an image as a whole, or adds up one row of it after another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from brainbox_core.export import c_math
from brainbox_core.export.header import table
from brainbox_core.export.network import int8, windows
from brainbox_core.export.network.arithmetic import FloatKernel, Kernel, indented, loop, text
from brainbox_core.export.network.int8 import IntKernel
from brainbox_core.export.network.lower import Program
from brainbox_core.export.network.memory import Place, Plan, plan
from brainbox_core.export.network.quantize import IntProgram, Ranges, Scale, quantize
from brainbox_core.export.network.reference import taking_bytes
from brainbox_core.export.templates import filled

_BLOCK = 4  # output channels that are computed side by side in float32
_SMALL = 16 << 10  # bytes of tables; below, the code of linear maps in blocks would take more room than it is worth


class NetworkKernels(ABC):
    """The kernels of a program, in float32 or int8.

    The text that they give refers to `x`, `y` and `arena`, the arguments of NAME_run.

    Args:
        name: what every identifier begins with.
        content: what is computed, with all weights; `program` is the same as the kernels take it.
        optimize: "ram", "speed" or "size".
        weights: "flash" or "ram": where the tables lie.
    """

    output_type: ClassVar[str]  # in C, of a number of the caller's array
    element: ClassVar[int]  # bytes of a number of an image
    member: ClassVar[str]  # of the arena's type
    floats: bool  # whether the header computes in floating point

    def __init__(self, name: str, content: Program | IntProgram, optimize: str, weights: str):
        self.name, self.content, self.optimize, self.weights = name, content, optimize, weights
        self.program = content.program if isinstance(content, IntProgram) else content

    @cached_property
    def plan(self) -> Plan:
        """Where everything lies."""
        return plan(self.program, self.element, self.optimize)

    @property
    @abstractmethod
    def kernels(self) -> Sequence[Kernel]:
        """The steps in C."""

    @property
    def arena(self) -> str:
        """The member of the arena's type; never of length 0, which C has not."""
        return f"{self.member}[{max(self.plan.arena // 4, 1)}]"

    @property
    @abstractmethod
    def notes(self) -> tuple[str, str]:
        """What input and output mean."""

    @property
    def scales(self) -> dict[str, Scale]:
        """What the integers of INPUT and OUTPUT stand for, where these are integers."""
        return {}

    @abstractmethod
    def functions(self) -> str:
        """The functions that the statements call."""

    def begin(self, number: int) -> str:
        """The statement before the first row of a step, if any."""
        return ""

    @abstractmethod
    def end(self, number: int) -> str:
        """The statement after a step's last row, if any."""

    @property
    def input_type(self) -> str:
        """The C type of an input."""
        return "uint8_t" if self.program.pixels else "float"

    @property
    def table_bytes(self) -> int:
        """Of all tables."""
        return sum(map(self.step_bytes, range(len(self.kernels))))

    def step_bytes(self, number: int) -> int:
        """Of a step's tables."""
        return sum(array.nbytes for array in self.kernels[number].tables.values())

    def tables(self) -> str:
        """Everything that was learned, step by step."""
        return "\n".join(
            table(self.name, f"{kernel.name}_{word}".removeprefix("NAME_"), array.ravel(), self.weights)
            for kernel in self.kernels
            for word, array in kernel.tables.items()
        )

    def row(self, number: int, row: str) -> str:
        """One row of the output; of the input of a linear map that takes rows."""
        target = self._output(number) + windows.target(self.program, self.plan, number, row)
        patch = self.plan.patches[number]
        extra = f", {self._at(patch)}" if patch else ""
        return self._call(number, f"({self._input(number)}, {target}, {row}{extra});")

    # --- where things are --------------------------------------------------------------------------------------------

    @abstractmethod
    def _at(self, place: Place) -> str:
        """The address of a place in the arena."""

    def _call(self, number: int, rest: str) -> str:
        return f"{self.kernels[number].name}{rest}".replace("NAME", self.name)

    def _input(self, number: int) -> str:
        place = self.plan.outputs[number - 1] if number else None
        return self._at(place) if place else "x"

    def _output(self, number: int) -> str:
        place = self.plan.outputs[number]
        return self._at(place) if place else "y"

    def _takes_rows(self, number: int) -> bool:
        return self.program.steps[number].kind == "linear" and self.plan.takes_rows(number)

    def _softmax(self, number: int) -> str:
        kernel = self.kernels[number]
        _, width, channels = kernel.step.output_shape
        moved = windows.source(self.program, self.plan, number, "row")
        return filled(
            f"network/{'int8' if self.element == 1 else 'float'}_softmax.h.in",
            "NAME",
            title=kernel.title,
            id=kernel.name,
            source=kernel.source,
            moved=f"    x = x{moved};\n" if moved else "",
            width=width,
            channels=channels,
        )


class FloatKernels(NetworkKernels):
    """The kernels of a program in float32; of one that takes pixels, the bytes enter as they are."""

    output_type = "float"
    element = 4
    member = "float values"
    floats = True

    def __init__(self, name: str, program: Program, optimize: str = "ram", weights: str = "flash"):
        super().__init__(name, taking_bytes(program), optimize, weights)

    @cached_property
    def kernels(self) -> Sequence[FloatKernel]:
        kernels, source = [], self.input_type
        for step in self.program.steps:
            block = self._dense_block if step.kind == "linear" else _BLOCK
            kernels.append(FloatKernel(step, source, self.optimize, block))
            source = "float"
        return kernels

    @property
    def _dense_block(self) -> int:
        """Units of a linear map that are computed side by side."""
        table_bytes = 4 * sum(step.parameters for step in self.program.steps)
        return 1 if self.optimize == "size" or (self.optimize == "ram" and table_bytes < _SMALL) else _BLOCK

    @property
    def notes(self) -> tuple[str, str]:
        meaning = "probabilities" if self.program.steps[-1].kind == "softmax" else "as the last layer gives them"
        return "bytes 0 to 255" if self.program.pixels else "any finite numbers", f"{meaning}, in float32"

    def functions(self) -> str:
        """The activations, and the functions of every step."""
        steps, parts = self.program.steps, []
        sources = sorted({kernel.source for kernel in self.kernels if kernel.step.kind == "linear"})
        for number, kernel in enumerate(self.kernels):
            if kernel.step.kind == "softmax":
                parts.append(self._softmax(number))
            elif kernel.step.kind != "linear":
                parts.append(windows.functions(kernel, self.program, self.plan, number))
            elif kernel.step.activation != "linear":
                units = kernel.step.output_shape[2]
                body = loop(f"for (o = 0; o < {units}; o++)", [f"y[o] = {kernel.activated('y[o]')};"])
                parts.append(_function(f"{kernel.name}_end(float *y)", ["int32_t o;", *body]))
        activations = c_math.c_functions(self.name, {step.activation for step in steps} | {step.kind for step in steps})
        blocks = "" if self._dense_block == 1 else filled("network/dense_blocks.h.in", "NAME")
        noinline = [filled("network/noinline.h.in", "NAME")] if "NOINLINE" in "".join(parts) else []
        dense = [
            filled("network/dense.h.in", "NAME", suffix=_suffix(source), source=source, blocks=blocks)
            for source in sources
        ]
        return "\n".join(part for part in [*noinline, activations, *dense, *parts] if part).replace("NAME", self.name)

    # --- statements of NAME_run --------------------------------------------------------------------------------------

    def row(self, number: int, row: str) -> str:
        """One row of the output, or of the input of a linear map."""
        kernel = self.kernels[number]
        if kernel.step.kind != "linear":
            return super().row(number, row)
        inputs, units = kernel.step.learned[0].shape
        source, first, count = self._input(number), "0", inputs
        if self._takes_rows(number):
            count = kernel.step.input_shape[1] * kernel.step.input_shape[2]
            source, first = source + windows.source(self.program, self.plan, number, row), f"{row} * {count}"
        arguments = f"{source}, {count}, {first}, {kernel.table}, {inputs}, {self._output(number)}, {units}"
        return f"NAME_dense{_suffix(kernel.source)}({arguments});".replace("NAME", self.name)

    def end(self, number: int) -> str:
        """The activation of a linear map."""
        step = self.program.steps[number]
        if step.kind != "linear" or step.activation == "linear":
            return ""
        return self._call(number, f"_end({self._output(number)});")

    def _at(self, place: Place) -> str:
        return f"arena->values + {place.offset // 4}"


class IntKernels(NetworkKernels):
    """The kernels of a program in int8; it computes in floating point only to make floats int8, by a first step."""

    output_type = "int8_t"
    element = 1
    member = "int32_t words"

    def __init__(self, name: str, integers: IntProgram, optimize: str = "ram", weights: str = "flash"):
        super().__init__(name, integers, optimize, weights)
        self.integers, self.floats = integers, not self.program.pixels

    @cached_property
    def kernels(self) -> Sequence[IntKernel]:
        sources = [self.input_type, *["int8_t"] * (len(self.integers.steps) - 1)]
        return [IntKernel(*pair, self.optimize) for pair in zip(self.integers.steps, sources, strict=True)]

    @property
    def notes(self) -> tuple[str, str]:
        result = self.integers.steps[-1].result
        zero = f"(y - {result.zero})" if result.zero >= 0 else f"(y + {-result.zero})"
        return (
            "bytes 0 to 255" if self.program.pixels else "floats; NaN counts as very small",
            f"{result.scale:.9g} * {zero} is the number meant",
        )

    @property
    def scales(self) -> dict[str, Scale]:
        """Those of the output, and of an input that is bytes."""
        first, last = self.integers.steps[0], self.integers.steps[-1]
        return ({"INPUT": first.source} if self.program.pixels else {}) | {"OUTPUT": last.result}

    def functions(self) -> str:
        """What all steps share, and the functions of every step."""
        texts = int8.shared(self.integers.steps)
        for number, kernel in enumerate(self.kernels):
            if kernel.step.kind == "quantize":
                texts.append(int8.quantizer(kernel))
            elif kernel.step.kind == "softmax":
                texts.append(self._softmax(number))
            elif kernel.step.kind == "linear":
                texts += _by_rows(kernel) if self._takes_rows(number) else [_whole(kernel)]
            else:
                texts.append(windows.functions(kernel, self.program, self.plan, number))
        return "\n".join(texts).replace("NAME", self.name)

    # --- statements of NAME_run --------------------------------------------------------------------------------------

    def begin(self, number: int) -> str:
        """The sums of a linear map that takes rows start at its biases."""
        return self._call(number, f"_begin({self._sums(number)});") if self._takes_rows(number) else ""

    def row(self, number: int, row: str) -> str:
        """One row of the output, or of the input of a linear map that takes rows."""
        if self._takes_rows(number):
            source = self._input(number) + windows.source(self.program, self.plan, number, row)
            return self._call(number, f"({source}, {row}, {self._sums(number)});")
        if self.program.steps[number].kind == "linear":
            return self._call(number, f"({self._input(number)}, {self._output(number)});")
        return super().row(number, row)

    def end(self, number: int) -> str:
        """The sums of a linear map that took rows become int8."""
        if not self._takes_rows(number):
            return ""
        return self._call(number, f"_end({self._sums(number)}, {self._output(number)});")

    def _at(self, place: Place) -> str:
        return f"(int8_t *)arena->words + {place.offset}"

    def _sums(self, number: int) -> str:
        place = self.plan.sums[number]
        return f"arena->words + {place.offset // 4 if place else 0}"


def kernels_of(
    name: str, program: Program, dtype: str, ranges: Ranges | None, optimize: str, weights: str
) -> NetworkKernels:
    """The kernels of a program in float32, or in int8 with the ranges of its numbers.

    Raises:
        InputError: a range is missing or not finite.
    """
    if dtype == "float32":
        return FloatKernels(name, program, optimize, weights)
    return IntKernels(name, quantize(program, ranges or {}), optimize, weights)


# --- linear maps -----------------------------------------------------------------------------------------------------


def _function(signature: str, body: list[str]) -> str:
    return text([f"static inline void {signature}", "{", *indented(body), "}"])


def _suffix(source: str) -> str:
    return "_bytes" if source == "uint8_t" else ""


def _sums(starts: list[str]) -> str:
    """The declaration of a block's sums."""
    return f"int32_t {', '.join(f'a{c} = {start}' for c, start in enumerate(starts))};"


def _products(size: int) -> list[str]:
    """The loop over the inputs from p to end, and their weights from k on."""
    sums = [f"a{c} += v * k[{c}];" for c in range(size)]
    return loop("while (p < end)", ["const int32_t v = *p++;", *sums, f"k += {size};"])


def _whole(kernel: IntKernel) -> str:
    """A linear map of an input that is there as a whole."""
    body = ["const NAME_SPACE int8_t *k = " + kernel.table + ";", "int32_t o;"]
    for first, count, size in kernel.blocks:
        block = [
            f"const {kernel.source} *p = x;",
            f"const {kernel.source} *const end = x + {kernel.step.learned[0].shape[0]};",
            _sums([kernel.start(c) for c in range(size)]),
            *_products(size),
            *(f"y[o + {c}] = {kernel.finished(f'a{c}', f'o + {c}')};" for c in range(size)),
        ]
        body += loop(f"for (o = {first}; o < {first + count * size}; o += {size})", block)
    return f"/* {kernel.title} */\n" + _function(f"{kernel.name}(const {kernel.source} *x, int8_t *y)", body)


def _by_rows(kernel: IntKernel) -> list[str]:
    """A linear map of an input that comes row by row."""
    inputs, units = kernel.step.learned[0].shape
    count, body = kernel.step.input_shape[1] * kernel.step.input_shape[2], []
    for first, number, size in kernel.blocks:
        block = [
            f"const NAME_SPACE int8_t *k = {kernel.table} + o * {inputs} + row * {count * size};",
            "const int8_t *p = x;",
            f"const int8_t *const end = x + {count};",
            _sums([f"sums[o + {c}]" for c in range(size)]),
            *_products(size),
            *(f"sums[o + {c}] = a{c};" for c in range(size)),
        ]
        body += loop(f"for (o = {first}; o < {first + number * size}; o += {size})", block)
    each = f"for (o = 0; o < {units}; o++)"
    begin, end = f"sums[o] = {kernel.name}_bias[o];", f"y[o] = {kernel.finished('sums[o]', 'o')};"
    name = kernel.name
    return [
        f"/* {kernel.title}, row by row */\n"
        + _function(f"{name}_begin(int32_t *sums)", ["int32_t o;", *loop(each, [begin])]),
        _function(f"{name}(const int8_t *x, int32_t row, int32_t *sums)", ["int32_t o;", *body]),
        _function(f"{name}_end(const int32_t *sums, int8_t *y)", ["int32_t o;", *loop(each, [end])]),
    ]
