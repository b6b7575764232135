import json
import re
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core.errors import UsageError
from brainbox_core.export.c_names import LONGEST_NAME, Foreign, cleaned, float_literal, identifier, included, table
from brainbox_core.export.programs import NETWORK
from tests.export.compiling import STRICT, tool

HOSTILE = [
    'a*/ int main(){system("id");} /*',
    '"; int x; char *s = "',
    "back\\",
    "line\nbreak\r",
    "??/",
    "????/",
    "\\u0022",
    "/*/",
    "**//*",
    "emoji \U0001f600 é",
    "nul\0nul7",
    "%n%s",
    "x" * 1_000_000,
    "\ud800",
]


@pytest.mark.parametrize("name", ["int", "main", "restrict", "co_await", "uint8_t", "memcpy", "null", "not"])
def test_words_of_the_language_are_refused(name):
    with pytest.raises(UsageError, match="already means something") as error:
        identifier(name)
    assert identifier(error.value.fix.removeprefix("try ")) == f"net_{name}"


@pytest.mark.parametrize(
    "name", ["3d", "my-net", "é", "", "_Bool", "NULL", "_x", "x_", "a__b", "a b", "a;", "x\n", "Net"]
)
def test_what_is_no_identifier_is_refused(name):
    with pytest.raises(UsageError, match="no C identifier") as error:
        identifier(name)
    identifier(error.value.fix.removeprefix("try "))


def test_a_long_name_is_refused():
    assert identifier("x" * LONGEST_NAME)
    with pytest.raises(UsageError, match="300 characters long"):
        identifier("x" * 300)


@given(st.text())
def test_anything_can_be_cleaned(text):
    assert identifier(cleaned(text)) == cleaned(text)


@given(st.text())
def test_a_comment_stays_one_line_of_one_comment(text):
    inside = Foreign(text).comment()
    assert inside.isascii() and "*/" not in inside and "/*" not in inside and "??" not in inside
    assert "\n" not in inside and "\r" not in inside and not inside.rstrip().endswith("\\")


@pytest.mark.parametrize(
    "write",
    [
        lambda text: f"/* {text} */",
        lambda text: f"/* {text:>9} */",
        lambda text: f"/* {text!s} */",
        "/* {} */".format,
        lambda text: "/* %s */" % text,  # noqa: UP031
        lambda text: "/* " + text + " */",
        lambda text: "".join(["/* ", text, " */"]),
        lambda text: "/* TEXT */".replace("TEXT", text),
        str,
        json.dumps,
        print,
    ],
)
def test_a_text_from_data_that_is_not_escaped_is_an_error(write):
    with pytest.raises(TypeError):
        write(Foreign("*/ int main(void) { } /*"))


def test_a_text_from_data_is_not_shown_by_mistake():
    text = Foreign("*/ x /*")
    assert f"{text!r} {[text]}" == "Foreign(...) [Foreign(...)]" and text.plain() == "*/ x /*"


@pytest.mark.parametrize("path", ['a"b.h', "a\nb.h", "a\\b.h", "a??/b.h", "é.h", "a\0.h"])
def test_a_file_that_cannot_be_included_is_refused(path):
    with pytest.raises(UsageError, match="can include"):
        included(path)
    with pytest.raises(UsageError, match="can include"):
        NETWORK.filled("main", "net", path)


def test_any_prefix_is_filled_in():
    assert '"net.h"' in (text := NETWORK.filled("main", "header", "net.h")) and "HEADER_OUTPUT_SIZE" in text


@given(st.text(max_size=60))
def test_a_string_means_its_text(text):
    literal = Foreign(text).string()
    assert literal.isascii() and re.fullmatch(r'"(\\[0-7]{3}|[^"\\?\n\r])*"', literal)
    data = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), literal[1:-1].encode())
    assert data == text.encode("utf-8", "backslashreplace")


def test_hostile_texts_stay_what_they_are_in_a_compiler(tmp_path):
    kept = [text for text in HOSTILE if len(text) < 100]
    program = "".join(f"/* {Foreign(text).comment()} */\n" for text in HOSTILE)
    program += "#include <stdio.h>\nint main(void)\n{\n"
    strings = [Foreign(text).string() for text in HOSTILE]
    program += "".join(f"    fwrite({literal}, 1, sizeof {literal}, stdout);\n" for literal in strings)
    program += "    return 0;\n}\n"
    for cc, standard in (("gcc", "-std=c99"), ("gcc", "-std=c11"), ("g++", "-std=c++11")):
        source = tmp_path / ("t.c" if cc == "gcc" else "t.cpp")
        source.write_text(program)
        flags = [standard, "-trigraphs", *STRICT[1:], "-Wno-unused-result"]
        subprocess.run([tool(cc), *flags, source, "-o", tmp_path / "t"], check=True)
        out = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout
        for text in kept:
            assert text.encode("utf-8", "backslashreplace") + b"\0" in out
        assert b"x" * 252 + b"...\0" in out


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_literal_reads_as_the_same_float(value):
    text = float_literal(value)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+(e[+-][0-9]+)?|e[+-][0-9]+)f", text), text
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


def test_a_compiler_reads_literals_as_they_are_meant(tmp_path):
    random = np.random.default_rng(0)
    values = random.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    special = np.float32([0.0, -0.0, 1e-45, -1e-45, 1.17549435e-38, 3.4028235e38, 1e38, 16777216])
    values = np.concatenate([values[np.isfinite(values)], special])
    program = "#include <stdio.h>\nstatic const float t[] = {\n" + table([float_literal(v) for v in values])
    program += "\n};\nint main(void) { return fwrite(t, sizeof t, 1, stdout) == 1 ? 0 : 1; }\n"
    (tmp_path / "t.c").write_text(program)
    subprocess.run([tool("gcc"), *STRICT, "t.c", "-o", "t"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout == values.tobytes()


def test_a_table_keeps_to_its_width():
    text = table([str(number) for number in range(1000)], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert [int(number) for number in text.split(",")] == list(range(1000))
