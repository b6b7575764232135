"""The messages of a spam filter: each text once, in three parts, as sparse rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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
from brainbox_core.tasks.learning import folds
from brainbox_core.tasks.spam.settings import BUILT_IN, BUILT_IN_BLOCK, Settings
from brainbox_core.text.bag_of_words import BagOfWords
from brainbox_core.text.messages import Messages, read_messages
from brainbox_core.text.tokens import is_word, tokenize

TEST_SPLIT = 0.2
LONGER = 2  # times the usual length that make texts of another kind
STRANGER = 2  # times the usual share of unknown words
FEWEST_WORDS = 20  # that say something about the share of known ones
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
        blocks: of the built-in messages, which of them were made from the same sentences; these stay together.
    """

    texts: list[str]
    labels: np.ndarray
    rows: SparseRows
    bag: BagOfWords
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    blocks: np.ndarray | None = None

    @property
    def val_texts(self) -> list[str]:
        """The messages to choose the epoch by."""
        return [self.texts[number] for number in self.val]

    @property
    def held_out(self) -> HeldOut:
        return HeldOut([self.texts[number] for number in self.test], self.labels[self.test])


def load_data(settings: Settings, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """The messages that the settings name, without repetitions, divided at random with the same share of spam each."""
    texts, labels, found, notes, blocks = _read(settings.data, progress, pipe)
    if min(counts := np.bincount(labels, minlength=2)) < FEWEST:
        what = f"has {counts[1]:,} spam and {counts[0]:,} ham messages"
        raise InputError(what, where=found.name, expected=f"at least {FEWEST} of each", fix="add more of both kinds")
    rest, test = split(labels, blocks, TEST_SPLIT, settings.seed)
    rest = stream(settings.seed, "limit").permutation(rest)[: settings.limit]
    train, val = split(labels[rest], None if blocks is None else blocks[rest], settings.val_split, settings.seed)
    train, val = rest[train], rest[val]
    if len(set(labels[train].tolist())) < 2:
        what = f"the {len(train):,} messages to train on are all of one kind"
        raise UsageError(what, fix="use a larger `limit` or fewer held out")
    bag = bag_for(settings).fit([texts[number] for number in train], progress)
    return Data(found.name, found.sha256, notes, texts, labels, bag.transform(texts), bag, train, val, test, blocks)


def load_test_data(model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """What a filter is judged by: the messages of its own data that it never saw, or all of another file's."""
    bag = BagOfWords.from_config(model.meta["features"], "the model")
    texts, labels, found, notes, blocks = _read(name, progress, pipe)
    if len(set(labels.tolist())) < 2:
        raise InputError(f"has only {'spam' if labels[0] else 'ham'}", where=found.name, fix="add the other kind")
    notes = (*notes, *remarks(bag, model.meta.get("usual"), texts))
    own = found.sha256 == model.meta["data"]["sha256"]
    test = split(labels, blocks, TEST_SPLIT, model.seed)[1] if own else np.arange(len(texts))
    none = np.arange(0)
    return Data(found.name, found.sha256, notes, texts, labels, bag.transform(texts), bag, none, none, test)


def split(labels: np.ndarray, blocks: np.ndarray | None, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of most messages and of a share of them: at random, or whole blocks.

    Example:
        >>> rest, some = split(np.array([0, 1] * 4), np.repeat([0, 1, 2, 3], 2), 0.25, seed=0)
        >>> len(rest), some // 2
        (6, array([3, 3]))
    """
    if blocks is None or len(different := np.unique(blocks)) < 2 or not 0 < share < 1:
        return stratified_split(labels, share, seed)
    count = min(max(round(share * len(different)), 1), len(different) - 1)
    own = np.isin(blocks, stream(seed, "blocks").permutation(different)[:count])
    return np.flatnonzero(~own), np.flatnonzero(own)


def folds_of(data: Data, count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The parts of a cross-validation, as of `folds`: at random, or whole blocks.

    Raises:
        UsageError: there are fewer blocks than parts.
    """
    if data.blocks is None:
        yield from folds(data.labels, count, seed)
        return
    different = stream(seed, "folds").permutation(np.unique(data.blocks))
    if count > len(different):
        what = f"`folds {count}` is more than there are groups of sentences in the built-in messages"
        raise UsageError(what, expected=f"at most {len(different)}")
    for fold in range(count):
        own = np.isin(data.blocks, different[fold::count])
        yield np.flatnonzero(~own), np.flatnonzero(own)


def usual(bag: BagOfWords, train: Sequence[str], val: Sequence[str]) -> dict[str, float]:
    """What messages are like: how many words 95 % of them have at most, and the share of known words in unseen ones."""
    lengths, _, _ = _words(bag, train)
    return {"words": float(np.quantile(lengths, 0.95)), "known": _share_known(bag, val)}


def remarks(bag: BagOfWords, known: object, texts: Sequence[str]) -> list[str]:
    """How texts differ from those that a filter was trained on, where that makes its answers worth little.

    Args:
        bag: of the filter.
        known: what `usual` gave for its training; nothing is said without.
        texts: what it is asked about.
    """
    if not isinstance(known, dict) or not all(type(known.get(name)) is float for name in ("words", "known")):
        return []
    lengths, different, found = _words(bag, texts)
    said = []
    if len(lengths) and np.median(lengths) > LONGER * max(known["words"], 1):
        said.append(
            f"the texts have {np.median(lengths):,.0f} words, those of the training up to {known['words']:,.0f}:"
            " train on texts of this kind"
        )
    count, unknown = different.sum(), different.sum() - found.sum()
    if count >= FEWEST_WORDS and unknown > max(STRANGER * (1 - known["known"]), 0.3) * count:
        said.append(
            f"{found.sum() / count:.0%} of the words are known, of new texts like those of the training"
            f" {known['known']:.0%}: train on texts of this kind"
        )
    return said


def _share_known(bag: BagOfWords, texts: Sequence[str]) -> float:
    _, different, found = _words(bag, texts)
    return float(found.sum() / max(different.sum(), 1))


def _words(bag: BagOfWords, texts: Sequence[str]) -> np.ndarray:
    """For each text how many words it has, how many different ones, and how many of these have a column: (3, texts).

    In a hashed vocabulary all have.
    """
    counts = []
    for text in texts:
        words = {token: count for token, count in Counter(tokenize(text)).items() if is_word(token)}
        counts.append((sum(words.values()), len(words), len(bag.word_columns(text))))
    return np.array(counts, np.int64).reshape(-1, 3).T


def bag_for(settings: Settings) -> BagOfWords:
    """The bag of words that the settings describe, not fitted yet."""
    return BagOfWords(settings.ngrams, settings.chars, settings.vocabulary, settings.counts)


def _read(
    name: str, progress: Progress | None, pipe: Pipe
) -> tuple[list[str], np.ndarray, Messages, tuple[str, ...], np.ndarray | None]:
    """The different texts of a file with their labels, notes on it, and the blocks of the built-in ones.

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
    blocks = np.array(kept) // BUILT_IN_BLOCK if name == BUILT_IN else None
    return [found.texts[number] for number in kept], found.labels[kept], found, tuple(notes), blocks
