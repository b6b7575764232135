import subprocess
import sys
from pathlib import Path

import pytest

from brainbox_core.errors import UsageError
from brainbox_core.scalar.margin import separate
from brainbox_core.scalar.points import SETS, points


@pytest.mark.parametrize("name", SETS)
def test_points_are_the_same_for_one_seed_and_others_for_another(name):
    rows, labels = points(name, 200, seed=3)
    assert (rows, labels) == points(name, 200, seed=3)
    assert rows != points(name, 200, seed=4)[0]
    assert not set(rows) & set(points(name, 200, seed=3, part="test")[0])
    assert sum(labels) == 100
    assert all(abs(x) < 1.7 and abs(y) < 1.7 for x, y in rows)


@pytest.mark.parametrize("name", SETS)
def test_no_line_separates_them(name):
    rows, labels = points(name, 60)
    grid = [[round(x * 100) for x in row] for row in rows]
    assert not separate(grid, labels).possible


@pytest.mark.parametrize("name", SETS)
def test_the_nearest_other_point_is_nearly_always_of_the_same_class(name):
    rows, labels = points(name, 200)
    others, classes = points(name, 400, part="test")

    def nearest(x: float, y: float) -> int:
        return labels[min(range(200), key=lambda index: (rows[index][0] - x) ** 2 + (rows[index][1] - y) ** 2)]

    assert sum(nearest(x, y) == label for (x, y), label in zip(others, classes, strict=True)) > 0.96 * 400


def test_mistakes():
    with pytest.raises(UsageError, match="moons, circles, spiral, xor"):
        points("moon", 10)
    with pytest.raises(UsageError):
        points("moons", 0)


def test_it_imports_no_numpy():
    learn = "from brainbox_core.tasks.autograd.network import *; Training(Settings('xor'))"
    code = f"import sys; {learn}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0
