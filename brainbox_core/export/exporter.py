"""From a trained model to a header: draft it, see whether it fits, write the text, check it, measure it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from brainbox_core.errors import BudgetError, UsageError, VerificationError, between, whole
from brainbox_core.exact.stepper import is_recurrent
from brainbox_core.export import board, c_names, header, verify
from brainbox_core.export.draft import Choices, Draft, Maker, Material
from brainbox_core.export.header import Vectors
from brainbox_core.export.origin import kind_of
from brainbox_core.export.programs import Programs
from brainbox_core.export.report import Report, kilobytes
from brainbox_core.files.writing import atomic_write, check_writable
from brainbox_core.model.model import Model
from brainbox_core.model.sequential import Sequential

RAM = 128 << 10  # bytes, of the boards that this is made for
_LARGE_TEXT = 16 << 20  # bytes of a header, from which compilers get slow


@dataclass(frozen=True)
class Header:
    """A header's text, what it costs, and the C programs around it.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(2)])
        >>> model.build((3,))
        (2,)
        >>> header = bb.export.build(model, "tiny", verify=0)
        >>> "tiny_predict" in header.text, header.report.weights
        (True, 32)
    """

    text: str
    report: Report
    draft: Draft

    @property
    def programs(self) -> Programs:
        """The C programs around it."""
        return self.draft.programs

    @property
    def numbers(self) -> str:
        """Everything that it says as JSON, for programs that write other code; made when it is asked for."""
        return numbers(self.draft)


def numbers(draft: Draft) -> str:
    """Everything that a header says as JSON."""
    document = {"name": draft.name, **draft.document()}
    return json.dumps(document, sort_keys=True, default=lambda array: array.tolist()) + "\n"


def c_header(model: Sequential, path: str | Path, name: str | None = None, **options: Any) -> Report:
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
        AccuracyError: int8 loses more accuracy than allowed, or most of what a step says.
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
    made = build(model, c_names.cleaned(Path(path).stem) if name is None else name, **options)
    atomic_write(path, made.text.encode("ascii"))
    return made.report


def build(
    model: Sequential,
    name: str,
    choices: Choices | None = None,
    *,
    data: tuple[Any, Any] | None = None,
    calibration: np.ndarray | None = None,
    ram_budget: int | None = RAM,
    flash_budget: int | None = None,
    max_drop: float = 0.5,
    emulate: bool = False,
    progress: Callable[[str], object] = lambda doing: None,
    **changes: Any,
) -> Header:
    """The header of a model, as text.

    Args:
        model: built, made of layers that can be exported.
        name: what every identifier begins with.
        choices: what decides the text; `changes` are taken into it.
        data: inputs and labels that the model was not trained on: for its accuracy, and as vectors to compare.
        calibration: inputs to measure the ranges for int8 with, instead of those of the training; without `data` also
            its noise.
        ram_budget, flash_budget: bytes that there are; None for no limit.
        max_drop: how many points of accuracy int8 may lose on `data`, or of R² where quantities are predicted. From 10
            on, also how many points of the answers may be others, and of a step's variance may be noise.
        emulate: also run it on an emulated board, and count instructions and stack.
        progress: called with what is being done.
        changes: fields of `Choices`.

    Raises:
        As `c_header`.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(2)])
        >>> model.build((3,))
        (2,)
        >>> build(model, "tiny", verify=0, optimize="speed").report.weights
        32
    """
    if not isinstance(model, Model):
        raise UsageError("model", expected="a chain of layers, such as a Sequential", got=type(model).__name__)
    if model.graph is None or not model.graph.is_chain:
        kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in model.layers)) if model.graph else ""
        what = f"a graph of {kinds}" if kinds else f"what forward() of {type(model).__name__} computes"
        raise UsageError("only a chain of layers can be exported yet", got=what)
    for word, budget in (("ram_budget", ram_budget), ("flash_budget", flash_budget)):
        if budget is not None:
            whole(word, budget, 0)
    between("max_drop", max_drop, -100, 100)  # below 0 it has to gain
    choices = replace(choices or Choices(), **changes)
    c_names.identifier(name)
    progress("planning the memory")
    draft = maker(model)(model, name, choices, Material(data, calibration, max_drop))
    _fit("RAM", model, draft, draft.memory.ram, ram_budget)
    _fit("flash", model, draft, draft.memory.tables, flash_budget)
    text, found, notes = _checked(draft, choices, progress)
    progress("measuring the accuracy")
    report = _report(draft, text, found, notes)
    report = replace(report, ram_budget=ram_budget, flash_budget=flash_budget)
    _fit("flash", model, draft, report.flash, flash_budget, report.code or 0)
    if emulate:
        progress("running on the emulated board")
        ran = board.measure(text, name, programs=draft.programs)
        report = replace(report, board=ran.board, instructions=ran.instructions, stack_used=ran.stack)
    return Header(text, report, draft)


# Who drafts the headers of which kind of model; any other is a network of layers or recurrent. Loaded when needed.
_DRAFTS = {
    "fraud": "tabular.fraud.draft",
    "neuron": "tabular.neuron.draft",
    "regress": "tabular.regress.draft",
    "spam": "text.draft.SpamDraft",
}


def maker(model: Sequential) -> Maker:
    """What makes the draft of such a model."""
    other = "recurrent.draft.RecurrentDraft" if is_recurrent(model) else "network.draft.NetworkDraft"
    module, name = _DRAFTS.get(str(model.meta.get("kind")), other).rsplit(".", 1)
    return getattr(import_module(f"brainbox_core.export.{module}"), name)


def _fit(what: str, model: Sequential, draft: Draft, needed: int, budget: int | None, code: int = 0) -> None:
    if budget is None or needed <= budget:
        return
    who = kind_of(model, "the model").shown(40)
    held = "" if what == "flash" else f" with weights in {'RAM' if draft.memory.in_ram else 'flash'}"
    raise BudgetError(
        f"{who} {draft.dtype}{held} needs {kilobytes(needed)} of {what}, the budget is {kilobytes(budget)} "
        f"(short by {kilobytes(needed - budget)})",
        fix=" | ".join(draft.remedies(what, budget, code)) or "make the layers smaller",
    )


def _checked(
    draft: Draft, choices: Choices, progress: Callable[[str], object]
) -> tuple[str, verify.Check | None, list[str]]:
    """The text of a header, what its check found if there was one, and what to say of it."""
    vectors = draft.vectors(max(choices.verify, draft.fixed + 2 * choices.selftest))
    with np.errstate(all="ignore"):
        outputs = draft.run(vectors)
    compiler, said = _checker(choices.verify)
    page = draft.page(carried(vectors, outputs, draft.fixed, choices.selftest))
    text = header.write(page, said if compiler else f"NO: {said}")
    notes = [] if compiler else [f"not checked: {said}"]
    large = f"{len(text) >> 20} MB of text" if len(text) > _LARGE_TEXT else ""
    if large:
        notes.append(f"the header is {large}: compilers take long for it")
    if compiler is None:
        return text, None, notes
    progress(f"compiling {large} and comparing" if large else "compiling and comparing")
    some = slice(choices.verify)
    found = verify.verify(text, draft.name, vectors[some], outputs[some], compiler, draft.programs)
    if found.tables > draft.memory.tables:  # less is possible: a compiler may see that a table says nothing
        what = f"the object file holds {found.tables:,} B of tables, and not {draft.memory.tables:,}"
        raise VerificationError(what, where=draft.name, fix="please report this as a bug in brainbox")
    return text, found, notes


def carried(vectors: np.ndarray, outputs: np.ndarray, fixed: int, count: int) -> Vectors:
    """The vectors that the header carries. C has no literals for NaN and infinity: vectors with them are left out."""
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


def _report(draft: Draft, text: str, found: verify.Check | None, notes: list[str]) -> Report:
    """What a header costs and how well it does; the budgets are yet to be added."""
    memory, judgement = draft.memory, draft.judge()
    if draft.dtype == "int8" and not (judgement.accuracy or judgement.judged):
        notes = [*notes, "accuracy not checked: int8 has no labels to be judged by"]
    code, code_from = _code(text, draft, found)
    return Report(
        name=draft.name,
        title=draft.title,
        dtype=draft.dtype,
        parameters=draft.parameters,
        multiply_adds=draft.multiply_adds,
        rows=draft.rows(),
        arena=memory.arena,
        input=memory.input,
        output=memory.output,
        stack=memory.stack,
        state=memory.state,
        weights=memory.tables,
        weights_in=memory.weights,
        ram=memory.ram,
        flash=memory.tables + (code or 0),
        ram_budget=None,
        flash_budget=None,
        code=code,
        code_from=code_from,
        text=len(text),
        checked=found.vectors if found else 0,
        compiler=found.compiler if found else "",
        accuracy=judgement.accuracy,
        judged=judgement.judged,
        notes=(*notes, *judgement.notes, *(judgement.accuracy.notes if judgement.accuracy else ())),
    )


def _code(text: str, draft: Draft, found: verify.Check | None) -> tuple[int | None, str]:
    """Bytes of machine code: on the board if its compiler is here, else on this computer."""
    if board.has_compiler():
        target = board.BOARDS["netduino2"]
        return board.sizes(text, draft.name, target, draft.programs)[0], f"{target.cpu} -O2"
    if found and found.code:
        return found.code, f"this computer, {found.compiler} -O2"
    return None, ""
