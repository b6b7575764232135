"""The Python examples of the documentation run as they are printed."""

from __future__ import annotations

import pytest

import braininabox as bb
from brainbox_core.datasets import load
from tests.docs.markdown import NAMES, blocks, read

EXAMPLES = [(name, number, code) for name in NAMES for number, code in enumerate(blocks(read(name), "python"))]


@pytest.mark.parametrize(("name", "number", "code"), EXAMPLES, ids=[f"{name}-{number}" for name, number, _ in EXAMPLES])
def test_it_runs(name, number, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bb.datasets, "load", few)
    (X_train, y_train), (X_test, _) = few("digits")
    given = {"X_train": X_train, "y_train": y_train, "X_test": X_test} if number else {}  # the first one loads them
    exec(compile(code, f"{name}, example {number}", "exec"), given)


def few(name):
    """The first of the pictures, as whole trainings take their time."""
    return tuple((X[:32], y[:32]) for X, y in load(name))


def test_the_library_example_is_the_same_in_readme_and_docs():
    assert blocks(read("README.md"), "python") == blocks(read("docs/library.md"), "python")[:1]
