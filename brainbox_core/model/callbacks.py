"""What happens beside training: stopping early, saving the best model.

A callback sees a dictionary `logs` at each of four moments and may set `model.stop_training`.
"""

from __future__ import annotations

import math
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


def lower_is_better(metric: str) -> bool:
    """Whether a metric of this name is an error (less is better) or a score (more is better).

    Example:
        >>> lower_is_better("val_loss"), lower_is_better("val_accuracy")
        (True, False)
    """
    return any(part in metric for part in ("loss", "error", "mse", "mae", "bits", "perplexity", "gradient"))


class _Watcher(Callback):
    """Knows the best value of a metric so far."""

    def __init__(self, monitor: str):
        self.monitor = monitor
        self.best: float | None = None
        self.sign = -1 if lower_is_better(monitor) else 1

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

    Args:
        monitor: the metric's name in the epoch's logs.
        patience: epochs without improvement that are put up with.
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 3):
        super().__init__(monitor)
        self.patience, self.waited = whole("patience", patience), 0

    def on_epoch_end(self, model: Network, logs: Logs) -> None:
        self.waited = 0 if self.improved(logs) else self.waited + 1
        if self.waited >= self.patience:
            model.stop_training = True


class ModelCheckpoint(_Watcher):
    """Saves the model after every epoch in which a metric improved.

    Args:
        path: the model file, which is replaced as a whole.
        monitor: the metric's name in the epoch's logs.
    """

    def __init__(self, path: str | Path, monitor: str = "val_loss"):
        super().__init__(monitor)
        self.path = Path(path)

    def on_epoch_end(self, model: Network, logs: Logs) -> None:
        if self.improved(logs):
            model.save(self.path)
