"""Checkpoints: a training that was stopped at any batch goes on to the same bits; another training is refused."""

import json
import warnings
from functools import partial
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import BrainboxError, InputError, UsageError
from brainbox_core.layers.recurrent import carried
from brainbox_core.network import saving
from brainbox_core.training import checkpoint, loop
from brainbox_core.training.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau

L = bb.layers
RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (37, 8, 8), np.uint8)
LABELS = RNG.integers(0, 3, 37)
TABLE = RNG.normal(size=(37, 4)).astype(np.float32)
NUMBERS = (TABLE @ RNG.normal(size=(4, 1)) + 1).astype(np.float32)


class Stop(Exception):  # noqa: N818
    """Ends a training after some batches."""


class StopAt(Callback):
    def __init__(self, batches):
        self.left = batches

    def on_batch_end(self, model, logs):
        self.left -= 1
        if not self.left:
            raise Stop


def convolutional():
    chain = [L.Conv2D(3, kernel=3), L.BatchNorm(), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Dropout(0.3), L.Linear(3)]
    model = bb.Sequential(chain, seed=3)
    model.compile(bb.optimizers.Adam(bb.schedules.OneCycle(0.01, steps=40)), bb.loss.CrossEntropy())
    return model


def frozen():
    model = convolutional()
    model.layers[0].trainable = model.layers[1].trainable = False
    return model


def dense(optimizer=lambda: bb.optimizers.SGD(0.05, momentum=0.9, nesterov=True)):
    model = bb.Sequential([L.Linear(5), L.Tanh(), L.Dropout(0.2), L.Linear(1)], seed=1)
    model.compile(optimizer(), bb.loss.MSE())
    return model


def recurrent():
    model = bb.Sequential([L.LSTM(4), L.Dropout(0.5), L.GRU(3), L.Linear(1)], seed=2)
    model.compile(bb.optimizers.RMSprop(0.01, clip_norm=0.5), bb.loss.MSE())
    return model


class SetRate(Callback):
    """Sets the learning rate at given steps, in place of the schedule."""

    def on_batch_end(self, model, logs):
        rate = {4: 0.02, 9: bb.schedules.Cosine(0.03, steps=30)}.get(logs["step"])
        if rate is not None:
            model.optimizer.lr = rate


class Thaw(Callback):
    """Trains the norm from the second epoch on, the convolution from the third, and the bias of the last until then."""

    def on_epoch_end(self, model, logs):
        convolution, norm, *_, last = model.layers
        norm.trainable, convolution.trainable = True, logs["epoch"] > 1
        last.bias.requires_grad = logs["epoch"] < 2


# What to build, what to fit, and with which arguments; callbacks are made anew every time.
CASES = {
    "cnn": (
        convolutional, IMAGES, LABELS,
        {"epochs": 5, "batch_size": 8, "validation_split": 0.2, "augment": bb.augment.Warp(shift=1, rotation=9)},
        lambda path: [EarlyStopping(patience=2), ModelCheckpoint(path)],
    ),
    "layers that thaw": (
        frozen, IMAGES, LABELS, {"epochs": 4, "batch_size": 8}, lambda path: [Thaw()],
    ),
    "drop last": (dense, TABLE, NUMBERS, {"epochs": 3, "batch_size": 10, "drop_last": True}, lambda path: []),
    "validation data": (
        partial(dense, lambda: bb.optimizers.AdamW(bb.schedules.Step(0.02, every=5))), TABLE, NUMBERS,
        {"epochs": 4, "batch_size": 16, "validation_data": (TABLE[:9] + 1, NUMBERS[:9])},
        lambda path: [EarlyStopping("train_loss", 1)],
    ),
    "a rate that is set": (
        partial(dense, lambda: bb.optimizers.SGD(bb.schedules.Step(0.02, every=3), 0.9, weight_decay=0.01)),
        TABLE, NUMBERS, {"epochs": 4, "batch_size": 10}, lambda path: [SetRate()],
    ),
    "smaller steps on a plateau": (
        partial(dense, lambda: bb.optimizers.Adam(0.2)), TABLE, NUMBERS,
        {"epochs": 9, "batch_size": 16, "validation_split": 0.3},
        lambda path: [ReduceLROnPlateau(factor=0.4, patience=1, cooldown=1, min_delta=1e-3)],
    ),
    "one batch": (
        partial(dense, lambda: bb.optimizers.Adagrad(bb.schedules.Cosine(0.1, steps=4, warmup=2))), TABLE, NUMBERS,
        {"epochs": 4, "batch_size": 64, "validation_split": 0.25}, lambda path: [],
    ),
    "recurrent": (
        recurrent, TABLE.reshape(37, 4, 1), np.repeat(NUMBERS[:, None], 4, axis=1),
        {"epochs": 2, "batch_size": 16}, lambda path: [],
    ),
}  # fmt: skip


def bits(model, history):
    """All that a training leaves, to be compared."""
    moments = {name: moment.tobytes() for name, moment in model.optimizer.moments.items()}
    weights = {name: array.tobytes() for name, array in model.state().items()}
    timeless = [{name: value for name, value in row.items() if name != "time_s"} for row in history]
    own = [{name: value for name, value in row.items() if name != "time_s"} for row in model.history]
    return weights, moments, model.optimizer.steps, model.optimizer.norm, timeless, own, model.epoch, model.meta


@pytest.mark.parametrize("case", CASES)
def test_a_training_that_was_stopped_at_any_batch_ends_with_the_same_bits(case, tmp_path):
    build, X, y, arguments, callbacks = CASES[case]
    path, best, batches = tmp_path / "checkpoint", tmp_path / "best", 0

    class Count(Callback):
        def on_batch_end(self, model, logs):
            nonlocal batches
            batches += 1

    whole = build()
    expected = bits(whole, whole.fit(X, y, callbacks=[*callbacks(best), Count()], **arguments))
    kept = best.read_bytes() if best.exists() else None
    for stop in range(1, batches + 1):
        best.unlink(missing_ok=True)
        with pytest.raises(Stop):
            build().fit(X, y, callbacks=[*callbacks(best), Checkpoint(path), StopAt(stop)], **arguments)
        model = bb.load(path)
        assert bits(model, model.fit(X, y, callbacks=callbacks(best), **arguments))[:-1] == expected[:-1], stop
        assert model.meta["ranges" if "ranges" in expected[-1] else "kind"] == expected[-1].get("ranges", "sequential")
        assert kept is None or best.read_bytes() == kept


def test_it_may_be_stopped_again_and_again(tmp_path):
    build, X, y, arguments, callbacks = CASES["cnn"]
    whole, path = build(), tmp_path / "checkpoint"
    expected = bits(whole, whole.fit(X, y, callbacks=callbacks(tmp_path / "best"), **arguments))
    model, stops = build(), 0
    while True:
        try:
            own = [Checkpoint(path), *callbacks(tmp_path / "best"), StopAt(2)]
            history = model.fit(X, y, callbacks=own, **arguments)
        except Stop:
            model, stops = bb.load(path), stops + 1
        else:
            break
    assert bits(model, history)[:-1] == expected[:-1] and stops > 4


@pytest.mark.parametrize("moment", ["on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_callback_may_save_at_any_place_among_those_that_remember(moment, place, tmp_path):
    build, X, y, arguments, callbacks = CASES["cnn"]
    path = tmp_path / "checkpoint"
    whole = build()
    expected = bits(whole, whole.fit(X, y, callbacks=callbacks(tmp_path / "best"), **arguments))
    for stop in (1, 2, 3):

        class Save(Callback):
            left = stop

            def at(self, model, logs):
                self.left -= 1
                if not self.left:
                    model.save(path, checkpoint=True)
                    raise Stop

        setattr(Save, moment, Save.at)
        own = callbacks(tmp_path / "best")
        own.insert(place, Save())
        with pytest.raises(Stop):
            build().fit(X, y, callbacks=own, **arguments)
        model = bb.load(path)
        history = model.fit(X, y, callbacks=callbacks(tmp_path / "best"), **arguments)
        assert bits(model, history)[:-1] == expected[:-1], stop


def test_a_model_of_the_task_takes_a_training_up(tmp_path):
    build, X, y, arguments, _ = CASES["one batch"]
    whole = build()
    expected = bits(whole, whole.fit(X, y, **arguments))
    with pytest.raises(Stop):
        build().fit(X, y, callbacks=[Checkpoint(tmp_path / "c"), StopAt(3)], **arguments)
    model = build()
    model.unfinished = checkpoint.read(tmp_path / "c")
    assert bits(model, model.fit(X, y, **arguments)) == expected


def test_what_is_carried_from_batch_to_batch_is_kept(tmp_path):
    X, y = CASES["recurrent"][1:3]
    batches = bb.data.DataLoader(X[:36], y[:36], 12, shuffle=False)

    class Loader:  # as that of a task: no ranges are measured with it
        settings: ClassVar = {}
        epoch, fingerprint = batches.epoch, batches.fingerprint

        def __len__(self):
            return 3

    def run(*callbacks, path=None):
        model = recurrent()
        model.build((4, 1))
        if path:
            model.unfinished = checkpoint.read(path)
        with carried(model.layers):
            return bits(model, loop.train(model, Loader(), 3, None, callbacks))

    expected = run()
    for stop in range(1, 10):
        with pytest.raises(Stop):
            run(Checkpoint(tmp_path / "c"), StopAt(stop))
        assert run(path=tmp_path / "c") == expected


@pytest.mark.parametrize("name", CASES)
def test_saved_after_fit_the_next_fit_is_that_of_the_same_process(name, tmp_path):
    build, X, y, arguments, _ = CASES[name]
    model = build()
    model.fit(X, y, **arguments)
    model.save(tmp_path / "c", checkpoint=True)
    again = bb.load(tmp_path / "c")
    assert again.epoch == model.epoch == arguments["epochs"]
    expected = bits(model, model.fit(X, y, **arguments))
    assert bits(again, again.fit(X, y, **arguments))[:-1] == expected[:-1]


def test_saved_at_the_last_epoch_it_is_complete_and_goes_on_for_more(tmp_path):
    build, X, y, arguments, _ = CASES["validation data"]
    arguments = {**arguments, "validation_data": (TABLE[:9] * 50, NUMBERS[:9])}  # the first epochs are the best
    longer, model = build(), build()
    expected = bits(longer, longer.fit(X, y, **{**arguments, "epochs": 7}))
    complete = bits(model, model.fit(X, y, **arguments, callbacks=[Checkpoint(tmp_path / "c")]))
    again = bb.load(tmp_path / "c")
    assert bits(again, again.fit(X, y, **arguments))[:-1] == complete[:-1]
    model = bb.load(tmp_path / "c")
    assert bits(model, model.fit(X, y, **{**arguments, "epochs": 7}))[:-1] == expected[:-1]


def test_one_that_was_stopped_early_stays_stopped(tmp_path):
    build, X, y, arguments, _ = CASES["validation data"]
    arguments = {**arguments, "epochs": 30, "validation_data": (TABLE[:9] * 50, NUMBERS[:9])}
    model = build()
    history = model.fit(X, y, callbacks=[EarlyStopping(patience=2), Checkpoint(tmp_path / "c")], **arguments)
    again = bb.load(tmp_path / "c")
    assert len(history) < 30
    assert (
        bits(again, again.fit(X, y, callbacks=[EarlyStopping(patience=2)], **arguments))[:-1]
        == bits(model, history)[:-1]
    )


def stopped(path, **changes):
    """A file of a training that was stopped in the middle of its second epoch."""
    build, X, y, arguments, _ = CASES["cnn"]
    with pytest.raises(Stop):
        own = [EarlyStopping(patience=3), Checkpoint(path), StopAt(6)]
        build().fit(X, y, callbacks=own, **{**arguments, **changes})
    return path


CHANGES = {
    "batch_size": {"batch_size": 9},
    "drop_last": {"drop_last": True},
    "validation_split": {"validation_split": 0.3},
    "augment": {"augment": None},
    "shift": {"augment": bb.augment.Warp(shift=2, rotation=9)},
    "epochs": {"epochs": 4},
    "patience": {"callbacks": [EarlyStopping(patience=4)]},
    "min_delta": {"callbacks": [EarlyStopping(patience=3, min_delta=0.1)]},
    "monitor": {"callbacks": [EarlyStopping("train_loss", patience=3)]},
    "earlystopping_0": {"callbacks": []},
    "modelcheckpoint_0": {"callbacks": [EarlyStopping(patience=3), ModelCheckpoint("best")]},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_setting_is_refused_by_name(name, tmp_path):
    _, X, y, arguments, _ = CASES["cnn"]
    model = bb.load(stopped(tmp_path / "c"))
    before = model.state()
    same = {"callbacks": [EarlyStopping(patience=3)], **arguments}
    with pytest.raises(UsageError, match=name):
        model.fit(X, y, **{**same, **CHANGES[name]})
    assert all(np.array_equal(before[key], value) for key, value in model.state().items())
    assert len(model.fit(X, y, **same)) == 5  # it is still there to go on with
    assert len(bb.load(tmp_path / "c").fit(X, y, **{**same, "epochs": 6})) == 6


@pytest.mark.parametrize(
    ("optimizer", "loss", "name"),
    [
        (bb.optimizers.Adam(bb.schedules.OneCycle(0.02, steps=40)), None, "`lr`.*expected 0.01, got 0.02"),
        (bb.optimizers.Adam(bb.schedules.OneCycle(0.01, steps=41)), None, "`steps`"),
        (bb.optimizers.Adam(0.01), None, "`lr`.*expected 'OneCycle', got 'Constant'"),
        (bb.optimizers.Adam(bb.schedules.OneCycle(0.01, steps=40), beta1=0.8), None, "`beta1`"),
        (bb.optimizers.Adam(bb.schedules.OneCycle(0.01, steps=40), clip_norm=1), None, "`clip_norm`"),
        (bb.optimizers.AdamW(bb.schedules.OneCycle(0.01, steps=40)), None, "`optimizer`.*expected 'Adam', got 'AdamW'"),
        (bb.optimizers.Adam(bb.schedules.OneCycle(0.01, steps=40)), bb.loss.MSE(), "`loss`"),
    ],
)
def test_another_optimizer_is_refused_by_what_differs(optimizer, loss, name, tmp_path):
    _, X, y, arguments, _ = CASES["cnn"]
    model = bb.load(stopped(tmp_path / "c"))
    model.compile(optimizer, loss or model.loss)
    targets = y if loss is None else np.eye(3, dtype=np.float32)[y]
    with pytest.raises(UsageError, match=name):
        model.fit(X, targets, callbacks=[EarlyStopping(patience=3)], **arguments)


def test_another_seed_layer_or_frozen_layer_is_refused(tmp_path):
    build, X, y, arguments, _ = CASES["cnn"]
    saved = checkpoint.read(stopped(tmp_path / "c"))

    def fit(model):
        model.compile(bb.optimizers.Adam(bb.schedules.OneCycle(0.01, steps=40)), bb.loss.CrossEntropy())
        model.unfinished = saved
        model.fit(X, y, callbacks=[EarlyStopping(patience=3)], **arguments)

    chain = [L.Conv2D(3, kernel=3), L.BatchNorm(), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Dropout(0.3), L.Linear(3)]
    with pytest.raises(UsageError, match=r"`seed`.*expected 3, got 4"):
        fit(bb.Sequential(chain, seed=4))
    with pytest.raises(UsageError, match="`layers`"):
        fit(bb.Sequential([L.Flatten(), L.Linear(3)], seed=3))
    model = build()
    model.layers[0].trainable = False
    with pytest.raises(UsageError, match="`frozen`"):
        fit(model)


def test_frozen_layers_stay_frozen(tmp_path):
    _, X, y, arguments, _ = CASES["cnn"]
    whole = frozen()
    expected = bits(whole, whole.fit(X, y, **arguments))
    with pytest.raises(Stop):
        frozen().fit(X, y, callbacks=[Checkpoint(tmp_path / "c"), StopAt(6)], **arguments)
    model = bb.load(tmp_path / "c")
    assert bits(model, model.fit(X, y, **arguments))[:-1] == expected[:-1]


@pytest.mark.parametrize("change", ["a pixel", "a label", "two rows", "fewer rows"])
def test_other_data_are_refused(change, tmp_path):
    _, X, y, arguments, _ = CASES["cnn"]
    X, y = X.copy(), y.copy()
    if change == "a pixel":
        X[20, 3, 3] ^= 1
    elif change == "a label":
        y[5] = (y[5] + 1) % 3
    elif change == "two rows":
        row = int(np.flatnonzero(y == y[0])[1])
        X[[0, row]] = X[[row, 0]]
    else:
        X, y = X[:-1], y[:-1]
    model = bb.load(stopped(tmp_path / "c"))
    with pytest.raises(InputError, match="c: training data differs from checkpoint"):
        model.fit(X, y, callbacks=[EarlyStopping(patience=3)], **arguments)


def test_other_validation_data_are_refused(tmp_path):
    build, X, y, arguments, _ = CASES["validation data"]
    with pytest.raises(Stop):
        build().fit(X, y, callbacks=[Checkpoint(tmp_path / "c"), StopAt(4)], **arguments)
    other = {**arguments, "validation_data": (TABLE[:9] + 2, NUMBERS[:9])}
    with pytest.raises(InputError, match="training data differs"):
        bb.load(tmp_path / "c").fit(X, y, **other)


def test_another_machine_is_told_and_goes_on(tmp_path, monkeypatch):
    _, X, y, arguments, _ = CASES["cnn"]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    path = stopped(tmp_path / "c")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    with pytest.warns(UserWarning, match=r"correct, but bits may differ \(threads 2 -> 1\)"):
        bb.load(path).fit(X, y, callbacks=[EarlyStopping(patience=3)], **arguments)


def test_what_a_file_cannot_bring_back_is_compiled_again(tmp_path):
    def build():
        model = bb.Sequential([L.Linear(1)])
        model.compile(bb.optimizers.SGD(lambda step: 0.1 / (1 + step)), bb.loss.MSE())
        return model

    whole = build()
    expected = bits(whole, whole.fit(TABLE, NUMBERS, epochs=3))
    with pytest.raises(Stop):
        build().fit(TABLE, NUMBERS, epochs=3, callbacks=[Checkpoint(tmp_path / "c"), StopAt(4)])
    model = bb.load(tmp_path / "c")
    with pytest.raises(UsageError, match="before compile"):
        model.fit(TABLE, NUMBERS, epochs=3)
    model.compile(bb.optimizers.SGD(lambda step: 0.2 / (1 + step)), bb.loss.MSE())
    with pytest.raises(UsageError, match="`lr`"):
        model.fit(TABLE, NUMBERS, epochs=3)  # a lambda of another function
    again = build()
    again.unfinished = checkpoint.read(tmp_path / "c")
    assert bits(again, again.fit(TABLE, NUMBERS, epochs=3)) == expected


def test_a_callback_of_ones_own_remembers_arrays_and_numbers(tmp_path):
    class Sums(Callback):
        def on_train_begin(self, model, logs):
            self.total, self.rows = 0.0, np.zeros(3)

        def on_batch_end(self, model, logs):
            self.total += logs["train_loss"]
            self.rows[logs["batch"] % 3] += 1

        def on_epoch_end(self, model, logs):
            logs["total"] = np.float32(self.total)

        def state(self):
            return {"total": self.total, "rows": self.rows}

        def load_state(self, state):
            self.total, self.rows = state["total"], state["rows"]

    whole, model, one, two = dense(), dense(), Sums(), Sums()
    expected = whole.fit(TABLE, NUMBERS, epochs=4, batch_size=10, callbacks=[one])
    with pytest.raises(Stop):
        model.fit(TABLE, NUMBERS, epochs=4, batch_size=10, callbacks=[Sums(), Checkpoint(tmp_path / "c"), StopAt(9)])
    model = bb.load(tmp_path / "c")
    assert (
        bits(model, model.fit(TABLE, NUMBERS, epochs=4, batch_size=10, callbacks=[two]))[4] == bits(whole, expected)[4]
    )
    assert (one.total, one.rows.tolist()) == (two.total, two.rows.tolist())


def test_a_history_of_anything_that_json_knows_comes_back(tmp_path):
    rows = [
        {"epoch": 1, "loss": 0.1, "odd": float("nan"), "flag": True, "note": "a\nb", "wide": 2**70, "none": None},
        {"epoch": 2, "loss": -0.0, "odd": float("-inf"), "flag": False, "note": "", "wide": 1, "late": np.float64(3)},
    ]
    model = dense()
    model.fit(TABLE, NUMBERS)
    model.history = rows
    history = checkpoint.History(model)
    state = history.state()
    json.dumps({name: value for name, value in state.items() if not isinstance(value, np.ndarray)}, allow_nan=False)
    model.history = []
    history.load_state(state)
    assert repr(model.history) == repr([rows[0], {**rows[1], "late": 3.0}])
    model.history = [{"epoch": 1, "picture": np.zeros(2)}]
    with pytest.raises(UsageError, match="'picture' in the logs of an epoch is nothing that a file can hold"):
        history.state()


def test_a_long_history_fits_into_a_file(tmp_path):
    model = dense()
    model.fit(TABLE, NUMBERS)
    model.history = [{**model.history[0], "epoch": epoch} for epoch in range(100_000)]
    model.training._parts["loop"].history = model.history
    model.save(tmp_path / "c", checkpoint=True)
    assert bb.load(tmp_path / "c").history == model.history


def test_there_is_nothing_to_go_on_with_before_a_training_or_after_half_a_step(tmp_path):
    model = dense()
    model.build((4,))
    with pytest.raises(UsageError, match="checkpoint"):
        model.save(tmp_path / "c", checkpoint=True)
    with pytest.raises(BrainboxError):
        model.fit(TABLE * np.inf, NUMBERS, callbacks=[Checkpoint(tmp_path / "c")])
    with pytest.raises(UsageError, match="diverged or broke off in the middle of a step"):
        model.save(tmp_path / "c", checkpoint=True)
    assert not (tmp_path / "c").exists()
    model.save(tmp_path / "m")
    with pytest.raises(InputError, match="holds a model and no training"):
        checkpoint.read(tmp_path / "m")
    assert bb.load(tmp_path / "m").unfinished is None


def test_a_checkpoint_is_a_model_like_any_other(tmp_path):
    _, X, _, _, _ = CASES["cnn"]
    model = bb.load(stopped(tmp_path / "c"))
    model.save(tmp_path / "m")
    plain = bb.load(tmp_path / "m")
    assert plain.unfinished is None and "checkpoint" not in plain.meta
    assert np.array_equal(plain.predict(X), model.predict(X))
    from safetensors.numpy import load_file

    assert "checkpoint/optimizer/mean" in load_file(tmp_path / "c")


def test_a_copy_has_had_no_training(tmp_path):
    import copy
    import pickle

    model = bb.load(stopped(tmp_path / "c"))
    _, X, y, arguments, _ = CASES["cnn"]
    model.fit(X, y, callbacks=[EarlyStopping(patience=3)], **arguments)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.training is None


def damaged(path, change):
    """The checkpoint with something else in its description or its arrays, and a checksum that is right."""
    arrays, meta = saving.load_model(path)
    arrays = dict(arrays)
    change(meta["checkpoint"], arrays)
    saving.save_model(path, arrays, meta)


def put(*keys, value):
    def change(document, arrays):
        place = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


DAMAGES = {
    "no parts": lambda document, arrays: document.pop("parts"),
    "no loop": lambda document, arrays: document["parts"].pop("loop"),
    "no settings": lambda document, arrays: document.pop("settings"),
    "no optimizer": lambda document, arrays: document["settings"].pop("optimizer"),
    "parts": put("parts", value=[]),
    "batch": put("parts", "loop", "batch", value=10**9),
    "epochs": put("parts", "loop", "epochs", value=-1),
    "total": put("parts", "loop", "total", value="x"),
    "known": put("parts", "loop", "known", value=7),
    "steps": put("parts", "optimizer", "steps", value=1.5),
    "a schedule of os": put("parts", "optimizer", "lr", "kind", value="os.system"),
    "a rate of 0": put("parts", "optimizer", "lr", value={"kind": "Constant", "config": {"lr": 0}}),
    "a schedule of the user's own": put("parts", "optimizer", "lr", value=None),
    "frozen": put("parts", "frozen", "names", value=7),
    "names": put("parts", "history", "names", value=["epoch", "gone"]),
    "no moment": lambda document, arrays: arrays.pop("checkpoint/optimizer/mean"),
    "a moment of another size": lambda document, arrays: arrays.update(
        {"checkpoint/optimizer/mean": np.zeros(3, np.float32)}
    ),
    "best of another layer": lambda document, arrays: arrays.update(
        {"checkpoint/loop/best/linear_0/weight": np.zeros(3, np.float32)}
    ),
    "waited": put("parts", "earlystopping_0", "waited", value=None),
    "best": put("parts", "earlystopping_0", "best", value={}),
    "an optimizer of os": put("settings", "optimizer", "kind", value="os.system"),
    "machine": put("machine", value="x"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_checkpoint_that_describes_no_training_is_refused(name, tmp_path):
    _, X, y, arguments, _ = CASES["cnn"]
    damaged(stopped(tmp_path / "c"), DAMAGES[name])
    with pytest.raises((InputError, UsageError)), warnings.catch_warnings():
        bb.load(tmp_path / "c").fit(X, y, callbacks=[EarlyStopping(patience=3)], **arguments)


def test_when_a_checkpoint_is_written(tmp_path, monkeypatch):
    now, written = 0.0, []

    class Clock(Callback):
        def on_batch_end(self, model, logs):
            nonlocal now
            now += 10

    class Model:
        training = SimpleNamespace(whole=True)

        def save(self, path, checkpoint):
            nonlocal now
            written.append(now)
            now += 0.5

    monkeypatch.setattr("time.monotonic", lambda: now)
    keeper, clock, model = Checkpoint(tmp_path / "c"), Clock(), Model()
    keeper.on_train_begin(model, {})
    for _ in range(7):
        clock.on_batch_end(model, {})
        keeper.on_batch_end(model, {})
    assert written == [30.0, 60.5]
    keeper.on_epoch_end(model, {})  # 10 seconds after the last one, which took half a second
    assert len(written) == 2
    now += 20
    keeper.on_epoch_end(model, {})
    assert len(written) == 3
    keeper.on_train_end(model, {})
    assert len(written) == 3  # nothing is new
    keeper.on_batch_end(model, {})
    keeper.on_train_end(model, {})
    assert len(written) == 4
