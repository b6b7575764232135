"""Writing character by character: the task behind the command rnn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from brainbox_core import layers
from brainbox_core.data import fingerprint
from brainbox_core.errors import ConvergenceError, InputError, check_memory
from brainbox_core.layers.recurrent import Recurrent, carried, gradient_flow
from brainbox_core.loss import CrossEntropy
from brainbox_core.model.sequential import Sequential
from brainbox_core.network.learner import Learner, Logs
from brainbox_core.optimizers import AdamW
from brainbox_core.schedules import OneCycle
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Progress, built_in_or_file
from brainbox_core.tasks.learning import unlearned
from brainbox_core.tasks.rnn.data import LINE_END, WINDOW, Data
from brainbox_core.tasks.rnn.data import load_data as load_data  # a task's module answers all that is asked of it
from brainbox_core.tasks.rnn.data import load_test_data as load_test_data
from brainbox_core.tasks.rnn.settings import BUILT_IN, Settings
from brainbox_core.tasks.rnn.writing import write
from brainbox_core.tensor import Tensor, no_grad
from brainbox_core.text.characters import Alphabet
from brainbox_core.text.sequences import NOTHING, Batch, Lines, Streams, in_order
from brainbox_core.training import loop
from brainbox_core.training.callbacks import Callback

CELLS = {"rnn": layers.RNN, "gru": layers.GRU, "lstm": layers.LSTM}
WEIGHT_DECAY = 0.02
TEMPERATURE = 0.7  # of the samples that are shown during and after a training
FLOW_CHARACTERS = 2**14  # the flow of the gradient is measured in so many at most, but in one window at least


@dataclass(frozen=True, kw_only=True)
class Result(contract.Result):
    """What a training or an evaluation found, beside what every task finds; an epoch is one look at the held-out part.

    Attributes:
        best_step: after how many steps the weights were best.
        sample: what the trained model writes.
        norms: (steps,) the length of the gradient at every step, before it was clipped.
        flows: how the gradient flows back through time, by "before" and "after" the training and by layer: (seq_len,)
            norms, the last step last.
    """

    best_step: int = 0
    sample: str = ""
    norms: np.ndarray | None = None
    flows: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def build_model(settings: Settings, data: Data) -> Sequential:
    """The network, built and compiled with a one-cycle learning rate over the whole training."""
    size, cell = len(data.alphabet), CELLS[settings.cell]
    rows = min(settings.batch_size, data.lines[0] if data.lines else len(data.train) // settings.seq_len)
    time = min(settings.seq_len, len(data.train))
    numbers = settings.layers * 8 * settings.hidden + 3 * size  # of a character, all in all
    what = f"{rows} windows of {time:,} characters side by side"
    check_memory(what, 4 * rows * time * numbers, "use a smaller `seq_len`, `batch_size` or `hidden`")
    chain: list[layers.Layer] = [layers.Embedding(size, settings.embedding)] if settings.embedding else []
    for number in range(settings.layers):
        chain.append(cell(settings.hidden, ids=None if number or settings.embedding else size))
        if settings.dropout:
            chain.append(layers.Dropout(settings.dropout))
    chain.append(layers.Linear(size, initializer="lecun"))
    model = Sequential(chain, settings.seed)
    schedule = OneCycle(settings.lr, settings.steps, warmup=0.1, end=0.02)
    optimizer = AdamW(schedule, weight_decay=WEIGHT_DECAY, beta2=0.99, clip_norm=settings.clip or None)
    model.compile(optimizer, CrossEntropy(ignore=NOTHING))
    model.build((settings.seq_len,))
    model.meta = {
        "kind": "rnn",
        "cell": settings.cell,
        "characters": list(data.alphabet.characters),
        "start": _start(data.alphabet),
        "lines": settings.lines,
        "val_split": settings.val_split,
        "data": {"name": data.name, "sha256": data.sha256},
    }
    return model


def _start(alphabet: Alphabet) -> int:
    """The number of the character that a model reads first: the line end, else the space, else character 0."""
    return alphabet.numbers.get(LINE_END, alphabet.numbers.get(" ", 0))


def train(model: Sequential, settings: Settings, data: Data, callbacks: Sequence[Callback] = ()) -> Result:
    """Train, restore the best weights, and measure them.

    Raises:
        ConvergenceError: a loss or a gradient was not finite, or the loss far above that of guessing; the weights are
            finite.
    """
    watch = _Watch(model, settings, len(data.alphabet))
    flows = {"before": gradient_norms(model, data.val)} if settings.explain else {}
    steps = _Steps(model, settings, data)
    with carried(model.layers):
        looks = -(-settings.steps // settings.sample_every)
        watching = [watch, *callbacks, *learning.stopping(settings)]
        logs = loop.train(model, steps, looks, lambda: {"loss": _nats(model, _held_out(data))}, watching)
    history = [{name: value for name, value in row.items() if name != "sample"} for row in logs]
    best = min(history, key=lambda row: row["val_loss"])
    flows["after"] = gradient_norms(model, data.val)
    measured = {**evaluate(model, data).metrics, "train_loss": best["train_loss"]}
    model.meta["metrics"] = {name: value for name, value in measured.items() if name != "primary"}
    sample = "".join(write(model, 10 if data.lines else 400, temperature=TEMPERATURE, seed=settings.seed))
    norms = np.array(watch.norms)
    shape = model.output_shape[-1:]
    failure = unlearned(
        CrossEntropy(),
        "knowing only how often each character comes",
        (data.val[1:], shape, best["val_loss"]),
        (data.train[1:], shape, best["train_loss"]),
    )
    notes = list(_gradient_notes(norms, flows["after"], settings.clip))
    if (rows := steps.source.batch_size) < settings.batch_size:
        what = "lines" if data.lines else f"windows of {settings.seq_len:,} characters"
        notes.insert(0, f"the text has only {rows} {what} to learn from side by side, not {settings.batch_size}")
    return Result(
        metrics=measured,
        history=history,
        best_epoch=int(best["epoch"]),
        best_step=int(best["step"]),
        notes=tuple(notes),
        sample=sample,
        norms=norms,
        flows=flows,
        unlearned=failure,
    )


class _Steps:
    """Divides a training into epochs of `sample_every` steps. A fresh batch starts from a state of zeros."""

    def __init__(self, model: Sequential, settings: Settings, data: Data):
        self.model, self.every, self.steps = model, settings.sample_every, settings.steps
        self.texts = data.train, data.val
        shape = settings.batch_size, settings.seq_len, settings.seed
        self.source: Lines | Streams = (
            Lines(data.train, model.meta["start"], *shape) if data.lines else Streams(data.train, *shape)
        )

    def __len__(self) -> int:
        return min(self.every, self.steps)

    @property
    def settings(self) -> dict[str, int]:
        return {
            "steps": self.steps,
            "sample_every": self.every,
            "batch_size": self.source.batch_size,
            "seq_len": self.source.window,
        }

    def fingerprint(self) -> int:
        return fingerprint(*self.texts)

    def epoch(self, number: int, done: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        start = (number - 1) * self.every + done
        for x, y, fresh in islice(self.source.batches(start), min(self.every - done, self.steps - start)):
            if fresh:
                _forget(self.model)
            yield x, y


class _Watch(Callback):
    """Keeps the length of every gradient, and adds bits per character and a sample to the logs of each epoch."""

    def __init__(self, model: Sequential, settings: Settings, size: int):
        self.model, self.settings, self.guessing = model, settings, math.log(size)
        self.norms: list[float] = []

    def state(self) -> Mapping[str, Any]:
        return {"norms": np.array(self.norms)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.norms = state["norms"].tolist()

    def on_batch_end(self, model: Learner, logs: Logs) -> None:
        self.norms.append(logs["gradient_norm"])
        if logs["train_loss"] > 3 * self.guessing:  # no step in a good direction leads there
            raise ConvergenceError(
                f"the loss is {logs['train_loss']:.1f} nats a character, where blind guessing has {self.guessing:.1f}; "
                f"the gradient's length is {logs['gradient_norm']:.3g}",
                where=f"step {logs['step']}",
                fix=f"use a smaller learning rate than {self.settings.lr:g}"
                + ("" if self.settings.clip else ", or clip the gradient: `clip 1`"),
            )

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        logs["step"] = len(self.norms)
        logs["bits_per_char"] = logs["val_loss"] / math.log(2)
        logs["gradient_norm"] = float(np.median(self.norms[-self.settings.sample_every :]))
        logs["sample"] = "".join(write(self.model, 5 if self.settings.lines else 100, temperature=TEMPERATURE))


def _forget(model: Sequential) -> None:
    """Let the next window begin from a state of zeros."""
    for layer in model.layers:
        if isinstance(layer, Recurrent):
            layer.state = None


def _held_out(data: Data) -> Iterator[Batch]:
    """Batches that predict every held-out character once. Several streams side by side are faster than one."""
    if data.lines:
        return Lines(data.val, int(data.val[0]), 256, WINDOW).once()
    return in_order(data.val, WINDOW, streams=max(1, min(32, len(data.val) // 2048)))


def _nats(model: Sequential, batches: Iterator[Batch], reset: bool = False) -> float:
    """The mean cross-entropy of a character, in nats.

    Args:
        reset: begin every window with a state of zeros.
    """
    total, count = 0.0, 0
    with no_grad(), carried(model.layers), np.errstate(all="ignore"):
        for x, y, fresh in batches:
            if fresh or reset:
                _forget(model)
            known = int((y != NOTHING).sum())
            outputs = model.forward(Tensor(x))
            if known:
                total += model.loss(outputs, y).item() * known
            count += known
    return total / count


def evaluate(model: Sequential, data: Data, progress: Progress | None = None) -> Result:
    """Measure a model by the held-out part, in bits per character."""
    nats = _nats(model, _held_out(data))
    reset = _nats(model, _held_out(data), reset=True)
    if not math.isfinite(nats):
        raise ConvergenceError(f"the loss is {nats}", fix="train again with a smaller learning rate")
    bits = {"bits_per_char": nats / math.log(2), "reset_bits_per_char": reset / math.log(2)}
    return Result(
        metrics={"primary": "bits_per_char", **bits, "val_loss": nats, "reset_val_loss": reset, **data.baselines}
    )


def gradient_norms(model: Sequential, ids: np.ndarray, rows: int = 32) -> dict[str, np.ndarray]:
    """How much of the gradient of the last character's loss arrives at each step before it.

    Args:
        ids: the text to look at; windows of the model's length, or less if the text is short.
        rows: how many windows; fewer of long ones, so that this takes no more memory than the training.

    Returns:
        By the name of the recurrent layer, (time,) the norm at each of its steps.
    """
    time = min(model.input_shape[0], len(ids) - 1)
    rows = min(rows, (len(ids) - 1) // time, max(1, FLOW_CHARACTERS // time))
    x = ids[: rows * time].reshape(rows, time).astype(np.int64)
    y = np.full(x.shape, NOTHING, np.int64)
    y[:, -1] = ids[time : rows * time + 1 : time]
    with gradient_flow(model.layers) as flow, np.errstate(all="ignore"):
        model.loss(model.forward(Tensor(x)), y).backward()
    model.params.zero_grad()
    return {name: norms[0] for name, norms in flow.items()}


def _gradient_notes(norms: np.ndarray, flow: dict[str, np.ndarray], clip: float) -> Iterator[str]:
    """What was odd about the gradients."""
    usual, peak = float(np.median(norms)), float(norms.max())
    if peak > 10 and (peak > 20 * usual or usual > 10):
        done = f"it was cut to {clip:g}" if clip else "nothing cut it (`clip 0`)"
        yield (
            f"the gradient exploded at step {int(norms.argmax()) + 1}: its length was {peak:.3g}, "
            f"where {usual:.2g} is usual; {done}"
        )
    for name, lengths in flow.items():
        if len(lengths) > 16 and lengths[-17] < 1e-6 * lengths[-1]:
            yield (
                f"the gradient vanishes in {name}: of {lengths[-1]:.2g} at the last character, {lengths[-17]:.2g} is "
                "left 16 characters before; it learns nothing from further back"
            )


def held_out(model: Sequential) -> HeldOut | str:
    """The held-out part of the text that a generator was trained on, and for each character the next."""
    return contract.held_out(model, built_in_or_file(BUILT_IN), partial(load_test_data, model))


def load_model(path: str | Path, kind: str = "rnn") -> Sequential:
    """A character generator from its file, its characters checked against its layers."""
    return learning.load_model(path, kind, _check)


def _check(model: Sequential) -> None:
    meta, first = model.meta, model.layers[0]
    characters: Any = meta.get("characters")
    start: Any = meta.get("start")
    fits = (
        isinstance(characters, list)
        and len(model.output_shape) == 2
        and all(isinstance(character, str) and len(character) == 1 for character in characters)
        and len(set(characters)) == len(characters) == model.output_shape[-1]
        and isinstance(first, Recurrent | layers.Embedding)
        and first.ids == len(characters)
        and type(start) is int
        and 0 <= start < len(characters)
    )
    if not fits:
        raise InputError("its characters do not fit its layers")
    lines, share = meta.get("lines"), meta.get("val_split")
    if not isinstance(lines, bool) or (lines and characters[start] != LINE_END):
        raise InputError("it does not say whether it writes lines")
    if not isinstance(share, float) or not 0 < share < 1:
        raise InputError("it does not say how its text was split")
