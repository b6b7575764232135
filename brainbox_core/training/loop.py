"""The training loop: batches forward and backward, one step of the optimizer, a look at the validation data."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from brainbox_core.data import DataLoader, fingerprint
from brainbox_core.errors import ConvergenceError, UsageError, between, whole
from brainbox_core.kernels.padded import Padded
from brainbox_core.kernels.rows import Rows, Together
from brainbox_core.layers import BatchNorm
from brainbox_core.layers.base import at_step
from brainbox_core.layers.regularization import penalty
from brainbox_core.network import ranges, sharing
from brainbox_core.network.building import Placed
from brainbox_core.network.feeding import are_finite
from brainbox_core.network.history import History, Logs
from brainbox_core.network.learner import Learner
from brainbox_core.tape import leaves
from brainbox_core.tensor import Tensor
from brainbox_core.training import checkpoint, steps
from brainbox_core.training.batches import Batches
from brainbox_core.training.callbacks import Callback, better
from brainbox_core.training.checkpoint import Part, Training
from brainbox_core.training.interrupts import Interrupts

_LOG = logging.getLogger("braininabox.training")

Validation = tuple[Rows, np.ndarray] | Callable[[], dict[str, float]]


def train(
    model: Learner,
    loader: Batches,
    epochs: int,
    validation: Validation | None,
    callbacks: Sequence[Callback],
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> History:
    """Train a built and compiled model; see `Sequential.fit`, which checks everything first.

    If the model has an `unfinished` training, that goes on. A signal that ends the program waits until a step is whole.

    Args:
        model: it ends with the weights of the epoch with the lowest validation loss.
        loader: gives the batches of an epoch.
        epochs: how many.
        validation: inputs and targets, or a function that measures the model by itself: `loss` and other metrics.
        callbacks: what looks on.
        settings: what else must be the same where a training goes on, by the name of the argument.

    Returns:
        The logs of every epoch: epoch, train_loss, the validation's metrics, lr, time_s.
    """
    loop = _Loop(model, len(loader), callbacks)
    parts: dict[str, Part] = {"optimizer": model.optimizer, "memory": checkpoint.Memory(model.layers), "loop": loop}
    told = {"epochs": whole("epochs", epochs), **settings, **loader.settings, "validation": validation is not None}
    told |= {"optimizer": model.optimizer, "loss": model.loss}
    given = () if validation is None or callable(validation) else validation
    training = Training(told, lambda: fingerprint(loader.fingerprint(), *given), model, parts, loop.remembering)
    saved = model.unfinished
    if saved is not None:
        training.check(saved)
    interrupts = Interrupts()
    with sharing.training(model), interrupts.installed(), _told(callbacks, model, training, loop.history) as end:
        if saved is not None:
            training.resume(saved)
        begin = {"epochs": model.epoch - len(loop.history) + epochs, "epoch": model.epoch, "batches": len(loader)}
        for callback in callbacks:
            callback.on_train_begin(model, begin)
        if saved is not None:
            training.remind(saved)
            if loop.told[-1] < len(loop.remembering):  # it was saved by a callback, and those behind do not know yet
                with interrupts:
                    loop.tell(*loop.told)
        while len(loop.history) < epochs and (loop.batch or not model.stop_training):
            if loop.last is not None:  # the training had ended with the weights of its best epoch
                model.load_state(loop.last)
                loop.last = None
            _epoch(model, loader, validation, loop, interrupts)
        if loop.best is not None and loop.best_epoch != model.epoch and loop.last is None:
            loop.last = model.state()
            model.load_state(loop.best)
        if isinstance(loader, DataLoader):
            ranges.record(model, loader)
        end["best_epoch"] = loop.best_epoch or model.epoch
    loop.ended = True
    training.end()
    return loop.history


class _Loop:
    """Where a training stands: what a checkpoint holds of it beside weights, optimizer and callbacks.

    Attributes:
        history: the logs of its epochs.
        batch: how many batches of the epoch that is under way are done.
        total, targets: the sum of their losses, and over how many targets.
        lr: the learning rate with which that epoch began.
        best_loss, best_epoch, best: of the best epoch, with its weights.
        last: the weights of the last epoch, once those of the best have taken their place.
        told: the moment that callbacks were told last, with its logs, and how many that remember something know of it.
        remembering: the callbacks that do, by name.
        ended: whether `fit` has returned.
    """

    def __init__(self, model: Learner, batches: int, callbacks: Sequence[Callback]):
        self._model, self._batches, self._callbacks = model, batches, callbacks
        self.history = History()
        self.batch, self.total, self.targets, self.lr = 0, 0.0, 0.0, 0.0
        self.begun, self.ended = time.monotonic(), False
        self.best_loss, self.best_epoch = math.inf, 0
        self.best: dict[str, np.ndarray] | None = None
        self.last: dict[str, np.ndarray] | None = None
        self.remembering: dict[str, Callback] = {}
        for callback in callbacks:
            if type(callback).state is not Callback.state:
                kind = type(callback).__name__.lower()
                count = sum(type(other) is type(callback) for other in self.remembering.values())
                self.remembering[f"{kind}_{count}"] = callback
        self.told: tuple[str, Logs, int] = ("on_batch_end", {}, len(self.remembering))

    def tell(self, moment: str, logs: Logs, known: int = 0) -> None:
        """Tell callbacks of a moment; of those that remember something the first ones may know of it already."""
        remembering = list(self.remembering.values())
        first = self._callbacks.index(remembering[known - 1]) + 1 if known else 0
        for callback in self._callbacks[first:]:
            known += callback in remembering
            self.told = moment, logs, known
            getattr(callback, moment)(self._model, logs)

    def state(self) -> checkpoint.State:
        arrays = {f"best/{name}": array for name, array in (self.best or {}).items()}
        arrays |= {f"last/{name}": array for name, array in (self.last or {}).items()}
        moment, logs, known = self.told
        return {
            "epochs": len(self.history),
            "batch": self.batch,
            "total": self.total,
            "targets": self.targets,
            "lr": self.lr,
            "seconds": time.monotonic() - self.begun,
            "best_loss": None if self.best is None else self.best_loss,
            "best_epoch": self.best_epoch,
            "stopped": self._model.stop_training,
            "moment": moment,
            "logs": logs if moment == "on_batch_end" and known < len(self.remembering) else {},
            "known": known,
            "ended": self.ended,
            **arrays,
        }

    def load_state(self, state: checkpoint.State) -> None:
        model = self._model
        self.history[:] = model.history[len(model.history) - whole("epochs", state["epochs"], 0, len(model.history)) :]
        self.batch = whole("batch", state["batch"], 0, self._batches)
        self.total, self.targets = between("total", state["total"]), between("targets", state["targets"], 0)
        self.lr, self.begun = between("lr", state["lr"], 0), time.monotonic() - between("seconds", state["seconds"], 0)
        if state["best_loss"] is not None:
            self.best_loss = between("best_loss", state["best_loss"])
        self.best_epoch = whole("best_epoch", state["best_epoch"], 0)
        for name in ("best", "last"):
            found = {key.partition("/")[2]: array for key, array in state.items() if key.startswith(f"{name}/")}
            if found:
                model.load_state(found)  # which checks it
                setattr(self, name, found)
        model.stop_training = state["stopped"] is True
        is_epoch = state["moment"] == "on_epoch_end"
        logs = self.history[-1] if is_epoch else dict(state["logs"])
        known = whole("known", state["known"], 0, len(self.remembering))
        self.told = "on_epoch_end" if is_epoch else "on_batch_end", logs, known


def _validated(model: Learner, validation: Validation) -> dict[str, float]:
    """What the validation finds, with a loss that is finite."""
    refused = None
    try:
        measured = validation() if callable(validation) else model.evaluate(*validation)
        if not math.isfinite(measured["loss"]):
            refused = f"the loss is {measured['loss']}"
    except ConvergenceError as error:
        refused = error.what
    if refused is not None:
        raise ConvergenceError(
            refused.replace("the loss", "the validation loss"),
            where=f"epoch {model.epoch + 1}",
            fix="look for validation inputs that are not finite or far outside those of the training",
        )
    return measured


def _epoch(model: Learner, loader: Batches, validation: Validation | None, loop: _Loop, interrupts: Interrupts) -> None:
    """One pass over the training data, or what is left of it, and a look at the validation data.

    The mean of the loss counts a batch by the targets that it has.
    """
    training = model.training
    if not loop.batch:
        loop.total, loop.targets, loop.lr, loop.begun = 0.0, 0.0, model.optimizer.lr, time.monotonic()
    for number, (x, y) in enumerate(loader.epoch(model.epoch + 1, loop.batch), start=loop.batch + 1):
        count = steps.counted(model, y)
        if not count:  # nothing to learn from, as in a batch of padding
            continue
        if not steps.mean_weight(model, y):  # its loss is 0
            with interrupts:
                loop.batch, loop.targets = number, loop.targets + count
            continue
        lr = model.optimizer.lr
        with interrupts:
            training.whole = False
            loss, norm = step(model, x, y, look=number == 1)
            loop.batch, loop.total, loop.targets = number, loop.total + loss * count, loop.targets + count
            training.whole = True
            logs: Logs = {"epoch": model.epoch + 1, "batch": number, "batches": len(loader), "lr": lr}
            logs |= {"step": model.optimizer.steps, "train_loss": loop.total / loop.targets, "gradient_norm": norm}
            loop.tell("on_batch_end", logs)
    if not loop.targets:
        raise UsageError("none of the training targets counts", fix="look at what the loss is to ignore")
    logs = {"epoch": model.epoch + 1, "train_loss": loop.total / loop.targets}
    if validation is not None:
        logs |= {f"val_{name}": value for name, value in _validated(model, validation).items()}
    with interrupts:
        model.epoch, loop.batch = model.epoch + 1, 0
        if validation is not None and better(logs["val_loss"], loop.best_loss, -1):
            loop.best_loss, loop.best_epoch, loop.best = logs["val_loss"], model.epoch, model.state()
        logs |= {"lr": loop.lr, "time_s": time.monotonic() - loop.begun}
        loop.history.append(logs)
        model.history.append(logs)
        loop.tell("on_epoch_end", logs)
    _LOG.info("trained an epoch: %s", logs)


def step(model: Learner, x: Rows, y: np.ndarray, look: bool = False) -> tuple[float, float]:
    """One update of the weights, or an error before it if the loss, a gradient or the update is not finite.

    Args:
        look: whether to look for what wants a gradient and is none of the model's parameters.

    Returns:
        The loss, and the length of the gradient before it is clipped.
    """
    parts = [part for layer in model.layers for part in layer.parts]
    at_step(parts, model.optimizer.steps)
    # BatchNorm takes every batch into its averages on the way forward; a bad one has to come out again.
    averages = [(array, array.copy()) for part in parts for array in part.buffers.values()]
    inputs, error = model.inputs(x), None
    with np.errstate(all="ignore"):  # overflow is looked for, and told with the layer's name
        outputs = model.forward(inputs, training=True)
        loss = steps.measure(model, outputs, y)
        if (extra := penalty(model.layers)) is not None:
            loss = loss + extra
        value = loss.item()
        if not math.isfinite(value):
            error = _diverged(model, f"loss is {value}", "the loss itself overflows", inputs)
        elif bad := next((part for part in parts for b in part.buffers.values() if not np.isfinite(b).all()), None):
            error = _diverged(model, "a running average is not finite", f"that of {bad.label} overflows", inputs)
        else:
            if look:
                _refuse_strangers(model, loss)
            if not loss.requires_grad:
                fix = "set layer.trainable = True of one, and make the loss of the model's outputs"
                raise UsageError("the loss depends on no weight that is trained", fix=fix)
            model.params.zero_grad()
            loss.backward()
            try:
                model.optimizer.step()
            except ConvergenceError as refused:
                named = model.params.named.items()
                sizes = {name: np.abs(weight.grad).max() for name, weight in named if weight.grad is not None}
                largest = f", and {max(sizes, key=sizes.__getitem__)} has the largest gradient"
                error = _diverged(model, refused.what, "its length overflows", inputs, largest)
    if error is not None:
        for array, before in averages:
            array[...] = before
        raise error
    return value, model.optimizer.norm


def _refuse_strangers(model: Learner, loss: Tensor) -> None:
    """Refuse what wants a gradient and would not be trained, because no layer holds it where it can be found."""
    known = {id(parameter) for parameter in model.params.named.values()}
    for tensor in leaves(loss):
        if id(tensor) not in known:
            fix = "hold layers in attributes, lists or dictionaries of the layer that uses them, before it is built"
            got = f"one of shape {tensor.shape}"
            raise UsageError("a tensor that wants a gradient is none of the model's parameters", got=got, fix=fix)


def _diverged(model: Learner, what: str, fault: str, inputs: Any, besides: str = "") -> ConvergenceError:
    """The error that names the first layer whose output or gradient is not finite; `fault` if all are finite."""
    where = f"epoch {model.epoch + 1}, step {model.optimizer.steps + 1}"
    fix = f"use a smaller learning rate than {model.optimizer.lr:g}, or clip the gradient"
    given = [part.array if isinstance(part, Padded) else part for part in steps.listed(inputs)]
    if not all(np.isfinite(part.data).all() for part in given):
        return ConvergenceError(
            f"{what}: the inputs hold numbers that are not finite", where=where, fix="clean the data"
        )
    at_step([part for layer in model.layers for part in layer.parts], model.optimizer.steps)  # the same masks once more
    seen = model.watched(inputs, training=True)
    bad = [layer for layer, y in seen if not np.isfinite(y.data).all()]
    flat = [name for name, p in model.params.named.items() if p.grad is not None and not np.isfinite(p.grad).all()]
    if bad:
        fault, besides = f"{bad[0].label} is the first whose output is not finite", ""
    elif flat:
        fault, besides = f"{flat[0]} is the first whose gradient is not finite", ""
    what = f"{what}: {fault}; the weights are those before this step{besides}"
    return ConvergenceError(what, where=where, fix=fix)


@contextlib.contextmanager
def _told(callbacks: Sequence[Callback], model: Learner, training: Training, history: History) -> Iterator[Logs]:
    """Tells every callback that training ended, also when it failed: a progress line has to be taken away."""
    end: Logs = {"best_epoch": None, "history": history}
    model.training, model.unfinished, model.stop_training = training, None, False
    try:
        yield end
    except ConvergenceError:
        training.whole = False  # it would diverge again
        raise
    finally:
        for callback in callbacks:
            callback.on_train_end(model, end)


def check_smallest(placed: Sequence[Placed], loader: DataLoader) -> None:
    """Refuse a last batch of one row where a BatchNorm would have nothing to compare it with."""
    for layer, shape, _ in placed:
        compares = isinstance(layer, BatchNorm) and layer.trainable
        if compares and math.prod(shape[:-1]) == 1 and loader.smallest == 1:
            what = f"{layer.label} compares the rows of a batch, and one of {len(loader.indices):,} rows"
            fix = "use another `batch_size`, or drop_last=True"
            raise UsageError(f"{what} in batches of {loader.batch_size} is left alone", fix=fix)


def require_finite(loss: float, outputs: np.ndarray | Together) -> None:
    """Refuse to measure by numbers that are none: the largest of several NaN is the first, which would pass for 0."""
    if not math.isfinite(loss) or not are_finite(outputs):
        what = f"the loss is {loss}" + (" of outputs that are not finite" if math.isfinite(loss) else "")
        raise ConvergenceError(what, fix="clean the inputs, or train again with a smaller learning rate")


def check_given(callbacks: Any, augment: Any, split: Any, data: Any) -> None:
    """Refuse what `fit` is given beside rows and targets and cannot use."""
    if not isinstance(callbacks, Sequence):
        raise UsageError("callbacks", expected="a list", got=repr(callbacks), fix="callbacks=[...]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = f"write {callback.__name__}(...)" if isinstance(callback, type) else "subclass bb.callbacks.Callback"
            raise UsageError("callbacks holds something else", got=repr(callback), fix=hint)
    if augment is not None and not callable(augment):
        raise UsageError("augment", expected="a function of images", got=repr(augment), fix="bb.augment.Warp(shift=2)")
    between("validation_split", split, 0, 1, below=True)
    if data is None:
        return
    if split:
        raise UsageError("give validation_split or validation_data, not both")
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise UsageError("validation_data", expected="inputs and their targets: (X, y)", got=type(data).__name__)
