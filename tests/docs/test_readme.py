"""The README is short, begins with the two set-up commands, and is what the distribution carries."""

from __future__ import annotations

import tomllib

from tests.docs.markdown import NAMES, ROOT, blocks, read


def test_it_has_at_most_200_lines():
    assert len(read("README.md").splitlines()) <= 200


def test_its_shell_blocks_are_the_two_set_up_commands():
    first, second = blocks(read("README.md"), "sh")
    install = "python3 -m venv .venv && .venv/bin/pip install -q "
    assert first == f"{install}. && .venv/bin/brainbox cnn && .venv/bin/brainbox export cnn -o digits.h\n"
    assert second == f"{install}-e '.[test]' && .venv/bin/python -m pytest -q -n 2\n"


def test_the_source_distribution_holds_all_pages():
    project = tomllib.loads(read("pyproject.toml"))
    included = [path.lstrip("/") for path in project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]]
    assert all((ROOT / path).exists() for path in included)
    assert [name for name in NAMES if not any(name == path or name.startswith(f"{path}/") for path in included)] == []


def test_the_changelog_has_this_version_or_what_comes_next():
    from brainbox_core import __version__

    titles = [line for line in read("CHANGELOG.md").splitlines() if line.startswith("## ")]
    assert titles[0] == "## Unreleased"
    assert f"## {__version__}" in titles
