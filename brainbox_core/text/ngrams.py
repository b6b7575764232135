"""What can be known of the next character by counting: the baselines of a character model.

Bits per character are the mean of -log2 of the probability that was given to what came (Shannon 1951). Every count
begins at 1, so that nothing is impossible (Laplace's rule).
"""

from __future__ import annotations

import numpy as np


def unigram_bits(train: np.ndarray, text: np.ndarray, size: int) -> float:
    """Bits per character for one who knows how often each character comes.

    Args:
        train: (n,) the characters to count, as numbers from 0.
        text: (m,) the characters to predict, all but the first.
        size: how many different characters there are.

    Example:
        >>> round(unigram_bits(np.array([0, 0, 0, 1]), np.array([1, 0, 1]), 2), 4)
        1.085
    """
    counts = np.bincount(train, minlength=size) + 1
    return float(-np.log2(counts / counts.sum())[text[1:]].mean())


def bigram_bits(train: np.ndarray, text: np.ndarray, size: int) -> float:
    """Bits per character for one who also knows the character before.

    Example:
        >>> round(bigram_bits(np.array([0, 1] * 50), np.array([0, 1, 0]), 2), 4)
        0.0283
    """
    pairs = np.bincount(train[:-1].astype(np.intp) * size + train[1:], minlength=size * size).reshape(size, size) + 1
    bits = -np.log2(pairs / pairs.sum(axis=1, keepdims=True))
    return float(bits[text[:-1], text[1:]].mean())
