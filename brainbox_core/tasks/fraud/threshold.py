"""From which score on a row is called a 1: chosen on held-out rows, never on those that a model is judged by.

A threshold lies halfway between two scores that occur, so that the last bits of a score decide nothing: another
machine, or the same network in C, draws the line in the same place.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.errors import between
from brainbox_core.metrics import precision_recall_curve


def best_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest F1, the harmonic mean of precision and recall; of several the highest.

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        scores: (n,) the higher, the likelier a 1.

    Raises:
        UsageError: as for `metrics.precision_recall_curve`.

    Example:
        >>> best_f1([0, 0, 1, 0, 1], [0.1, 0.2, 0.5, 0.25, 0.9])
        0.375
    """
    precision, recall, scores = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    return _below(scores, int(f1.argmax()))


def for_recall(labels: np.ndarray, scores: np.ndarray, recall: float) -> float:
    """The highest threshold that finds at least this share of the ones.

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        scores: (n,) the higher, the likelier a 1.
        recall: above 0, at most 1.

    Raises:
        UsageError: as for `metrics.precision_recall_curve`, or the recall is out of range.

    Example:
        >>> for_recall([0, 0, 1, 0, 1], [0.1, 0.2, 0.5, 0.25, 1.0], recall=0.5)
        0.75
    """
    between("recall", recall, 0, 1, above=True)
    _, found, scores = precision_recall_curve(labels, scores)
    return _below(scores, int(np.argmax(found >= recall)))


def _below(scores: np.ndarray, place: int) -> float:
    """Halfway from a score to the next lower one; the lowest itself is a threshold that lets every row through."""
    lower = scores[min(place + 1, len(scores) - 1)]
    return (float(scores[place]) + float(lower)) / 2
