"""The training loop: what it promises about numbers, memory and failure."""

import gc
import hashlib
import operator
import os
import subprocess
import sys
import tracemalloc
import weakref
from itertools import pairwise

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.kernels import convolution as kernels
from brainbox_core.rng import stream
from brainbox_core.scalar.update_rules import NETWORK_OPTIMIZERS
from brainbox_core.training.callbacks import Callback
from brainbox_core.training.loop import step, train

L = bb.layers
RNG = np.random.default_rng(2)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def mlp(*, lr=0.01, optimizer=None, seed=0, extra=(), loss=None):
    model = bb.Sequential([L.Linear(8), *extra, L.ReLU(), L.Linear(3)], seed=seed)
    model.compile(optimizer=optimizer or bb.optimizers.Adam(lr=lr), loss=loss or bb.loss.CrossEntropy())
    return model


def cnn(seed=0):
    layers = [L.Conv2D(4, kernel=3), L.ReLU(), L.MaxPool(2), L.BatchNorm(), L.Dropout(0.2), L.Flatten(), L.Linear(3)]
    model = bb.Sequential(layers, seed=seed)
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    return model


IMAGES = RNG.random((40, 10, 10), dtype=np.float32)


def fingerprint(model):
    return {name: array.tobytes() for name, array in model.state().items()}


# --- failure ---------------------------------------------------------------------------------------------------------


class Bomb(L.Layer):
    """Lets everything through until a given step; then its output or its gradient is not finite."""

    def __init__(self, at, way):
        self.at, self.way = at, way

    def __call__(self, x, training=False):
        if not training or self.step < self.at:
            return x
        if self.way == "output":
            return x * np.float32(np.nan)
        from brainbox_core.tensor import record

        return record("bomb", x.data, (x,), lambda g: (g * np.float32(np.inf),))


@pytest.mark.parametrize("optimizer", NETWORK_OPTIMIZERS)
@pytest.mark.parametrize(
    ("way", "message"),
    [
        (
            "output",
            r"epoch 2, step 7: loss is nan: layer 2 'bomb_0' is the first whose output is not finite; the weights",
        ),
        (
            "gradient",
            r"epoch 2, step 7: the gradient is not finite: linear_0/weight is the first whose gradient is not",
        ),
    ],
)
def test_a_bad_step_is_caught_before_it_reaches_the_weights(optimizer, way, message):
    """Weights, running averages and moments are bit for bit those of the last good step."""

    def run(steps):
        model = mlp(optimizer=bb.optimizers.named(optimizer, 0.01), extra=[L.BatchNorm(), Bomb(6, way)])
        try:
            model.fit(X, Y, epochs=2, batch_size=10)
        except ConvergenceError as error:
            return model, error
        raise AssertionError("nothing was found")

    model, error = run(8)
    with pytest.raises(ConvergenceError, match=message):
        raise error
    good = mlp(optimizer=bb.optimizers.named(optimizer, 0.01), extra=[L.BatchNorm(), Bomb(99, way)])
    good.build(X.shape[1:])
    taken = []
    for epoch in (1, 2):
        for x, y in bb.data.DataLoader(X, Y, 10, 0).epoch(epoch):
            if len(taken) < 6:
                taken.append(step(good, x, y))
    assert fingerprint(model) == fingerprint(good)
    assert model.optimizer.steps == good.optimizer.steps == 6
    for name, moment in model.optimizer.moments.items():
        assert np.array_equal(moment, good.optimizer.moments[name])


def test_a_loss_that_overflows_is_named():
    model = mlp(loss=bb.loss.MSE())
    targets = np.full((40, 3), 1e30)
    with pytest.raises(ConvergenceError, match="loss is inf: the loss itself overflows; the weights are those before"):
        model.fit(X, targets)


def test_a_gradient_too_long_for_the_optimizers_squares_is_refused():
    model = bb.Sequential([L.Linear(1)])
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.MSE())
    model.build((1,))
    before = model.params.values.copy()
    with pytest.raises(ConvergenceError, match="the gradient is not finite: its length overflows"):
        model.fit(np.full((2, 1), 1e11, np.float32), np.full((2, 1), 1e17) * [[0], [1]])
    assert np.array_equal(model.params.values, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite_are_named(bad):
    spoilt, model = X.copy(), mlp(extra=[L.BatchNorm()])
    model.build(X.shape[1:])
    before = fingerprint(model)
    spoilt[:, 2] = bad
    with pytest.raises(
        ConvergenceError, match=r"epoch 1, step 1: .*the inputs hold numbers that are not finite; clean"
    ):
        model.fit(spoilt, Y)
    assert fingerprint(model) == before


def test_a_learning_rate_far_too_large_diverges_with_an_error_and_finite_weights():
    model = mlp(optimizer=bb.optimizers.SGD(lr=1e3), loss=bb.loss.MSE())
    with pytest.raises(ConvergenceError, match="use a smaller learning rate than 1000, or clip the gradient"):
        model.fit(X, RNG.normal(size=(40, 3)), epochs=50)
    assert np.isfinite(model.params.values).all()


@pytest.mark.parametrize("optimizer", NETWORK_OPTIMIZERS)
@pytest.mark.parametrize("lr", [1e30, 1e38, 1e300])
def test_an_update_that_is_not_finite_does_not_reach_the_weights(optimizer, lr):
    model = mlp(optimizer=bb.optimizers.named(optimizer, lr), extra=[L.BatchNorm()])
    model.build(X.shape[1:])
    before = fingerprint(model)
    told = "epoch 1, step 1: the update is not finite: its length overflows; the weights are those before this step"
    with pytest.raises(ConvergenceError, match=told) as raised:
        model.fit(X, Y)
    assert raised.value.fix == f"use a smaller learning rate than {lr:g}, or clip the gradient"
    assert fingerprint(model) == before and model.optimizer.steps == 0


def test_a_validation_loss_that_is_not_finite_is_an_error():
    bad = X.copy()
    bad[0] = np.nan
    with pytest.raises(ConvergenceError, match="epoch 1: the validation loss is nan; look for validation inputs"):
        mlp().fit(X, Y, validation_data=(bad, Y))


# --- reproducible runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [mlp, cnn])
def test_fit_k_times_is_fit_k_bit_for_bit(make):
    data = X if make is mlp else IMAGES
    once, often = make(), make()
    whole = once.fit(data, Y, epochs=3, batch_size=7)
    parts = [often.fit(data, Y, epochs=1, batch_size=7)[0] for _ in range(3)]
    assert fingerprint(once) == fingerprint(often)
    for a, b in zip(whole, parts, strict=True):
        assert {**a, "time_s": 0} == {**b, "time_s": 0}


def test_the_seed_decides_everything():
    a, b, c = cnn(0), cnn(0), cnn(1)
    for model in (a, b, c):
        model.fit(IMAGES, Y, epochs=1)
    assert fingerprint(a) == fingerprint(b) and fingerprint(a) != fingerprint(c)


SCRIPT = """
import sys, numpy as np, braininabox as bb
L = bb.layers
model = bb.Sequential([L.Conv2D(4), L.ReLU(), L.MaxPool(2), L.BatchNorm(), L.Dropout(0.3), L.Flatten(), L.Linear(3)], 5)
model.compile(optimizer=bb.optimizers.Adam(clip_norm=1), loss=bb.loss.CrossEntropy())
rng = np.random.default_rng(0)
X, y = rng.integers(0, 256, (60, 8, 8)).astype(np.uint8), rng.integers(0, 3, 60)
model.fit(X, y, epochs=2, validation_split=0.2)
model.meta = {"classes": ["a", "b", "c"], "kind": "mnist"}
model.save(sys.argv[1])
"""


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path):
    digests = set()
    for hash_seed in ("0", "1", "random"):
        path = tmp_path / f"{hash_seed}.safetensors"
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT, path], env=environment, check=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_another_layer_leaves_the_start_of_the_others_unchanged():
    short, long = mlp(), mlp(extra=[L.BatchNorm(), L.Dropout()])
    short.build((6,))
    long.build((6,))
    assert all(np.array_equal(array, long.state()[name]) for name, array in short.state().items())


# --- what an epoch is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 13, 40, 1000])
def test_the_last_partial_batch_counts_by_its_size(batch_size):
    """With weights that do not move, the mean over the batches is the mean over the rows."""
    model = mlp(optimizer=bb.optimizers.SGD(lr=1e-30))
    loss = model.fit(X, Y, batch_size=batch_size)[0]["train_loss"]
    assert loss == pytest.approx(model.evaluate(X, Y)["loss"], rel=1e-6)
    assert model.optimizer.steps == -(-40 // batch_size)


def test_the_best_weights_come_back():
    class Spy(Callback):
        seen = ()

        def on_epoch_end(self, model, logs):
            self.seen = (*self.seen, (logs["val_loss"], fingerprint(model)))

        def on_train_end(self, model, logs):
            self.best = logs["best_epoch"]

    spy, model = Spy(), mlp(lr=0.3, extra=[L.BatchNorm()])
    model.fit(X, Y, epochs=12, batch_size=8, validation_data=(X[:10], (Y[:10] + 1) % 3), callbacks=[spy])
    losses = [loss for loss, _ in spy.seen]
    assert losses.index(min(losses)) != len(losses) - 1  # or this proves nothing
    assert fingerprint(model) == spy.seen[losses.index(min(losses))][1]
    assert spy.best == losses.index(min(losses)) + 1
    assert model.evaluate(X[:10], (Y[:10] + 1) % 3)["loss"] == min(losses)


def test_without_validation_the_last_weights_stay():
    model = mlp(lr=0.3)
    model.fit(X, Y, epochs=3)
    other = mlp(lr=0.3)
    other.fit(X, Y, epochs=2)
    assert fingerprint(model) != fingerprint(other)


def test_the_validation_part_is_not_trained_on():
    seen = []

    class Spy(L.Layer):
        def __call__(self, x, training=False):
            seen.append((training, set(x.data[:, 0].tolist())))
            return x

    model = bb.Sequential([Spy(), L.Linear(3)])
    model.compile(optimizer=bb.optimizers.SGD(), loss=bb.loss.CrossEntropy())
    model.fit(X, Y, epochs=2, validation_split=0.3)
    trained = set().union(*(rows for training, rows in seen if training))
    held = set().union(*(rows for training, rows in seen if not training)) - {0.0}  # the layer is tried with zeros
    assert len(trained) == 28 and len(held) == 12 and not trained & held


def test_training_learns():
    labels = (X[:, 0] + X[:, 1] > 0).astype(int)
    model = mlp(lr=0.02)
    history = model.fit(X, labels, epochs=60, batch_size=8)
    assert history[-1]["train_loss"] < 0.1 < history[0]["train_loss"]
    assert model.evaluate(X, labels)["accuracy"] == 1


def test_epochs_are_checked():
    for epochs in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match="epochs: expected a whole number from 1"):
            mlp().fit(X, Y, epochs=epochs)


# --- memory ----------------------------------------------------------------------------------------------------------


def peak_while(action):
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_inputs_are_never_copied_whole(dtype):
    data = np.zeros((20_000, 200), dtype)
    model = bb.Sequential([L.Linear(1)])
    model.compile(optimizer=bb.optimizers.SGD(), loss=bb.loss.MSE())
    y = np.zeros((20_000, 1), np.float32)
    assert peak_while(lambda: model.fit(data, y, batch_size=500)) < data.nbytes / 2
    assert peak_while(lambda: model.predict(data)) < data.nbytes / 2
    assert peak_while(lambda: model.evaluate(data, y)) < data.nbytes / 2


def test_memory_maps_are_read_batch_by_batch(tmp_path):
    data = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (20_000, 28, 28))
    data[::3] = 200
    model = bb.Sequential([L.Flatten(), L.Linear(2)])
    model.compile(optimizer=bb.optimizers.SGD(), loss=bb.loss.CrossEntropy())
    y = (np.arange(20_000) % 3 == 0).astype(int)
    assert peak_while(lambda: model.fit(data, y, batch_size=200)) < data.nbytes / 5
    assert model.evaluate(data, y)["accuracy"] == 1


def test_pixels_stay_bytes_until_their_batch():
    seen = []

    class Spy(L.Layer):
        def __call__(self, x, training=False):
            seen.append((x.shape, x.dtype, float(x.data.max())))
            return x

    pixels = np.full((30, 2, 2), 255, np.uint8)
    model = bb.Sequential([Spy(), L.Flatten(), L.Linear(3)])
    model.compile(optimizer=bb.optimizers.SGD(), loss=bb.loss.CrossEntropy())
    model.fit(pixels, Y[:30], batch_size=10)
    assert seen[1:] == [((10, 2, 2), np.float32, 1.0)] * 3 and pixels.dtype == np.uint8


@pytest.mark.parametrize("make", [mlp, cnn])
def test_memory_is_flat_over_many_steps_without_the_cyclic_collector(make):
    data = (X if make is mlp else IMAGES)[:16]
    model = make()
    model.build(data.shape[1:])
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(200):  # Python and NumPy keep some small blocks for later
            step(model, data, Y[:16])
        sizes = [tracemalloc.get_traced_memory()[0]]
        for _ in range(3):
            for _ in range(500):
                step(model, data, Y[:16])
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    # Not two bytes a step. Other threads of the test run may take some memory meanwhile; a leak shows in each part.
    assert min(map(operator.sub, sizes[1:], sizes)) < 1_000


def test_a_trained_model_lets_go_of_its_data():
    model, data, held_out = mlp(), X.copy(), X[:20].copy()
    gone = weakref.ref(data), weakref.ref(held_out)
    model.fit(data, Y, validation_data=(held_out, Y[:20]))
    del data, held_out
    gc.collect()
    assert [ref() for ref in gone] == [None, None] and model.training is not None


def test_the_graph_of_a_step_dies_at_once():
    model = cnn()
    model.build(IMAGES.shape[1:])
    gc.disable()
    try:
        for way_back in (True, False):
            loss = model.loss(model.forward(model.inputs(IMAGES), training=True), Y)
            tensor, node = weakref.ref(loss), loss.node
            first = weakref.ref(node.inputs[0])
            if way_back:
                loss.backward()
            del loss, node
            assert tensor() is None and first() is None
    finally:
        gc.enable()


def test_a_large_batch_is_convolved_in_parts_with_the_same_result(monkeypatch):
    whole, parts = cnn(), cnn()
    for model in (
        whole,
        parts,
    ):  # Adam would blow up the rounding of gradients that are 0, as of a bias before BatchNorm
        model.compile(optimizer=bb.optimizers.SGD(lr=0.1, momentum=0.9), loss=bb.loss.CrossEntropy())
    whole.fit(IMAGES, Y, epochs=2, batch_size=40)
    monkeypatch.setattr(kernels, "_MOST_COLUMNS", 20_000)
    parts.fit(IMAGES, Y, epochs=2, batch_size=40)
    assert np.allclose(whole.params.values, parts.params.values, atol=1e-5)


# --- layers of one's own ---------------------------------------------------------------------------------------------


def test_a_users_layer_of_float64_constants_trains_float32_weights():
    class Weigh(L.Layer):
        def __call__(self, x, training=False):
            return x * np.linspace(0.5, 1.5, 6)

    model = bb.Sequential([Weigh(), L.Linear(4), L.Tanh(), L.Linear(3)])
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    history = model.fit(X, Y, epochs=3)
    assert history[-1]["train_loss"] < history[0]["train_loss"] and model.params.values.dtype == np.float32


def test_a_users_layer_may_use_the_same_weight_twice():
    class Twice(L.Layer):
        def build(self, input_shape, rng):
            size = input_shape[-1]
            self.weight = self.parameter("weight", rng.normal(size=(size, size)).astype(np.float32) / 3)
            self.bias = self.parameter("bias", np.zeros(size, np.float32))
            return input_shape

        def __call__(self, x, training=False):
            linear = bb.functional.linear
            return linear(linear(x, self.weight, self.bias).tanh(), self.weight, self.bias)

    model = bb.Sequential([Twice(), L.Linear(3)])
    model.compile(optimizer=bb.optimizers.Adam(0.01), loss=bb.loss.CrossEntropy())
    history = model.fit(X, Y, epochs=20)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_dropout_follows_the_steps_over_several_fits():
    model = bb.Sequential([L.Dropout(), L.Linear(3)])
    model.compile(optimizer=bb.optimizers.SGD(), loss=bb.loss.CrossEntropy())
    model.fit(X, Y, batch_size=10)
    assert model.layers[0].step == 3
    model.fit(X, Y, batch_size=10)
    assert model.layers[0].step == 7
    seed = stream(0, "init", "dropout_0").integers(2**63)
    assert model.layers[0]._seed == seed


# --- what a task can bring of its own --------------------------------------------------------------------------------


def test_a_function_may_measure_the_model_instead_of_validation_data():
    model = mlp()
    model.build((6,))
    losses = iter([3.0, 1.0, 2.0])
    weights = []

    class Keep(Callback):
        def on_epoch_end(self, model, logs):
            weights.append(model.params.values.copy())

    loader = bb.data.DataLoader(X, Y, 8)
    history = train(model, loader, 3, lambda: {"loss": next(losses), "bits": 7.0}, [Keep()])
    assert [row["val_loss"] for row in history] == [3.0, 1.0, 2.0] and history[0]["val_bits"] == 7.0
    assert np.array_equal(model.params.values, weights[1])  # the best


def test_the_length_of_the_gradient_is_told_as_it_was_before_it_was_clipped():
    model = mlp(optimizer=bb.optimizers.SGD(lr=0.1, clip_norm=1e-3))
    norms, moved = [], []

    class Keep(Callback):
        def on_train_begin(self, model, logs):
            moved.append(model.params.values.copy())

        def on_batch_end(self, model, logs):
            norms.append(logs["gradient_norm"])
            moved.append(model.params.values.copy())

    model.fit(X, Y, epochs=1, batch_size=20, callbacks=[Keep()])
    assert len(norms) == 2 and min(norms) > 0.01
    assert [np.linalg.norm(b - a) for a, b in pairwise(moved)] == pytest.approx([1e-4, 1e-4], rel=1e-2)


def test_targets_are_checked_once_a_fit_and_not_once_a_batch():
    class Counting(bb.loss.MSE):
        checked = 0

        def targets(self, y, output_shape):
            self.checked += 1
            return super().targets(y, output_shape)

    model, X, loss = bb.Sequential([bb.layers.Linear(1)]), np.zeros((12, 2), np.float32), Counting()
    model.compile(bb.optimizers.SGD(), loss)
    model.fit(X, X[:, :1], epochs=5, batch_size=3)
    assert loss.checked == 1


def test_a_layer_that_breaks_its_promise_of_a_shape_is_found_by_the_loss():
    class Liar(bb.layers.Layer):
        def build(self, input_shape, rng):
            self.gain = self.parameter("gain", np.ones(input_shape, np.float32))
            return (1,)

        def __call__(self, x, training=False):
            return x * self.gain

    model, X = bb.Sequential([Liar()]), np.zeros((4, 2), np.float32)
    model.compile(bb.optimizers.SGD(), bb.loss.MSE())
    with pytest.raises(UsageError, match="every output needs a target of its own"):
        model.fit(X, X[:, :1])


# --- what a mean is over ---------------------------------------------------------------------------------------------


def still(loss, outputs):
    model = bb.Sequential([L.Linear(outputs)])
    model.compile(bb.optimizers.SGD(lr=1e-12), loss)
    return model


@pytest.mark.parametrize("one_hot", [False, True])
def test_the_training_loss_is_the_mean_over_the_labels_that_count(one_hot):
    labels = np.array([0, 1, 2, 2, 2, 0, 1])
    y = np.eye(3)[labels] if one_hot else labels
    model = still(bb.loss.CrossEntropy(ignore=2), 3)
    logs = model.fit(X[:7], y, batch_size=2, validation_data=(X[:7], y))[0]
    assert logs["train_loss"] == pytest.approx(logs["val_loss"], rel=1e-5)


@pytest.mark.parametrize("steps", [0, 4])
def test_the_training_loss_of_weighed_rows_leaves_out_what_is_ignored(steps):
    x = np.repeat(X[:7, None], steps, axis=1) if steps else X[:7]
    labels = np.arange(x[..., 0].size).reshape(x.shape[:-1]) % 3
    weights = np.array([3.0, 1, 0, 2, 5, 1, 1])
    model = still(bb.loss.CrossEntropy(ignore=2), 3)
    logs = model.fit(x, labels, batch_size=2, sample_weight=weights)[0]
    want = model.loss.weighted(bb.Tensor(model.predict(x)), labels, weights).item()
    assert logs["train_loss"] == pytest.approx(want, rel=1e-5)


def test_the_training_loss_of_rows_of_which_whole_batches_weigh_nothing_is_that_of_the_others():
    weights = np.array([1.0, 2, 0, 0, 0, 0, 4])
    model = still(bb.loss.MSE(), 1)
    logs = model.fit(X[:7], Y[:7], batch_size=2, sample_weight=weights, shuffle=False)[0]
    want = model.loss.weighted(bb.Tensor(model.predict(X[:7])), Y[:7, None], weights).item()
    assert logs["train_loss"] == pytest.approx(want, rel=1e-5)


def test_the_training_loss_with_class_weights_is_that_of_all_rows():
    y, model = (Y[:7, None] > 0), still(bb.loss.BinaryCrossEntropy((1, 9)), 1)
    logs = model.fit(X[:7], y, batch_size=3, validation_data=(X[:7], y))[0]
    assert logs["train_loss"] == pytest.approx(logs["val_loss"], rel=1e-5)


# --- the penalty on large weights -------------------------------------------------------------------------------------


class Within(L.Layer):
    """Holds a layer that has a penalty."""

    def __init__(self):
        self.inner = [L.Linear(5, l2=0.02)]

    def build(self, shape, rng):
        return self.inner[0].build(shape, rng)

    def __call__(self, x, training=False):
        return self.inner[0](x, training)


def penalised(optimizer):
    model = bb.Sequential([Within(), L.Tanh(), L.Linear(3, l2=0.05)])
    model.compile(optimizer, bb.loss.CrossEntropy())
    model.build((6,))
    return model, {"within_0/inner.0/weight": 0.02, "linear_0/weight": 0.05}


def test_a_penalty_counts_in_the_loss_of_the_training_and_not_in_that_of_other_rows():
    model, factors = penalised(bb.optimizers.SGD(0.1))
    alone, before = model.evaluate(X, Y)["loss"], model.state()
    extra = sum(l2 * (before[name] ** 2).sum() for name, l2 in factors.items())
    (logs,) = model.fit(X, Y, batch_size=40, validation_data=(X, Y))
    assert logs["train_loss"] == pytest.approx(alone + extra, rel=1e-5) and extra > 0.1
    assert logs["val_loss"] == model.evaluate(X, Y)["loss"]


def test_a_penalty_alone_shrinks_the_weights_by_its_gradient():
    model = bb.Sequential([L.Linear(2, l2=0.25)])
    model.compile(bb.optimizers.SGD(0.1), bb.loss.MSE())
    model.build((3,))
    start = model.layers[0].weight.data.copy()
    model.fit(np.zeros((4, 3), np.float32), np.zeros((4, 2)), epochs=5, batch_size=4)
    assert np.allclose(model.layers[0].weight.data, start * (1 - 0.1 * 2 * 0.25) ** 5, rtol=1e-5)
    assert not model.layers[0].bias.data.any()


def test_a_penalty_is_what_pytorch_calls_weight_decay_in_sgd():
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    model, factors = penalised(bb.optimizers.SGD(0.1, momentum=0.9))
    theirs = {name: torch.tensor(array, requires_grad=True) for name, array in model.state().items()}
    groups = [{"params": [tensor], "weight_decay": 2 * factors.get(name, 0)} for name, tensor in theirs.items()]
    optimizer = torch.optim.SGD(groups, 0.1, momentum=0.9)
    weight, bias, last, last_bias = theirs.values()
    for _ in range(20):
        optimizer.zero_grad()
        outputs = torch.tanh(torch.tensor(X) @ weight + bias) @ last + last_bias
        torch.nn.functional.cross_entropy(outputs, torch.tensor(Y)).backward()
        optimizer.step()
    model.fit(X, Y, epochs=20, batch_size=40)
    for name, array in model.state().items():
        assert np.allclose(array, theirs[name].detach().numpy(), atol=1e-5), name


def test_a_batch_without_a_label_that_counts_is_passed_over():
    y, model = np.array([0, -1, -1, -1]), still(bb.loss.CrossEntropy(ignore=-1), 3)
    logs = model.fit(X[:4], y, batch_size=1)[0]
    assert model.optimizer.steps == 1
    assert logs["train_loss"] == pytest.approx(model.evaluate(X[:4], y)["loss"], rel=1e-5)
    nothing = np.full(4, -1)
    with pytest.raises(UsageError, match="none of the targets counts"):
        model.fit(X[:4], nothing)
    with pytest.raises(UsageError, match="none of the targets counts"):
        model.fit(X[:4], y, epochs=10**9, validation_data=(X[:4], nothing))


def test_a_single_row_left_over_is_refused_before_training_where_batches_are_compared():
    model = mlp(extra=[L.BatchNorm()])
    with pytest.raises(UsageError, match=r"one of 33 rows in batches of 32 is left alone; .*drop_last=True"):
        model.fit(X[:33], Y[:33], batch_size=32)
    assert model.optimizer.steps == 0
    model.fit(X[:33], Y[:33], batch_size=32, drop_last=True)
    assert model.optimizer.steps == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_evaluate_refuses_what_predict_refuses(bad):
    model = mlp()
    model.fit(X, Y)
    spoilt = X.copy()
    spoilt[3] = bad
    with pytest.raises(ConvergenceError, match=r"the loss is nan; clean the inputs"):
        model.evaluate(spoilt, Y)
    hidden = np.where(np.arange(40) == 3, -1, Y)
    model.compile(bb.optimizers.SGD(), bb.loss.CrossEntropy(ignore=-1))
    with pytest.raises(ConvergenceError, match="the loss is"):
        model.evaluate(spoilt, hidden)
