"""What happens beside training: stopping early, smaller steps, saving the best model, keeping what it takes to go on.

A callback sees a dictionary `logs` at each of four moments and may set `model.stop_training`.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.schedules import Constant

if TYPE_CHECKING:  # the command line shows progress without NumPy, which a network needs
    from brainbox_core.network.learner import Learner, Logs


class Callback:
    """Does nothing at every moment; override those you want.

    Each is given the model that is trained, such as a `Sequential`.

    Example:
        >>> class Goal(Callback):
        ...     def on_epoch_end(self, model, logs):
        ...         model.stop_training = logs["train_loss"] < 0.1
        >>> # model.fit(X, y, epochs=100, callbacks=[Goal()])
    """

    def on_train_begin(self, model: Any, logs: Logs) -> None:
        """Before the first batch. logs: epochs (in all), epoch (done before), batches (an epoch)."""

    def on_batch_end(self, model: Any, logs: Logs) -> None:
        """After each update. logs: epoch, batch, batches, step, train_loss (mean so far), lr, gradient_norm."""

    def on_epoch_end(self, model: Any, logs: Logs) -> None:
        """After each epoch. logs: epoch, train_loss, val_loss and other metrics, lr, time_s."""

    def on_train_end(self, model: Any, logs: Logs) -> None:
        """At the end, also of a run that failed. logs: best_epoch, history (the logs of every epoch)."""

    def state(self) -> Mapping[str, Any]:
        """What it knows of the training, for a checkpoint: arrays, and values in JSON types, by name.

        A training that goes on gives it to `load_state` of a new callback of the same class. One that does not override
        this has nothing to remember, and may be there or not.
        """
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state()` gave; called after `on_train_begin`."""


_ERRORS = re.compile(
    r"loss|errors?|deviation|(cross)?entropy|perplexity|ppl|gradient|brier|distance|divergence|regret|hinge|pinball|logcosh|"
    r"nll|ece|bits|bpc|kld?|[cw]er|f[pn]r|n?r?ms[le]e?|n?r?mse|n?mae|[sw]?mape|mase"
)
_SCORES = re.compile(
    r"accuracy|acc|precision|recall|sensitivity|specificity|score|f\d|fbeta|(roc|pr)?auc|auroc|auprc|m?ap|r2|corr|correlation|"
    r"pearson|spearman|kappa|mcc|m?iou|jaccard|dice|bleu|rouge|similarity|likelihood|psnr|ssim|ndcg|mrr|tpr|tnr|hits?|gain|lift"
)


def direction(metric: str) -> int | None:
    """-1 for the name of an error, where less is better, 1 for that of a score; None for a name that says neither.

    Example:
        >>> direction("val_nll"), direction("val_accuracy"), direction("val_temperature")
        (-1, 1, None)
    """
    words = re.split(r"[^a-z0-9]+", metric.lower())
    for sign, known in ((-1, _ERRORS), (1, _SCORES)):  # the error of a score is an error
        if any(known.fullmatch(word) for word in words):
            return sign
    return -1 if re.search("loss|error|entropy|rmse", metric.lower()) else 1 if "accuracy" in metric.lower() else None


def lower_is_better(metric: str) -> bool:
    """Whether a metric of this name is an error (less is better); a name that says nothing is taken for a score.

    Example:
        >>> lower_is_better("val_loss"), lower_is_better("val_accuracy")
        (True, False)
    """
    return direction(metric) == -1


def better(value: float, best: float | None, sign: int, min_delta: float = 0.0) -> bool:
    """Whether a value of a metric is better than the best before it; NaN never is.

    Args:
        value: of this epoch.
        best: None if there was none.
        sign: -1 where less is better, 1 where more is.
        min_delta: it has to be better by more than this.

    Example:
        >>> better(0.9, 1.0, -1), better(0.9, 1.0, -1, min_delta=0.2)
        (True, False)
    """
    return not math.isnan(value) and (best is None or sign * value > sign * best + min_delta)


class _Watcher(Callback):
    """Knows the best value of a metric so far; with each training it begins anew."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        if mode not in ("auto", "min", "max"):
            raise UsageError("mode", expected="auto, min or max", got=repr(mode))
        sign = direction(monitor) if mode == "auto" else -1 if mode == "min" else 1
        if sign is None:
            what = f"the name '{monitor}' does not say whether less is better"
            raise UsageError(what, fix="give `mode`: 'min' for an error, 'max' for a score")
        self.monitor, self.mode, self.sign = monitor, mode, sign
        self.min_delta = between("min_delta", min_delta, 0)
        self.best: float | None = None

    def on_train_begin(self, model: Learner, logs: Logs) -> None:
        self.best = None

    def state(self) -> Mapping[str, Any]:
        return {"best": None if self.best is None else float(self.best).hex()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.best = None if state["best"] is None else float.fromhex(state["best"])

    def improved(self, logs: Logs) -> bool:
        """Whether this epoch is better than all before it."""
        if self.monitor not in logs:
            known = ", ".join(name for name, value in logs.items() if isinstance(value, int | float))
            raise UsageError(f"there is no metric '{self.monitor}'", expected=known, fix="give fit() validation data")
        value = logs[self.monitor]
        if not better(value, self.best, self.sign, self.min_delta):
            return False
        self.best = value
        return True


class _Waiter(_Watcher):
    """Counts the epochs since a metric improved."""

    def __init__(self, monitor: str, mode: str, min_delta: float, patience: int):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.waited = whole("patience", patience), 0

    def on_train_begin(self, model: Learner, logs: Logs) -> None:
        super().on_train_begin(model, logs)
        self.waited = 0

    def state(self) -> Mapping[str, Any]:
        return {**super().state(), "waited": self.waited}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self.waited = whole("waited", state["waited"], 0)

    def out_of_patience(self, logs: Logs) -> bool:
        """Whether this epoch is one too many without improvement."""
        self.waited = 0 if self.improved(logs) else self.waited + 1
        return self.waited >= self.patience


class EarlyStopping(_Waiter):
    """Ends training once a metric has not improved for some epochs. (`fit` restores the best weights in any case.)

    It begins anew with each training, so that one serves several models.

    Args:
        monitor: the metric's name in the epoch's logs.
        patience: epochs without improvement that are put up with.
        mode: `min` where less is better, `max` where more is; `auto` goes by the name, and refuses an unknown one.
        min_delta: an epoch has improved if it is better than the best by more than this, in the metric's unit.

    Example:
        >>> stopper = EarlyStopping("val_accuracy", patience=2, min_delta=0.01)
        >>> [stopper.out_of_patience({"val_accuracy": value}) for value in (0.8, 0.9, 0.905, 0.909)]
        [False, False, False, True]
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 3, mode: str = "auto", min_delta: float = 0.0):
        super().__init__(monitor, mode, min_delta, patience)

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        if self.out_of_patience(logs):
            model.stop_training = True


class ReduceLROnPlateau(_Waiter):
    """Multiplies the learning rate by a factor each time that a metric has not improved for some epochs.

    The rate stays where it is after the training; with each training the callback begins anew. A schedule sets the rate
    of every step by itself, so an optimizer that follows one is refused.

    Args:
        monitor: the metric's name in the epoch's logs.
        factor: what each reduction multiplies by, above 0 and below 1.
        patience: epochs without improvement that are put up with.
        mode: `min` where less is better, `max` where more is; `auto` goes by the name, and refuses an unknown one.
        min_delta: an epoch has improved if it is better than the best by more than this, in the metric's unit.
        cooldown: epochs after a reduction that do not count as ones without improvement.
        min_lr: the rate is not made smaller than this.

    Raises:
        UsageError: at the beginning of a training, if the learning rate follows a schedule.

    Example:
        >>> import numpy as np
        >>> import braininabox as bb
        >>> X = np.linspace(-1, 1, 32, dtype=np.float32).reshape(-1, 1)
        >>> model = bb.Sequential([bb.layers.Linear(1)])
        >>> model.compile(optimizer=bb.optimizers.SGD(lr=0.8), loss=bb.loss.MAE())
        >>> slower = ReduceLROnPlateau("train_loss", factor=0.5, patience=2)
        >>> history = model.fit(X, 3 * X, epochs=30, callbacks=[slower])
        >>> history[0]["lr"], model.optimizer.lr < 0.1
        (0.8, True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "auto",
        min_delta: float = 0.0,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta, patience)
        self.factor = between("factor", factor, 0, 1, above=True, below=True)
        self.cooldown, self.min_lr = whole("cooldown", cooldown, 0), between("min_lr", min_lr, 0)
        self.cooling = 0

    def on_train_begin(self, model: Learner, logs: Logs) -> None:
        super().on_train_begin(model, logs)
        self.cooling = 0
        if not isinstance(model.optimizer.schedule, Constant):
            what = "ReduceLROnPlateau reduces a learning rate that a schedule would set again at every step"
            raise UsageError(what, fix="give the optimizer a number as `lr`, or leave out one of the two")

    def state(self) -> Mapping[str, Any]:
        return {**super().state(), "cooling": self.cooling}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self.cooling = whole("cooling", state["cooling"], 0)

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        out_of_patience = self.out_of_patience(logs)
        if self.cooling:
            self.cooling, self.waited = self.cooling - 1, 0
        elif out_of_patience:
            self.cooling, self.waited = self.cooldown, 0
            lr = max(model.optimizer.lr * self.factor, self.min_lr)
            if 0 < lr < model.optimizer.lr:  # 0 only below the smallest number that a float holds
                model.optimizer.lr = lr


class ModelCheckpoint(_Watcher):
    """Saves the model after every epoch in which a metric improved on those of the same training.

    Args:
        path: the model file, which is replaced as a whole.
        monitor: the metric's name in the epoch's logs.
        mode: as for `EarlyStopping`.

    Example:
        >>> keep = ModelCheckpoint("best.safetensors", monitor="val_accuracy")
        >>> # model.fit(X, y, epochs=100, validation_split=0.2, callbacks=[keep])
        >>> keep.improved({"val_accuracy": 0.5}), keep.improved({"val_accuracy": 0.6})
        (True, True)
    """

    def __init__(self, path: str | Path, monitor: str = "val_loss", mode: str = "auto"):
        super().__init__(monitor, mode)
        self.path = Path(path)

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        if self.improved(logs):
            model.save(self.path)


class Checkpoint(Callback):
    """Keeps the training in a file, from which it can go on as if it had never stopped.

    The file is written when an epoch ends, within epochs that take longer than `seconds`, and when the training ends or
    is interrupted. An epoch's end that comes so soon that writing would take more than a fiftieth of the time is passed
    over. Then `bb.load(path)` gives a model whose next `fit` with the same arguments goes on.

    Args:
        path: the file, which is replaced as a whole.
        seconds: the most work that a crash may cost.

    Example:
        >>> import tempfile, numpy as np, braininabox as bb
        >>> model, path = bb.Sequential([bb.layers.Linear(1)]), tempfile.mkdtemp() + "/training"
        >>> model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.MSE())
        >>> X = np.ones((4, 2), np.float32)
        >>> history = model.fit(X, X[:, :1], epochs=3, callbacks=[bb.callbacks.Checkpoint(path)])
        >>> bb.load(path).epoch
        3
    """

    def __init__(self, path: str | Path, seconds: float = 30.0):
        self.path, self.seconds = Path(path), between("seconds", seconds, 0)
        self._saved, self._cost, self._new = 0.0, 0.0, False

    def on_train_begin(self, model: Learner, logs: Logs) -> None:
        self._saved, self._cost, self._new = time.monotonic(), 0.0, False

    def on_batch_end(self, model: Learner, logs: Logs) -> None:
        self._new = True
        if time.monotonic() - self._saved >= self.seconds:
            self._save(model)

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        self._new = True
        if time.monotonic() - self._saved >= 50 * self._cost:
            self._save(model)

    def on_train_end(self, model: Learner, logs: Logs) -> None:
        if self._new and model.training is not None and model.training.whole:
            self._save(model)

    def _save(self, model: Learner) -> None:
        begun = time.monotonic()
        model.save(self.path, checkpoint=True)
        self._saved, self._new = time.monotonic(), False
        self._cost = self._saved - begun
