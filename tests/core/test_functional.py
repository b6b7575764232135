"""The operations that join tensors or do a layer's work, each beside the complex step."""

import gc

import numpy as np
import pytest

from brainbox_core import functional
from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.kernels import convolution as kernels
from brainbox_core.kernels import dense, memory
from brainbox_core.parameters import Parameter, Parameters
from brainbox_core.tensor import Tensor, no_grad

RNG = np.random.default_rng(3)


def numbers(*shape):
    return RNG.normal(size=shape)


ROWS = np.array([[0, 2], [2, 3], [0, 0]])
BITS = RNG.integers(0, 2, (5, 2)).astype(float)
SOFT = dense.softmax(numbers(4, 3))
SAME = ((1, 1), (0, 1))
WORDS, LENGTHS = RNG.integers(0, 3, (2, 9)), np.array([3, 0])


def unrolled(cell, **options):
    """Only the outputs of a recurrent operation, in a function that would also have a slope where they are 0."""
    return lambda *tensors: (getattr(functional, cell)(*tensors, **options)[0] + 1) ** 2


def weights(gates, inputs=2, units=2):
    return numbers(inputs, gates * units), numbers(units, gates * units), numbers(gates * units)


STATE, BIAS = numbers(2, 2), numbers(2)
OPERATIONS = {
    "where": (lambda a, b: functional.where(np.arange(3) > 0, a, b), (numbers(2, 3), numbers(3))),
    "where, wide condition": (lambda a, b: functional.where(np.eye(4, 3) > 0, a, b), (numbers(3), numbers())),
    "maximum": (functional.maximum, (numbers(2, 3), numbers(2, 3))),
    "minimum": (functional.minimum, (numbers(2, 3), numbers(2, 1))),
    "maximum with a number": (lambda a: functional.maximum(0.1, a) + functional.minimum(a, 0.2), (numbers(9),)),
    "concat": (lambda a, b: functional.concat([a, b]) ** 2, (numbers(2, 3), numbers(4, 3))),
    "concat -1": (lambda a, b: functional.concat([a, b, a], axis=-1) ** 2, (numbers(2, 3), numbers(2, 1))),
    "concat nothing": (lambda a, b: functional.concat([a, b]), (numbers(2, 3), numbers(0, 3))),
    "stack": (lambda a, b: functional.stack([a, b]) ** 2, (numbers(2, 3), numbers(2, 3))),
    "stack -1": (lambda a, b: functional.stack([a, b, a], axis=-1) ** 2, (numbers(2, 3), numbers(2, 3))),
    "stack 1": (lambda a, b: functional.stack([a, b], axis=1) ** 2, (numbers(2, 3), numbers(2, 3))),
    "stack numbers": (lambda a, b: functional.stack([a, b]) ** 2, (numbers(), numbers())),
    "pad": (lambda a: functional.pad(a, [(1, 0), (0, 2)]) * numbers_of((4, 5)), (numbers(3, 3),)),
    "embedding": (lambda t: functional.embedding(t, ROWS) ** 2, (numbers(5, 2),)),
    "embedding of nothing": (lambda t: functional.embedding(t, ROWS[:0]), (numbers(5, 2),)),
    "linear": (functional.linear, (numbers(4, 3), numbers(3, 2), numbers(2))),
    "linear, one row": (functional.linear, (numbers(1, 3), numbers(3, 2), numbers(2))),
    "linear with itself": (lambda w, b: functional.linear(w, w, b), (numbers(3, 3), numbers(3))),
    "linear, sequences": (functional.linear, (numbers(4, 5, 3), numbers(3, 2), numbers(2))),
    "linear, sequences, time first": (
        lambda x, w, b: functional.linear(x.transpose(1, 0, 2), w, b) ** 2,
        (numbers(4, 5, 3), numbers(3, 2), numbers(2)),
    ),
    "rnn": (unrolled("rnn"), (numbers(2, 40, 2), *weights(1), STATE)),
    "rnn, ids": (lambda *a: functional.rnn(WORDS, *a)[0] ** 2, (*weights(1, 3), STATE)),
    "rnn, last": (unrolled("rnn", last=True), (numbers(2, 9, 2), *weights(1), STATE)),
    "rnn, lengths": (unrolled("rnn", lengths=LENGTHS), (numbers(2, 5, 2), *weights(1), STATE)),
    "rnn, lengths, last": (unrolled("rnn", lengths=LENGTHS, last=True), (numbers(2, 5, 2), *weights(1), STATE)),
    "gru": (unrolled("gru"), (numbers(2, 40, 2), *weights(3), BIAS, STATE)),
    "gru, ids": (lambda *a: functional.gru(WORDS, *a)[0] ** 2, (*weights(3, 3), BIAS, STATE)),
    "gru, last": (unrolled("gru", last=True), (numbers(2, 9, 2), *weights(3), BIAS, STATE)),
    "gru, lengths": (unrolled("gru", lengths=LENGTHS), (numbers(2, 5, 2), *weights(3), BIAS, STATE)),
    "gru, lengths, last": (unrolled("gru", lengths=LENGTHS, last=True), (numbers(2, 5, 2), *weights(3), BIAS, STATE)),
    "lstm": (unrolled("lstm"), (numbers(2, 40, 2), *weights(4), STATE, STATE)),
    "lstm, ids": (lambda *a: functional.lstm(WORDS, *a)[0] ** 2, (*weights(4, 3), STATE, STATE)),
    "lstm, last": (unrolled("lstm", last=True), (numbers(2, 9, 2), *weights(4), STATE, STATE)),
    "lstm, lengths": (unrolled("lstm", lengths=LENGTHS), (numbers(2, 5, 2), *weights(4), STATE, STATE)),
    "lstm, lengths, last": (
        unrolled("lstm", lengths=LENGTHS, last=True),
        (numbers(2, 5, 2), *weights(4), STATE, STATE),
    ),
    "conv2d": (functional.conv2d, (numbers(2, 5, 4, 1), numbers(3, 2, 1, 2), numbers(2))),
    "conv2d channels": (functional.conv2d, (numbers(2, 5, 4, 3), numbers(3, 2, 3, 2), numbers(2))),
    "conv2d stride, padding": (
        lambda x, k, b: functional.conv2d(x, k, b, (2, 1), SAME),
        (numbers(2, 5, 4, 2), numbers(3, 2, 2, 2), numbers(2)),
    ),
    "conv2d pool": (
        lambda x, k, b: functional.conv2d(x, k, b, (1, 1), SAME, (2, 2)),
        (numbers(2, 5, 4, 1), numbers(3, 2, 1, 2), numbers(2)),
    ),
    "conv2d pool channels": (
        lambda x, k, b: functional.conv2d(x, k, b, (1, 1), SAME, (2, 2)),
        (numbers(2, 5, 4, 2), numbers(3, 2, 2, 2), numbers(2)),
    ),
    "max_pool2d": (lambda x: functional.max_pool2d(x, (2, 2), (2, 2)), (numbers(2, 5, 4, 2),)),
    "max_pool2d overlapping": (lambda x: functional.max_pool2d(x, (3, 2), (1, 2)), (numbers(2, 5, 4, 2),)),
    "avg_pool2d": (lambda x: functional.avg_pool2d(x, (2, 2), (2, 2)), (numbers(2, 5, 4, 2),)),
    "avg_pool2d overlapping": (lambda x: functional.avg_pool2d(x, (3, 2), (1, 2)), (numbers(2, 5, 4, 2),)),
    "batch_norm": (lambda *a: functional.batch_norm(*a, 1e-5)[0] ** 2, (numbers(5, 3), numbers(3), numbers(3))),
    "batch_norm images": (
        lambda *a: functional.batch_norm(*a, 1e-5)[0] ** 2,
        (numbers(2, 2, 3, 2), numbers(2), numbers(2)),
    ),
    "leaky_relu": (lambda x: functional.leaky_relu(x, 0.2), (numbers(3, 4),)),
    "softmax": (lambda x: functional.softmax(x) ** 2, (numbers(3, 4),)),
    "softmax 0": (lambda x: functional.softmax(x, axis=0) ** 2, (numbers(3, 4),)),
    "log_softmax": (functional.log_softmax, (numbers(3, 4),)),
    "log_softmax 0": (lambda x: functional.log_softmax(x, axis=0), (numbers(3, 4),)),
    "softmax_cross_entropy": (lambda x: functional.softmax_cross_entropy(x, SOFT), (numbers(4, 3),)),
    "cross_entropy_of_labels": (
        lambda x: functional.cross_entropy_of_labels(x, WORDS[:, :5], 0.1, WORDS[:, :5] > 0),
        (numbers(2, 5, 3),),
    ),
    "binary_cross_entropy": (
        lambda x: functional.binary_cross_entropy(x, BITS, 1 + 3 * BITS),
        (3 * numbers(5, 2),),
    ),
    "conv2d dilation": (
        lambda x, k, b: functional.conv2d(x, k, b, (2, 1), SAME, (1, 2), (1, 2)),
        (numbers(2, 5, 4, 2), numbers(3, 2, 2, 2), numbers(2)),
    ),
    "conv1d": (functional.conv1d, (numbers(2, 5, 3), numbers(2, 3, 2), numbers(2))),
    "conv1d stride, padding, dilation": (
        lambda x, k, b: functional.conv1d(x, k, b, 2, (3, 1), 3),
        (numbers(2, 5, 1), numbers(2, 1, 2), numbers(2)),
    ),
    "depthwise_conv2d": (functional.depthwise_conv2d, (numbers(2, 5, 4, 3), numbers(3, 2, 1, 3))),
    "depthwise_conv2d stride, padding, dilation": (
        lambda x, k: functional.depthwise_conv2d(x, k, (2, 3), SAME, (1, 2)),
        (numbers(2, 5, 6, 2), numbers(3, 2, 1, 4)),
    ),
    "layer_norm": (lambda *a: functional.layer_norm(*a, 1e-5) ** 2, (numbers(5, 3), numbers(3), numbers(3))),
    "layer_norm images": (
        lambda *a: functional.layer_norm(*a, 1e-5) ** 2,
        (numbers(2, 2, 3, 4), numbers(4), numbers(4)),
    ),
}


def numbers_of(shape):
    return np.arange(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients(name):
    function, points = OPERATIONS[name]
    check = check_gradients(function, *points)
    assert check.max_error < 1e-10 and check.skipped == 0
    assert check.compared == sum(np.size(point) for point in points)


@pytest.mark.parametrize("name", OPERATIONS)
def test_float32_stays_float32(name):
    function, points = OPERATIONS[name]
    tensors = [Tensor(np.asarray(point, np.float32), requires_grad=True) for point in points]
    if name in ("pad", "softmax_cross_entropy", "binary_cross_entropy"):
        return  # their constants here are float64
    y = function(*tensors)
    y.backward(np.ones(y.shape))
    assert y.dtype == np.float32 and all(tensor.grad.dtype == np.float32 for tensor in tensors)


def test_what_where_did_not_choose_gets_exactly_nothing():
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
    y = functional.where([True, False], a, b)
    y.backward(np.array([np.inf, 7.0]))
    assert y.data.tolist() == [1, 3] and a.grad.tolist() == [np.inf, 0] and b.grad.tolist() == [7]


def test_numbers_beside_tensors():
    x = Tensor(np.array([1.0, -1.0]), requires_grad=True)
    assert functional.where(x.data > 0, x, 0).dtype == np.float64
    assert functional.where(x.data > 0, 0, x).data.tolist() == [0, -1]
    assert functional.where([True, False], 1, 2).data.tolist() == [1, 2]


def test_pooling_gradients_are_conserved_at_ties():
    x = Tensor(np.zeros((1, 6, 6, 2)), requires_grad=True)
    g = RNG.integers(-9, 9, (1, 2, 2, 2)).astype(float)
    functional.max_pool2d(x, (3, 3), (3, 3)).backward(g)
    assert x.grad.sum() == g.sum() and np.count_nonzero(x.grad[:, ::3, ::3]) == np.count_nonzero(x.grad)


def test_embedding_refuses_ids_that_are_not_there():
    table = Tensor(numbers(3, 2), requires_grad=True)
    for ids in ([3], [-1], [0, 99]):
        with pytest.raises(UsageError, match=r"embedding\(\) looks up rows: expected whole numbers from 0 to 2, got"):
            functional.embedding(table, np.array(ids))


# --- recurrence ------------------------------------------------------------------------------------------------------

CELLS = {
    "rnn": (*weights(1), STATE),
    "gru": (*weights(3), BIAS, STATE),
    "lstm": (*weights(4), STATE, STATE),
}
every_cell = pytest.mark.parametrize("cell", CELLS)


@every_cell
def test_all_steps_are_one_node_and_the_state_is_outside_the_graph(cell):
    x, *others = (Tensor(array, requires_grad=True) for array in (numbers(2, 6, 2), *CELLS[cell]))
    y, state = getattr(functional, cell)(x, *others)
    assert y.node.name == cell and y.node.inputs == (x, *others)
    assert len(state) == (2 if cell == "lstm" else 1) and all(type(array) is np.ndarray for array in state)
    assert np.array_equal(state[0], y.data[:, -1]) and not np.shares_memory(state[0], y.data)
    final, state_too = getattr(functional, cell)(x, *others, last=True)
    assert np.array_equal(final.data, state[0]) and not np.shares_memory(final.data, state_too[0])
    before = [array.copy() for array in (*state, y.data)]
    y.sum().backward()
    getattr(functional, cell)(x, *others)
    for array, old in zip((*state, y.data), before, strict=True):  # they are nobody's to work in
        assert np.array_equal(array, old)


@every_cell
def test_windows_that_hand_on_their_state_give_what_the_whole_gives(cell):
    x, others, count = numbers(2, 7, 2), [Tensor(array) for array in CELLS[cell]], 2 if cell == "lstm" else 1
    operation = getattr(functional, cell)
    whole, end = operation(Tensor(x), *others)
    first, state = operation(Tensor(x[:, :3]), *others)
    second, state = operation(Tensor(x[:, 3:]), *others[:-count], *map(Tensor, state))
    assert np.allclose(np.concatenate([first.data, second.data], axis=1), whole.data, atol=1e-14)
    for one, two in zip(state, end, strict=True):
        assert np.allclose(one, two, atol=1e-14)


@pytest.mark.parametrize("last", [False, True])
@every_cell
def test_sequences_in_one_batch_are_as_they_are_alone(cell, last):
    """Whatever stands after the end of a sequence."""
    lengths, count = np.array([4, 0, 6, 1]), 2 if cell == "lstm" else 1
    operation, weight = getattr(functional, cell), [Tensor(array) for array in CELLS[cell][:-count]]
    x, starts = numbers(4, 6, 2), [numbers(4, 2) for _ in range(count)]
    for n, length in enumerate(lengths):
        x[n, length:] = np.nan
    y, state = operation(Tensor(x), *weight, *map(Tensor, starts), lengths, last)
    for n, length in enumerate(lengths):
        own = [Tensor(array[n : n + 1]) for array in starts]
        alone, end = operation(Tensor(x[n : n + 1, :length]), *weight, *own, None, last)
        assert np.allclose(y.data[n] if last else y.data[n, :length], alone.data[0], atol=1e-14)
        assert last or not y.data[n, length:].any()
        for one, two in zip(state, end, strict=True):
            assert np.allclose(one[n], two[0], atol=1e-14)


@every_cell
def test_words_after_the_end_of_a_sequence_need_not_exist(cell):
    others = [Tensor(array) for array in CELLS[cell]]
    words = np.array([[0, 1, -1, -1], [1, 0, 1, 99]])
    y, _ = getattr(functional, cell)(words, *others, np.array([2, 3]))
    assert not y.data[0, 2:].any()
    with pytest.raises(
        UsageError, match=rf"{cell}\(\) looks up rows: expected whole numbers from 0 to 1, got -1 to 99"
    ):
        getattr(functional, cell)(words, *others)


@every_cell
def test_an_input_of_another_precision_decides_for_all(cell):
    others = [Tensor(array.astype(np.float32)) for array in CELLS[cell]]
    x = numbers(2, 3, 2)
    y, state = getattr(functional, cell)(Tensor(x), *others)
    assert y.dtype == np.float64 and all(array.dtype == np.float64 for array in state)
    assert getattr(functional, cell)(Tensor(x.astype(np.float32)), *others)[0].dtype == np.float32


def test_pad_refuses_widths_that_do_not_fit():
    for widths in ([(1, 1)], [(1, 1), (0, -1)], []):
        with pytest.raises(UsageError, match=r"pad\(\) needs 2 pairs of whole numbers from 0"):
            functional.pad(Tensor(numbers(2, 2)), widths)


# --- places for gradients, and columns used again --------------------------------------------------------------------


def test_a_weight_in_two_layers_collects_both_gradients():
    """The first gradient of a step is written straight into the model's vector, the second must not overwrite it."""
    w, b = Parameter(numbers(3, 3)), Parameter(numbers(3))
    x = Tensor(numbers(4, 3))
    plain = [Tensor(w.data.copy(), requires_grad=True), Tensor(b.data.copy(), requires_grad=True)]
    params = Parameters({"w": w, "b": b})
    for _ in range(2):
        params.zero_grad()
        functional.linear(functional.linear(x, w, b).tanh(), w, b).sum().backward()
        gradients = params.gather().copy()
    functional.linear(functional.linear(x, *plain).tanh(), *plain).sum().backward()
    assert np.allclose(gradients, np.concatenate([plain[0].grad.ravel(), plain[1].grad]), atol=1e-12)


def test_a_weight_that_is_also_the_input():
    w, b = Parameter(numbers(3, 3)), Parameter(numbers(3))
    plain = Tensor(w.data.copy(), requires_grad=True)
    params = Parameters({"w": w, "b": b})
    functional.linear(w, w, b).sum().backward()
    functional.linear(plain, plain, Tensor(b.data)).sum().backward()
    assert np.allclose(params.gather()[:9], plain.grad.ravel(), atol=1e-12)


def test_float64_inputs_meet_float32_weights():
    w, b = Parameter(np.ones((3, 2), np.float32)), Parameter(np.zeros(2, np.float32))
    params = Parameters({"w": w, "b": b})
    functional.linear(Tensor(np.ones((4, 3))), w, b).sum().backward()
    assert params.gather().tolist() == [4.0] * 8 and params.gradients.dtype == np.float32


def conv_gradients(x, kernel, bias):
    tensors = [Tensor(array.copy(), requires_grad=True) for array in (x, kernel, bias)]
    functional.conv2d(*tensors, pool=(2, 2)).sum().backward()
    return [tensor.grad for tensor in tensors]


@pytest.mark.parametrize("channels", [1, 2])
def test_memory_that_is_used_again_corrupts_no_gradient(channels, monkeypatch):
    monkeypatch.setattr(memory, "SMALLEST", 1)
    k, b = numbers(3, 3, channels, 4), numbers(4)
    xs = [numbers(3, 8, 8, channels) for _ in range(4)]
    wanted = [conv_gradients(x, k, b) for x in xs]
    leaves = [[Tensor(array.copy(), requires_grad=True) for array in (x, k, b)] for x in xs]
    outputs = [functional.conv2d(*tensors, pool=(2, 2)) for tensors in leaves]  # all forward passes first
    with no_grad():
        functional.conv2d(*leaves[1], pool=(2, 2))  # gives its memory back at once
    functional.conv2d(*leaves[2], pool=(2, 2))  # never differentiated
    outputs[3] = None  # dropped with its graph
    gc.collect()
    for i in (2, 0):
        outputs[i].sum().backward()
        with no_grad():
            functional.conv2d(*leaves[i], pool=(2, 2))
    again = conv_gradients(xs[3], k, b)
    outputs[1].sum().backward()
    for i in (0, 1, 2):
        for tensor, gradient in zip(leaves[i], wanted[i], strict=True):
            assert np.array_equal(tensor.grad, gradient)
    for gradient, other in zip(again, wanted[3], strict=True):
        assert np.array_equal(gradient, other)


def test_a_convolution_in_parts_runs_backward_through_the_tape(monkeypatch):
    x, k, b = numbers(5, 6, 6, 2), numbers(3, 3, 2, 4), numbers(4)
    wanted = conv_gradients(x, k, b)
    monkeypatch.setattr(kernels, "_MOST_COLUMNS", 1)
    for gradient, other in zip(conv_gradients(x, k, b), wanted, strict=True):
        assert np.allclose(gradient, other, atol=1e-13)
