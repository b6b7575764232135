"""From a trained model to a header: lower, choose numbers, plan, fit, write the text, check it, measure it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from brainbox_core.errors import BudgetError, UsageError, VerificationError, between, whole
from brainbox_core.exact.stepper import is_recurrent
from brainbox_core.export import board, c_names, verify
from brainbox_core.export.network.memory import OPTIMIZE
from brainbox_core.export.network.source import Vectors
from brainbox_core.export.origin import kind_of
from brainbox_core.export.programs import Programs
from brainbox_core.export.report import Report, Row, kilobytes
from brainbox_core.files.reading import atomic_write, check_writable
from brainbox_core.model.sequential import Sequential

RAM = 128 << 10  # bytes, of the boards that this is made for
_LARGE_TEXT = 16 << 20  # bytes of a header, from which compilers get slow


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
        whole("selftest", self.selftest, 0)
        whole("verify", self.verify, 0)


class Header(NamedTuple):
    """A header's text, what it costs, its numbers as JSON for other programs, and the C programs around it."""

    text: str
    report: Report
    numbers: str
    programs: Programs


class Material(NamedTuple):
    """What an export may look at beside the model.

    Attributes:
        data: inputs and labels that the model was not trained on.
        calibration: inputs to measure the ranges for int8 with.
        max_drop: how many points of accuracy int8 may lose on the data.
    """

    data: tuple[np.ndarray, np.ndarray] | None = None
    calibration: np.ndarray | None = None
    max_drop: float = 0.5


class Draft(Protocol):
    """A header before it is checked: what differs from one kind of model to another. All sizes are in bytes.

    Attributes:
        title: the model in a few words.
        dtype: "float32" or "int8".
        parameters, multiply_adds: of the model, for one input.
        arena, input, output, stack, state: parts of the RAM.
        tables: of all constant tables.
        programs: the C programs around such a header.
        fixed: how many vectors come first that are too extreme for the header to carry.
    """

    title: str
    dtype: str
    parameters: int
    multiply_adds: int
    arena: int
    input: int
    output: int
    stack: int
    state: int
    tables: int
    programs: Programs
    fixed: int

    def vectors(self, count: int) -> np.ndarray:
        """About `count` inputs to compare, one a row."""

    def run(self, X: np.ndarray) -> np.ndarray:
        """What the reference makes of them: one row for each, as the driver of `programs` writes it."""

    def text(self, carried: Vectors, checked: str) -> str:
        """The header, with the vectors that it carries, and what was checked."""

    def judge(self) -> dict[str, object]:
        """Fields of the report on how well it does: `accuracy`, `judged`, `notes`; nothing without data."""

    def rows(self) -> tuple[Row, ...]:
        """The steps, for the report."""

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Options that bring it into a budget of "RAM" or "flash"."""

    def as_json(self) -> str:
        """Everything that the header says, for a program that writes other code."""


def c_header(model: Sequential, path: str | Path, name: str | None = None, **options: object) -> Report:
    """Write a model as one C header, checked against the model first; nothing is written if anything is wrong.

    Args:
        model: built, made of layers that can be exported.
        path: the header.
        name: what its identifiers begin with; the file's name if left out.
        options: those of `build`.

    Raises:
        UsageError: an option, the name, or data that do not fit the model.
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
    if not isinstance(model, Sequential):
        raise UsageError("model", expected="a Sequential", got=repr(model))
    for word, budget in (("ram_budget", ram_budget), ("flash_budget", flash_budget)):
        if budget is not None:
            whole(word, budget, 0)
    between("max_drop", max_drop, -100, 100)  # below 0 it has to gain
    choices = replace(choices or Choices(), **changes)
    c_names.identifier(name)
    progress("planning the memory")
    drafted = _drafts(model)
    draft = drafted(model, name, choices, Material(data, calibration, max_drop))
    ram = draft.arena + draft.input + draft.output + draft.stack + draft.state
    ram += draft.tables if choices.weights == "ram" else 0
    _fit("RAM", model, draft, choices, ram, ram_budget)
    _fit("flash", model, draft, choices, draft.tables, flash_budget)
    notes = []
    vectors = draft.vectors(max(choices.verify, draft.fixed + 2 * choices.selftest))
    with np.errstate(all="ignore"):
        outputs = draft.run(vectors)
    compiler, said = _checker(choices.verify)
    if compiler is None:
        notes.append(f"not checked: {said}")
    carried = _carried(vectors, outputs, draft.fixed, choices.selftest)
    text = draft.text(carried, said if compiler else f"NO: {said}")
    large = len(text) > _LARGE_TEXT
    if large:
        notes.append(f"the header is {len(text) >> 20} MB of text: compilers take long for it")
    found = None
    if compiler:
        progress(f"compiling {len(text) >> 20} MB of text and comparing" if large else "compiling and comparing")
        some = slice(choices.verify)
        found = verify.verify(text, name, vectors[some], outputs[some], compiler, draft.programs)
        if found.tables > draft.tables:  # less is possible: a compiler may see that a table says nothing
            what = f"the object file holds {found.tables:,} B of tables, and not {draft.tables:,}"
            raise VerificationError(what, where=name, fix="please report this as a bug in brainbox")
    progress("measuring the accuracy")
    judged = draft.judge()
    code, code_from = _code(text, name, found, draft.programs)
    flash = draft.tables + (code or 0)
    _fit("flash", model, draft, choices, flash, flash_budget, code or 0)
    measured = None
    if emulate:
        progress("running on the emulated board")
        measured = board.measure(text, name, programs=draft.programs)
    report = Report(
        name=name,
        title=draft.title,
        dtype=draft.dtype,
        parameters=draft.parameters,
        multiply_adds=draft.multiply_adds,
        rows=draft.rows(),
        arena=draft.arena,
        input=draft.input,
        output=draft.output,
        stack=draft.stack,
        state=draft.state,
        weights=draft.tables,
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
        board=measured and measured.board,
        instructions=measured and measured.instructions,
        stack_used=measured and measured.stack,
        notes=(*notes, *judged.pop("notes", ())),
        **judged,
    )
    return Header(text, report, draft.as_json(), draft.programs)


# Who drafts the headers of which kind of model; any other is a network of layers or recurrent. Loaded when needed.
_DRAFTS = {
    "fraud": "tabular.fraud.draft",
    "neuron": "tabular.neuron.draft",
    "regress": "tabular.regress.draft",
    "spam": "text.draft.SpamDraft",
}


def _drafts(model: Sequential) -> Callable[[Sequential, str, Choices, Material], Draft]:
    """What makes the draft of such a model."""
    other = "recurrent.draft.RecurrentDraft" if is_recurrent(model) else "network.draft.NetworkDraft"
    module, name = _DRAFTS.get(str(model.meta.get("kind")), other).rsplit(".", 1)
    return getattr(import_module(f"brainbox_core.export.{module}"), name)


def _fit(
    what: str, model: Sequential, draft: Draft, choices: Choices, needed: int, budget: int | None, code: int = 0
) -> None:
    if budget is None or needed <= budget:
        return
    who = kind_of(model, "the model").shown(40)
    held = "" if what == "flash" else f" with weights in {'RAM' if choices.weights == 'ram' else 'flash'}"
    raise BudgetError(
        f"{who} {draft.dtype}{held} needs {kilobytes(needed)} of {what}, the budget is {kilobytes(budget)} "
        f"(short by {kilobytes(needed - budget)})",
        fix=" | ".join(draft.remedies(what, budget, code)) or "make the layers smaller",
    )


def _carried(vectors: np.ndarray, outputs: np.ndarray, fixed: int, count: int) -> Vectors:
    """The vectors that the header carries: real rows if there are, and none that C has no numbers for."""
    finite = np.isfinite(outputs).all(axis=1) & np.isfinite(vectors).all(axis=1)
    usable = fixed + np.flatnonzero(finite[fixed:])[:count]
    return Vectors(vectors[usable], outputs[usable])


def _checker(count: int) -> tuple[verify.Compiler | None, str]:
    """The compiler to check with, and what to say of the check."""
    if not count:
        return None, "it was switched off"
    if compiler := verify.find_compiler():
        return compiler, f"{count} vectors, equal to the reference in every bit"
    return None, "no C compiler was found; install gcc, or set CC"


def _code(text: str, name: str, found: verify.Check | None, programs: Programs) -> tuple[int | None, str]:
    """Bytes of machine code: on the board if its compiler is here, else on this computer."""
    if board.has_compiler():
        target = board.BOARDS["netduino2"]
        return board.sizes(text, name, target, programs)[0], f"{target.cpu} -O2"
    if found and found.code:
        return found.code, f"this computer, {found.compiler} -O2"
    return None, ""
