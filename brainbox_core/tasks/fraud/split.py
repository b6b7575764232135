"""Which transactions a fraud detector learns from, which choose its threshold, and which judge it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from brainbox_core.data import stratified_split
from brainbox_core.errors import InputError
from brainbox_core.rng import key, stream
from brainbox_core.tasks.fraud.settings import STRATIFIED, Settings

TEST_SHARE = 0.2


class Parts(NamedTuple):
    """Row numbers: to learn from, to choose the epoch and the threshold by, and to judge by."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def divide(labels: np.ndarray, time: np.ndarray | None, settings: Settings, where: str) -> Parts:
    """The parts of a table of transactions.

    In order of time what is held out is later than what is learned from, and what judges is the latest: as it will be
    in use, when today's detector meets tomorrow's frauds.

    Args:
        labels: (n,) of 0 and 1.
        time: (n,) of each transaction; None divides at random, with the same share of frauds in every part.
        settings: `limit`, `val_split` and `seed`.
        where: the table, for errors.

    Raises:
        InputError: a part is left without frauds or without honest transactions.
    """
    if labels.sum() < 3 or (labels == 0).sum() < 3:
        what = f"{labels.sum()} frauds among {len(labels):,} rows"
        raise InputError(what, where=where, expected="at least 3 of both kinds", fix="name a table with more of them")
    rest, test = apart(labels, time, settings.seed)
    rest = rest[np.sort(stream(settings.seed, "limit").permutation(len(rest))[: settings.limit])]
    if time is None:
        train, val = (rest[part] for part in stratified_split(labels[rest], settings.val_split, settings.seed))
    else:
        vals = round(len(rest) * settings.val_split)
        train, val = rest[: len(rest) - vals], rest[len(rest) - vals :]
    last = "the last " if time is not None else ""
    for part, share, of, way in (
        (test, TEST_SHARE, "the rows, which judge it", "more rows"),
        (val, settings.val_split, "the training rows, which choose the threshold", "a larger `val_split`"),
        (train, 1 - settings.val_split, "the training rows", "a smaller `val_split`"),
    ):
        frauds = int(labels[part].sum())
        if frauds and frauds < len(part):
            continue
        which = f"{'' if part is train else last}{share:.0%} of {of}"
        fix = f"use `split {STRATIFIED}` or {way}" if time is not None else "use more rows"
        raise InputError(f"{frauds} frauds in {which}, {len(part):,} rows", where=where, fix=fix)
    return Parts(train, val, test)


def apart(labels: np.ndarray, time: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that a model may learn from, and those that judge it; nothing but the seed and the labels decides.

    Args:
        labels: (n,) of 0 and 1.
        time: (n,) of each transaction, which puts the rows of both parts in order; None divides at random.

    Example:
        >>> [part.tolist() for part in apart(np.array([0, 1, 0, 0, 1]), np.array([9, 3, 5, 7, 1]), seed=0)]
        [[4, 1, 2, 3], [0]]
    """
    if time is None:
        return stratified_split(labels, TEST_SHARE, key(seed, "test") % 2**63)
    order = np.argsort(time, kind="stable")
    rest = len(order) - round(len(order) * TEST_SHARE)
    return order[:rest], order[rest:]


def straddling(seen: np.ndarray, judged: np.ndarray) -> int:
    """How many rows of the second part are in the first one, too: duplicates, which a model could know by heart.

    Args:
        seen: (n, features).
        judged: (m, features).

    Example:
        >>> straddling(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[3.0, 4.0], [3.0, 4.0], [5.0, 6.0]]))
        2
    """
    known = {row.tobytes() for row in seen}
    return sum(row.tobytes() in known for row in judged)
