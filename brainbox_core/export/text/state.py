"""What a header that scores texts remembers of a text while it reads: the same bytes on every machine."""

from __future__ import annotations

from brainbox_core.export.text.reference import TextModel
from brainbox_core.text import tokens

_WORD_BYTES = 4 * tokens.LONGEST  # in UTF-8


def size(model: TextModel) -> int:
    """Bytes of NAME_state_t."""
    return sum(size for _, size, _ in _members(model))


def declaration(name: str, model: TextModel) -> str:
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
        ("uint8_t known", 1, "whether any word has a weight"),
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
