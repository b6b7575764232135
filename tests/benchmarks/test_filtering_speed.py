"""2-D filtering beside SciPy's `ndimage.correlate`: the same picture and kernel, one thread, by turns in one run.

    python -m pytest -m bench tests/benchmarks/test_filtering_speed.py -s

Both take the picture in the same type (float64 or uint8) and sum in float64; SciPy writes float64, ours float64 for
float64 and float32 for uint8. Kernels are dense, random, and no product of a column and a row.
"""

import json
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.bench
pytest.importorskip("scipy.ndimage", reason="the yardstick is SciPy")

# A process of its own, because the number of BLAS threads is read when NumPy is loaded.
HARNESS = """
import os
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import json, sys
from time import process_time
import numpy as np
from scipy import ndimage
from brainbox_core.images.filter import correlate

rng = np.random.default_rng(0)
ratios = {}
for shape, size, dtype, rounds in json.loads(sys.argv[1]):
    image, kernel = (rng.random(shape) * 255).astype(dtype), rng.normal(size=size)
    ours = lambda: correlate(image, kernel)
    theirs = lambda: ndimage.correlate(image, kernel, output=np.float64, mode="constant")
    a, b = ours(), theirs()
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12 * 255 * np.abs(kernel).sum())
    spent = {ours: [], theirs: []}
    for _ in range(rounds):
        for run in spent:  # by turns, so that a busy neighbour slows both
            start = process_time()
            run()
            spent[run].append(process_time() - start)
    fast = {run: sorted(times)[rounds // 4] for run, times in spent.items()}
    print(json.dumps([shape, size, dtype, fast[ours] * 1e3, fast[theirs] * 1e3]))
"""


def measure(cases, capsys):
    """The ratio of our time to SciPy's for each (shape, size, dtype, rounds)."""
    run = [sys.executable, "-c", textwrap.dedent(HARNESS), json.dumps(cases)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    ratios = []
    with capsys.disabled():
        print()
        for line in done.stdout.splitlines():
            shape, size, dtype, ours, theirs = json.loads(line)
            ratios.append(ours / theirs)
            names = ["{}x{}".format(*pair) for pair in (shape, size)]
            print(f"{names[0]:>9} {dtype:<8}{names[1]:>6}  {ours:8.2f} / {theirs:8.2f} ms = {ours / theirs:.2f}")
    assert len(ratios) == len(cases)
    return ratios


@pytest.mark.parametrize("dtype", ["float64", "uint8"])
@pytest.mark.parametrize(
    ("shape", "size", "limit"),
    [((512, 512), (3, 3), 0.5), ((1080, 1920), (5, 5), 0.5), ((1080, 1920), (15, 15), 0.4)],
    ids=str,
)
def test_the_promised_sizes(shape, size, limit, dtype, capsys):
    assert measure([(shape, size, dtype, 16)], capsys)[0] <= limit


@pytest.mark.parametrize("dtype", ["float64", "uint8"])
@pytest.mark.parametrize("kind", ["square", "wide", "tall"])
def test_never_slower_at_any_size(kind, dtype, capsys):
    sizes = {"square": lambda n: (n, n), "wide": lambda n: (1, n), "tall": lambda n: (n, 1)}[kind]
    cases = [((512, 512), sizes(n), dtype, 8 if n < 10 else 4) for n in range(1, 32)]
    assert max(measure(cases, capsys)) <= 1
