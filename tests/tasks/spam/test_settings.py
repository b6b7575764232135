"""What a spam filter may be made of."""

import dataclasses

import pytest

from brainbox_core.errors import UsageError
from brainbox_core.scalar.update_rules import NETWORK_OPTIMIZERS
from brainbox_core.tasks.spam.settings import BUILT_IN_ROWS, RATES, Settings
from brainbox_core.text.messages import read_messages

WRONG = [
    {"ngrams": 0},
    {"ngrams": 6},
    {"chars": -1},
    {"chars": 9},
    {"vocabulary": 0},
    {"vocabulary": 2**18 + 1},
    {"folds": 1},
    {"folds": 101},
    {"loss": "hinge"},
    {"optimizer": "lbfgs"},
    {"l2": -1.0},
    {"l2": float("nan")},
    {"threshold": 0.0},
    {"threshold": 1.0},
    {"val_split": 1.0},
    {"lr": 0.0},
    {"lr": float("inf")},
    {"epochs": 0},
    {"batch_size": 0},
    {"seed": -1},
    {"limit": 0},
    {"patience": 0},
]


@pytest.mark.parametrize("changes", WRONG, ids=map(str, WRONG))
def test_what_is_out_of_range_is_refused_by_name(changes):
    with pytest.raises(UsageError, match=next(iter(changes))):
        Settings(**changes)


def test_the_learning_rate_suits_the_optimizer_unless_one_is_given():
    assert set(RATES) == set(NETWORK_OPTIMIZERS)
    assert Settings.suited(optimizer="sgd").lr == RATES["sgd"]
    assert Settings.suited(optimizer="sgd", lr=7.0).lr == 7.0
    assert Settings.suited() == Settings()


def test_quick_is_less_of_everything():
    quick = Settings(folds=5, epochs=50).quick()
    assert (quick.folds, quick.epochs, quick.limit) == (0, 5, 5000)
    assert dataclasses.replace(Settings(), limit=100).quick().limit == 100


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"chars": 0}, "logistic regression on words"),
        ({"chars": 1, "ngrams": 2}, "logistic regression on words and pairs of words"),
        ({"ngrams": 3}, "logistic regression on words, up to 3 words in a row and up to 4 characters in a row"),
    ],
)
def test_the_title(changes, title):
    assert Settings(**changes).title == title


def test_the_number_of_built_in_messages():
    from brainbox_core.datasets.catalog import builtin

    assert len(read_messages(builtin("messages.tsv")).texts) == BUILT_IN_ROWS
