"""Where frauds are too easy to find or too few to judge by: columns that give them away, frauds all at one time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainbox_core.files.reading import printable
from brainbox_core.tables.table import Table
from brainbox_core.tasks.fraud.settings import STRATIFIED
from brainbox_core.tasks.fraud.split import Parts

SLIPS = 0.01  # of the rarer class: wrong rows up to which a column alone tells the classes
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
    return [
        f"column {printable(name, 80)} alone tells the frauds apart: if it is known only afterwards, leave it out with"
        " `drop`"
        for name in names
        if _slips(table, name, labels) <= most
    ]


def _slips(table: Table, name: str, labels: np.ndarray) -> float:
    """How many rows are wrong if one column tells the class: by each text, or by the best range of numbers."""
    is_text = table.is_text(name)
    values = table.texts(name) if is_text else table.numbers(name)
    places = np.unique(np.array(values, object if is_text else float), return_inverse=True)[1]
    frauds = np.bincount(places, labels)
    honest = np.bincount(places, 1 - labels)
    if is_text:
        return np.minimum(frauds, honest).sum()
    return min(frauds.sum() - _best_range(frauds - honest), honest.sum() - _best_range(honest - frauds))


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
