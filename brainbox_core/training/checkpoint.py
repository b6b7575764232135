"""A training in a file: what it takes to go on after a stop as if there had been none.

A checkpoint is a model file with more in it. Its tensors `checkpoint/PART/NAME` and the description's entry
`checkpoint` hold the state of every part of the training: the loop, the optimizer, the callbacks, the history. There is
no state of a random generator, as all randomness is keyed. What the training was told, and a fingerprint of its data,
are there to be compared: a training goes on with the same, or not at all.
"""

from __future__ import annotations

import inspect
import math
import os
import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from brainbox_core import metrics, optimizers, schedules
from brainbox_core.errors import InputError, UsageError
from brainbox_core.layers import Layer
from brainbox_core.layers.base import freeze, frozen
from brainbox_core.loss import Loss
from brainbox_core.network import saving
from brainbox_core.network.description import reading_description, rebuild
from brainbox_core.network.learner import Learner
from brainbox_core.optimizers import Optimizer
from brainbox_core.scalar.update_rules import RULES

State = Mapping[str, Any]  # by name: arrays, and values in JSON types
_PREFIX = "checkpoint/"
_OPTIMIZERS = {rule.kind: getattr(optimizers, rule.kind) for rule in RULES.values()}
_SIMPLE = (bool, int, float, str)
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Part(Protocol):
    """What a training consists of: each part can say where it stands, and go on from there."""

    def state(self) -> State: ...
    def load_state(self, state: State) -> None: ...


class Saved(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        where: the file.
        weights: parameters and buffers of the model.
        document: what describes the training, in JSON types.
        arrays: of its parts, by `PART/NAME`.
        epoch: how many epochs the model had been trained for.
    """

    where: str
    weights: dict[str, np.ndarray]
    document: dict[str, Any]
    arrays: dict[str, np.ndarray]
    epoch: int

    @property
    def history(self) -> list[dict[str, Any]]:
        """The logs of the epochs that the model had been trained for."""
        with reading_description(self.where):
            return rows_of(self.part("history"))

    def part(self, name: str) -> dict[str, Any]:
        """The state of one part."""
        arrays = {path.removeprefix(f"{name}/"): a for path, a in self.arrays.items() if path.startswith(f"{name}/")}
        return {**self.document["parts"][name], **arrays}


class Training:
    """A training that is under way, or the last one: what a checkpoint is made of.

    Args:
        settings: what it was told beside the model, by the name of the argument.
        fingerprint: of its data; asked for once it is needed.
        model: what is trained.
        parts: what goes on from where it stood, by name.
        callbacks: those that remember something, by name; they are told of the beginning first.

    Attributes:
        whole: whether nothing is halfway done, so that the training can go on from here.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        fingerprint: Callable[[], int],
        model: Learner,
        parts: Mapping[str, Part],
        callbacks: Mapping[str, Part],
    ):
        told = {"seed": model.seed, "layers": model.config(), "frozen": frozen(model.layers), **settings, **callbacks}
        self.settings = {name: described(value) for name, value in told.items()}
        self.whole, self._data, self._model = True, fingerprint, model
        self._parts: dict[str, Part] = {"history": History(model), "frozen": Frozen(model.layers), **parts}
        self._callbacks = callbacks

    def __reduce__(self):
        return type(None), ()  # a copy of the model, or one that was pickled, has had no training

    @cached_property
    def fingerprint(self) -> int:
        return self._data()

    def end(self) -> None:
        """Let go of the data: what `fit` has ended is not gone on with, so that nobody will compare them."""
        self._data = int  # gives 0

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a checkpoint says of this training, in JSON types, and its tensors.

        Raises:
            UsageError: it diverged, or broke off in the middle of a step.
        """
        if not self.whole:
            what = "the training diverged or broke off in the middle of a step, and cannot go on from there"
            raise UsageError(what, fix="save() without `checkpoint`, or fit() again")
        parts: dict[str, dict] = {}
        arrays: dict[str, np.ndarray] = {}
        for name, part in {**self._parts, **self._callbacks}.items():
            parts[name] = {}
            for key, value in part.state().items():
                if isinstance(value, np.ndarray):
                    arrays[f"{_PREFIX}{name}/{key}"] = value
                else:
                    parts[name][key] = value
        document = {"settings": self.settings, "data": self.fingerprint, "machine": _machine(), "parts": parts}
        return document, arrays

    def check(self, saved: Saved) -> None:
        """Refuse to go on with another training than the saved one.

        Raises:
            UsageError: a setting differs.
            InputError: the data differ, or the file does not describe a training.
        """
        with reading_description(saved.where):
            before, fingerprint = dict(saved.document["settings"]), saved.document["data"]
            machine = dict(saved.document["machine"])
        for name, was, now in _differences(before, self.settings):
            if name == "epochs" and isinstance(was, int) and was < now:
                continue
            what = f"`{name}` is not what the training in {saved.where} began with"
            fix = "give it the same again, or set model.unfinished = None to begin a new training"
            raise UsageError(what, expected=repr(was), got=repr(now), fix=fix)
        if fingerprint != self.fingerprint:
            fix = "restore the data, or begin a new training"
            raise InputError("training data differs from checkpoint", where=saved.where, fix=fix)
        here = _machine().items()
        if changed := [f"{name} {machine.get(name)} -> {now}" for name, now in here if machine.get(name) != now]:
            warnings.warn(f"going on is correct, but bits may differ ({', '.join(changed)})", stacklevel=2)

    def resume(self, saved: Saved) -> None:
        """Put the model and the parts where the saved training stood.

        Raises:
            InputError: the file does not describe a training.
        """
        with reading_description(saved.where):
            for name, part in self._parts.items():
                part.load_state(saved.part(name))
            self._model.load_state(saved.weights)
            self._model.epoch = saved.epoch

    def remind(self, saved: Saved) -> None:
        """Give the callbacks back what they remembered."""
        with reading_description(saved.where):
            for name, callback in self._callbacks.items():
                callback.load_state(saved.part(name))


def separated(path: str | os.PathLike, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> Saved | None:
    """Take what a checkpoint has more than a model out of its arrays and its description; None if there is nothing."""
    document = meta.pop("checkpoint", None)
    more = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_PREFIX)}
    if document is None:
        return None
    more = {name.removeprefix(_PREFIX): array for name, array in more.items()}
    return Saved(str(path), arrays, document, more, meta["epoch"])


def read(path: str | Path, kind: str | None = None) -> Saved:
    """What a checkpoint holds, to be set as the `unfinished` of the model that the training began with.

    Raises:
        InputError: the file is missing, damaged, foreign, of another kind, or no checkpoint.
    """
    arrays, meta = saving.load_model(path, kind)
    with reading_description(path):
        saved = separated(path, arrays, meta)
    if saved is None:
        raise InputError("holds a model and no training to go on with", where=str(path), fix="train it anew")
    return saved


def compile_again(model: Any, saved: Saved | None) -> None:
    """Give a model that was read from a checkpoint, if it was one, its optimizer and its history.

    What a file cannot bring back, an optimizer, a schedule or a loss of the user's own, is left to `compile`.
    """
    if saved is None:
        return
    entry = saved.document["settings"].get("optimizer", {})
    schedule = entry["config"]["lr"] if entry.get("kind") in _OPTIMIZERS else {}
    if schedule.get("kind") in schedules.KINDS and model._loss is not None:
        config = {**entry["config"], "lr": rebuild(schedule, schedules.KINDS, "schedule")}
        named = [name for name in saved.document["settings"].get("metrics") or [] if name in metrics.NAMES]
        model.compile(rebuild({"kind": entry["kind"], "config": config}, _OPTIMIZERS, "optimizer"), model.loss, named)
    History(model).load_state(saved.part("history"))
    if saved.document["parts"].get("loop", {}).get("ended") is not True:
        freeze(model.layers, saved.document["settings"]["frozen"])  # as it began, which is compared
        model.unfinished = saved
    elif model.compiled:  # the next training begins where a second fit() would have begun
        Memory(model.layers).load_state(saved.part("memory"))
        model.optimizer.load_state(saved.part("optimizer"))


def described(thing: Any) -> Any:
    """What something is and what it was made with, in JSON types, to be compared and, if it is ours, made again."""
    if isinstance(thing, float) and not math.isfinite(thing):
        return str(thing)
    if thing is None or isinstance(thing, _SIMPLE):
        return thing
    if isinstance(thing, Mapping):
        return {str(name): described(value) for name, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [described(value) for value in thing]
    if inspect.isroutine(thing):
        return {"own": thing.__qualname__}
    kind = type(thing)
    names = list(inspect.signature(kind.__init__).parameters)[1:]
    config = thing.config() if isinstance(thing, Loss) else {name: getattr(thing, name, None) for name in names}
    if isinstance(thing, Optimizer):
        config["lr"] = thing.schedule
    elif not isinstance(thing, Loss):
        config = {name: value for name, value in config.items() if isinstance(value, _SIMPLE)}
    ours = kind.__module__.startswith("brainbox_core.")
    return {"kind" if ours else "own": kind.__name__, "config": described(config)}


def _differences(was: Any, now: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """What differs between two descriptions: the name, as that of an argument, and what it was and is."""
    if was == now:
        return []
    if isinstance(was, dict) and isinstance(now, dict) and _kind(was) == _kind(now):
        keys = list({**was, **now})
        return [d for key in keys for d in _differences(was.get(key), now.get(key), name if key == "config" else key)]
    return [(name, _kind(was), _kind(now))]


def _kind(value: Any) -> Any:
    """What is shown of a value: of something that was made its kind alone."""
    return value.get("kind", value.get("own")) if isinstance(value, dict) else value


def _machine() -> dict[str, Any]:
    """What decides the last bits of a result beside the program."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    threads = next((int(os.environ[name]) for name in _THREADS if os.environ.get(name, "").isdecimal()), os.cpu_count())
    return {
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "processor": platform.machine(),
        "threads": threads,
    }


class Memory:
    """What layers keep from one batch to the next."""

    def __init__(self, layers: Sequence[Layer]):
        self._parts = {part.name: part for layer in layers for part in layer.parts}

    def state(self) -> State:
        return {f"{name}/{key}": value for name, part in self._parts.items() for key, value in part.memory().items()}

    def load_state(self, state: State) -> None:
        for name, part in self._parts.items():
            part.remember({key.removeprefix(f"{name}/"): state[key] for key in state if key.rpartition("/")[0] == name})


class Frozen:
    """What no optimizer moves now; a callback may have changed it since the training began."""

    def __init__(self, layers: Sequence[Layer]):
        self._layers = layers

    def state(self) -> State:
        return {"names": frozen(self._layers)}

    def load_state(self, state: State) -> None:
        freeze(self._layers, state["names"])


class History:
    """The history of a model, column by column: thousands of epochs are a few tensors, which every reader opens."""

    def __init__(self, model: Any):
        self._model = model

    def state(self) -> State:
        history = self._model.history
        names = list(dict.fromkeys(name for row in history for name in row))
        columns = {name: [_plain(name, row[name]) if name in row else {} for row in history] for name in names}
        return {"names": names, **{f"of {name}": _packed(columns[name]) for name in names}}

    def load_state(self, state: State) -> None:
        self._model.history[:] = rows_of(state)


def rows_of(state: State) -> list[dict[str, Any]]:
    """The history whose columns `History` has packed."""
    columns = {name: _unpacked(state[f"of {name}"]) for name in state["names"]}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [{name: value for name, value in row.items() if value != {}} for row in rows]


def _plain(name: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if not (value is None or isinstance(value, bool | int | float | str)):
        raise UsageError(f"'{name}' in the logs of an epoch is nothing that a file can hold", got=type(value).__name__)
    return value


def _packed(column: list) -> np.ndarray | list:
    kinds = {type(value) for value in column}
    if kinds == {float} and all(map(math.isfinite, column)):
        return np.array(column)
    if kinds == {int} and -(2**63) <= min(column) <= max(column) < 2**63:
        return np.array(column, np.int64)
    return [{"float": str(v)} if isinstance(v, float) and not math.isfinite(v) else v for v in column]


def _unpacked(column: np.ndarray | list) -> list:
    if isinstance(column, np.ndarray):
        return column.tolist()
    return [float(v["float"]) if isinstance(v, dict) and v else v for v in column]
