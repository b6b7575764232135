"""The messages of a spam filter: each text once, in three parts, as sparse rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainbox_core.data import stratified_split
from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import InputError, UsageError
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tasks import contract
from brainbox_core.tasks.contract import HeldOut, Pipe, Progress, no_pipe
from brainbox_core.tasks.spam.settings import BUILT_IN, Settings
from brainbox_core.text.bag_of_words import BagOfWords
from brainbox_core.text.messages import Messages, read_messages
from brainbox_core.text.tokens import tokenize

TEST_SPLIT = 0.2
FEWEST = 5  # of each kind, so that every part has some of both


@dataclass(frozen=True)
class Data(contract.Data):
    """Messages, each text once, with what they are.

    Attributes:
        texts: all of them.
        labels: 1 for spam and 0 for ham, (n,).
        rows: the features of all of them, (n, columns).
        bag: what made these features, fitted to the training part.
        train, val, test: the numbers of the messages to learn from, to choose the epoch by, and to judge by.
    """

    texts: list[str]
    labels: np.ndarray
    rows: SparseRows
    bag: BagOfWords
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    @property
    def held_out(self) -> HeldOut:
        return HeldOut([self.texts[number] for number in self.test], self.labels[self.test])


def load_data(settings: Settings, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """The messages that the settings name, without repetitions, divided at random with the same share of spam each."""
    texts, labels, found, notes = _read(settings.data, progress, pipe)
    if min(counts := np.bincount(labels, minlength=2)) < FEWEST:
        what = f"has {counts[1]:,} spam and {counts[0]:,} ham messages"
        raise InputError(what, where=found.name, expected=f"at least {FEWEST} of each", fix="add more of both kinds")
    rest, test = stratified_split(labels, TEST_SPLIT, settings.seed)
    rest = stream(settings.seed, "limit").permutation(rest)[: settings.limit]
    train, val = stratified_split(labels[rest], settings.val_split, settings.seed)
    train, val = rest[train], rest[val]
    if len(set(labels[train].tolist())) < 2:
        what = f"the {len(train):,} messages to train on are all of one kind"
        raise UsageError(what, fix="use a larger `limit` or fewer held out")
    bag = bag_for(settings).fit([texts[number] for number in train], progress)
    return Data(found.name, found.sha256, notes, texts, labels, bag.transform(texts), bag, train, val, test)


def load_test_data(model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """What a filter is judged by: the messages of its own data that it never saw, or all of another file's."""
    bag = BagOfWords.from_config(model.meta["features"], "the model")
    texts, labels, found, notes = _read(name, progress, pipe)
    if len(set(labels.tolist())) < 2:
        raise InputError(f"has only {'spam' if labels[0] else 'ham'}", where=found.name, fix="add the other kind")
    own = found.sha256 == model.meta["data"]["sha256"]
    test = stratified_split(labels, TEST_SPLIT, model.seed)[1] if own else np.arange(len(texts))
    none = np.arange(0)
    return Data(found.name, found.sha256, notes, texts, labels, bag.transform(texts), bag, none, none, test)


def bag_for(settings: Settings) -> BagOfWords:
    """The bag of words that the settings describe, not fitted yet."""
    return BagOfWords(settings.ngrams, settings.chars, settings.vocabulary, settings.counts)


def _read(name: str, progress: Progress | None, pipe: Pipe) -> tuple[list[str], np.ndarray, Messages, tuple[str, ...]]:
    """The different texts of a file with their labels, and notes on it.

    Texts are the same if their words and marks are: a repetition in the test part would have been learned by heart.
    """
    if name == "-":
        found = read_messages(pipe("messages"), progress=progress)
    else:
        found = read_messages(builtin("messages.tsv") if name == BUILT_IN else name, name=name, progress=progress)
    first: dict[tuple[str, ...], int] = {}
    contradictions = 0
    for number, text in enumerate(found.texts):
        earlier = first.setdefault(tuple(tokenize(text)), number)
        contradictions += bool(found.labels[earlier] != found.labels[number])
    notes = list(found.notes)
    if repeated := len(found.texts) - len(first):
        notes.append(
            f"{repeated:,} of {len(found.texts):,} messages repeat the words of an earlier one and are left out,"
            " so that none is both learned from and tested on"
        )
    if contradictions:
        notes.append(f"{contradictions:,} of them are labelled differently from the first, whose label counts")
    kept = list(first.values())
    return [found.texts[number] for number in kept], found.labels[kept], found, tuple(notes)
