"""A file in the shape of creditcard.csv as it is published: 31 columns, the header and the last one in quotes."""

from pathlib import Path

import numpy as np

from brainbox_core.rng import stream

PUBLISHED_ROWS = 284_807
NAMES = ["Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class"]


def write_creditcard(path: Path, rows: int = PUBLISHED_ROWS) -> np.ndarray:
    """Write random transactions; returns the numbers of the first 1,000 rows."""
    random, first = stream(0, "creditcard"), None
    with open(path, "w", encoding="ascii") as file:
        file.write(",".join(f'"{name}"' for name in NAMES) + "\n")
        for start in range(0, rows, 1000):
            count = min(1000, rows - start)
            block = np.empty((count, 31))
            block[:, 0] = np.arange(start, start + count) // 2
            block[:, 1:29] = random.normal(size=(count, 28))
            block[:, 29] = random.exponential(80, count).round(2)
            block[:, 30] = random.random(count) < 0.0017
            first = block if first is None else first
            for row in block.tolist():
                file.write(f'{row[0]:.0f},{",".join(map(repr, row[1:29]))},{row[29]:.15g},"{row[30]:.0f}"\n')
    return first
