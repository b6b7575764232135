"""Networks of layers as drafts of headers: lower, choose numbers, plan, and the inputs to compare them with."""

from __future__ import annotations

import contextlib
import math
from dataclasses import asdict

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.export import programs
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.header import Page, Vectors
from brainbox_core.export.network import reference
from brainbox_core.export.network import source as c_source
from brainbox_core.export.network.kernels import kernels_of
from brainbox_core.export.network.lower import Program, lower, shape_text
from brainbox_core.export.network.quantize import IntProgram, recorded_range
from brainbox_core.export.network.remedies import remedies
from brainbox_core.export.origin import kind_of
from brainbox_core.export.report import Accuracy, Judgement, Row
from brainbox_core.model.ranges import MOST_ROWS, activation_ranges
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream

_FIXED = 3  # vectors of extremes that every comparison begins with
_NOISE_ROWS = 64  # that the signal-to-noise ratios are measured with


class NetworkDraft:
    """Any chain of exportable layers, in float32 or int8; see `draft.Draft`."""

    programs = programs.NETWORK
    fixed = _FIXED

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material):
        self.model, self.name, self.choices, self.material = model, name, choices, material
        self.program = lower(model)
        self.ranges = model.meta.get("ranges")
        if material.calibration is not None:
            rows = _shaped(material.calibration, self.program)[:MOST_ROWS]
            self.ranges = activation_ranges(model, rows.reshape(len(rows), *model.input_shape))
        pictures = self.program.pixels or any(step.kind == "conv" for step in self.program.steps)
        self.dtype = choices.dtype or ("int8" if pictures and self.ranges else "float32")
        self.kernels = kernels_of(name, self.program, self.dtype, self.ranges, choices.optimize, choices.weights)
        self.title = _title(model, self.program)
        self.parameters = len(model.params)
        self.multiply_adds = sum(step.multiply_adds for step in self.program.steps)
        self.memory = c_source.memory(self.kernels)
        self.data = None if material.data is None else _shaped(material.data[0], self.program)

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
            least, largest = -1.0, 1.0  # where none was recorded, which float32 does without
            with contextlib.suppress(InputError):
                least, largest = recorded_range(self.ranges or {}, "input")
            middle, reach = (least + largest) / 2, max((largest - least) / 2, 1e-3)
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
        """The accuracy on data that the model was not trained on."""
        if self.data is None or self.material.data is None or math.prod(self.program.output_shape) == 1:
            return Judgement()
        labels = np.asarray(self.material.data[1])
        if labels.dtype.kind not in "fiub" or labels.ndim not in (1, 2) or len(labels) != len(self.data):
            expected = f"one class number for each of {len(self.data):,} inputs, or one-hot rows"
            raise UsageError("labels do not fit the inputs", expected=expected, got=f"{labels.dtype}, {labels.shape}")
        rows = self.data.reshape(len(self.data), *self.model.input_shape)
        trained = self.model.predict(rows).reshape(len(rows), -1).argmax(axis=1)
        exported = trained if self.dtype == "float32" else self.run(self.data).argmax(axis=1)
        found = Accuracy.of(exported, trained, labels.argmax(axis=1) if labels.ndim > 1 else labels)
        found.check(self.material.max_drop, self.dtype, "rows")
        return Judgement(found)

    def rows(self) -> tuple[Row, ...]:
        """The steps."""
        sample = self._vectors if self.data is None else self.data
        noise, steps, plan = self._noise(sample[:_NOISE_ROWS]), self.kernels.program.steps, self.kernels.plan
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

    def _noise(self, X: np.ndarray) -> list[float]:
        """The signal-to-noise ratio of every step in decibels; nothing in float32."""
        integers, count = self.kernels.content, len(self.program.steps)
        if not isinstance(integers, IntProgram):
            return []
        # Either side may begin with a step of its own, for floats or for pixels.
        wanted = reference.outputs(reference.taking_bytes(self.program), X)[-count:]
        got = reference.outputs(integers, X)[-count:]
        return [
            _decibels(real, step.result.real(ints).reshape(real.shape))
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


def _decibels(signal: np.ndarray, found: np.ndarray) -> float:
    signal = signal.astype(np.float64)
    noise = float(((signal - found) ** 2).sum())
    power = float((signal**2).sum())
    return 10 * math.log10(power / noise) if noise and power else math.inf if power else 0.0


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
