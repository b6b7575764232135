"""The words of a header are those of the table in docs/export.md, for every noun."""

from __future__ import annotations

import re

import pytest

from brainbox_core import layers
from brainbox_core.errors import InputError
from brainbox_core.export.network.lower import lower
from brainbox_core.model.sequential import Sequential
from tests.cli.shell import brainbox
from tests.docs.markdown import read, rows, section, spans

WORDS = section(read("docs/export.md"), "## The words of a header")
NOUNS = ("neuron", "regress", "fraud", "spam", "mnist", "cnn", "rnn")
SMALL = {  # a small training of each noun that learns enough to be kept
    "neuron": [],
    "regress": ["--closed-form", "--folds", "0"],
    "fraud": ["--limit", "2000", "--epochs", "6", "--hidden", "8"],
    "spam": ["--limit", "200", "--epochs", "1"],
    "mnist": ["--limit", "400", "--epochs", "2", "--hidden", "8"],
    "cnn": ["--limit", "400", "--epochs", "2", "--hidden", "8", "--filters", "2"],
    "rnn": ["--limit", "5000", "--steps", "60", "--hidden", "8", "--embedding", "4"],
}


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headers")
    for noun in NOUNS:
        if noun != "neuron":  # whose export learns one first
            done = brainbox(noun, *SMALL[noun], "--quiet", cwd=folder)
            assert done.returncode == 0, done.stderr
        done = brainbox("export", noun, "-o", f"{noun}.h", "--verify", "off", "--max-drop", "100", cwd=folder)
        assert done.returncode == 0, done.stderr
    return {noun: (folder / f"{noun}.h").read_text() for noun in NOUNS}


@pytest.mark.parametrize("noun", NOUNS)
def test_each_noun_has_the_functions_of_its_column(noun, headers):
    for names, _, *cells in _functions():
        cell = cells[NOUNS.index(noun)]
        for name in spans(names):
            found = re.search(rf"^.*\b(\w+)\s+\**{name.replace('NAME', noun)}\(.*\)$", headers[noun], re.MULTILINE)
            assert bool(found) == bool(cell), name
            if found and name == "NAME_predict":
                assert found[1] == ("float" if cell == "value" else "int")
            if found and name == "NAME_probability":
                assert found[1] == "float"


def test_the_macros_that_stay_defined_are_those_of_the_table(headers):
    shown = {name for row in rows(WORDS)[len(_functions()) :] for name in spans(row[0])}
    defined = set()
    for noun, text in headers.items():
        upper = noun.upper()
        left = set(re.findall(rf"^#define {upper}_(\w+)", text, re.MULTILINE))
        left -= set(re.findall(rf"^#undef {upper}_(\w+)", text, re.MULTILINE))
        defined |= {"NAME_FEATURE_..." if name.startswith("FEATURE_") else f"NAME_{name}" for name in left}
    assert defined - {"NAME_H_INCLUDED"} == shown


def test_layers_that_export_are_named():
    text = " ".join(section(read("docs/export.md"), "## Networks of layers: mnist, cnn, and your own").split())
    named = text.partition("Layers that export: ")[2].partition(".")[0].split(", ")
    model = Sequential([layers.Embedding(ids=3, dim=2)])
    model.build((4,))
    with pytest.raises(InputError) as refused:
        lower(model)
    assert sorted(named) == sorted(str(refused.value.expected).removeprefix("one of ").split(", "))


def _functions() -> list[list[str]]:
    return [row for row in rows(WORDS) if len(row) == 2 + len(NOUNS)]
