"""Layers inside a layer of one's own, frozen layers, and what is put in place of a layer's parameters."""

import copy
import pickle

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import UsageError
from brainbox_core.parameters import Parameter
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

L = bb.layers
X = stream(0, "nested").normal(size=(64, 4)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


class Residual(L.Layer):
    """Holds one layer in an attribute, two in a list and one in a dictionary."""

    def __init__(self, n):
        self.n, self.inner = n, L.Linear(n)
        self.blocks = [L.Linear(n), {"norm": L.BatchNorm()}]
        self.parent = self  # what refers back is no end without bottom

    def build(self, shape, rng):
        for layer in (self.inner, self.blocks[0], self.blocks[1]["norm"]):
            layer.build(shape, rng)
        return shape

    def __call__(self, x, training=False):
        return x + self.blocks[1]["norm"](self.blocks[0](self.inner(x, training), training), training)


def ready(*chain, lr=0.05, optimizer=None):
    model = bb.Sequential(list(chain))
    model.compile(optimizer=optimizer or bb.optimizers.Adam(lr=lr), loss=bb.loss.MSE())
    model.build((4,))
    return model


def test_layers_inside_a_layer_are_trained_counted_and_kept():
    model = ready(Residual(4), L.Linear(1))
    inner = model.layers[0].inner
    before = inner.weight.data.copy()
    model.fit(X, Y, epochs=2)
    assert (inner.weight.data != before).any()
    assert len(model.params) == 2 * 20 + 8 + 5 == model.summary().parameters
    assert {"residual_0/inner/weight", "residual_0/blocks.0/bias", "residual_0/blocks.1.norm/mean"} <= set(
        model.state()
    )
    other = ready(Residual(4), L.Linear(1))
    other.load_state(model.state())
    assert np.array_equal(other.predict(X), model.predict(X))


def test_recurrent_layers_inside_are_carried():
    class Wrapped(L.Layer):
        def __init__(self):
            self.inner = L.RNN(2)

        def build(self, shape, rng):
            return self.inner.build(shape, rng)

        def __call__(self, x, training=False):
            return self.inner(x, training)

    model = bb.Sequential([Wrapped()])
    model.build((4, 1))
    x = np.arange(4.0, dtype=np.float32).reshape(1, 4, 1)
    with L.carried(model.layers):
        halves = [model.layers[0](Tensor(half)).data for half in (x[:, :2], x[:, 2:])]
    np.testing.assert_allclose(np.concatenate(halves, axis=1), model.predict(x), rtol=1e-6)


def test_dropouts_inside_draw_masks_of_their_own_also_unbuilt():
    class Twice(L.Layer):
        def __init__(self):
            self.one, self.two = L.Dropout(), L.Dropout()

        def build(self, shape, rng):
            return shape

        def __call__(self, x, training=False):
            return self.one(x, training) * 2 + self.two(x, training)

    def values(seed):
        model = bb.Sequential([Twice()], seed=seed)
        model.build((200,))
        return model.forward(Tensor(np.ones((1, 200))), training=True).data

    assert set(np.unique(values(0))) == {0, 2, 4, 6}
    assert np.array_equal(values(0), values(0)) and not np.array_equal(values(0), values(1))


@pytest.mark.parametrize("kind", ["lambda", "set", "model"])
def test_what_is_hidden_is_refused_before_the_first_step(kind):
    class Hides(L.Layer):
        def build(self, shape, rng):
            inner = L.Linear(4)
            inner.build(shape, rng)
            if kind == "lambda":
                self.call = lambda x: inner(x) * 1
            elif kind == "set":
                self.hidden = {inner}
                self.call = lambda x: next(iter(self.hidden))(x) * 1
            else:
                self.hidden = bb.Sequential([L.Linear(4)])
                self.hidden.build(shape)
                self.call = self.hidden.forward
            return shape

        def __call__(self, x, training=False):
            return self.call(x)

    model = ready(Hides(), L.Linear(1))
    before = model.params.values.copy()
    with pytest.raises(UsageError, match=r"none of the model's parameters.*hold layers in attributes"):
        model.fit(X, Y)
    assert np.array_equal(model.params.values, before)


def test_parameters_in_attributes_are_found_and_tensors_are_refused():
    class Own(L.Layer):
        def __init__(self, make):
            self.make = make

        def build(self, shape, rng):
            self.gain = self.make(np.ones(shape, np.float32))
            return shape

        def __call__(self, x, training=False):
            return x * self.gain

    model = ready(Own(Parameter), L.Linear(1))
    model.fit(X, Y)
    assert "own_0/gain" in model.state() and (model.layers[0].gain.data != 1).any()
    with pytest.raises(
        UsageError, match=r"'gain' of layer 0 'own_0' wants a gradient and is no parameter.*parameter\("
    ):
        ready(Own(lambda data: Tensor(data, requires_grad=True)), L.Linear(1))


def test_a_layer_made_too_late_is_refused():
    class Late(L.Layer):
        def output_shape(self, input_shape):
            return input_shape

        def __call__(self, x, training=False):
            self.inner = L.Linear(4)
            return x

    with pytest.raises(UsageError, match="'inner' of layer 0 'late_0' is set in a model that is built"):
        ready(Late(), L.Linear(1)).fit(X, Y)
    model = ready(Residual(4), L.Linear(1))
    with pytest.raises(UsageError, match="make layers and parameters in"):
        model.layers[0].inner = L.Linear(4)
    with pytest.raises(UsageError, match="makes the parameter 'more' in a model that is built"):
        model.layers[0].parameter("more", np.zeros(3))
    with pytest.raises(UsageError, match="makes the parameter 'weight'"):
        model.layers[1].build((4,), stream(0))


def test_an_unbuilt_layer_inside_says_what_is_missing():
    class Forgets(Residual):
        def build(self, shape, rng):
            return self.output_shape(shape)

    with pytest.raises(UsageError, match="Linear has no 'weight', and is not built; build"):
        ready(Forgets(4))
    assert not hasattr(L.Linear(2), "weight")


def test_a_list_of_layers_that_changed_is_refused():
    model = ready(L.Linear(3), L.Linear(1))
    model.layers[1] = L.Linear(2)
    for use in (lambda: model.predict(X), lambda: model.fit(X, Y), model.state):
        with pytest.raises(UsageError, match="the list of layers was changed"):
            use()
    model = bb.Sequential([L.Linear(3)])
    model.layers.append(L.Linear(1))
    with pytest.raises(UsageError, match="the list of layers was changed"):
        model.build((4,))


# --- frozen ----------------------------------------------------------------------------------------------------------

OPTIMIZERS = [
    lambda: bb.optimizers.SGD(lr=0.1),
    lambda: bb.optimizers.SGD(lr=0.1, momentum=0.9, nesterov=True),
    bb.optimizers.RMSprop,
    bb.optimizers.Adagrad,
    bb.optimizers.Adam,
    lambda: bb.optimizers.AdamW(lr=0.01, weight_decay=0.1),
    lambda: bb.optimizers.Adam(clip_norm=0.1),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("how", ["requires_grad of the weight", "trainable", "requires_grad"])
def test_what_is_frozen_does_not_move_and_the_rest_does(make, early, how):
    model = ready(Residual(4), L.Linear(1), optimizer=make())
    if not early:
        model.fit(X, Y)  # momentum is there
    frozen = model.layers[0]
    if how == "requires_grad of the weight":
        frozen.inner.weight.requires_grad = False
        names = ["residual_0/inner/weight"]
    else:
        setattr(frozen, how, False)
        names = [name for name in model.state() if name.startswith("residual_0")]
    before = model.state()
    model.fit(X, Y, epochs=2)
    after = model.state()
    assert all(np.array_equal(before[name], after[name]) for name in names)
    assert (before["linear_0/weight"] != after["linear_0/weight"]).any()
    frozen.trainable = True
    model.fit(X, Y)
    assert all((after[name] != model.state()[name]).any() for name in names)


@pytest.mark.parametrize("cell", [L.RNN, L.GRU, L.LSTM])
def test_a_frozen_cell_keeps_all_its_parameters_and_hands_the_gradient_on(cell):
    model = bb.Sequential([L.Linear(2), cell(3), L.Linear(1)])
    model.compile(bb.optimizers.AdamW(lr=0.01, weight_decay=0.5), bb.loss.MSE())
    model.layers[1].trainable = False
    x, y = X.reshape(64, 2, 2), Y[:, None].repeat(2, axis=1)
    model.fit(x, y)
    before = model.state()
    model.fit(x, y)
    moved = {name for name, array in model.state().items() if (array != before[name]).any()}
    assert moved == {f"linear_{n}/{name}" for n in (0, 1) for name in ("weight", "bias")}


@pytest.mark.parametrize("clip", [None, 0.01])
def test_the_length_of_the_gradient_is_that_of_what_is_trained(clip):
    model = ready(L.Linear(8), L.Linear(1), optimizer=bb.optimizers.SGD(lr=1.0, clip_norm=clip))
    model.layers[0].trainable = False
    before = model.state()
    loss = model.loss(model.forward(Tensor(X)), Y)
    model.params.zero_grad()
    loss.backward()
    free = [model.layers[1].weight, model.layers[1].bias]
    length = np.sqrt(sum((parameter.grad**2).sum() for parameter in free))
    model.optimizer.step()
    assert model.optimizer.norm == pytest.approx(length, rel=1e-5)
    step = [before["linear_1/weight"] - free[0].data, before["linear_1/bias"] - free[1].data]
    assert np.sqrt(sum((part**2).sum() for part in step)) == pytest.approx(clip or length, rel=1e-4)


def test_a_frozen_norm_uses_its_averages_in_training_and_leaves_them():
    model = ready(L.Linear(3), L.BatchNorm(), L.Linear(1))
    model.fit(X, Y, epochs=3)
    norm, x = model.layers[1], Tensor(X[:, :3])
    norm.trainable = False
    before = model.state()
    assert np.array_equal(norm(x, training=True).data, norm(x).data)
    model.fit(X[:33], Y[:33], batch_size=32)  # a row that is left alone has nothing to be compared with
    after = model.state()
    assert all(np.array_equal(before[name], after[name]) for name in before if name.startswith("batchnorm"))
    norm.trainable = True
    with pytest.raises(UsageError, match="is left alone"):
        model.fit(X[:33], Y[:33], batch_size=32)


def test_a_frozen_dropout_drops():
    layer, x = L.Dropout(0.5), Tensor(np.ones((4, 50), np.float32))
    layer.trainable = False
    assert set(np.unique(layer(x, training=True).data)) == {0, 2}


def test_frozen_before_it_is_built():
    class Outer(L.Layer):
        def build(self, shape, rng):
            self.inner = L.Linear(4)
            return self.inner.build(shape, rng)

        def __call__(self, x, training=False):
            return self.inner(x, training)

    outer, linear = Outer(), L.Linear(4)
    outer.trainable = linear.trainable = False
    model = ready(outer, linear, L.Linear(1))
    before = model.state()
    model.fit(X, Y)
    moved = [name for name, array in model.state().items() if (array != before[name]).any()]
    assert moved == ["linear_1/weight", "linear_1/bias"]
    model.trainable = False
    with pytest.raises(UsageError, match="nothing that requires a gradient"):
        model.fit(X, Y)


# --- replaced and copied ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.asarray, Tensor, Parameter, lambda a: a.tolist(), lambda a: a.astype(np.float64)])
@pytest.mark.parametrize("where", ["attribute", "layer", "model"])
def test_a_replaced_parameter_is_what_is_trained_and_kept(form, where):
    model = ready(L.Linear(1))
    layer, new = model.layers[0], np.full((4, 1), 3, np.float32)
    if where == "attribute":
        layer.weight = form(new)
    else:
        names = layer.parameters if where == "layer" else model.params.named
        names["weight" if where == "layer" else "linear_0/weight"] = form(new)
    assert (model.state()["linear_0/weight"] == 3).all() and (model.params.values[:4] == 3).all()
    assert isinstance(layer.weight, Parameter) and layer.weight is layer.parameters["weight"]
    model.fit(X, Y)
    assert (layer.weight.data != 3).any() and np.shares_memory(layer.weight.data, model.params.values)


def test_what_cannot_replace_a_parameter():
    model = ready(L.Linear(4), L.Linear(4))
    one, two = model.layers
    for wrong in (one.weight, one.weight.transpose(), one.weight * 2):
        with pytest.raises(UsageError, match="cannot be replaced by one of another layer, or by a result"):
            two.weight = wrong
    with pytest.raises(UsageError, match="another shape"):
        two.weight = np.zeros(4)
    with pytest.raises(UsageError, match="replaced by numbers"):
        two.weight = None


def test_a_layer_of_two_models_is_refused():
    shared = L.Linear(4)

    class Uses(L.Layer):
        def __init__(self):
            self.inner = shared

        def build(self, shape, rng):
            return shape if self.inner.parameters else self.inner.build(shape, rng)

        def __call__(self, x, training=False):
            return self.inner(x, training)

    model = ready(Uses(), Uses(), L.Linear(1))  # twice in one model: one parameter
    assert len(model.params) == 20 + 5
    with pytest.raises(UsageError, match="part of another model"):
        ready(Uses())


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_a_model_of_its_own_that_trains_alike(again):
    model = ready(Residual(4), L.Dropout(0.2), L.Linear(1))
    model.fit(X, Y)
    model.layers[0].inner.bias.requires_grad = False
    other = again(model)
    frozen, before = other.layers[0].inner.bias.data.copy(), model.params.values.copy()
    other.fit(X, Y)
    assert np.array_equal(model.params.values, before) and np.array_equal(other.layers[0].inner.bias.data, frozen)
    assert all(np.shares_memory(p.data, other.params.values) for p in other.params.named.values())
    model.fit(X, Y)
    assert np.array_equal(model.params.values, other.params.values)
    assert np.array_equal(model.predict(X), other.predict(X))


def test_a_copy_keeps_the_gradient_and_a_copied_layer_is_its_own():
    model = ready(L.Linear(1))
    model.loss(model.forward(Tensor(X)), Y).backward()
    other = copy.deepcopy(model)
    gradient = model.params.gather().copy()
    assert gradient.any() and np.array_equal(other.params.gather(), gradient)
    layer = copy.deepcopy(model.layers[0])
    layer.weight.data = 0
    assert model.layers[0].weight.data.any()


def test_masks_in_a_loop_of_ones_own_differ_and_fit_repeats_its_own():
    model = ready(L.Dropout(0.5), L.Linear(1))
    with no_grad():
        sample = {model.forward(Tensor(np.ones((1, 4))), training=True).item() for _ in range(60)}
    assert len(sample) > 8
    free = L.Dropout(), L.Dropout()
    masks = {layer(Tensor(np.ones((1, 64))), training=True).data.tobytes() for layer in free for _ in range(5)}
    assert len(masks) == 10
    two = [ready(L.Dropout(0.5), L.Linear(1)) for _ in range(2)]
    two[0].fit(X, Y, epochs=2)
    for _ in range(2):
        two[1].forward(Tensor(X), training=True)  # a look in between changes nothing
        two[1].fit(X, Y)
    assert np.array_equal(two[0].params.values, two[1].params.values)
