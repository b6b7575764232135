"""Both ways through a sequence: what each sees, that the gradients are exact, and what a layer with two inside says."""

import json

import numpy as np
import pytest

from brainbox_core import export, layers
from brainbox_core.errors import InputError, UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.layers.base import Cost, learned
from brainbox_core.loss import CrossEntropy
from brainbox_core.model.sequential import Sequential, load
from brainbox_core.optimizers import Adam
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor

L = layers
KINDS = (L.RNN, L.GRU, L.LSTM)
every_kind = pytest.mark.parametrize("kind", KINDS)
every_merge = pytest.mark.parametrize("merge", ["concat", "sum", "mean"])
RNG = np.random.default_rng(5)
LENGTHS = np.array([4, 1, 6])


def built(layer, shape):
    layer.build(shape, stream(0, "init"))
    return layer


def merged(there, back, merge):
    return {"concat": np.concatenate([there, back], -1), "sum": there + back, "mean": (there + back) / 2}[merge]


@every_merge
@every_kind
def test_each_way_is_the_layer_alone_over_each_sequence_alone(kind, merge):
    x = RNG.normal(size=(3, 6, 2))
    for last in (False, True):
        both = built(L.Bidirectional(kind(3, last=last), merge), (6, 2))
        found = both(Tensor(x), lengths=LENGTHS).data
        for row, sequence, length in zip(found, x, LENGTHS, strict=True):
            there = both.forward(Tensor(sequence[None, :length])).data[0]
            back = both.backward(Tensor(sequence[None, :length][:, ::-1])).data[0]
            wanted = merged(there, back if last else back[::-1], merge)
            assert np.allclose(row if last else row[:length], wanted, atol=1e-12)
            assert last or not row[length:].any()
        assert np.array_equal(both(Tensor(x)).data, both(Tensor(x), lengths=np.array([6, 6, 6])).data)


@pytest.mark.parametrize(("kind", "merge"), [(L.RNN, "concat"), (L.GRU, "sum"), (L.LSTM, "mean")])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all", "lengths"])
def test_gradients_of_input_and_parameters(kind, merge, lengths):
    for last in (False, True):
        layer = built(L.Bidirectional(kind(2, last=last), merge), (6, 2))
        ways = [(way, name) for way in (layer.forward, layer.backward) for name in way.parameters]
        rng = stream(2, "parameters")
        points = [rng.normal(size=way.parameters[name].shape) for way, name in ways]

        def function(x, *tensors, layer=layer, ways=ways):
            for (way, name), tensor in zip(ways, tensors, strict=True):
                setattr(way, name, tensor)
            return layer(x, lengths=lengths) ** 2

        check = check_gradients(function, rng.normal(size=(3, 6, 2)), *points)
        assert check.max_error < 1e-10 and check.skipped == 0


@every_merge
@every_kind
def test_settings_shapes_and_cost_are_those_of_both_layers(kind, merge):
    sample = L.Bidirectional(kind(3, ids=5), merge)
    again = L.Bidirectional(**json.loads(json.dumps(sample.config())))
    assert again.config() == sample.config() and repr(again) == repr(sample) == (
        f"Bidirectional({kind.__name__}(units=3, ids=5, last=False), merge='{merge}')"
    )
    single, units = kind(3, ids=5).cost((4,)), 6 if merge == "concat" else 3
    assert sample.cost((4,)) == Cost(2 * single.multiply_adds, 2 * single.parameters, 4 * units)
    shapes = sample.parameter_shapes((4,))
    assert built(sample, (4,)).output_shape((4,)) == (4, units) and built(again, (4,)).takes_ids
    named = learned([sample])
    assert {name.partition("/")[2]: p.shape for name, p in named.items()} == shapes
    y = again(Tensor(RNG.integers(0, 5, (2, 4)).astype(np.float32)))
    assert y.shape == (2, 4, units) and y.dtype == np.float32
    assert not np.array_equal(sample.forward.weight.data, sample.backward.weight.data)


def test_a_model_of_both_ways_learns_what_the_end_says_and_is_kept(tmp_path):
    """Every step is to say what the sequence ends with, which a layer that goes forward cannot know."""
    x = RNG.integers(0, 3, (300, 6))
    y = np.repeat(x[:, -1:], 6, axis=1)
    accuracy = {}
    for name, layer in (("one", L.GRU(8)), ("both", L.Bidirectional(L.GRU(8)))):
        model = Sequential([L.Embedding(3, 4), layer, L.Linear(3)])
        model.compile(Adam(lr=0.03), CrossEntropy())
        model.fit(x, y, epochs=12)
        accuracy[name] = model.evaluate(x, y)["accuracy"]
    assert accuracy["both"] > 0.99 and accuracy["one"] < 0.7
    model.save(tmp_path / "both.safetensors")
    again = load(tmp_path / "both.safetensors")
    assert np.array_equal(again.predict(x), model.predict(x)) and len(again.params) == len(model.params)
    assert [name for name in model.params.named if "bidirectional" in name][::3] == [
        "bidirectional_0/forward/weight",
        "bidirectional_0/forward/candidate_bias",
        "bidirectional_0/backward/bias",
    ]


def test_what_is_frozen_stays_frozen_both_ways():
    inner = L.LSTM(2)
    inner.trainable = False
    layer = built(L.Bidirectional(inner), (3, 2))
    assert not any(p.requires_grad for p in learned([layer]).values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.Bidirectional(L.Linear(2)), "layer: expected an RNN, a GRU or an LSTM, got Linear"),
        (lambda: L.Bidirectional(L.LSTM), "layer: expected an RNN, a GRU or an LSTM.*Bidirectional"),
        (lambda: L.Bidirectional(L.LSTM(2), merge="mul"), "merge: expected 'concat', 'sum', 'mean', got 'mul'"),
        (lambda: L.Bidirectional(built(L.LSTM(2), (3, 1))), "needs a layer that is not built"),
        (lambda: L.Bidirectional(Sequential([L.LSTM(2)]).layers[0]), "needs a layer that is not built"),
        (lambda: L.Bidirectional({"kind": "Linear", "config": {"units": 2}}), "holds no such layer"),
    ],
)
def test_mistakes_get_an_error_that_helps(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_a_state_is_not_carried_by_what_reads_from_the_end():
    model = Sequential([L.Bidirectional(L.LSTM(3)), L.Linear(1)])
    model.build((4, 2))
    with L.carried(model.layers), pytest.raises(UsageError, match="layer 0 'bidirectional_0' reads from the end"):
        model.forward(Tensor(np.zeros((1, 4, 2))))


def test_the_gradient_is_seen_on_both_ways():
    model = Sequential([L.Bidirectional(L.LSTM(3, last=True)), L.Linear(1)])
    model.build((4, 2))
    with L.gradient_flow(model.layers) as flow:
        model.forward(Tensor(RNG.normal(size=(2, 4, 2)))).sum().backward()
    assert list(flow) == ["bidirectional_0/forward", "bidirectional_0/backward"]
    assert all(len(norms) == 1 and norms[0].all() for norms in flow.values())


@pytest.mark.parametrize("first", [[], [L.LSTM(3)]], ids=["alone", "behind an LSTM"])
def test_the_export_refuses_it_by_name(first):
    model = Sequential([*first, L.Bidirectional(L.LSTM(3)), L.Linear(1)])
    model.build((4, 2))
    with pytest.raises(InputError, match=rf"layer {len(first)} 'bidirectional_0' \(Bidirectional\) cannot be"):
        export.build(model, "both")


@every_merge
def test_its_range_is_known_to_the_heads(merge):
    model = Sequential([L.Bidirectional(L.LSTM(3, last=True), merge)])
    reach = 2 if merge == "sum" else 1
    with pytest.raises(UsageError, match=rf"bidirectional_0' gives only -{reach} to {reach}; add bb.layers.Linear"):
        model.compile(Adam(), CrossEntropy())


@every_kind
def test_both_ways_are_those_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    layer = built(L.Bidirectional(kind(3)), (6, 2))
    theirs = getattr(torch.nn, kind.__name__)(2, 3, bidirectional=True, batch_first=True)
    order = {L.RNN: [0], L.GRU: [0, 1, 2], L.LSTM: [1, 2, 3, 0]}[kind]  # theirs: input, forget, candidate, output

    def rows(array):
        blocks = np.split(array, layer.forward.gates, axis=-1)
        return torch.tensor(np.concatenate([blocks[gate] for gate in order], axis=-1).T.copy())

    with torch.no_grad():
        for way, suffix in ((layer.forward, ""), (layer.backward, "_reverse")):
            way.bias[:] = RNG.normal(size=way.bias.shape)
            hidden = np.zeros(way.bias.shape, np.float32)
            if kind is L.GRU:
                way.candidate_bias[:] = RNG.normal(size=3)
                hidden[-3:] = way.candidate_bias.data
            for name, array in (
                ("weight_ih", way.weight.data),
                ("weight_hh", way.recurrent.data),
                ("bias_ih", way.bias.data),
                ("bias_hh", hidden),
            ):
                getattr(theirs, f"{name}_l0{suffix}").copy_(rows(array))
    x = RNG.normal(size=(3, 6, 2)).astype(np.float32)
    ours, given = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(given, LENGTHS, batch_first=True, enforce_sorted=False)
    wanted, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    found = layer(ours, lengths=LENGTHS)
    assert np.allclose(found.data, wanted.detach().numpy(), atol=1e-5)
    (found**2).sum().backward()
    (wanted**2).sum().backward()
    assert np.allclose(ours.grad, given.grad.numpy(), atol=1e-4)
    for way, suffix in ((layer.forward, ""), (layer.backward, "_reverse")):
        gradient = getattr(theirs, f"weight_hh_l0{suffix}").grad
        assert np.allclose(rows(way.recurrent.grad), gradient, atol=1e-4)
