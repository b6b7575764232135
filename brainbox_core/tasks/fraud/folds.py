"""Cross-validation: every transaction is judged once, by a detector that never saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brainbox_core import metrics
from brainbox_core.data import stratified_split
from brainbox_core.errors import UsageError
from brainbox_core.tasks.fraud.data import Data, redivided
from brainbox_core.tasks.fraud.settings import Settings
from brainbox_core.tasks.fraud.split import Parts
from brainbox_core.tasks.learning import folds

RECALL = 0.9  # at which the precision is told


@dataclass(frozen=True)
class Folds:
    """What cross-validation found.

    Attributes:
        average_precision: of each fold.
        precision: at a recall of 0.9, on the curve over the scores of all folds.
    """

    average_precision: tuple[float, ...]
    precision: float


def cross_validate(settings: Settings, data: Data, logits: Callable[[Settings, Data], np.ndarray]) -> Folds:
    """Judge each of several parts of the rows by a model that learned from the others.

    Args:
        settings: `folds`, `val_split` and `seed`.
        data: whose rows are divided anew; the training rows of each fold hold out rows of their own.
        logits: trains a model on data and scores its test part.

    Raises:
        UsageError: there are fewer frauds than folds.
    """
    frauds = int(data.labels.sum())
    if frauds < 3 * settings.folds:  # every fold needs some to learn from, to choose the epoch by, and to find
        raise UsageError(f"folds: {frauds} frauds are too few", expected=f"at most {frauds // 3}", got=settings.folds)
    scores, each = np.empty(len(data.labels)), []
    for rest, test in folds(data.labels, settings.folds, settings.seed):
        train, val = (rest[part] for part in stratified_split(data.labels[rest], settings.val_split, settings.seed))
        scores[test] = logits(settings, redivided(data, Parts(train, val, test)))
        each.append(metrics.average_precision(data.labels[test], scores[test]))
    precision, recall, _ = metrics.precision_recall_curve(data.labels, scores)
    return Folds(tuple(each), float(precision[recall >= RECALL].max()))
