import re
from pathlib import Path

import pytest

import brainbox_core.export
from brainbox_core.export import templates
from brainbox_core.export.c_names import Foreign, comment
from brainbox_core.export.templates import filled

FILES = sorted(p for p in Path(brainbox_core.export.__file__).parent.rglob("*") if p.suffix in (".c", ".ld", ".in"))


@pytest.fixture
def file(monkeypatch):
    """What a file of this text becomes."""

    def become(text: str, name: str = "", **words: object) -> str:
        monkeypatch.setattr(templates, "_read", lambda file: text)
        return filled("a file", name, **words)

    return become


def test_words_and_lines_are_filled_in(file):
    assert file("int NAME_a = <B>; /* UPPER_C */\n", "net", b=3) == "int net_a = 3; /* NET_C */\n"
    assert file("a\n<LINES>\nb\n", lines="1\n2\n") == "a\n1\n2\nb\n"
    assert file("a\n<LINES>\nb\n", lines="") == "a\nb\n"
    assert file("<IF A>\n1\n<END>\n<IF NOT A>\n2\n<END>\n3\n", a=0) == "2\n3\n"


def test_what_is_filled_in_is_not_looked_at_again(file):
    assert file('"<A>" "<B>"', "net", a="<B> NAME_x UPPER_x", b="<A>") == '"<B> NAME_x UPPER_x" "<A>"'


def test_other_words_and_angles_stay(file):
    text = "#include <stdio.h>\nCLASS_NAMES RENAME_x x<y FILENAME_ <long>\n"
    assert file(text, "net") == text


def test_a_text_from_data_and_a_forgotten_word_are_errors(file):
    with pytest.raises(TypeError, match="from data"):
        file("<A>", a=Foreign("x"))
    with pytest.raises(KeyError):
        file("<A>")


def test_two_harmless_halves_cannot_end_a_comment_together():
    assert comment(f"{Foreign('*').comment()}{Foreign('/ int evil; /').comment()}*") == "/* * / int evil; / * */\n"
    text = comment(f"a?{Foreign('?/').comment()}", f"b {Foreign('x').comment()}\\ ", "é\n")
    assert text == "/*\n * a? ?/\n * b x\n * \\xe9\\n\n */\n"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_file_is_plain(file):
    text = file.read_text(encoding="ascii")
    assert text.endswith("\n") and not re.search(r"[\t\r]| $", text, re.MULTILINE)
    assert text.count("<IF ") == text.count("<END>")
