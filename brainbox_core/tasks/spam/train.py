"""Telling spam from ham by the words of a message: the task behind the command spam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from brainbox_core import layers, metrics
from brainbox_core.data import DataLoader
from brainbox_core.errors import InputError
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.loss import BinaryCrossEntropy, SquaredError
from brainbox_core.model.sequential import Sequential
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Progress, built_in_or_file
from brainbox_core.tasks.learning import linear, optimizer, stopping, unlearned
from brainbox_core.tasks.spam.data import Data, bag_for, folds_of, load_test_data, remarks, usual
from brainbox_core.tasks.spam.data import load_data as load_data  # a task answers all calls of the contract
from brainbox_core.tasks.spam.settings import BUILT_IN, USUAL_LENGTH, Settings
from brainbox_core.tensor import Tensor
from brainbox_core.text.bag_of_words import BagOfWords
from brainbox_core.text.tokens import is_word, tokenize
from brainbox_core.training import loop
from brainbox_core.training.callbacks import Callback

AT_A_TIME = 4096  # messages that are turned into rows at once
TELLING = 12  # features of each kind that a result names

LOSSES: dict[str, type[BinaryCrossEntropy]] = {"log": BinaryCrossEntropy, "mse": SquaredError}


@dataclass(frozen=True)
class Mistake:
    """The message that a model is most wrong about, and how strongly each loss would correct it.

    Attributes:
        text: the message.
        label: what it is.
        probability: of spam, as the model has it.
        pulls: the derivative of each loss with respect to the logit.
    """

    text: str
    label: str
    probability: float
    pulls: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Result(contract.Result):
    """What a training or an evaluation found, beside what every task finds.

    Attributes:
        threshold: from which probability on a message is called spam.
        confusion: [[ham let through, ham blocked], [spam let through, spam blocked]].
        probabilities, labels: of every test message, (n,).
        telling: the words that speak most for spam and for ham, with their weights; empty if they are hashed.
        loss: what it was trained with, "log" or "mse"; empty after an evaluation.
        mistake: of a training, the message that it left the model most wrong about.
    """

    threshold: float
    confusion: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray
    telling: dict[str, list[tuple[str, float]]]
    loss: str = ""
    mistake: Mistake | None = None


@dataclass(frozen=True)
class Prediction:
    """What a message was taken for.

    Attributes:
        label: "spam" or "ham".
        probability: of spam.
        known: whether any of its words is known. If none is, the probability is the share of spam in the training.
    """

    label: str
    probability: float
    known: bool


class SpamFilter:
    """A trained model, ready to read messages.

    Args:
        model: as `train` left it or `load_model` gave it.
        threshold: in the place of the one that the model came with.

    Attributes:
        threshold: from which probability on a message is called spam.
        bias: the logit of a message without any known feature.
    """

    def __init__(self, model: Sequential, threshold: float | None = None):
        self._model = model
        self._bag = BagOfWords.from_config(model.meta["features"], "the model")
        self._prior = model.meta["prior"]
        layer = linear(model)
        self._weight = layer.weight.data[:, 0]
        self.threshold = model.meta["threshold"] if threshold is None else threshold
        self.bias = float(layer.bias.data[0])

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """What each of the messages is taken for."""
        predictions = []
        for start in range(0, len(texts), AT_A_TIME):
            part = texts[start : start + AT_A_TIME]
            for text, p in zip(part, probabilities(self._model, self._bag.transform(part)).tolist(), strict=True):
                # No word that was never seen has a weight; in a hashed vocabulary it may share that of another.
                known = any(self._weight[column] for column in self._bag.word_columns(text))
                p = p if known else self._prior
                predictions.append(Prediction("spam" if p >= self.threshold else "ham", p, known))
        return predictions

    def remarks(self, texts: Sequence[str]) -> list[str]:
        """What to know about answers for such texts: they are longer than those of the training, or of other words."""
        return remarks(self._bag, self._model.meta.get("usual"), texts)

    def why(self, text: str) -> list[tuple[str, float]]:
        """What each part of a message adds to its logit; the bias added too, the sum is the logit."""
        return self._bag.contributions(text, self._weight)


def words(text: str) -> list[str]:
    """The words of a message as the model reads them, without its marks.

    Example:
        >>> words("Buy cheap meds now!! Click here")
        ['buy', 'cheap', 'meds', 'now', 'click', 'here']
    """
    return [token for token in tokenize(text) if is_word(token)]


def build_model(settings: Settings, data: Data) -> Sequential:
    """One linear layer from the features to the logit, all weights 0, compiled with a one-cycle learning rate."""
    model = _model(settings, data.rows.take(data.train))
    model.meta = {
        "kind": "spam",
        "classes": ["ham", "spam"],
        "features": data.bag.config(),
        "threshold": settings.threshold,
        "prior": float(data.labels[data.train].mean()),
        "usual": usual(data.bag, [data.texts[number] for number in data.train], data.val_texts),
        "settings": {"loss": settings.loss, "l2": settings.l2, "epochs": settings.epochs},
        "data": {"name": data.name, "sha256": data.sha256},
    }
    return model


def train(model: Sequential, settings: Settings, data: Data, callbacks: Sequence[Callback] = ()) -> Result:
    """Train, restore the best epoch, and judge it by the test messages, which nothing before has looked at."""
    callbacks = [*callbacks, *stopping(settings)]
    y = data.labels[:, None].astype(np.float32)
    loader = DataLoader(data.rows, y, settings.batch_size, settings.seed, data.train)
    try:
        history = loop.train(model, loader, settings.epochs, (data.rows.take(data.val), y[data.val]), callbacks)
    finally:  # whatever it was trained with, its probabilities are judged by log loss; no file holds a penalty
        model.loss = BinaryCrossEntropy()
    best = min(history, key=lambda logs: logs["val_loss"])
    judged = evaluate(model, data)
    found = {**judged.metrics, **{name: best[name] for name in ("train_loss", "val_loss", "val_accuracy")}}
    if settings.folds:
        found |= _cross_validate(settings, data)
    model.meta["metrics"] = found
    silent = "it calls nothing spam: try more epochs, another learning rate or a lower threshold"
    failure = unlearned(
        LOSSES[settings.loss](),
        f"always answering {model.meta['classes'][int(y[data.train].mean() >= 0.5)]}",
        (y[data.val], (1,), best["val_loss"]),
        (y[data.train], (1,), best["train_loss"]),
    )
    return replace(
        judged,
        metrics=found,
        history=history,
        best_epoch=int(best["epoch"]),
        notes=() if judged.confusion[:, 1].any() else (silent,),
        loss=settings.loss,
        mistake=_worst_mistake(model, data),
        unlearned=failure,
    )


def evaluate(model: Sequential, data: Data, threshold: float | None = None, progress: Progress | None = None) -> Result:
    """Judge a model by the test messages.

    Args:
        threshold: from which probability on a message is called spam; the model's own if left out.
    """
    threshold = model.meta["threshold"] if threshold is None else threshold
    rows, labels = data.rows.take(data.test), data.labels[data.test]
    logits = model.predict(rows)
    p = probabilities(model, rows)
    found = _judge(labels, p, threshold)
    found |= {
        "test_average_precision": metrics.average_precision(labels, p),
        "test_loss": BinaryCrossEntropy()(Tensor(logits), labels[:, None].astype(np.float32)).item(),
        "baseline_accuracy": float(1 - labels.mean()),  # of calling everything ham
    }
    return Result(
        metrics={"primary": "test_f1", **found},
        threshold=threshold,
        confusion=metrics.confusion_matrix(labels, p >= threshold, 2),
        probabilities=p,
        labels=labels,
        telling=_telling(model, data.bag),
    )


def held_out(model: Sequential) -> HeldOut | str:
    """The test messages of the file that a filter was trained on."""
    return contract.held_out(model, built_in_or_file(BUILT_IN), partial(load_test_data, model))


def load_model(path: str | Path, kind: str = "spam") -> Sequential:
    """A spam filter from its file, made by the tokenizer that is used here."""
    return learning.load_model(path, kind, _check)


def _check(model: Sequential) -> None:
    bag = BagOfWords.from_config(model.meta.get("features"), "the model")
    if not (len(model.layers) == 1 and isinstance(model.layers[0], layers.Linear) and model.output_shape == (1,)):
        raise InputError("its layers are not those of a spam filter")
    if model.input_shape != (bag.columns,):
        raise InputError("its vocabulary does not fit its weights")
    for name in ("threshold", "prior"):
        value = model.meta.get(name)
        if not isinstance(value, float) or not 0 <= value <= 1:
            raise InputError(f"its {name} is no probability")
    data = model.meta.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("sha256"), str):
        raise InputError("it does not say what it was trained on")


def probabilities(model: Sequential, rows: SparseRows) -> np.ndarray:
    """The probability of spam of each row, float64 (n,)."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-model.predict(rows, AT_A_TIME)[:, 0].astype(np.float64)))


def _model(settings: Settings, rows: SparseRows) -> Sequential:
    model = Sequential([layers.Linear(1, initializer="zeros", l2=settings.l2 / 2)], settings.seed)
    model.build(rows.shape[1:])
    lr = settings.lr
    if settings.optimizer == "sgd":  # a step moves a logit by the rate times the squared length of its row
        lr *= USUAL_LENGTH * len(rows) / float(np.square(rows.data, dtype=np.float64).sum())
    model.compile(optimizer(settings, len(rows), lr), LOSSES[settings.loss]())
    return model


def _judge(labels: np.ndarray, p: np.ndarray, threshold: float, part: str = "test") -> dict[str, float]:
    called = p >= threshold
    return {
        f"{part}_f1": metrics.f1(labels, called),
        f"{part}_accuracy": metrics.accuracy(labels, called),
        f"{part}_precision": metrics.precision(labels, called),
        f"{part}_recall": metrics.recall(labels, called),
        f"{part}_ham_blocked": float(called[labels == 0].mean()),
    }


def _cross_validate(settings: Settings, data: Data) -> dict[str, float]:
    """The figures over all messages, each judged by a model that was trained on the other folds."""
    y, p = data.labels[:, None].astype(np.float32), np.empty(len(data.labels))
    for rest, test in folds_of(data, settings.folds, settings.seed):
        bag = bag_for(settings).fit([data.texts[number] for number in rest])
        rows = bag.transform(data.texts)
        model = _model(settings, rows.take(rest))
        loader = DataLoader(rows, y, settings.batch_size, settings.seed, rest)
        loop.train(model, loader, settings.epochs, None, ())
        p[test] = probabilities(model, rows.take(test))
    return _judge(data.labels, p, settings.threshold, "cv")


def _telling(model: Sequential, bag: BagOfWords) -> dict[str, list[tuple[str, float]]]:
    if bag.vocabulary is None:
        return {}
    names, weight = list(bag.vocabulary), linear(model).weight.data[:, 0]
    order = [place for place in np.argsort(weight, kind="stable").tolist() if not names[place].startswith("~")]
    best = {"spam": order[: -TELLING - 1 : -1], "ham": order[:TELLING]}
    return {label: [(names[place], float(weight[place])) for place in places] for label, places in best.items()}


def _worst_mistake(model: Sequential, data: Data) -> Mistake:
    p = probabilities(model, data.rows)
    place = int(np.argmax(np.abs(p - data.labels)))
    label, wrong = int(data.labels[place]), float(p[place])
    pulls = {loss: derivative(loss, wrong, label) for loss in LOSSES}
    return Mistake(data.texts[place], model.meta["classes"][label], wrong, pulls)


def derivative(loss: str, p: float, y: int) -> float:
    """The derivative of a loss by the logit of a message with probability p = sigmoid(logit) and truth y.

    It is what pulls the logit to where it should be. For a message that is spam (y = 1):

        log loss         -log(p)      derivative  p - y                  -1 when it is all wrong
        squared error    (p - y)^2    derivative  2 (p - y) p (1 - p)     0 when it is all wrong

    The squared error multiplies the mistake by the slope of the sigmoid, which is flat where the model is sure: from a
    confident mistake it learns nothing. Log loss cancels that slope out, and is convex (Bishop, Pattern Recognition and
    Machine Learning, 2006, section 4.3.2).

    Args:
        loss: "log" or "mse".
        p: the probability of spam.
        y: 1 for spam, 0 for ham.

    Example:
        >>> derivative("log", 0.001, 1), round(derivative("mse", 0.001, 1), 6)
        (-0.999, -0.001996)
    """
    return p - y if loss == "log" else 2 * (p - y) * p * (1 - p)
