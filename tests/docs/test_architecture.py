"""ARCHITECTURE.md is the tree, and the names in it are those of the code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.docs.markdown import NAMES, ROOT, read, rows, section, spans

PACKAGES = ("brainbox_core", "brainbox_cli")
_SUFFIXES = (".py", ".md", ".png", ".h", ".toml", ".typed", ".json", ".jsonl", ".safetensors", ".txt", ".csv")
WAYS = ("## One image, from file to answer", "## One batch, down and back", "## One weight, into C")
TEXT = read("ARCHITECTURE.md")


def test_the_table_of_rooms_is_the_tree():
    named = [span for row in rows(section(TEXT, "## The rooms")) for span in spans(row[0])]
    folders = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()}
    # Where Python keeps what it compiled is no room; nor is the place that the data has in an installation.
    rooms = {f"{_shown(folder)}/" for folder in folders if not {"__pycache__", "builtin"} & set(folder.parts)}
    modules = {_shown(file) for package in PACKAGES for file in (ROOT / package).glob("*.py")}
    modules = {module for module in modules if not module.endswith("__init__.py")}
    assert len(named) == len(set(named))
    assert set(named) == rooms | modules


def test_the_top_level_is_named():
    named = {span.rstrip("/") for row in rows(section(TEXT, "## The top level")) for span in spans(row[0])}
    assert named == {"braininabox", *PACKAGES, "datasets", "tests", "docs"}
    assert all((ROOT / name).exists() for name in named)


def test_each_room_has_one_sentence():
    for place, sentence in rows(section(TEXT, "## The rooms")):
        assert sentence and len(sentence) <= 120, place


@pytest.mark.parametrize("name", NAMES)
def test_dotted_names_exist(name):
    for span in spans(read(name)):
        if _is_dotted(span) and span.partition(".")[0] in _rooms():
            assert _exists(span), span


@pytest.mark.parametrize(
    "title", ["## One image, from file to answer", "## One batch, down and back", "## One weight, into C"]
)
def test_the_ways_name_functions_of_the_code(title):
    names = [span for span in spans(section(TEXT, title)) if re.fullmatch(r"[a-z_]\w*(\.\w+)+", span)]
    names = [name for name in names if not re.search(r"\.(png|h|py)$", name)]
    assert len(names) >= 6
    assert [name for name in names if not _exists(name)] == []


def test_the_reading_path_takes_an_evening():
    files = [span for row in rows(section(TEXT, "## The reading path of an evening")) for span in spans(row[0])]
    lines = {file: len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in files}
    assert 2000 <= sum(lines.values()) <= 3000, lines


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _is_dotted(span: str) -> bool:
    """Whether it reads as `module.function`, and not as a file's name."""
    return bool(re.fullmatch(r"[a-z_]\w*(\.\w+)+", span)) and not span.endswith(_SUFFIXES)


def _rooms() -> set[str]:
    """What a dotted name of the code begins with; `model.fit` begins with a room by chance."""
    return {path.stem for package in PACKAGES for path in (ROOT / package).iterdir()} - {"model", "__init__"}


def _exists(name: str) -> bool:
    """Whether a dotted name is something in one of the packages."""
    words = name.split(".")
    for package in PACKAGES:
        for cut in range(len(words) - 1, 0, -1):
            if not _is_module(ROOT / package / "/".join(words[:cut])):
                continue
            found = importlib.import_module(".".join([package, *words[:cut]]))
            for word in words[cut:]:
                found = getattr(found, word, None)
            return found is not None
    return False


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()
