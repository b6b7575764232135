"""A spam filter as a header: text in, probability out."""

from __future__ import annotations

import math
import textwrap
from dataclasses import replace

import numpy as np

from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import UsageError
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.header import Memory, Page, Vectors
from brainbox_core.export.origin import class_names
from brainbox_core.export.programs import Programs
from brainbox_core.export.report import Accuracy, Judgement, Row, kilobytes
from brainbox_core.export.text import source as c_text
from brainbox_core.export.text.reference import text_model
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tasks.spam.settings import BUILT_IN
from brainbox_core.tasks.spam.train import SpamFilter
from brainbox_core.text.messages import read_messages

RECORD = 1024  # bytes of a text that the driver reads: 4 of its length, then the text and zeros
TEXT = Programs("text", {"size": RECORD - 4})
_SOME = 4  # one of so many built-in messages is looked at
_PARTS = ("characters", "vocabulary", "weights")  # of the tables
_WIDTHS = {None: 16, "int8": 8}  # bits of a weight
_FIXED = (
    b"",
    b"\xff\xc3\xe2\x82",
    b"A" * (RECORD - 4),
    b"1.2,3'4.co " * 90,
    "Ｆree ﬁ ½ ẞ ß ཀ 가 ǅ é😀😀 \u200d_.ınfo a.cOm's".encode(),
    "免费领取iPhone手机！1.免 don'免 a.com免費 免.com ไทยฟรี๑๒๓ がパ々〇 𠀀𠀁".encode(),
)
_SPECIAL = "'.,!?$€£_-\t\n0123 ABCabcéßẞﬁＡİıΣςЯяё가ཀ中文กข😀\u0301\u200b\u00a0\ufffd\0~<>"

_STRANGERS = (
    "Every other character is read as one letter that no word of the vocabulary has, where brainbox knows all",
    "of Unicode. Bytes that are not UTF-8 are read as U+FFFD, one for each longest part that could begin a",
    "character.",
)


class SpamDraft:
    """See `draft.Draft`."""

    programs = TEXT
    fixed = len(_FIXED)

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material):
        if choices.dtype == "float32":
            what = "its header adds up whole numbers, which have 16 bits, or 8 on request"
            fix = "leave `dtype float32` out, or take `dtype int8`; the report says what 16 bits change"
            raise UsageError(what, where="spam", fix=fix)
        material.refuse_calibration("a filter of texts has no ranges to measure")
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
        self.memory = Memory(
            output=4,
            stack=c_text.STACK,
            state=c_text.state_size(self.computed),
            tables=self._bytes(*_PARTS),
            weights=choices.weights,
        )

    def _bytes(self, *parts: str) -> int:
        """Of the tables of some parts."""
        return sum(table.values.nbytes for table in self.arrays if table.part in parts)

    def vectors(self, count: int) -> np.ndarray:
        """Extremes, then messages, then names of the vocabulary and characters at random, and bytes at random."""
        random = stream(0, "texts")
        messages = _messages() if self.material.data is None else list(self.material.data[0])
        left = max(count - self.fixed, 0)
        real = [messages[place].encode() for place in random.permutation(len(messages))[: left // 2].tolist()]
        names = [*(self.computed.bag.vocabulary or ()), "free", "prize", "call"]
        made: list[bytes] = []
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

    def page(self, carried: Vectors) -> Page:
        """The header."""
        name, model, memory, bag = self.name, self.computed, self.memory, self.computed.bag
        error = "" if bag.counts else f", a logit by {model.error:.2g} at most"
        return Page(
            name=name,
            model=self.model,
            what="a filter of texts",
            size=f"{bag.columns:,} features {'hashed' if bag.vocabulary is None else 'by name'}",
            facts={
                "input": "a text in UTF-8, of any length, whole or in parts",
                "output": f"the probability of spam; a text without any known word gets {model.prior:.4g}, the share of"
                f"\nspam in the training. A text is called spam from the probability {model.threshold:g} on.",
                "numbers": f"weights of {self.width} bits, {model.bits} of them after the binary point, and whole sums:"
                f" a weight\ndiffers from the model's by {model.weight_error:.2g} at most{error}",
            },
            memory=memory,
            ram=f"state {memory.state:,} however long the text is, about {memory.stack} of stack, the result",
            flash="tables, and the code",
            usage=[
                f"float p = {name}_probability(text, strlen(text));      the state is on the stack",
                "",
                f"static {name}_state_t state;                            or is the caller's",
                f"{name}_begin(&state);",
                f"{name}_feed(&state, part, size);                        as often as there are parts",
                f"p = {name}_end(&state);",
            ],
            notes=[
                "Words are found as brainbox finds them: case, accents, full-width and look-alike letters make no",
                "difference. This is exact for ASCII, Hangul (U+AC00-D7A3), and",
                *textwrap.wrap(model.folding.covered(), 110, initial_indent="    ", subsequent_indent="    "),
                *_STRANGERS,
            ],
            inputs=None,
            outputs=1,
            classes=class_names(self.model, 2) or [Foreign("ham"), Foreign("spam")],
            learned={key: self.model.meta[key] for key in ("features", "threshold", "prior")},
            types=[c_text.state(name, model)],
            code=c_text.code(name, model, self.arrays, _texts(carried.inputs), memory.weights),
        )

    def judge(self) -> Judgement:
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
        bound = (
            ""
            if math.isnan(self.computed.error)
            else f", logits of any text in characters that the header names within {self.computed.error:.1g}"
        )
        said = f"probabilities within {gap:.1g}{bound}"
        if held_out is None:
            return Judgement(judged=f"agrees with the model on {agree:.2%} of {len(texts):,} messages, {said}")
        accuracy = Accuracy.of(found[:, 2] == 1, called, np.asarray(held_out[1]) == 1)
        accuracy.check(self.material.max_drop, self.dtype, "texts", fix="leave `dtype int8` out")
        return Judgement(accuracy, said)

    def rows(self) -> tuple[Row, ...]:
        """The parts: what characters become, the vocabulary, the weights."""
        bag = self.computed.bag
        seen = 0 if bag.counts else -(-bag.columns // 8)
        total = 8 if bag.counts else 4
        live = {"characters": self.memory.state - seen - total, "vocabulary": seen, "weights": total}
        output = {"characters": "words", "vocabulary": f"{bag.columns:,} features", "weights": "logit"}
        return tuple(Row(part, output[part], self._bytes(part), live[part]) for part in _PARTS)

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Weights in flash, smaller weights, or a smaller vocabulary, which is hashed."""
        in_ram, flash = self.memory.in_ram, self.memory.tables + code
        ram = replace(self.memory, weights="flash").ram
        ways = []
        if in_ram and (ram if what == "RAM" else flash) <= budget:
            ways.append(f"`weights flash` (RAM {kilobytes(ram)}, flash {kilobytes(flash)})")
        columns = self.computed.bag.columns
        need = flash if what == "flash" else self.memory.ram
        if self.width == 16 and (what == "flash" or in_ram) and need - columns <= budget:
            ways.append(f"`dtype int8` ({kilobytes(need - columns)})")
        other = self._bytes("characters") + 64
        bits = 0 if self.computed.bag.counts else 1 / 8
        fixed = other + code if what == "flash" else ram - columns * bits + other * in_ram
        each = self.width / 8 if what == "flash" else bits + self.width / 8 * in_ram
        fewer = int((budget - fixed - 4) / each) if each else 0
        if 0 < fewer < columns or (fewer > 0 and self.computed.bag.vocabulary is not None):
            ways.append(f"train with `vocabulary {min(fewer, columns - 1)}` (hashed)")
        return ways

    def document(self) -> dict[str, object]:
        """The features with their weights, and what characters become."""
        model, folding = self.computed, self.computed.folding
        numbers = {name: getattr(model, name) for name in ("bias", "bits", "limit", "threshold", "prior")}
        characters = {"stranger": folding.stranger, "directory": folding.directory, "runs": list(folding.runs)}
        weights = model.weights.astype(int).tolist()
        return {"features": model.bag.config(), "weights": weights, **numbers, "characters": characters}


def _texts(X: np.ndarray) -> list[bytes]:
    """The texts of the driver's records."""
    sizes = np.ascontiguousarray(X[:, :4]).view(np.uint32)[:, 0].tolist()
    return [row[4 : 4 + size].tobytes() for row, size in zip(X, sizes, strict=True)]


def _messages() -> list[str]:
    return read_messages(builtin("messages.tsv"), name=BUILT_IN).texts
