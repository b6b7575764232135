"""Models that predict from the row of a table as headers: the scaler inside, the values in the data's own units."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.exact.float_math import sigmoid
from brainbox_core.export import c_names
from brainbox_core.export.c_names import SIGNIFICANT
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.header import Memory, Page, Vectors, fails_if, macro, selftest, table, taken, unequal
from brainbox_core.export.origin import kind_of
from brainbox_core.export.programs import Programs
from brainbox_core.export.report import Judgement, Row, kilobytes
from brainbox_core.export.tabular import formula as formulas
from brainbox_core.export.tabular import source
from brainbox_core.export.tabular.closeness import SAMPLE, closest
from brainbox_core.export.tabular.subject import Subject
from brainbox_core.export.templates import filled
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream

STACK = 192  # bytes beside the arrays, with what the compiler saves; measured on the boards
_CODE = 1536  # bytes of code that a header has at most, for remedies where it is not measured yet
_EXTREMES = (0.0, np.nan, np.inf, -np.inf, 1e30)  # rows that every comparison begins with


_NOTES = (
    "Nothing is written but the stack. A value may be missing where it says so below; the others are all given, or the",
    "result is that of the 0 that stands there. Check before for what is not finite: the result is not finite",
)


class TabularDraft:
    """See `draft.Draft`; the subject says what differs from `regress` to `fraud` and `neuron`."""

    dtype = "float32"
    fixed = len(_EXTREMES) + 2

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material, subject: Subject):
        if choices.dtype == "int8":
            fix = "leave `dtype int8` out"
            raise UsageError("int8 is for networks that read pictures", where=kind_of(model).shown(40), fix=fix)
        material.refuse_calibration("a table's header has no ranges to measure")
        self.model, self.name, self.subject = model, name, subject
        self._rows, self._truth, self._lacking = np.zeros((0, len(subject.values))), np.zeros(0), 0
        if material.data is not None:
            table, truth = material.data
            self._rows, kept = subject.rows(table)
            self._truth, self._lacking = np.asarray(truth)[kept], len(truth) - len(kept)
        self.formula, self.gap = closest(subject, self._rows)
        classes, probability = subject.threshold is not None, subject.probability
        words = {"class": classes, "probability": probability, "type": "int" if classes else "float"}
        self.programs = Programs("tabular", words | {"count": 1 + probability})  # the probability beside the result
        self.parameters = self.formula.parameters
        self.title = f"{kind_of(model).shown(40)}: {subject.words}"
        self.memory = Memory(
            arena=self.formula.scratch,
            input=4 * self.formula.inputs,
            output=4,
            stack=STACK,
            tables=self.formula.table_bytes,
            weights=choices.weights,
        )
        scaling = 0 if self.formula.factor is None else self.formula.features
        self.multiply_adds = sum(layer.weight.size for layer in self.formula.layers) + scaling

    def vectors(self, count: int) -> np.ndarray:
        """Extremes and values that are not finite, then real rows, then random ones in and around the range."""
        subject, random = self.subject, stream(0, "vectors")
        low, high = np.array([(value.low, value.high) for value in subject.values], np.float32).T
        extremes = np.repeat(np.array(_EXTREMES, np.float32)[:, None], len(low), axis=1)
        extremes[-1, ::2] *= -1
        left = max(count - self.fixed, 0)
        real = self._rows[: left // 2]
        inside = (left - len(real) + 1) // 2
        made = [subject.sample(random, inside, 1.0), subject.sample(random, left - len(real) - inside, 3.0)]
        with np.errstate(over="ignore"):
            return np.concatenate([extremes, [low, high], real, *made]).astype(np.float32)

    def run(self, X: np.ndarray) -> np.ndarray:
        """The result, and the probability where there is one."""
        result = formulas.run(self.formula, X)
        if not self.subject.probability:
            return result[:, None]
        with np.errstate(all="ignore"):
            share = sigmoid(result + np.float32(self.subject.threshold or 0))
        return np.stack([result, share], axis=1)

    def page(self, carried: Vectors) -> Page:
        """The header."""
        name, subject, formula, memory = self.name, self.subject, self.formula, self.memory
        upper, classifies = name.upper(), subject.threshold is not None
        places = c_names.constants([value.name for value in subject.values], SIGNIFICANT - len(f"{name}_FEATURE_"))
        function = "margin" if classifies else "predict"
        needed = frozenset({"sigmoid"} if subject.probability else ())
        declared, taking = taken(name, "float", formula.inputs)
        macros = ["", *(f"#define {upper}_FEATURE_{place} {number}" for number, place in enumerate(places))]
        if subject.threshold:
            macros += [
                "",
                "/* The logit from which on a row is of class 1 */",
                macro(name, "THRESHOLD", subject.threshold),
            ]
        calls = [f"{'int yes' if classifies else 'float value'} = {name}_predict(features);"]
        calls += [f"float share = {name}_probability(features);"] * subject.probability
        return Page(
            name=name,
            model=self.model,
            what="a model of the columns of a table",
            size=f"{formula.parameters:,} parameters",
            facts={
                "input": f"const float features[{formula.inputs}], in the data's own units; see below",
                "output": subject.meaning.comment(),
            },
            memory=memory,
            ram=f"{memory.arena} of arrays and about {memory.stack} more of stack, input, output",
            flash="tables, and the code of the functions that are called",
            close=self._close,
            usage=[
                f"float features[{upper}_INPUT_SIZE] = {{ 0 }};",
                f"features[{upper}_FEATURE_{places[0]}] = ...;",
                *calls,
            ],
            notes=[
                *_NOTES,
                f"either{', or says class 0' * classifies}.",
                "",
                "The features, their places, and their ranges in training:",
                "",
                *_features(subject, places),
            ],
            inputs=formula.inputs,
            outputs=1,
            macros=macros,
            classes=subject.classes,
            learned=subject.learned,
            code=[
                "/* What was learned */\n\n" + source.tables(name, formula, memory.weights),
                "/* The steps */\n\n" + source.functions(name, formula, function, subject.meaning, needed),
                filled(
                    "tabular/answers.h.in",
                    name,
                    inputs=formula.inputs,
                    classifies=classifies,
                    probability=subject.probability,
                    threshold=f" + {upper}_THRESHOLD" if subject.threshold else "",
                ),
                selftest(
                    name,
                    parameters=[],
                    tables=[
                        table(name, "selftest_inputs", carried.inputs),
                        table(name, "selftest_outputs", carried.outputs[:, 0]),
                    ],
                    count=len(carried.inputs),
                    start=["float y;", "int i;", *declared],
                    check=[
                        *taking,
                        f"y = {name}_{function}(x);",
                        *fails_if(unequal("y", f"{name}_selftest_outputs[i]")),
                    ],
                ),
            ],
        )

    def judge(self) -> Judgement:
        """How well it does on rows that the model was not trained on, and how close it is to the model."""
        if not len(self._rows):
            return Judgement(judged=self._close)
        results = formulas.run(self.formula, self._rows)
        lacking = f" ({self._lacking:,} more lack a value)" if self._lacking else ""
        judged = f"{self.subject.judge(self._rows, results, self._truth)}{lacking}; {self._close}"
        return Judgement(judged=judged)

    @property
    def _close(self) -> str:
        if not self.gap:
            return "exactly as the trained model"
        unit = " deviations of the result" if self.subject.threshold is None else ""
        return f"at most {self.gap:.1e}{unit} off the trained model on {SAMPLE + len(self._rows):,} rows"

    def rows(self) -> tuple[Row, ...]:
        """Scaler, terms and layers."""
        made, inputs = [], self.formula
        if inputs.sources:
            made.append(Row("features", str(inputs.features), inputs.source_bytes, 4))
        if inputs.factor is not None:
            squash = "" if inputs.squash == "linear" else f"+{inputs.squash}"
            made.append(Row(f"scaler{squash}", str(inputs.features), inputs.scaler_bytes, 4))
        if inputs.terms is not None:
            live = 4 * inputs.features * inputs.degree
            made.append(Row("terms", str(len(inputs.terms)), inputs.term_bytes, live))
        for number, layer in enumerate(inputs.layers):
            live = 4 * len(layer.bias) * (number < len(inputs.layers) - 1)
            weights = inputs.layer_bytes(*layer.weight.shape)
            made.append(Row(layer.title, str(len(layer.bias)), weights, live))
        return tuple(made)

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Weights in flash, or narrower layers."""
        code = code or _CODE
        flash, ram = self.memory.tables + code, replace(self.memory, weights="flash").ram
        ways = []
        if self.memory.in_ram and (ram if what == "RAM" else flash) <= budget:
            ways.append(f"`weights flash` (RAM {kilobytes(ram)}, flash {kilobytes(flash)})")
        hidden = [len(layer.bias) for layer in self.formula.layers[:-1]]
        for width in range(max(hidden, default=1) - 1, 0, -1):
            narrow = [max(1, units * width // max(hidden)) for units in hidden]
            sizes = [self.formula.features, *narrow, 1]
            weights = sum(self.formula.layer_bytes(*ends) for ends in pairwise(sizes)) + self.formula.scaler_bytes
            needed = weights + code if what == "flash" else ram + weights * self.memory.in_ram
            if needed <= budget:
                ways.append(f"`hidden {','.join(map(str, narrow))}`")
                break
        return ways

    def document(self) -> dict[str, object]:
        """The formula, what every value of a row means, and the threshold."""
        values = [
            asdict(value) | {"name": value.name.plain(), "meaning": value.meaning.plain()}
            for value in self.subject.values
        ]
        return {"formula": asdict(self.formula), "values": values, "threshold": self.subject.threshold}


def _features(subject: Subject, places: list[str]) -> list[str]:
    """For the comment, a line for every value of a row."""
    width, lines = max(map(len, places)), []
    for number, (place, value) in enumerate(zip(places, subject.values, strict=True)):
        range_ = f", {value.low:.6g} to {value.high:.6g}" if value.meaning.plain().startswith("a number") else ""
        said = f"{value.name.comment(60)}: {value.meaning.comment(80)}{range_}"
        lines.append(f"{number:>5}  {place:<{width}}  {said}")
    return lines
