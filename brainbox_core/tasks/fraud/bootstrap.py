"""How far a figure could be off by chance: the bootstrap.

Reference: Efron and Tibshirani, An Introduction to the Bootstrap, Chapman and Hall 1993, chapter 13.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.errors import between, whole
from brainbox_core.metrics import average_precision
from brainbox_core.rng import stream


def average_precision_interval(
    labels: np.ndarray, scores: np.ndarray, seed: int = 0, level: float = 0.95, resamples: int = 1000
) -> tuple[float, float]:
    """The range in which the average precision lies when the rows are drawn again, with replacement.

    Ones and zeros are drawn apart from each other, so every sample has as many ones as there are. Of the zeros only
    matters between which two ones they rank: a sample costs time for the ones alone, however many rows there are.

    Args:
        labels: (n,) of 0 and 1, at least one of them 1.
        scores: (n,) the higher, the likelier a 1.
        seed: of the draws.
        level: the share of the samples that lies in the range; the rest is cut off evenly at both ends.
        resamples: how many samples are drawn.

    Returns:
        The low and the high end.

    Raises:
        UsageError: as for `metrics.average_precision`, or a number is out of its range.

    Example:
        >>> labels, scores = np.tile([1, 1, 0, 1, 0, 0], 50), np.tile([6, 5, 4, 3, 2, 1], 50)
        >>> low, high = average_precision_interval(labels, scores)
        >>> round(low, 2), round(high, 2)
        (0.89, 0.94)
    """
    between("level", level, 0, 1, above=True)
    whole("resamples", resamples)
    average_precision(labels, scores)  # checks both
    labels, scores = np.asarray(labels), np.asarray(scores)
    levels, ones = np.unique(scores[labels == 1], return_counts=True)
    levels, ones, zeros = levels[::-1], ones[::-1], np.sort(scores[labels == 0])
    above = len(zeros) - np.searchsorted(zeros, levels)  # zeros at or above each score that ones have
    gaps = np.diff(above, prepend=0, append=len(zeros))  # zeros from one to the next; the last: below all
    rng = stream(seed, "bootstrap")
    values = np.empty(resamples)
    for index in range(resamples):
        gained = rng.multinomial(ones.sum(), ones / ones.sum())
        false = rng.multinomial(len(zeros), gaps / len(zeros)).cumsum()[:-1] if len(zeros) else 0
        found = gained.cumsum()
        values[index] = gained @ (found / np.maximum(found + false, 1)) / ones.sum()
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
