"""What happens beside training: stopping early, saving the best model.

A callback sees a dictionary `logs` at each of four moments and may set `model.stop_training`.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from brainbox_core.errors import UsageError, whole

if TYPE_CHECKING:  # the command line shows progress without NumPy, which a network needs
    from brainbox_core.model.network import Logs, Network


class Callback:
    """Does nothing at every moment; override those you want."""

    def on_train_begin(self, model: Network, logs: Logs) -> None:
        """Before the first batch. logs: epochs (in all), epoch (done before), batches (an epoch)."""

    def on_batch_end(self, model: Network, logs: Logs) -> None:
        """After each update. logs: epoch, batch, batches, step, train_loss (mean so far), lr, gradient_norm."""

    def on_epoch_end(self, model: Network, logs: Logs) -> None:
        """After each epoch. logs: epoch, train_loss, val_loss and other metrics, lr, time_s."""

    def on_train_end(self, model: Network, logs: Logs) -> None:
        """At the end, also of a run that failed. logs: best_epoch, history (the logs of every epoch)."""


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


class _Watcher(Callback):
    """Knows the best value of a metric so far; with each training it begins anew."""

    def __init__(self, monitor: str, mode: str):
        if mode not in ("auto", "min", "max"):
            raise UsageError("mode", expected="auto, min or max", got=repr(mode))
        sign = direction(monitor) if mode == "auto" else -1 if mode == "min" else 1
        if sign is None:
            what = f"the name '{monitor}' does not say whether less is better"
            raise UsageError(what, fix="give `mode`: 'min' for an error, 'max' for a score")
        self.monitor, self.mode, self.sign = monitor, mode, sign
        self.best: float | None = None

    def on_train_begin(self, model: Network, logs: Logs) -> None:
        self.best = None

    def improved(self, logs: Logs) -> bool:
        """Whether this epoch is better than all before it."""
        if self.monitor not in logs:
            known = ", ".join(name for name, value in logs.items() if isinstance(value, int | float))
            raise UsageError(f"there is no metric '{self.monitor}'", expected=known, fix="give fit() validation data")
        value = logs[self.monitor]
        if math.isnan(value) or (self.best is not None and self.sign * value <= self.sign * self.best):
            return False
        self.best = value
        return True


class EarlyStopping(_Watcher):
    """Ends training once a metric has not improved for some epochs. (`fit` restores the best weights in any case.)

    It begins anew with each training, so that one serves several models.

    Args:
        monitor: the metric's name in the epoch's logs.
        mode: `min` where less is better, `max` where more is; `auto` goes by the name, and refuses an unknown one.
        patience: epochs without improvement that are put up with.
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 3, mode: str = "auto"):
        super().__init__(monitor, mode)
        self.patience, self.waited = whole("patience", patience), 0

    def on_train_begin(self, model: Network, logs: Logs) -> None:
        super().on_train_begin(model, logs)
        self.waited = 0

    def on_epoch_end(self, model: Network, logs: Logs) -> None:
        self.waited = 0 if self.improved(logs) else self.waited + 1
        if self.waited >= self.patience:
            model.stop_training = True


class ModelCheckpoint(_Watcher):
    """Saves the model after every epoch in which a metric improved on those of the same training.

    Args:
        path: the model file, which is replaced as a whole.
        monitor: the metric's name in the epoch's logs.
        mode: as for `EarlyStopping`.
    """

    def __init__(self, path: str | Path, monitor: str = "val_loss", mode: str = "auto"):
        super().__init__(monitor, mode)
        self.path = Path(path)

    def on_epoch_end(self, model: Network, logs: Logs) -> None:
        if self.improved(logs):
            model.save(self.path)
