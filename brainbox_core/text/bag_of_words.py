"""A message as a bag of features: which words are in it, which follow each other, which letters they are made of.

Features have names:

    free            a word of the message
    !!              a mark of it (see `text`)
    your prize      words that follow each other, from two up to `ngrams`; marks between them do not count,
                    nor do letters of scripts without spaces, of which each two are a word already
    ~_fre           characters of a word that follow each other, from two up to `chars`; _ is its begin and its end
    <length 5>      how many words and marks there are, by the binary digits of their number: here 16 to 31

One pass over the message finds them and keeps no more than a few words in mind.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from brainbox_core.errors import InputError, UsageError, whole
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.text import tokens as text
from brainbox_core.text.tokens import Memory, is_together, is_word, tokenize

LARGEST = 2**18  # columns; a model file holds the names of so many
MOST_COUNTED = 2**21  # different features, about 300 MB of names while they are counted
MOST_REMEMBERED = 2**20  # features of tokens, about 100 MB
MOST_NGRAMS, MOST_CHARS = 5, 8
FEW = 1000  # messages; among more, a feature of only one of them says nothing of others


class BagOfWords:
    """Messages as sparse rows, one column a feature, 1 where the message has it.

    The columns are the features of the training messages, the most frequent first. If there are more than `most`, no
    names are kept: every feature has the column CRC-32(name in UTF-8) mod `most`, which it may share with others
    (feature hashing; Weinberger et al. 2009).

    Args:
        ngrams: words in a row that make a feature, up to 5; 1 for single words only.
        chars: characters in a row, up to 8; 0 or 1 for none.
        most: columns, up to 262,144.
        counts: hold how often a feature occurs instead of 1.

    Attributes:
        columns: how many there are, once fitted.
        vocabulary: the column of each feature; None where they are hashed.

    Example:
        >>> bag = BagOfWords(chars=0).fit(["win a prize", "a nice day"])
        >>> bag.vocabulary
        {'<length 2>': 0, 'a': 1, 'day': 2, 'nice': 3, 'prize': 4, 'win': 5}
        >>> bag.transform(["A day, a prize!"]).dense()
        array([[0., 1., 1., 0., 1., 0.]], dtype=float32)
    """

    def __init__(self, ngrams: int = 1, chars: int = 4, most: int = 2**16, counts: bool = False):
        self.ngrams = whole("ngrams", ngrams, 1, MOST_NGRAMS)
        self.chars = whole("chars", chars, 0, MOST_CHARS)
        self.most = whole("most", most, 1, LARGEST)
        self.counts = bool(counts)
        self.columns = 0
        self.vocabulary: dict[str, int] | None = None

    def fit(self, texts: Sequence[str], progress: Callable[[int, int], object] | None = None) -> BagOfWords:
        """Choose the columns by the training messages.

        Args:
            progress: called with (messages done, messages in all).
        """
        found: Counter[str] = Counter()
        for number, message in enumerate(texts):
            found.update(_distinct(itertools.chain.from_iterable(names for _, names in self._parts(tokenize(message)))))
            if len(found) > MOST_COUNTED:  # too many to keep in any case
                break
            if progress is not None and number % 1000 == 0:
                progress(number, len(texts))
        kept = [name for name, count in found.items() if count > 1 or len(texts) < FEW]
        if len(kept) > self.most or len(found) > MOST_COUNTED:
            self._use(None, self.most)
        else:
            self._use(sorted(kept, key=lambda name: (-found[name], name)), len(kept))
        return self

    def transform(self, texts: Sequence[str]) -> SparseRows:
        """The rows of messages, (n, columns)."""
        if not self.columns:
            raise UsageError("the bag of words has no columns yet", fix="fit() it to the training messages first")
        indices, values = [], []
        for message in texts:
            tokens = tokenize(message)
            beyond = self._look_up(self._names_beyond(tokens))
            different = tokens if self.counts else dict.fromkeys(tokens)
            columns = itertools.chain.from_iterable(map(self._columns_of_token.__getitem__, different))
            if self.counts:
                counted = Counter(itertools.chain(columns, beyond))
                indices.append(np.fromiter(counted, np.int32, len(counted)))
                values.append(np.fromiter(counted.values(), np.float32, len(counted)))
            else:
                found = set().union(columns, beyond)
                indices.append(np.fromiter(found, np.int32, len(found)))
        ends = np.cumsum([0, *map(len, indices)])
        data = np.concatenate(values or [np.empty(0, np.float32)]) if self.counts else np.ones(ends[-1])
        return SparseRows(ends, np.concatenate(indices or [np.empty(0, np.int32)]), data, self.columns)

    def contributions(self, message: str, weight: np.ndarray) -> list[tuple[str, float]]:
        """What each part of a message adds to the sum of its features' weights, in the order of the message.

        A word counts with its characters. What occurs again is left out, unless occurrences are counted.

        Args:
            weight: of each column, (columns,).

        Returns:
            (words, marks, words in a row, and the length; what it adds).
        """
        tokens = tokenize(message)
        if self.counts:
            return [(part, self._weight_of(names, weight)) for part, names in self._parts(tokens)]
        beyond = {name: self._look_up([name]) for name in self._names_beyond(tokens)}
        parts = {token: self._columns_of_token[token] for token in dict.fromkeys(tokens)} | beyond
        seen: set[int] = set()
        found = []
        for part, columns in parts.items():
            columns = [column for column in dict.fromkeys(columns) if column not in seen]
            seen.update(columns)
            found.append((part, float(weight[columns].sum(dtype=np.float64)) if columns else 0.0))
        return found

    def _weight_of(self, names: Sequence[str], weight: np.ndarray) -> float:
        return float(weight[self._look_up(names)].sum(dtype=np.float64))

    def word_columns(self, message: str) -> list[int]:
        """The columns of a message's own words, each by itself; words that no column stands for are left out."""
        return self._look_up([token for token in dict.fromkeys(tokenize(message)) if is_word(token)])

    def config(self) -> dict[str, object]:
        """What a model file has to hold of it, in JSON types."""
        return {
            "tokenizer": text.VERSION,
            "ngrams": self.ngrams,
            "chars": self.chars,
            "counts": self.counts,
            "columns": self.columns,
            "vocabulary": None if self.vocabulary is None else list(self.vocabulary),
        }

    @classmethod
    def from_config(cls, config: object, where: str) -> BagOfWords:
        """A bag of words from what `config` gave.

        Args:
            where: the file, for messages.

        Raises:
            InputError: it was made by another tokenizer, or is not what `config` gives.
        """
        fix = "train it again"
        if not isinstance(config, dict):
            raise InputError("it does not say how it reads words", where=where, fix=fix)
        if config.get("tokenizer") != text.VERSION:
            what = "its words were made by another version of the tokenizer"
            raise InputError(what, where=where, expected=text.VERSION, got=repr(config.get("tokenizer"))[:20], fix=fix)
        given: dict[str, Any] = dict.fromkeys(("ngrams", "chars", "columns", "vocabulary")) | config
        names, columns = given["vocabulary"], given["columns"]
        try:
            bag = cls(given["ngrams"], given["chars"], columns, given.get("counts") is True)
        except UsageError as error:
            raise InputError(f"its features are malformed ({error.line})", where=where, fix=fix) from error
        if names is not None and not (
            isinstance(names, list)
            and all(isinstance(name, str) for name in names)
            and len(set(names)) == len(names) == columns
        ):
            raise InputError("its vocabulary is malformed", where=where, fix=fix)
        bag._use(names, columns)
        return bag

    def _use(self, names: list[str] | None, columns: int) -> None:
        self.columns = columns
        self.vocabulary = None if names is None else {name: column for column, name in enumerate(names)}
        self._columns_of_token = Memory(
            lambda token: tuple(self._look_up(_names_of((token, self.chars)))), lambda: MOST_REMEMBERED
        )

    def _look_up(self, names: Sequence[str]) -> list[int]:
        """The columns of features."""
        if self.vocabulary is None:
            return [zlib.crc32(name.encode()) % self.columns for name in names]
        return [column for name in names if (column := self.vocabulary.get(name)) is not None]

    def _parts(self, tokens: list[str]) -> Iterator[tuple[str, list[str]]]:
        """What a message consists of, each with the names of its features."""
        for token in tokens:
            yield token, _NAMES[token, self.chars]
        for name in self._names_beyond(tokens):
            yield name, [name]

    def _names_beyond(self, tokens: list[str]) -> list[str]:
        """The features of words that follow each other, and of the length."""
        names = [f"<length {len(tokens).bit_length()}>"]
        if self.ngrams > 1:
            words = [token for token in tokens if is_word(token) and not is_together(token)]
            for size in range(2, self.ngrams + 1):
                names += map(" ".join, zip(*(words[start:] for start in range(size)), strict=False))
        return names


def _names_of(token_and_chars: tuple[str, int]) -> list[str]:
    """The features of one word or mark."""
    token, chars = token_and_chars
    if not is_word(token) or is_together(token):
        return [token]
    spelled = f"_{token}_"
    names = [token]
    for size in range(2, chars + 1):
        names += ["~" + spelled[i : i + size] for i in range(len(spelled) - size + 1)]
    return names


_NAMES = Memory(_names_of, lambda: MOST_REMEMBERED)


def _distinct(names: Iterator[str]) -> set[str]:
    """The different names, cut off once there are too many to count: one message may have more than memory holds."""
    found: set[str] = set()
    while len(found) <= MOST_COUNTED and (some := list(itertools.islice(names, 2**16))):
        found.update(some)
    return found
