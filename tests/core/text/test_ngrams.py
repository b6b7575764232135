import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from brainbox_core.text.ngrams import bigram_bits, unigram_bits

RNG = np.random.Generator(np.random.Philox(key=5))
TRAIN, TEXT, SIZE = RNG.integers(0, 5, 300).astype(np.uint16), RNG.integers(0, 5, 100).astype(np.uint16), 5


def test_unigrams_beside_a_plain_count():
    counts = Counter(TRAIN.tolist())
    bits = [-math.log2((counts[c] + 1) / (len(TRAIN) + SIZE)) for c in TEXT[1:].tolist()]
    assert unigram_bits(TRAIN, TEXT, SIZE) == pytest.approx(sum(bits) / len(bits), rel=1e-12)


def test_bigrams_beside_a_plain_count():
    train, text = TRAIN.tolist(), TEXT.tolist()
    pairs, before = Counter(pairwise(train)), Counter(train[:-1])
    bits = [-math.log2((pairs[pair] + 1) / (before[pair[0]] + SIZE)) for pair in pairwise(text)]
    assert bigram_bits(TRAIN, TEXT, SIZE) == pytest.approx(sum(bits) / len(bits), rel=1e-12)


def test_what_never_came_before_is_not_impossible():
    assert math.isfinite(bigram_bits(np.zeros(10, np.uint16), np.array([2, 1, 2], np.uint16), 3))


def test_many_characters_do_not_overflow_their_numbers():
    ids = np.full(10, 900, np.uint16)  # 900 * 1000 is more than 16 bits hold
    assert bigram_bits(ids, ids, 1000) == pytest.approx(-math.log2(10 / 1009))
