import math

import pytest

from brainbox_core.errors import UsageError
from brainbox_core.tasks.fraud.settings import RATES, Settings


def test_the_network_is_known_before_the_data_only_where_that_is_built_in():
    assert (Settings().title, Settings().parameters) == ("30-16-16-1 MLP", 785)
    assert Settings(hidden=(8,)).parameters == 30 * 8 + 8 + 8 + 1
    for other in (Settings(data="x.csv"), Settings(drop=("Time",))):
        assert (other.title, other.parameters) == ("16-16-1 MLP", None)


def test_the_rate_suits_the_optimizer_unless_it_is_given():
    assert Settings.suited().lr == RATES["adamw"]
    assert Settings.suited(optimizer="sgd").lr == RATES["sgd"]
    assert Settings.suited(optimizer="sgd", lr=0.5).lr == 0.5


def test_quick_is_smaller():
    quick = Settings().quick()
    assert (quick.epochs, quick.limit) == (8, 20_000)
    assert Settings(epochs=2, limit=100).quick() == Settings(epochs=2, limit=100)


@pytest.mark.parametrize(
    "changes",
    [
        {"class_weight": 0},
        {"class_weight": -1.0},
        {"class_weight": math.inf},
        {"class_weight": "heavy"},
        {"threshold": 0},
        {"threshold": 1},
        {"threshold": "best"},
        {"threshold": "recall=0"},
        {"threshold": "recall=1.5"},
        {"threshold": "recall=much"},
        {"threshold": "recall=nan"},
        {"split": "random"},
        {"optimizer": "newton"},
        {"target": "V1", "drop": ("V1",)},
        {"hidden": (0,)},
        {"epochs": 0},
        {"batch_size": 0},
        {"batch_size": "most"},
        {"lr": 0},
        {"folds": 1},
        {"folds": -1},
        {"folds": 5, "split": "time"},
        {"val_split": 0},
        {"val_split": 1},
        {"patience": 0},
        {"limit": 0},
        {"seed": -1},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(changes):
    with pytest.raises(UsageError):
        Settings(**changes)


def test_the_wanted_recall():
    assert Settings(threshold="recall=1").wanted_recall == 1
    assert Settings(threshold=0.92).wanted_recall is None
    assert Settings().wanted_recall is None
