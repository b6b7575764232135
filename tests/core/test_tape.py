"""The tape: the graph that it keeps is right, frees itself, and says when it can no longer be used."""

import contextlib
import copy
import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest

from brainbox_core import functional
from brainbox_core.errors import UsageError
from brainbox_core.tensor import Node, Tensor, no_grad, record


def leaf(*values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


def numbers(*shape, seed=0):
    """Away from 0, so that kinks and poles are far."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def test_a_chain_of_a_million_operations_forward_and_back_and_freed_by_counting_alone():
    gc.collect()
    gc.disable()
    try:
        x = y = leaf(1.0)
        for _ in range(1_000_000):
            y = -y
        y.backward()
        assert x.grad.tolist() == [1]
        y = x
        for _ in range(300_000):
            y = -y
        first = weakref.ref(y)
        del y  # never used: freed from the newest to the oldest, without deep recursion
        assert first() is None
    finally:
        gc.enable()


def test_ten_thousand_operations_cost_some_hundred_bytes_each_and_leave_nothing():
    gc.disable()
    tracemalloc.start()
    try:
        x = leaf(1.0)
        base = tracemalloc.get_traced_memory()[0]
        y = x
        for _ in range(10_000):
            y = y * x
        used = (tracemalloc.get_traced_memory()[0] - base) / 10_000
        y.backward()
        del y
        left = tracemalloc.get_traced_memory()[0] - base
    finally:
        tracemalloc.stop()
        gc.enable()
    assert used < 900  # tensor, array, node, inputs and a function each
    assert left < used * 10_000 / 20  # what Python keeps of small tuples for later


@pytest.mark.parametrize("after_backward", [True, False])
def test_nothing_refers_to_itself(after_backward):
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        parts = [
            x * x,
            x.exp(),
            x.reshape(2, 1),
            x[0:1],
            functional.concat([x, x]),
            functional.where(np.array([True, False]), x, x),
        ]
        parts += [
            functional.softmax(x),
            functional.log_softmax(x),
            x.max(axis=0),
            x.var(),
            x @ x.data.reshape(2, 1) if x.ndim > 1 else -x,
        ]
        total = sum((part.sum() for part in parts), start=Tensor(0.0))
        dead = [weakref.ref(tensor) for tensor in (*parts, total)]
        if after_backward:
            total.backward()
        del parts, total
        assert all(reference() is None for reference in dead)
    finally:
        gc.enable()


def test_a_second_backward_is_an_error_with_the_operations_name():
    y = leaf(2.0) ** 2
    y.backward()
    with pytest.raises(UsageError, match="'pow' of a graph that was used and freed; run the forward pass again"):
        y.backward()


def test_a_graph_that_shares_a_freed_part_is_an_error():
    x = leaf(2.0)
    shared = x.exp()
    a, b = shared * 2, shared * 3
    a.backward()
    with pytest.raises(UsageError, match="'exp' of a graph that was used and freed"):
        b.backward()
    assert x.grad == pytest.approx(2 * np.exp(2))


def test_gradients_add_up_over_several_graphs():
    x = leaf(3.0)
    for times in (1, 2):
        (x * x).backward()
        assert x.grad == 6 * times
    x.backward(np.array([10.0]))  # a leaf is its own graph
    assert x.grad == 22


def test_a_tensor_many_times_in_one_operation():
    x = leaf(1.0, 2.0)
    functional.concat([x, x, functional.stack([x, x]).reshape(-1)]).sum().backward()
    assert x.grad.tolist() == [4, 4]


def test_a_gradient_array_given_to_two_tensors_is_not_shared_afterwards():
    a, b = leaf(1.0), leaf(1.0)
    (a + b).backward()
    a.grad += 5
    assert b.grad == 1
    given = np.ones(1, np.float32)
    c = leaf(1.0)
    c.backward(given)
    c.grad += 1
    assert given == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__setitem__(0, 5.0),
        lambda x: setattr(x, "data", np.zeros(2)),
        lambda x: setattr(x, "data", x.data - 1),
        lambda x: exec("x.data -= 1", {"x": x}),
    ],
)
@pytest.mark.parametrize("constant", [True, False])
def test_an_input_that_was_changed_after_use_is_an_error(change, constant):
    x, c = leaf(1.0, 2.0), Tensor(np.ones(2, np.float32))
    y = (x * c).sum()
    change(c if constant else x)
    with pytest.raises(UsageError, match="input of 'mul' was changed in place after it was used; change it after"):
        y.backward()
    assert x.grad is None
    (x * c).sum().backward()
    assert x.grad.tolist() == c.data.tolist()


def test_a_change_before_use_is_fine():
    x = leaf(1.0, 2.0)
    x[0] = 7.0
    x.data = x.data * 2
    (x * x).sum().backward()
    assert x.data.tolist() == [14, 4] and x.grad.tolist() == [28, 8]


@pytest.mark.parametrize("change", [lambda y: y.__setitem__(0, 5.0), lambda y: setattr(y, "data", 5.0)])
def test_the_result_of_an_operation_cannot_be_changed(change):
    """exp() keeps its result for the way back: a change there would silently be a wrong gradient."""
    x = leaf(1.0, 2.0)
    y = x.exp()
    with pytest.raises(UsageError, match="the result of 'exp' cannot be changed in place"):
        change(y)
    y.sum().backward()
    assert np.allclose(x.grad, np.exp([1, 2]))


def test_no_grad_leaves_no_nodes_and_ends_also_after_an_error():
    x = leaf(2.0)
    with no_grad():
        assert not (x * 2).requires_grad and (x * 2).node is None
        with no_grad():
            pass
        assert (x * 2).node is None
    with pytest.raises(ZeroDivisionError), no_grad():
        _ = 1 / 0
    assert (x * 2).requires_grad
    with pytest.raises(UsageError, match="made from nothing that requires a gradient"), no_grad():
        (x * 2).backward()


def test_constants_get_no_gradient_and_cost_no_node():
    x, c = leaf(2.0), Tensor([3.0])
    assert (c * c).node is None
    (x * c).backward()
    assert c.grad is None and x.grad == 3


def test_detach_stops_the_gradient():
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert x.grad == 3


def test_backward_needs_a_gradient_of_the_right_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(UsageError, match=r"without a gradient needs one element, got shape \(2,\)"):
        (x * 2).backward()
    for wrong in (np.ones(3), np.ones((2, 1)), np.float32(1)):
        with pytest.raises(UsageError, match=r"gradient's shape differs: expected \(2,\)"):
            (x * 2).backward(wrong)
    (x * 2).backward(np.array([1, 10]))
    assert x.grad.tolist() == [2, 20]
    y = leaf(4.0)
    (y * 2).reshape(1, 1).backward()
    assert y.grad == 2


def test_an_operation_of_ones_own():
    x = leaf(2.0)
    y = record("cube", x.data**3, (x,), lambda g: (3 * x.data**2 * g,))
    y.backward()
    assert x.grad == 12 and repr(record("cube", x.data, (x,), None)).endswith("made by cube)")
    assert isinstance(record("a", x.data, (x,), None).node, Node)


# --- the same memory under another name ------------------------------------------------------------------------------


def quietly(function):
    def view(x):
        with no_grad():
            return function(x)

    return view


VIEWS = {
    "detach": lambda x: x.detach(),
    "detach twice": lambda x: x.detach().detach(),
    "reshape": quietly(lambda x: x.reshape(2, 1)),
    "transpose": quietly(lambda x: x.transpose()),
    "slice": quietly(lambda x: x[:]),
    "slice of a view": quietly(lambda x: x.reshape(2, 1)[0]),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("constant", [True, False])
def test_a_change_through_a_view_is_noticed(name, constant):
    x, c = leaf(3.0, 4.0), Tensor(np.ones(2, np.float32))
    y = (x * c).sum()
    VIEWS[name](c if constant else x)[0] = 100
    with pytest.raises(UsageError, match="was changed in place after it was used"):
        y.backward()
    assert x.grad is None


def test_a_change_of_what_was_viewed_is_noticed_by_what_used_the_view():
    x = leaf(3.0, 4.0)
    y = x.reshape(2, 1)
    z = (y * y).sum()
    x[0] = 5
    with pytest.raises(UsageError, match="was changed in place"):
        z.backward()


def test_a_result_that_was_changed_through_detach_is_noticed():
    """exp() keeps its result for the way back."""
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.detach()[0] = 100
    with pytest.raises(UsageError, match="the result of 'exp' was changed in place"):
        y.sum().backward()


def test_a_copy_is_no_view_and_detach_keeps_no_graph():
    x = leaf(3.0, 4.0)
    y = (x * x).sum()
    with no_grad():
        (x * 1)[0] = 100
        x[[0, 1]][0] = 100
    y.backward()
    assert x.grad.tolist() == [6, 8]
    z = x.exp()
    node = weakref.ref(z)
    kept = z.detach()
    del z
    assert node() is None and kept.shape == (2,)


# --- in place --------------------------------------------------------------------------------------------------------

IN_PLACE = {"+=": 5.0, "-=": 1.0, "*=": 6.0, "/=": 1.5, "**=": 9.0}


@pytest.mark.parametrize("sign", IN_PLACE)
def test_a_leaf_is_changed_in_place_inside_no_grad_and_refused_outside(sign):
    x = leaf(3.0)
    with no_grad():
        for p in [x]:
            names = {"p": p}
            exec(f"p {sign} 2", names)
            assert names["p"] is x
    assert x.data.tolist() == [IN_PLACE[sign]] and x.requires_grad and x.node is None
    y = (x * x).sum()
    with no_grad():
        x += 1
    with pytest.raises(UsageError, match="changed in place"):
        y.backward()
    with pytest.raises(UsageError, match=r"on a tensor that has a gradient of its own; do it inside bb.no_grad\(\)"):
        exec(f"x {sign} 2", {"x": x})


def test_results_and_constants_get_a_new_tensor_with_and_without_recording():
    """Else a layer that says `x += f(x)` would compute something else in use than in training."""
    for make in (lambda: leaf(1.0) * 1, lambda: Tensor([1.0])):
        for mode in (contextlib.nullcontext, no_grad):
            with mode():
                x = before = make()
                x += 1
            assert before.data.tolist() == [1] and x.data.tolist() == [2]


def test_copies_of_leaves_are_apart_and_of_results_refused():
    x = leaf(1.0, 2.0)
    x.grad = [3, 4]
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        other[0] = 7
        assert x.data.tolist() == [1, 2] and other.requires_grad and other.grad.tolist() == [3, 4]
    with pytest.raises(UsageError, match="the result of 'exp' cannot be copied; copy its detach"):
        copy.deepcopy(x.exp())


def test_what_is_put_into_a_tensor():
    x = Tensor([1.0, 2.0])
    x[0] = Tensor(5.0)
    x.data = Tensor([6.0, 7.0])
    assert x.data.tolist() == [6, 7]
    with pytest.raises(UsageError, match="loses its way back"):
        x[0] = leaf(1.0).sum()
    with pytest.raises(UsageError, match="another shape"):
        x.data = np.zeros((2, 2))
    with pytest.raises(UsageError, match="the gradient's shape differs"):
        x.grad = np.zeros(3)
