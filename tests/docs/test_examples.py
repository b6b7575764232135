"""The Python examples of the documentation run as they are printed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.docs.markdown import NAMES, blocks, read

EXAMPLES = [(name, number, code) for name in NAMES for number, code in enumerate(blocks(read(name), "python"))]


@pytest.mark.parametrize(("name", "number", "code"), EXAMPLES, ids=[f"{name}-{number}" for name, number, _ in EXAMPLES])
def test_it_runs(name, number, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (32, 28, 28)).astype(np.uint8)
    exec(
        compile(code, f"{name}, example {number}", "exec"),
        {"X_train": images, "y_train": np.arange(32) % 10, "X_test": images},
    )


def test_the_library_example_is_the_same_in_readme_and_docs():
    assert blocks(read("README.md"), "python") == blocks(read("docs/library.md"), "python")[:1]
