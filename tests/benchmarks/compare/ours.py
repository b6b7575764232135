"""Our side of every task, as a user calls it."""

from __future__ import annotations

import numpy as np

import braininabox as bb
from brainbox_core.images.filter import correlate
from brainbox_core.tasks.spam import train as spam
from brainbox_core.tasks.spam.settings import Settings
from tests.benchmarks.compare.cases import BATCH, EMBEDDING, LETTERS, UNITS, WINDOW, Case
from tests.benchmarks.compare.side import Turns
from tests.realdata import real_data

L = bb.layers


class Epochs(bb.callbacks.Callback):
    """Makes each epoch of one `fit` a turn."""

    def __init__(self, turns: Turns):
        self._turns = turns

    def on_epoch_end(self, model, logs) -> None:
        model.stop_training = not self._turns.next()


def network(filters, hidden) -> bb.Sequential:
    """Convolutions with ReLU and pool, then dense layers."""
    chain: list = []
    for kind, count, kernel in filters:
        chain += [getattr(L, kind)(count, kernel=kernel), L.ReLU(), L.MaxPool(2)]
    chain.append(L.Flatten())
    for width in hidden:
        chain += [L.Linear(width), L.ReLU()]
    return bb.Sequential([*chain, L.Linear(10)])


def pictures(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """So many of the built-in digits, uint8 (rows, 28, 28), with their labels."""
    (X, y), _ = bb.datasets.load("digits")
    return X[:rows], y[:rows]


def letters(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows (rows, WINDOW) of a random text, and what follows each letter."""
    text = np.random.default_rng(0).integers(0, LETTERS, rows * WINDOW + 1)
    return text[:-1].reshape(rows, WINDOW), text[1:].reshape(rows, WINDOW)


def _fit(turns: Turns, model: bb.Sequential, X: np.ndarray, y: np.ndarray) -> None:
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    model.fit(X, y, epochs=1_000_000, batch_size=BATCH, callbacks=[Epochs(turns)])


def train_pictures(turns: Turns, case: Case) -> None:
    _fit(turns, network(**case.given), *pictures(BATCH * case.times))


def predict_pictures(turns: Turns, case: Case) -> None:
    model, (X, _) = network(case.given["filters"], case.given["hidden"]), pictures(case.given["rows"])
    model.build(X.shape[1:])
    model.predict(X)
    while turns.next():
        for _ in range(case.times):
            model.predict(X)


def train_characters(turns: Turns, case: Case) -> None:
    cell = getattr(L, case.given["cell"])
    chain = [L.Embedding(LETTERS, EMBEDDING), *[cell(UNITS) for _ in range(case.given["layers"])], L.Linear(LETTERS)]
    _fit(turns, bb.Sequential(chain), *letters(BATCH * case.times))


def messages() -> tuple[Settings, spam.Data]:
    """The SMS Spam Collection, its repetitions left out and divided as `brainbox spam` does it."""
    settings = Settings(data=str(real_data("sms-spam/SMSSpamCollection")))
    return settings, spam.load_data(settings)


def learn_messages(turns: Turns, case: Case) -> None:
    settings, data = messages()
    texts, more = [data.texts[number] for number in data.train], True
    while more:
        bag = spam.bag_for(settings).fit(texts)
        bag.transform(texts)
        result = spam.train(spam.build_model(settings, data), settings, data)
        turns.found["f1"] = result.metrics["test_f1"]
        more = turns.next()


def read_messages(turns: Turns, case: Case) -> None:
    settings, data = messages()
    model = spam.build_model(settings, data)
    turns.found["f1"] = spam.train(model, settings, data).metrics["test_f1"]
    reader = spam.SpamFilter(model)
    reader.predict(data.texts)
    while turns.next():
        reader.predict(data.texts)


def picture_and_kernel(shape: tuple[int, int], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Random ones in float64; the kernel is no product of a column and a row."""
    rng = np.random.default_rng(0)
    return rng.random(shape), rng.normal(size=(side, side))


def filter_picture(turns: Turns, case: Case) -> None:
    image, kernel = picture_and_kernel(**case.given)
    correlate(image, kernel)
    while turns.next():
        for _ in range(case.times):
            correlate(image, kernel)
