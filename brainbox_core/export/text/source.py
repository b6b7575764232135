"""The header of a model that scores texts: text in, probability out, with the tokenizer and the vocabulary inside."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brainbox_core.export import c_math
from brainbox_core.export.c_names import float_literal
from brainbox_core.export.header import fails_if, selftest, table, unequal
from brainbox_core.export.templates import filled
from brainbox_core.export.text import features
from brainbox_core.export.text.reference import TextModel
from brainbox_core.text import tokens

_WORD_BYTES = 4 * tokens.LONGEST  # in UTF-8
STACK = 192  # bytes beside the state, with what the compiler saves; measured on the boards
_MARKS = f"{tokens.LONG:<7}{tokens.SHOUT:<7}{tokens.LINK:<7}<length "


class Table(NamedTuple):
    """A constant array: what it belongs to in the words of the report, its name after the prefix, the numbers."""

    part: str
    name: str
    values: np.ndarray


def tables(model: TextModel, width: int) -> list[Table]:
    """All arrays of a header; a weight has so many bits."""
    bag, order, names = model.bag, list(range(model.bag.columns)), None
    if bag.vocabulary is not None:
        named = sorted((name.encode(), column) for name, column in bag.vocabulary.items())
        order, names = [column for _, column in named], [name for name, _ in named]
    starts, ends = _address_words()
    pages, places = np.array(model.folding.directory, np.uint16).T
    made = [
        Table("weights", "weights", model.weights[order].astype(f"int{width}")),
        Table("characters", "pages", pages),
        Table("characters", "page_places", places),
        Table("characters", "runs", np.frombuffer(model.folding.runs, np.uint8)),
        Table("characters", "addresses", np.frombuffer(starts + ends, np.uint8)),
        Table("characters", "marks", np.frombuffer(_MARKS.encode(), np.uint8)),
    ]
    if names is None:
        return [*made, Table("vocabulary", "crc", np.array(features.checksum_steps(), np.uint32))]
    data, blocks = features.front_coded(names)
    starts_of = np.array(blocks, np.uint16 if len(data) < 2**16 else np.uint32)
    return [
        *made,
        Table("vocabulary", "blocks", starts_of),
        Table("vocabulary", "names", np.frombuffer(data, np.uint8)),
    ]


def code(name: str, model: TextModel, arrays: Sequence[Table], texts: Sequence[bytes], weights: str) -> list[str]:
    """The parts of the code, in their order; `texts` are those that the header carries to test itself."""
    return [
        "/* What was learned, and what characters become */\n\n"
        + "\n".join(table(name, one.name, one.values, weights) for one in arrays),
        filled("shared.h.in", name),
        _code(name, model),
        _selftest(name, model, texts),
    ]


# --- the state, which has the same bytes on every machine ------------------------------------------------------------


def state_size(model: TextModel) -> int:
    """Bytes of NAME_state_t, which holds all that is remembered of a text while it is read."""
    return sum(size for _, size, _ in _members(model))


def state(name: str, model: TextModel) -> str:
    """The C type of the state, and a check of its size by the compiler."""
    members = [(member + ";", about) for member, _, about in _members(model)]
    width = max(len(member) for member, _ in members)
    body = "".join(f"    {member:<{width}} /* {about} */\n" for member, about in members)
    check = f"typedef char {name}_size_check[sizeof({name}_state_t) == {name.upper()}_STATE_SIZE ? 1 : -1];\n"
    return f"typedef struct {{\n{body}}} {name}_state_t;\n{check}"


def _members(model: TextModel) -> list[tuple[str, int, str]]:
    """The declaration of each member of the state, its bytes, and what it is."""
    bag = model.bag
    members = [
        (f"int{32 << bag.counts}_t sum", 4 << bag.counts, "of the weights of the features so far, and the bias"),
        ("uint32_t tokens", 4, "words and marks so far"),
        ("uint32_t mark", 4, "the character of which there are some in a row"),
        ("uint32_t code", 4, "of a character whose bytes have not all been read"),
        ("uint32_t digit_places", 4, "a bit for each character of the word"),
    ]
    if bag.ngrams > 1:
        members += [
            (f"uint16_t starts[{bag.ngrams}]", 2 * bag.ngrams, "of the words in the line; the last is being read"),
            ("uint16_t words", 2, "in the line that have been read"),
        ]
    members += [
        ("uint8_t missing, least, most", 3, "bytes of the character, and which can be the next"),
        ("uint8_t marks, after_word", 2, "how many, two for more; whether a word ends there"),
        ("uint8_t characters, bytes", 2, "of the word; 31 for more than 30, of which the first 30 are kept"),
        ("uint8_t digits, letters, small, capital", 4, "of the word; two, three, one and one for more"),
        ("uint8_t dot, joint, joined, after_digit", 4, "before it; behind it, if it goes on; inside; its last"),
        ("uint8_t known, together", 2, "whether any word has a weight; whether the word is of a script without spaces"),
        (f"uint8_t line[{_line(model)}]", _line(model), "words, with room for a character around"),
    ]
    if not bag.counts:
        bits = (bag.columns + 7) // 8
        members.append((f"uint8_t seen[{bits}]", bits, "a bit for each feature"))
    rest = -sum(size for _, size, _ in members) % (8 if bag.counts else 4)
    if rest:
        members.append((f"uint8_t unused[{rest}]", rest, "so that its size is the same everywhere"))
    return members


def _line(model: TextModel) -> int:
    return 2 + model.bag.ngrams * (_WORD_BYTES + 1)


# --- the code --------------------------------------------------------------------------------------------------------


def _code(name: str, model: TextModel) -> str:
    """The functions: features, reading, and the score."""
    bag = model.bag
    letters, sequence = bag.chars > 1, bag.ngrams > 1
    words = {
        "counts": bag.counts,
        "hashed": bag.vocabulary is None,
        "letters": letters,
        "sequence": sequence,
        "also": ", of its characters in a row" * letters + ", of it and the words before it" * sequence,
        "columns": bag.columns,
        "blocks": -(-bag.columns // features.BLOCK),
        "chars": bag.chars,
        "before": bag.ngrams - 1,
        "start": "t->starts[t->words]" if sequence else "2",
        "longest": tokens.LONGEST,
        "together": " ||\n           ".join(
            f"c - 0x{first:X}u < {last - first + 1}u" for first, last in tokens.TOGETHER
        ),
        "pages": len(model.folding.directory),
        "starts": len(_address_words()[0]),
        "bias": model.bias,
        "scale": float_literal(0.5**model.bits),
        "prior": float_literal(model.prior),
        "limit": model.limit,
        "always": int(model.prior >= model.threshold),
    }
    parts = [filled(f"text/{part}.h.in", name, **words) for part in ("features", "reader")]
    return "\n".join([*parts, c_math.c_functions(name, {"sigmoid"}), filled("text/score.h.in", name, **words)])


def _selftest(name: str, model: TextModel, texts: Sequence[bytes]) -> str:
    arrays: dict[str, np.ndarray] = {}
    if texts:
        scores = model.score(texts)
        ends = np.cumsum([len(data) for data in texts])
        arrays = {
            "texts": np.frombuffer(b"".join(texts) or b"\0", np.uint8),
            "ends": ends.astype(np.uint32),
            "outputs": scores[:, 0],
            "verdicts": scores[:, 2].astype(np.uint8),
        }
    differs = unequal("y", f"{name}_selftest_outputs[i]")
    return selftest(
        name,
        parameters=[f"{name}_state_t *t"],
        tables=[table(name, f"selftest_{word}", array) for word, array in arrays.items()],
        count=len(texts),
        start=["uint32_t from = 0;", "float y;", "int i;"],
        check=[
            f"{name}_begin(t);",
            f"for (; from < {name}_selftest_ends[i]; from++) {{",
            f"    const char c = (char){name}_selftest_texts[from];",
            f"    {name}_feed(t, &c, 1);",
            "}",
            f"y = {name}_end(t);",
            *fails_if(f"{differs} || {name}_verdict(t) != {name}_selftest_verdicts[i]"),
        ],
    )


def _address_words() -> tuple[bytes, bytes]:
    """The words that a link begins with, and those that it ends with, a space after each.

    Of those that it ends with, a regular expression that does not tell capitals from small letters also takes a small
    letter i without its dot.
    """
    ends = sorted({end.replace("i", letter) for end in tokens.ADDRESS_ENDS for letter in "iı"})
    starts = "".join(f"{word} " for word in sorted(tokens.ADDRESS_STARTS))
    return starts.encode(), "".join(f"{word} " for word in ends).encode()


def records(texts: Sequence[bytes], size: int) -> np.ndarray:
    """Texts as the driver reads them: length, bytes, zeros; (n, size) uint8."""
    return np.frombuffer(
        b"".join(struct.pack("=I", len(t)) + t.ljust(size - 4, b"\0") for t in texts), np.uint8
    ).reshape(len(texts), size)
