"""Large arrays whose memory is used again, as to fetch it from the system costs more than to fill it.

The C library gives a large array back to the system when nobody refers to it any more. A new one then costs an
interrupt and a page of zeros for every four kilobytes, which was half the time of a small convolutional network. Here
the memory waits for the next array of about its size. A training asks for the same sizes at every step, so that after
the first one nothing is fetched.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

SMALLEST = 1 << 16  # bytes; the C library keeps smaller ones by itself
MOST = 256 << 20  # bytes that may wait, of each thread


class _Waiting(threading.local):
    """The blocks of memory that wait in a thread, by size."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[np.ndarray]] = {}
        self.total = 0  # bytes


_waiting = _Waiting()


class _Lease:
    """What an array refers to as the owner of its memory. It goes when the array goes, and the memory waits again."""

    __slots__ = ("__array_interface__", "_block")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, size: int):
        step = 1 << size.bit_length() - 4
        size = -(-size // step) * step  # at most eight sizes between a power of two and the next
        blocks = _waiting.blocks.get(size)
        if blocks:
            self._block = blocks.pop()
            _waiting.total -= size
        else:
            self._block = np.empty(size, np.uint8)
        place = self._block.__array_interface__["data"]
        self.__array_interface__ = {"data": place, "shape": shape, "typestr": dtype.str, "version": 3}

    def __del__(self) -> None:
        size = self._block.nbytes
        if size > MOST:
            return
        if _waiting.total + size > MOST:  # sizes that nobody asks for any more
            _waiting.blocks, _waiting.total = {}, 0
        _waiting.blocks.setdefault(size, []).append(self._block)
        _waiting.total += size


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of any content, as of `np.empty`, in memory that an earlier one may have had.

    Example:
        >>> empty((2, 3), np.float32).shape
        (2, 3)
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    return np.empty(shape, dtype) if size < SMALLEST else np.asarray(_Lease(shape, dtype, size))


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
