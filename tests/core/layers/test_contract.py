"""One contract for every layer there is, and then what is special about each."""

import json

import numpy as np
import pytest

from brainbox_core import layers
from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.layers import convolution, initializers
from brainbox_core.layers.base import Cost
from brainbox_core.layers.merge import Merge
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor

L = layers

# Every kind, with settings other than the defaults too, on an input shape.
CASES = [
    (L.Linear(3), (4,)),
    (L.Linear(2, initializer="glorot"), (1,)),
    (L.Linear(3), (5, 2)),
    (L.Linear(3, l2=0.25), (4,)),
    (L.Embedding(ids=6, dim=2), (3,)),
    (L.Embedding(ids=6, dim=2), ()),
    (L.Embedding(ids=6, dim=2, padding=5), ()),
    (L.Conv2D(3, kernel=3), (6, 7, 2)),
    (L.Conv2D(2, kernel=(2, 3), stride=(1, 2), initializer="lecun"), (6, 7, 1)),
    (L.Conv2D(2, kernel=3, padding="same"), (5, 4)),
    (L.Conv2D(2, kernel=(4, 3), stride=2, padding="same"), (5, 4, 3)),
    (L.Conv2D(2, kernel=5, padding="same"), (3, 3, 2)),
    (L.Conv2D(2, kernel=(3, 2), stride=(1, 2), padding="same", dilation=(2, 3)), (6, 7, 2)),
    (L.Conv2D(2, kernel=2, dilation=3), (4, 5)),
    (L.Conv1D(3, activation="tanh"), (7, 2)),
    (L.Conv1D(2, kernel=4, stride=2, padding="same"), (7, 2)),
    (L.Conv1D(2, kernel=3, padding="causal", initializer="glorot", dilation=2), (6,)),
    (L.DepthwiseConv2D(), (5, 4, 3)),
    (L.DepthwiseConv2D((2, 3), (2, 1), "same", "lecun", depth_multiplier=2), (5, 4, 2)),
    (L.DepthwiseConv2D(2, dilation=(1, 2)), (3, 4)),
    (L.SeparableConv2D(3), (5, 4, 2)),
    (L.SeparableConv2D(2, (2, 3), 2, "same", "glorot", dilation=2, depth_multiplier=2), (5, 4, 2)),
    (L.ZeroPadding(), (3, 2, 2)),
    (L.ZeroPadding((2, 1)), (3, 2, 2)),
    (L.ZeroPadding(((0, 1), (2, 3))), (3, 2, 2)),
    (L.ZeroPadding(2), (3, 2)),
    (L.ZeroPadding((2, 0)), (3, 2)),
    (L.LayerNorm(), (4,)),
    (L.LayerNorm(epsilon=1e-3), (3, 2, 5)),
    (L.Conv2D(2, kernel=2, l2=1e-3), (3, 4, 2)),
    (L.BatchNorm(), (4,)),
    (L.BatchNorm(momentum=0.5, epsilon=1e-3), (3, 2, 2)),
    (L.Flatten(), (3, 2, 2)),
    (L.Flatten(), ()),
    (L.MaxPool(), (6, 5, 2)),
    (L.MaxPool((3, 2), stride=(1, 2)), (6, 5, 2)),
    (L.AvgPool(2), (6, 5, 2)),
    (L.AvgPool(3, stride=1), (3, 5, 1)),
    (L.MaxPool1D(), (7, 2)),
    (L.MaxPool1D(3, stride=1), (5, 1)),
    (L.AvgPool1D(), (7, 2)),
    (L.AvgPool1D(2, stride=3), (5, 1)),
    (L.GlobalAvgPool(), (3, 4, 2)),
    (L.GlobalAvgPool(), (5, 2)),
    (L.GlobalMaxPool(), (3, 4, 2)),
    (L.GlobalMaxPool(), (5, 2)),
    (L.ReLU(), (4, 2)),
    (L.LeakyReLU(0.3), (4, 2)),
    (L.Sigmoid(), (4,)),
    (L.Tanh(), ()),
    (L.Softmax(), (4,)),
    (L.Dropout(0.4), (4, 2)),
    (L.Dropout(0), (3,)),
    (L.RNN(3), (5, 2)),
    (L.RNN(2, ids=4), (6,)),
    (L.RNN(2, last=True), (1, 3)),
    (L.RNN(3, l2=0.5), (4, 2)),
    (L.GRU(3), (5, 2)),
    (L.GRU(2, l2=0.5), (4, 2)),
    (L.GRU(2, ids=4, last=True), (6,)),
    (L.LSTM(3), (5, 2)),
    (L.LSTM(2, ids=4), (6,)),
    (L.LSTM(2, last=True), (4, 1)),
    (L.LSTM(2, l2=0.5), (4, 1)),
]
IDS = [f"{type(layer).__name__} {shape}" for layer, shape in CASES]
every_layer = pytest.mark.parametrize(("sample", "shape"), CASES, ids=IDS)


def rebuilt(layer):
    """The same layer again, from its settings alone, as a model file would have it."""
    return layers.KINDS[type(layer).__name__](**json.loads(json.dumps(layer.config())))


def built(sample, shape):
    layer = rebuilt(sample)
    layer.build(shape, stream(0, "init"))
    return layer


def batch(layer, shape, n=3, dtype=np.float32):
    rng = stream(1, "batch")
    if layer.takes_ids:
        return rng.integers(0, layer.ids, (n, *shape)).astype(dtype)
    return rng.normal(size=(n, *shape)).astype(dtype)


def test_no_kind_is_left_out():
    several = {name for name, kind in layers.KINDS.items() if issubclass(kind, Merge)}  # in test_merge.py
    held = {"Bidirectional"}  # in test_bidirectional.py, as its parameters are those of the layers inside
    assert {type(layer).__name__ for layer, _ in CASES} | several | held == set(layers.KINDS)


@every_layer
def test_settings_rebuild_the_layer(sample, shape):
    again = rebuilt(sample)
    assert type(again) is type(sample) and again.config() == sample.config() and repr(again) == repr(sample)
    x = Tensor(batch(sample, shape))
    assert np.array_equal(built(sample, shape)(x).data, built(again, shape)(x).data)


@every_layer
def test_the_built_shape_is_the_real_shape_for_every_size_of_batch(sample, shape):
    layer = rebuilt(sample)
    promised = layer.output_shape(shape)
    assert layer.build(shape, stream(0)) == promised
    alone = isinstance(layer, L.BatchNorm) and len(shape) == 1  # has nothing to compare a single row with
    for n in (1, 3):
        for training in (False,) if n == 1 and alone else (False, True):
            y = layer(Tensor(batch(layer, shape, n)), training)
            assert y.shape == (n, *promised) and y.dtype == np.float32


@every_layer
def test_float32_in_float32_out_and_back(sample, shape):
    layer = built(sample, shape)
    for training in (False, True):
        x = Tensor(batch(layer, shape), requires_grad=True)
        y = layer(x, training)
        if y.requires_grad:
            y.backward(np.ones(y.shape))
        for tensor in (*layer.parameters.values(), *(() if layer.takes_ids else (x,))):
            assert tensor.grad.dtype == np.float32 and tensor.grad.shape == tensor.shape
        assert all(array.dtype == np.float32 for array in layer.buffers.values())


@every_layer
@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_input_and_parameters(sample, shape, training):
    layer = built(sample, shape)
    names = {attribute: p for attribute, p in vars(layer).items() if any(p is q for q in layer.parameters.values())}
    assert len(names) == len(layer.parameters)
    rng = stream(2, "parameters")
    points = [rng.normal(size=parameter.shape) for parameter in names.values()]
    for name, array in layer.buffers.items():
        layer.buffers[name] = array + rng.uniform(0.1, 1, array.shape)

    def function(*tensors):
        for attribute, tensor in zip(names, tensors, strict=False):
            setattr(layer, attribute, tensor)
        x = Tensor(batch(layer, shape)) if layer.takes_ids else tensors[-1]
        layer.step = 0  # the same mask at every call
        return layer(x, training) ** 2

    if not layer.takes_ids:
        points.append(batch(layer, shape, dtype=np.float64))
    check = check_gradients(function, *points)
    assert check.max_error < 1e-10 and check.skipped == 0 and check.compared == sum(p.size for p in points)


@every_layer
def test_training_differs_from_use_only_for_dropout_and_batch_norm(sample, shape):
    layer = built(sample, shape)
    x = Tensor(batch(layer, shape))
    used, before = layer(x).data, {name: array.copy() for name, array in layer.buffers.items()}
    assert np.array_equal(layer(x, training=False).data, used)
    assert all(np.array_equal(layer.buffers[name], array) for name, array in before.items())
    differs = not np.array_equal(layer(x, training=True).data, used)
    assert differs == (isinstance(layer, L.BatchNorm) or (isinstance(layer, L.Dropout) and layer.rate > 0))


@every_layer
def test_the_cost_counts_what_is_there(sample, shape):
    layer = rebuilt(sample)
    cost = layer.cost(shape)  # before anything is built
    wanted = layer.output_shape(shape)
    shapes = layer.parameter_shapes(shape)
    layer.build(shape, stream(0))
    assert layer.cost(shape) == cost and cost.outputs == np.prod(wanted, dtype=int)
    assert {name: parameter.shape for name, parameter in layer.parameters.items()} == shapes
    assert cost.parameters == sum(parameter.size for parameter in layer.parameters.values())
    assert (cost.multiply_adds > 0) == isinstance(layer, L.Linear | convolution.Convolution | L.RNN | L.GRU | L.LSTM)
    assert all(type(number) is int for number in (cost.multiply_adds, cost.parameters, cost.outputs))


@every_layer
def test_a_saved_layer_gives_the_same_bits_and_a_row_of_the_summary(sample, shape, tmp_path):
    model = Sequential([rebuilt(sample)])
    model.build(shape)
    model.save(tmp_path / "layer.safetensors")
    again, x = Sequential.load(tmp_path / "layer.safetensors"), batch(sample, shape)
    assert np.array_equal(again.predict(x), model.predict(x))
    row, cost = again.summary().rows[0], sample.cost(shape)  # an activation has one of its own
    got = row.kind, row.parameters, row.multiply_adds
    assert got == (type(sample).__name__, cost.parameters, cost.multiply_adds)


@every_layer
def test_the_same_generator_makes_the_same_layer(sample, shape):
    one, two = built(sample, shape), built(sample, shape)
    for name, parameter in one.parameters.items():
        assert np.array_equal(parameter.data, two.parameters[name].data)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        *(("Linear", [3]), ("Conv2D", [3]), ("Conv1D", [3]), ("DepthwiseConv2D", []), ("SeparableConv2D", [3])),
        *((pool, []) for pool in ("MaxPool", "AvgPool", "MaxPool1D", "AvgPool1D")),
        *(("ZeroPadding", []), ("LSTM", [2])),
    ],
)
def test_errors_name_the_layer_and_its_place(kind, settings):
    layer = layers.KINDS[kind](*settings)
    with pytest.raises(UsageError, match=rf"^{kind} needs .*, got \(batch, 2, 2, 2, 2\)"):
        layer.build((2, 2, 2, 2), stream(0))
    model = Sequential([L.ReLU(), layer])
    with pytest.raises(UsageError, match=rf"^layer 1 '{kind.lower()}_0' needs .*, got \(batch, 2, 2, 2, 2\)"):
        model.build((2, 2, 2, 2))


def test_costs_in_numbers():
    assert L.Linear(10).cost((784,)) == Cost(7840, 7850, 10)
    assert L.Conv2D(32, kernel=3).cost((28, 28)) == Cost(26 * 26 * 32 * 9, 320, 26 * 26 * 32)
    assert L.Conv2D(8, 3, stride=2, padding="same").cost((28, 28, 16)) == Cost(14 * 14 * 8 * 144, 1160, 1568)
    assert L.Linear(10).cost((20, 7)) == Cost(20 * 70, 80, 200)
    assert L.LSTM(8).cost((20, 5)) == Cost(20 * 13 * 32, 5 * 32 + 8 * 32 + 32, 160)
    assert L.GRU(8, ids=50, last=True).cost((20,)) == Cost(20 * 8 * 24, 50 * 24 + 8 * 24 + 24 + 8, 8)
    assert L.Conv1D(8, 3, padding="causal").cost((20, 5)) == Cost(20 * 8 * 15, 8 * 15 + 8, 160)
    assert L.DepthwiseConv2D(3, depth_multiplier=2).cost((28, 28, 16)) == Cost(26 * 26 * 32 * 9, 320, 26 * 26 * 32)
    assert L.SeparableConv2D(8, 3).cost((28, 28, 16)) == Cost(26 * 26 * 16 * (9 + 8), 16 * 9 + 16 * 8 + 8, 26 * 26 * 8)
    assert L.LayerNorm().cost((13, 13, 4)) == Cost(0, 8, 676)
    assert L.BatchNorm().cost((13, 13, 4)) == Cost(0, 8, 676)
    assert L.Embedding(50, 8).cost((20,)) == Cost(0, 400, 160)


# --- the penalty on large weights -------------------------------------------------------------------------------------

BIASES = {"bias", "candidate_bias"}


@pytest.mark.parametrize(("sample", "shape"), [case for case in CASES if case[0].l2], ids=lambda case: str(case)[:20])
def test_the_penalty_is_l2_times_the_squares_of_the_weights_and_leaves_biases_alone(sample, shape):
    layer = built(sample, shape)
    names, rng = list(layer.parameters), stream(2, "parameters")
    points = [rng.normal(size=layer.parameters[name].shape) for name in names]

    def function(*tensors):
        for tensor in tensors:
            tensor.requires_grad = True  # or it would pass for frozen
        layer.parameters = dict(zip(names, tensors, strict=True))
        return layers.penalty([layer])

    check = check_gradients(function, *points)
    assert check.max_error < 1e-10 and check.skipped == 0
    tensors = [Tensor(point, requires_grad=True) for point in points]
    value = function(*tensors)
    value.backward()
    weights = [point for name, point in zip(names, points, strict=True) if name not in BIASES]
    assert value.item() == pytest.approx(sample.l2 * sum((weight**2).sum() for weight in weights), rel=1e-12)
    for name, point, tensor in zip(names, points, tensors, strict=True):
        assert tensor.grad is None if name in BIASES else np.allclose(tensor.grad, 2 * sample.l2 * point, rtol=1e-12)


def test_nothing_is_added_without_l2_and_for_what_is_frozen():
    free, frozen = built(L.Linear(3), (4,)), built(L.Linear(3, l2=0.1), (4,))
    frozen.trainable = False
    assert layers.penalty([free, frozen, L.Flatten()]) is None
    frozen.trainable = True
    frozen.weight.requires_grad = False
    assert layers.penalty([free, frozen]) is None


# --- settings that make no sense -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: L.Linear(0), "units"),
        (lambda: L.Linear(2.0), "units"),
        (lambda: L.Linear(True), "units"),
        (lambda: L.Linear(2, initializer="xavier"), "initializer"),
        (lambda: L.Conv2D(0), "filters"),
        (lambda: L.Conv2D(2, kernel=0), "kernel"),
        (lambda: L.Conv2D(2, kernel=(3, 3, 3)), "kernel"),
        (lambda: L.Conv2D(2, stride=0), "stride"),
        (lambda: L.Conv2D(2, padding="full"), "padding"),
        (lambda: L.Conv2D(2, initializer="?"), "initializer"),
        (lambda: L.Conv2D(2, padding="causal"), "padding: expected 'valid' or 'same', got 'causal'"),
        (lambda: L.Conv2D(2, dilation=0), "dilation"),
        (lambda: L.Conv1D(0), "filters"),
        (lambda: L.Conv1D(2, kernel=(3, 3)), "kernel"),
        (lambda: L.Conv1D(2, stride=0), "stride"),
        (lambda: L.Conv1D(2, dilation=0), "dilation"),
        (lambda: L.Conv1D(2, padding="full"), "padding: expected 'valid' or 'same' or 'causal', got 'full'"),
        (lambda: L.DepthwiseConv2D(0), "kernel"),
        (lambda: L.DepthwiseConv2D(depth_multiplier=0), "depth_multiplier"),
        (lambda: L.SeparableConv2D(0), "filters"),
        (lambda: L.SeparableConv2D(2, depth_multiplier=0), "depth_multiplier"),
        (lambda: L.ZeroPadding(-1), "amount"),
        (lambda: L.ZeroPadding((1, 2, 3)), "amount"),
        (lambda: L.ZeroPadding(((1, 2), (3, -1))), "amount"),
        (lambda: L.MaxPool1D(0), "size"),
        (lambda: L.MaxPool1D((2, 2)), "size"),
        (lambda: L.AvgPool1D(2, stride=0), "stride"),
        (lambda: L.LayerNorm(epsilon=0), "epsilon"),
        (lambda: L.MaxPool(0), "size"),
        (lambda: L.AvgPool(2, stride=0), "stride"),
        (lambda: L.LeakyReLU(-0.1), "slope"),
        (lambda: L.LeakyReLU(float("nan")), "slope"),
        (lambda: L.Dropout(1), "rate"),
        (lambda: L.Dropout(-0.1), "rate"),
        (lambda: L.BatchNorm(momentum=1), "momentum"),
        (lambda: L.BatchNorm(epsilon=0), "epsilon"),
        (lambda: L.Embedding(0, 2), "ids"),
        (lambda: L.Embedding(2, 0), "dim"),
        (lambda: L.Linear(2, l2=-0.1), "l2"),
        (lambda: L.Conv2D(2, l2=float("nan")), "l2"),
        (lambda: L.GRU(2, l2=-1), "l2"),
        (lambda: L.RNN(0), "units"),
        (lambda: L.LSTM(2, ids=0), "ids"),
    ],
)
def test_settings_are_checked_when_they_are_given(make, names):
    with pytest.raises(UsageError, match=names):
        make()


# --- images ----------------------------------------------------------------------------------------------------------


def test_a_kernel_larger_than_its_map():
    with pytest.raises(UsageError, match=r"images of at least 5x5 for its kernel, got \(batch, 4, 9, 2\); use a sm"):
        L.Conv2D(2, kernel=5).build((4, 9, 2), stream(0))
    assert L.Conv2D(2, kernel=5, padding="same").build((4, 9, 2), stream(0)) == (4, 9, 2)


@pytest.mark.parametrize("pool", [L.MaxPool, L.AvgPool])
def test_a_window_larger_than_its_map(pool):
    with pytest.raises(UsageError, match=r"images of at least 3x3 for its window.*fewer pools before it"):
        pool(3).output_shape((2, 5, 1))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (4, 28, 28)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_channels_first_are_recognised_at_the_first_layer(shape, kernel):
    for padding in ("valid", "same"):
        model = Sequential([L.Conv2D(2, kernel=kernel, padding=padding)])
        with pytest.raises(UsageError, match=r"layer 0 'conv2d_0' needs .*; .*X\.transpose\(0, 2, 3, 1\)"):
            model.build(shape)


def test_small_maps_with_many_channels_are_fine_deeper_down():
    model = Sequential([L.Conv2D(4, kernel=1), L.Conv2D(2, kernel=1)])
    assert model.build((4, 4, 8)) == (4, 4, 2)


def test_gray_images_need_no_channel_axis():
    layer = built(L.Conv2D(2), (6, 5))
    x = batch(layer, (6, 5))
    assert np.array_equal(layer(Tensor(x)).data, layer(Tensor(x[..., None])).data)


def test_a_kernel_with_gaps_is_as_large_as_what_it_spans():
    with pytest.raises(UsageError, match=r"images of at least 5x3 for its kernel, got \(batch, 4, 9, 2\)"):
        L.Conv2D(2, kernel=(3, 2), dilation=2).build((4, 9, 2), stream(0))
    with pytest.raises(UsageError, match=r"sequences of at least 7 for its kernel, got \(batch, 6, 2\)"):
        L.Conv1D(2, kernel=3, dilation=3).build((6, 2), stream(0))
    assert L.Conv2D(2, kernel=(3, 2), dilation=2).output_shape((5, 9, 2)) == (1, 7, 2)


def test_settings_of_a_kernel_without_gaps_are_as_they_were_before_there_were_gaps():
    """The files of today's networks, and the hashes in their headers, stay the same."""
    before = {"filters": 2, "kernel": [3, 3], "stride": [1, 1], "padding": "valid", "initializer": "he"}
    assert L.Conv2D(2).config() == before
    assert L.Conv2D(2, dilation=(1, 2)).config() == {**before, "dilation": [1, 2]}


@pytest.mark.parametrize("pool", [L.MaxPool1D, L.AvgPool1D])
def test_a_window_longer_than_its_sequence(pool):
    with pytest.raises(UsageError, match=r"sequences of at least 3 for its window.*fewer pools before it"):
        pool(3).output_shape((2, 5))


def test_a_causal_convolution_never_looks_ahead():
    layer, x = built(L.Conv1D(3, kernel=3, padding="causal", dilation=2), (10, 2)), batch(L.ReLU(), (10, 2))
    before = layer(Tensor(x)).data
    x[:, 6:] += 1
    after = layer(Tensor(x)).data
    assert np.array_equal(after[:, :6], before[:, :6]) and (after[:, 6] != before[:, 6]).all()


def test_zeros_stand_where_they_are_asked_for():
    x = np.ones((1, 2, 2, 1), np.float32)
    assert L.ZeroPadding((1, 0))(Tensor(x)).data[0, ..., 0].tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]
    assert L.ZeroPadding(((0, 1), (2, 0)))(Tensor(x)).data[0, ..., 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0] * 4]
    assert L.ZeroPadding((2, 1))(Tensor(x[0])).data[..., 0].tolist() == [[0, 0, 1, 1, 0]] * 2
    with pytest.raises(UsageError, match=r"ZeroPadding needs images: .*, got \(batch, 2, 1\)"):
        L.ZeroPadding(((0, 1), (2, 0))).output_shape((2, 1))


# --- vectors ---------------------------------------------------------------------------------------------------------


def test_a_missing_flatten_is_named_also_when_the_layer_is_called():
    layer = built(L.Linear(10), (4,))
    for call in (lambda: layer(Tensor(np.zeros((2, 2, 2, 2)))), lambda: L.Linear(10).output_shape((2, 2, 2))):
        with pytest.raises(
            UsageError, match=r"needs \(batch, features\), got \(batch, 2, 2, 2\); add bb.layers.Flatten"
        ):
            call()


@pytest.mark.parametrize("ids", [[[5.0]], [[-1.0]], [[0.5]], [[np.nan]], [[1e30]]])
def test_ids_are_whole_numbers_that_the_table_has(ids):
    layer = built(L.Embedding(5, 2), (1,))
    with pytest.raises(UsageError, match="Embedding looks up ids: expected whole numbers from 0 to 4"):
        layer(Tensor(ids))


# --- Dropout and BatchNorm -------------------------------------------------------------------------------------------


def test_dropout_drops_its_share_and_keeps_the_mean():
    layer = built(L.Dropout(0.25), (100,))
    x = Tensor(np.ones((200, 100), np.float32))
    y = layer(x, training=True).data
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02 and y.mean() == pytest.approx(1, abs=0.02)


def test_dropout_depends_on_the_step_the_model_and_the_place_and_on_nothing_drawn_before():
    def masks(seed):
        model = Sequential([L.Dropout(), L.Dropout()], seed=seed)
        model.build((50,))
        return [layer(Tensor(np.ones((2, 50))), training=True).data for layer in model.layers], model.layers

    (one, two), made = masks(0)
    assert not np.array_equal(one, two)
    assert np.array_equal(masks(0)[0][0], one) and not np.array_equal(masks(1)[0][0], one)
    made[0].step = 1
    other = made[0](Tensor(np.ones((2, 50))), training=True).data
    assert not np.array_equal(other, one)
    made[0].step = 0
    assert np.array_equal(made[0](Tensor(np.ones((2, 50))), training=True).data, one)


def test_batch_norm_normalises_and_learns_the_averages_that_use_needs():
    layer = built(L.BatchNorm(momentum=0.9), (3,))
    data = stream(0).normal([5, -1, 0], [2, 0.5, 1e-4], (4000, 3)).astype(np.float32)
    for _ in range(200):
        y = layer(Tensor(data), training=True).data
    assert abs(y.mean(axis=0)).max() < 1e-3
    assert np.allclose(y.std(axis=0)[:2], 1, atol=1e-2)
    assert np.allclose(layer.buffers["mean"], data.mean(axis=0), atol=1e-3)
    assert np.allclose(layer.buffers["variance"], data.var(axis=0), rtol=1e-2, atol=1e-6)
    assert np.allclose(layer(Tensor(data)).data, y, atol=1e-2)


def test_batch_norm_averages_move_by_one_minus_momentum():
    layer = built(L.BatchNorm(momentum=0.75), (1,))
    layer(Tensor([[2.0], [6.0]]), training=True)
    assert layer.buffers["mean"] == 0.25 * 4 and layer.buffers["variance"] == 0.75 + 0.25 * 4


def test_batch_norm_of_a_constant_is_finite():
    layer = built(L.BatchNorm(), (2,))
    x = np.full((5, 2), 7.0, np.float32)
    assert np.array_equal(layer(Tensor(x), training=True).data, np.zeros_like(x))


def test_batch_norm_learns_nothing_from_a_single_number_of_each_feature():
    layer = built(L.BatchNorm(), (2,))
    with pytest.raises(UsageError, match=r"compares the rows of a batch.*single number"):
        layer(Tensor(np.ones((1, 2), np.float32)), training=True)
    assert not layer.buffers["mean"].any()
    assert layer(Tensor(np.ones((1, 2), np.float32))).shape == (1, 2)
    pixels = built(L.BatchNorm(), (4, 4, 2))  # one picture has many
    assert pixels(Tensor(np.ones((1, 4, 4, 2), np.float32)), training=True).shape == (1, 4, 4, 2)


def test_batch_norm_averages_weigh_batches_by_their_rows():
    """Two batches of 8 and one of 2 rows: the last moves the averages by a quarter of a step."""
    layer = built(L.BatchNorm(momentum=0.5), (1,))
    rows = [np.full((8, 1), 4.0), np.full((8, 1), 4.0), np.full((2, 1), 100.0)]
    for x in rows:
        layer(Tensor(x.astype(np.float32)), training=True)
    stays = 0.5 ** (2 / 8)
    assert layer.buffers["mean"] == pytest.approx(3 * stays + 100 * (1 - stays))
    layer(Tensor(np.full((8, 1), 0.0, np.float32)), training=True)  # a full batch counts as ever
    assert layer.buffers["mean"] == pytest.approx(0.5 * (3 * stays + 100 * (1 - stays)))


def test_layers_over_an_axis_need_one():
    for layer in (L.BatchNorm(), L.LayerNorm(), L.Softmax()):
        with pytest.raises(UsageError, match=rf"^{type(layer).__name__} needs \(batch, \.\.\., "):
            layer.build((), stream(0))


@pytest.mark.parametrize("pool", [L.GlobalAvgPool, L.GlobalMaxPool])
def test_a_global_pool_needs_something_to_pool(pool):
    with pytest.raises(UsageError, match=rf"{pool.__name__} needs images: .* or sequences: .*, got \(batch, 5\)"):
        pool().build((5,), stream(0))


def test_layer_norm_makes_nothing_of_equal_numbers():
    layer = built(L.LayerNorm(), (3,))
    assert np.array_equal(layer(Tensor(np.full((2, 3), 7.0, np.float32))).data, np.zeros((2, 3)))


# --- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_beside_pytorch(training):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    layer, x = built(L.BatchNorm(), (3,)), batch(L.ReLU(), (3,), n=8)
    theirs = torch.nn.BatchNorm1d(3, momentum=0.1).train(training)
    y = layer(Tensor(x), training).data
    assert np.allclose(y, theirs(torch.tensor(x)).detach().numpy(), atol=1e-6)
    assert np.allclose(layer.buffers["mean"], theirs.running_mean.numpy(), atol=1e-6)
    # PyTorch's average takes the variance divided by n - 1, ours (as the paper's training formula) by n.
    if training:
        assert np.allclose((layer.buffers["variance"] - 0.9) * 8 / 7 + 0.9, theirs.running_var.numpy(), atol=1e-6)


def beside_pytorch(layer, shape, theirs, weights=()):
    """Outputs and gradients of a layer and of a PyTorch module with its weights, on the same inputs.

    Args:
        theirs: the module; it has the channels first.
        weights: for each of its parameters the attribute of the layer, and the axes in PyTorch's order.
    """
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    layer, x = built(layer, shape), Tensor(batch(L.ReLU(), shape, dtype=np.float32), requires_grad=True)
    first, back = (0, len(shape), *range(1, len(shape))), (0, *range(2, len(shape) + 1), 1)
    for parameter, (name, axes) in zip(theirs.parameters(), weights, strict=True):
        parameter.data = torch.tensor(getattr(layer, name).data.transpose(axes).reshape(parameter.shape))
    tx = torch.tensor(x.data.transpose(first), requires_grad=True)
    ty = theirs(tx)
    y = layer(x)
    g = stream(3).normal(size=y.shape).astype(np.float32)
    y.backward(g)
    global_pool = ty.ndim > g.ndim
    ty.backward(torch.tensor(g).reshape(ty.shape) if global_pool else torch.tensor(g.transpose(first)))
    ty = ty.detach().numpy()
    assert np.allclose(y.data, ty.reshape(y.shape) if global_pool else ty.transpose(back), atol=1e-5)
    assert np.allclose(x.grad, tx.grad.numpy().transpose(back), atol=1e-5)
    for parameter, (name, axes) in zip(theirs.parameters(), weights, strict=True):
        gradient = getattr(layer, name).grad.transpose(axes).reshape(parameter.shape)
        assert np.allclose(gradient, parameter.grad.numpy(), atol=1e-4)


ROW, CONV1D, CONV2D = (0,), (2, 1, 0), (3, 2, 0, 1)
BESIDE = {
    "conv2d": (
        L.Conv2D(3, 3, 2, dilation=2),
        (9, 8, 2),
        lambda nn: nn.Conv2d(2, 3, 3, 2, dilation=2),
        [("weight", CONV2D), ("bias", ROW)],
    ),
    "conv1d": (
        L.Conv1D(3, 4, 2, dilation=2),
        (15, 2),
        lambda nn: nn.Conv1d(2, 3, 4, 2, dilation=2),
        [("weight", CONV1D), ("bias", ROW)],
    ),
    "conv1d same": (
        L.Conv1D(3, 3, padding="same"),
        (6, 2),
        lambda nn: nn.Conv1d(2, 3, 3, padding="same"),
        [("weight", CONV1D), ("bias", ROW)],
    ),
    "conv1d causal": (
        L.Conv1D(3, 3, padding="causal", dilation=2),
        (6, 2),
        lambda nn: nn.Sequential(nn.ConstantPad1d((4, 0), 0.0), nn.Conv1d(2, 3, 3, dilation=2)),
        [("weight", CONV1D), ("bias", ROW)],
    ),
    "depthwise": (
        L.DepthwiseConv2D(3, (2, 1), depth_multiplier=2),
        (7, 8, 3),
        lambda nn: nn.Conv2d(3, 6, 3, (2, 1), groups=3),
        [("weight", CONV2D), ("bias", ROW)],
    ),
    "separable": (
        L.SeparableConv2D(4, 3, padding="same", depth_multiplier=2),
        (7, 8, 3),
        lambda nn: nn.Sequential(nn.Conv2d(3, 6, 3, padding="same", groups=3, bias=False), nn.Conv2d(6, 4, 1)),
        [("depthwise", CONV2D), ("pointwise", (1, 0)), ("bias", ROW)],
    ),
    "zeros 2d": (L.ZeroPadding(((1, 0), (2, 3))), (3, 4, 2), lambda nn: nn.ZeroPad2d((2, 3, 1, 0)), []),
    "zeros 1d": (L.ZeroPadding((1, 2)), (3, 2), lambda nn: nn.ConstantPad1d((1, 2), 0.0), []),
    "max pool 1d": (L.MaxPool1D(3, 2), (8, 2), lambda nn: nn.MaxPool1d(3, 2), []),
    "avg pool 1d": (L.AvgPool1D(3, 2), (8, 2), lambda nn: nn.AvgPool1d(3, 2), []),
    "global max": (L.GlobalMaxPool(), (3, 4, 2), lambda nn: nn.AdaptiveMaxPool2d(1), []),
    "global max 1d": (L.GlobalMaxPool(), (5, 2), lambda nn: nn.AdaptiveMaxPool1d(1), []),
    "global avg": (L.GlobalAvgPool(), (3, 4, 2), lambda nn: nn.AdaptiveAvgPool2d(1), []),
    "global avg 1d": (L.GlobalAvgPool(), (5, 2), lambda nn: nn.AdaptiveAvgPool1d(1), []),
}


@pytest.mark.parametrize("name", BESIDE)
def test_outputs_and_gradients_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    layer, shape, theirs, weights = BESIDE[name]
    beside_pytorch(layer, shape, theirs(torch.nn), weights)


# --- layers of one's own ---------------------------------------------------------------------------------------------


class Scale(layers.Layer):
    """Learns a factor for each feature; has no __init__."""

    def build(self, input_shape, rng):
        self.gain = self.parameter("gain", np.ones(input_shape, np.float32))
        return input_shape

    def __call__(self, x, training=False):
        return x * self.gain


class Rows(layers.Layer):
    """Says nothing about its shape: it is tried."""

    def __init__(self, count):
        self.count = count  # does not call super().__init__()

    def __call__(self, x, training=False):
        return x.reshape(len(x), self.count, -1)


def test_a_layer_of_ones_own_needs_little():
    assert Rows(2).build((6,), stream(0)) == (2, 3) and Rows(2).config() == {"count": 2} and Scale().config() == {}
    scale = Scale()
    scale.build((3,), stream(0))
    assert scale.cost((3,)) == Cost(0, 3, 3) and Rows(3).cost((6,)) == Cost(0, 0, 6)
    assert Rows(2).name == "rows" and Rows(2).label == "Rows" and repr(Rows(2)) == "Rows(count=2)"


def test_a_layer_that_computes_nothing_says_so():
    with pytest.raises(UsageError, match="Layer computes nothing; define __call__"):
        layers.Layer()(Tensor([1.0]))


def test_layers_share_nothing():
    one, two = L.Linear(2), L.Linear(2)
    one.build((3,), stream(0))
    assert not two.parameters and one.parameters is not two.parameters and one.buffers is not two.buffers


def test_ids_that_float32_cannot_tell_apart_are_looked_up_or_refused():
    count = 2**24 + 4
    model = Sequential([L.Embedding(count, 1)])
    with initializers.left_out():
        model.build((1,))
    table = model.layers[0].table
    table[2**24 :] = np.arange(4.0).reshape(4, 1)
    assert model.predict(np.arange(2**24, count).reshape(4, 1)).ravel().tolist() == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="looks up ids: expected below 16777216, got 16777216 as float32"):
        model.layers[0](Tensor([[2**24 + 1]]))


def test_the_vector_of_what_stands_for_nothing_stays_zero():
    ids = np.array([[1, 0, 2, 0], [0, 3, 3, 1]])
    for behind in ([], [L.GRU(3)]):
        model = Sequential([L.Embedding(4, 2, padding=0), *behind, L.Linear(3)])
        model.compile("adam", "cross_entropy")
        model.build((4,))
        before = model.layers[0].table.data.copy()
        model.fit(ids, np.array([[1, 0, 2, 0], [0, 1, 2, 1]]), epochs=3)
        table = model.layers[0].table.data
        assert not table[0].any() and not before[0].any() and (table[1:] != before[1:]).all()
    with pytest.raises(UsageError, match="padding"):
        L.Embedding(4, 2, padding=4)


def test_an_argument_of_ones_own_layer_is_always_said():
    class Own(L.Layer):
        def __init__(self, l2=0.5):
            self.l2 = l2

    assert Own(0.0).config() == {"l2": 0.0} and L.Linear(2).config() == {"units": 2, "initializer": "he"}
