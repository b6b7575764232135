"""One model in several threads, and after a fork."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import UsageError
from brainbox_core.network import sharing
from brainbox_core.rng import stream
from brainbox_core.training.callbacks import Callback

THREADS = 8


def dense() -> list:
    return [bb.layers.Linear(16), bb.layers.BatchNorm(), bb.layers.ReLU(), bb.layers.Dropout(0.3), bb.layers.Linear(3)]


def convolutional() -> list:
    conv = [bb.layers.Conv2D(4, kernel=3), bb.layers.ReLU(), bb.layers.MaxPool(2), bb.layers.Conv2D(40, kernel=2)]
    return [*conv, bb.layers.Flatten(), bb.layers.Linear(3)]


def recurrent() -> list:
    return [bb.layers.LSTM(8), bb.layers.GRU(5), bb.layers.Flatten(), bb.layers.Linear(3)]


KINDS = {"dense": (dense, (12,)), "convolutional": (convolutional, (14, 14, 1)), "recurrent": (recurrent, (6, 4))}


def trained(kind: str, epochs: int = 1) -> tuple[bb.Sequential, np.ndarray, np.ndarray]:
    make, shape = KINDS[kind]
    X = stream(0, "x", kind).normal(size=(300, *shape)).astype(np.float32)
    y = (X.reshape(300, -1)[:, :3]).argmax(axis=1)
    model = bb.Sequential(make())
    model.compile(bb.optimizers.Adam(), bb.loss.CrossEntropy())
    model.fit(X, y, epochs=epochs)
    return model, X, y


def in_threads(work, count: int = THREADS) -> list:
    start = threading.Barrier(count)

    def begin(number: int):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


@pytest.mark.parametrize("kind", KINDS)
def test_eight_threads_predict_what_one_does_also_beside_a_training(kind):
    model, X, _ = trained(kind)
    alone = model.predict(X, batch_size=64)

    def work(number: int):
        if number == 0:
            return [trained(other)[0].state() for other in KINDS]
        return [model.predict(X, batch_size=64) for _ in range(10)]

    begin, *found = in_threads(work)
    assert all(np.array_equal(outputs, alone) for many in found for outputs in many)
    for other, state in zip(KINDS, begin, strict=True):  # the trainings were not disturbed either
        for name, array in trained(other)[0].state().items():
            np.testing.assert_array_equal(state[name], array)


class Hold(Callback):
    """A training that stands still in the middle of its first epoch until it is told to go on."""

    def __init__(self):
        self.inside, self.go_on = threading.Event(), threading.Event()

    def on_batch_end(self, model, logs):
        self.inside.set()
        assert self.go_on.wait(30)


@pytest.mark.parametrize("use", ["predict", "evaluate", "fit", "save", "state"])
def test_who_uses_a_model_while_another_thread_trains_it_is_refused(use, tmp_path):
    model, X, y = trained("dense")
    hold = Hold()
    uses = {
        "predict": lambda: model.predict(X),
        "evaluate": lambda: model.evaluate(X, y),
        "fit": lambda: model.fit(X, y),
        "save": lambda: model.save(tmp_path / "model.safetensors"),
        "state": model.state,
    }
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(model.fit, X, y, callbacks=[hold])
        try:
            assert hold.inside.wait(30)
            with pytest.raises(UsageError, match="another thread trains this model"):
                uses[use]()
        finally:
            hold.go_on.set()
        training.result()
    assert not list(tmp_path.iterdir())
    uses[use]()  # afterwards it is free again
    assert not sharing._trainers and not sharing._readers


def test_a_training_waits_for_those_who_predict_and_uses_its_own_model_freely():
    model, X, y = trained("dense")
    weights = model.state()

    class Look(Callback):
        def on_batch_end(self, model, logs):
            assert len(model.predict(X[:2])) == 2

    with ThreadPoolExecutor(1) as pool:
        with sharing.reading(model):
            training = pool.submit(model.fit, X, y, callbacks=[Look()])
            for _ in range(50):
                for name, array in model.params.named.items():
                    np.testing.assert_array_equal(array.data, weights[name])
        training.result(30)
    assert any((array != weights[name]).any() for name, array in model.state().items())


def test_a_training_that_fails_leaves_its_model_free():
    model, X, y = trained("dense")

    class Fail(Callback):
        def on_batch_end(self, model, logs):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.fit(X, y, callbacks=[Fail()])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(model.predict, X).result(30).shape == (300, 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_predicts_and_trains_the_same(tmp_path):
    model, X, y = trained("convolutional")
    child = os.fork()
    if not child:
        try:
            model.fit(X, y)
            np.save(tmp_path / "child.npy", model.predict(X))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    model.fit(X, y)
    np.testing.assert_array_equal(np.load(tmp_path / "child.npy"), model.predict(X))
