"""What a trainer's command says about itself: its options, its task, and how its results are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from brainbox_cli import options
from brainbox_cli.frame.reporter import Reporter
from brainbox_core.model.callbacks import Callback
from brainbox_core.screen.screen import Part


class Answer(NamedTuple):
    """One prediction, in three forms.

    Attributes:
        text: the line for people; empty where only programs want to know.
        cells: the columns for programs, between tabs.
        record: the entry of the document's `predictions`.
        below: more lines for people, such as a picture.
    """

    text: list[Part]
    cells: list[str]
    record: dict
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trainer:
    """What a trainer's command says about itself.

    Attributes:
        noun: the command.
        task: the name of the module that does the work; imported when the work begins.
        settings: makes the task's settings from changes to the noun's defaults.
        choices: the option for each field of the settings that can be chosen, in the order of the help.
        metric: the main figure of its results.
        headline: the network and the data in a few words each, from the settings alone.
        predict: from the reporter, the task, a model and the verb's options to the answers; of `sample`, to pieces of
            text.
        predict_choices: the options of that verb.
        evaluate_choices: the options that are handed on to the task's `evaluate`.
        show: from the reporter, the verb, the result and the data; prints what stands beside the main figure.
        record: the noun's own part of the document for a result.
        draw: from a folder, the model, the data and the result to pictures in that folder, their paths by name.
        try_next: from a folder and the data to the words after the noun of a command that works as it stands, and the
            files, by name, that it put into the folder for that.
        train_choices: options of the training that change nothing of what is learned.
        afterwards: what still happens when a training is saved, shown and passed its gate: from the reporter, the task,
            the model and the values of `train_choices`.
        of_texts: its inputs are texts, which may stand in the place of the verb; and where there is no model yet, one
            is trained on the built-in data first.
        verb: how a model is used: `predict` answers for each input, `sample` writes a text.
        best: which part of the training gave the weights that were kept, from the result.
        progress: from a screen, the settings and the data to the callback that shows the training, if its rows are not
            the usual ones.
    """

    noun: str
    task: str
    settings: Callable
    choices: Mapping[str, options.Option]
    metric: str
    headline: Callable[[object], list[str]]
    predict: Callable[..., Iterable[Answer]]
    predict_choices: Mapping[str, options.Option]
    evaluate_choices: Mapping[str, options.Option]
    show: Callable[[Reporter, str, object, object], None]
    record: Callable[[object], dict]
    draw: Callable[..., dict[str, Path]]
    try_next: Callable[..., tuple[list[str], dict[str, Path]]]
    train_choices: Mapping[str, options.Option] = field(default_factory=dict)
    afterwards: Callable[..., None] | None = None
    of_texts: bool = False
    verb: str = "predict"
    best: Callable[[object], str] = lambda result: f"best epoch {result.best_epoch}"
    progress: Callable[..., Callback] | None = None

    @property
    def setting_options(self) -> dict[str, options.Option]:
        """The options that decide what is learned, by the name of their setting: the noun's own and the shared ones."""
        shared = {
            "limit": options.Limit,
            "val_split": options.ValSplit,
            "patience": options.Patience,
            "seed": options.Seed,
        }
        return {**self.choices, **{name: option for name, option in shared.items() if name not in self.choices}}
