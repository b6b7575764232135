"""The recurrent cells beside scalar loops that follow the formulas, beside PyTorch, and at the extremes."""

import math

import numpy as np
import pytest

from brainbox_core.kernels import plain
from brainbox_core.kernels import recurrent as recurrence

RNG = np.random.default_rng(11)
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
every_cell = pytest.mark.parametrize("cell", GATES)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def slow_step(cell, row, weight, recurrent, biases, state):
    """One step of one sequence, unit by unit: the next state, a list of lists (h,) or (h, c)."""
    h, size = state[0], len(state[0])

    def column(gate, unit, vector, matrix):
        return sum(value * matrix[i][gate * size + unit] for i, value in enumerate(vector))

    def gate(number, unit):
        return column(number, unit, row, weight) + column(number, unit, h, recurrent) + biases[0][number * size + unit]

    if cell == "rnn":
        return (plain.rnn_step(*map(np.array, ([row], [h], weight, recurrent, biases[0])))[0].tolist(),)
    if cell == "gru":
        after = []
        for k in range(size):
            r, z = sigmoid(gate(0, k)), sigmoid(gate(1, k))
            by_input = column(2, k, row, weight) + biases[0][2 * size + k]
            n = math.tanh(by_input + r * (column(2, k, h, recurrent) + biases[1][k]))
            after.append((1 - z) * n + z * h[k])
        return (after,)
    o, i, f = ([sigmoid(gate(number, k)) for k in range(size)] for number in range(3))
    c = [f[k] * state[1][k] + i[k] * math.tanh(gate(3, k)) for k in range(size)]
    return [o[k] * math.tanh(c[k]) for k in range(size)], c


def case(cell, steps=4, batch=3, inputs=5, units=2, ids=False, dtype=np.float64):
    """Inputs, weights with biases, and states."""
    width = GATES[cell] * units
    x = RNG.integers(0, inputs, (steps, batch)) if ids else RNG.normal(size=(steps, batch, inputs)).astype(dtype)
    shapes = [(inputs, width), (units, width), (width,), *([(units,)] if cell == "gru" else [])]
    weights = [RNG.normal(size=shape).astype(dtype) for shape in shapes]
    states = [RNG.normal(size=(batch, units)).astype(dtype) for _ in range(2 if cell == "lstm" else 1)]
    return x, weights, states


# Few steps and many, few numbers to look up and more than there are rows: each has its own way through the code.
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (2, 2), (4, 3), (12, 2)], ids=str)
@pytest.mark.parametrize("ids", [False, True])
@every_cell
def test_forward_beside_scalar_loops(cell, ids, steps, batch):
    x, weights, states = case(cell, steps, batch, ids=ids)
    vectors = np.eye(5)[x] if ids else x
    found, _ = recurrence.CELLS[cell][0](x, *weights, *states)
    assert len(found) == len(states) and all(array.shape == (steps + 1, batch, 2) for array in found)
    weight, recurrent, *biases = (array.tolist() for array in weights)
    for n in range(batch):
        state = [array[n].tolist() for array in states]
        for t in range(steps):
            assert np.allclose([array[t, n] for array in found], state, atol=1e-13)
            state = slow_step(cell, vectors[t, n].tolist(), weight, recurrent, biases, state)
        assert np.allclose([array[steps, n] for array in found], state, atol=1e-13)


def gradients(cell, x, weights, states, g, need_dx=True, norms=None):
    forward, backward = recurrence.CELLS[cell]
    _, cache = forward(x, *weights, *states)
    return backward(g, cache, need_dx, norms)


def test_gradients_of_the_rnn_beside_plain_steps():
    x, (weight, recurrent, bias), (h,) = case("rnn")
    g, states = RNG.normal(size=(4, 3, 2)), [h]
    for step in x:
        states.append(plain.rnn_step(step, states[-1], weight, recurrent, bias))
    sums, dh, dx = [np.zeros_like(array) for array in (weight, recurrent, bias)], 0, []
    for t in reversed(range(4)):
        back = plain.rnn_step_backward(g[t] + dh, states[t + 1], x[t], states[t], weight, recurrent)
        dh, dx = back[1], [back[0], *dx]
        sums = [one + two for one, two in zip(sums, back[2:], strict=True)]
    found = gradients("rnn", x, [weight, recurrent, bias], [h], g)
    for ours, slow in zip(found, (np.array(dx), *sums, dh), strict=True):
        assert np.allclose(ours, slow, atol=1e-13)


@pytest.mark.parametrize("ids", [False, True])
@every_cell
def test_nothing_that_was_given_is_changed_and_the_second_time_is_as_the_first(cell, ids):
    x, weights, states = case(cell, ids=ids)
    g = RNG.normal(size=(4, 3, 2))
    before = [array.copy() for array in (x, *weights, *states, g)]
    first = gradients(cell, x, weights, states, g)
    for array, old in zip((x, *weights, *states, g), before, strict=True):
        assert np.array_equal(array, old)
    again = gradients(cell, x, weights, states, g, need_dx=False)
    assert again[0] is None and (first[0] is None) == ids
    for one, two in zip(first[1:], again[1:], strict=True):
        assert np.array_equal(one, two)


@every_cell
def test_gradients_of_one_hot_vectors_and_of_the_numbers_for_them(cell):
    x, weights, states = case(cell, steps=10, ids=True)
    g = RNG.normal(size=(10, 3, 2))
    for one, two in zip(
        gradients(cell, x, weights, states, g)[1:], gradients(cell, np.eye(5)[x], weights, states, g)[1:], strict=True
    ):
        assert np.allclose(one, two, atol=1e-13)


@every_cell
def test_norms_are_those_of_the_gradient_at_each_output(cell):
    """dL/dh at a step is what a net that starts there, with that state, sends back to it, and its own share."""
    x, weights, states = case(cell)
    g, norms = RNG.normal(size=(4, 3, 2)), np.zeros(4)
    seen, _ = recurrence.CELLS[cell][0](x, *weights, *states)
    gradients(cell, x, weights, states, g, norms=norms)
    for t in range(4):
        here = [array[t + 1] for array in seen]
        dh = gradients(cell, x[t + 1 :], weights, here, g[t + 1 :])[len(weights) + 1]
        assert norms[t] == pytest.approx(np.linalg.norm(dh + g[t]), rel=1e-12)


@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0), (0, 0)], ids=str)
@pytest.mark.parametrize("ids", [False, True])
@every_cell
def test_no_steps_and_no_sequences(cell, ids, steps, batch):
    x, weights, states = case(cell, steps, batch, ids=ids)
    found, _ = recurrence.CELLS[cell][0](x, *weights, *states)
    assert np.array_equal(found[0][0], states[0]) and found[0].shape == (steps + 1, batch, 2)
    dx, *others = gradients(cell, x, weights, states, np.zeros((steps, batch, 2)))
    assert dx is None if ids else dx.shape == x.shape
    for gradient, value in zip(others, (*weights, *states), strict=True):
        assert gradient.shape == value.shape and not gradient.any()


@every_cell
def test_extreme_inputs_are_finite(cell):
    x, weights, states = case(cell, dtype=np.float32)
    found, _ = recurrence.CELLS[cell][0](1e30 * x, *weights, *states)
    assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in found)
    for gradient in gradients(cell, 1e4 * x, weights, states, np.ones((4, 3, 2), np.float32)):
        assert np.isfinite(gradient).all() and gradient.dtype == np.float32


# --- PyTorch ---------------------------------------------------------------------------------------------------------

ORDER = {"rnn": [0], "gru": [0, 1, 2], "lstm": [1, 2, 3, 0]}  # PyTorch's gates, in ours


def torch_cell(torch, cell, weights, dtype):
    """The same cell, with its weights (gates, units, inputs) in PyTorch's order."""
    (inputs, _), units = weights[0].shape, len(weights[1])
    net = getattr(torch.nn, cell.upper())(inputs, units, dtype=dtype)

    def theirs(array):
        rows = array.T.reshape(GATES[cell], units, -1)[ORDER[cell]]
        return torch.tensor(rows.reshape(GATES[cell] * units, *array.shape[:-1]).copy())

    with torch.no_grad():
        net.weight_ih_l0.copy_(theirs(weights[0]))
        net.weight_hh_l0.copy_(theirs(weights[1]))
        net.bias_ih_l0.copy_(theirs(weights[2]))
        net.bias_hh_l0.zero_()
        if cell == "gru":  # the one part of the second bias that is not a part of the first
            net.bias_hh_l0[2 * units :] = torch.tensor(weights[3])
    return net


def in_our_order(cell, array, units):
    """A gradient of PyTorch's, (gates * units, ...), as ours, (..., gates * units)."""
    rows = array.numpy().reshape(GATES[cell], units, -1)[np.argsort(ORDER[cell])]
    return rows.reshape(GATES[cell] * units, -1).T.reshape(*array.shape[1:], -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_cell
def test_results_and_gradients_beside_pytorch(cell, dtype):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    units = 7
    x, weights, states = case(cell, steps=20, batch=4, units=units, dtype=dtype)
    weights = [array / 2 for array in weights]
    g = RNG.normal(size=(20, 4, units)).astype(dtype) / 20
    net = torch_cell(torch, cell, weights, torch.float32 if dtype == np.float32 else torch.float64)
    inputs = torch.tensor(x, requires_grad=True)
    starts = [torch.tensor(array[None], requires_grad=True) for array in states]
    y, _ = net(inputs, tuple(starts) if cell == "lstm" else starts[0])
    y.backward(torch.tensor(g))
    found, _ = recurrence.CELLS[cell][0](x, *weights, *states)
    dx, dweight, drecurrent, dbias, *others = gradients(cell, x, weights, states, g)
    close = {"rtol": 0, "atol": 1e-6 if dtype == np.float32 else 1e-14}
    assert np.allclose(found[0][1:], y.detach().numpy(), **close)
    assert np.allclose(dx, inputs.grad.numpy(), **close)
    assert np.allclose(dweight, in_our_order(cell, net.weight_ih_l0.grad, units), **close)
    assert np.allclose(drecurrent, in_our_order(cell, net.weight_hh_l0.grad, units), **close)
    assert np.allclose(dbias, in_our_order(cell, net.bias_ih_l0.grad, units), **close)
    if cell == "gru":
        assert np.allclose(others.pop(0), net.bias_hh_l0.grad[2 * units :].numpy(), **close)
    for gradient, start in zip(others, starts, strict=True):
        assert np.allclose(gradient, start.grad[0].numpy(), **close)
