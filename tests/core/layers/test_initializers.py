"""Starting weights: the right variance, the right shape, from the given generator alone."""

import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.layers import initializers
from brainbox_core.rng import stream

DENSE, CONV = (300, 200), (5, 5, 12, 20)


@pytest.mark.parametrize("shape", [DENSE, CONV], ids=str)
@pytest.mark.parametrize(
    ("name", "variance"),
    [("he", lambda i, o: 2 / i), ("lecun", lambda i, o: 1 / i), ("glorot", lambda i, o: 2 / (i + o))],
)
def test_the_variance_is_that_of_the_formula(name, variance, shape):
    wanted = variance(*initializers.fans(shape))
    weights = initializers.named(name)(shape, stream(0, "test", name))
    assert weights.shape == shape and weights.dtype == np.float32
    n = weights.size
    assert abs(weights.mean()) < 5 * np.sqrt(wanted / n)
    assert weights.var() == pytest.approx(wanted, rel=5 * np.sqrt(2 / n))


def test_glorot_is_uniform_within_its_limit():
    weights = initializers.glorot(DENSE, stream(0))
    limit = np.sqrt(6 / 500)
    assert abs(weights).max() <= limit and abs(weights).max() > 0.999 * limit


@pytest.mark.parametrize("shape", [(6, 6), (4, 6), (6, 4)], ids=str)
def test_orthogonal_rows_or_columns_have_length_one_and_right_angles(shape):
    weights = initializers.orthogonal(shape, stream(0)).astype(np.float64)
    short = weights if shape[0] <= shape[1] else weights.T
    assert weights.shape == shape and np.allclose(short @ short.T, np.eye(4 if shape != (6, 6) else 6), atol=1e-6)


def test_orthogonal_rotations_favour_no_direction():
    corners = [initializers.orthogonal((2, 2), stream(i))[0, 0] for i in range(400)]
    assert abs(np.mean(corners)) < 0.15  # always positive or negative without the correction of QR's signs


def test_zeros_are_zeros_and_draw_nothing():
    rng = stream(0)
    assert not initializers.zeros(DENSE, rng).any() and rng.random() == stream(0).random()


def test_fans_count_the_window():
    assert initializers.fans((7, 9)) == (7, 9)
    assert initializers.fans((3, 5, 4, 6)) == (60, 90)


@pytest.mark.parametrize("name", initializers.NAMES)
def test_the_generator_decides(name):
    make = initializers.named(name)
    assert np.array_equal(make(DENSE, stream(1)), make(DENSE, stream(1)))
    assert name == "zeros" or not np.array_equal(make(DENSE, stream(1)), make(DENSE, stream(2)))


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(
        UsageError, match="unknown initializer: expected he, glorot, lecun, orthogonal, zeros, got 'xavier'"
    ):
        initializers.named("xavier")
