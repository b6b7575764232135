"""bfloat16: numbers of 16 bits, the upper half of a float32, with its range and 8 of its 24 significant bits.

Reference: Wang and Kanwar, BFloat16: the secret to high performance on cloud TPUs, Google Cloud 2019.
"""

from __future__ import annotations

import numpy as np


def rounded(values: np.ndarray) -> np.ndarray:
    """Finite numbers rounded to bfloat16, halfway cases to even, as float32.

    Above 3.39e38, the largest, it is infinite.

    Example:
        >>> rounded(np.float32([1, 0.1, -3.14159]))
        array([ 1.        ,  0.10009766, -3.140625  ], dtype=float32)
    """
    bits = np.asarray(values, np.float32).view(np.uint32)
    last = bits >> 16 & 1  # the bit that becomes the last one
    return (bits + np.uint32(0x7FFF) + last & np.uint32(0xFFFF0000)).view(np.float32)


def upper_half(values: np.ndarray) -> np.ndarray:
    """The 16 bits of numbers that `rounded` gave, uint16.

    Example:
        >>> [hex(bits) for bits in upper_half(np.float32([1, -2]))]
        ['0x3f80', '0xc000']
    """
    return (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)
