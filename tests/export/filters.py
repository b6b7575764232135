"""Filters of texts with weights at random, for tests: any difference between two readings of a text shows."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

import braininabox as bb
from brainbox_core.datasets.catalog import builtin
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.header import Vectors, write
from brainbox_core.export.text.draft import RECORD, TEXT, SpamDraft
from brainbox_core.export.text.source import records
from brainbox_core.tasks.spam import train as spam
from brainbox_core.text import tokens
from brainbox_core.text.bag_of_words import BagOfWords
from brainbox_core.text.messages import Messages, read_messages
from brainbox_core.text.tokens import tokenize
from tests.export.compiling import tool
from tests.realdata import real_data

MESSAGES = read_messages(builtin("messages.tsv"), name="messages").texts
HASHED = {"most": 4093, "chars": 3, "ngrams": 2, "counts": True}


def random_filter(texts: list[str] = MESSAGES[:1200], **options: object) -> bb.Sequential:
    """A filter as `spam` would train it on texts, with weights at random."""
    return of_bag(BagOfWords(**options).fit(texts))


def of_bag(bag: BagOfWords) -> bb.Sequential:
    model = bb.Sequential([bb.layers.Linear(1)])
    model.build((bag.columns,))
    random = np.random.default_rng(0)
    model.layers[0].weight.data[:] = random.normal(0, 0.5, (bag.columns, 1))
    model.layers[0].bias.data[:] = -1.25
    model.meta = {"kind": "spam", "features": bag.config(), "threshold": 0.6, "prior": 0.25, "data": {"name": "x"}}
    return model


def named(names: list[str], **options: object) -> bb.Sequential:
    """A filter with a vocabulary of our own."""
    config = BagOfWords(**options).config() | {"vocabulary": names, "columns": len(names)}
    return of_bag(BagOfWords.from_config(config, "a test"))


def draft(model: bb.Sequential, **choices: object) -> SpamDraft:
    return SpamDraft(model, "net", Choices(**choices), Material())


def header(drafted: SpamDraft) -> str:
    vectors = drafted.vectors(10)
    return write(drafted.page(Vectors(vectors[5:7], vectors[:0])), "no")


def five_thousand() -> tuple[bb.Sequential, Messages]:
    """A filter of the 5,000 most frequent words of the collection, and all of its messages."""
    name = str(real_data("sms-spam/SMSSpamCollection"))
    settings = spam.Settings(data=name, chars=0, epochs=5)
    data = spam.load_data(settings)
    found = Counter(word for message in read_messages(name).texts for word in set(tokenize(message)))
    names = [word for word, _ in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:5000]]
    config = {"tokenizer": tokens.VERSION, "ngrams": 1, "chars": 0, "columns": 5000, "vocabulary": names}
    bag = BagOfWords.from_config(config, "a test")
    data = replace(data, bag=bag, rows=bag.transform(data.texts))
    model = spam.build_model(settings, data)
    spam.train(model, settings, data)
    return model, read_messages(name)


class Compiled:
    """A header's driver, compiled with some flags."""

    def __init__(self, folder: Path, content: str, *flags: str, cc: str = "gcc"):
        source = folder / ("driver.cpp" if cc.endswith("++") else "driver.c")
        (folder / "net.h").write_text(content, encoding="ascii")
        source.write_text(TEXT.filled("driver", "net", "net.h"))
        subprocess.run([tool(cc), *flags, source, "-o", folder / "driver"], check=True)
        self._program = folder / "driver"

    def score(self, texts: list[bytes]) -> np.ndarray:
        return self.records(records(texts, RECORD))

    def records(self, vectors: np.ndarray) -> np.ndarray:
        done = subprocess.run([self._program], input=vectors.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
        return np.frombuffer(done.stdout, np.float32).reshape(len(vectors), 3)
