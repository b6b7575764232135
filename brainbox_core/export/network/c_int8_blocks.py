"""Sums of products in C: how the weights of a few output channels lie side by side, and how sums become int8.

A block is a few output channels whose sums stay in registers while one input after another is loaded once and
multiplied with the block's weights for it. In all text NAME stands for the prefix of identifiers.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.export.network.quantize import IntStep

_MOST_PLACES = 4  # of a pool's row that are computed side by side
_MOST_SUMS = 8  # that registers hold beside pointers and operands
# Channels of a block of a linear map, the first that divides them; larger blocks load less and take more code.
_DENSE = {"ram": (4, 5, 3, 2), "speed": (8, 7, 6, 5, 4, 3, 2)}


def blocks(step: IntStep, optimize: str) -> list[tuple[int, int, int]]:
    """How the output channels are cut: (first channel, how many blocks, channels of each)."""
    channels = step.weight.shape[-1]
    if optimize == "size":
        size = 1
    elif step.step.kind == "linear":
        size = next((size for size in _DENSE[optimize] if channels % size == 0), _DENSE[optimize][0])
    else:
        size = _MOST_SUMS // max(places(step), 1 if optimize == "speed" else 2)
    whole, rest = divmod(channels, size)
    return ([(0, whole, size)] if whole else []) + ([(whole * size, 1, rest)] if rest else [])


def places(step: IntStep) -> int:
    """How many places of a pool's row are computed side by side: all of a few, or one after another."""
    columns = step.step.pool.size[1] if step.step.pool else 1
    return columns if columns <= _MOST_PLACES else 1


def packed(step: IntStep, optimize: str) -> np.ndarray:
    """The weights in the order in which they are used: block by block, input by input, channel by channel."""
    if step.step.kind == "scale":
        return step.weight
    rows = step.weight.reshape(-1, step.weight.shape[-1])
    parts = []
    for first, count, size in blocks(step, optimize):
        parts += [rows[:, start : start + size].ravel() for start in range(first, first + count * size, size)]
    return np.concatenate(parts)


def identifier(step: IntStep) -> str:
    """What the names of a step's tables and functions begin with."""
    return f"NAME_{step.step.layers[0]}"


def finished(step: IntStep, total: str, channel: str) -> str:
    """The expression that makes a sum the int8 of a channel."""
    name, by = identifier(step), step.rescale
    function = "NAME_rescale" if high_word_is_enough(step) else "NAME_rescale_wide"
    zero = f"+ {by.zero}" if by.zero >= 0 else f"- {-by.zero}"
    value = f"{function}({total}, {name}_multiplier[{channel}], {name}_shift[{channel}]) {zero}"
    value = f"NAME_clamp({value}, {by.low})"
    return f"{name}_table[{value} + 128]" if step.table is not None else f"(int8_t){value}"


def high_word_is_enough(step: IntStep) -> bool:
    """Whether the low word of a product can be dropped before rounding."""
    return int(step.rescale.shift.min()) >= 33


def shared(steps: tuple[IntStep, ...]) -> list[str]:
    """The functions that the steps of a program call."""
    rescaled = [step for step in steps if step.rescale]
    texts = [_SHIFTS, _CLAMP] if rescaled else []
    if any(high_word_is_enough(step) for step in rescaled):
        texts.append(_RESCALE)
    if not all(high_word_is_enough(step) for step in rescaled):
        texts.append(_RESCALE_WIDE)
    return texts


def indented(lines: list[str], depth: int = 1) -> str:
    """Lines as text, each so many levels further in."""
    return "".join(f"{'    ' * depth}{line}\n" for line in lines)


_SHIFTS = """\
/* Does not compile where shifting a negative number to the right does not round down. */
typedef char NAME_shift_check[(-1 >> 1) == -1 && (-(int64_t)5 >> 1) == -3 ? 1 : -1];

/* A function for one window keeps its sums in registers; as a part of its caller it would not find enough of them. */
#if defined(__GNUC__)
#define NAME_NOINLINE __attribute__((noinline))
#else
#define NAME_NOINLINE
#endif
"""

_CLAMP = """\
static inline int32_t NAME_clamp(int32_t value, int32_t low)
{
    value = value < low ? low : value;
    return value > 127 ? 127 : value;
}
"""

_RESCALE = """\
/* floor((sum * multiplier + 2**(shift - 1)) / 2**shift) for shifts from 33 on, where the low word cannot matter */
static inline int32_t NAME_rescale(int32_t sum, int32_t multiplier, int32_t shift)
{
    const int32_t high = (int32_t)(((int64_t)sum * multiplier) >> 32);
    return (high + ((int32_t)1 << (shift - 33))) >> (shift - 32);
}
"""

_RESCALE_WIDE = """\
/* floor((sum * multiplier + 2**(shift - 1)) / 2**shift) for shifts from 30 on */
static inline int32_t NAME_rescale_wide(int32_t sum, int32_t multiplier, int32_t shift)
{
    return (int32_t)(((int64_t)sum * multiplier + ((int64_t)1 << (shift - 1))) >> shift);
}
"""
