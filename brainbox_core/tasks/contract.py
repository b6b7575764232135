"""What a task is: the calls that every trainer answers, and what goes into them and comes out. Loads no NumPy.

A task is a module, such as `tasks/spam/train.py`: `Task` names its functions, and the type checker holds each module
against it in `tasks/loading.py`. What a trained model is asked for differs by noun (a picture is read, a text
continued), so `predict` is each task's own. A task prints nothing and asks nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple, Protocol, Self, TypeVar

from brainbox_core.errors import InputError, UsageError, between, whole

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from brainbox_core.model.sequential import Sequential
    from brainbox_core.training.callbacks import Callback

FULL = "full"  # a batch of all rows

Progress = Callable[[int, int], object]  # called with what is done, and how much there is in all
Pipe = Callable[[str], BinaryIO]  # from what is expected there, such as "a table", to the bytes of standard input


def no_pipe(what: str) -> BinaryIO:
    """What a task reads for `-` unless its caller hands standard input over: nothing."""
    raise UsageError(f"no stream was given that {what} could come from", fix="name a file")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every task is told, and the checks of it.

    Args:
        data: the name of a built-in or known data set, a file or folder, or - for standard input where a task reads it.
        batch_size: rows per update; some tasks take `full` for all of them.
        lr: the (highest) learning rate.
        val_split: share of the training rows that is held out to choose the best epoch.
        patience: stop after this many epochs without a new best; None trains all epochs.
        limit: the most training rows that are used, the first after the seeded shuffle; None uses all.
        seed: the start of all randomness.

    Raises:
        UsageError: a value is out of its range.
    """

    data: str
    batch_size: int | str = 64
    lr: float | None = None
    val_split: float = 0.1
    patience: int | None = None
    limit: int | None = None
    seed: int = 0

    also: ClassVar[Mapping[str, object]] = {}  # by setting, the one value that a task takes beside the usual numbers
    first_look: ClassVar[Mapping[str, int]] = {}  # by setting, the most that `quick` leaves of it

    def __post_init__(self) -> None:
        if self.batch_size != self.also.get("batch_size"):
            whole("batch_size", self.batch_size)
        if self.lr is not None or "lr" not in self.also:
            between("lr", self.lr, 0, above=True)
        between("val_split", self.val_split, 0, 1, above="val_split" not in self.also, below=True)
        whole("seed", self.seed, 0)
        for name, value in (("patience", self.patience), ("limit", self.limit)):
            if value is not None:
                whole(name, value)

    def quick(self) -> Self:
        """The same for a first look: done within 5 seconds."""
        look: dict[str, Any] = {name: min(getattr(self, name) or most, most) for name, most in self.first_look.items()}
        return replace(self, **look)


@dataclass(frozen=True, kw_only=True)
class EpochSettings(Settings):
    """What a task is told that trains in epochs with one of the library's optimizers and a one-cycle learning rate.

    Args:
        epochs: how often every training row is seen.
        optimizer: `sgd` (with momentum 0.9), `rmsprop`, `adagrad`, `adam` or `adamw`.
    """

    epochs: int
    optimizer: str

    rates: ClassVar[Mapping[str, float]]  # the highest learning rate that suits each optimizer

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.optimizer not in self.rates:
            raise UsageError("optimizer is unknown", expected=", ".join(self.rates), got=self.optimizer)
        whole("epochs", self.epochs)

    @classmethod
    def suited(cls, **changes: Any) -> Self:
        """The defaults with changes; the learning rate suits the optimizer unless it is given."""
        lr = cls.rates.get(changes.get("optimizer", ""))
        return cls(**{**({} if lr is None else {"lr": lr}), **changes})


def check_folds(folds: int) -> None:
    """Refuse a number of parts that cross-validation cannot use; 0 leaves it out."""
    if whole("folds", folds, 0) == 1:
        raise UsageError("folds", expected="2 or more, or 0 for no cross-validation", got=1)


def check_drop(target: str, drop: Sequence[str]) -> None:
    """Refuse to leave out the column that is predicted."""
    if target in drop:
        raise UsageError(f"{target} is what is predicted", where="`drop`", fix="drop other columns")


@dataclass(frozen=True)
class Data:
    """What a task learns from and is judged by.

    Attributes:
        name: of the file or data set, as it is shown.
        sha256: of its bytes.
        notes: what a user should know of it.
    """

    name: str
    sha256: str
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows the parts `train`, `val` and `test` have; where there is no third part, 0."""
        return {part: len(getattr(self, part)) for part in ("train", "val", "test")}

    @property
    def unit(self) -> str:
        """What is counted."""
        return "rows"

    @property
    def held_out(self) -> HeldOut:
        """The part that the model is judged by."""
        raise NotImplementedError


class HeldOut(NamedTuple):
    """What a model was not trained on.

    Attributes:
        inputs: as the model's noun takes them: a table, texts, pictures, or the numbers of characters.
        answers: the right answers, (n,).
    """

    inputs: Any
    answers: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a training or an evaluation found.

    Attributes:
        metrics: numbers by name; `primary` names the one that counts.
        history: the logs of every epoch, empty after an evaluation.
        best_epoch: whose weights were kept, 0 after an evaluation.
        notes: what a user should know of the training; what is odd about the data is in `Data.notes`.
        doubt: what contradicts the main figure, in a few words that follow "but"; a note says more.
        unlearned: why the training has not converged: its loss is no better than that of a constant answer. Empty if it
            is, and after an evaluation.
    """

    metrics: dict[str, str | float]
    history: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    notes: tuple[str, ...] = ()
    doubt: str = ""
    unlearned: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """The metrics without the word which of them counts."""
        return {name: value for name, value in self.metrics.items() if not isinstance(value, str)}


S = TypeVar("S", bound=Settings, contravariant=True)
D = TypeVar("D", bound=Data)
R = TypeVar("R", bound=Result, covariant=True)


class Task(Protocol[S, D, R]):
    """The calls that every trainer answers."""

    def load_data(self, settings: S, progress: Progress | None = None, pipe: Pipe = no_pipe) -> D:
        """The data that the settings name, in parts.

        Args:
            progress: called with (bytes done, bytes in all) while it is read or downloaded.
            pipe: gives the bytes of `-`.

        Raises:
            InputError: the data is missing, bad or too little.
            UsageError: the settings do not fit the data.
        """
        ...

    def load_test_data(self, model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> D:
        """What a model is judged by: the part of its own data that it never saw, or all of other data."""
        ...

    def build_model(self, settings: S, data: D) -> Sequential:
        """The untrained model, built and compiled.

        Raises:
            UsageError: the layers do not fit the data, or the parameters do not fit into memory.
        """
        ...

    def train(self, model: Sequential, settings: S, data: D, callbacks: Sequence[Callback] = ()) -> R:
        """Train, keep the best weights, and judge them by what nothing before has looked at.

        Raises:
            ConvergenceError: the training diverged; the weights are the last finite ones.
        """
        ...

    def evaluate(self, model: Sequential, data: D, *, progress: Progress | None = None) -> R:
        """Judge a trained model; a task may take more keywords.

        Args:
            progress: called with (rows done, rows in all).
        """
        ...

    def held_out(self, model: Sequential) -> HeldOut | str:
        """What a model was not trained on, with the right answers, or why that is not at hand. Downloads nothing."""
        ...

    def load_model(self, path: str | Path, kind: str) -> Sequential:
        """A model of this task from its file.

        Args:
            kind: the noun.

        Raises:
            InputError: the file is missing, damaged or another noun's, or its parts do not fit each other.
        """
        ...


def held_out(model: Sequential, at_hand: Callable[[str], bool], load: Callable[[str], Data]) -> HeldOut | str:
    """What a task answers to `Task.held_out`.

    Args:
        at_hand: from the name of the data, whether it can be read without a download.
        load: from the name of the data, what the model is judged by.
    """
    described = model.meta.get("data")
    name, sha256 = (described.get("name"), described.get("sha256")) if isinstance(described, dict) else (None, None)
    if not isinstance(name, str):
        return "the model does not say what it was trained on"
    if not at_hand(name):
        return f"{name} is not here"
    try:
        data = load(name)
        return data.held_out if data.sha256 == sha256 else f"{name} is not what the model was trained on"
    except (InputError, UsageError) as error:
        return error.line


def built_in_or_file(built_in: str) -> Callable[[str], bool]:
    """Whether data of a name is at hand for a task that takes one built-in data set, or files."""
    return lambda name: name == built_in or os.path.isfile(name)
