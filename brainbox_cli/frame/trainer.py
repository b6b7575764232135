"""What a trainer's command says about itself: its options, its task, and how its results are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from brainbox_cli import options
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.options import Option
from brainbox_core.screen.screen import Part, Screen
from brainbox_core.tasks.contract import Data, Result, Settings, Task
from brainbox_core.tasks.loading import load_task
from brainbox_core.training.callbacks import Callback
from brainbox_core.training.progress import Progress

if TYPE_CHECKING:
    pass


class Answer(NamedTuple):
    """One prediction, in three forms.

    Attributes:
        text: the line for people; empty where only programs want to know.
        cells: the columns for programs, between tabs: texts, or numbers written in full.
        record: the entry of the document's `predictions`.
        below: more lines for people, such as a picture.
    """

    text: list[Part]
    cells: Sequence[str | float]
    record: dict
    below: tuple[str, ...] = ()


S = TypeVar("S", bound=Settings)
D = TypeVar("D", bound=Data)
R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Trainer(Generic[S, D, R]):
    """What a trainer's command says about itself.

    Attributes:
        noun: the command, and the task that does the work.
        settings: makes the task's settings from changes to the noun's defaults.
        choices: the option for each field of the settings that can be chosen, in the order of the help.
        metric: the main figure of its results.
        headline: the network and the data in a few words each, from the settings alone.
        predict: from the reporter, the task, a model and the verb's options to the answers, each an `Answer` or
            a `Refused`; those of the verb `sample` are pieces of text.
        predict_choices: the options of that verb.
        evaluate_choices: the options that are handed on to the task's `evaluate`.
        reading: the options of both verbs that use a model which are handed on to the task's `read_as`: they say how
            the data is written.
        show: prints what stands beside the main figure; gets the reporter, the verb, the result and the data.
        record: the noun's own part of the document for a result.
        pictures: the module whose `draw` turns a folder, the model, the data and the result into pictures in that
            folder, and returns their paths by name. It is loaded only for `--plot`.
        try_next: the words after the noun of a command that works as it stands. It gets a folder and the data, may
            write files for that command into the folder, and also returns their paths by name.
        train_choices: options of the training that change nothing of what is learned.
        afterwards: what happens after a training that was saved and passed its gate. It gets the reporter, the task,
            the model and the values of `train_choices`.
        lessons: settings that are there to show what goes wrong with all of them together. Such a run never takes the
            place of the current one.
        of_texts: its inputs are texts, which may stand in the place of the verb; and where there is no model yet, one
            is trained on the built-in data first.
        verb: how a model is used: `predict` answers for each input, `sample` writes a text.
        best: which part of the training gave the weights that were kept.
        progress: makes the callback that shows a training.
    """

    noun: str
    settings: Callable[..., S]
    choices: Mapping[str, Option]
    metric: str
    headline: Callable[[S], list[str]]
    predict: Callable[..., Iterable[Any]]
    predict_choices: Mapping[str, Option]
    evaluate_choices: Mapping[str, Option]
    show: Callable[[Reporter, str, R, D], None]
    record: Callable[[R], dict]
    pictures: str
    try_next: Callable[[Path, D], tuple[list[str], dict[str, Path]]]
    reading: Mapping[str, Option] = field(default_factory=dict)
    train_choices: Mapping[str, Option] = field(default_factory=dict)
    afterwards: Callable[..., None] | None = None
    lessons: Sequence[Mapping[str, Any]] = ()
    of_texts: bool = False
    verb: Literal["predict", "sample"] = "predict"
    best: Callable[[R], str] = lambda result: f"best epoch {result.best_epoch}"
    progress: Callable[[Screen, S, D], Callback] = lambda screen, settings, data: Progress(screen)

    @property
    def task(self) -> Task[S, D, R]:
        """What does the work; its libraries are loaded when it is first asked for."""
        return load_task(self.noun)

    def is_lesson(self, settings: S) -> bool:
        """Whether a training is there to show what goes wrong."""
        return any(all(getattr(settings, name) == lesson[name] for name in lesson) for lesson in self.lessons)

    @property
    def setting_options(self) -> dict[str, Option]:
        """The options that decide what is learned, by the name of their setting: the noun's own and the shared ones."""
        shared = {
            "limit": options.Limit,
            "val_split": options.ValSplit,
            "patience": options.Patience,
            "seed": options.Seed,
        }
        return {**self.choices, **{name: option for name, option in shared.items() if name not in self.choices}}
