"""No name from data, or from a crafted model file, changes the code of a header.

Each header is read as a compiler reads it (translation phases 1 to 3 of C99): its tokens outside comments and string
literals have to be those of the same model with harmless names.
"""

import copy
import csv
import functools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.export import exporter
from brainbox_core.export.draft import Choices, Draft, Material
from brainbox_core.export.header import write
from brainbox_core.tasks.regress import train as regress
from brainbox_core.tasks.rnn import train as rnn
from brainbox_core.tasks.rnn.settings import Settings
from brainbox_core.text.bag_of_words import BagOfWords
from tests.export.chains import built
from tests.export.compiling import tool
from tests.export.filters import named, of_bag
from tests.export.recurrent.test_draft import sequence, writer
from tests.export.tabular.test_draft import detector, neuron

CODE = "*/ static int evil(void) { return 42; } /*"
HOSTILE = [
    CODE,
    f"x\n*/\n#define evil 1\n{CODE}",
    "*??/\n/ int evil; /*",
    "*\\\n/ int evil; /*",
    "*\n/ int evil; /*",
    "**//evil/**",
    "*/*/ int evil; /*/*",
    "ends\\",
    "ends\\ \\ \t",
    "ends??/",
    "ends ??/ ",
    "ends *",
    "/ begins",
    '"; int evil; char *s = "',
    '\\"; int evil; //',
    "// evil\r#define evil\r",
    "a\u2028#define evil\u2029\x0b\x0c\x85",
    "%n%s%1000000d",
    "nul\0*/ int evil; /*",
    "\U0001f600 \u202eelif */ \u2066 é",
    "\ud800 \udfff",
    "NAME UPPER HEADER <ABOUT> STRINGS \\1 \\g<0> {name} static inline void NAME_layer(",
    "x" * 10_000,
    "*/" * 5_000,
    "",
]
WRITTEN = [name for name in HOSTILE if len(name) < 99 and not {"\ud800", "\0"} & set(name)]  # as a text file has them
PIECES = [
    *("*/", "/*", "*", "/", "\\", "\n", "\r", "?", "??/", '"', "'", "//", "#define evil 1", "%n", "\0", " ", "\t"),
    *("\u2028", "\u202e", "\U0001f600", "é", "\ud800", "evil", "NAME", "<ABOUT>", "(", "7", "\x0c", "#", CODE),
]
names = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join) | st.text(max_size=30)
PLAIN = "plain"
TOGETHER = r"\w+|[^\s\w]"  # a token; longer operators than one character do not matter here


# --- reading C


def tokens(text: str) -> list[str]:
    """The tokens of a header outside comments; `"` for a string literal, and a line's end after a directive."""
    text.encode("ascii")
    assert not re.search(r"[^\n -~]", text), "a character that does not print"
    for last, meant in zip("=/'()!<>-", "#\\^[]|{}~", strict=True):
        text = text.replace(f"??{last}", meant)
    text = re.sub(r"\\[ \t]*\n", "", text)
    found, place, directive, begins = [], 0, False, True
    while place < len(text):
        rest = text[place : place + 2]
        if rest == "/*":
            end = text.index("*/", place + 2)
            assert "/*" not in text[place + 2 : end], "a comment in a comment"
            place = end + 2
        elif rest == "//":
            place = text.index("\n", place)
        elif rest[0] in "\"'":
            literal = re.compile(r"""(["'])(\\.|(?!\1)[^\\\n])*\1""").match(text, place)
            assert literal, "a literal that does not end"
            found.append('"' if rest[0] == '"' else literal[0])
            place, begins = literal.end(), False
        elif rest[0] == "\n":
            found += ["\n"] * directive
            place, directive, begins = place + 1, False, True
        elif rest[0] == " ":
            place += 1
        else:
            token = re.compile(TOGETHER).match(text, place)[0]
            directive = directive or (begins and token == "#")
            found.append(token)
            place, begins = place + len(token), False
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("int a; /* int b; */\n", "int a ;"),
        ("/* a *??/\n/ int b;\n", "int b ;"),
        ("// a ??/\nint a;\nint b;\n", "int b ;"),
        ('char *s = "/* \\" // " "";\n', 'char * s = " " ;'),
        ("a\n# define b '\"'\nc\n", "a # define b '\"' \n c"),
        ("# define a \\\nb\nc\n", "# define a b \n c"),
        ("/* a *\\ \n/ int b;\n", "int b ;"),
    ],
)
def test_the_reader_reads_as_a_compiler(text, wanted):
    assert " ".join(tokens(text)) == wanted


@pytest.mark.parametrize("text", ['"a\n"', "/* /* */", "/* a", "'", "\r", "é", "\x0c"])
def test_the_reader_refuses_what_is_broken(text):
    with pytest.raises((AssertionError, ValueError)):
        tokens(text)


# --- models with a name wherever one can be


def described(model: bb.Sequential, name: str, **meta: object) -> bb.Sequential:
    model.meta |= {"data": {"name": name, "sha256": name}, **meta}
    return model


def learned(name: str) -> bb.Sequential:
    """A regression with logarithms and a column of text, as it comes from a file with such a name everywhere."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        size, place, target = f"{name}s", f"{name}p", f"{name}t"
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow([size, place, target])
            for row, number in enumerate(np.random.default_rng(0).uniform(1, 9, 40).round(6).tolist()):
                rows.writerow([number, name + "ab"[row % 2], 2 * number + row % 2 + 1])
        chosen = {"closed_form": True, "folds": 0, "test_split": 0.2, "log": (size, target)}
        chosen = regress.Settings(data=str(path), target=target, **chosen)
        data = regress.load_data(chosen)
        model = regress.build_model(chosen, data)
        regress.train(model, chosen, data)
    return described(model, name)


harmless_regression = functools.cache(lambda: learned(PLAIN))


def regression(name: str) -> bb.Sequential:
    model = copy.deepcopy(harmless_regression())
    number, text = model.meta["features"]["columns"]
    number["name"] = f"log({name})"
    value = name.strip() or "x"  # cells are stripped before they are compared
    text |= {"name": f"{name} ", "values": [value, f"{value}/"], "fill": value}
    return described(model, name, log=[name], target=model.meta["target"] | {"name": name})


def fraud(name: str) -> bb.Sequential:
    model = copy.deepcopy(fraud_columns("V1", "V2"))
    for number, column in enumerate(model.meta["features"]["columns"]):
        column["name"] = name + "*" * number
    return described(model, name, classes=[name, f"{name}/"])


@functools.cache
def fraud_columns(*columns: str) -> bb.Sequential:
    random = np.random.default_rng(2)
    return detector({column: random.normal(1, 2, 100) for column in columns}, [bb.layers.Linear(1)])


def filtered(name: str) -> bb.Sequential:
    known = name.encode("utf-8", "ignore").decode()
    return described(named([known, f"{known}/", f"*{known}"]), name, classes=[name, f"{name}/"])


def recurrent(name: str, cell: bb.Sequential | None = None) -> bb.Sequential:
    characters = [c for c in name if c.encode("utf-8", "ignore")][:9]
    if name == PLAIN or not characters:
        return described(writer(embedding=0, hidden=3), name, kind=name)
    return described(writer(embedding=0, hidden=3), name, kind=name, characters=(characters * 9)[:9])


def steps(name: str) -> bb.Sequential:
    return described(sequence(), name, kind=name)


def network(name: str) -> bb.Sequential:
    model = built([bb.layers.Linear(3), bb.layers.ReLU(), bb.layers.Linear(3)], (2,))
    return described(model, name, kind=name, classes=[name, f"{name}/", f"*{name}"])


FAMILIES = {
    "neuron": lambda name: described(neuron(), name),
    "regress": regression,
    "fraud": fraud,
    "spam": filtered,
    "rnn": recurrent,
    "sequence": steps,
    "network": network,
}


def exported(model: bb.Sequential) -> tuple[str, Draft]:
    """A header without its check, which would compile it, and its draft."""
    draft = exporter.maker(model)(model, "net", Choices(), Material())
    vectors = draft.vectors(draft.fixed + 4)
    with np.errstate(all="ignore"):
        outputs = draft.run(vectors)
    return write(draft.page(exporter.carried(vectors, outputs, draft.fixed, 2)), "NO: a test"), draft


def code(family: str, text: str) -> list[str]:
    """What may not change: tokens, but for the macros of features and the numbers of what is in tables."""
    text = " ".join(tokens(text))
    text = re.sub(r"\bNET_FEATURE_(?!SHARED)\w+", "NET_FEATURE", text)
    if family in ("spam", "rnn"):  # the vocabulary, and how many bytes the longest character has
        text = re.sub(r"\b[0-9][0-9a-fxu]*\b", "0", text)
        text = re.sub(r"0( , 0)+", "0", text)
        text = re.sub(r"\bnet_ONCE \( (const [^,=]*) , \S+ \) =", r"static \1 =", text)  # a table that became large
    return text.split(" ")


@functools.cache
def harmless(family: str) -> list[str]:
    return code(family, exported(FAMILIES[family](PLAIN))[0])


def check(family: str, model: bb.Sequential) -> None:
    text, draft = exported(model)
    assert code(family, text) == harmless(family)
    assert draft.title.isprintable() and json.loads(exporter.numbers(draft))["name"] == "net"


# --- what is promised


@pytest.mark.parametrize("family", FAMILIES)
def test_no_name_of_a_crafted_file_changes_the_code(family):
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(names)
    def any_name(name):
        check(family, FAMILIES[family](name))

    for name in HOSTILE:
        any_name = example(name)(any_name)
    any_name()


def test_no_column_of_a_table_changes_the_code():
    """Through a file, as the command reads it; a name that the file cannot hold is refused there."""
    passed = []
    for name in HOSTILE:
        try:
            model = learned(name)
        except (InputError, UnicodeEncodeError):
            continue
        check("regress", model)
        passed.append(name)
    assert CODE in passed and len(passed) > len(HOSTILE) // 2


def test_no_column_of_transactions_changes_the_code():
    for name in HOSTILE:
        check("fraud", described(fraud_columns(name, f"{name}*"), name))


def test_no_character_of_a_text_changes_the_code(tmp_path):
    path = tmp_path / "*?? #define evil \" \\ '.txt"
    path.write_text("".join(WRITTEN) * 20, encoding="utf-8")
    data = rnn.load_data(Settings(data=str(path), hidden=3, seq_len=8))
    model = rnn.build_model(Settings(data=str(path), hidden=3, seq_len=8), data)
    assert {"*", "/", '"', "\\", "?"} <= set(model.meta["characters"])
    text, _ = exported(model)
    assert text.count('"') > 2 * len(model.meta["characters"]) and "evil" not in tokens(text)
    assert "trained on" in text


def test_no_word_of_a_message_changes_the_code():
    bag = BagOfWords(chars=0).fit([f"{name} {name}/ *{name} free" for name in WRITTEN] * 3)
    assert "evil" in bag.vocabulary
    found = exported(described(of_bag(bag), CODE))[0]
    assert "evil" not in tokens(found)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [CODE, "ends\\ *??/"], ids=["code", "ends"])
def test_a_compiler_finds_nothing_in_a_hostile_header(tmp_path, family, name):
    text, draft = exported(FAMILIES[family](name))
    (tmp_path / "net.h").write_text(text, encoding="ascii")
    program = (
        draft.programs.filled("unit", "net", "net.h")
        + """
#if defined(NET_CLASS_NAMES)
const char *unit_class(int number);
const char *unit_class(int number)
{
    static const char *const names[] = NET_CLASS_NAMES;
    return names[number];
}
#endif
int evil; /* nothing else has that name */
"""
    )
    (tmp_path / "unit.c").write_text(program, encoding="ascii")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-trigraphs"]
    subprocess.run([tool("gcc"), *flags, "-c", "unit.c", "-o", "unit.o"], cwd=tmp_path, check=True)
