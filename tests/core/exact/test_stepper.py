import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.exact.float_math import sigmoid, tanh
from brainbox_core.exact.stepper import Stepper, Sums, chain_of
from tests.export.chains import unsettle

L = bb.layers
F = np.float32


def model(chain: list, shape: tuple[int, ...] = (6,)) -> bb.Sequential:
    made = bb.Sequential(chain, seed=3)
    made.build(shape)
    unsettle(made)
    return made


def added_up(start: np.ndarray, *parts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Sums as the module promises them, one addition after another."""
    total = start.copy()
    for x, weight in parts:
        for value, row in zip(x, weight, strict=True):
            total = total + value * row
    return total


@pytest.mark.parametrize("inputs, sums", [(1, 1), (300, 1), (2, 2), (129, 2), (300, 7), (128, 512), (1000, 65)])
def test_sums_are_added_up_term_by_term(inputs, sums):
    random = np.random.default_rng(inputs)
    weight, start, x = (random.standard_normal(shape).astype(F) for shape in ((inputs, sums), sums, inputs))
    assert np.array_equal(Sums(weight)(start, x), added_up(start, (x, weight)))


def test_an_lstm_is_computed_in_the_order_that_is_promised():
    made = model([L.Embedding(5, 3), L.LSTM(4), L.Linear(2)])
    cell, table = made.layers[1], made.layers[0].table.data
    stepper, h, c = Stepper(chain_of(made)), np.zeros(4, F), np.zeros(4, F)
    for number in (0, 4, 4, 2):
        z = added_up(cell.bias.data, (table[number], cell.weight.data), (h, cell.recurrent.data))
        o, i, f = (sigmoid(z[4 * g : 4 * g + 4]) for g in range(3))
        c = f * c + i * tanh(z[12:])
        h = o * tanh(c)
        y = added_up(made.layers[2].bias.data, (h, made.layers[2].weight.data))
        assert np.array_equal(stepper.step(number), y)


@pytest.mark.parametrize("cell", [L.RNN, L.GRU, L.LSTM])
@pytest.mark.parametrize("first", ["embedding", "one-hot", "vectors"])
def test_it_is_what_the_layers_compute(cell, first):
    chain = [cell(7), L.Dropout(0.5), cell(5), L.Linear(6), L.Tanh(), L.Linear(3)]
    shape, X = (9,), np.random.default_rng(0).integers(0, 4, (1, 9))
    if first == "embedding":
        chain.insert(0, L.Embedding(4, 3))
    elif first == "one-hot":
        chain[0] = cell(7, ids=4)
    else:
        shape, X = (9, 2), np.random.default_rng(0).standard_normal((1, 9, 2)).astype(F)
    made = model(chain, shape)
    stepper = Stepper(chain_of(made))
    for _ in range(2):  # the second time after a reset
        steps = np.stack([stepper.step(x) for x in X[0]])
        assert np.allclose(steps, made.predict(X)[0], rtol=1e-5, atol=1e-6)
        stepper.reset()


def test_no_sum_starts_at_minus_zero():
    made = model([L.GRU(4, ids=5), L.GRU(3), L.Linear(2)])
    for parameter in made.params.named.values():
        parameter.data[...] = F(-0.0)
    chain = chain_of(made)
    starts = [
        *(cell.start for cell in chain.cells),
        *(cell.candidate_bias for cell in chain.cells),
        chain.dense[0].bias,
    ]
    assert not any(np.signbit(start).any() for start in starts)


@pytest.mark.parametrize(
    "chain, shape, at",
    [
        ([L.Linear(3), L.RNN(2)], (4, 2), "layer 0 'linear_0'"),
        ([L.RNN(2), L.ReLU()], (4, 2), "layer 1 'relu_0'"),
        ([L.RNN(2), L.Linear(2), L.RNN(2)], (4, 2), "layer 2 'rnn_1'"),
        ([L.RNN(2), L.Linear(2), L.Tanh(), L.ReLU()], (4, 2), "layer 3 'relu_0'"),
        ([L.RNN(2), L.Linear(2), L.LeakyReLU()], (4, 2), "layer 2 'leakyrelu_0'"),
    ],
)
def test_other_layers_are_named(chain, shape, at):
    with pytest.raises(InputError, match=at):
        chain_of(model([type(layer)(**layer.config()) for layer in chain], shape))
