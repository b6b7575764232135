"""What users of Keras, PyTorch and scikit-learn type first."""

import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor
from brainbox_core.training.progress import shown

L = bb.layers
RNG = stream(0, "idioms")
X = RNG.normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] - X[:, 1]).astype(np.float32)
NUMBERS = (Y > 0).astype(int) + (Y > 1)
NAMES = np.array(["ant", "bee", "cat"])[NUMBERS]


def chain(outputs=3, *more, **settings):
    model = bb.Sequential([L.Linear(8, activation="tanh"), L.Linear(outputs), *more], seed=1)
    model.compile(**{"optimizer": bb.optimizers.Adam(lr=0.05), "loss": "cross_entropy", **settings})
    return model


def test_compile_takes_names():
    model = chain(optimizer="sgd", loss="cross_entropy", metrics=["accuracy"])
    assert (type(model.optimizer), model.optimizer.lr, model.optimizer.momentum) == (bb.optimizers.SGD, 0.01, 0.9)
    assert isinstance(model.loss, bb.loss.CrossEntropy)
    for name, kind in (("mse", bb.loss.MSE), ("binary_crossentropy", bb.loss.BinaryCrossEntropy)):
        assert type(chain(1, loss=name).loss) is type(chain(1, loss=name.upper()).loss) is kind
    assert isinstance(chain(optimizer="Adam", loss="CrossEntropy").optimizer, bb.optimizers.Adam)
    both = bb.Model(x := bb.Input((4,)), [L.Linear(1)(x), L.Linear(2)(x)])
    both.compile("adam", ["mse", "cross_entropy"], loss_weights=[1, 2])
    assert both.loss.weights == [1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adan"}, "unknown optimizer: expected .*adam.*, got adan"),
        ({"loss": "entropy"}, "unknown loss: expected .*cross_entropy, .*got 'entropy'$"),
        ({"loss": "sparse_categorical_crossentropy"}, "unknown loss: .*; here it is 'cross_entropy'"),
        ({"loss": None}, r"compile\(\) needs a loss"),
        ({"loss": bb.loss.MSE}, r"got the class MSE; bb.loss.MSE\(\)"),
        ({"metrics": ["r2"]}, "unknown metric of classes: expected accuracy, .*got 'r2'"),
        ({"loss": "mse", "metrics": ["f1"]}, "unknown metric of quantities: expected mae, .*got 'f1'"),
        ({"metrics": "f1"}, "metrics: expected a list"),
        ({"loss_weights": [1, 2]}, "each loss needs a weight"),
    ],
)
def test_what_compile_cannot_use_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        chain(**settings)


def test_metrics_are_measured_by_evaluate_and_the_validation():
    def wrong(truth, predictions):
        return int((truth != predictions).sum())

    model = chain(2, metrics=["f1", wrong])
    logs = model.fit(X, NUMBERS > 0, epochs=3, validation_data=(X, NUMBERS > 0))[-1]
    said = model.predict(X).argmax(axis=1)
    assert logs["val_wrong"] == (said != (NUMBERS > 0)).sum() and logs["val_f1"] == bb.metrics.f1(NUMBERS > 0, said)
    model = chain(1, loss="mse", metrics=["r2"])
    model.fit(X, Y, epochs=20)
    assert model.evaluate(X, Y)["r2"] == bb.metrics.r2(Y, model.predict(X)[:, 0]) > 0.5


def test_a_loss_may_be_a_function():
    def mean_absolute(outputs, y):
        return (outputs - y).abs().mean()

    model = chain(1, loss=mean_absolute)
    before = model.fit(X, Y, epochs=1)[-1]["train_loss"]
    assert model.fit(X, Y, epochs=30)[-1]["train_loss"] < before / 2
    np.testing.assert_allclose(model.evaluate(X, Y)["loss"], abs(model.predict(X)[:, 0] - Y).mean(), rtol=1e-6)
    for bad, got in ((lambda outputs, y: outputs - y, "shape"), (lambda outputs, y: 1.0, "float")):
        with pytest.raises(UsageError, match=f"a loss gives one number, a tensor made of the outputs, got {got}"):
            chain(1, loss=bad).fit(X, Y)
    with pytest.raises(UsageError, match="Own does not say how rows are weighed"):
        model.fit(X, Y, sample_weight=np.ones(60))


def test_targets_in_one_axis_fit_one_output():
    for loss, y in (("mse", Y), ("binary_cross_entropy", Y > 0)):
        one, other = chain(1, loss=loss), chain(1, loss=loss)
        assert one.fit(X, y, epochs=2)[-1]["train_loss"] == other.fit(X, y[:, None], epochs=2)[-1]["train_loss"]


def test_names_of_classes_are_numbered_and_come_back(tmp_path):
    model, numbers = chain(), chain()
    history = model.fit(X, NAMES, epochs=30, validation_split=0.2)
    assert history[-1]["val_loss"] == numbers.fit(X, NUMBERS, epochs=30, validation_split=0.2)[-1]["val_loss"]
    model.save(tmp_path / "named")
    model = bb.load(tmp_path / "named")
    assert model.meta["classes"] == ["ant", "bee", "cat"]
    assert set(model.predict_classes(X)) <= set(NAMES) and model.evaluate(X, list(NAMES))["accuracy"] > 0.8
    assert np.array_equal(numbers.predict_classes(X), numbers.predict(X).argmax(axis=1))
    with pytest.raises(UsageError, match="a label is none of the model's classes: expected ant, bee, cat, got 'dog'"):
        model.evaluate(X, np.array(["dog"] * 60))
    with pytest.raises(UsageError, match="the model knows no names of classes"):
        numbers.evaluate(X, NAMES)
    with pytest.raises(UsageError, match="targets must be finite numbers"):
        chain(1, loss="mse").fit(X, NAMES)


def test_probabilities():
    model = chain()
    model.fit(X, NUMBERS)
    z = model.predict(X).astype(np.float64)
    np.testing.assert_allclose(model.predict_proba(X), np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-5)
    model = chain(1, loss="binary_cross_entropy")
    model.fit(X, Y > 0)
    p = 1 / (1 + np.exp(-model.predict(X).astype(np.float64)))
    np.testing.assert_allclose(model.predict_proba(X), np.concatenate([1 - p, p], axis=1), rtol=1e-5)
    assert np.array_equal(model.predict_classes(X), (p[:, 0] > 0.5).astype(int))
    ends = bb.Sequential([L.Linear(3, activation="softmax")])
    ends.build((4,))
    assert np.array_equal(ends.predict_proba(X), ends.predict(X))
    model = chain(1, loss="mse")
    model.fit(X, Y)
    with pytest.raises(UsageError, match="nobody knows how the outputs become probabilities"):
        model.predict_proba(X)
    with pytest.raises(UsageError, match="MSE is not about probabilities"):
        model.loss.probabilities(model.predict(X))


LOSSES = {
    "mse": (1, Y[:6, None]),
    "binary_cross_entropy": (1, (Y[:6, None] > 0).astype(float)),
    "squared_error": (1, (Y[:6, None] > 0).astype(float)),
    "cross_entropy": (3, NUMBERS[:6]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_row_of_weight_two_counts_as_two_rows(name):
    outputs, y = LOSSES[name]
    loss, z = bb.loss.named(name), RNG.normal(size=(6, outputs))
    times = np.array([2, 1, 3, 0, 1, 1])
    twice = np.repeat(np.arange(6), times)
    weighed = loss.weighted(Tensor(z), y, times.astype(float)).item()
    np.testing.assert_allclose(weighed, loss.measure(Tensor(z[twice]), y[twice]).item(), rtol=1e-12)
    assert check_gradients(lambda z: loss.weighted(z, y, times.astype(float)), z).max_error < 1e-10


def test_a_training_with_weights_is_that_of_repeated_rows():
    times = RNG.integers(0, 3, 60)
    repeated = np.repeat(np.arange(60), times)
    one, other = chain(), chain()
    logs = one.fit(X, NUMBERS, epochs=4, batch_size=60, sample_weight=times)
    same = other.fit(X[repeated], NUMBERS[repeated], epochs=4, batch_size=200)
    np.testing.assert_allclose([e["train_loss"] for e in logs], [e["train_loss"] for e in same], rtol=1e-5)
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-3, atol=1e-4)


def test_a_rare_row_counts_in_full_whichever_rows_share_its_batch():
    """The gradients of small batches add up to that of one batch of all rows: a rare class is not divided away."""
    weights = np.where(np.arange(60) == 7, 100.0, 1.0)

    def change(batch_size):
        model = chain(optimizer=bb.optimizers.SGD(lr=1e-5))
        model.build((4,))
        before = model.params.values.copy()
        model.fit(X, NUMBERS, batch_size=batch_size, sample_weight=weights)
        return (model.params.values - before) * batch_size

    np.testing.assert_allclose(change(6), change(60), rtol=0.02, atol=2e-6)


def test_rows_that_all_weigh_nothing_are_refused_behind_a_split_too():
    held = np.isin(np.arange(60), bb.data.stratified_split(NUMBERS, 0.25, seed=1)[1])
    with pytest.raises(UsageError, match="all weights of the rows that are trained on are zero"):
        chain().fit(X, NUMBERS, validation_split=0.25, sample_weight=held)


def test_weights_of_classes():
    count = np.bincount(NUMBERS)
    weights = (60 / (3 * count))[NUMBERS]
    runs = [
        chain().fit(X, NUMBERS, epochs=2, class_weight="balanced"),
        chain().fit(X, NAMES, epochs=2, class_weight=dict(zip(np.unique(NAMES), 60 / (3 * count), strict=True))),
        chain().fit(X, np.eye(3)[NUMBERS], epochs=2, class_weight=dict(enumerate(60 / (3 * count)))),
        chain().fit(X, NUMBERS, epochs=2, sample_weight=weights),
    ]
    assert len({run[-1]["train_loss"] for run in runs}) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weight": {7: 2}}, "class_weight weighs what is no label: expected 0, 1, 2, got 7"),
        ({"class_weight": [1, 2, 3]}, r"class_weight: expected a weight by label.*class_weight=\{0: 2.0\}"),
        ({"class_weight": {1: -2}}, "class_weight"),
        ({"class_weight": "equal"}, "class_weight: expected a weight by label, or 'balanced', got 'equal'"),
        ({"sample_weight": np.ones(7)}, "sample_weight: expected 60 finite numbers"),
        ({"sample_weight": np.full(60, np.nan)}, "sample_weight: expected 60 finite numbers, one a row, got nan"),
        ({"sample_weight": np.full(60, -1.0)}, "sample_weight: expected from 0"),
        ({"sample_weight": np.zeros(60)}, "all weights of rows are zero"),
        ({"initial_epoch": 1}, "initial_epoch: expected"),
    ],
)
def test_what_fit_cannot_use_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        chain().fit(X, NUMBERS, **settings)


def test_a_fit_that_is_refused_leaves_the_epochs_as_they_are():
    model = chain()
    with pytest.raises(UsageError, match="one row for each other"):
        model.fit(X, NUMBERS[:3], epochs=5, initial_epoch=4)
    assert model.epoch == 0


def test_quantities_have_no_class_weights_and_names_are_no_quantities():
    model = bb.Sequential([L.Linear(1)])
    model.compile("adam", "mse")
    with pytest.raises(UsageError, match="class_weight needs labels, got quantities"):
        model.fit(X, Y, class_weight="balanced")
    with pytest.raises(UsageError, match="targets must be finite numbers, got an array of <U3"):
        model.fit(X, NAMES)


def test_a_loader_may_hold_names_of_classes():
    model = chain()
    model.fit(bb.data.DataLoader(X, NAMES, batch_size=32), epochs=2)
    assert model.meta["classes"] == ["ant", "bee", "cat"]
    assert (
        model.history["train_loss"]
        == chain().fit(bb.data.DataLoader(X, NUMBERS, batch_size=32), epochs=2)["train_loss"]
    )


def test_one_probability_at_the_end_is_that_of_the_second_of_two_classes():
    model = chain(1, L.Sigmoid(), loss="mse")
    model.fit(X, Y > 0, epochs=30)
    p = model.predict(X)
    assert np.array_equal(model.predict_proba(X), np.concatenate([1 - p, p], axis=1))
    assert (model.predict_classes(X) == (Y > 0)).mean() > 0.9


def test_probabilities_of_several_outputs_are_refused():
    x = bb.Input((4,))
    model = bb.Model(x, [L.Linear(1)(x), L.Softmax()(L.Linear(2)(x))])
    for ask in (model.predict_proba, model.predict_classes):
        with pytest.raises(UsageError, match="probabilities are those of one output, got 2 outputs"):
            ask(X)


def test_batches_of_whatever_gives_them():
    loader = bb.data.DataLoader(X, NUMBERS, batch_size=20, shuffle=False)
    batches = [(X[i : i + 20], NUMBERS[i : i + 20]) for i in (0, 20, 40)]
    want = chain().fit(X, NUMBERS, epochs=2, batch_size=20, shuffle=False)[-1]["train_loss"]
    for given in (loader, batches, tuple(batches)):
        assert chain().fit(given, epochs=2)[-1]["train_loss"] == want
    once = chain().fit(X, NUMBERS, batch_size=20, shuffle=False)[-1]["train_loss"]
    assert chain().fit(batch for batch in batches)[-1]["train_loss"] == once
    assert chain().fit(batches, epochs=2, validation_data=(X, NUMBERS))[-1]["val_accuracy"] > 0.3


def test_batches_that_cannot_be_used_are_refused(tmp_path):
    batches = [(X, NUMBERS)]
    model = chain()
    with pytest.raises(UsageError, match=r"epoch 2: there are no batches left for another epoch"):
        model.fit((batch for batch in batches), epochs=2)
    for given, message in (
        (X, r"fit\(\) needs targets beside X"),
        (3, r"fit\(\) needs targets beside X"),
        ([], "there are no batches to train on"),
        ([X], r"a batch holds inputs and their targets: \(X, y\), got ndarray"),
        ([(X, NUMBERS, Y)], r"a batch holds inputs and their targets: \(X, y\), got 3 parts"),
        ([(X, NUMBERS[:3])], "X and y need one row for each other"),
        ([(X[:, :2], NUMBERS)], "inputs do not fit the model"),
        ([(X, NAMES)], "the model knows no names of classes"),
    ):
        with pytest.raises(UsageError, match=message):
            model.fit(given)
    for told in ({"class_weight": "balanced"}, {"shuffle": False}, {"drop_last": True}, {"batch_size": 8}):
        with pytest.raises(UsageError, match="neither split, weighed, ordered nor changed"):
            model.fit(batches, **told)
    with pytest.raises(UsageError, match="neither split, weighed, ordered nor changed"):
        model.fit(bb.data.DataLoader(X, NUMBERS), augment=lambda x, rng: 0 * x)
    with pytest.raises(UsageError, match="nobody knows whether batches of your own are the same again"):
        model.fit(batches, callbacks=[bb.callbacks.Checkpoint(tmp_path / "checkpoint")])


def test_epochs_may_be_counted_from_another():
    whole, parts = chain(), chain()
    history = whole.fit(X, NUMBERS, epochs=5)
    parts.fit(X, NUMBERS, epochs=2)
    rest = parts.fit(X, NUMBERS, epochs=5, initial_epoch=2)
    assert [logs["epoch"] for logs in rest] == [3, 4, 5] and rest[-1]["train_loss"] == history[-1]["train_loss"]


def test_a_batch_at_a_time():
    whole, steps = chain(), chain()
    logs = whole.fit(X, NUMBERS, batch_size=60, shuffle=False)
    assert steps.train_on_batch(X, NUMBERS) == logs[-1]["train_loss"]
    assert np.array_equal(steps.predict(X), whole.predict(X)) and steps.optimizer.steps == 1


def test_a_training_loop_of_ones_own():
    fitted, model = chain(), chain()
    fitted.fit(X, NUMBERS, epochs=1, batch_size=20)
    model.build((4,))
    criterion, optimizer = bb.loss.CrossEntropy(), bb.optimizers.Adam(lr=0.05)
    optimizer.build(model.params)
    for x, y in bb.data.DataLoader(X, NUMBERS, batch_size=20, seed=1):
        loss = criterion(model(x, training=True), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.array_equal(model.predict(X), fitted.predict(X))
    assert [p.shape for p in model.parameters()] == [(4, 8), (8,), (8, 3), (3,)]
    assert np.array_equal(model(Tensor(X)).data, model.predict(X))


def test_a_model_that_is_called_is_built():
    assert chain()(X).shape == chain()(Tensor(X)).shape == (60, 3)
    with pytest.raises(UsageError, match="a model cannot stand in the graph of another"):
        chain()(bb.Input((4,)))


def test_progress_is_shown_on_terminals_and_where_it_is_asked_for(monkeypatch):
    chain().fit(X, NUMBERS)
    for verbose, lines in ((None, 0), (0, 0), (1, 2), (True, 2)):
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        chain().fit(X, NUMBERS, verbose=verbose)
        assert len(sys.stdout.getvalue().splitlines()) == lines
    monkeypatch.undo()
    assert shown(1, [bb.callbacks.Progress(io.StringIO())]) == []
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert len(shown(None, [])) == 1


def test_progress_is_shown_on_a_real_terminal():
    program = (
        "import numpy as np, braininabox as bb; m = bb.Sequential([bb.layers.Linear(1)]);"
        "m.compile('adam', 'mse'); m.fit(np.ones((9, 2)), np.ones(9), epochs=3)"
    )
    master, slave = pty.openpty()
    subprocess.run([sys.executable, "-c", program], stdout=slave, check=True, timeout=60)
    os.close(slave)
    assert b"train_loss" in os.read(master, 10_000)


def test_an_activation_is_a_layer_behind():
    short = bb.Sequential([L.Linear(8, activation="relu"), L.Linear(2, activation=L.LeakyReLU(0.3))])
    long = bb.Sequential([L.Linear(8), L.ReLU(), L.Linear(2), L.LeakyReLU(0.3)])
    assert short.config() == long.config()
    short.build((4,)), long.build((4,))
    assert np.array_equal(short.predict(X), long.predict(X))
    shared = L.Linear(4, activation="relu")
    x = bb.Input((4,))
    graph = bb.Model(x, L.Add()([shared(x), shared(shared(x))]))
    w = graph.params.named["linear_0/weight"].data
    once = np.maximum(X @ w, 0)
    np.testing.assert_allclose(graph.predict(X), once + np.maximum(once @ w, 0), rtol=1e-5, atol=1e-6)


def test_an_activation_stays_with_a_layer_that_is_alone_or_inside_another(tmp_path):
    class Residual(L.Layer):
        def __init__(self):
            self.inner = L.Linear(4, activation=L.LeakyReLU(0.3))

        def __call__(self, x, training=False):
            return x + self.inner(x)

    layer = L.Linear(4, activation="tanh")
    layer.build((4,), RNG)
    np.testing.assert_allclose(layer(Tensor(X)).data, np.tanh(X @ layer.weight.data), rtol=1e-5, atol=1e-6)
    again = L.KINDS["Linear"](**L.Linear(4, activation=L.LeakyReLU(0.3)).config())
    assert again.config()["activation"] == {"name": "leaky_relu", "config": {"slope": 0.3}}
    model = bb.Sequential([Residual()])
    model.build((4,))
    z = X @ model.params.named["residual_0/inner/weight"].data
    np.testing.assert_allclose(model.predict(X), X + np.where(z > 0, z, 0.3 * z), rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "own")
    assert np.array_equal(bb.load(tmp_path / "own", layers=[Residual]).predict(X), model.predict(X))
    for bad in ("rleu", np.tanh, 3):
        with pytest.raises(UsageError, match="unknown activation: expected relu, leaky_relu, sigmoid, tanh, softmax"):
            L.Linear(2, activation=bad)


class Forgetful(bb.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


class Around(L.Layer):
    def __init__(self, inner):
        self.inner = {"a": [inner]}

    def __call__(self, x, training=False):
        return self.inner["a"][0](x)


class Unaware(L.Layer):
    def __call__(self, x):
        return x


def test_what_pytorch_lets_pass_is_refused_before_the_first_step():
    with pytest.raises(UsageError, match=r"forward\(\) takes no `training`; def forward\(self, x, training=False\)"):
        Forgetful(L.Linear(2)).build((4,))
    with pytest.raises(UsageError, match=r"__call__\(\) of layer 0 'unaware_0' takes no `training`"):
        bb.Sequential([Unaware(), L.Linear(2)]).build((4,))
    with pytest.raises(UsageError, match=r"'inner\.a\.0' of Around is a model, which is no part of another"):
        bb.Sequential([Around(chain())]).build((4,))
    inside = Forgetful(chain())
    inside.forward = lambda x, training=False: inside.inner(x)
    with pytest.raises(UsageError, match="'inner' of Forgetful is a model, which is no part of another"):
        inside.build((4,))
    inside = Forgetful(Around(chain()))
    with pytest.raises(UsageError, match=r"'inner\.a\.0' of Around is a model, which is no part of another"):
        inside.build((4,))
    with pytest.raises(UsageError, match="layer 1 is not a layer, got the model Sequential; put layers in its place"):
        bb.Sequential([L.Linear(2), chain()])


def test_words_of_other_libraries_lead_to_ours():
    for word, ours in (
        ("train", "training=True"),
        ("zero_grad", "optimizer.zero_grad"),
        ("add", "a list of all layers"),
    ):
        with pytest.raises(AttributeError, match=f"has no attribute '{word}': .*{ours}"):
            getattr(chain(), word)


def test_a_layer_that_a_graph_runs_without_its_activation_does_not_stand_in_a_layer_too():
    shared = L.Linear(4, activation="relu")
    with pytest.raises(UsageError, match="of Around stands in a graph, too, where its activation is a layer by itself"):
        bb.Sequential([shared, Around(shared)]).build((4,))
    model = bb.Sequential([Around(L.Linear(4, activation="relu"))])
    model.build((4,))
    assert model.predict(X).min() == 0


class Lossy(L.Layer):
    def __init__(self, units):
        self.inner = L.Linear(units)

    def __call__(self, x, training=False):
        return self.inner(x)


def test_a_layer_that_does_not_keep_what_it_was_made_with_says_so_only_where_it_matters(tmp_path):
    model = bb.Sequential([Lossy(2)])
    assert repr(model) == "Sequential, not built\n  Lossy(...)"
    model.build((4,))
    with pytest.raises(UsageError, match=r"does not keep what it was made with: 'units'; self\.units = units in its"):
        model.save(tmp_path / "lossy")


def test_a_moment_that_never_comes_and_a_model_without_weights_to_train_are_refused():
    with pytest.raises(
        UsageError, match=r"Late waits for a moment that never comes: expected on_train_begin, .*got on_epoch_begin"
    ):
        type("Late", (bb.callbacks.Callback,), {"on_epoch_begin": lambda self, model, logs: None})
    model = chain()
    model.trainable = False
    with pytest.raises(UsageError, match=r"the loss depends on no weight that is trained; set layer\.trainable = True"):
        model.fit(X, NUMBERS)


def test_metrics_by_name_go_on_with_a_checkpoint(tmp_path):
    kinds = {"epochs": 3, "validation_split": 0.25}
    whole, stopped = (chain(2, metrics=["f1", "recall"]) for _ in range(2))
    whole.fit(X, Y > 0, **kinds)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, Y > 0, **kinds, callbacks=[bb.callbacks.Checkpoint(tmp_path / "one", seconds=0), Stop()])
    loaded = bb.load(tmp_path / "one")
    loaded.fit(X, Y > 0, **kinds)
    assert loaded.history["val_f1"] == whole.history["val_f1"]


class Stop(bb.callbacks.Callback):
    def on_batch_end(self, model, logs):
        if logs["epoch"] == 2:
            raise KeyboardInterrupt


def test_arrays_of_which_a_part_would_be_passed_over_are_refused():
    class Sparse:
        def toarray(self):
            return X

    with pytest.raises(UsageError, match=r"X has masked numbers; fill them in, as X\.filled\(0\) does"):
        chain().fit(np.ma.masked_array(X, mask=X > 1), NUMBERS)
    with pytest.raises(UsageError, match=r"X must be an array of real numbers, got a sparse Sparse; X\.toarray\(\)"):
        chain().fit(Sparse(), NUMBERS)
    with pytest.raises(UsageError, match="precision, recall and f1 are of two classes"):
        chain(metrics=["f1"]).fit(X, NUMBERS, validation_split=0.25)


class Twice(L.Linear):
    def __call__(self, x, training=False):
        return super().__call__(x, training) * 2


def test_a_subclass_of_a_layer_ends_in_its_activation_once_wherever_it_stands():
    inside, beside = Twice(3, activation="tanh"), Twice(3, activation="tanh")
    models = [bb.Sequential([layer]) for layer in (Around(inside), beside)]
    for model, layer in zip(models, (inside, beside), strict=True):
        model.build((4,))
        want = np.tanh(2 * (X @ layer.weight.data + layer.bias.data))
        np.testing.assert_allclose(model.predict(X), want, rtol=1e-5)
    assert [layer.name for layer, _ in models[1].watched(Tensor(X))] == ["twice_0", "tanh_0"]


def test_an_activation_that_would_not_run_cannot_be_set():
    layer = L.Linear(3)
    with pytest.raises(UsageError, match="the activation of Linear cannot be set any more; give it to the layer"):
        layer.activation = "relu"


def test_a_metric_does_not_take_the_place_of_the_loss_or_of_another_metric():
    def loss(truth, said):
        return 0.0

    for metrics in ([loss], [lambda truth, said: 0.0, lambda truth, said: 1.0], ["f1", "f1"]):
        with pytest.raises(UsageError, match="a metric takes the name of the loss, or of another metric"):
            chain(metrics=metrics)
