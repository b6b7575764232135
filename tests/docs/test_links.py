"""Every path and every link in the documentation leads somewhere."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import NAMES, ROOT, read, spans

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_OURS = ("brainbox_core/", "brainbox_cli/", "datasets/", "docs/", "tests/", ".ci/")


@pytest.mark.parametrize("name", NAMES)
def test_paths_in_backticks_exist(name):
    paths = [span for span in spans(read(name)) if span.startswith(_OURS) and not re.search(r"[ *<]|NAME|NOUN", span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_resolve(name):
    folder = (ROOT / name).parent
    links = [link for link in _LINK.findall(read(name)) if not re.match(r"https?://", link)]
    assert [link for link in links if not (folder / link.partition("#")[0]).exists()] == []


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached or not name.endswith(".md"):
            continue
        reached.add(name)
        for link in _LINK.findall(read(name)):
            target = ((ROOT / name).parent / link.partition("#")[0]).resolve()
            if target.is_relative_to(ROOT):
                waiting.append(str(target.relative_to(ROOT)))
    assert set(NAMES) - reached == set()
