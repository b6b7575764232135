"""What a spam filter is made of: plain values, without NumPy, so that they can be shown before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.scalar.update_rules import learning_rates
from brainbox_core.tasks import contract

BUILT_IN, BUILT_IN_ROWS = "messages", 4600
BUILT_IN_BLOCK = 230  # rows in a row that share sentences with each other and with no others
# The peak learning rate of each optimizer. That of sgd was chosen with l2, by F1 and ham blocked in five folds of the
# SMS Spam Collection with the seeds 100 to 111, and is for rows of mean squared length `USUAL_LENGTH`, that of most
# short messages. The others are the best of a coarse grid for log loss on two sets of messages, with an l2 of 0.001.
RATES = learning_rates(sgd=0.2, rmsprop=0.01, adagrad=0.3, adam=0.05, adamw=0.05)
USUAL_LENGTH = 160
LOSSES = ("log", "mse")
MOST_NGRAMS, MOST_CHARS, LARGEST_VOCABULARY = 5, 8, 2**18
MOST_FOLDS = 100


@dataclass(frozen=True, kw_only=True)
class Settings(contract.EpochSettings):
    """Everything that decides what a spam filter learns; what is not here, `contract.EpochSettings` explains.

    Args:
        data: `messages` (built in), a file of lines label<TAB>text, a CSV file, or - for standard input.
        ngrams: the most words in a row that make a feature, 1 to 5.
        chars: the most characters in a row of a word that make a feature, 0 to 8; 0 and 1 use whole words only.
        vocabulary: the most features that are kept by name; if there are more, all are hashed into this many columns.
        counts: take how often a feature occurs in a message, not only whether it does.
        loss: `log`, or `mse` to see why not.
        l2: the penalty is l2 / 2 * the sum of the squared weights; with n rows, 1 / (n C) of a support vector machine.
        threshold: from which probability on a message is called spam. Above 0.5, because losing a message that
            somebody waits for is worse than reading one that nobody wanted.
        folds: how many parts cross-validation makes of all messages; 0 leaves it out.
        lr: the highest learning rate of the one-cycle schedule; with sgd, of messages with 160 features, and the more
            they have, the lower in proportion.
        optimizer: `sgd` (with momentum 0.9), `rmsprop`, `adagrad`, `adam` or `adamw`. The others divide the gradient of
            a feature by its usual size, so that a rare one is learned as fast as a frequent one. In five folds of the
            SMS Spam Collection (three seeds) they blocked 0.11 to 0.13 % of ham, and sgd 0.09 %.

    Example:
        >>> Settings(ngrams=2).title
        'logistic regression on words, pairs of words and up to 4 characters in a row'
    """

    data: str = BUILT_IN
    ngrams: int = 1
    chars: int = 4
    vocabulary: int = 2**16
    counts: bool = False
    loss: str = "log"
    l2: float = 3e-4
    threshold: float = 0.6
    folds: int = 0
    epochs: int = 10
    batch_size: int = 64
    lr: float = RATES["sgd"]
    optimizer: str = "sgd"

    rates: ClassVar[Mapping[str, float]] = RATES
    first_look: ClassVar[Mapping[str, int]] = {"epochs": 5, "folds": 0, "limit": 5000}

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("ngrams", self.ngrams, 1, MOST_NGRAMS)
        whole("chars", self.chars, 0, MOST_CHARS)
        whole("vocabulary", self.vocabulary, 1, LARGEST_VOCABULARY)
        contract.check_folds(whole("folds", self.folds, 0, MOST_FOLDS))
        if self.loss not in LOSSES:
            raise UsageError("loss is unknown", expected="log or mse", got=self.loss)
        between("l2", self.l2, 0)
        between("threshold", self.threshold, 0, 1, above=True, below=True)

    @property
    def title(self) -> str:
        """The model in a few words."""
        kinds = ["words", *{1: [], 2: ["pairs of words"]}.get(self.ngrams, [f"up to {self.ngrams} words in a row"])]
        if self.chars > 1:
            kinds.append(f"up to {self.chars} characters in a row")
        return f"logistic regression on {', '.join(kinds[:-1])}{' and ' if kinds[1:] else ''}{kinds[-1]}"
