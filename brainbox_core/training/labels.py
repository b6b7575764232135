"""Targets as users have them: names of classes as numbers, and how much each row counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError, between
from brainbox_core.kernels.padded import Padded
from brainbox_core.kernels.rows import Rows, Weighted
from brainbox_core.network.learner import Learner
from brainbox_core.training import steps


def targets(model: Learner, X: Rows, y: Any, learn: bool = False) -> Any:
    """Targets as the model's loss takes them: as many as there are inputs, and at least one.

    Args:
        learn: whether names of classes may be new; the model's `meta["classes"]` keeps them.
    """
    loss, classes = model.loss, model.meta.get("classes")
    names = loss.takes_logits and not isinstance(y, Padded) and are_names(y)
    if names:
        if not classes and not learn:
            raise UsageError("the model knows no names of classes", fix="fit() it with arrays first")
        classes = classes or np.unique(np.asarray(y).astype(str)).tolist()
        y = numbered(y, classes)
    y = steps.targets(model, X, y)
    if len(X) != len(y):
        raise UsageError("X and y need one row for each other", got=f"{len(X)} and {len(y)}")
    if not len(y):
        raise UsageError("there are no rows to learn from or to measure by")
    if not steps.counted(model, y):
        raise UsageError("none of the targets counts", fix="look at what the loss is to ignore")
    if names:
        model.meta["classes"] = classes
    return y


def are_names(y: Any) -> bool:
    """Whether targets are names of classes.

    Example:
        >>> are_names(["cat", "dog"]), are_names([0, 1])
        (True, False)
    """
    try:
        y = np.asarray(y)
    except ValueError:  # sequences of different lengths
        return False
    return y.dtype.kind in "UT" or (y.dtype.kind == "O" and y.ndim == 1 and all(isinstance(name, str) for name in y))


def numbered(y: Any, classes: Sequence[str]) -> np.ndarray:
    """The numbers of classes from their names.

    Args:
        y: (n,) names.
        classes: the names in the order of their numbers.

    Raises:
        UsageError: a name is none of them.

    Example:
        >>> numbered(["dog", "cat"], ["cat", "dog"])
        array([1, 0])
    """
    number = {name: place for place, name in enumerate(classes)}
    names = np.asarray(y).astype(str).tolist()
    if odd := next((name for name in names if name not in number), None):
        raise UsageError("a label is none of the model's classes", expected=", ".join(classes), got=repr(odd))
    return np.array([number[name] for name in names])


def row_weights(y: Any, class_weight: Mapping[Any, float] | str | None, sample_weight: Any) -> np.ndarray | None:
    """How much each row counts, from weights of classes and of rows, which are multiplied; None if all count alike.

    Args:
        y: (n,) labels as they were given, or one-hot rows.
        class_weight: by label, 1 for those it does not name; "balanced" gives every class the same weight in all.
        sample_weight: (n,) from 0.

    Raises:
        UsageError: a weight is negative or not finite, all are 0, or a class has no row.

    Example:
        >>> row_weights([0, 0, 0, 1], "balanced", None).round(2)
        array([0.67, 0.67, 0.67, 2.  ])
    """
    if class_weight is None and sample_weight is None:
        return None
    weights = np.ones(len(y))
    if sample_weight is not None:
        given = np.asarray(sample_weight)
        numbers = given.dtype.kind in "fiub"
        if given.shape != weights.shape or not numbers or not np.isfinite(given).all():
            odd = given[~np.isfinite(given)].tolist() if numbers else []
            got = f"{odd[0]}" if odd else f"{given.dtype} of shape {given.shape}"
            raise UsageError("sample_weight", expected=f"{len(weights):,} finite numbers, one a row", got=got)
        if given.min(initial=0) < 0:
            raise UsageError("sample_weight", expected="from 0", got=given.min())
        weights = weights * given
    if class_weight is not None:
        labels = _one_a_row(y)
        if labels.ndim == 2:
            labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
        names, place, count = np.unique(labels, return_inverse=True, return_counts=True)
        if isinstance(class_weight, str):
            if class_weight != "balanced":
                raise UsageError("class_weight", expected="a weight by label, or 'balanced'", got=repr(class_weight))
            each = len(labels) / (len(names) * count)
        elif not isinstance(class_weight, Mapping):
            got, fix = repr(class_weight), f"class_weight={{{names.tolist()[0]!r}: 2.0}}"
            raise UsageError("class_weight", expected="a weight by label, or 'balanced'", got=got, fix=fix)
        else:
            known = names.tolist()
            if odd := [label for label in class_weight if label not in known]:
                what = "class_weight weighs what is no label"
                raise UsageError(what, expected=", ".join(map(str, known)), got=repr(odd[0]))
            each = np.array([between("class_weight", class_weight.get(label, 1), 0) for label in known])
        weights = weights * each[place.reshape(-1)]
    if not weights.any():
        raise UsageError("all weights of rows are zero")
    return weights


def around_one(model: Learner, y: Any, weights: np.ndarray, rows: np.ndarray | None) -> Weighted:
    """Targets with weights whose mean is 1, so that a rare row of large weight counts in full, whatever its batch.

    Args:
        y: targets that fit the loss; the mean is over those that count.
        weights: of rows, (n,).
        rows: those that are trained on; all if None.

    Raises:
        UsageError: none of those counts, or all weights of those that do are 0.
    """
    weighted = Weighted([y, weights])
    used = weighted if rows is None else weighted.take(rows, axis=0)
    mean = steps.mean_weight(model, used) if steps.counted(model, used) else 0.0
    if not mean:
        raise UsageError("all weights of the rows that are trained on are zero")
    return Weighted([y, weights / mean])


def _one_a_row(y: Any) -> np.ndarray:
    """Labels of rows, (n,) or one-hot; those of steps are refused."""
    try:
        labels = np.asarray(y)
    except ValueError:  # sequences of different lengths
        labels = np.empty((0, 0, 0))
    one_hot = labels.ndim == 2 and (labels.shape[1] == 1 or ((labels != 0).sum(axis=1) == 1).all())
    if labels.ndim != 1 and not one_hot:
        raise UsageError("class_weight needs one label a row", got="targets of steps or of several outputs")
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        raise UsageError("class_weight needs labels", got="quantities", fix="weigh rows by `sample_weight`")
    return labels
