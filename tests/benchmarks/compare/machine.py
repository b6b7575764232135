"""What the machine can do at most, in one thread: matrix products of given shapes, copying, and pages from the system.

python -m tests.benchmarks.compare.machine '[[COUNT, M, K, N], ...]'
"""

from __future__ import annotations

import json
import mmap
import resource
import sys
from collections.abc import Callable
from time import process_time

import numpy as np

MEMORY = 1 << 27  # bytes, more than a cache holds


def median_seconds(work: Callable[[], object], least: float = 0.03) -> float:
    """CPU time of one call: the median of at least five, and of as many as take `least` seconds."""
    work()
    times: list[float] = []
    while len(times) < 5 or sum(times) < least:
        begun = process_time()
        work()
        times.append(process_time() - begun)
    return float(np.median(times))


def products(shapes: list[list[int]]) -> dict[str, float]:
    """The time of matrix products in float32, (count, m, k, n) each, and the rate of all of them."""
    seconds = operations = 0.0
    for count, m, k, n in shapes:
        a, b, out = np.ones((m, k), np.float32), np.ones((k, n), np.float32), np.empty((m, n), np.float32)
        calls = max(1, 20_000_000 // (m * k * n))  # in one measurement: a clock cannot tell a microsecond
        once = median_seconds(lambda a=a, b=b, out=out, calls=calls: [np.matmul(a, b, out=out) for _ in range(calls)])
        seconds += count * once / calls
        operations += 2.0 * count * m * k * n
    return {"products_ms": seconds * 1e3, "gflops": operations / seconds / 1e9}


def bandwidth() -> float:
    """GB/s of a copy, what is read and what is written taken together."""
    source = np.ones(MEMORY, np.uint8)
    target = np.ones_like(source)
    return 2 * MEMORY / median_seconds(lambda: np.copyto(target, source)) / 1e9


def page_fault() -> float:
    """Microseconds of a page that is fetched from the system when it is first written to."""
    with mmap.mmap(-1, MEMORY, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as pages:
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, process_time()
        for place in range(0, MEMORY, mmap.PAGESIZE):
            pages[place] = 1
        seconds = process_time() - begun
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        begun = process_time()
        for place in range(0, MEMORY, mmap.PAGESIZE):
            pages[place] = 1
        return (seconds - (process_time() - begun)) / max(faults, 1) * 1e6


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(products(asked) if asked else {"copy_gb_s": bandwidth(), "page_fault_us": page_fault()}))
