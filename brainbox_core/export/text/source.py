"""The header of a model that scores texts: text in, probability out, with the tokenizer and the vocabulary inside."""

from __future__ import annotations

import struct
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brainbox_core.export import c_math
from brainbox_core.export.c_names import Foreign, float_literal
from brainbox_core.export.header import Memory, Page, fails_if, selftest, table
from brainbox_core.export.origin import class_names
from brainbox_core.export.templates import filled
from brainbox_core.export.text import features
from brainbox_core.export.text.reference import TextModel
from brainbox_core.model.sequential import Sequential
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
    order, names = vocabulary(model)
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


def vocabulary(model: TextModel) -> tuple[list[int], list[bytes] | None]:
    """The model's columns in the header's order, and their names in UTF-8; None for a hashed vocabulary."""
    if model.bag.vocabulary is None:
        return list(range(model.bag.columns)), None
    named = sorted((name.encode(), column) for name, column in model.bag.vocabulary.items())
    return [column for _, column in named], [name for name, _ in named]


def page(
    name: str,
    source: Sequential,
    model: TextModel,
    width: int,
    arrays: Sequence[Table],
    texts: Sequence[bytes],
    memory: Memory,
) -> Page:
    """What a header says.

    Args:
        name: what every identifier begins with.
        source: the model as it was trained, for the comment.
        model: what is computed.
        width: bits of a weight.
        arrays: those of `tables`.
        texts: those that it carries to test itself.
        memory: its bytes.
    """
    bag = model.bag
    error = "" if bag.counts else f", a logit by {model.error:.2g} at most"
    learned = "/* What was learned, and what characters become */\n\n"
    return Page(
        name=name,
        model=source,
        what="a filter of texts",
        size=f"{bag.columns:,} features {'hashed' if bag.vocabulary is None else 'by name'}",
        facts={
            "input": "a text in UTF-8, of any length, whole or in parts",
            "output": f"the probability of spam; a text without any known word gets {model.prior:.4g}, the share of"
            f"\nspam in the training. A text is called spam from the probability {model.threshold:g} on.",
            "numbers": f"weights of {width} bits, {model.bits} of them after the binary point, and whole sums: a weight"
            f"\ndiffers from the model's by {model.weight_error:.2g} at most{error}",
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
            "Every other character is read as one letter that no word of the vocabulary has, where brainbox knows all",
            "of Unicode. Bytes that are not UTF-8 are read as U+FFFD, one for each longest part that could begin a",
            "character.",
        ],
        inputs=None,
        outputs=1,
        classes=class_names(source, 2) or [Foreign("ham"), Foreign("spam")],
        learned={key: source.meta[key] for key in ("features", "threshold", "prior")},
        code=[
            learned + "\n".join(table(f"{name}_{one.name}", one.values, memory.weights) for one in arrays),
            _state(name, model),
            filled("shared.h.in", name),
            _code(name, model),
            _selftest(name, model, texts),
        ],
    )


# --- the state, which has the same bytes on every machine ------------------------------------------------------------


def state_size(model: TextModel) -> int:
    """Bytes of NAME_state_t, which holds all that is remembered of a text while it is read."""
    return sum(size for _, size, _ in _members(model))


def _state(name: str, model: TextModel) -> str:
    """The C type, and a check of its size by the compiler."""
    members = [(member + ";", about) for member, _, about in _members(model)]
    width = max(len(member) for member, _ in members)
    body = "".join(f"    {member:<{width}} /* {about} */\n" for member, about in members)
    check = f"typedef char {name}_size_check[sizeof({name}_state_t) == {name.upper()}_STATE_SIZE ? 1 : -1];\n"
    return f"typedef struct {{\n{body}}} {name}_state_t;\n{check}"


def _members(model: TextModel) -> list[tuple[str, int, str]]:
    """The declaration of each member of the state, its bytes, and what it is."""
    bag = model.bag
    members = [
        ("int64_t sum", 8, "of the weights of the features so far, and the bias")
        if bag.counts
        else ("int32_t sum", 4, "of the weights of the features so far, and the bias"),
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
    begin = f"{name}_selftest_texts + from, {name}_selftest_ends[i] - from"
    wrong = f"!({name}_end(t) == {name}_selftest_outputs[i]) || {name}_verdict(t) != {name}_selftest_verdicts[i]"
    return selftest(
        name,
        parameters=[f"{name}_state_t *t"],
        tables=[table(f"{name}_selftest_{word}", array) for word, array in arrays.items()],
        count=len(texts),
        start=["uint32_t from = 0;", "int i;"],
        check=[
            f"{name}_begin(t);",
            f"{name}_feed(t, (const char *){begin});",
            *fails_if(wrong),
            f"from = {name}_selftest_ends[i];",
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
