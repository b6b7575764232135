"""The history of a training is a list that knows its columns and draws itself."""

import copy
import json
import pickle
import sys

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import UsageError
from brainbox_core.network.history import History
from brainbox_core.screen import plotting

ROWS = [
    {"epoch": 1, "train_loss": 0.5, "lr": 0.1},
    {"epoch": 2, "train_loss": 0.25, "val_loss": 0.3, "val_accuracy": 0.8, "lr": 0.1},
    {"epoch": 3, "train_loss": 0.2, "val_loss": 0.35, "val_accuracy": 0.7, "lr": 0.1},
]


@pytest.fixture
def history():
    return History(copy.deepcopy(ROWS))


def test_it_is_a_list_of_dictionaries(history):
    assert isinstance(history, list) and history == ROWS and json.loads(json.dumps(history)) == ROWS
    assert history[-1]["train_loss"] == 0.2 and [row["epoch"] for row in history] == [1, 2, 3]
    assert type(history[1:]) is History and history[1:] == ROWS[1:]
    for again in (copy.deepcopy(history), copy.copy(history), pickle.loads(pickle.dumps(history))):
        assert type(again) is History and again == ROWS


def test_a_column_is_asked_by_its_name(history):
    assert history["train_loss"] == [0.5, 0.25, 0.2] and history["val_loss"] == [None, 0.3, 0.35]
    with pytest.raises(UsageError, match="the history has no 'loss': expected epoch, train_loss, lr, val_loss"):
        history["loss"]
    with pytest.raises(UsageError, match="at least one epoch"):
        History()["loss"]


def test_fit_and_the_model_have_one_that_outlives_every_copy(tmp_path):
    model = bb.Sequential([bb.layers.Linear(1)])
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.MSE())
    X = np.ones((4, 2), np.float32)
    assert type(model.fit(X, X[:, :1], epochs=2)) is History and len(model.history["train_loss"]) == 2
    model.save(tmp_path / "model", checkpoint=True)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), bb.load(tmp_path / "model")):
        assert type(again.history) is History and again.history == model.history


def test_plot_draws_every_figure_of_both_parts(history, tmp_path):
    figure = history.plot(tmp_path / "loss.png")
    assert [axes.get_title("left") for axes in figure.axes] == ["Loss", "Accuracy"]
    lines = [[line.get_ydata().tolist() for line in axes.lines] for axes in figure.axes]
    assert np.allclose(lines[0], [[0.5, 0.25, 0.2], [np.nan, 0.3, 0.35]], equal_nan=True) and len(lines[1]) == 1
    assert (tmp_path / "loss.png").read_bytes() == figure._repr_png_() == plotting.png(lambda: figure)


def test_plot_refuses_what_it_cannot_draw(history, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"there is no epoch to draw; fit\(\)"):
        History().plot()
    with pytest.raises(UsageError, match=r"ends in .png, got loss.pdf; plot\(\).savefig"):
        history.plot("loss.pdf")
    monkeypatch.delattr(sys.modules["brainbox_core.screen"], "plotting")
    monkeypatch.delitem(sys.modules, "brainbox_core.screen.plotting")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"needs Matplotlib, .*: pip install matplotlib"):
        history.plot()
