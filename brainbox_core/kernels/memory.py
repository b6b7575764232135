"""Large arrays whose memory is used again, as to fetch it from the system costs more than to fill it.

The C library gives a large array back to the system when nobody refers to it any more. A new one then costs an
interrupt and a page of zeros for every four kilobytes, which was half the time of a small convolutional network. Here
the memory is kept, and serves the next array of about its size once nobody refers to it. A training asks for the same
sizes at every step, so that after the first one nothing is fetched.
"""

from __future__ import annotations

import math
import threading
from sys import getrefcount
from typing import Any

import numpy as np

SMALLEST = 1 << 16  # bytes; the C library keeps smaller ones by itself
MOST = 256 << 20  # bytes that are kept, of each thread


class _Kept(threading.local):
    """The blocks of memory that a thread keeps, by size. Arrays are views of them, and so refer to them."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[np.ndarray]] = {}
        self.total = 0  # bytes


def _references(blocks: list[np.ndarray], place: int) -> int:
    return getrefcount(blocks[place])


_kept = _Kept()
_UNUSED = _references([np.empty(1)], 0)  # of a block that only its list refers to


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of any content, as of `np.empty`, in memory that an earlier one may have had.

    Example:
        >>> empty((2, 3), np.float32).shape
        (2, 3)
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    step = 1 << size.bit_length() - 4
    return _block(-(-size // step) * step)[:size].view(dtype).reshape(shape)


def _block(size: int) -> np.ndarray:
    """Memory that nobody uses. There are at most eight sizes between a power of two and the next."""
    blocks = _kept.blocks.setdefault(size, [])
    for place in range(len(blocks)):
        # A destructor that gave memory back would run Python code, in which a Ctrl-C would be lost.
        if _references(blocks, place) == _UNUSED:
            return blocks[place]
    block = np.empty(size, np.uint8)
    if size <= MOST:
        if _kept.total + size > MOST:  # sizes that nobody asks for any more
            _kept.blocks, _kept.total = {size: []}, 0
        _kept.blocks[size].append(block)
        _kept.total += size
    return block


def copy(x: np.ndarray) -> np.ndarray:
    """A contiguous copy of x."""
    out = empty(x.shape, x.dtype)
    np.copyto(out, x)
    return out


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """As of `np.zeros`."""
    out = empty(shape, dtype)
    out.fill(0)
    return out


def product(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """a * b, where a has the shape and the dtype of the result."""
    return np.multiply(a, b, out=empty(a.shape, a.dtype))
