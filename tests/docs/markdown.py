"""The documentation as text: its files, and the pieces of them that a test can hold true."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md")), ROOT / "datasets" / "README.md")
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def read(name: str) -> str:
    """The text of a page by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [block for found, block in _FENCE.findall(text) if found == language]


def spans(text: str) -> list[str]:
    """What stands in backticks, outside of blocks; a span that goes over a line's end is one line."""
    return [" ".join(span.split()) for _, span in _SPAN.findall(_FENCE.sub("", text))]


def indented(text: str) -> list[str]:
    """The lines that are indented by four blanks."""
    return [line[4:] for line in _FENCE.sub("", text).splitlines() if line.startswith("    ")]


def section(text: str, title: str) -> str:
    """The part of a page below a heading, up to the next heading of that level or above."""
    level = len(title) - len(title.lstrip("#"))
    _, found, rest = text.partition(f"\n{title}\n")
    assert found, title
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables, without headings and rules: the text of each cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rules = {number for number, line in enumerate(lines) if set(line) <= set("|-: ")}
    kept = [line for number, line in enumerate(lines) if number not in rules and number + 1 not in rules]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in kept]
