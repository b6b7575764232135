"""Choosing a character as C text: what `exact.sampling` does, bit for bit, and the table of the characters."""

from __future__ import annotations

from collections.abc import Sequence

from brainbox_core.exact.sampling import MULTIPLIER, STREAM
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.templates import filled


def functions(name: str, characters: Sequence[Foreign]) -> str:
    """The type NAME_rng_t and the functions NAME_seed, NAME_predict, NAME_sample and NAME_character.

    Args:
        name: what every identifier begins with.
        characters: what the ids stand for; they lie in a table in UTF-8.
    """
    return filled(
        "recurrent/sampling.h.in",
        name,
        size=len(characters),
        width=_width(characters),
        strings=",\n".join("    " + character.string() for character in characters) + "\n",
        multiplier=f"{MULTIPLIER}ULL",
        increment=f"{(STREAM << 1 | 1) % 2**64}ULL",
    )


def table_bytes(characters: Sequence[Foreign]) -> int:
    """Of the table of the characters."""
    return len(characters) * _width(characters)


def _width(characters: Sequence[Foreign]) -> int:
    return 1 + max(character.size for character in characters)
