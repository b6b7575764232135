"""Named, stateless random streams: the same seed and names give the same numbers, whatever was drawn before.

A resumed run needs no generator state, and a layer added to a model leaves the start of the others unchanged.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def key(seed: int, *names: str | int) -> int:
    """A 128-bit number that depends on the seed and every name, and on nothing else (not on PYTHONHASHSEED).

    Args:
        seed: the run's seed, any whole number.
        names: what the numbers are for, such as `"shuffle", epoch`.

    Example:
        >>> key(0, "shuffle", 1) == key(0, "shuffle", 1), key(0, "shuffle", 1) == key(0, "shuffle", "1")
        (True, False)
    """
    text = repr((int(seed), *(str(name) if isinstance(name, str) else int(name) for name in names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A fresh NumPy generator (Philox, counter based) for one purpose.

    Example:
        >>> stream(7, "init", 0).random() == stream(7, "init", 0).random()
        True
    """
    import numpy as np  # here, so that the pure-Python lessons can use `key` without loading NumPy

    return np.random.Generator(np.random.Philox(key=key(seed, *names)))
