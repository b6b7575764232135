"""SciPy's side: filtering a picture."""

from __future__ import annotations

from scipy import ndimage

from tests.benchmarks.compare import ours
from tests.benchmarks.compare.cases import Case
from tests.benchmarks.compare.side import Turns


def filter_picture(turns: Turns, case: Case, way: str) -> None:
    image, kernel = ours.picture_and_kernel(**case.given)
    ndimage.correlate(image, kernel, mode="constant")
    while turns.next():
        for _ in range(case.times):
            ndimage.correlate(image, kernel, mode="constant")
