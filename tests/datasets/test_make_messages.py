"""The built-in messages: what is shipped is what the program writes, and it is nobody else's."""

import hashlib
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from brainbox_core.rng import stream
from brainbox_core.tasks.spam.settings import BUILT_IN_ROWS
from brainbox_core.text.messages import read_messages
from brainbox_core.text.tokens import is_word, tokenize
from tests.realdata import real_data

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "datasets" / "make_messages.py"
MESSAGES = ROOT / "datasets" / "messages.tsv"
RUN = 7  # words in a row

make_messages = runpy.run_path(str(PROGRAM))


def test_the_program_writes_what_is_shipped(tmp_path):
    subprocess.run([sys.executable, PROGRAM, "--out", tmp_path], check=True, cwd=tmp_path)
    assert (tmp_path / "messages.tsv").read_bytes() == MESSAGES.read_bytes()


def test_the_readme_names_its_hash():
    assert hashlib.sha256(MESSAGES.read_bytes()).hexdigest() in (ROOT / "datasets" / "README.md").read_text()


def test_there_are_thousands_each_one_different():
    found = read_messages(MESSAGES)
    assert len(found.texts) == len(set(found.texts)) == BUILT_IN_ROWS
    assert (found.labels.sum(), found.notes) == (1200, ())
    assert not any(mark in text for text in found.texts for mark in "[]|<>\t")


def test_the_examples_of_the_readme_are_not_among_them():
    texts = {" ".join(tokenize(text)) for text in read_messages(MESSAGES).texts}
    for example in ("Buy cheap meds now!! Click here", "Hey mom, are we still on for dinner?"):
        assert " ".join(tokenize(example)) not in texts


@pytest.mark.parametrize("label", ["ham", "spam"])
def test_every_sentence_can_be_written(label):
    sentences, lists = make_messages["read_templates"](ROOT / "datasets" / f"{label}_templates.txt")
    assert len(sentences) > 90
    rng = stream(0, "test")
    for sentence in sentences:
        text = make_messages["expand"](sentence, lists, rng)
        assert text and not set("[]|<>#\n") & set(text), sentence


def runs_of(text: str) -> list[tuple[str, ...]]:
    words = [token for token in tokenize(text) if is_word(token)]
    return [tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)]


def test_none_is_copied_from_the_sms_collection():
    collection = read_messages(real_data("sms-spam/SMSSpamCollection"))
    theirs = {run for text in collection.texts for run in runs_of(text)}
    shared = Counter(run for text in read_messages(MESSAGES).texts for run in runs_of(text) if run in theirs)
    assert not shared
