"""How good a model is, in one number: plain functions of what was true and what was predicted.

All take what was true first, as an array (n,) with one entry a row, and nothing ever broadcasts: (n,) against (n, 1)
is an error. Classes are whole numbers from 0; in the binary figures 1 is the class that is looked for.

Where the predictions leave a figure without a value it is 0 (precision when nothing was flagged); where the labels do
(recall without a single 1, R² of constant targets) it is an error, because no model could have a figure there.

Reference: Manning, Raghavan and Schütze, Introduction to Information Retrieval, Cambridge 2008, chapter 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from brainbox_core.errors import UsageError, whole

Metric = Callable[[np.ndarray, np.ndarray], float]


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The share of rows whose predicted class is the true one.

    Args:
        labels: (n,) true classes.
        predictions: (n,) predicted classes.

    Raises:
        UsageError: the arrays are empty, differ in shape or hold something else than classes.

    Example:
        >>> accuracy([7, 2, 1, 0], [7, 2, 1, 6])
        0.75
    """
    labels, predictions = _classes("labels", labels), _classes("predictions", predictions)
    _same_rows(labels, "predictions", predictions)
    return float((labels == predictions).mean())


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes): row i, column j is how many rows of class i were predicted to be j.

    Args:
        labels: (n,) true classes.
        predictions: (n,) predicted classes.
        classes: how many classes there are.

    Raises:
        UsageError: as for `accuracy`, or a class is not among 0 ... classes - 1.

    Example:
        >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2], 3)
        array([[1, 1, 0],
               [0, 1, 0],
               [0, 0, 1]])
    """
    whole("classes", classes)
    labels, predictions = _classes("labels", labels, classes), _classes("predictions", predictions, classes)
    _same_rows(labels, "predictions", predictions)
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)


def precision(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The share of the rows flagged as 1 that are 1: tp / (tp + fp); 0 when nothing is flagged.

    Args:
        labels: (n,) of 0 and 1.
        predictions: (n,) of 0 and 1.

    Raises:
        UsageError: the arrays are empty, differ in shape or hold something else than 0 and 1.

    Example:
        >>> precision([1, 1, 1, 0], [1, 1, 0, 1])
        0.6666666666666666
    """
    found, flagged, _ = _counts(labels, predictions)
    return found / flagged if flagged else 0.0


def recall(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The share of the rows that are 1 that were flagged: tp / (tp + fn).

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        predictions: (n,) of 0 and 1.

    Raises:
        UsageError: as for `precision`, or no label is 1.

    Example:
        >>> recall([1, 1, 1, 0], [1, 0, 0, 1])
        0.3333333333333333
    """
    found, _, positives = _counts(labels, predictions)
    return found / _at_least_one(positives)


def f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn).

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        predictions: (n,) of 0 and 1.

    Raises:
        UsageError: as for `recall`.

    Example:
        >>> f1([1, 1, 1, 0], [1, 1, 0, 1])
        0.6666666666666666
    """
    found, flagged, positives = _counts(labels, predictions)
    return 2 * found / (flagged + _at_least_one(positives))


def precision_recall_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of flagging every score >= threshold, for every threshold that makes a difference.

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        scores: (n,) the higher, the likelier a 1.

    Returns:
        precision, recall and thresholds, each (m,): the m different scores from the highest down, so that recall
        rises to 1. Rows of equal score are flagged together, so the order of the rows never matters.

    Raises:
        UsageError: the arrays are empty or differ in shape, a score is not finite, a label is neither 0 nor 1, or none
            is 1.

    Example:
        >>> p, r, t = precision_recall_curve([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
        >>> p.tolist(), r.tolist(), t.tolist()
        ([1.0, 0.6666666666666666, 0.5], [0.5, 1.0, 1.0], [0.8, 0.4, 0.1])
    """
    found, flagged, thresholds = _ranked(labels, scores)
    return found / flagged, found / found[-1], thresholds


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """The area under the precision-recall curve as a sum of steps: each gain in recall times the precision there.

    Without interpolation, which would flatter (Davis and Goadrich, The relationship between precision-recall and ROC
    curves, ICML 2006); the definition that scikit-learn uses. Scores that are all equal give the share of ones.

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        scores: (n,) the higher, the likelier a 1.

    Raises:
        UsageError: as for `precision_recall_curve`.

    Example:
        >>> average_precision([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8])
        1.0
        >>> average_precision([0, 1, 0, 0], [0.5, 0.5, 0.5, 0.5])
        0.25
    """
    found, flagged, _ = _ranked(labels, scores)
    return float((found / flagged) @ np.diff(found, prepend=0) / found[-1])


def rmse(targets: np.ndarray, predictions: np.ndarray) -> float:
    """The root of the mean squared error, in the targets' unit.

    Args:
        targets: (n,) true quantities.
        predictions: (n,) predicted quantities.

    Raises:
        UsageError: the arrays are empty, differ in shape or hold a number that is not finite.

    Example:
        >>> rmse([1.0, 2.0], [1.0, 4.0])
        1.4142135623730951
    """
    return float(np.sqrt(np.mean(_errors(targets, predictions) ** 2)))


def mae(targets: np.ndarray, predictions: np.ndarray) -> float:
    """The mean absolute error, in the targets' unit.

    Args:
        targets: (n,) true quantities.
        predictions: (n,) predicted quantities.

    Raises:
        UsageError: as for `rmse`.

    Example:
        >>> mae([1.0, 2.0], [1.0, 4.0])
        1.0
    """
    return float(np.mean(np.abs(_errors(targets, predictions))))


def r2(targets: np.ndarray, predictions: np.ndarray) -> float:
    """R², the share of the targets' variance that is explained: 1 - sum of squared errors / sum of squared deviations.

    1 is perfect, 0 is as good as always predicting the mean, below 0 is worse (Draper and Smith, Applied Regression
    Analysis, 3rd ed., Wiley 1998).

    Args:
        targets: (n,) true quantities, not all equal.
        predictions: (n,) predicted quantities.

    Raises:
        UsageError: as for `rmse`, or the targets are all equal.

    Example:
        >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
        0.5
    """
    errors = _errors(targets, predictions)
    targets = np.asarray(targets, dtype=np.float64)
    if (targets == targets[0]).all():
        raise UsageError("R² needs targets that differ", got=f"{len(targets)} times {targets[0]:g}")
    deviations = targets - targets.mean()
    size = -int(np.frexp(np.abs(deviations).max())[1])  # by a power of two: squares of tiny numbers would be 0
    errors, deviations = np.ldexp(errors, size), np.ldexp(deviations, size)
    return float(1 - errors @ errors / (deviations @ deviations))


def named(metrics: Sequence[str | Metric], of_classes: bool) -> dict[str, Metric]:
    """Metrics by name, from names and functions of what was true and what was predicted.

    Args:
        of_classes: whether those are classes, or quantities.

    Raises:
        UsageError: a name is unknown, or that of a metric of the other kind.

    Example:
        >>> list(named(["accuracy", "f1"], of_classes=True))
        ['accuracy', 'f1']
    """
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise UsageError("metrics", expected="a list of names and functions", got=repr(metrics))
    known = {metric.__name__: metric for metric in (_OF_CLASSES if of_classes else _OF_QUANTITIES)}
    for metric in metrics:
        if not callable(metric) and metric not in known:
            kind = "classes" if of_classes else "quantities"
            raise UsageError(f"unknown metric of {kind}", expected=", ".join(known), got=repr(metric))
    functions = [known[metric] if isinstance(metric, str) else metric for metric in metrics]
    names = [function.__name__ for function in functions]
    if odd := [name for name in names if name == "loss" or names.count(name) > 1]:
        what = "a metric takes the name of the loss, or of another metric"
        raise UsageError(what, got=odd[0], fix="give the function a name of its own, with def")
    return dict(zip(names, functions, strict=True))


_OF_CLASSES = (accuracy, precision, recall, f1)
_OF_QUANTITIES = (mae, rmse, r2)
NAMES = frozenset(metric.__name__ for metric in (*_OF_CLASSES, *_OF_QUANTITIES))


def _same_rows(truth: np.ndarray, name: str, predicted: np.ndarray) -> None:
    if truth.ndim != 1 or truth.shape != predicted.shape:
        got = f"{truth.shape} against {name} {predicted.shape}"
        raise UsageError(
            "metrics compare two arrays of one shape (n,)", got=got, fix="bring both to (n,) with .ravel()"
        )
    if not len(truth):
        raise UsageError("metrics need at least one row")


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise UsageError(f"{name} must be numbers", got=f"an array of {values.dtype}")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UsageError(f"{name} must be finite", got=f"{values.flat[first]} at position {first}")
    return values


def _classes(name: str, values: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Whole numbers, given in any type, as integers; below `classes` where that is known."""
    values = _finite(name, values)
    parts = values[values != np.rint(values)] if values.dtype.kind == "f" else np.zeros(0)
    if len(parts):
        fix = "first compare probabilities with a threshold, or take the argmax of scores"
        raise UsageError(f"{name} must be classes, which are whole numbers", got=parts[0], fix=fix)
    if values.size and classes is not None and (values.min() < 0 or values.max() >= classes):
        wrong = values.min() if values.min() < 0 else values.max()
        fix = "precision, recall and f1 are of two classes; of more there is accuracy" if classes == 2 else ""
        raise UsageError(f"{name} out of range", expected=f"classes from 0 to {classes - 1}", got=wrong, fix=fix)
    return values.astype(np.int64)


def _counts(labels: np.ndarray, predictions: np.ndarray) -> tuple[int, int, int]:
    """How many rows are both 1 and flagged, are flagged, are 1."""
    labels, predictions = _classes("labels", labels, 2), _classes("predictions", predictions, 2)
    _same_rows(labels, "predictions", predictions)
    return int(labels @ predictions), int(predictions.sum()), int(labels.sum())


def _ranked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each different score from the highest down: the ones and the rows at or above it, and the score itself."""
    labels, scores = _classes("labels", labels, 2), _finite("scores", scores)
    _same_rows(labels, "scores", scores)
    _at_least_one(labels.sum())
    order = np.argsort(scores)[::-1]
    scores = scores[order]
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # the last row of each score
    return np.cumsum(labels[order])[last], last + 1, scores[last]


def _at_least_one(positives: int) -> int:
    if not positives:
        raise UsageError("no label is 1, so there is nothing to find", fix="evaluate on rows of both classes")
    return positives


def _errors(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    targets, predictions = _finite("targets", targets), _finite("predictions", predictions)
    _same_rows(targets, "predictions", predictions)
    return predictions.astype(np.float64) - targets.astype(np.float64)
