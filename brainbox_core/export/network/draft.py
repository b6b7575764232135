"""Networks of layers as drafts of headers: lower, choose numbers, plan, and the inputs to compare them with."""

from __future__ import annotations

import contextlib
import math
from dataclasses import asdict
from functools import cached_property

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.export import programs
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.header import Page, Vectors
from brainbox_core.export.network import reference
from brainbox_core.export.network import source as c_source
from brainbox_core.export.network.kernels import kernels_of
from brainbox_core.export.network.lower import Program, lower, shape_text
from brainbox_core.export.network.quantize import IntProgram, column_ranges, recorded_range
from brainbox_core.export.network.remedies import remedies
from brainbox_core.export.origin import kind_of
from brainbox_core.export.report import Accuracy, Judgement, Row, check_noise, decibels, explained
from brainbox_core.loss import BinaryCrossEntropy
from brainbox_core.model.sequential import Sequential
from brainbox_core.network.ranges import MOST_ROWS, activation_ranges
from brainbox_core.rng import stream

_FIXED = 3  # vectors of extremes that every comparison begins with
_NOISE_ROWS = 64  # that the signal-to-noise ratios are measured with
_MOST = 1e-3  # deviations of an output that float32 may be off the model
_FINEST = 1e-5  # of an output's size, below which nothing is asked for: float32 rounds in the model as well


class NetworkDraft:
    """Any chain of exportable layers, in float32 or int8; see `draft.Draft`."""

    programs = programs.NETWORK
    fixed = _FIXED

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material):
        self.model, self.name, self.choices, self.material = model, name, choices, material
        self.program = lower(model)
        self.ranges, self._known = model.meta.get("ranges"), None  # inputs to compare on, real ones
        if material.calibration is not None:
            self._known = _shaped(material.calibration, self.program)[:MOST_ROWS]
            self.ranges = activation_ranges(model, self._known.reshape(len(self._known), *model.input_shape))
        pictures = self.program.pixels or any(step.kind == "conv" for step in self.program.steps)
        self.dtype = choices.dtype or ("int8" if pictures and self.ranges else "float32")
        self.kernels = kernels_of(name, self.program, self.dtype, self.ranges, choices.optimize, choices.weights)
        self.title = _title(model, self.program)
        self.parameters = len(model.params)
        self.multiply_adds = sum(step.multiply_adds for step in self.program.steps)
        self.memory = c_source.memory(self.kernels)
        self.data = None if material.data is None else _shaped(material.data[0], self.program)
        self._known = self._known if self.data is None else self.data

    def vectors(self, count: int) -> np.ndarray:
        """All 0, all largest, alternating extremes, then real rows, then random ones."""
        size, random, rows = math.prod(self.program.input_shape), stream(0, "vectors"), self.data
        real = np.zeros((0, size), np.float32) if rows is None else rows[: (count - _FIXED + 1) // 2]
        if self.program.pixels:
            made: np.ndarray
            fixed: np.ndarray = np.zeros((_FIXED, size), np.uint8)
            fixed[1], fixed[2, ::2] = 255, 255
            made = random.integers(0, 256, (count - _FIXED - len(real), size)).astype(np.uint8)
        else:
            least, largest = np.array([-1.0]), np.array([1.0])  # where none was recorded: float32 does without
            with contextlib.suppress(InputError):
                ends = np.array([recorded_range(self.ranges or {}, "input")])
                columns = column_ranges(self.ranges or {}, size)
                least, largest = (ends if columns is None else columns).T
            middle, reach = (least + largest) / 2, np.maximum((largest - least) / 2, 1e-3)
            fixed = np.zeros((_FIXED, size), np.float32)
            with np.errstate(over="ignore"):  # beyond float32 they are infinite, and compared as such
                fixed[1], fixed[2] = middle + 100 * reach, np.where(np.arange(size) % 2, 100, -100) * reach
                spread = 1.5 * reach * random.uniform(-1, 1, (count - _FIXED - len(real), size))
                made = (middle + spread).astype(np.float32)
        self._vectors = np.concatenate([fixed, real.astype(fixed.dtype), made])
        return self._vectors

    def run(self, X: np.ndarray) -> np.ndarray:
        """The reference."""
        return reference.run(self.kernels.content, X).reshape(len(X), -1)

    def page(self, carried: Vectors) -> Page:
        """The header."""
        return c_source.page(self.model, self.kernels, carried)

    def judge(self) -> Judgement:
        """How well it does on data that the model was not trained on, and how close it is to the model.

        Raises:
            AccuracyError: int8 loses more than allowed.
            InputError: float32 is not as close to the model as it should be.
        """
        accuracy, judged = self._judged()
        if self.dtype == "float32":
            return Judgement(accuracy, "; ".join(filter(None, [judged, self._closeness()])))
        noise = [(step.title, snr) for step, snr in zip(self.program.steps, self._noise, strict=False)]
        last = self.program.steps[-1]
        if (
            noise and last.kind != "softmax" and last.activation != "sigmoid"
        ):  # a rare class may have the same share always
            pairs = zip(*(part.reshape(len(part), -1).T for part in self._compared[-1]), strict=True)
            noise += [(f"output {number}", decibels(*pair)) for number, pair in enumerate(pairs)]
        return Judgement(accuracy, judged, check_noise(noise, self.material.max_drop))

    def _judged(self) -> tuple[Accuracy | None, str]:
        """The accuracy, or how well quantities are predicted, in words; nothing without labels."""
        if self.data is None or self.material.data is None:
            return None, ""
        labels, count, units = np.asarray(self.material.data[1]), len(self.data), math.prod(self.program.output_shape)
        if labels.dtype.kind not in "fiub" or labels.shape not in ((count,), (count, 1), (count, units)):
            expected = f"one class number for each of {count:,} inputs, one-hot rows, or a number for each output"
            raise UsageError("labels do not fit the inputs", expected=expected, got=f"{labels.dtype}, {labels.shape}")
        labels = labels.reshape(count, -1)
        trained = self.model.predict(self.data.reshape(count, *self.model.input_shape)).reshape(count, -1)
        exported = trained if self.dtype == "float32" else self._real(self.run(self.data))
        if units > 1 and (labels.shape[1] == 1 or _are_classes(labels)):
            exported, trained = exported.argmax(axis=1), trained.argmax(axis=1)
            labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
        elif _takes_logits(self.model):
            exported, trained, labels = exported > 0, trained > 0, labels > 0.5
        else:
            return None, explained(exported, trained, labels, self.material.max_drop, self.dtype)
        found = Accuracy.of(exported, trained, labels)
        found.check(self.material.max_drop, self.dtype, "rows")
        return found, ""

    def _real(self, outputs: np.ndarray) -> np.ndarray:
        """What the outputs of the header stand for, (rows, outputs)."""
        program = self.kernels.content
        return program.steps[-1].result.real(outputs) if isinstance(program, IntProgram) else outputs

    def _closeness(self) -> str:
        """How close it is to the model, in words.

        Raises:
            InputError: not as close as float32 should be.
        """
        rows = _some(self._vectors[_FIXED:] if self._known is None else self._known, MOST_ROWS // 4)
        with np.errstate(all="ignore"):
            seen = self.model.activations(rows.reshape(len(rows), *self.model.input_shape))
            wanted = list(seen.values())[-1].reshape(len(rows), -1).astype(np.float64)
            usable = np.isfinite(wanted).all(axis=1)
            wanted, found = wanted[usable], self.run(rows[usable])
            if not len(wanted):
                return ""
            away = np.abs(wanted - wanted.mean(axis=0))
            least = np.maximum(wanted.std(axis=0), np.abs(wanted).max(axis=0) * _FINEST / _MOST)
            off = np.abs(found - wanted)
            gap = float(np.max(np.where(off == 0, 0, off / np.maximum(away, least))))
        if not gap <= _MOST:
            what = f"the header would be {gap:.1e} deviations off the model: float32 has too few digits for its numbers"
            raise InputError(
                what, fix="bring the inputs near 0, as a BatchNorm before the first layer does, and train again"
            )
        return f"at most {gap:.1e} deviations off the trained model on {len(wanted):,} rows"

    def rows(self) -> tuple[Row, ...]:
        """The steps."""
        noise, steps, plan = self._noise, self.kernels.program.steps, self.kernels.plan
        rows, silent = [], len(steps) - len(noise)  # without a ratio: all in float32, and what makes floats int8
        for number, (step, place) in enumerate(zip(steps, plan.outputs, strict=True)):
            snr = noise[number - silent] if number >= silent else math.inf
            rows.append(
                Row(
                    title=step.title,
                    output=shape_text(step.output_shape),
                    weights=self.kernels.step_bytes(number),
                    live=place.size if place else 0,
                    ring=place.rows if place and place.rows < step.output_shape[0] else None,
                    snr=snr if math.isfinite(snr) else None,
                )
            )
        return tuple(rows)

    @property
    def _noise(self) -> list[float]:
        """The signal-to-noise ratio of every step in decibels; nothing in float32, or without rows to measure it on."""
        return [decibels(*pair) for pair in self._compared]

    @cached_property
    def _compared(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """What every step should give, and what its integers stand for."""
        integers, count = self.kernels.content, len(self.program.steps)
        if not isinstance(integers, IntProgram) or self._known is None:
            return []
        # Either side may begin with a step of its own, for floats or for pixels.
        X = _some(self._known, _NOISE_ROWS)
        wanted = reference.outputs(reference.taking_bytes(self.program), X)[-count:]
        got = reference.outputs(integers, X)[-count:]
        return [
            (real, step.result.real(ints).reshape(real.shape))
            for real, ints, step in zip(wanted, got, integers.steps[-count:], strict=True)
        ]

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Other choices that fit."""
        return remedies(self.model, self.kernels, self.ranges, what, budget, code)

    def document(self) -> dict[str, object]:
        """The program with all weights, where everything lies, and what input and output mean."""
        kernels = self.kernels
        return {"program": asdict(kernels.content), "memory": asdict(kernels.plan), "note": kernels.notes}


def _shaped(X: np.ndarray, program: Program) -> np.ndarray:
    """Inputs as rows of the header's input type."""
    X = np.asarray(X)
    size = math.prod(program.input_shape)
    if X.ndim < 2 or math.prod(X.shape[1:]) != size or not len(X):
        raise UsageError("inputs do not fit the model", expected=f"(n, {size})", got=X.shape)
    if X.dtype.kind not in "fiub" or not np.isfinite(X).all():
        raise UsageError("inputs have to be finite numbers", got=X.dtype)
    if program.pixels and X.dtype != np.uint8:
        raise UsageError("the model takes pixels", expected="inputs of uint8", got=X.dtype)
    return X.reshape(len(X), size).astype(np.uint8 if program.pixels else np.float32, copy=False)


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, from all over."""
    return rows[:: -(-len(rows) // most) or 1]


def _are_classes(labels: np.ndarray) -> bool:
    """Whether rows are one-hot, or shares of one."""
    return bool((labels >= 0).all() and np.allclose(labels.sum(axis=1), 1, atol=1e-3))


def _takes_logits(model: Sequential) -> bool:
    """Whether every output is the logit of a yes or no."""
    with contextlib.suppress(UsageError):
        return isinstance(model.loss, BinaryCrossEntropy)
    return False


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
    return f"{kind_of(model).shown(40)}: {'-'.join(words)}"
