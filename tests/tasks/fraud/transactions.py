"""Small tables of made-up transactions: V1 and V2 tell the frauds, everything else is noise."""

from pathlib import Path

import numpy as np

from brainbox_core.rng import stream


def write_transactions(path: Path, rows: int = 600, every: int = 10, **columns: object) -> Path:
    """Write a table in which each so-manieth row is a fraud.

    Args:
        path: the file.
        rows: how many.
        every: how far a fraud is from the next one.
        columns: further columns, or other values for Time, V1, V2, Amount and Class; None leaves one out.
    """
    rng = stream(0, "test transactions")
    fraud = np.arange(rows) % every == every - 1
    table = {
        "Time": np.arange(rows) * 300,
        "V1": rng.normal(size=rows).round(3) + 4 * fraud,
        "V2": rng.normal(size=rows).round(3) - 4 * fraud,
        "Amount": np.exp(rng.normal(3, 1, rows)).round(2),
        "Class": fraud.astype(int),
        **columns,
    }
    table = {name: values for name, values in table.items() if values is not None}
    lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path
