"""The vocabulary of a header that scores texts, in the form in which `features.h.in` looks names up.

The vocabulary is the sorted list of all names, of which each says how much of its beginning it shares with the one
before it, in blocks of 16 (front coding; Witten, Moffat, Bell, Managing Gigabytes, 1999, section 4.1). A name is looked
up by halving the blocks, and reading through one of them: it is there or it is not, and nothing is taken for another.
A hashed vocabulary has no names: the column of a feature is the CRC-32 of its name, modulo the number of columns.
"""

from __future__ import annotations

from collections.abc import Sequence

BLOCK = 16  # names
_ESCAPE = 15


def front_coded(names: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """Sorted names in blocks of 16, and where each block starts.

    A name is a byte, shared length << 4 | length of the rest, then what of them is 15 or more, then the rest. A length
    of 15 or more goes on with bytes that are added, the last of them less than 255.

    Example:
        >>> front_coded([b"prize", b"prizes"])
        (b'\\x05prizeQs', [0])
    """
    data, starts, before = bytearray(), [], b""
    for number, name in enumerate(names):
        if number % BLOCK == 0:
            starts.append(len(data))
            before = b""
        shared = next((place for place, (a, b) in enumerate(zip(name, before, strict=False)) if a != b), None)
        shared = min(len(name), len(before)) if shared is None else shared
        lengths = shared, len(name) - shared
        data.append(min(lengths[0], _ESCAPE) << 4 | min(lengths[1], _ESCAPE))
        for length in lengths:
            if length >= _ESCAPE:
                data += b"\xff" * ((length - _ESCAPE) // 255) + bytes([(length - _ESCAPE) % 255])
        data += name[shared:]
        before = name
    return bytes(data), starts


def checksum_steps() -> list[int]:
    """The table of CRC-32 by four bits."""
    steps = list(range(16))
    for _ in range(4):
        steps = [step >> 1 ^ (0xEDB88320 if step & 1 else 0) for step in steps]
    return steps
