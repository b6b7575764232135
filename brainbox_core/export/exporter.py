"""From a trained model to a header: lower, choose numbers, plan, fit, write the text, check it, measure it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from brainbox_core import checks
from brainbox_core.errors import AccuracyError, BudgetError, UsageError, VerificationError
from brainbox_core.export import board, c_names, c_source, reference, reference_float, verify
from brainbox_core.export.c_float import FloatKernels
from brainbox_core.export.c_int8 import IntKernels
from brainbox_core.export.c_source import Kernels, Vectors
from brainbox_core.export.lower import Program, lower
from brainbox_core.export.memory import OPTIMIZE
from brainbox_core.export.quantize import IntProgram, quantize
from brainbox_core.export.remedies import remedies
from brainbox_core.export.report import Accuracy, Report, Row, kilobytes
from brainbox_core.files import atomic_write, check_writable
from brainbox_core.model import Sequential
from brainbox_core.ranges import MOST_ROWS, activation_ranges
from brainbox_core.rng import stream

RAM = 128 << 10  # bytes, of the boards that this is made for
_FIXED = 3  # vectors of extremes that every comparison begins with
_LARGE_TEXT = 16 << 20  # bytes of a header, from which compilers get slow
_NOISE_ROWS = 64  # that the signal-to-noise ratios are measured with


@dataclass(frozen=True)
class Choices:
    """What decides the text of a header.

    Args:
        dtype: "float32", "int8", or None for int8 where the model reads pictures or holds convolutions, and knows the
            ranges of its numbers.
        weights: "flash" or "ram": where the tables lie while the model runs.
        optimize: "ram" for the smallest arena, "speed" and "size" for simpler code.
        selftest: how many vectors the header carries.
        verify: how many vectors are compared; 0 compares nothing.
    """

    dtype: str | None = None
    weights: str = "flash"
    optimize: str = "ram"
    selftest: int = 2
    verify: int = 256

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("dtype", self.dtype, ("float32", "int8", None)),
            ("weights", self.weights, ("flash", "ram")),
            ("optimize", self.optimize, OPTIMIZE),
        ):
            if value not in allowed:
                raise UsageError(name, expected=" or ".join(filter(None, allowed)), got=repr(value))
        checks.whole("selftest", self.selftest, 0)
        checks.whole("verify", self.verify, 0)


class Header(NamedTuple):
    """A header's text, what it costs, and its numbers as JSON for other programs."""

    text: str
    report: Report
    numbers: str


class Numbers(NamedTuple):
    """One way to compute a program: its kernels in C, and the same in NumPy.

    Attributes:
        kernels: for the header.
        run: from a batch of inputs (n, values) to the outputs (n, values), in the header's number types.
        content: what is computed, with all weights: a `Program` or an `IntProgram`.
        noise: from a batch to the signal-to-noise ratio of every step in decibels; None for float32.
    """

    kernels: Kernels
    run: Callable[[np.ndarray], np.ndarray]
    content: Program | IntProgram
    noise: Callable[[np.ndarray], list[float]] | None = None


def c_header(model: Sequential, path: str | Path, name: str | None = None, **options: object) -> Report:
    """Write a model as one C header, checked against the model first; nothing is written if anything is wrong.

    Args:
        model: built, made of layers that can be exported.
        path: the header.
        name: what its identifiers begin with; the file's name if left out.
        options: those of `build`.

    Raises:
        UsageError: an option or the name.
        InputError: a layer that cannot be exported, or a file that cannot be written.
        BudgetError: it needs more memory than there is.
        AccuracyError: int8 loses more accuracy than allowed.
        VerificationError: C and Python differ.

    Example:
        >>> import tempfile, braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(4), bb.layers.ReLU(), bb.layers.Linear(2)])
        >>> model.build((3,))
        (2,)
        >>> report = c_header(model, tempfile.mkdtemp() + "/tiny.h", verify=0)
        >>> report.arena, report.weights
        (16, 104)
    """
    check_writable(path)
    header = build(model, c_names.cleaned(Path(path).stem) if name is None else name, **options)
    atomic_write(path, header.text.encode("ascii"))
    return header.report


def build(
    model: Sequential,
    name: str,
    choices: Choices | None = None,
    *,
    data: tuple[np.ndarray, np.ndarray] | None = None,
    calibration: np.ndarray | None = None,
    ram_budget: int | None = RAM,
    flash_budget: int | None = None,
    max_drop: float = 0.5,
    emulate: bool = False,
    progress: Callable[[str], object] = lambda doing: None,
    **changes: object,
) -> Header:
    """The header of a model, as text.

    Args:
        model: built, made of layers that can be exported.
        name: what every identifier begins with.
        choices: what decides the text; `changes` are taken into it.
        data: inputs and labels that the model was not trained on: for its accuracy, and as vectors to compare.
        calibration: inputs to measure the ranges for int8 with, instead of those of the training.
        ram_budget, flash_budget: bytes that there are; None for no limit.
        max_drop: how many points of accuracy int8 may lose on `data`.
        emulate: also run it on an emulated board, and count instructions and stack.
        progress: called with what is being done.
        changes: fields of `Choices`.

    Raises:
        As `c_header`.
    """
    choices = replace(choices or Choices(), **changes)
    c_names.identifier(name)
    program = lower(model)
    ranges = model.meta.get("ranges")
    if calibration is not None:
        rows = _shaped(calibration, program)[:MOST_ROWS]
        ranges = activation_ranges(model, rows.reshape(len(rows), *model.input_shape))
    dtype = choices.dtype or preferred_dtype(program, ranges)
    progress("planning the memory")
    numbers = _numbers(name, program, ranges, dtype, choices)
    kernels = numbers.kernels
    ram = c_source.ram_total(kernels, choices.weights)
    _fit("RAM", model, dtype, choices, ram, ram_budget, ranges)
    _fit("flash", model, dtype, choices, kernels.table_bytes, flash_budget, ranges)
    notes = []
    rows = None if data is None else _shaped(data[0], program)
    vectors = _vectors(program, ranges, rows, max(choices.verify, _FIXED + 2 * choices.selftest))
    with np.errstate(all="ignore"):
        outputs = numbers.run(vectors)
    compiler, said = _checker(choices.verify)
    if compiler is None:
        notes.append(f"not checked: {said}")
    carried = _carried(vectors, outputs, choices.selftest)
    text = c_source.header(name, model, kernels, carried, said if compiler else f"NO: {said}", choices.weights)
    if len(text) > _LARGE_TEXT:
        notes.append(f"the header is {len(text) >> 20} MB of text: compilers take long for it")
    found = None
    if compiler:
        progress("compiling and comparing")
        found = verify.verify(text, name, vectors[: choices.verify], outputs[: choices.verify], compiler)
        if found.tables > kernels.table_bytes:  # less is possible: a compiler may see that a table says nothing
            what = f"the object file holds {found.tables:,} B of tables, and not {kernels.table_bytes:,}"
            raise VerificationError(what, where=name, fix="please report this as a bug in brainbox")
    accuracy = None
    if data is not None and math.prod(program.output_shape) > 1:
        progress("measuring the accuracy")
        accuracy = _accuracy(model, numbers, dtype, rows, np.asarray(data[1]), max_drop)
    code, code_from = _code(text, name, found)
    flash = kernels.table_bytes + (code or 0)
    _fit("flash", model, dtype, choices, flash, flash_budget, ranges, code or 0)
    measured = None
    if emulate:
        progress("running on the emulated board")
        measured = board.measure(text, name)
    noise = numbers.noise((vectors if rows is None else rows)[:_NOISE_ROWS]) if numbers.noise else None
    report = Report(
        name=name,
        title=_title(model, program),
        dtype=dtype,
        parameters=len(model.params),
        multiply_adds=sum(step.multiply_adds for step in program.steps),
        rows=_rows(kernels, noise),
        arena=kernels.plan.arena,
        input=vectors[0].nbytes,
        output=outputs[0].nbytes,
        stack=c_source.stack(kernels.program),
        state=0,
        weights=kernels.table_bytes,
        weights_in=choices.weights,
        ram=ram,
        flash=flash,
        ram_budget=ram_budget,
        flash_budget=flash_budget,
        code=code,
        code_from=code_from,
        text=len(text),
        checked=found.vectors if found else 0,
        compiler=found.compiler if found else "",
        accuracy=accuracy,
        board=measured and measured.board,
        instructions=measured and measured.instructions,
        stack_used=measured and measured.stack,
        notes=tuple(notes),
    )
    return Header(text, report, _as_json(name, kernels, numbers.content))


def preferred_dtype(program: Program, ranges: object) -> str:
    """int8 for networks that read pictures, if the ranges of their numbers are known; else float32."""
    pictures = program.pixels or any(step.kind == "conv" for step in program.steps)
    return "int8" if pictures and ranges else "float32"


def _numbers(name: str, program: Program, ranges: object, dtype: str, choices: Choices) -> Numbers:
    if dtype == "float32":
        floats = FloatKernels(name, program, choices.optimize, choices.weights)
        return Numbers(floats, lambda X: reference_float.run(floats.program, X), floats.program)
    integers = quantize(program, ranges or {})
    kernels = IntKernels(name, integers, choices.optimize, choices.weights)

    def noise(X: np.ndarray) -> list[float]:
        wanted = reference_float.outputs(reference_float.taking_bytes(program), X)
        got = reference.outputs(integers, X)[len(integers.steps) - len(wanted) :]
        return [
            _decibels(real, step.result.real(ints).reshape(real.shape))
            for real, ints, step in zip(wanted, got, integers.steps[-len(wanted) :], strict=True)
        ]

    return Numbers(kernels, lambda X: reference.run(integers, X).reshape(len(X), -1), integers, noise)


def _fit(
    what: str,
    model: Sequential,
    dtype: str,
    choices: Choices,
    needed: int,
    budget: int | None,
    ranges: object,
    code: int = 0,
) -> None:
    if budget is None or needed <= budget:
        return
    kind = str(model.meta.get("kind", "the model"))
    held = "" if what == "flash" else f" with weights in {'RAM' if choices.weights == 'ram' else 'flash'}"
    raise BudgetError(
        f"{kind} {dtype}{held} needs {kilobytes(needed)} of {what}, the budget is {kilobytes(budget)} "
        f"(short by {kilobytes(needed - budget)})",
        fix=" | ".join(remedies(model, dtype, choices.weights, choices.optimize, what, budget, ranges, code))
        or "make the layers smaller",
    )


def _shaped(X: np.ndarray, program: Program) -> np.ndarray:
    """Inputs as rows of the header's input type."""
    X = np.asarray(X)
    size = math.prod(program.input_shape)
    if X.ndim < 2 or math.prod(X.shape[1:]) != size:
        raise UsageError("inputs do not fit the model", expected=f"(n, {size})", got=X.shape)
    if program.pixels and X.dtype != np.uint8:
        raise UsageError("the model takes pixels", expected="inputs of uint8", got=X.dtype)
    return X.reshape(len(X), size).astype(np.uint8 if program.pixels else np.float32, copy=False)


def _vectors(program: Program, ranges: object, rows: np.ndarray | None, count: int) -> np.ndarray:
    """Inputs to compare: all 0, all largest, alternating extremes, then real rows, then random ones."""
    size, random = math.prod(program.input_shape), stream(0, "vectors")
    real = np.zeros((0, size), np.float32) if rows is None else rows[: (count - _FIXED + 1) // 2]
    if program.pixels:
        fixed = np.zeros((_FIXED, size), np.uint8)
        fixed[1], fixed[2, ::2] = 255, 255
        made = random.integers(0, 256, (count - _FIXED - len(real), size)).astype(np.uint8)
    else:
        least, largest = (ranges or {}).get("input", (-1.0, 1.0))
        middle, reach = (least + largest) / 2, max((largest - least) / 2, 1e-3)
        fixed = np.zeros((_FIXED, size), np.float32)
        fixed[1], fixed[2] = middle + 100 * reach, np.where(np.arange(size) % 2, 100, -100) * reach
        made = (middle + 1.5 * reach * random.uniform(-1, 1, (count - _FIXED - len(real), size))).astype(np.float32)
    return np.concatenate([fixed, real.astype(fixed.dtype), made])


def _carried(vectors: np.ndarray, outputs: np.ndarray, count: int) -> Vectors:
    """The vectors that the header carries: real rows if there are, and none whose output is not finite."""
    usable = _FIXED + np.flatnonzero(np.isfinite(outputs[_FIXED:]).all(axis=1))[:count]
    return Vectors(vectors[usable], outputs[usable])


def _checker(count: int) -> tuple[verify.Compiler | None, str]:
    """The compiler to check with, and what to say of the check."""
    if not count:
        return None, "it was switched off"
    if compiler := verify.find_compiler():
        return compiler, f"{count} vectors, equal to the reference in every bit"
    return None, "no C compiler was found; install gcc, or set CC"


def _accuracy(
    model: Sequential, numbers: Numbers, dtype: str, rows: np.ndarray, labels: np.ndarray, max_drop: float
) -> Accuracy:
    """How the header does beside the model; an error if it does worse than allowed."""
    trained = model.predict(rows.reshape(len(rows), *model.input_shape)).reshape(len(rows), -1).argmax(axis=1)
    exported = trained if dtype == "float32" else numbers.run(rows).argmax(axis=1)
    labels = labels.argmax(axis=1) if labels.ndim > 1 else labels
    found = Accuracy(
        rows=len(rows),
        exported=float((exported == labels).mean()),
        trained=float((trained == labels).mean()),
        agreement=float((exported == trained).mean()),
    )
    if found.drop > max_drop:
        raise AccuracyError(
            f"int8 loses {found.drop:.2f} points of accuracy, {max_drop:g} are allowed (--max-drop): "
            f"it is right on {found.exported:.2%} of {found.rows:,} rows and float32 on {found.trained:.2%}",
            fix="--dtype float32, or --max-drop with more points",
        )
    return found


def _decibels(signal: np.ndarray, found: np.ndarray) -> float:
    signal = signal.astype(np.float64)
    noise = float(((signal - found) ** 2).sum())
    power = float((signal**2).sum())
    return 10 * math.log10(power / noise) if noise and power else math.inf if power else 0.0


def _code(text: str, name: str, found: verify.Check | None) -> tuple[int | None, str]:
    """Bytes of machine code: on the board if its compiler is here, else on this computer."""
    if board.has_compiler():
        target = board.BOARDS["netduino2"]
        return board.sizes(text, name, target)[0], f"{target.cpu} -O2"
    if found and found.code:
        return found.code, f"this computer, {found.compiler} -O2"
    return None, ""


def _rows(kernels: Kernels, noise: list[float] | None) -> tuple[Row, ...]:
    rows, steps = [], kernels.program.steps
    noise = [None] * (len(steps) - len(noise or [])) + (noise or [])
    for number, step in enumerate(steps):
        place = kernels.plan.outputs[number]
        ring = place.rows if place and place.rows < step.output_shape[0] else None
        snr = noise[number]
        rows.append(
            Row(
                title=step.title,
                output=c_source.shape_text(step.output_shape),
                weights=kernels.step_bytes(number),
                live=place.size if place else 0,
                ring=ring,
                snr=snr if snr is not None and math.isfinite(snr) else None,
            )
        )
    return tuple(rows)


def _title(model: Sequential, program: Program) -> str:
    """The network in a few words: `cnn: conv16-pool-conv32-pool-fc10`."""
    words = []
    for step in program.steps:
        if step.kind == "conv":
            words.append(f"conv{step.output_shape[2]}")
        elif step.kind == "linear":
            words.append(f"fc{step.output_shape[2]}")
        elif not step.pool:
            words.append(step.kind if step.activation == "linear" else step.activation)
        if step.pool:
            words.append("pool")
    kind = c_names.comment(model.meta.get("kind", "sequential"), 40)
    return f"{kind}: {'-'.join(words)}"


def _as_json(name: str, kernels: Kernels, content: Program | IntProgram) -> str:
    """Everything that a header says, for a program that writes other code."""
    document = {"name": name, "program": asdict(content), "memory": asdict(kernels.plan), "note": kernels.notes}
    return json.dumps(document, sort_keys=True, default=lambda array: array.tolist()) + "\n"
