"""`Model`: graphs of layers, several inputs and outputs, layers and classes of one's own, and their files."""

import copy
import pickle

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import InputError, UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.network import saving
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor

L = bb.layers
RNG = stream(0, "graphs")
X = RNG.normal(size=(60, 4)).astype(np.float32)
Z = RNG.normal(size=(60, 3)).astype(np.float32)
Y = (X.sum(axis=1) - Z[:, 0])[:, None]
LABELS = (X[:, 0] > 0).astype(int)


def compiled(model, loss=None, **more):
    model.compile(optimizer=bb.optimizers.Adam(lr=0.02), loss=loss or bb.loss.MSE(), **more)
    return model


def residual(seed=0, shape=(4,)):
    x = bb.Input(shape)
    around = L.Linear(4)(L.ReLU()(L.Linear(8)(x)))
    return bb.Model(x, L.Linear(1)(L.ReLU()(L.Add()([x, around]))), seed=seed)


def two_inputs(seed=0):
    x, z = bb.Input((4,)), bb.Input((3,))
    return bb.Model([x, z], L.Linear(1)(L.Tanh()(L.Linear(8)(L.Concatenate()([x, z])))), seed=seed)


def two_outputs():
    x = bb.Input((4,))
    trunk = L.ReLU()(L.Linear(8)(x))
    return bb.Model(x, [L.Linear(1)(trunk), L.Linear(2)(trunk)])


class Net(bb.Model):
    """A network whose way is written out."""

    def __init__(self):
        super().__init__()
        self.first, self.blocks = L.Linear(8), [L.Tanh(), L.BatchNorm()]
        self.head = L.Linear(1)

    def forward(self, x, training=False):
        y = self.first(x)
        for block in self.blocks:
            y = block(y, training)
        return self.head(bb.functional.concat([y, x], axis=1))


class Residual(L.Layer):
    """A layer of one's own that builds nothing by itself."""

    def __init__(self, units):
        self.units = units
        self.inner, self.outer = L.Linear(units), L.Linear(4)

    def __call__(self, x, training=False):
        return x + self.outer(self.inner(x).relu())


def slope(model, x, *targets):
    """The gradients of all parameters by the library, in float32, beside central differences in float64."""
    model.params.zero_grad()
    model.loss(model.forward(x, training=True), targets[0] if len(targets) == 1 else list(targets)).backward()
    mine = model.params.gather().astype(np.float64).copy()
    found = np.zeros_like(mine)
    values = model.params.values.copy()
    for i in range(len(values)):
        ends = []
        for step in (1e-2, -1e-2):
            changed = values.copy()
            changed[i] += step
            model.params.values = changed
            outputs = model.forward(x, training=True)
            ends.append(model.loss(outputs, targets[0] if len(targets) == 1 else list(targets)).item())
        found[i] = (ends[0] - ends[1]) / 2e-2
    model.params.values = values
    return mine, found


def test_paths_that_part_and_meet_compute_what_is_written():
    model = residual()
    w = {name: p.data for name, p in model.params.named.items()}
    around = np.maximum(X @ w["linear_0/weight"] + w["linear_0/bias"], 0) @ w["linear_1/weight"] + w["linear_1/bias"]
    want = np.maximum(X + around, 0) @ w["linear_2/weight"] + w["linear_2/bias"]
    np.testing.assert_allclose(model.predict(X), want, rtol=1e-5, atol=1e-6)
    assert (model.input_shape, model.output_shape) == ((4,), (1,))
    assert model.summary().parameters == len(model.params) == 40 + 36 + 5


@pytest.mark.parametrize("make", [residual, two_inputs, two_outputs, Net])
def test_gradients_through_every_path(make):
    model = make()
    x = [Tensor(X[:6]), Tensor(Z[:6])] if make is two_inputs else Tensor(X[:6])
    if make is Net:
        model.build((4,))
    if make is two_outputs:
        compiled(model, [bb.loss.MSE(), bb.loss.CrossEntropy()], loss_weights=[1, 0.5])
        mine, found = slope(model, x, Y[:6], LABELS[:6])
    else:
        mine, found = slope(compiled(model), x, Y[:6])
    np.testing.assert_allclose(mine, found, rtol=0.02, atol=0.02 * abs(found).max())


def test_a_chain_is_the_same_training_as_sequential():
    def chain():
        return [L.Linear(8), L.ReLU(), L.Linear(1)]

    x = bb.Input((4,))
    y = x
    for layer in chain():
        y = layer(y)
    results = []
    for model in (bb.Sequential(chain(), seed=3), bb.Model(x, y, seed=3)):
        compiled(model).fit(X, Y, epochs=3, validation_split=0.2)
        results.append((model.params.values.tobytes(), [row["val_loss"] for row in model.history]))
    assert results[0] == results[1]


def test_several_inputs_train_validate_and_predict_in_batches():
    model = compiled(two_inputs())
    before = model.evaluate([X, Z], Y)["loss"]
    history = model.fit([X, Z], Y, epochs=60, validation_split=0.2, batch_size=16)
    assert history[-1]["val_loss"] < before / 4
    assert np.allclose(model.predict((X, Z), batch_size=7), model.predict([X, Z]), atol=1e-5)
    model.fit([X, Z], Y, validation_data=([X[:9], Z[:9]], Y[:9]))


def test_several_outputs_have_losses_of_their_own():
    model = compiled(two_outputs(), [bb.loss.MSE(), bb.loss.CrossEntropy()], loss_weights=[0.5, 2])
    model.fit(X, [Y, LABELS], epochs=60, validation_split=0.2)
    value, classes = model.predict(X)
    assert value.shape == (60, 1) and (classes.argmax(axis=1) == LABELS).mean() > 0.9
    measured = model.evaluate(X, [Y, LABELS])
    assert measured["accuracy_1"] == (classes.argmax(axis=1) == LABELS).mean()
    alone = [bb.loss.MSE()(Tensor(value), Y).item(), bb.loss.CrossEntropy()(Tensor(classes), LABELS).item()]
    assert measured["loss"] == pytest.approx(0.5 * alone[0] + 2 * alone[1], rel=1e-5)


def test_a_layer_that_is_used_twice_has_one_set_of_weights():
    a, b = bb.Input((4,)), bb.Input((4,))
    shared = L.Linear(3)
    model = compiled(bb.Model([a, b], L.Linear(1)(L.Add()([shared(a), shared(b)]))))
    assert len(model.params) == 15 + 4 == model.summary().parameters
    model.fit([X, X[::-1].copy()], Y, epochs=1)
    assert np.allclose(model.predict([X, Z4 := X[::-1].copy()]), model.predict([Z4, X]), atol=1e-6)


def test_a_forward_of_ones_own_trains_and_comes_back(tmp_path):
    model = compiled(Net())
    history = model.fit(X, Y, epochs=30)
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 2
    assert [layer.name for layer in model.layers] == ["first", "head", "blocks.0", "blocks.1"]
    assert {"first/weight", "blocks.1/mean", "head/bias"} <= set(model.state())
    model.save(tmp_path / "net")
    again = Net.load(tmp_path / "net")
    assert np.array_equal(again.predict(X), model.predict(X))
    with pytest.raises(InputError, match="a model of the class 'Net'"):
        bb.Model.load(tmp_path / "net")


@pytest.mark.parametrize("make", [residual, two_inputs, two_outputs])
def test_graphs_come_back_from_files_and_copies(make, tmp_path):
    model = make()
    inputs = [X, Z] if make is two_inputs else X
    want = model.predict(inputs)
    model.save(tmp_path / "graph")
    for again in (bb.Model.load(tmp_path / "graph"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(np.concatenate(again.predict(inputs), axis=-1), np.concatenate(want, axis=-1))
    with pytest.raises(InputError, match="no chain"):
        bb.Sequential.load(tmp_path / "graph")


def test_layers_of_ones_own_are_built_trained_and_kept(tmp_path):
    model = compiled(bb.Sequential([Residual(8), L.Linear(1)]))
    model.fit(X, Y, epochs=2)
    assert len(model.params) == 40 + 36 + 5
    model.save(tmp_path / "own")
    again = bb.Sequential.load(tmp_path / "own", layers=[Residual])
    assert np.array_equal(again.predict(X), model.predict(X))
    with pytest.raises(InputError, match="it holds a layer of your own, 'Residual'; name its class"):
        bb.Sequential.load(tmp_path / "own")


def test_a_layer_of_ones_own_with_a_name_of_ours_is_not_taken_for_ours(tmp_path):
    class Linear(L.Linear):
        pass

    model = bb.Sequential([Linear(2)])
    model.build((4,))
    model.save(tmp_path / "own")
    with pytest.raises(InputError, match="it holds a layer of your own"):
        bb.Sequential.load(tmp_path / "own")
    assert type(bb.Sequential.load(tmp_path / "own", layers=[Linear]).layers[0]) is Linear


def test_gradients_of_a_nested_layer():
    layer = Residual(3)
    layer.build((4,), stream(0))
    check_gradients(lambda x: layer(x) ** 2, stream(1).normal(size=(2, 4)))


def test_a_long_graph_and_a_wide_one():
    x = bb.Input((2,))
    y = x
    for _ in range(3000):
        y = L.ReLU()(y)
    assert bb.Model(x, y).predict(np.ones((1, 2))).tolist() == [[1, 1]]
    x = bb.Input((2,))
    y = L.ReLU()(x)
    for _ in range(40):  # 2 ** 40 ways lead through it
        y = L.Add()([y, y])
    assert bb.Model(x, y).predict(np.ones((1, 2)))[0, 0] == 2.0**40


MISTAKES = {
    "one end": (bb.Model, "a model needs both ends"),
    "no end and no forward": (lambda x: bb.Model(), "a model needs both ends"),
    "an array": (lambda x: bb.Model([np.ones(3)], L.ReLU()(x)), r"inputs: expected what bb.Input\(\)"),
    "an input that is missing": (lambda x: bb.Model(x, L.Add()([x, bb.Input((4,))])), "an output needs an input"),
    "shapes that differ": (lambda x: bb.Model(x, L.Add()([x, L.Linear(3)(x)])), r"layer 1 'add_0' adds inputs of one"),
    "sizes that differ": (
        lambda x: bb.Model([x, z := bb.Input((2, 4))], L.Concatenate()([x, z])),
        "needs inputs that differ in axis -1 alone",
    ),
    "one input for two": (lambda x: two_inputs().predict(X), "an array for each input"),
    "rows that differ": (lambda x: two_inputs().predict([X, Z[:5]]), "need one row for each other"),
    "one loss for two": (lambda x: compiled(two_outputs()), "each output needs a loss"),
    "one target for two": (
        lambda x: compiled(two_outputs(), [bb.loss.MSE(), bb.loss.MSE()]).fit(X, Y),
        "y holds an array for each output",
    ),
    "a head that cannot learn": (
        lambda x: compiled(bb.Model(x, [L.Linear(1)(x), L.Sigmoid()(x)]), [bb.loss.MSE(), bb.loss.CrossEntropy()]),
        "CrossEntropy takes logits",
    ),
    "a layer of another model": (lambda x: bb.Model(x, residual().layers[0](x)), "already part of a model"),
    "called with one input": (lambda x: bb.Model(x, L.Add()(x)), "needs several inputs"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_get_an_error_that_helps(name):
    make, message = MISTAKES[name]
    with pytest.raises(UsageError, match=message):
        make(bb.Input((4,)))


FORGED = {
    "a cycle": {"nodes": [[0, [2]], [1, [1]], [2, [2]], [3, [0, 3]], [4, [4]], [5, [5]]]},
    "an input that is not there": {"inputs": -1},
    "an output that is not there": {"outputs": [99]},
    "a layer that is not there": {"nodes": [[99, [0]]]},
    "no nodes": {"nodes": []},
    "a fraction": {"nodes": [[0, [0.5]]]},
    "many inputs": {"inputs": 10**9},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_file_with_a_graph_that_is_none_is_refused(name, tmp_path):
    residual().save(tmp_path / "graph")
    arrays, meta = saving.load_model(tmp_path / "graph")
    meta["graph"] |= FORGED[name]
    saving.save_model(tmp_path / "graph", arrays, meta)
    with pytest.raises(InputError):
        bb.Model.load(tmp_path / "graph")


def test_a_network_that_is_no_chain_is_not_exported_yet():
    with pytest.raises(UsageError, match="a chain of layers"):
        bb.export.c_header(residual(), "never.h")


class Wide(bb.Model):
    """A class of one's own that is made with something."""

    def __init__(self, units, kept=True):
        super().__init__(seed=3)
        self.only = L.Linear(units)
        if kept:
            self.units = units

    def forward(self, x, training=False):
        return self.only(x)


def test_a_class_of_ones_own_is_made_again_with_what_it_was_made_with(tmp_path):
    model = Wide(2)
    model.build((4,))
    model.save(tmp_path / "wide")
    assert np.array_equal(Wide.load(tmp_path / "wide").predict(X), model.predict(X))
    model = Wide(2, kept=False)
    model.build((4,))
    model.save(tmp_path / "wide")
    with pytest.raises(InputError, match=r"does not say what the model was made with .*self\.units = units"):
        Wide.load(tmp_path / "wide")


class Forgetful(bb.Model):
    def __init__(self):
        self.only = L.Linear(1)

    def forward(self, x, training=False):
        return self.only(x)


class Odd(bb.Model):
    def forward(self, x, training=False):
        return 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bb.Model(3, 4), "inputs: expected what bb.Input.. or a layer called with it gave, got 3"),
        (lambda: bb.Model([], []), "inputs: expected what bb.Input.. or a layer called with it gave, got ..$"),
        (lambda: bb.Model(bb.Input((4,)), [L.Linear(1)]), r"outputs: expected what .* got Linear\("),
        (lambda: bb.Input(4), "shape: expected a list of whole numbers"),
        (lambda: compiled(Forgetful()), r"Forgetful.__init__\(\) has to begin with super\(\).__init__\(\)"),
        (lambda: Odd().build((4,)), r"forward\(\) has to give a tensor, or a list of tensors, got int"),
        (lambda: bb.load("any", layers=["Residual"]), "layers: expected classes of layers of your own"),
    ],
)
def test_what_is_no_model_is_refused(make, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = residual()
    model.save("any")
    with pytest.raises(UsageError, match=message):
        make()


def test_a_shared_layer_is_penalised_and_counted_once_in_a_graph_of_several_losses(tmp_path):
    x, z = bb.Input((4,)), bb.Input((4,))
    shared = L.Linear(3, l2=0.5)
    model = bb.Model([x, z], [L.Linear(1)(shared(x)), L.Linear(2)(shared(z))])
    compiled(model, [bb.loss.Huber(), bb.loss.CrossEntropy()])
    alone, extra = model.evaluate([X, X], [Y, LABELS])["loss"], 0.5 * (shared.weight.data**2).sum()
    assert model.fit([X, X], [Y, LABELS], batch_size=60)[0]["train_loss"] == pytest.approx(alone + extra, rel=1e-5)
    shared.trainable = False
    assert model.summary().not_trained == 15
    model.save(tmp_path / "m")
    assert bb.load(tmp_path / "m").summary().not_trained == 15
    alone = model.evaluate([X, X], [Y, LABELS])["loss"]
    assert model.fit([X, X], [Y, LABELS], batch_size=60)[0]["train_loss"] == pytest.approx(alone, rel=1e-5)


def test_what_is_frozen_in_a_network_that_is_written_out_is_kept(tmp_path):
    model = compiled(Net())
    model.fit(X, Y)
    model.first.trainable = model.blocks[1].gain.requires_grad = False
    model.save(tmp_path / "m")
    again = compiled(Net.load(tmp_path / "m"))
    before = again.state()
    again.fit(X, Y)
    still = {name for name, array in again.state().items() if np.array_equal(array, before[name])}
    assert still == {"first/weight", "first/bias", "blocks.1/gain"}
