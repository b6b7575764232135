"""`Sequential`: the code that a user writes first, every mistake in it, and the files."""

import inspect
import json
import math
import subprocess
import sys

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import BrainboxError, ConvergenceError, InputError, UsageError
from brainbox_core.network import saving

L = bb.layers
RNG = np.random.default_rng(4)
PIXELS = RNG.integers(0, 256, (40, 28, 28)).astype(np.uint8)
LABELS = RNG.integers(0, 10, 40)


def snippet(X_train, y_train, epochs=1):
    """The first code of the documentation, as it stands."""
    model = bb.Sequential(
        [
            bb.layers.Conv2D(32, kernel=3),
            bb.layers.ReLU(),
            bb.layers.MaxPool(2),
            bb.layers.Flatten(),
            bb.layers.Linear(10),
        ]
    )
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    model.fit(X_train, y_train, epochs=epochs)
    return model


def ready(layers, X, y, loss=None, **fit):
    model = bb.Sequential(layers)
    model.compile(optimizer=bb.optimizers.Adam(), loss=loss or bb.loss.CrossEntropy())
    model.fit(X, y, **fit)
    return model


FLOATS = (PIXELS / 255).astype(np.float32)
FORMS = {
    "bytes": PIXELS,
    "bytes with a channel": PIXELS[..., None],
    "floats": FLOATS,
    "floats with a channel": FLOATS[..., None],
    "doubles": PIXELS / 255,
    "in columns": np.asfortranarray(FLOATS),
}


def test_the_snippet_on_all_forms_of_inputs_and_labels_is_one_and_the_same_training():
    results, one_hot = set(), np.eye(10, dtype=np.float32)[LABELS]
    for X in FORMS.values():
        for y in (LABELS, one_hot, LABELS.astype(np.uint8), one_hot.astype(int)):
            model = snippet(X, y)
            results.add((model.params.values.tobytes(), model.predict(X).tobytes(), str(model.evaluate(X, y))))
    assert len(results) == 1


def test_a_model_predicts_on_the_other_forms_too():
    model = snippet(PIXELS, LABELS)
    assert len({model.predict(X).tobytes() for X in FORMS.values()}) == 1
    assert model.predict(PIXELS).shape == (40, 10) and model.predict(PIXELS).dtype == np.float32
    assert model.predict(PIXELS[:0]).shape == (0, 10)
    assert np.allclose(model.predict(PIXELS, batch_size=7), model.predict(PIXELS), atol=1e-5)


def test_lists_will_do():
    model = ready([L.Linear(2)], [[0, 1], [1, 0], [1, 1]], [0, 1, 1])
    assert model.predict([[0.5, 0.5]]).shape == (1, 2)


# --- mistakes --------------------------------------------------------------------------------------------------------

NARROW = RNG.random((8, 6), dtype=np.float32)
FEW = np.arange(8) % 3
CLASSIC = [lambda: L.Conv2D(4, kernel=3), L.ReLU, lambda: L.MaxPool(2), L.Flatten, lambda: L.Linear(10)]


def classic(*skip):
    return [make() for i, make in enumerate(CLASSIC) if i not in skip]


MISTAKES = {
    "channels first": (
        lambda: ready(classic(), np.zeros((8, 3, 28, 28)), FEW),
        r"layer 0 'conv2d_0' needs .*X\.transpose\(0, 2, 3, 1\)$",
    ),
    "one channel first": (
        lambda: ready(classic(), np.zeros((8, 1, 28, 28)), FEW),
        r"layer 0 'conv2d_0' needs .*X\.transpose\(0, 2, 3, 1\)$",
    ),
    "a missing Flatten": (
        lambda: ready(classic(3), PIXELS, LABELS),
        r"^layer 3 'linear_0' needs \(batch, features\), got \(batch, 13, 13, 4\); add bb\.layers\.Flatten\(\) bef",
    ),
    "a kernel larger than its map": (
        lambda: ready([L.MaxPool(8), L.Conv2D(2, kernel=5)], PIXELS[..., None], LABELS),
        r"^layer 1 'conv2d_0' needs images of at least 5x5 for its kernel, got \(batch, 3, 3, 1\); use a smaller",
    ),
    "a pool larger than its map": (
        lambda: ready([L.Conv2D(2, kernel=25), L.MaxPool(2), L.MaxPool(3)], PIXELS, LABELS),
        r"^layer 2 'maxpool_1' needs images of at least 3x3 for its window, got \(batch, 2, 2, 2\)",
    ),
    "a label out of range": (
        lambda: ready([L.Linear(2)], NARROW, FEW),
        r"^y\[2\]: label out of range: expected 0 to 1, got 2; .*give the last layer 3 outputs$",
    ),
    "a negative label": (
        lambda: ready([L.Linear(3)], NARROW, FEW - 1),
        r"^y\[0\]: label out of range: expected 0 to 2, got -1; number the classes from 0$",
    ),
    "labels in a column": (
        lambda: ready([L.Linear(3)], NARROW, FEW[:, None]),
        r"labels come as one axis.*np\.ravel\(y\)",
    ),
    "Softmax before CrossEntropy": (
        lambda: ready([L.Linear(3), L.Softmax()], NARROW, FEW),
        r"^CrossEntropy takes logits, and would take a softmax twice; remove layer 1 'softmax_0'$",
    ),
    "Sigmoid before BinaryCrossEntropy": (
        lambda: ready([L.Linear(1), L.Sigmoid()], NARROW, FEW > 0, bb.loss.BinaryCrossEntropy()),
        r"^BinaryCrossEntropy takes logits; remove layer 1 'sigmoid_0'$",
    ),
    "(n,) against (n, 2)": (
        lambda: ready([L.Linear(2)], NARROW, NARROW[:, 0], bb.loss.MSE()),
        r"got targets of shape \(8,\) for outputs of shape \(n, 2\); make the last layer fit the targets$",
    ),
    "one image to predict": (
        lambda: snippet(PIXELS, LABELS).predict(PIXELS[0]),
        r"^one input without a batch axis, got shape \(28, 28\); X\[None\] makes it a batch of one$",
    ),
    "one image with a channel": (
        lambda: snippet(PIXELS, LABELS).predict(PIXELS[0][..., None]),
        r"^one input without a batch axis, got shape \(28, 28, 1\)",
    ),
    "one image to a model of images with a channel": (
        lambda: snippet(PIXELS[..., None], LABELS).predict(PIXELS[0]),
        r"^one input without a batch axis, got shape \(28, 28\)",
    ),
    "other inputs to predict": (
        lambda: snippet(PIXELS, LABELS).predict(PIXELS[:, :14]),
        r"^inputs do not fit the model: expected \('n', 28, 28\), got \(40, 14, 28\)$",
    ),
    "fit before compile": (
        lambda: bb.Sequential(classic()).fit(PIXELS, LABELS),
        r"^fit\(\) before compile\(\); model\.com",
    ),
    "predict before fit": (lambda: bb.Sequential(classic()).predict(PIXELS), "before the model is built; fit"),
    "evaluate before compile": (lambda: bb.Sequential(classic()).evaluate(PIXELS, LABELS), r"evaluate\(\) before comp"),
    "summary before build": (lambda: bb.Sequential(classic()).summary(), r"summary\(\) before the model is built"),
    "params before build": (lambda: bb.Sequential(classic()).params, r"params before the model is built; fit\(\) it"),
    "input_shape before build": (lambda: bb.Sequential(classic()).input_shape, "input_shape before the model is built"),
    "optimizer before compile": (
        lambda: bb.Sequential(classic()).optimizer,
        r"optimizer before compile\(\); model\.com",
    ),
    "loss before compile": (lambda: bb.Sequential(classic()).loss, r"loss before compile\(\); model\.com"),
    "save before build": (lambda: bb.Sequential(classic()).save("x"), r"save\(\) before the model is built"),
    "a class for a layer": (
        lambda: bb.Sequential([L.Linear(3), L.ReLU]),
        r"^layer 1 is not a layer, got <class '.*ReLU'>; write ReLU\(\.\.\.\)$",
    ),
    "a function for a layer": (lambda: bb.Sequential([len]), "layer 0 is not a layer.*; subclass bb.layers.Layer"),
    "no layers": (lambda: bb.Sequential([]), "a model needs at least one layer"),
    "nothing to learn": (lambda: ready([L.ReLU()], NARROW, NARROW, bb.loss.MSE()), "no layer of the model learns"),
    "a class for an optimizer": (
        lambda: bb.Sequential([L.Linear(1)]).compile(optimizer=bb.optimizers.Adam, loss=bb.loss.MSE()),
        r"compile\(\) needs an optimizer, got <class.*; bb\.optimizers\.Adam\(\)",
    ),
    "a class for a loss": (
        lambda: bb.Sequential([L.Linear(1)]).compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.MSE),
        r"compile\(\) needs a loss, got the class MSE; bb\.loss\.MSE\(\)$",
    ),
    "fewer labels than inputs": (
        lambda: ready([L.Linear(3)], NARROW, FEW[:7]),
        "^X and y need one row for each other, got 8 and 7$",
    ),
    "objects": (
        lambda: ready([L.Linear(3)], NARROW.astype(object), FEW),
        "X must be an array of real numbers, got obj",
    ),
    "text": (lambda: ready([L.Linear(3)], np.full((8, 6), "1"), FEW), "X must be an array of real numbers, got <U1"),
    "complex numbers": (
        lambda: ready([L.Linear(3)], NARROW * 1j, FEW),
        "X must be an array of real numbers, got compl",
    ),
    "ragged rows": (lambda: ready([L.Linear(3)], [[1, 2], [3]], [0, 1]), "'linear_0' needs sequences of one length"),
    "a single number": (lambda: ready([L.Linear(3)], 5, [0]), "X must be an array of real numbers"),
    "rows without features": (
        lambda: ready([L.Linear(3)], np.zeros(8), FEW),
        r"needs \(batch, features\), got \(batch\)",
    ),
    "object labels": (lambda: ready([L.Linear(3)], NARROW, FEW.astype(object)), "labels must be whole numbers"),
    "no rows": (lambda: ready([L.Linear(3)], NARROW[:0], FEW[:0]), "there are no rows to learn from"),
    "no rows to split": (
        lambda: ready([L.Linear(3)], NARROW[:0], FEW[:0], validation_split=0.2),
        "there are no rows to learn from",
    ),
    "no rows to evaluate": (
        lambda: ready([L.Linear(3)], NARROW, FEW).evaluate(NARROW[:0], FEW[:0]),
        "there are no rows to learn from or to measure by",
    ),
    "other labels to evaluate": (
        lambda: ready([L.Linear(3)], NARROW, FEW).evaluate(NARROW, FEW[:5]),
        "one row for each other, got 8 and 5",
    ),
    "batch size 0": (
        lambda: ready([L.Linear(3)], NARROW, FEW, batch_size=0),
        "^batch_size: expected a whole number from 1",
    ),
    "batch size 0 to predict": (
        lambda: ready([L.Linear(3)], NARROW, FEW).predict(NARROW, batch_size=0),
        "^batch_size: ",
    ),
    "batch size -1 to predict": (
        lambda: ready([L.Linear(3)], NARROW, FEW).predict(NARROW, batch_size=-1),
        "^batch_size",
    ),
    "epochs 0": (
        lambda: ready([L.Linear(3)], NARROW, FEW, epochs=0),
        "^epochs: expected a whole number from 1, got 0$",
    ),
    "all rows for validation": (
        lambda: ready([L.Linear(3)], NARROW, FEW, validation_split=1.0),
        "^validation_split: expected a number from 0 and below 1, got 1.0$",
    ),
    "a negative seed": (lambda: bb.Sequential([L.Linear(3)], seed=-1), "^seed: expected a whole number from 0"),
    "a seed that no file can hold": (lambda: bb.Sequential([L.Linear(3)], seed=2**64), "^seed: expected .* below 2"),
    "a negative share": (
        lambda: ready([L.Linear(3)], NARROW, FEW, validation_split=-0.5),
        "^validation_split: expected a number",
    ),
    "two validations": (
        lambda: ready([L.Linear(3)], NARROW, FEW, validation_split=0.2, validation_data=(NARROW, FEW)),
        "validation_split or validation_data, not both",
    ),
    "inputs alone for validation": (
        lambda: ready([L.Linear(3)], NARROW, FEW, validation_data=NARROW),
        r"^validation_data: expected inputs and their targets: \(X, y\), got ndarray$",
    ),
    "a class for a callback": (
        lambda: ready([L.Linear(3)], NARROW, FEW, callbacks=[bb.callbacks.Progress]),
        r"^callbacks holds something else, got <class '.*Progress'>; write Progress\(\.\.\.\)$",
    ),
    "a function for a callback": (
        lambda: ready([L.Linear(3)], NARROW, FEW, callbacks=[print]),
        r"got <built-in function print>; subclass bb\.callbacks\.Callback$",
    ),
    "one callback without a list": (
        lambda: ready([L.Linear(3)], NARROW, FEW, callbacks=bb.callbacks.EarlyStopping()),
        r"^callbacks: expected a list, got <.*EarlyStopping object.*>; callbacks=\[\.\.\.\]$",
    ),
    "no function to augment with": (
        lambda: ready([L.Linear(3)], NARROW, FEW, augment=2),
        r"^augment: expected a function of images, got 2; bb\.augment\.Warp\(shift=2\)$",
    ),
    "one layer without a list": (
        lambda: bb.Sequential(L.Linear(3)),
        r"^layers: expected a list of layers, got .*; bb\.Sequential\(\[\.\.\.\]\)$",
    ),
    "labels of the validation": (
        lambda: ready([L.Linear(3)], NARROW, FEW, epochs=10**9, validation_data=(NARROW, FEW + 1)),
        "label out of range",
    ),
    "inputs of the validation": (
        lambda: ready([L.Linear(3)], NARROW, FEW, epochs=10**9, validation_data=(NARROW[:, :3], FEW)),
        "inputs do not fit the model",
    ),
    "validation of other lengths": (
        lambda: ready([L.Linear(3)], NARROW, FEW, epochs=10**9, validation_data=(NARROW, FEW[:3])),
        "one row for each other",
    ),
    "a huge layer": (
        lambda: bb.Sequential([L.Linear(10**9)]).build((784,)),
        r"^layer 0 'linear_0' brings the model to 785,000,000,000 parameters: training needs 15,700\.0 GB, this mac",
    ),
    "a huge layer after a small one": (
        lambda: bb.Sequential([L.Linear(10**6), L.ReLU(), L.Linear(10**6)]).build((2,)),
        r"^layer 2 'linear_1' brings the model to 1,000,00",
    ),
    "a build without a shape": (
        lambda: bb.Sequential([type("Odd", (L.Layer,), {"build": lambda self, shape, rng: None})()]).build((3,)),
        r"^build\(\) of layer 0 'odd_0' has to return the shape of one output, got None",
    ),
    "built twice": (lambda: ready([L.Linear(3)], NARROW, FEW).build((6,)), "the model is already built"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_get_an_error_that_helps(name):
    make, message = MISTAKES[name]
    with pytest.raises(UsageError, match=message):
        make()


def test_the_same_layer_twice_or_in_two_models():
    layer = L.Linear(3)
    with pytest.raises(UsageError, match=r"^layer 2 \(Linear\) is already part of a model; make a new layer"):
        bb.Sequential([layer, L.ReLU(), layer])
    with pytest.raises(UsageError, match="layer 1 is not a layer"):
        bb.Sequential([layer, L.ReLU])
    model = bb.Sequential([layer, L.ReLU()])  # a list that was refused has claimed nothing
    with pytest.raises(UsageError, match=r"^layer 0 \(Linear\) is already part of a model"):
        bb.Sequential([layer])
    assert [layer.name for layer in model.layers] == ["linear_0", "relu_0"]


def test_a_failed_start_can_be_corrected():
    model = bb.Sequential(classic())
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    with pytest.raises(UsageError):
        model.fit(PIXELS.transpose(0, 2, 1)[:, :2], LABELS)
    with pytest.raises(UsageError):
        model.fit(PIXELS, LABELS + 5)
    model.fit(PIXELS, LABELS)
    assert np.array_equal(model.params.values, ready(classic(), PIXELS, LABELS).params.values)


def test_one_optimizer_in_two_models_is_refused_before_anything_is_trained():
    optimizer, loss = bb.optimizers.Adam(), bb.loss.CrossEntropy()
    one, two = bb.Sequential([L.Linear(3)]), bb.Sequential([L.Linear(3)])
    one.compile(optimizer=optimizer, loss=loss)
    two.compile(optimizer=optimizer, loss=loss)
    one.fit(NARROW, FEW)
    for _ in range(2):
        with pytest.raises(UsageError, match="the optimizer belongs to another model"):
            two.fit(NARROW, FEW)
    with pytest.raises(UsageError, match="the optimizer belongs to another model"):
        two.build((6,))
    two.compile(optimizer=bb.optimizers.Adam(), loss=loss)
    two.fit(NARROW, FEW)
    assert np.array_equal(one.params.values, two.params.values)


def test_compile_starts_the_optimizer_anew():
    model = ready([L.Linear(3)], NARROW, FEW)
    optimizer = model.optimizer
    assert optimizer.steps == 1
    model.compile(optimizer=optimizer, loss=bb.loss.CrossEntropy())
    assert optimizer.steps == 0 and not optimizer.moments["mean"].any()


def test_batch_sizes_of_all_kinds():
    for batch_size in (1, 3, 8, 9, 10**9):
        assert ready([L.Linear(3)], NARROW, FEW, batch_size=batch_size).optimizer.steps == -(-8 // batch_size)


def test_ids_are_looked_up_and_not_scaled():
    ids = RNG.integers(0, 200, (20, 5)).astype(np.uint8)
    model = ready([L.Embedding(200, 4), L.Flatten(), L.Linear(2)], ids, ids[:, 0] % 2)
    assert np.array_equal(model.predict(ids), model.predict(ids.astype(int)))
    with pytest.raises(UsageError, match="layer 0 'embedding_0' looks up ids: expected whole numbers from 0 to 199"):
        model.predict(ids + 100)


def test_a_summary_adds_up():
    model = bb.Sequential(classic())
    model.build((28, 28))
    summary = model.summary()
    assert [row.output_shape for row in summary.rows] == [(26, 26, 4), (26, 26, 4), (13, 13, 4), (676,), (10,)]
    assert summary.parameters == len(model.params) == 40 + 6770
    assert summary.multiply_adds == 26 * 26 * 36 + 6760
    assert summary.rows[0].activation_bytes == 4 * 26 * 26 * 4
    assert "6,810 parameters: 27,240 B in float32, 6,810 B in int8" in str(summary)
    assert "conv2d_0   26x26x4" in str(summary) and len(str(summary).splitlines()) == 9


def test_predictions_that_overflow_are_an_error():
    model = ready([L.Linear(3)], NARROW, FEW)
    for X in (np.full((1, 6), 1e300), np.full((1, 6), np.nan), np.full((1, 6), 3e38, np.float32)):
        with pytest.raises(ConvergenceError, match="the prediction is not a finite number"):
            model.predict(X)


# --- state -----------------------------------------------------------------------------------------------------------


def test_state_is_a_copy_and_goes_back_bit_for_bit():
    model = ready([L.Linear(4), L.BatchNorm(), L.Linear(3)], NARROW, FEW)
    state, outputs = model.state(), model.predict(NARROW)
    model.fit(NARROW, FEW, epochs=3)
    assert not np.array_equal(model.predict(NARROW), outputs)
    model.load_state(state)
    assert np.array_equal(model.predict(NARROW), outputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("linear_0/bias"), "differ in 'linear_0/bias'"),
        (lambda s: s.update(extra=np.zeros(1, np.float32)), "differ in 'extra'"),
        (
            lambda s: s.update({"linear_0/bias": np.zeros(1, np.float32)}),
            r"expected float32 \(3,\), got float32 \(1,\)",
        ),
        (lambda s: s.update({"linear_0/bias": np.zeros(3)}), r"expected float32 \(3,\), got float64 \(3,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    model = ready([L.Linear(3)], NARROW, FEW)
    state, before = model.state(), model.params.values.copy()
    for array in state.values():
        array += 1
    change(state)
    with pytest.raises(UsageError, match=message):
        model.load_state(state)
    assert np.array_equal(model.params.values, before)


# --- files -----------------------------------------------------------------------------------------------------------

EVERY_KIND = [
    L.Conv2D(3, kernel=(3, 2), stride=1, padding="same", initializer="lecun"), L.LeakyReLU(0.2), L.MaxPool(2),
    L.Conv2D(2), L.Sigmoid(), L.AvgPool((2, 1), stride=1), L.BatchNorm(momentum=0.5), L.Dropout(0.1), L.Flatten(),
    L.Linear(6, initializer="glorot"), L.Tanh(), L.Linear(4), L.ReLU(), L.Linear(3),
]  # fmt: skip


def test_saved_and_loaded_bit_for_bit(tmp_path):
    path, again = tmp_path / "model.safetensors", tmp_path / "again.safetensors"
    layers = [type(layer)(**layer.config()) for layer in EVERY_KIND]
    model = ready(layers, PIXELS, LABELS % 3, bb.loss.CrossEntropy(label_smoothing=0.1))
    model.meta = {"classes": ["a", "b", "c"], "data": {"name": "x", "rows": 40}}
    model.save(path)
    loaded = bb.Sequential.load(path)
    assert loaded.predict(PIXELS).tobytes() == model.predict(PIXELS).tobytes()
    assert {n: a.tobytes() for n, a in loaded.state().items()} == {n: a.tobytes() for n, a in model.state().items()}
    assert [layer.config() for layer in loaded.layers] == [layer.config() for layer in model.layers]
    assert loaded.evaluate(PIXELS, LABELS % 3) == model.evaluate(PIXELS, LABELS % 3)
    assert (
        loaded.meta["classes"] == ["a", "b", "c"] and loaded.meta["kind"] == "sequential" and loaded.seed == model.seed
    )
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("loss", [bb.loss.MAE(), bb.loss.Huber(0.25)])
def test_quantities_at_every_step_of_a_sequence_are_learned_by_losses_that_a_file_keeps(loss, tmp_path):
    X = RNG.normal(size=(12, 5, 2)).astype(np.float32)
    y = X.sum(axis=2, keepdims=True)
    model = ready([L.RNN(4), L.Linear(1)], X, y, loss, epochs=30, batch_size=4)
    assert model.history[-1]["train_loss"] < 0.9 * model.history[0]["train_loss"]
    model.save(tmp_path / "m")
    loaded = bb.load(tmp_path / "m")
    assert type(loaded.loss) is type(loss) and loaded.loss.config() == loss.config()
    assert loaded.evaluate(X, y) == model.evaluate(X, y)


def test_what_is_frozen_is_counted_and_kept_in_the_file(tmp_path):
    chain = [L.Conv2D(2), L.BatchNorm(), L.Flatten(), L.Linear(3)]
    model = ready(chain, PIXELS, LABELS % 3)
    assert "not trained" not in str(model.summary())
    model.save(tmp_path / "free")
    assert "frozen" not in saving.load_model(tmp_path / "free")[1]
    model.layers[0].trainable = model.layers[1].trainable = model.layers[3].bias.requires_grad = False
    assert [row.not_trained for row in model.summary().rows] == [20, 4, 0, 3]
    assert "27 of them not trained" in str(model.summary()).splitlines()
    model.save(tmp_path / "m")
    loaded = bb.load(tmp_path / "m")
    assert [layer.trainable for layer in loaded.layers] == [False, False, True, True]
    assert loaded.summary() == model.summary()
    loaded.compile(bb.optimizers.AdamW(0.1, weight_decay=0.1), bb.loss.CrossEntropy())
    loaded.fit(PIXELS, LABELS % 3)
    moved = [name for name, array in loaded.state().items() if (array != model.state()[name]).any()]
    assert moved == ["linear_0/weight"]
    loaded.trainable = True
    loaded.save(tmp_path / "m")
    assert bb.load(tmp_path / "m").summary().not_trained == 0


def test_a_loaded_model_can_be_trained_further(tmp_path):
    model = ready([L.Linear(3)], NARROW, FEW)
    model.save(tmp_path / "m")
    loaded = bb.Sequential.load(tmp_path / "m")
    with pytest.raises(UsageError, match=r"fit\(\) before compile"):
        loaded.fit(NARROW, FEW)
    loaded.compile(optimizer=bb.optimizers.Adam(0.1), loss=bb.loss.CrossEntropy())
    assert loaded.fit(NARROW, FEW, epochs=5)[-1]["train_loss"] < model.evaluate(NARROW, FEW)["loss"]


def test_epochs_go_on_in_a_loaded_model(tmp_path):
    model = ready([L.Linear(3)], NARROW, FEW, epochs=4)
    model.save(tmp_path / "m")
    loaded = bb.Sequential.load(tmp_path / "m")
    loaded.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    assert loaded.epoch == 4 and loaded.fit(NARROW, FEW)[0]["epoch"] == 5


class Doubled(bb.loss.CrossEntropy):
    def measure(self, outputs, y):
        return super().measure(outputs, y) * 2


class CrossEntropy(Doubled):
    """Has the name of a loss that files know, and is another."""


@pytest.mark.parametrize("loss", [Doubled, CrossEntropy])
def test_a_model_with_a_loss_of_ones_own_loads_without_it(loss, tmp_path):
    keeper = bb.callbacks.ModelCheckpoint(tmp_path / "m", "train_loss")
    model = ready([L.Linear(3)], NARROW, FEW, loss(), callbacks=[keeper])
    loaded = bb.Sequential.load(tmp_path / "m")
    assert np.array_equal(loaded.predict(NARROW), model.predict(NARROW))
    with pytest.raises(UsageError, match=r"evaluate\(\) before compile"):
        loaded.evaluate(NARROW, FEW)
    loaded.save(tmp_path / "again")  # says nothing of a loss that is not there
    assert "loss" not in saving.load_model(tmp_path / "again")[1]


def test_every_loss_of_ours_comes_back_from_a_file(tmp_path):
    for loss in (bb.loss.MSE(), bb.loss.BinaryCrossEntropy((1, 3)), bb.loss.SquaredError()):
        ready([L.Linear(1)], NARROW, (FEW[:, None] > 0), loss).save(tmp_path / "m")
        assert type(bb.Sequential.load(tmp_path / "m").loss) is type(loss)
    ready([L.Linear(3)], NARROW, FEW, bb.loss.CrossEntropy(ignore=np.int64(-1))).save(tmp_path / "m")
    assert bb.Sequential.load(tmp_path / "m").loss.ignore == -1


def test_the_kind_of_model_is_asked_for(tmp_path):
    model = ready([L.Linear(3)], NARROW, FEW)
    model.meta = {"kind": "rnn"}
    model.save(tmp_path / "m")
    assert bb.Sequential.load(tmp_path / "m", kind="rnn").meta["kind"] == "rnn"
    with pytest.raises(InputError, match="this is an rnn model: expected mnist"):
        bb.Sequential.load(tmp_path / "m", kind="mnist")


class Mine(L.Layer):
    def __call__(self, x, training=False):
        return x * 2


class Linear(L.Linear):
    """Has the name of a layer that files know, and is another."""


@pytest.mark.parametrize("layer", [Mine, lambda: Linear(6)])
def test_the_state_of_a_model_goes_into_another_of_the_same_layers(layer):
    model = ready([L.Linear(6), layer(), L.Linear(3)], NARROW, FEW, epochs=2)
    other = bb.Sequential([L.Linear(6), layer(), L.Linear(3)])
    other.build((6,))
    other.load_state(model.state())
    assert np.array_equal(other.predict(NARROW), model.predict(NARROW))


def forged(tmp_path, change):
    """A valid file whose description and tensors were changed before it was written."""
    model = ready([L.Linear(6), L.BatchNorm(), L.Linear(3)], NARROW, FEW)
    path = tmp_path / "forged"
    model.save(path)
    tensors, meta = saving.load_model(path)
    change(tensors, meta)
    saving.save_model(path, tensors, meta)
    return path


def put(meta, i, **entry):
    meta["layers"][i] |= entry


HUGE = {"kind": "Linear", "config": {"units": 2**29}}
FORGERIES = {
    "an unknown layer": (
        lambda t, m: put(m, 0, kind="os.system"),
        "unknown layer 'os.system'",
    ),
    "a hidden attribute": (lambda t, m: put(m, 0, kind="__class__"), "unknown layer"),
    "the base class": (lambda t, m: put(m, 0, kind="Layer"), "unknown layer"),
    "a kind that is a list": (lambda t, m: put(m, 0, kind=["Linear"]), "its description is malformed"),
    "an unknown loss": (lambda t, m: m.update(loss={"kind": "eval", "config": {}}), "unknown loss"),
    "shapes that do not chain": (
        lambda t, m: put(m, 0, config={"units": 5}),
        r"layer 0 'linear_0' expects its weight to be: expected \(6, 5\), got \(6, 6\)",
    ),
    "another input": (
        lambda t, m: m.update(input_shape=[7]),
        r"expects its weight to be: expected \(7, 6\), got \(6, 6\)",
    ),
    "a declared huge layer": (
        lambda t, m: put(m, 2, config={"units": 2**29}),
        r"layer 2 'linear_1' expects its weight",
    ),
    "a huge layer more": (lambda t, m: m["layers"].append(HUGE), r"layer 3 'linear_2' expects its weight .*got none"),
    "a huge input": (lambda t, m: m.update(input_shape=[2**40]), "expects its weight to be"),
    "a huge table": (
        lambda t, m: m["layers"].insert(0, {"kind": "Embedding", "config": {"ids": 2**40, "dim": 8}}),
        "layer 0 'embedding_0' expects its table to be",
    ),
    "a number for what is frozen": (lambda t, m: m.update(frozen=7), "its description is malformed"),
    "a penalty below 0": (lambda t, m: m["layers"][0]["config"].update(l2=-1), "l2: expected a number from 0, got -1"),
    "no input shape": (lambda t, m: m.update(input_shape=[]), r"needs \(batch, features\), got \(batch\)"),
    "an averaging layer without axes": (
        lambda t, m: m.update(input_shape=[], layers=[{"kind": "BatchNorm", "config": {}}]),
        r"needs \(batch, \.\.\., features\)",
    ),
    "text for a shape": (
        lambda t, m: m.update(input_shape="six"),
        "input_shape: expected a list of whole numbers from 1, got 'six'",
    ),
    "a number for a shape": (lambda t, m: m.update(input_shape=6), "input_shape: expected a list of whole numbers"),
    **{
        f"{size!r} for a size": (lambda t, m, size=size: m.update(input_shape=[size]), "input_shape: expected a whole")
        for size in (6.0, "!", False, True, None, 0, -6, [6])
    },
    "no layers": (lambda t, m: m.update(layers=[]), "a model needs at least one layer"),
    "layers that are text": (lambda t, m: m.update(layers="Linear"), "its description is malformed"),
    "nothing about layers": (lambda t, m: m.pop("layers"), "its description is malformed"),
    "no seed": (lambda t, m: m.pop("seed"), "its description is malformed"),
    "a seed of text": (lambda t, m: m.update(seed="x"), r"malformed|seed: expected a whole number"),
    "settings that nobody knows": (
        lambda t, m: put(m, 0, config={"units": 6, "hook": "os"}),
        "its description is malf",
    ),
    "settings that are a list": (lambda t, m: put(m, 0, config=[6]), "its description is malformed"),
    "settings out of range": (lambda t, m: put(m, 0, config={"units": -6}), "units: expected a whole number from 1"),
    "a missing tensor": (lambda t, m: t.pop("linear_1/bias"), "layer 2 'linear_1' expects its bias .* got none"),
    "a missing average": (lambda t, m: t.pop("batchnorm_0/mean"), "differ in 'batchnorm_0/mean'"),
    "a tensor too many": (lambda t, m: t.update(extra=np.zeros(3, np.float32)), "differ in 'extra'"),
    "an average that would be repeated": (
        lambda t, m: t.update({"batchnorm_0/mean": np.zeros(1, np.float32)}),
        r"'batchnorm_0/mean' does not fit: expected float32 \(6,\), got float32 \(1,\)",
    ),
    "doubles that float32 cannot hold": (
        lambda t, m: t.update({"linear_1/bias": np.full(3, 1e300)}),
        r"'linear_1/bias' does not fit: expected float32 \(3,\), got float64",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_file_that_describes_no_model_is_refused(name, tmp_path):
    change, message = FORGERIES[name]
    path = forged(tmp_path, change)
    with pytest.raises(InputError, match=message) as error:
        bb.Sequential.load(path)
    assert error.value.where == str(path) and "train it again" in error.value.fix


def test_a_huge_layer_in_a_small_file_is_refused_before_anything_is_allocated(tmp_path):
    import tracemalloc

    for name in ("a declared huge layer", "a huge layer more", "a huge table"):
        path = forged(tmp_path, FORGERIES[name][0])
        tracemalloc.start()
        try:
            with pytest.raises(InputError):
                bb.Sequential.load(path)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


def test_weights_that_overflow_at_first_use_load_and_do_not_predict(tmp_path):
    path = forged(tmp_path, lambda t, m: [t[f"linear_{i}/weight"].fill(1e38) for i in (0, 1)])
    model = bb.Sequential.load(path)
    with pytest.raises(ConvergenceError, match="the prediction is not a finite number"):
        model.predict(NARROW)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.safetensors"):
        bb.Sequential.load(tmp_path / "gone.safetensors")


# --- without asserts -------------------------------------------------------------------------------------------------

GUARDS = """
import sys, numpy as np, braininabox as bb
if __debug__:
    sys.exit("asserts are not stripped")
L, X, y = bb.layers, np.ones((8, 6), np.float32), np.arange(8) % 3
x = bb.Tensor([1.0, 2.0], requires_grad=True)

def changed():
    z = x * x
    x[0] = 3.0
    z.sum().backward()

def twice():
    z = (x * x).sum()
    z.backward()
    z.backward()

def fit(layers, X=X, y=y, loss=None, **settings):
    model = bb.Sequential(layers)
    model.compile(optimizer=bb.optimizers.Adam(), loss=loss or bb.loss.CrossEntropy())
    model.fit(X, y, **settings)
    return model

guards = [
    changed, twice, lambda: bb.Tensor("a"), lambda: x @ x, lambda: x.reshape(3), lambda: (x * 2).backward(),
    lambda: L.Linear(0), lambda: L.Conv2D(2, padding="full"), lambda: bb.optimizers.SGD(lr=-1),
    lambda: fit([L.Linear(2)]), lambda: fit([L.Linear(3)], y=y - 1), lambda: fit([L.Linear(3)], batch_size=0),
    lambda: fit([L.Linear(3)], epochs=0), lambda: fit([L.Linear(3), L.ReLU]), lambda: fit([L.Conv2D(2)]),
    lambda: fit([L.Linear(3)], X=X[:5]), lambda: fit([L.Linear(3)], X=X * np.nan), lambda: fit([L.Linear(10**9)]),
    lambda: fit([L.Linear(2)], y=X[:, 0], loss=bb.loss.MSE()), lambda: fit([L.Linear(3)]).predict(X[0]),
    lambda: fit([L.Linear(3), L.Softmax()]), lambda: bb.Sequential([L.Linear(3)]).fit(X, y),
    lambda: bb.loss.MSE()(bb.Tensor(X), X[:1]), lambda: bb.data.stratified_split(y, 1.5),
    lambda: bb.Sequential.load("/nonexistent/model"), lambda: fit([L.Linear(3)]).load_state({}),
]
for i, guard in enumerate(guards):
    try:
        guard()
    except bb.BrainboxError:
        continue
    sys.exit(f"guard {i} let it through")
print(len(guards))
"""


def test_no_guard_is_an_assert():
    run = subprocess.run(
        [sys.executable, "-O", "-W", "error", "-c", GUARDS], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "26\n", "")


def test_the_public_names():
    assert all(hasattr(bb, name) for name in bb.__all__)
    assert issubclass(UsageError, BrainboxError) and json.dumps(bb.__version__)
    assert dir(bb) == sorted(bb.__all__)


@pytest.mark.parametrize("name", [name for name in bb.__all__ if inspect.ismodule(getattr(bb, name))])
def test_a_module_shows_what_it_offers_and_nothing_that_it_imports(name):
    module = getattr(bb, name)
    offers = dir(module)
    assert offers and offers == dir(module)
    for offer in offers:
        value = getattr(module, offer)
        assert not offer.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value))
        assert value.__module__.startswith("brainbox_core")
    for offer, value in vars(module).items():  # and all of it
        if not offer.startswith("_") and getattr(value, "__module__", "").startswith(module.__name__):
            assert offer in offers


def test_sequences_of_another_length_go_through_a_recurrent_model():
    model = bb.Sequential([L.Embedding(7, 4), L.GRU(5), L.Linear(7)])
    model.build((6,))
    for time in (1, 6, 9):
        ids = np.arange(2 * time).reshape(2, time) % 7
        assert model.forward(model.inputs(ids)).shape == (2, time, 7)


def test_a_model_from_a_file_draws_no_weights(tmp_path, monkeypatch):
    kinds = [L.Embedding(7, 4), L.LSTM(5), L.GRU(5), L.RNN(5), L.Dropout(0.5), L.Linear(7)]
    model, ids = bb.Sequential(kinds), np.arange(8).reshape(2, 4) % 7
    model.build((4,))
    model.save(tmp_path / "model")

    def fail(*_):
        raise AssertionError("drawn in vain")

    monkeypatch.setattr(np.linalg, "qr", fail)
    monkeypatch.setattr(bb.initializers, "_normal", fail)
    again = bb.Sequential.load(tmp_path / "model")
    assert np.array_equal(again.predict(ids), model.predict(ids))
    with pytest.raises(AssertionError, match="in vain"):
        bb.Sequential([L.Linear(2)]).build((3,))


def test_pixels_have_the_shape_of_pictures_and_a_table_of_uint8_holds_numbers():
    table = np.array([[0, 200], [7, 1]], np.uint8)
    model = bb.Sequential([L.Linear(1)])
    model.build((2,))
    assert np.array_equal(model.predict(table), model.predict(table.astype(np.int64)))
    for shape in ((2, 2), (2, 2, 1), (2, 2, 3)):
        pixels = (np.arange(3 * math.prod(shape)) % 256).astype(np.uint8).reshape(3, *shape)
        model = bb.Sequential([L.Flatten(), L.Linear(1)])
        model.build(shape)
        np.testing.assert_allclose(model.predict(pixels), model.predict(pixels / 255), rtol=1e-5)
    ids = np.array([[0, 1], [2, 3]], np.uint8)[:, :, None]
    model = bb.Sequential([L.Flatten(), L.Embedding(4, 2)])
    model.build((2, 1))
    assert np.array_equal(model.predict(ids), model.predict(ids.astype(np.int64)))
