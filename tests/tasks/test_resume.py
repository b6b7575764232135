"""Every task goes on with a training that was stopped, and comes to the same model and the same figures."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from brainbox_core.errors import InputError, UsageError
from brainbox_core.tasks.digits.settings import Settings as Digits
from brainbox_core.tasks.fraud.settings import Settings as Fraud
from brainbox_core.tasks.loading import load_task
from brainbox_core.tasks.regress.settings import Settings as Regress
from brainbox_core.tasks.rnn.settings import Settings as Generator
from brainbox_core.tasks.spam.settings import Settings as Spam
from brainbox_core.training import checkpoint
from brainbox_core.training.callbacks import Callback, Checkpoint

RNN = {"hidden": 8, "embedding": 4, "seq_len": 16, "batch_size": 4, "limit": 2000, "patience": 2, "dropout": 0.2}

# Settings, and after how many batches the training is stopped.
CASES = {
    "mnist": ("mnist", Digits.mnist(limit=150, epochs=3, hidden=(8,), patience=1, augment=True), (1, 3, 4, 8)),
    "cnn": ("cnn", Digits.cnn(limit=100, epochs=2, filters=(2, 3), hidden=(), optimizer="sgd"), (1, 2, 3)),
    "fraud": ("fraud", Fraud(limit=2000, epochs=3, batch_size=700, patience=2, split="stratified", folds=2), (1, 3, 7)),
    "spam": ("spam", Spam(limit=300, epochs=2, folds=2, vocabulary=500), (5, 8)),
    "rnn": ("rnn", Generator(steps=23, sample_every=5, explain=True, **RNN), (1, 15, 23)),
    "rnn lines": ("rnn", Generator(steps=11, sample_every=4, lines=True, cell="gru", layers=2, **RNN), (7,)),
    "regress": ("regress", Regress(epochs=40, val_split=0.2, patience=30), (1, 2, 17, 40)),
    "regress in batches": ("regress", Regress(epochs=7, batch_size=32, degree=2), (1, 2, 6)),
    "regress in blocks": ("regress", Regress(epochs=3, batch_size=1, plain=True, ridge=0.1), (1, 3)),
}


class StopAt(Callback):
    def __init__(self, batches):
        self.left = batches

    def on_batch_end(self, model, logs):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@cache
def data_of(case):
    noun, settings, _ = CASES[case]
    return load_task(noun).load_data(settings)


def trained(case, path, *callbacks, unfinished=None):
    """The bytes of the model, and what the training found, without times."""
    noun, settings, _ = CASES[case]
    task = load_task(noun)
    model = task.build_model(settings, data_of(case))
    if unfinished is not None:
        model.unfinished = checkpoint.read(unfinished, noun)
    result = task.train(model, settings, data_of(case), callbacks)
    model.save(path)
    found = {field.name: getattr(result, field.name) for field in fields(result)}
    found["history"] = [{name: v for name, v in row.items() if name != "time_s"} for row in result.history]
    return path.read_bytes(), repr(found), [v.tobytes() for v in found.values() if isinstance(v, np.ndarray)]


@pytest.mark.parametrize("case", CASES)
def test_a_stopped_training_comes_to_the_same_model(case, tmp_path, monkeypatch):
    if case == "regress in blocks":
        monkeypatch.setattr("brainbox_core.tasks.regress.solver.BLOCK", 100)
    expected = trained(case, tmp_path / "whole")
    for stop in CASES[case][2]:
        with pytest.raises(KeyboardInterrupt):
            trained(case, tmp_path / "stopped", Checkpoint(tmp_path / "c"), StopAt(stop))
        assert trained(case, tmp_path / "again", unfinished=tmp_path / "c") == expected, stop


@pytest.mark.parametrize("change", [{"ridge": 0.1}, {"batch_size": 16}, {"epochs": 9}, {"lr": 0.01}, {"seed": 1}])
def test_regress_refuses_other_settings_by_name(change, tmp_path):
    task, settings = load_task("regress"), CASES["regress in batches"][1]
    with pytest.raises(KeyboardInterrupt):
        trained("regress in batches", tmp_path / "m", Checkpoint(tmp_path / "c"), StopAt(2))
    other = Regress(**{"epochs": 7, "batch_size": 32, "degree": 2, **change})
    data = data_of("regress in batches")
    model = task.build_model(other, data)
    model.unfinished = checkpoint.read(tmp_path / "c", "regress")
    with pytest.raises(UsageError, match=f"`{next(iter(change))}`"):
        task.train(model, other, data)
    model = task.build_model(settings, data)
    model.unfinished = checkpoint.read(tmp_path / "c", "regress")
    data.y[3] += 1
    try:
        with pytest.raises(InputError, match="training data differs"):
            task.train(model, settings, data)
    finally:
        data.y[3] -= 1


def test_the_checkpoint_of_another_noun_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trained("cnn", tmp_path / "m", Checkpoint(tmp_path / "c"), StopAt(1))
    with pytest.raises(InputError, match="this is a cnn model"):
        checkpoint.read(tmp_path / "c", "mnist")
