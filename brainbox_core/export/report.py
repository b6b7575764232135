"""What an exported model costs and how well it computes: the figures, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from brainbox_core import metrics
from brainbox_core.errors import AccuracyError
from brainbox_core.screen.display import fitted

_CLEAR, _NOISY = 20.0, 10.0  # decibels: below the first it is told, below the second refused
_AGREE, _DIFFER = 5, 10  # points of different answers: above the first it is told, above the second refused


@dataclass(frozen=True)
class Row:
    """One step.

    Attributes:
        title: its layers.
        output: its shape: `13x13x16`.
        weights: bytes of its tables.
        live: bytes of the arena that its output takes; 0 for the last, which the caller's array holds.
        ring: how many rows of the output are there at a time, where not all are.
        snr: signal-to-noise ratio of the output in decibels, int8 beside float32: see `decibels`; None where it was not
            measured.
    """

    title: str
    output: str
    weights: int
    live: int
    ring: int | None = None
    snr: float | None = None


@dataclass(frozen=True)
class Accuracy:
    """How often the exported model is right on data that it was not trained on.

    Attributes:
        rows: how many there were.
        exported: share of right answers of the header.
        trained: share of right answers of the model as it was trained.
        agreement: share of equal answers.
    """

    rows: int
    exported: float
    trained: float
    agreement: float

    @classmethod
    def of(cls, exported: np.ndarray, trained: np.ndarray, truth: np.ndarray) -> Accuracy:
        """From the answers of the header and of the model, and the right ones."""
        right, before, same = ((a == b).mean() for a, b in ((exported, truth), (trained, truth), (exported, trained)))
        return cls(len(truth), float(right), float(before), float(same))

    def check(self, max_drop: float, dtype: str, rows: str, fix: str = "`dtype float32`") -> None:
        """Refuse a loss of more points than allowed, and other answers than the model's, though they be no worse.

        Args:
            max_drop: points that may be lost.
            dtype: of the header.
            rows: what was looked at, in the plural.
            fix: what else would do.

        Raises:
            AccuracyError: more are lost, or more answers differ than allowed or than one in ten.
        """
        fix = f"{fix}, or `max_drop` with more points"
        if self.drop > max_drop:
            raise AccuracyError(
                f"{dtype} loses {self.drop:.2f} points of accuracy, {max_drop:g} are allowed: it is right on "
                f"{self.exported:.2%} of {self.rows:,} {rows} and float32 on {self.trained:.2%}",
                where="`max_drop`",
                fix=fix,
            )
        if self.differ > max(max_drop, _DIFFER):
            what = f"{dtype} agrees with float32 on {self.agreement:.2%} of {self.rows:,} {rows} only"
            raise AccuracyError(what, where="`max_drop`", fix=fix)

    @property
    def drop(self) -> float:
        """How many points of accuracy were lost: 0.5 for 99 % that became 98.5 %."""
        return round(100 * (self.trained - self.exported), 9)  # of 200 rows, one is half a point and no more

    @property
    def differ(self) -> float:
        """How many points of the answers are others than the model's."""
        return round(100 * (1 - self.agreement), 9)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of it."""
        return (f"only {self.agreement:.2%} of the answers are those of the model",) if self.differ > _AGREE else ()


def explained(exported: np.ndarray, trained: np.ndarray, truth: np.ndarray, max_drop: float, dtype: str) -> str:
    """How well quantities are predicted, in words: the R² of the output that lost most, (rows, outputs) each.

    Raises:
        AccuracyError: it lost more than so many points of R².
    """
    found = [
        tuple(metrics.r2(column, answers[:, place]) for answers in (trained, exported))
        for place, column in enumerate(truth.T)
        if np.ptp(column)
    ]
    if not found:
        return ""
    before, after = max(found, key=lambda pair: pair[0] - pair[1])
    drop, on = 100 * (before - after), f"on {len(truth):,} rows"
    if drop > max_drop:
        what = f"{dtype} loses {drop:.2f} points of R2, {max_drop:g} are allowed: it has {after:.4f} {on}"
        fix = "`dtype float32`, or `max_drop` with more points"
        raise AccuracyError(f"{what} and float32 {before:.4f}", where="`max_drop`", fix=fix)
    return f"R2 {after:.4f} {on}" if dtype == "float32" else f"R2 {dtype} {after:.4f} float32 {before:.4f} {on}"


def decibels(signal: np.ndarray, found: np.ndarray) -> float:
    """The power of what changes from row to row beside that of the errors; NaN where nothing changes.

    At 20 dB the errors are a hundredth of the variance, which is what R² then lacks to 1, and at 10 dB a tenth.

    Example:
        >>> decibels(np.array([1001.0, 1003.0]), np.array([1001.1, 1003.0]))
        23.01...
    """
    signal = signal.astype(np.float64)
    power, noise = (float((part**2).sum()) for part in (signal - signal.mean(axis=0), signal - found))
    return math.nan if not power else math.inf if not noise else 10 * math.log10(power / noise)


def check_noise(steps: Sequence[tuple[str, float]], max_drop: float) -> tuple[str, ...]:
    """What a user should know of signal-to-noise ratios of int8, by what they are of, in decibels.

    Raises:
        AccuracyError: one is so low that more points of a step's variance are lost than a tenth of it and than allowed.
    """
    known = [(snr, title) for title, snr in steps if not math.isnan(snr)]
    least, title = min(known, default=(math.inf, ""))
    lost = min(100.0, 100 * 10 ** (-least / 10))
    said = f"int8 leaves {title} a signal-to-noise ratio of {least:.1f} dB"
    if least < _NOISY and lost > max_drop:
        fix = "`dtype float32`, or `max_drop` with more points"
        raise AccuracyError(f"{said}, which loses {lost:.0f} points of its variance", where="`max_drop`", fix=fix)
    return (f"{said}; from {_CLEAR:.0f} dB on little is lost",) if least < _CLEAR else ()


class Judgement(NamedTuple):
    """How well an exported model does.

    Attributes:
        accuracy: None where there is no data to measure it with, or the model does not name classes.
        judged: in the model's own terms, in words; "" where there is no data.
        notes: what a user should know of it.
    """

    accuracy: Accuracy | None = None
    judged: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The figures of an export. All sizes are in bytes.

    Attributes:
        name: what every identifier begins with.
        title: the network in a few words.
        dtype: "float32" or "int8"; "int16" for the weights of a filter of texts.
        parameters, multiply_adds: of the model, for one input.
        rows: the steps.
        arena, input, output, stack, state: parts of the RAM; the stack is the most that a run takes.
        weights: of all tables.
        weights_in: "flash" or "ram".
        ram, flash: in all; the flash includes `code` if it is known.
        ram_budget, flash_budget: what there is; None for no limit.
        code: of machine code, None where no compiler could tell.
        code_from: where `code` was measured: `Cortex-M3, -O2`.
        text: size of the header as text.
        checked: how many vectors agreed in every bit; 0 if nothing was checked.
        compiler: what compiled it, "" if nothing was checked.
        accuracy, judged: how well it does; see `Judgement`.
        instructions, stack_used, board: measured on an emulated board, None if it was not asked for.
        notes: what else a user should know.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(2)])
        >>> model.build((3,))
        (2,)
        >>> report = bb.export.build(model, "tiny", verify=0).report
        >>> report.parameters, report.dtype, report.checked
        (8, 'float32', 0)
    """

    name: str
    title: str
    dtype: str
    parameters: int
    multiply_adds: int
    rows: tuple[Row, ...]
    arena: int
    input: int
    output: int
    stack: int
    state: int
    weights: int
    weights_in: str
    ram: int
    flash: int
    ram_budget: int | None
    flash_budget: int | None
    code: int | None
    code_from: str
    text: int
    checked: int
    compiler: str
    accuracy: Accuracy | None = None
    judged: str = ""
    board: str | None = None
    instructions: int | None = None
    stack_used: int | None = None
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        """The figures in JSON types."""
        return asdict(self)

    def lines(self, width: int = 120) -> list[str]:
        """The figures for people, in at most `width` columns where they can be."""
        counts = f"{self.parameters:,} parameters  {self.multiply_adds:,} multiply-adds"
        return [
            f"{self.name} ({self.title})  {self.dtype}  {counts}",
            *fitted(self._table(), width, left=2),
            f"RAM    {self._ram()}",
            f"FLASH  {self._flash()}",
            f"CHECK  {self._check()}",
            *([f"BOARD  {self._board()}"] if self.board else []),
        ]

    def _table(self) -> list[list[str]]:
        noisy = any(row.snr is not None for row in self.rows)
        table = [["layer", "output", "weights", "live RAM", *(["SNR"] if noisy else [])]]
        for row in self.rows:
            live = f"{row.live:,} B" + (f" (ring, {row.ring} row{'s' * (row.ring > 1)})" if row.ring else "")
            snr = [] if not noisy else [f"{row.snr:.1f} dB" if row.snr is not None else ""]
            table.append([row.title, row.output, f"{row.weights:,} B", live if row.live else "the caller's", *snr])
        return table

    def _ram(self) -> str:
        parts = f"arena {self.arena:,} + input {self.input:,} + output {self.output:,} + stack ~{self.stack}"
        if self.state:
            parts += f" + state {self.state:,}"
        if self.weights_in == "ram":
            parts += f" + weights {self.weights:,}"
        of = f" of {self.ram_budget:,} ({self.ram / self.ram_budget:.1%})   fits" if self.ram_budget else ""
        return f"{parts} = {self.ram:,} B{of}"

    def _flash(self) -> str:
        code = f"code ~{kilobytes(self.code)} ({self.code_from})" if self.code is not None else "code"
        total = f" = ~{kilobytes(self.flash)}" if self.code is not None else ""
        budget = f" of {kilobytes(self.flash_budget)}   fits" if self.flash_budget else ""
        note = f"   (the header is {kilobytes(self.text)} of text)"
        return f"weights {self.weights:,} + {code}{total}{budget}{note}"

    def _check(self) -> str:
        if self.checked:
            text = f"{self.checked}/{self.checked} vectors bit-exact ({self.compiler}, C99)"
        else:
            text = "checked: NO"
        if a := self.accuracy:
            if self.dtype == "float32":
                text += f"   accuracy {a.exported:.2%} on {a.rows:,} rows"
            else:
                text += f"   accuracy {self.dtype} {a.exported:.2%} float32 {a.trained:.2%}, agree {a.agreement:.2%}"
        return f"{text}   {self.judged}".rstrip()

    def _board(self) -> str:
        return f"{self.board}: {self.instructions:,} instructions per inference, {self.stack_used:,} B of stack"


def kilobytes(size: int) -> str:
    """Bytes in units of 1,024.

    Example:
        >>> kilobytes(800), kilobytes(131072), kilobytes(2662)
        ('0.8 KB', '128 KB', '2.6 KB')
    """
    return f"{size / 1024:.1f}".removesuffix(".0") + " KB"
