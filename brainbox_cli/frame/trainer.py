"""What a trainer's command says about itself, and the verbs that come of it.

A command's module declares a `Trainer`: its options, its task, and how its results are shown. `verbs` makes of it the
group with `train`, `predict` (or `sample`) and `evaluate`, where the bare noun is `train`; what they do is in
`trainer_run`, once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import typer

from brainbox_cli import options, parsers
from brainbox_cli.frame import run as trainer_run
from brainbox_cli.frame.command import Choice, command
from brainbox_cli.frame.gate import is_share, shown
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.verbs import Texts, TextVerbs, Values, Verbs
from brainbox_core.model.callbacks import Callback
from brainbox_core.screen.progress import Part


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
    predict_choices: Mapping[str, Choice]
    evaluate_choices: Mapping[str, Choice]
    show: Callable[[Reporter, str, object, object], None]
    record: Callable[[object], dict]
    draw: Callable[..., dict[str, Path]]
    try_next: Callable[..., tuple[list[str], dict[str, Path]]]
    train_choices: Mapping[str, Choice] = field(default_factory=dict)
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


_USES = {
    "predict": (trainer_run.predict, "Use a trained model."),
    "sample": (trainer_run.sample, "Let a trained model write; prints nothing but the text."),
}


def verbs(trainer: Trainer, summary: str) -> typer.Typer:
    """The command of a trainer: one function is both the bare noun and `train`."""
    defaults = trainer.settings()
    train = {
        **{name: Choice(option, _default(defaults, name)) for name, option in trainer.setting_options.items()},
        "quick": Choice(options.Quick, False),
        "out": Choice(options.Out),
        **_gate(trainer.metric, " The model is saved all the same."),
        "plot": Choice(options.Plot, False),
        "dry_run": Choice(options.DryRun, False),
        **trainer.train_choices,
    }
    use, about_use = _USES[trainer.verb]
    predict = {**trainer.predict_choices, "model": Choice(options.Model)}
    evaluate = {
        "data": Choice(options.changed(trainer.choices["data"], show_default="what the model was trained on")),
        "model": Choice(options.Model),
        **trainer.evaluate_choices,
        **_gate(trainer.metric),
    }
    app = typer.Typer(
        cls=TextVerbs if trainer.of_texts else Verbs,
        help=summary,
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode="rich",
        subcommand_metavar="[VERB] [INPUT]...",
    )
    inputs = Texts if trainer.of_texts else Values
    for verb, function, choices, help in (
        ("train", trainer_run.train, train, "Learn, and keep the best weights; the same as without a verb."),
        (trainer.verb, use, predict, about_use),
        ("evaluate", trainer_run.evaluate, evaluate, "Measure a trained model on data it never saw."),
    ):
        run = command(trainer.noun, verb, partial(function, trainer), choices)
        app.command(verb, cls=inputs if verb == "predict" else None, help=help)(run)
        if verb == "train":
            app.callback()(run)
    return app


def _gate(metric: str, besides: str = "") -> dict[str, Choice]:
    """The options that fail a run by its main figure, which their help names."""
    example = " (0.95 or 95%)" if is_share(metric) else ""
    sides = (("fail_under", options.FailUnder, "<"), ("fail_over", options.FailOver, ">"))
    return {
        name: Choice(options.changed(option, help=f"Exit with code 5 if {shown(metric)} {side} X{example}.{besides}"))
        for name, option, side in sides
    }


def _default(settings: object, name: str) -> object:
    """A setting's default as the option takes it."""
    value = getattr(settings, name)
    return parsers.as_typed(value) if isinstance(value, tuple) else value
