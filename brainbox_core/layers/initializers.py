"""How weights start: random numbers scaled so that signals neither die out nor explode on their way through the layers.

An initializer is a function of the fan-in and fan-out of a weight: how many numbers go into one output, and how many
outputs one input goes to.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from brainbox_core.errors import UsageError

Initializer = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]

_left_out: ContextVar[bool] = ContextVar("left_out", default=False)


@contextmanager
def left_out() -> Iterator[None]:
    """Inside, weights start at 0, because a file is about to fill them in: nothing is drawn in vain.

    Example:
        >>> with left_out():
        ...     he((1, 2), np.random.default_rng(0)).tolist()
        [[0.0, 0.0]]
    """
    token = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(token)


def _drawn(draw: Initializer) -> Initializer:
    """An initializer that draws only where its numbers will be used."""

    @functools.wraps(draw)
    def start(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape, np.float32) if _left_out.get() else draw(shape, rng)

    return start


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a weight whose last two axes are inputs and outputs, after any kernel axes.

    Example:
        >>> fans((784, 128)), fans((3, 3, 16, 32))
        ((784, 128), (144, 288))
    """
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


@_drawn
def normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal with variance 1, for tables of vectors.

    Example:
        >>> normal((1000, 8), np.random.default_rng(0)).std().round(1)
        np.float32(1.0)
    """
    return _normal(shape, rng, 1.0)


@_drawn
def he(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal with variance 2 / fan-in, for layers followed by a ReLU (He et al. 2015).

    Example:
        >>> he((50, 1000), np.random.default_rng(0)).std().round(2)
        np.float32(0.2)
    """
    return _normal(shape, rng, math.sqrt(2 / fans(shape)[0]))


@_drawn
def lecun(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal with variance 1 / fan-in (LeCun et al., "Efficient BackProp", 1998).

    Example:
        >>> lecun((100, 1000), np.random.default_rng(0)).std().round(2)
        np.float32(0.1)
    """
    return _normal(shape, rng, math.sqrt(1 / fans(shape)[0]))


@_drawn
def glorot(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Uniform with variance 2 / (fan-in + fan-out), for tanh and sigmoid (Glorot and Bengio 2010).

    Example:
        >>> glorot((100, 100), np.random.default_rng(0)).std().round(2)
        np.float32(0.1)
    """
    limit = math.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def zeros(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """All 0: for biases, and for seeing why weights must not start equal.

    Example:
        >>> zeros((2, 2), np.random.default_rng(0)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    return np.zeros(shape, np.float32)


@_drawn
def orthogonal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A random rotation (or part of one): it keeps lengths, however often it is applied (Saxe et al. 2014).

    Example:
        >>> turn = orthogonal((3, 3), np.random.default_rng(0))
        >>> np.allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        True
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q *= np.sign(np.diag(r))  # without this some rotations would be more likely than others
    return (q if rows >= columns else q.T).astype(np.float32)


def _normal(shape: tuple[int, ...], rng: np.random.Generator, deviation: float) -> np.ndarray:
    return (rng.standard_normal(shape) * deviation).astype(np.float32)


NAMES: dict[str, Initializer] = {"he": he, "glorot": glorot, "lecun": lecun, "orthogonal": orthogonal, "zeros": zeros}


def named(name: str) -> Initializer:
    """The initializer of a name, as layers take it: "he", "glorot", "lecun", "orthogonal" or "zeros".

    Example:
        >>> named("he") is he
        True
    """
    if name not in NAMES:
        raise UsageError("unknown initializer", expected=", ".join(NAMES), got=repr(name))
    return NAMES[name]
