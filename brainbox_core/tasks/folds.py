"""Cross-validation: each part of the rows is judged by a model that learned from the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from brainbox_core.rng import stream


def folds(labels: np.ndarray, count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Deal the rows out into parts in which every class has the same share.

    Args:
        labels: (n,) the class of each row.
        count: how many parts.
        seed: of the order in which the rows of a class are dealt out.

    Yields:
        For each part the numbers of all other rows and those of its own, both in ascending order.

    Example:
        >>> [test.tolist() for rest, test in folds(np.array([0, 1, 0, 1, 0, 0]), 2, seed=0)]
        [[1, 4, 5], [0, 2, 3]]
    """
    shuffled = stream(seed, "folds").permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    for fold in range(count):
        test = np.sort(by_class[fold::count])
        yield np.delete(np.arange(len(labels)), test), test
