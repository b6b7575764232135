"""Finding the few frauds among many honest transactions: the task behind the command fraud.

Where one row in a hundred is a fraud, a model that finds none is right in 99 % of the cases. So nothing here is chosen
by accuracy: rare rows weigh more in the loss, the threshold is chosen by precision and recall on held-out rows, and the
main figure is the average precision, which no answer that is the same for all can raise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from brainbox_core import layers, metrics
from brainbox_core.data import DataLoader, stratified_split
from brainbox_core.errors import InputError, UsageError
from brainbox_core.exact import bfloat16
from brainbox_core.kernels import dense
from brainbox_core.loss import BinaryCrossEntropy
from brainbox_core.model.sequential import Sequential
from brainbox_core.network.learner import Learner, Logs
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.table import Table
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Progress, built_in_or_file
from brainbox_core.tasks.fraud import classes, threshold
from brainbox_core.tasks.fraud.data import (
    Data,
    classes_of,
    derived,
    in_own_unit,
    load_test_data,
    redivided,
    require_complete,
)
from brainbox_core.tasks.fraud.data import columns_of as inputs
from brainbox_core.tasks.fraud.data import load_data as load_data  # a task answers all calls of the contract
from brainbox_core.tasks.fraud.data import written as written
from brainbox_core.tasks.fraud.settings import BALANCED, BUILT_IN, NONE, STRATIFIED, TIME, Settings
from brainbox_core.tasks.fraud.split import Parts
from brainbox_core.tasks.learning import batch_rows, linear, optimizer, unlearned
from brainbox_core.tasks.learning import read_as as read_as
from brainbox_core.training import loop
from brainbox_core.training.callbacks import Callback

BLOCK = 4096  # rows that are predicted at a time
NORMALIZED_DECAY = 8.0
RECALL = 0.9  # at which cross-validation tells the precision


@dataclass(frozen=True)
class Folds:
    """What cross-validation found.

    Attributes:
        average_precision: of each fold.
        precision: at a recall of 0.9, on the curve over the scores of all folds.
    """

    average_precision: tuple[float, ...]
    precision: float


@dataclass(frozen=True, kw_only=True)
class Result(contract.Result):
    """What a training or an evaluation found, beside what every task finds.

    Attributes:
        threshold: the logit from which on a transaction is called a fraud.
        interval: the 95 % range of the average precision.
        confusion: honest and fraud (rows) as they were called (columns).
        labels, logits: of the rows that it is judged by.
        names: of the two classes.
        duplicates: how many test rows also are among the others.
        folds: of cross-validation, if it was asked for.
    """

    threshold: float
    interval: tuple[float, float]
    confusion: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    names: tuple[str, str]
    duplicates: int
    folds: Folds | None = None


class Scores(NamedTuple):
    """Of each transaction the probability of a fraud, (n,), and whether it is called one."""

    probabilities: np.ndarray
    frauds: np.ndarray


def build_model(settings: Settings, data: Data) -> Sequential:
    """The network, built and compiled: a tanh that bounds outliers, hidden layers with ReLU, one logit."""
    chain: list[layers.Layer] = [layers.Tanh()]
    for width in settings.hidden:
        chain += [layers.Linear(width), layers.ReLU()]
    chain.append(layers.Linear(1, initializer="lecun"))
    model = Sequential(chain, settings.seed)
    rule = optimizer(settings, len(data.parts.train), settings.lr, NORMALIZED_DECAY)
    model.compile(rule, BinaryCrossEntropy(_class_weights(settings, data.labels[data.parts.train])))
    model.build((len(data.encoder.names),))
    limit = 0.5 if isinstance(settings.threshold, str) else settings.threshold
    model.meta = {
        "kind": "fraud",
        "features": data.encoder.config(),
        "threshold": _logit(limit),  # a training that fails leaves a model, too
        "classes": list(data.classes),
        "settings": {"target": data.target, "no_header": settings.no_header, "split": data.split},
        "data": {"name": data.name, "sha256": data.sha256},
    }
    return model


def train(model: Sequential, settings: Settings, data: Data, callbacks: Sequence[Callback] = ()) -> Result:
    """Train, choose epoch and threshold by the held-out rows, and judge by the test rows, never looked at before."""
    described = dict(model.meta)  # without the ranges that a training adds: only an export of int8 would need them
    detection = _learn(model, settings, data, callbacks)
    best = detection.best
    limit = _threshold(settings, data.labels[data.parts.val], score(model, detection.X))
    model.meta = described | {"threshold": limit}
    judged = evaluate(model, data)
    notes = judged.notes
    if best["failed"]:
        notes = (*notes, f"epoch {best['epoch']}, the best, finds no fraud at a probability of one half")
    kept = ("train_loss", "val_loss", "val_accuracy", "val_recall", "val_average_precision")
    found = {**judged.metrics, **{name: best[name] for name in kept}}
    folds, doubt = None, ""
    if settings.folds:
        folds = cross_validate(settings, data)
        found["cv_average_precision"] = float(np.mean(folds.average_precision))
        if doubt := _doubt(judged, folds):
            notes = (*notes, f"test average precision {found['test_average_precision']:.4f}, but {doubt}")
    model.meta["metrics"] = found
    failure = unlearned(
        model.loss,
        f"always answering {data.classes.names[0]}",
        (detection.y, (1,), best["val_loss"]),
        (data.part(data.parts.train)[1], (1,), best["train_loss"]),
    )
    if _is_flat(judged.logits):
        failure = "not converged: the model ranks nothing, every transaction gets the same score"
    return replace(
        judged,
        metrics=found,
        history=model.history,
        best_epoch=best["epoch"],
        notes=notes,
        doubt=doubt,
        folds=folds,
        unlearned=failure,
    )


def _doubt(judged: Result, folds: Folds) -> str:
    """What the folds say where neither their deviation nor the choice of the test rows explains the main figure."""
    mean, deviation = np.mean(folds.average_precision), np.std(folds.average_precision)
    found, (low, high) = judged.figures["test_average_precision"], judged.interval
    if low <= mean <= high or abs(found - mean) <= 2 * deviation:
        return ""
    return f"{mean:.4f} with a deviation of {deviation:.4f} over the folds"


def _is_flat(logits: np.ndarray) -> bool:
    return bool(logits.min() == logits.max())


def evaluate(model: Sequential, data: Data, progress: Progress | None = None) -> Result:
    """Judge a model by the test rows, with the threshold that it came with."""
    rows = data.parts.test
    parts = []
    for start in range(0, len(rows), BLOCK):
        parts.append(score(model, data.part(rows[start : start + BLOCK])[0]))
        if progress is not None:
            progress(min(start + BLOCK, len(rows)), len(rows))
    logits = np.concatenate(parts)
    labels, flagged = data.labels[rows], (logits >= model.meta["threshold"]).astype(np.int64)
    found: dict[str, str | float] = {
        "primary": "test_average_precision",
        "test_average_precision": metrics.average_precision(labels, logits),
        "test_precision": metrics.precision(labels, flagged),
        "test_recall": metrics.recall(labels, flagged),
        "test_f1": metrics.f1(labels, flagged),
        "test_accuracy": metrics.accuracy(labels, flagged),
        "baseline_accuracy": metrics.accuracy(labels, np.zeros_like(labels)),
    }
    flat = (
        "the model ranks nothing: every transaction gets the same score, so its average precision is the share of"
        " frauds; try another learning rate, class weight or seed"
    )
    return Result(
        metrics=found,
        notes=(flat,) if _is_flat(logits) else (),
        threshold=model.meta["threshold"],
        interval=threshold.average_precision_interval(labels, logits, model.seed),
        confusion=metrics.confusion_matrix(labels, flagged, 2),
        labels=labels,
        logits=logits,
        names=data.classes.names,
        duplicates=data.duplicates,
    )


def score(model: Learner, X: np.ndarray) -> np.ndarray:
    """The logits (n,) of features: the logarithm of the odds that a transaction is a fraud."""
    return model.predict(X, BLOCK)[:, 0].astype(np.float64)


def names(model: Sequential) -> tuple[str, str]:
    """What the answers of a model are called: of an honest transaction and of a fraud."""
    return classes_of(model).names


def outside(model: Sequential, table: Table) -> list[str]:
    """Which numbers are outside the range that the training had, and which texts it never saw, in words."""
    encoder = FeatureEncoder.from_config(model.meta["features"])
    rows = derived(table.written(written(model)), inputs(model))
    return [*(str(in_own_unit(found)) for found in encoder.outside(rows)), *encoder.unseen(rows)]


def predict(model: Sequential, table: Table, lacking: Sequence[str] = ()) -> Scores:
    """Score transactions.

    Args:
        table: with at least the columns of the training, as they stand in the file.
        lacking: columns whose missing values count as usual, the median of the training rows; elsewhere they are
            refused.

    Raises:
        InputError: a column or a value is missing, or a cell is not a number.
    """
    encoder = FeatureEncoder.from_config(model.meta["features"])
    rows = derived(table.written(written(model)), inputs(model))
    require_complete(rows, encoder, lacking)
    logits = score(model, encoder.transform(rows, np.float32))
    return Scores(probability(logits), logits >= model.meta["threshold"])


def held_out(model: Sequential) -> HeldOut | str:
    """The test rows of the table that a detector was trained on, as they stand in the file."""
    return contract.held_out(model, built_in_or_file(BUILT_IN), partial(load_test_data, model))


def load_model(path: str | Path, kind: str = "fraud") -> Sequential:
    """A fraud detector from its file, its description checked against its network."""
    return learning.load_model(path, kind, _check)


def _check(model: Sequential) -> None:
    meta = model.meta
    encoder = FeatureEncoder.from_config(meta.get("features"))
    settings, data, limit = (meta.get(name) for name in ("settings", "data", "threshold"))
    sound = (
        isinstance(limit, float)
        and isinstance(settings, dict)
        and isinstance(settings.get("target"), str)
        and settings.get("split") in (TIME, STRATIFIED)
        and isinstance(settings.get("no_header", False), bool)
        and classes.are_two(meta.get("classes", list(classes.USUAL)))
        and isinstance(data, dict)
        and all(isinstance(data.get(name), str) for name in ("name", "sha256"))
        and (model.input_shape, model.output_shape) == ((len(encoder.names),), (1,))
    )
    if not sound:
        raise InputError("its features, threshold or settings do not fit a fraud detector")


class Detection(Callback):
    """Adds to each epoch's logs what accuracy hides, and keeps the weights of the epoch that ranks the frauds best.

    All figures are those of the held-out rows and of the weights as they would be kept: rounded to bfloat16, so that a
    device holds them in half the room; the training goes on with all digits. An epoch that finds no fraud at a
    probability of one half is marked as failed, however accurate it is. Of equally good epochs the last is the best.

    Args:
        X: features of the held-out rows.
        y: (n, 1) labels.
        excess: by how much the class weights raise the logits.

    Attributes:
        best, weights: the logs of the best epoch so far, and the weights after it.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, excess: float):
        self.X, self.y, self.excess = X, y, excess
        self.best: dict = {}
        self.weights: dict[str, np.ndarray] = {}

    def state(self) -> Mapping[str, Any]:
        return {"best": self.best, **self.weights}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.best, self.weights = state["best"], {name: state[name] for name in state if name != "best"}

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        learned = model.state()
        for layer in model.layers:
            if isinstance(layer, layers.Linear):
                layer.weight.data[...] = bfloat16.rounded(layer.weight.data)
        try:
            self._look(model, logs)
        finally:
            model.load_state(learned)

    def _look(self, model: Learner, logs: Logs) -> None:
        """Measure the model as it is now, and keep it if it is the best so far."""
        labels, logits = self.y[:, 0].astype(np.int64), score(model, self.X)
        flagged = (logits > self.excess).astype(np.int64)
        logs |= {
            "val_loss": model.evaluate(self.X, self.y, BLOCK)["loss"],
            "val_accuracy": metrics.accuracy(labels, flagged),
            "val_recall": metrics.recall(labels, flagged),
            "val_average_precision": metrics.average_precision(labels, logits),
        }
        logs["failed"] = logs["val_recall"] == 0
        if not self.best or logs["val_average_precision"] >= self.best["val_average_precision"]:
            self.best, self.weights = logs, model.state()


def _learn(model: Sequential, settings: Settings, data: Data, callbacks: Sequence[Callback] = ()) -> Detection:
    """Train a model, and give it back its best weights."""
    X, y = data.part(data.parts.train)
    # A fraud that counts w times as much makes the learned odds w times too high.
    honest, fraud = _class_weights(settings, data.labels[data.parts.train])
    detection = Detection(*data.part(data.parts.val), excess=math.log(fraud / honest))
    callbacks = [detection, *callbacks, *learning.stopping(settings, "val_average_precision")]
    loader = DataLoader(X, y, batch_rows(settings, len(X)), settings.seed)
    try:
        loop.train(model, loader, settings.epochs, None, callbacks)
        model.load_state(detection.weights)
    finally:  # also of the weights that a training that fails leaves
        linear(model, -1).bias.data -= np.float32(detection.excess)
        model.params.touched()
    return detection


def _fold(settings: Settings, data: Data) -> np.ndarray:
    """The logits of the test rows, by a model that learns from the training rows."""
    model = build_model(settings, data)
    _learn(model, settings, data)
    return score(model, data.part(data.parts.test)[0])


def cross_validate(settings: Settings, data: Data) -> Folds:
    """Judge each of several parts of the rows by a model that learned from the others.

    Args:
        settings: `folds`, and how to learn.
        data: whose rows are divided anew; the training rows of each fold hold out rows of their own.

    Raises:
        UsageError: there are fewer frauds than folds.
    """
    frauds = int(data.labels.sum())
    if frauds < 3 * settings.folds:  # every fold needs some to learn from, to choose the epoch by, and to find
        raise UsageError(f"folds: {frauds} frauds are too few", expected=f"at most {frauds // 3}", got=settings.folds)
    scores, each = np.empty(len(data.labels)), []
    for rest, test in learning.folds(data.labels, settings.folds, settings.seed):
        train, val = (rest[part] for part in stratified_split(data.labels[rest], settings.val_split, settings.seed))
        scores[test] = _fold(settings, redivided(data, Parts(train, val, test)))
        each.append(metrics.average_precision(data.labels[test], scores[test]))
    precision, recall, _ = metrics.precision_recall_curve(data.labels, scores)
    return Folds(tuple(each), float(precision[recall >= RECALL].max()))


def _class_weights(settings: Settings, labels: np.ndarray) -> tuple[float, float]:
    """How much an honest transaction and a fraud count."""
    if settings.class_weight == BALANCED:  # both classes as much as half of all rows
        frauds = int(labels.sum())
        return len(labels) / (2 * (len(labels) - frauds)), len(labels) / (2 * frauds)
    return (1.0, 1.0) if settings.class_weight == NONE else (1.0, float(settings.class_weight))


def _threshold(settings: Settings, labels: np.ndarray, logits: np.ndarray) -> float:
    """The logit from which on a transaction is called a fraud, by the held-out rows."""
    if settings.wanted_recall is not None:
        return threshold.for_recall(labels, logits, settings.wanted_recall)
    return threshold.best_f1(labels, logits) if isinstance(settings.threshold, str) else _logit(settings.threshold)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def probability(logits: npt.ArrayLike) -> np.ndarray:
    """1 / (1 + exp(-logit)), by a form that never overflows and keeps the digits of small probabilities.

    Example:
        >>> float(probability(0)), float(probability(-1000))
        (0.5, 0.0)
    """
    return dense.sigmoid(np.asarray(logits))[0]
