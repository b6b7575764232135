"""One model in several threads: any number may predict at once; while one trains it, the others are refused.

A training changes the weights where they lie, so whoever reads them meanwhile would get those of no step at all.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from brainbox_core.errors import UsageError

_changed = threading.Condition()
_trainers: dict[int, int] = {}  # the thread that trains a model, by the model's id
_readers: Counter[int] = Counter()  # how many threads use a model just now


@contextmanager
def reading(model: object) -> Iterator[None]:
    """Use the weights meanwhile.

    Raises:
        UsageError: another thread trains the model.
    """
    with _changed:
        _refuse_others(model)
        _readers[id(model)] += 1
    try:
        yield
    finally:
        with _changed:
            _readers[id(model)] -= 1
            if not _readers[id(model)]:
                del _readers[id(model)]
                _changed.notify_all()


@contextmanager
def training(model: object) -> Iterator[None]:
    """Change the weights meanwhile; it begins when nobody reads them any more.

    Raises:
        UsageError: another thread trains the model.
    """
    with _changed:
        _refuse_others(model)
        outer = _trainers.get(id(model))
        _trainers[id(model)] = threading.get_ident()
    try:
        if outer is None:
            with _changed:
                _changed.wait_for(lambda: not _readers[id(model)])
        yield
    finally:
        with _changed:
            if outer is None:
                del _trainers[id(model)]


def _refuse_others(model: object) -> None:
    if _trainers.get(id(model), threading.get_ident()) != threading.get_ident():
        fix = "wait for fit() to end, or use a copy.deepcopy() of the model"
        raise UsageError("another thread trains this model", fix=fix)
