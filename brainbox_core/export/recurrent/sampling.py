"""Choosing a character as C text: what `sampling` does, bit for bit, and the table of the characters."""

from __future__ import annotations

from collections.abc import Sequence

from brainbox_core.exact.sampling import MULTIPLIER, STREAM
from brainbox_core.export.c_names import Foreign


def functions(name: str, size: int) -> str:
    """The types and functions NAME_rng_t, NAME_seed and NAME_sample.

    Args:
        name: what every identifier begins with.
        size: how many characters there are.
    """
    numbers = {"MULTIPLIER": MULTIPLIER, "INCREMENT": STREAM << 1 | 1}
    text = _SAMPLE.replace("NAME", name).replace("SIZE", str(size))
    for word, number in numbers.items():
        text = text.replace(word, f"{number % 2**64}ULL")
    return text


def table_bytes(characters: Sequence[Foreign]) -> int:
    """Of the table of the characters."""
    return len(characters) * _width(characters)


def table(name: str, characters: Sequence[Foreign]) -> str:
    """The characters in UTF-8, and the function NAME_character that looks one up."""
    strings = ",\n".join("    " + character.string() for character in characters)
    text = _CHARACTER.replace("NAME", name).replace("SIZE", str(len(characters)))
    return text.replace("WIDTH", str(_width(characters))).replace("STRINGS", strings)


def _width(characters: Sequence[Foreign]) -> int:
    return 1 + max(character.size for character in characters)


_SAMPLE = """\
/* Random numbers: PCG32 (O'Neill 2014) */
typedef struct {
    uint64_t state;
} NAME_rng_t;

static inline uint32_t NAME_random(NAME_rng_t *rng)
{
    const uint64_t state = rng->state;
    const uint32_t word = (uint32_t)(((state >> 18) ^ state) >> 27), turn = (uint32_t)(state >> 59);
    rng->state = state * MULTIPLIER + INCREMENT;
    return (word >> turn) | (word << ((0u - turn) & 31u));
}

/* The same seed gives the same text. */
static inline void NAME_seed(NAME_rng_t *rng, uint64_t seed)
{
    rng->state = seed + INCREMENT;
    (void)NAME_random(rng);
}

/* Chooses a token by its logits y[SIZE]; the temperature is from 0.01 to 100, and 0 takes the likeliest. */
static inline int NAME_sample(const float *y, float temperature, NAME_rng_t *rng)
{
    float top = y[0], total = 0.0f, sum = 0.0f, limit;
    int i, best = 0;
    for (i = 1; i < SIZE; i++) {
        if (y[i] > top) {
            top = y[i];
            best = i;
        }
    }
    if (!(temperature > 0.0f)) {
        return best;
    }
    for (i = 0; i < SIZE; i++) {
        total = total + NAME_exp_negative((y[i] - top) / temperature);
    }
    limit = (float)(NAME_random(rng) >> 8) * 5.9604645e-08f * total;
    for (i = 0; i < SIZE; i++) {
        const float weight = NAME_exp_negative((y[i] - top) / temperature);
        sum = sum + weight;
        best = weight > 0.0f ? i : best;
        if (sum > limit) {
            return i;
        }
    }
    return best;
}
"""

_CHARACTER = """\
static const char NAME_characters[SIZE][WIDTH] = {
STRINGS
};

/* A token's character in UTF-8; "" if there is no such token. */
static inline const char *NAME_character(int token)
{
    return token < 0 || token >= SIZE ? "" : NAME_characters[token];
}
"""
