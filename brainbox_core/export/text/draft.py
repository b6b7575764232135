"""A spam filter as a header: text in, probability out."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import AccuracyError, UsageError
from brainbox_core.export.network.source import Vectors
from brainbox_core.export.report import Accuracy, Row, kilobytes
from brainbox_core.export.text import source as c_text
from brainbox_core.export.text import state
from brainbox_core.export.text.programs import RECORD, TEXT
from brainbox_core.export.text.reference import text_model
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tasks.spam.settings import BUILT_IN
from brainbox_core.tasks.spam.train import SpamFilter
from brainbox_core.text.messages import read_messages

if TYPE_CHECKING:
    from brainbox_core.export.exporter import Choices, Material

_SOME = 4  # one of so many built-in messages is looked at
_WIDTHS = {None: 16, "int8": 8}  # bits of a weight
_FIXED = (
    b"",
    b"\xff\xc3\xe2\x82",
    b"A" * (RECORD - 4),
    b"1.2,3'4.co " * 90,
    "Ｆree ﬁ ½ ẞ ß ཀ 가 ǅ é😀😀 \u200d_.ınfo a.cOm's".encode(),
)
_SPECIAL = "'.,!?$€£_-\t\n0123 ABCabcéßẞﬁＡİıΣςЯяё가ཀ中😀\u0301\u200b\u00a0\ufffd\0~<>"


class SpamDraft:
    """See `exporter.Draft`."""

    programs = TEXT
    fixed = len(_FIXED)
    arena = input = 0
    output = 4
    stack = c_text.STACK

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material):
        if choices.dtype == "float32":
            what = "its header adds up whole numbers: weights of 16 bits, or of 8 with --dtype int8"
            raise UsageError(what, where="spam", fix="leave --dtype float32 out; the report says what 16 bits change")
        if material.calibration is not None:
            raise UsageError("a filter of texts has no ranges to measure", where="--calib", fix="leave it out")
        self.model, self.name, self.choices, self.material = model, name, choices, material
        self.width = _WIDTHS[choices.dtype]
        self.dtype = f"int{self.width}"
        self.computed = text_model(model, self.width)
        bag = self.computed.bag
        how = "hashed" if bag.vocabulary is None else "by name"
        self.title = f"spam: {bag.columns:,} features {how}, words up to {bag.ngrams}, characters up to {bag.chars}"
        self.parameters = len(model.params)
        self.multiply_adds = 0
        self.arrays = c_text.tables(self.computed, self.width)
        self.tables = sum(table.size for table in self.arrays)
        self.state = state.size(self.computed)

    def vectors(self, count: int) -> np.ndarray:
        """Extremes, then messages, then names of the vocabulary and characters at random, and bytes at random."""
        random = stream(0, "texts")
        messages = _messages() if self.material.data is None else list(self.material.data[0])
        left = max(count - self.fixed, 0)
        real = [messages[place].encode() for place in random.permutation(len(messages))[: left // 2].tolist()]
        names = [*(self.computed.bag.vocabulary or ()), "free", "prize", "call"]
        made = []
        while len(made) < left - len(real):
            size = int(random.integers(1, 80))
            words = [names[place] for place in random.integers(0, len(names), size).tolist()]
            signs = [_SPECIAL[place] for place in random.integers(0, len(_SPECIAL), size).tolist()]
            strange = random.integers(0, 0xD800, size // 8).tolist()
            mixed = words[::2] + signs + [chr(code) for code in strange]
            order = random.permutation(len(mixed)).tolist()
            made.append("".join(mixed[place] for place in order).encode())
            made.append(random.integers(0, 256, size).astype(np.uint8).tobytes())
            made.append(" ".join(words).encode())
        texts = [*_FIXED, *real, *made[: left - len(real)]]
        return c_text.records([content[: RECORD - 4] for content in texts], RECORD)

    def run(self, X: np.ndarray) -> np.ndarray:
        """Probability, logit, and whether it is spam."""
        return self.computed.score(_texts(X))

    def text(self, carried: Vectors, checked: str) -> str:
        """The header."""
        constant = self.choices.weights == "flash"
        texts = _texts(carried.inputs)
        return c_text.header(self.name, self.model, self.computed, self.width, texts, constant, checked)

    def judge(self) -> dict[str, object]:
        """How often it is right on messages that the model was not trained on, and how far off its numbers are.

        Raises:
            AccuracyError: it loses more than allowed.
        """
        held_out = self.material.data
        texts = _messages()[::_SOME] if held_out is None else list(held_out[0])
        found = self.computed.score([content.encode("utf-8", "replace") for content in texts])
        trained = SpamFilter(self.model).predict(texts)
        gap = float(np.abs(found[:, 0] - [prediction.probability for prediction in trained]).max(initial=0.0))
        called = np.array([prediction.label == "spam" for prediction in trained], bool)
        agree = float((found[:, 2] == called).mean())
        bound = "" if math.isnan(self.computed.error) else f", logits of any text within {self.computed.error:.1g}"
        said = f"probabilities within {gap:.1g}{bound}"
        if held_out is None:
            return {"judged": f"agrees with the model on {agree:.2%} of {len(texts):,} messages, {said}"}
        truth = np.asarray(held_out[1]) == 1
        right = [float((answers == truth).mean()) for answers in (found[:, 2] == 1, called)]
        accuracy = Accuracy(len(texts), *right, agree)
        if accuracy.drop > self.material.max_drop:
            raise AccuracyError(
                f"{self.dtype} loses {accuracy.drop:.2f} points of accuracy, {self.material.max_drop:g} are allowed "
                f"(--max-drop): it is right on {right[0]:.2%} of {len(texts):,} texts and float32 on {right[1]:.2%}",
                fix="leave --dtype int8 out, or --max-drop with more points",
            )
        return {"accuracy": accuracy, "judged": said}

    def rows(self) -> tuple[Row, ...]:
        """The parts: what characters become, the vocabulary, the weights."""
        bag = self.computed.bag
        seen = 0 if bag.counts else -(-bag.columns // 8)
        total = 8 if bag.counts else 4
        live = {"characters": self.state - seen - total, "vocabulary": seen, "weights": total}
        output = {"characters": "words", "vocabulary": f"{bag.columns:,} features", "weights": "logit"}
        sizes = {part: sum(table.size for table in self.arrays if table.part == part) for part in live}
        return tuple(Row(part, output[part], sizes[part], live[part], None, None) for part in live)

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Weights in flash, smaller weights, or a smaller vocabulary, which is hashed."""
        in_ram = self.choices.weights == "ram"
        ram = self.state + self.stack + self.output
        ways = []
        if in_ram and (ram if what == "RAM" else self.tables + code) <= budget:
            ways.append(f"--weights flash (RAM {kilobytes(ram)}, flash {kilobytes(self.tables + code)})")
        columns = self.computed.bag.columns
        need = self.tables + code if what == "flash" else ram + self.tables * in_ram
        if self.width == 16 and (what == "flash" or in_ram) and need - columns <= budget:
            ways.append(f"--dtype int8 ({kilobytes(need - columns)})")
        other = sum(table.size for table in self.arrays if table.part == "characters") + 64
        bits = 0 if self.computed.bag.counts else 1 / 8
        fixed = other + code if what == "flash" else ram - columns * bits + other * in_ram
        each = self.width / 8 if what == "flash" else bits + self.width / 8 * in_ram
        fewer = int((budget - fixed - 4) / each) if each else 0
        if 0 < fewer < columns or (fewer > 0 and self.computed.bag.vocabulary is not None):
            ways.append(f"train with --vocabulary {min(fewer, columns - 1)} (hashed)")
        return ways

    def as_json(self) -> str:
        """Everything that the header says, for a program that writes other code."""
        model = self.computed
        document = {
            "name": self.name,
            "features": model.bag.config(),
            "weights": model.weights.astype(int).tolist(),
            "bias": model.bias,
            "bits": model.bits,
            "limit": model.limit,
            "threshold": model.threshold,
            "prior": model.prior,
            "characters": {
                "stranger": model.folding.stranger,
                "directory": model.folding.directory,
                "runs": list(model.folding.runs),
            },
        }
        return json.dumps(document, sort_keys=True) + "\n"


def _texts(X: np.ndarray) -> list[bytes]:
    """The texts of the driver's records."""
    sizes = np.ascontiguousarray(X[:, :4]).view(np.uint32)[:, 0].tolist()
    return [row[4 : 4 + size].tobytes() for row, size in zip(X, sizes, strict=True)]


def _messages() -> list[str]:
    return read_messages(builtin("messages.tsv"), name=BUILT_IN).texts
