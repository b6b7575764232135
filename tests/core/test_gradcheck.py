"""The checker itself: it agrees with right gradients, catches wrong ones, and steps around kinks."""

import math

import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.tensor import record


def with_backward(backward):
    """x², whose way back is given."""
    return lambda x: record("square", x.data**2, (x,), lambda g: (backward(g, x.data),))


POINT = np.array([0.5, -2.0, 3.0])


@pytest.mark.parametrize("method", ["complex", "difference"])
def test_a_right_gradient_passes_and_wrong_ones_do_not(method):
    limit = 1e-10 if method == "complex" else 1e-6
    assert check_gradients(with_backward(lambda g, x: 2 * x * g), POINT, method=method).max_error < limit
    for wrong in (
        lambda g, x: 2 * x * g * (1 + 1e-5),
        lambda g, x: x * g,
        lambda g, x: -2 * x * g,
        lambda g, x: 2 * x,  # forgets what came in
        lambda g, x: 2 * x * g + np.eye(3)[2] * 1e-5,  # in one element only
        lambda g, x: 0 * g,
    ):
        assert check_gradients(with_backward(wrong), POINT, method=method).max_error > 1e-7


def test_a_gradient_that_is_not_a_number_does_not_pass():
    for element in range(3):
        wrong = with_backward(lambda g, x, element=element: np.where(np.arange(3) == element, np.nan, 2 * x * g))
        assert math.isnan(check_gradients(wrong, POINT).max_error)
    with np.errstate(all="ignore"):
        check = check_gradients(lambda x: x.log(), np.array([-1.0, 1.0]), method="difference")
    assert math.isnan(check.max_error)


def test_a_missing_gradient_does_not_pass():
    check = check_gradients(lambda x: record("square", x.data**2, (x,), lambda g: (None,)), POINT)
    assert check.max_error > 0.5


def test_a_gradient_of_another_shape_is_an_error():
    with pytest.raises(UsageError, match=r"another shape than its value: expected \(3,\), got \(1, 3\)"):
        check_gradients(with_backward(lambda g, x: (2 * x * g)[None]), POINT)


def test_kinks_are_counted_and_not_compared():
    check = check_gradients(lambda x: x.relu() + x.abs(), np.array([-1.0, 0.0, 2.0, 0.0]))
    assert (check.compared, check.skipped) == (2, 2) and check.max_error < 1e-10
    check = check_gradients(lambda x: x.max(), np.array([1.0, 5.0, 5.0]))
    assert (check.compared, check.skipped) == (1, 2)


def test_a_steep_but_smooth_place_is_no_kink():
    assert check_gradients(lambda x: (x * 20).tanh(), np.linspace(-0.1, 0.1, 7)).skipped == 0


def test_several_inputs_and_any_shape_of_result():
    check = check_gradients(lambda a, b, c: (a * b).sum(axis=0) @ c, np.ones((2, 1, 3)), POINT, np.eye(3))
    assert check.compared == 6 + 3 + 9 and check.max_error < 1e-10


def test_an_input_that_is_not_used_has_gradient_zero():
    assert check_gradients(lambda a, b: a * 1, POINT, POINT).max_error < 1e-10


def test_the_point_is_not_changed_and_whole_numbers_will_do():
    point = np.arange(3)
    check_gradients(lambda x: x * x, point)
    assert point.tolist() == [0, 1, 2]


def test_the_seed_weights_the_result():
    seen = []
    for seed in (0, 0, 1):
        check_gradients(with_backward(lambda g, x: seen.append(g) or 2 * x * g), POINT, seed=seed)
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError, match="unknown method: expected 'complex' or 'difference', got 'magic'"):
        check_gradients(lambda x: x * x, POINT, method="magic")


def test_a_function_that_drops_the_imaginary_part_does_not_pass():
    def real_square(x):
        return record("square", (x.data.real**2).astype(x.dtype), (x,), lambda g: (2 * x.data * g,))

    assert check_gradients(real_square, POINT).max_error > 0.5
    assert check_gradients(real_square, POINT, method="difference").max_error < 1e-6
