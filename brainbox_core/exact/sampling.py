"""Choosing the next character at random, defined so exactly that a program in another language chooses the same.

The random numbers are PCG32's: 64 bits of state, 32 bits out, whole numbers only (O'Neill, "PCG: A family of simple
fast space-efficient statistically good algorithms for random number generation", 2014; the variant XSH-RR). Everything
after them is float32, in this order:

    z_i = (logit_i - max of all) / temperature      for each of the top_k characters; 0 stands for the others' w_i
    w_i = exp(z_i)                                  that of `float_math`
    s_i = s_(i-1) + w_i                             added up from the first to the last
    t   = (random >> 8) * 2^-24 * s_last
    the first i with s_i > t; if there is none, the last i with w_i > 0

A temperature of 0 takes the first of the largest logits and no random number.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.exact.float_math import exp_negative

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 100.0
MULTIPLIER, STREAM = 6364136223846793005, 0xDA3E39CB94B95BDB  # the reference's multiplier and default stream
_MASK = 2**64 - 1


class Pcg32:
    """Random whole numbers from 0 to 2^32 - 1.

    Args:
        seed: 64 bits.
        stream: which of 2^63 sequences, all different.

    Example:
        >>> random = Pcg32(seed=42, stream=54)
        >>> [hex(random.next()) for _ in range(3)]  # as the reference implementation prints them
        ['0xa15c02b7', '0x7b47f409', '0xba1d3330']
    """

    def __init__(self, seed: int, stream: int = STREAM):
        self._increment = (stream << 1 | 1) & _MASK
        self._state = (whole("seed", seed, 0) + self._increment) & _MASK
        self.next()

    def next(self) -> int:
        """The next number."""
        state = self._state
        self._state = (state * MULTIPLIER + self._increment) & _MASK
        word = ((state >> 18 ^ state) >> 27) & 0xFFFFFFFF
        turn = state >> 59
        return (word >> turn | word << (-turn & 31)) & 0xFFFFFFFF


class Sampler:
    """Chooses characters by their logits, each time with the next random numbers.

    Args:
        temperature: what the logits are divided by: below 1 the likely become likelier, above 1 all more alike; 0
            always takes the likeliest. 0, or from 0.01 to 100.
        top_k: choose among so many of the likeliest only (of equal ones, the first); None among all.
        seed: of the random numbers.

    Example:
        >>> Sampler(temperature=0).choose(np.array([1, 3, 2], np.float32))
        1
    """

    def __init__(self, temperature: float = 1.0, top_k: int | None = None, seed: int = 0):
        temperature = between("temperature", temperature, 0, MOST_TEMPERATURE)
        if 0 < temperature < LEAST_TEMPERATURE:
            expected = f"0, or a number from {LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g}"
            raise UsageError("temperature", expected=expected, got=temperature, fix="0 takes the likeliest character")
        self.temperature = np.float32(temperature)
        self.top_k = None if top_k is None else whole("top_k", top_k)
        self.random = Pcg32(seed)

    def choose(self, logits: np.ndarray) -> int:
        """The number of a character, for logits (n,) of float32."""
        if not self.temperature:
            return int(logits.argmax())
        weights = exp_negative((logits - logits.max()) / self.temperature)
        if self.top_k is not None and self.top_k < len(logits):
            weights[np.argsort(-logits, kind="stable")[self.top_k :]] = 0
        sums = weights.cumsum()
        share = np.float32(self.random.next() >> 8) * np.float32(2**-24)
        number = int(sums.searchsorted(share * sums[-1], side="right"))
        return number if number < len(sums) else int(np.flatnonzero(weights)[-1])
