from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from brainbox_core.errors import InputError, UsageError
from brainbox_core.tasks import contract
from brainbox_core.tasks.contract import EpochSettings, HeldOut, Settings
from brainbox_core.tasks.loading import NOUNS, load_task
from tests.cli.shell import python


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"batch_size": "full"},
        {"lr": None},
        {"lr": 0.0},
        {"val_split": 0},
        {"val_split": 1},
        {"seed": -1},
        {"patience": 0},
        {"limit": 0},
    ],
)
def test_the_shared_checks(change):
    Settings(**{"data": "x", "lr": 1.0})
    with pytest.raises(UsageError, match=next(iter(change))):
        Settings(**{"data": "x", "lr": 1.0, **change})


def test_a_task_may_take_one_value_more():
    class Lenient(Settings):
        also: ClassVar = {"batch_size": "full", "lr": None, "val_split": 0}

    Lenient(data="x", batch_size="full", lr=None, val_split=0)
    with pytest.raises(UsageError, match="batch_size"):
        Lenient(data="x", batch_size="half")


def test_the_learning_rate_suits_the_optimizer_unless_it_is_given():
    @dataclass(frozen=True, kw_only=True)
    class Own(EpochSettings):
        data: str = "x"
        epochs: int = 1
        lr: float = 0.5
        optimizer: str = "sgd"

        rates: ClassVar = {"sgd": 0.5, "adam": 0.25}

    assert [Own.suited(**changes).lr for changes in ({}, {"optimizer": "adam"}, {"optimizer": "adam", "lr": 2.0})] == [
        0.5,
        0.25,
        2.0,
    ]
    with pytest.raises(UsageError, match="optimizer is unknown: expected sgd, adam, got lion"):
        Own.suited(optimizer="lion")


class Model:
    def __init__(self, **meta):
        self.meta = meta


class Found:
    sha256, held_out = "1", HeldOut("inputs", np.arange(2))


@pytest.mark.parametrize(
    "model, why",
    [
        (Model(), "the model does not say what it was trained on"),
        (Model(data={"name": 3}), "the model does not say what it was trained on"),
        (Model(data={"name": "gone"}), "gone is not here"),
        (Model(data={"name": "here", "sha256": "2"}), "here is not what the model was trained on"),
        (Model(data={"name": "bad", "sha256": "1"}), "bad: is malformed"),
    ],
)
def test_why_what_was_held_out_is_not_at_hand(model, why):
    def load(name):
        if name == "bad":
            raise InputError("is malformed", where=name)
        return Found

    assert contract.held_out(model, ("here", "bad").__contains__, load) == why
    assert contract.held_out(Model(data={"name": "here", "sha256": "1"}), "here".__eq__, load) is Found.held_out


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_a_task_that_answers_all_calls(noun):
    task = load_task(noun)
    calls = ("load_data", "load_test_data", "build_model", "train", "evaluate", "held_out", "load_model")
    assert all(callable(getattr(task, call)) for call in calls)


def test_another_noun_has_none():
    with pytest.raises(UsageError, match="no such task"):
        load_task("neuron")


def test_the_settings_and_the_contract_need_no_numpy(tmp_path):
    rooms = ("digits", "fraud", "regress", "rnn", "spam")
    program = "import sys, brainbox_core.tasks.loading\n"
    program += "".join(f"import brainbox_core.tasks.{room}.settings\n" for room in rooms)
    assert python("-c", program + "sys.exit('numpy' in sys.modules)", cwd=tmp_path).returncode == 0
