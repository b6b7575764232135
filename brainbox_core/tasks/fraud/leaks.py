"""Where frauds are too easy to find or too few to judge by: columns that give them away, frauds all at one time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainbox_core.files.reading import printable
from brainbox_core.tables.table import Table
from brainbox_core.tasks.fraud.settings import STRATIFIED
from brainbox_core.tasks.fraud.split import Parts

SLIPS = 0.01  # of the rarer class: wrong rows up to which a column alone tells the classes
SOME = 1000  # rows of each class that are looked at first
UNEVEN, FEW = 5, 5  # how many times more frauds there may be in one part than in the other; and the fewest to judge by


def telling(table: Table, names: Sequence[str], labels: np.ndarray) -> list[str]:
    """Notes on the columns that tell the classes apart by themselves: they may hold what is known only afterwards.

    Args:
        table: as it was read.
        names: of the inputs.
        labels: (n,) of 0 and 1.

    Example:
        >>> from brainbox_core.tables.table import table_of
        >>> table = table_of({"V1": [1, 9, 2, 8], "paid": ["y", "n", "y", "y"]})
        >>> telling(table, table.names, np.array([1, 0, 1, 0]))
        ['column V1 alone tells the frauds apart: if it is known only afterwards, leave it out with `drop`']
    """
    most = SLIPS * min(labels.sum(), (labels == 0).sum())
    some = np.concatenate([np.flatnonzero(labels == label)[:SOME] for label in (0, 1)])
    looks = (table.take(some), labels[some]), (table, labels)  # what is wrong in some rows is wrong in all of them
    return [
        f"column {printable(name, 80)} alone tells the frauds apart: if it is known only afterwards, leave it out with"
        " `drop`"
        for name in names
        if all(_slips(rows, name, classes) <= most for rows, classes in looks)
    ]


def _slips(table: Table, name: str, labels: np.ndarray) -> float:
    """How many rows are wrong if one column tells the class: by the best range of numbers, or by each text.

    A text stands for frauds if it does so also without the row in question: of texts that are all different each could.
    """
    if table.is_text(name):
        counts: dict[str, list[int]] = {}
        for text, label in zip(table.texts(name), labels.tolist(), strict=True):
            counts.setdefault(text, [0, 0])[label] += 1
        return sum(honest if frauds > honest + 1 else frauds for honest, frauds in counts.values())
    order = np.argsort(table.numbers(name))
    values = table.numbers(name)[order]
    starts = np.flatnonzero(np.diff(values, prepend=np.nan))  # of equal values; anything differs from NaN
    gains = np.add.reduceat(2 * labels[order] - 1, starts)
    return min(labels.sum() - _best_range(gains), (labels == 0).sum() - _best_range(-gains))


def _best_range(gains: np.ndarray) -> float:
    """The largest sum of neighbours."""
    sums = np.concatenate([[0], gains.cumsum()])
    return (sums - np.minimum.accumulate(sums)).max()


def uneven(labels: np.ndarray, parts: Parts) -> list[str]:
    """A note if rows in order of time leave too few frauds in one part to be compared with the others."""
    test, others = labels[parts.test], labels[np.concatenate([parts.train, parts.val])]
    shares = sorted([test.mean(), others.mean()])
    if test.sum() >= FEW and shares[1] <= UNEVEN * shares[0]:
        return []
    return [
        f"{test.sum():,} of the {len(test):,} last rows, which judge, are frauds ({test.mean():.2%}), and"
        f" {others.mean():.2%} of those before: Time tells them apart, or the figures are of chance;"
        f" `split {STRATIFIED}` divides them evenly"
    ]
