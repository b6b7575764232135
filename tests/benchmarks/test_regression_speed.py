"""Ten million rows: what they take beside ten thousand, in time a row and in memory."""

import time
import tracemalloc

import numpy as np
import pytest

from brainbox_core.tasks.regress.solver import descend, least_squares

FEATURES = 10
ROWS = (10_000, 100_000, 1_000_000, 10_000_000)


def problem(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, FEATURES), np.float32).astype(np.float64)
    return X, X @ np.arange(1.0, FEATURES + 1) + rng.standard_normal(rows)


def nanoseconds(work, X: np.ndarray, y: np.ndarray) -> float:
    """CPU time a row, the best of as many runs as make a million rows."""
    times = []
    for _ in range(max(1, min(30, 1_000_000 // len(X)))):
        started = time.process_time()
        work(X, y)
        times.append(time.process_time() - started)
    return min(times) / len(X) * 1e9


@pytest.mark.bench
def test_the_time_of_an_epoch_grows_with_the_rows_and_no_faster():
    ways = {
        "full batch, lr given": lambda X, y: list(descend(X, y, epochs=1, lr=0.1)),
        "batches of 1000, lr given": lambda X, y: list(descend(X, y, epochs=1, lr=0.1, batch_size=1000)),
        "full batch": lambda X, y: list(descend(X, y, epochs=1)),
        "least squares": least_squares,
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for rows in ROWS:
        X, y = problem(rows)
        for name, work in ways.items():
            found[name].append(nanoseconds(work, X, y))
    for name, times in found.items():
        print(f"{name}: " + ", ".join(f"{rows:,} rows {ns:.0f} ns" for rows, ns in zip(ROWS, times, strict=True)))
        assert times[-1] < 2.5 * times[0]


@pytest.mark.bench
def test_ten_million_rows_are_not_copied():
    X, y = problem(ROWS[-1])
    for size in (None, 1000):
        tracemalloc.start()
        (epoch,) = descend(X, y, epochs=1, batch_size=size)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"batch {size or 'full'}: {peak / 1e6:.1f} MB beside the {X.nbytes / 1e6:.0f} MB of X")
        assert np.isfinite(epoch.loss)
        assert peak < X.nbytes / 40
