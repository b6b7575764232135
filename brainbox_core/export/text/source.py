"""The header of a model that scores texts: text in, probability out, with the tokenizer and the vocabulary inside."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainbox_core import __version__
from brainbox_core.export import c_math, c_names
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.network.source import closing, fingerprint, literals, opening
from brainbox_core.export.origin import class_names, origin
from brainbox_core.export.text import features as c_features
from brainbox_core.export.text import state as c_text_state
from brainbox_core.export.text import words as c_words
from brainbox_core.export.text.folding_runs import MARK
from brainbox_core.export.text.reference import TextModel
from brainbox_core.model.sequential import Sequential
from brainbox_core.text import tokens

STACK = 192  # bytes beside the state, with what the compiler saves; measured on the boards
_MARKS = f"{tokens.LONG:<7}{tokens.SHOUT:<7}{tokens.LINK:<7}<length "
_KINDS = ("MARK", "SPACE", "OTHER", "DIGIT", "LETTER", "SMALL", "CAPITAL")


@dataclass(frozen=True)
class Table:
    """A constant array.

    Attributes:
        part: what it belongs to, in the words of the report.
        name: after the prefix.
        kind: C type of an element.
        values: the elements.
    """

    part: str
    name: str
    kind: str
    values: Sequence[int]

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.values) * {"uint8_t": 1, "int8_t": 1, "uint16_t": 2, "int16_t": 2}.get(self.kind, 4)


def tables(model: TextModel, width: int) -> list[Table]:
    """All arrays of a header.

    Args:
        width: bits of a weight.
    """
    order, names = vocabulary(model)
    starts, ends = _address_words()
    pages, places = zip(*model.folding.directory, strict=True)
    made = [
        Table("weights", "weights", f"int{width}_t", [int(model.weights[column]) for column in order]),
        Table("characters", "pages", "uint16_t", pages),
        Table("characters", "page_places", "uint16_t", places),
        Table("characters", "runs", "uint8_t", model.folding.runs),
        Table("characters", "addresses", "uint8_t", starts + ends),
        Table("characters", "marks", "uint8_t", _MARKS.encode()),
    ]
    if names is None:
        return [*made, Table("vocabulary", "crc", "uint32_t", c_features.checksum_steps())]
    data, blocks = c_features.front_coded(names)
    kind = "uint16_t" if len(data) < 2**16 else "uint32_t"
    return [*made, Table("vocabulary", "blocks", kind, blocks), Table("vocabulary", "names", "uint8_t", data)]


def vocabulary(model: TextModel) -> tuple[list[int], list[bytes] | None]:
    """The model's columns in the header's order, and their names in UTF-8; None for a hashed vocabulary."""
    if model.bag.vocabulary is None:
        return list(range(model.bag.columns)), None
    named = sorted((name.encode(), column) for name, column in model.bag.vocabulary.items())
    return [column for _, column in named], [name for name, _ in named]


def header(
    name: str, source: Sequential, model: TextModel, width: int, texts: Sequence[bytes], constant: bool, checked: str
) -> str:
    """The text of a header, in ASCII; the same for the same arguments.

    Args:
        name: what every identifier begins with.
        source: the model as it was trained, for the comment.
        model: what is computed.
        width: bits of a weight.
        texts: those that it carries to test itself.
        constant: whether the tables are const, and stay in flash.
        checked: what was checked, or "NO ..." if nothing was.
    """
    arrays = tables(model, width)
    flash = sum(table.size for table in arrays)
    code = [
        c_text_state.declaration(model),
        _features(model),
        _reading(model),
        _functions(model),
        _selftest(model, texts),
    ]
    sections = [
        _comment(name, source, model, width, flash, constant, checked),
        opening(name, floats=True),
        _sizes(name, source, model, flash, constant),
        "/* What was learned, and what characters become */\n",
        *(_array(name, table, constant) for table in arrays),
        *(part.replace("NAME", name).replace("UPPER", name.upper()) for part in code),
        closing(name),
    ]
    return "\n".join(section.rstrip("\n") + "\n" for section in sections)


# --- sections --------------------------------------------------------------------------------------------------------


def _comment(
    name: str, source: Sequential, model: TextModel, width: int, flash: int, constant: bool, checked: str
) -> str:
    ram = c_text_state.size(model) + STACK + 4 + (0 if constant else flash)
    bag = model.bag
    how = "hashed" if bag.vocabulary is None else "by name"
    error = "" if bag.counts else f", a logit by {model.error:.2g} at most"
    lines = [
        f"{name}: a filter of texts in one header, made by brainbox {__version__}",
        "",
        f"model    {origin(source)}, {bag.columns:,} features {how}",
        f"         SHA-256 of all that was learned {_fingerprint(source)}",
        "input    a text in UTF-8, of any length, whole or in parts",
        f"output   the probability of spam; a text without any known word gets {model.prior:.4g}, the share of spam in",
        f"         the training. A text is called spam from the probability {model.threshold:g} on.",
        f"numbers  weights of {width} bits, {model.bits} of them after the binary point, and whole sums: a weight",
        f"         differs from the model's by {model.weight_error:.2g} at most{error}",
        f"RAM      {ram:,} bytes: state {c_text_state.size(model):,}, about {STACK} of stack, the result"
        + ("" if constant else ", and the tables")
        + "; it does not grow with the text",
        f"flash    {flash:,} bytes of tables, and the code",
        f"checked  {checked}",
        "",
        f"    float p = {name}_score_text(text, strlen(text));        the state is on the stack",
        "",
        f"    static {name}_state_t state;                            or is the caller's",
        f"    {name}_begin(&state);",
        f"    {name}_feed(&state, part, size);                        as often as there are parts",
        f"    p = {name}_end(&state);",
        "",
        "Words are found as brainbox finds them: case, accents, full-width and look-alike letters make no difference.",
        "This is exact for ASCII, Hangul (U+AC00-D7A3), and",
        *_wrapped(model.folding.covered(), "    "),
        "Every other character is read as one letter that no word of the vocabulary has, where brainbox knows all of",
        "Unicode. Bytes that are not UTF-8 are read as U+FFFD, one for each longest part that could begin a character.",
    ]
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _fingerprint(source: Sequential) -> str:
    digest = hashlib.sha256(fingerprint(source).encode())
    learned = {key: source.meta[key] for key in ("features", "threshold", "prior")}
    digest.update(json.dumps(learned, sort_keys=True).encode())
    return digest.hexdigest()


def _wrapped(content: str, indent: str) -> list[str]:
    lines, line = [], indent
    for word in content.split(" "):
        if len(line) + len(word) > 110:
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    return [*lines, line.rstrip()]


def _sizes(name: str, source: Sequential, model: TextModel, flash: int, constant: bool) -> str:
    state = c_text_state.size(model)
    values = {
        "OUTPUT_SIZE": 1,
        "ARENA_SIZE": 0,
        "STATE_SIZE": state,
        "RAM_TOTAL": state + STACK + 4 + (0 if constant else flash),
        "FLASH_CONST": flash if constant else 0,
    }
    lines = [f"#define {name.upper()}_{word} {value}" for word, value in values.items()]
    strings = ", ".join(label.string() for label in class_names(source, 2) or map(Foreign, ("ham", "spam")))
    lines.append(f"#define {name.upper()}_CLASS_NAMES {{ {strings} }}")
    lines += ["", _SHARED.replace("UPPER", name.upper()), "/* What a character can be */"]
    lines += [f"#define {name.upper()}_KIND_{word} {number}u" for number, word in enumerate(_KINDS, MARK)]
    return "\n".join(lines) + "\n"


# What is called from several places is not copied to each.
_SHARED = """\
#if defined(__GNUC__)
#define UPPER_SHARED __attribute__((noinline, unused))
#else
#define UPPER_SHARED inline
#endif
"""


def _array(name: str, table: Table, constant: bool) -> str:
    values = [str(value) + "u" * (table.kind == "uint32_t") for value in table.values]
    start = f"static{' const' if constant else ''} {table.kind} {name}_{table.name}[{len(values)}] = {{\n"
    return start + c_names.table(values) + "\n};\n"


def _features(model: TextModel) -> str:
    bag = model.bag
    chars, sequence = bag.chars > 1, bag.ngrams > 1
    variables = c_features.LETTERS_VARIABLES * chars + c_features.SEQUENCE_VARIABLES * sequence
    body = variables + c_features.KNOWN + c_features.LETTERS * chars + c_features.SEQUENCE * sequence
    also = ", of its characters in a row" * chars + ", of it and the words before it" * sequence
    parts = [
        c_features.ADD_EACH if bag.counts else c_features.ADD_ONCE,
        c_features.HASH if bag.vocabulary is None else c_features.FIND,
        c_features.WORD.replace("<BODY>", body).replace("<ALSO>", also),
    ]
    blocks = -(-bag.columns // c_features.BLOCK)
    values = {"COLUMNS": bag.columns, "BLOCKS": blocks, "CHARS": bag.chars, "BEFORE": bag.ngrams - 1}
    return _filled("\n".join(parts), values)


def _reading(model: TextModel) -> str:
    start = "t->starts[t->words]" if model.bag.ngrams > 1 else "2"
    values = {
        "START": start,
        "LONGEST": tokens.LONGEST,
        "PAGES": len(model.folding.directory),
        "STARTS": len(_address_words()[0]),
    }
    return _filled("\n".join([c_words.ITEMS, c_words.CHARACTERS, c_words.BYTES]), values)


def _filled(content: str, values: dict[str, object]) -> str:
    for word, value in values.items():
        content = content.replace(f"<{word}>", str(value))
    return content


def _functions(model: TextModel) -> str:
    first = "    t->starts[0] = 2;\n" if model.bag.ngrams > 1 else ""
    values = {
        "BIAS": model.bias,
        "FIRST": first,
        "SCALE": c_names.float_literal(0.5**model.bits),
        "PRIOR": c_names.float_literal(model.prior),
        "LIMIT": model.limit,
        "ALWAYS": int(model.prior >= model.threshold),
    }
    return c_math.c_functions("NAME", {"sigmoid"}) + "\n" + _filled(_FUNCTIONS, values)


_FUNCTIONS = """\
/* The logit of what was read until NAME_end. */
static inline float NAME_logit(const NAME_state_t *t)
{
    return (float)t->sum * <SCALE>;
}

/* 1 if what was read until NAME_end is spam, else 0. */
static inline int NAME_verdict(const NAME_state_t *t)
{
    return t->known ? t->sum >= <LIMIT> : <ALWAYS>;
}

/* Starts a text. */
static inline void NAME_begin(NAME_state_t *t)
{
    uint8_t *const bytes = (uint8_t *)t;
    size_t i;
    for (i = 0; i < sizeof *t; i++) {
        bytes[i] = 0;
    }
    t->sum = <BIAS>;
<FIRST>}

/* Ends a text; returns the probability of spam. */
static UPPER_SHARED float NAME_end(NAME_state_t *t)
{
    uint8_t name[12];
    uint32_t digits = 0, rest, n;
    if (t->missing) {
        t->missing = 0;
        NAME_read_character(t, 0xFFFDu);
    }
    NAME_read_item(t, 32u, UPPER_KIND_SPACE);
    for (rest = t->tokens; rest != 0u; rest >>= 1) { /* how long the number of words and marks is in binary */
        digits++;
    }
    for (n = 0; n < 8u; n++) {
        name[n] = NAME_marks[21u + n]; /* <length */
    }
    if (digits >= 10u) {
        name[n++] = (uint8_t)(48u + digits / 10u);
    }
    name[n++] = (uint8_t)(48u + digits % 10u);
    name[n++] = 62u;
    (void)NAME_add_name(t, name, n);
    return t->known ? NAME_sigmoid(NAME_logit(t)) : <PRIOR>;
}

/* The probability that n bytes of text are spam. It takes UPPER_STATE_SIZE bytes of stack. */
static inline float NAME_score_text(const char *s, size_t n)
{
    NAME_state_t state;
    NAME_begin(&state);
    NAME_feed(&state, s, n);
    return NAME_end(&state);
}

/* 1 if n bytes of text are spam, else 0. It takes UPPER_STATE_SIZE bytes of stack. */
static inline int NAME_is_spam(const char *s, size_t n)
{
    NAME_state_t state;
    NAME_begin(&state);
    NAME_feed(&state, s, n);
    (void)NAME_end(&state);
    return NAME_verdict(&state);
}
"""


def _selftest(model: TextModel, texts: Sequence[bytes]) -> str:
    about = "/* 0 if each embedded text gives its embedded results, else the number of the first that does not. */"
    signature = "static inline int NAME_selftest(NAME_state_t *t)"
    if not texts:
        return f"{about}\n{signature}\n{{\n    (void)t;\n    return 0;\n}}\n"
    content = c_names.table([str(value) for value in b"".join(texts) or b"\0"])
    ends = np.cumsum([len(data) for data in texts]).tolist()
    scores = model.score(texts)
    return f"""\
static const uint8_t NAME_selftest_texts[{max(ends[-1], 1)}] = {{
{content}
}};
static const uint32_t NAME_selftest_ends[{len(texts)}] = {{ {", ".join(map(str, ends))} }};
static const float NAME_selftest_outputs[{len(texts)}] = {{
{c_names.table(literals(scores[:, 0]))}
}};
static const uint8_t NAME_selftest_verdicts[{len(texts)}] = {{ {", ".join(str(int(v)) for v in scores[:, 2])} }};

{about}
{signature}
{{
    uint32_t from = 0, i;
    for (i = 0; i < {len(texts)}u; i++) {{
        NAME_begin(t);
        NAME_feed(t, (const char *)NAME_selftest_texts + from, NAME_selftest_ends[i] - from);
        if (!(NAME_end(t) == NAME_selftest_outputs[i]) || NAME_verdict(t) != NAME_selftest_verdicts[i]) {{
            return (int)i + 1;
        }}
        from = NAME_selftest_ends[i];
    }}
    return 0;
}}
"""


def _address_words() -> tuple[bytes, bytes]:
    """The words that a link begins with, and those that it ends with, a space after each.

    Of those that it ends with, a regular expression that does not tell capitals from small letters also takes a small
    letter i without its dot.
    """
    ends = sorted({end.replace("i", letter) for end in tokens.ADDRESS_ENDS for letter in "iı"})
    return tuple("".join(word + " " for word in words).encode() for words in (sorted(tokens.ADDRESS_STARTS), ends))


def records(texts: Sequence[bytes], size: int) -> np.ndarray:
    """Texts as the driver reads them: length, bytes, zeros; (n, size) uint8."""
    return np.frombuffer(
        b"".join(struct.pack("=I", len(t)) + t.ljust(size - 4, b"\0") for t in texts), np.uint8
    ).reshape(len(texts), size)
