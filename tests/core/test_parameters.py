"""One vector of values, one of gradients, and views that cannot come apart."""

import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.parameters import Parameter, Parameters


def two():
    a, b = Parameter(np.arange(4, dtype=np.float32).reshape(2, 2)), Parameter(np.full(3, 7, np.float32))
    return a, b, Parameters({"x/a": a, "x/b": b})


def test_the_vector_and_the_layers_arrays_are_the_same_memory():
    a, b, params = two()
    assert params.values.tolist() == [0, 1, 2, 3, 7, 7, 7] and len(params) == 7
    params.values[:] = 5
    assert (a.data == 5).all() and (b.data == 5).all() and a.shape == (2, 2)
    a.data = 1.0
    assert params.values.tolist() == [1] * 4 + [5] * 3


def test_gradients_land_in_the_vector_and_add_up_within_a_step():
    a, b, params = two()
    ((a * a).sum() + (b * 3).sum() + a.sum()).backward()
    wanted = [1, 3, 5, 7, 3, 3, 3]
    assert params.gather().tolist() == wanted and np.shares_memory(a.grad, params.gradients)
    (b * 1).sum().backward()
    assert params.gather().tolist() == [1, 3, 5, 7, 4, 4, 4]


def test_the_next_step_starts_from_nothing_and_what_got_no_gradient_is_zero():
    a, b, params = two()
    ((a * 2).sum() + b.sum()).backward()
    params.zero_grad()
    assert a.grad is None
    b.sum().backward()
    assert params.gather().tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_a_place_is_vacant_once_a_step():
    a, _, params = two()
    assert a.vacant is not None
    a.sum().backward()
    assert a.vacant is None
    params.zero_grad()
    assert a.vacant is not None
    assert Parameter(np.ones(2)).vacant is None  # not part of a model


@pytest.mark.parametrize("change", [lambda p: p.touched(), lambda p: p.assign(np.ones(7))])
def test_graphs_on_old_values_refuse_to_run_backward(change):
    a, b, params = two()
    y = (a * a).sum() + b.sum()
    change(params)
    with pytest.raises(UsageError, match="changed in place"):
        y.backward()


def test_assign_takes_whole_vectors_only():
    _, _, params = two()
    params.assign(np.arange(7))
    assert params.values.tolist() == list(range(7))
    with pytest.raises(ValueError, match="broadcast"):
        params.assign(np.ones(6))


def test_what_is_trained_are_stretches_without_what_is_frozen():
    named = {name: Parameter(np.full(size, 1.0)) for name, size in zip("abcdef", (2, 3, 1, 4, 1, 2), strict=True)}
    params = Parameters(named)
    for frozen, expected in (
        ("", range(13)), ("a", range(2, 13)), ("f", range(11)), ("abcdef", []), ("bd", [0, 1, 5, 10, 11, 12]),
        ("ace", [2, 3, 4, 6, 7, 8, 9, 11, 12]), ("bcd", [0, 1, 10, 11, 12]),
    ):  # fmt: skip
        for name, parameter in named.items():
            parameter.requires_grad = name not in frozen
        places = [place for here in params.trained() for place in range(13)[here]]
        assert places == list(expected), frozen
    assert len(params.trained()) == 2  # neighbours are one stretch


def test_float32_unless_a_parameter_is_more():
    assert Parameters({}).values.dtype == np.float32 and len(Parameters({})) == 0
    assert Parameters({"a": Parameter(np.ones(2))}).gradients.dtype == np.float64
    whole = Parameter(np.ones(2, int))
    assert Parameters({"a": whole}).values.dtype == np.float32


def test_a_single_number_is_a_parameter_too():
    a = Parameter(np.float32(3))
    params = Parameters({"a": a})
    (a * a).backward()
    assert params.gather().tolist() == [6] and a.grad.shape == ()
