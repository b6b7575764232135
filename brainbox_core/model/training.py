"""The training loop: batches forward and backward, one step of the optimizer, a look at the validation data."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from brainbox_core.data import DataLoader
from brainbox_core.errors import ConvergenceError, UsageError, between, whole
from brainbox_core.kernels.sparse import Rows, SparseRows
from brainbox_core.layers import BatchNorm, Layer
from brainbox_core.layers.base import Shape, at_step
from brainbox_core.model import ranges, sharing
from brainbox_core.model.callbacks import Callback
from brainbox_core.model.network import History, Logs, Network
from brainbox_core.tape import leaves
from brainbox_core.tensor import Tensor, no_grad

Validation = tuple[Rows, np.ndarray] | Callable[[], dict[str, float]]


class Batches(Protocol):
    """What gives the batches of each epoch, as a `DataLoader` does."""

    def __len__(self) -> int: ...
    def epoch(self, number: int) -> Iterator[tuple[Rows, np.ndarray]]: ...


def train(
    model: Network,
    loader: Batches,
    epochs: int,
    validation: Validation | None,
    callbacks: Sequence[Callback],
) -> History:
    """Train a built and compiled model; see `Sequential.fit`, which checks everything first.

    Args:
        model: it ends with the weights of the epoch with the lowest validation loss.
        loader: gives the batches of an epoch.
        epochs: how many.
        validation: inputs and targets, or a function that measures the model by itself: `loss` and other metrics.
        callbacks: what looks on.

    Returns:
        The logs of every epoch: epoch, train_loss, the validation's metrics, lr, time_s.
    """
    whole("epochs", epochs)
    history: History = []
    best_loss, best_epoch, best_state = math.inf, None, None
    model.stop_training = False
    with sharing.training(model), _told(callbacks, model, history) as end:
        begin = {"epochs": model.epoch + epochs, "epoch": model.epoch, "batches": len(loader)}
        for callback in callbacks:
            callback.on_train_begin(model, begin)
        for _ in range(epochs):
            started = time.monotonic()
            lr = model.optimizer.lr
            logs: Logs = {"epoch": model.epoch + 1, "train_loss": _epoch(model, loader, callbacks)}
            model.epoch += 1
            if validation is not None:
                logs |= {f"val_{name}": value for name, value in _validated(model, validation).items()}
                if logs["val_loss"] < best_loss:
                    best_loss, best_epoch, best_state = logs["val_loss"], model.epoch, model.state()
            logs |= {"lr": lr, "time_s": time.monotonic() - started}
            history.append(logs)
            model.history.append(logs)
            for callback in callbacks:
                callback.on_epoch_end(model, logs)
            if model.stop_training:
                break
        if best_state is not None and best_epoch != model.epoch:
            model.load_state(best_state)
        if isinstance(loader, DataLoader):
            ranges.record(model, loader)
        end["best_epoch"] = best_epoch or model.epoch
    return history


def _validated(model: Network, validation: Validation) -> dict[str, float]:
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
            where=f"epoch {model.epoch}",
            fix="look for validation inputs that are not finite or far outside those of the training",
        )
    return measured


def _epoch(model: Network, loader: Batches, callbacks: Sequence[Callback]) -> float:
    """One pass over the training data; returns its mean loss, in which a batch counts by the targets that it has."""
    total, targets = 0.0, 0
    for number, (x, y) in enumerate(loader.epoch(model.epoch + 1), start=1):
        count = model.loss.counted(y, model.output_shape)
        if not count:  # nothing to learn from, as in a batch of padding
            continue
        lr = model.optimizer.lr
        loss, norm = _step(model, x, y, look=number == 1)
        total += loss * count
        targets += count
        if callbacks:
            logs: Logs = {"epoch": model.epoch + 1, "batch": number, "batches": len(loader), "lr": lr}
            logs |= {"step": model.optimizer.steps, "train_loss": total / targets, "gradient_norm": norm}
            for callback in callbacks:
                callback.on_batch_end(model, logs)
    if not targets:
        raise UsageError("none of the training targets counts", fix="look at what the loss is to ignore")
    return total / targets


def _step(model: Network, x: Rows, y: np.ndarray, look: bool = False) -> tuple[float, float]:
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
        # The targets fit the shape that the layers promised; if a user's own layer broke its promise, the loss says so.
        measure = model.loss.measure if outputs.shape == (len(y), *model.output_shape) else model.loss
        loss = measure(outputs, y)
        value = loss.item()
        if not math.isfinite(value):
            error = _diverged(model, f"loss is {value}", "the loss itself overflows", inputs)
        elif bad := next((part for part in parts for b in part.buffers.values() if not np.isfinite(b).all()), None):
            error = _diverged(model, "a running average is not finite", f"that of {bad.label} overflows", inputs)
        else:
            if look:
                _refuse_strangers(model, loss)
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


def _refuse_strangers(model: Network, loss: Tensor) -> None:
    """Refuse what wants a gradient and would not be trained, because no layer holds it where it can be found."""
    known = {id(parameter) for parameter in model.params.named.values()}
    for tensor in leaves(loss):
        if id(tensor) not in known:
            fix = "hold layers in attributes, lists or dictionaries of the layer that uses them, before it is built"
            got = f"one of shape {tensor.shape}"
            raise UsageError("a tensor that wants a gradient is none of the model's parameters", got=got, fix=fix)


def _diverged(
    model: Network, what: str, fault: str, inputs: Tensor | SparseRows, besides: str = ""
) -> ConvergenceError:
    """The error that names the first layer whose output or gradient is not finite; `fault` if all are finite."""
    where = f"epoch {model.epoch + 1}, step {model.optimizer.steps + 1}"
    fix = f"use a smaller learning rate than {model.optimizer.lr:g}, or clip the gradient"
    if not np.isfinite(inputs.data).all():
        return ConvergenceError(
            f"{what}: the inputs hold numbers that are not finite", where=where, fix="clean the data"
        )
    with no_grad():
        x: Any = inputs
        for layer in model.layers:
            at_step(layer.parts, model.optimizer.steps)  # the same masks once more
            x = layer(x, training=True)
            if not np.isfinite(x.data).all():
                fault, besides = f"{layer.label} is the first whose output is not finite", ""
                break
        else:
            for name, parameter in model.params.named.items():
                if parameter.grad is not None and not np.isfinite(parameter.grad).all():
                    fault, besides = f"{name} is the first whose gradient is not finite", ""
                    break
    what = f"{what}: {fault}; the weights are those before this step{besides}"
    return ConvergenceError(what, where=where, fix=fix)


@contextlib.contextmanager
def _told(callbacks: Sequence[Callback], model: Network, history: History) -> Iterator[Logs]:
    """Tells every callback that training ended, also when it failed: a progress line has to be taken away."""
    end: Logs = {"best_epoch": None, "history": history}
    try:
        yield end
    finally:
        for callback in callbacks:
            callback.on_train_end(model, end)


def check_smallest(shapes: Sequence[Shape], chain: Sequence[Layer], loader: DataLoader) -> None:
    """Refuse a last batch of one row where a BatchNorm would have nothing to compare it with."""
    for layer, shape in zip(chain, shapes, strict=False):
        if isinstance(layer, BatchNorm) and math.prod(shape[:-1]) == 1 and loader.smallest == 1:
            what = f"{layer.label} compares the rows of a batch, and one of {len(loader.indices):,} rows"
            fix = "use another `batch_size`, or drop_last=True"
            raise UsageError(f"{what} in batches of {loader.batch_size} is left alone", fix=fix)


def require_finite(loss: float, outputs: np.ndarray) -> None:
    """Refuse to measure by numbers that are none: the largest of several NaN is the first, which would pass for 0."""
    if not math.isfinite(loss) or not np.isfinite(outputs).all():
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
