"""What is special about the recurrent layers: state that is carried, lengths, gradients seen on their way, learning."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from brainbox_core import layers
from brainbox_core.errors import UsageError
from brainbox_core.loss import CrossEntropy
from brainbox_core.model.sequential import Sequential
from brainbox_core.optimizers import Adam
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

L = layers
KINDS = (L.RNN, L.GRU, L.LSTM)
every_kind = pytest.mark.parametrize("kind", KINDS)
RNG = np.random.default_rng(4)


def built(layer, shape):
    layer.build(shape, stream(0, "init"))
    return layer


def parts(layer):
    """The blocks of a layer's recurrent weight, gate by gate."""
    return np.split(layer.recurrent.data.astype(float), layer.gates, axis=1)


# --- how they start --------------------------------------------------------------------------------------------------


@every_kind
def test_every_gate_starts_with_a_rotation_and_the_forget_gate_open(kind):
    layer = built(kind(6), (5, 3))
    for block in parts(layer):
        assert np.allclose(block @ block.T, np.eye(6), atol=1e-6)
    limit = np.sqrt(6 / (3 + 6))  # each gate is a layer of its own: 3 inputs, 6 outputs
    assert 0.9 * limit < abs(layer.weight.data).max() <= limit
    ones = np.flatnonzero(layer.bias.data)
    assert ones.tolist() == (list(range(12, 18)) if kind is L.LSTM else [])


@every_kind
def test_mistakes_get_an_error_that_helps(kind):
    name = kind.__name__
    with pytest.raises(
        UsageError, match=rf"{name} needs \(batch, time, features\), got \(batch, 5\); .*Embedding.*ids"
    ):
        kind(2).build((5,), stream(0))
    with pytest.raises(UsageError, match=rf"{name} needs whole numbers \(batch, time\), got \(batch, 5, 3\)"):
        kind(2, ids=4).build((5, 3), stream(0))
    layer = built(kind(2, ids=4), (5,))
    for wrong in ([[4.0]], [[-1.0]], [[0.5]], [[np.nan]]):
        with pytest.raises(UsageError, match=rf"{name} looks up ids: expected whole numbers from 0 to 3"):
            layer(Tensor(wrong))
    layer = built(kind(2), (5, 3))
    with pytest.raises(UsageError, match=rf"{name} needs \(batch, time, features\), got \(batch, 3\)"):
        layer(Tensor(np.zeros((5, 3))))  # one sequence without its batch axis
    x = Tensor(np.zeros((2, 5, 3)))
    for lengths in (np.array([1]), np.array([1.0, 2.0]), np.array([[1, 2]])):
        with pytest.raises(UsageError, match=f"{name} needs a whole number for each of 2 lengths"):
            layer(x, lengths=lengths)
    for lengths in (np.array([1, 6]), np.array([-1, 2])):
        with pytest.raises(UsageError, match=f"{name} needs lengths: expected from 0 to 5, got"):
            layer(x, lengths=lengths)


# --- one batch, several lengths --------------------------------------------------------------------------------------


@every_kind
def test_the_last_output_is_that_at_the_end_of_each_sequence(kind):
    x, lengths = RNG.normal(size=(3, 5, 2)), np.array([2, 5, 0])
    every, last = built(kind(4), (5, 2)), built(kind(4, last=True), (5, 2))
    found = last(Tensor(x), lengths=lengths).data
    assert np.array_equal(found[0], every(Tensor(x)).data[0, 1]) and not found[2].any()
    assert np.array_equal(last(Tensor(x)).data, every(Tensor(x)).data[:, -1])


@every_kind
def test_steps_after_the_end_learn_nothing(kind):
    layer = built(kind(3, ids=4), (6,))
    x, lengths = RNG.integers(0, 3, (2, 6)), np.array([2, 4])
    x[0, 2:] = 3  # an id that no sequence has before its end
    x[1, 4:] = 3
    layer(Tensor(x), lengths=lengths).sum().backward()
    assert layer.weight.grad[:3].any() and not layer.weight.grad[3].any()


# --- carried state ---------------------------------------------------------------------------------------------------


@every_kind
def test_a_layer_forgets_unless_it_is_told_to_carry(kind):
    layer, x = built(kind(3), (4, 2)), Tensor(RNG.normal(size=(2, 4, 2)))
    first = layer(x).data
    assert np.array_equal(layer(x).data, first) and layer.state is None
    with L.carried([L.Linear(1), layer]):
        assert np.array_equal(layer(x).data, first)
        assert not np.array_equal(layer(x).data, first)
        assert len(layer.state) == (2 if kind is L.LSTM else 1)
    assert np.array_equal(layer(x).data, first) and layer.state is None


@every_kind
def test_a_validation_inside_a_training_starts_from_zeros_and_leaves_its_state_alone(kind):
    layer, x = built(kind(3), (4, 2)), Tensor(RNG.normal(size=(2, 4, 2)))
    with L.carried([layer]):
        first, second, third = (layer(x).data for _ in range(3))
    with L.carried([layer]):
        layer(x)
        with pytest.raises(RuntimeError, match="left"), L.carried([layer]), no_grad():
            assert np.array_equal(layer(x).data, first) and np.array_equal(layer(x).data, second)
            raise RuntimeError("left by an error")
        assert np.array_equal(layer(x).data, second)
        kept, layer.state = layer.state, None  # a reset, and a return
        assert np.array_equal(layer(x).data, first)
        layer.state = kept
        assert np.array_equal(layer(x).data, third)


@every_kind
def test_the_gradient_ends_at_the_border_of_a_window(kind):
    layer, x = built(kind(3), (4, 2)), RNG.normal(size=(2, 8, 2))
    with L.carried([layer]):
        before, after = (Tensor(half, requires_grad=True) for half in (x[:, :4], x[:, 4:]))
        layer(before)
        layer(after).sum().backward()
    assert before.grad is None and after.grad is not None


@every_kind
def test_a_state_of_another_batch_is_refused(kind):
    model = Sequential([kind(3)])
    model.build((4, 2))
    with L.carried(model.layers):
        model.layers[0](Tensor(np.zeros((2, 4, 2))))
        with pytest.raises(UsageError, match=rf"layer 0 '{kind.__name__.lower()}_0' carries a state of another shape"):
            model.layers[0](Tensor(np.zeros((1, 4, 2))))
        model.layers[0].state = (np.zeros((1, 3)),) * 3
        with pytest.raises(UsageError, match="carries a state of another shape"):
            model.layers[0](Tensor(np.zeros((1, 4, 2))))


# --- an embedding looked up on the way -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3], ids=["few to look up", "many"])
@every_kind
def test_an_embedding_on_the_way_gives_what_one_before_gives(kind, batch):
    embedding, layer = built(L.Embedding(ids=6, dim=2), (4,)), built(kind(3), (4, 2))
    ids = Tensor(RNG.integers(0, 6, (batch, 4)))
    trained = [embedding.table, *layer.parameters.values()]
    results, made_by = [], []
    for call in (lambda: layer(embedding(ids)), lambda: layer(ids, embedding=embedding)):
        y = call()
        made_by.append([tensor.node.name for tensor in y.node.inputs if tensor.node])
        (y * y).sum().backward()
        results.append([y.data, *(parameter.grad for parameter in trained)])
        for parameter in trained:
            parameter.grad = None
    for one, two in zip(*results, strict=True):
        assert np.allclose(one, two, atol=1e-5)
    # With many to look up the table goes through the input weight before it is looked up, and not the other way round.
    assert made_by == [["embedding"], ["matmul" if batch == 3 else "embedding"]]


# --- the gradient on its way back ------------------------------------------------------------------------------------


@every_kind
def test_the_gradient_is_seen_at_every_step(kind):
    model = Sequential([kind(3, ids=5), kind(4), L.Linear(5)])
    model.build((6,))
    ids = Tensor(RNG.integers(0, 5, (2, 6)))
    targets = np.full((2, 6), -1)
    targets[:, 3] = 1  # nothing after it has a gradient, all before it has
    with L.gradient_flow(model.layers) as flow:
        loss = CrossEntropy(ignore=-1)(model.forward(ids), targets)
        assert [len(calls) for calls in flow.values()] == [1, 1] and not flow[model.layers[0].name][0].any()
        loss.backward()
    assert list(flow) == [layer.name for layer in model.layers[:2]]
    for (norms,) in flow.values():
        assert norms.shape == (6,) and (norms[:4] > 0).all() and not norms[4:].any()
    seen = model.layers[1]
    model.forward(ids)
    assert len(flow[seen.name]) == 1  # only inside


def test_gradients_vanish_and_explode_with_the_size_of_the_recurrent_weight():
    layer, x = built(L.RNN(8, last=True), (30, 2)), Tensor(0.01 * RNG.normal(size=(4, 30, 2)))
    rotation = layer.recurrent.data.copy()
    for scale, at_the_start in ((0.5, 0.5**29), (1.0, 1.0), (1.05, 1.05**29)):
        layer.recurrent.data = scale * rotation
        with L.gradient_flow([layer]) as flow:
            layer(x).backward(np.full((4, 8), 1 / np.sqrt(32)))
        (norms,) = flow["rnn"]
        assert norms[-1] == pytest.approx(1, rel=1e-5)
        assert norms[0] == pytest.approx(at_the_start, rel=0.2)


# --- whole models ----------------------------------------------------------------------------------------------------


@every_kind
def test_what_came_first_is_remembered_to_the_end(kind):
    """The first of ten numbers says the class, the others are noise."""
    x = RNG.integers(0, 4, (400, 10))
    model = Sequential([kind(16, ids=4, last=True), L.Linear(4)])
    model.compile(Adam(lr=0.02, clip_norm=1.0), CrossEntropy())
    model.fit(x[:300], x[:300, 0], epochs=12)
    assert model.evaluate(x[300:], x[300:, 0])["accuracy"] > 0.95


def test_a_stack_over_sequences_is_kept_in_a_file(tmp_path):
    x = RNG.integers(0, 5, (20, 7))
    y = np.where(RNG.random((20, 7)) < 0.3, -1, x)
    model = Sequential([L.Embedding(5, 3), L.LSTM(4), L.GRU(4), L.RNN(4), L.Linear(5)])
    model.compile(Adam(), CrossEntropy(ignore=-1))
    model.fit(x, y, epochs=2, validation_data=(x, y))
    model.save(tmp_path / "model.safetensors")
    again = Sequential.load(tmp_path / "model.safetensors")
    assert np.array_equal(again.predict(x), model.predict(x)) and again.evaluate(x, y) == model.evaluate(x, y)
    assert again.predict(x).shape == (20, 7, 5)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep freed memory in other ways")
@pytest.mark.skipif(any(name.startswith("MALLOC_") for name in os.environ), reason="MALLOC_... is set")
def test_freed_memory_is_kept_for_the_next_step():
    """Pages fetched anew in 20 rounds of making and dropping arrays as a training step does, in a fresh process."""
    code = """
import resource, numpy as np
from brainbox_core.layers import RNN
RNN(2).build((3, 2), np.random.default_rng(0))
def step():
    arrays = [np.ones(size << 18, np.float32) for size in (8, 2, 2, 1, 1, 2)]
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 1000  # of the 80,000 that are filled
