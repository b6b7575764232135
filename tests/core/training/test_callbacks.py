"""Callbacks: told in order and to the end."""

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.training.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
    better,
    direction,
    lower_is_better,
)

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
Y = X[:, :1] * 2 + 1


def model(lr=0.01, seed=0):
    made = bb.Sequential([bb.layers.Linear(4), bb.layers.Tanh(), bb.layers.Linear(1)], seed=seed)
    made.compile(optimizer=bb.optimizers.SGD(lr=lr), loss=bb.loss.MSE())
    return made


class Diary(Callback):
    def __init__(self, stop_at=None):
        self.pages, self.stop_at = [], stop_at

    def on_train_begin(self, model, logs):
        self.pages.append(("begin", dict(logs)))

    def on_batch_end(self, model, logs):
        self.pages.append(("batch", dict(logs)))

    def on_epoch_end(self, model, logs):
        self.pages.append(("epoch", dict(logs)))
        if logs["epoch"] == self.stop_at:
            model.stop_training = True

    def on_train_end(self, model, logs):
        self.pages.append(("end", dict(logs)))


def test_every_moment_is_told_in_order_with_its_logs():
    diary, trained = Diary(), model()
    history = trained.fit(X, Y, epochs=2, batch_size=5, validation_split=0.25, callbacks=[diary])
    assert [name for name, _ in diary.pages] == ["begin", *["batch", "batch", "epoch"] * 2, "end"]
    begin, *_, end = (logs for _, logs in diary.pages)
    assert begin == {"epochs": 2, "epoch": 0, "batches": 2}
    batches = [logs for name, logs in diary.pages if name == "batch"]
    assert [(b["epoch"], b["batch"], b["step"]) for b in batches] == [(1, 1, 1), (1, 2, 2), (2, 1, 3), (2, 2, 4)]
    assert all(b.keys() == {"epoch", "batch", "batches", "step", "train_loss", "lr", "gradient_norm"} for b in batches)
    epochs = [logs for name, logs in diary.pages if name == "epoch"]
    assert epochs == history and list(epochs[0]) == ["epoch", "train_loss", "val_loss", "lr", "time_s"]
    assert batches[1]["train_loss"] == epochs[0]["train_loss"]
    assert end["history"] == history and end["best_epoch"] in (1, 2)


def test_a_second_fit_goes_on_counting():
    diary, trained = Diary(), model()
    trained.fit(X, Y, epochs=2)
    trained.fit(X, Y, epochs=3, callbacks=[diary])
    assert diary.pages[0][1] == {"epochs": 5, "epoch": 2, "batches": 1}
    assert [logs["epoch"] for name, logs in diary.pages if name == "epoch"] == [3, 4, 5]
    assert [logs["epoch"] for logs in trained.history] == [1, 2, 3, 4, 5]


def test_the_end_is_told_also_when_training_fails():
    one, two, trained = Diary(), Diary(), model()
    bad = X.copy()
    bad[3] = np.nan
    with pytest.raises(ConvergenceError):
        trained.fit(bad, Y, callbacks=[one, two])
    assert [name for name, _ in one.pages] == [name for name, _ in two.pages] == ["begin", "end"]
    assert one.pages[-1][1] == {"best_epoch": None, "history": []}


def test_the_end_is_told_also_when_a_callback_fails_or_the_user_interrupts():
    for error in (RuntimeError, KeyboardInterrupt):

        class Broken(Callback):
            def on_batch_end(self, model, logs, error=error):
                raise error

        diary = Diary()
        with pytest.raises(error):
            model().fit(X, Y, callbacks=[diary, Broken()])
        assert diary.pages[-1][0] == "end"


def test_any_callback_can_stop_and_the_next_fit_starts_fresh():
    trained = model()
    assert len(trained.fit(X, Y, epochs=9, callbacks=[Diary(stop_at=3)])) == 3
    assert len(trained.fit(X, Y, epochs=2)) == 2


class Script:
    """Stands for a model: what callbacks touch of one."""

    stop_training = False

    def __init__(self, lr=1.0):
        self.saved, self.optimizer = [], bb.optimizers.SGD(lr=lr)

    def save(self, path):
        self.saved.append(path)


def losses(callback, values, name="val_loss"):
    """How many epochs a callback lets pass."""
    script = Script()
    for epoch, value in enumerate(values, start=1):
        callback.on_epoch_end(script, {"epoch": epoch, name: value})
        if script.stop_training:
            return epoch
    return None


NAN = float("nan")


@pytest.mark.parametrize(
    ("patience", "values", "stops"),
    [
        (1, [3, 2, 1, 1, 0], 4), (2, [3, 2, 4, 5, 1], 4), (2, [3, 4, 2, 4, 1, 5], None), (3, [1, 1, 1, 1], 4),
        (2, [NAN, NAN, 1], 2), (2, [2, NAN, 1, NAN, NAN], 5), (1, [1, 0.999999], None),
    ],
)  # fmt: skip
def test_early_stopping_counts_epochs_without_improvement(patience, values, stops):
    assert losses(EarlyStopping(patience=patience), values) == stops


@pytest.mark.parametrize(
    ("mode", "min_delta", "values", "stops"),
    [
        ("min", 0.5, [3, 2.6, 2.5, 2.4], 3), ("min", 0.5, [3, 2.6, 2.4, 2.2, 1.8], None), ("min", 0, [1, 1, 1], 3),
        ("max", 0.5, [1, 1.4, 1.6, 2.2, 2.3, 2.6], 6), ("max", 0.5, [1, 1.6, 2.2], None), ("min", 0, [1, 1, 0], None),
        ("auto", 0.25, [float("inf"), 9, 8.75, 8.7], None), ("auto", 0.25, [1, 0.9, NAN], 3),
    ],
)  # fmt: skip
def test_an_epoch_has_improved_if_it_is_better_by_more_than_min_delta(mode, min_delta, values, stops):
    """Than the best so far and not than the epoch before: many small steps are an improvement in the end."""
    assert losses(EarlyStopping(patience=2, mode=mode, min_delta=min_delta), values) == stops


def test_better_is_strict_and_takes_anything_for_better_than_nothing():
    assert better(5.0, None, -1) and better(5.0, None, 1) and better(float("inf"), None, 1)
    assert not better(5.0, 5.0, -1) and not better(5.0, 5.0, 1)
    assert not better(NAN, None, -1) and not better(NAN, 5.0, 1)


def test_more_is_better_for_scores_and_less_for_errors():
    assert losses(EarlyStopping("val_accuracy", patience=1), [0.5, 0.6, 0.7, 0.6], "val_accuracy") == 4
    assert all(lower_is_better(name) for name in ("train_loss", "val_rmse", "mae", "error_rate"))
    assert not any(lower_is_better(name) for name in ("val_f1", "accuracy", "val_accuracy"))


@pytest.mark.parametrize(
    "callback", [EarlyStopping(), ModelCheckpoint("never.safetensors")], ids=lambda c: type(c).__name__
)
def test_a_metric_that_is_not_there_is_an_error_that_says_which_are(callback):
    with pytest.raises(
        UsageError, match=r"there is no metric 'val_loss': expected epoch, train_loss, .*validation data"
    ):
        model().fit(X, Y, callbacks=[callback])


def test_the_direction_is_known_or_given_or_refused():
    for name in ("val_nll", "val_mape", "val_brier", "rmse", "val_cross_entropy", "val_wer", "score_error"):
        assert direction(name) == -1, name
    for name in ("val_f1", "val_roc_auc", "val_r2", "top5_accuracy", "val_average_precision", "mcc", "val_mAP"):
        assert direction(name) == 1, name
    for make in (EarlyStopping, ReduceLROnPlateau, lambda name, **more: ModelCheckpoint("x", name, **more)):
        with pytest.raises(UsageError, match="'val_heat' does not say whether less is better; give `mode`"):
            make("val_heat")
        with pytest.raises(UsageError, match=r"^mode: expected auto, min or max, got 'lower'$"):
            make("val_heat", mode="lower")
        assert make("val_heat", mode="min").sign == -1 and make("val_loss", mode="max").sign == 1
    assert losses(EarlyStopping("val_heat", 1, mode="min"), [3, 2, 1, 1], "val_heat") == 4
    assert losses(EarlyStopping("val_loss", 1, mode="max"), [3, 2], "val_loss") == 2


def test_a_callback_begins_anew_with_each_training(tmp_path):
    stopper, keeper = EarlyStopping("train_loss", patience=2), ModelCheckpoint(tmp_path / "best", "train_loss")
    for scale in (1, 2, 3):
        trained = model()
        assert len(trained.fit(X * scale, Y * scale * 10, epochs=6, callbacks=[stopper, keeper])) == 6
        assert np.array_equal(bb.Sequential.load(tmp_path / "best").predict(X), trained.predict(X))


def test_early_stopping_in_a_real_run():
    trained = model(lr=1e-12)  # learns nothing that float32 could hold
    history = trained.fit(X, Y, epochs=50, validation_data=(X, Y), callbacks=[EarlyStopping(patience=2)])
    assert len(history) < 10


def test_a_checkpoint_is_saved_at_every_improvement_and_only_then():
    script, callback = Script(), ModelCheckpoint("best.safetensors")
    saved = []
    for value in (3, 4, 2, NAN, 2, 1):
        callback.on_epoch_end(script, {"val_loss": value})
        saved.append(len(script.saved))
    assert saved == [1, 1, 2, 2, 2, 3]


def test_the_checkpoint_on_disk_is_the_best_model(tmp_path):
    path, trained = tmp_path / "best.safetensors", model()
    trained.fit(X, Y, epochs=5, validation_data=(X, Y), callbacks=[ModelCheckpoint(path)])
    assert np.array_equal(bb.Sequential.load(path).predict(X), trained.predict(X))


# --- the learning rate on a plateau ----------------------------------------------------------------------------------


def rates(callback, values, lr=1.0):
    """The learning rate after each epoch."""
    script, seen = Script(lr), []
    for value in values:
        callback.on_epoch_end(script, {callback.monitor: value})
        seen.append(script.optimizer.lr)
    return seen


def test_the_rate_is_reduced_on_each_plateau_and_no_further_than_min_lr():
    slower = ReduceLROnPlateau(factor=0.5, patience=2)
    assert rates(slower, [3, 2, 2, 2, 2, 2, 1, 1, 1]) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]
    assert rates(ReduceLROnPlateau(factor=0.1, patience=1, min_lr=0.02), [1, 1, 1, 1]) == [1, 0.1, 0.02, 0.02]
    assert rates(ReduceLROnPlateau(factor=0.1, patience=1, min_lr=5), [1, 1, 1]) == [1, 1, 1]  # it is never raised
    assert rates(ReduceLROnPlateau("val_f1", factor=0.5, patience=1), [1, 2, 2, 3]) == [1, 1, 0.5, 0.5]
    least = rates(ReduceLROnPlateau(factor=0.1, patience=1), [1] * 400)
    assert 0 < least[-1] == least[-2] < 1e-320  # a rate of 0 is none


def test_epochs_after_a_reduction_may_be_left_out_of_the_count():
    for cooldown, expected in ((0, 4), (1, 5), (3, 7)):  # the second reduction of 1 1 1 1 ...
        slower = ReduceLROnPlateau(factor=0.5, patience=2, cooldown=cooldown)
        seen = rates(slower, [1] * 9)
        assert [seen.index(rate) for rate in (0.5, 0.25)] == [2, expected]


@pytest.mark.parametrize("seed", range(6))
def test_the_rate_on_a_plateau_beside_pytorch(seed):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    random = np.random.default_rng(seed)
    values = np.round(random.random(60), 2).tolist()  # rounded, so that some are equal
    mode, patience, cooldown = ("min", "max")[seed % 2], 1 + seed % 3, seed % 4
    settings = {"mode": mode, "factor": 0.5, "cooldown": cooldown, "min_lr": 1e-3}
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, patience=patience - 1, threshold=0.03, threshold_mode="abs", eps=0, **settings
    )
    expected = []
    for value in values:
        plateau.step(value)
        expected.append(theirs.param_groups[0]["lr"])
    assert rates(ReduceLROnPlateau(patience=patience, min_delta=0.03, **settings), values) == expected


def test_the_rate_stays_where_it_is_after_the_training_and_the_count_begins_anew():
    trained, slower = model(lr=1e-12), ReduceLROnPlateau("train_loss", 0.5, 2, min_delta=0.01)
    history = trained.fit(X, Y, epochs=4, callbacks=[slower])
    assert [logs["lr"] for logs in history] == [1e-12, 1e-12, 1e-12, 0.5e-12] and slower.waited == 1
    history = trained.fit(X, Y, epochs=3, callbacks=[slower])
    assert [logs["lr"] for logs in history] == [0.5e-12] * 3 and trained.optimizer.lr == 0.25e-12


def test_a_schedule_and_reductions_exclude_each_other():
    for schedule in (bb.schedules.Step(0.1, every=2), lambda step: 0.1):
        trained = model(lr=schedule)
        with pytest.raises(UsageError, match=r"a schedule would set again.*; give the optimizer a number as `lr`"):
            trained.fit(X, Y, callbacks=[ReduceLROnPlateau("train_loss")])
        trained.optimizer.lr = 0.1
        trained.fit(X, Y, callbacks=[ReduceLROnPlateau("train_loss")])


def test_the_rate_may_be_set_between_and_within_trainings():
    class Halve(Callback):
        def on_batch_end(self, model, logs):
            model.optimizer.lr = model.optimizer.lr / 2

    trained = model(lr=0.4)
    trained.fit(X, Y, batch_size=6, callbacks=[Halve()])
    assert trained.optimizer.lr == 0.1
    trained.optimizer.lr = 0.3
    assert trained.fit(X, Y)[0]["lr"] == 0.3
    for wrong in (0, -1, float("nan"), "fast", None):
        with pytest.raises(UsageError, match="lr: expected a number above 0"):
            trained.optimizer.lr = wrong
    assert trained.optimizer.lr == 0.3


@pytest.mark.parametrize(
    ("kind", "name", "wrong"),
    [
        *((kind, "patience", wrong) for kind in (EarlyStopping, ReduceLROnPlateau) for wrong in (0, -1, 1.5)),
        *((kind, "min_delta", wrong) for kind in (EarlyStopping, ReduceLROnPlateau) for wrong in (-0.1, NAN)),
        *((ReduceLROnPlateau, "factor", wrong) for wrong in (0, 1, 2, -0.5)),
        (ReduceLROnPlateau, "cooldown", -1), (ReduceLROnPlateau, "cooldown", 0.5), (ReduceLROnPlateau, "min_lr", -1),
    ],
)  # fmt: skip
def test_settings_are_checked(kind, name, wrong):
    with pytest.raises(UsageError, match=name):
        kind(**{name: wrong})


def test_a_plain_callback_does_nothing():
    assert len(model().fit(X, Y, callbacks=[Callback()])) == 1
