"""Every command line in the documentation is one that the program understands."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from brainbox_cli.program import program
from brainbox_cli.tour import NOUNS
from tests.docs.markdown import NAMES, indented, read, spans

_PROGRAM = typer.main.get_command(program)
_GENERAL = {"--help", "-h", "--version"}


def command_lines(text: str) -> list[str]:
    """The lines and spans that begin with `brainbox`, without the remark behind a line."""
    lines = [re.split(r"\s{4,}", line)[0] for line in indented(text) if line.startswith("brainbox ")]
    return [*lines, *(span for span in spans(text) if span.startswith("brainbox ") and span.isascii())]


@pytest.mark.parametrize("name", NAMES)
def test_nouns_verbs_and_options_exist(name):
    for line in command_lines(read(name)):
        words = shlex.split(line.split(" < ")[0])[1:]
        if words[0] not in ("NOUN", *_GENERAL):
            assert words[0] in NOUNS, line
            _check(line, words)


def test_every_noun_is_shown_in_the_readme():
    shown = {shlex.split(line)[1] for line in command_lines(read("README.md"))}
    assert shown >= set(NOUNS)


def _check(line: str, words: list[str]) -> None:
    command = _PROGRAM.get_command(None, words[0])
    verbs = getattr(command, "commands", {})
    if len(words) > 1 and words[1] in verbs:
        command = verbs[words[1]]
    elif "predict" in verbs and len(words) > 1 and not words[1].startswith("-"):
        command = verbs["predict"]  # spam "TEXT"
    known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)} | _GENERAL
    for word in words:
        option = word.partition("=")[0]
        if re.fullmatch(r"--?[a-zA-Z][\w-]*", option):
            assert option in known, f"{line}: {option}"
