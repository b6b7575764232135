"""The verbs of a trainer, and what is said when a word is none of them or an option stands before one."""

from __future__ import annotations

import difflib
import itertools
import os
import re
import shlex
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from brainbox_cli import options, parsers
from brainbox_cli.frame import run
from brainbox_cli.frame.command import command, filled
from brainbox_cli.frame.gate import share_in, shown
from brainbox_cli.frame.trainer import Trainer
from brainbox_cli.program import ParsingError, suggestion, unknown_option
from brainbox_core.errors import UsageError
from brainbox_core.tasks.contract import Settings

if TYPE_CHECKING:  # not there in versions of Typer that use Click itself
    from typer._click import Command, Context

_GIVEN = "brainbox_cli.given"
_ALONE = {"--resume": options.IMPLIED["--resume"]}
_NEGATIVE = re.compile(r"-[0-9.,][0-9.,'eE+-]*")


class Verbs(TyperGroup):
    """A noun whose verb may be left out; options follow the verb, and no word is ever guessed to be one."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        args = filled(args, _ALONE, self.commands)
        ctx.meta[_GIVEN] = list(args)  # parsing takes words away from the other
        try:
            return super().parse_args(ctx, args)
        except ParsingError as error:
            # `mnist --top 3 predict x.png`: the option is unknown here only because its verb comes after it.
            given = ctx.meta[_GIVEN]
            option = unknown_option(error)
            position = next((index for index, word in enumerate(given) if word in self.commands), 0)
            if option and position and any(option in param.opts for param in self.commands[given[position]].params):
                raise self._misplaced(ctx, given[:position], given[position:]) from error
            raise

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        if ctx.resilient_parsing:  # completing a line that is not finished
            return super().resolve_command(ctx, args)
        noun, word = str(ctx.info_name), args[0]
        if word not in self.commands:
            raise UsageError(f'{noun} has no verb "{word}"', fix=self._remedy(noun, word))
        given = ctx.meta[_GIVEN]
        if before := given[: len(given) - len(args)]:
            raise self._misplaced(ctx, before, args)
        return super().resolve_command(ctx, args)

    def _remedy(self, noun: str, word: str) -> str:
        if "predict" in self.commands and os.path.exists(word):
            return f"to read it: {shlex.join(['brainbox', noun, 'predict', word])}"
        return suggestion(word, self.commands, f"brainbox {noun} ")

    def _misplaced(self, ctx: Context, before: list[str], after: list[str]) -> UsageError:
        """The error with the corrected line: the options behind the verb, without those that the verb does not have."""
        verb, *rest = after
        command = self.commands[verb]
        known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
        valued = _valued(self) | _valued(command)
        kept, foreign = [], []
        words = iter(word for word in before if word != "--")
        for word in words:
            option = word.partition("=")[0]
            part = [word, *itertools.islice(words, int(word in valued))]
            if option in known or not (option.startswith("--") or option in valued):  # short ones may share a word
                kept += part
            else:
                foreign.append(option)
        corrected = shlex.join(["brainbox", str(ctx.info_name), verb, *kept, *rest])
        fix = f"{corrected} ({verb} has no {' and no '.join(foreign)})" if foreign else corrected
        return UsageError(f'options follow the verb "{verb}"', got=shlex.join(before), fix=fix)


class TextVerbs(Verbs):
    """A noun for which a text in the place of the verb is something to predict: `spam "Buy cheap meds now!!"`.

    One word that is close to a verb, or is a file, might be meant otherwise and is refused with both readings.
    """

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            args = self._with_verb(str(ctx.info_name), args)
        try:
            return super().parse_args(ctx, args)
        except ParsingError as error:
            option = unknown_option(error)
            if option and any(option in param.opts for param in self.commands["predict"].params):
                words = [word for word in _sorted(self.commands["predict"], ctx.meta[_GIVEN], _is_text) if word != "--"]
                corrected = shlex.join(["brainbox", str(ctx.info_name), "predict", *words])
                raise UsageError("options follow the text", got=option, fix=corrected) from error
            raise

    def _with_verb(self, noun: str, args: list[str]) -> list[str]:
        if not args or args[0] in self.commands or (_is_option(args[0]) and args[0] != "--"):
            return args
        if args[0] not in ("--", "-") and not _is_text(args[0]):
            self._require_one_reading(noun, args[0])
        return ["predict", *args]

    def _require_one_reading(self, noun: str, word: str) -> None:
        as_text = f"to classify the word: {shlex.join(['brainbox', noun, 'predict', word])}"
        close = [verb for verb in self.commands if len(word) > 2 and verb.startswith(word.casefold())]
        close += difflib.get_close_matches(word.casefold(), self.commands, n=1, cutoff=0.7)
        if close:
            what = f'"{word}" may be the verb {close[0]} or a text of one word'
            raise UsageError(what, fix=f"for the verb: brainbox {noun} {close[0]}; {as_text}")
        if os.path.exists(word):
            learn = shlex.join(["brainbox", noun, "train", "--data", word])
            raise UsageError(
                f'"{word}" may be a file or a text of one word', fix=f"to learn from it: {learn}; {as_text}"
            )

    def _remedy(self, noun: str, word: str) -> str:
        return f"to classify a text: {shlex.join(['brainbox', noun, 'predict', word])}"


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-" and not _is_text(word)


def _is_text(word: str) -> bool:
    """Whether a word of the command line is a text of several words; no option has a space in its name."""
    return any(map(str.isspace, word.partition("=")[0]))


def _is_negative(word: str) -> bool:
    return _NEGATIVE.fullmatch(word) is not None


class Train(TyperCommand):
    """The verb that learns: `--resume` may stand alone."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, filled(args, _ALONE))


class Values(TyperCommand):
    """A verb whose arguments may be negative numbers: `predict 3 -122.5` needs no `--` before them."""

    _is_value = staticmethod(_is_negative)

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and any(map(self._is_value, args)):
            args = _sorted(self, args, self._is_value)
        return super().parse_args(ctx, args)


class Texts(Values):
    """A verb whose arguments are texts, which may begin with a dash: `predict "-50% today"`."""

    _is_value = staticmethod(_is_text)


def _sorted(command: Command, args: list[str], is_value: Callable[[str], bool]) -> list[str]:
    """The options of a verb and what belongs to them, then `--`, then all other words in their order."""
    valued = _valued(command)
    flags: list[str] = []
    words: list[str] = []
    rest = iter(args)
    for word in rest:
        if word == "--":
            words += rest
        elif word.startswith("-") and word != "-" and not is_value(word):
            flags.append(word)
            if word in valued:
                flags += [value for value in [next(rest, None)] if value is not None]
        else:
            words.append(word)
    return [*flags, "--", *words]


def _valued(command: Command) -> set[str]:
    """The options of a command that take a value."""
    return {flag for param in command.params if not getattr(param, "is_flag", True) for flag in param.opts}


# From what a trainer says about itself to its verbs

_USES = {
    "predict": (run.predict, "Use a trained model."),
    "sample": (run.sample, "Let a trained model write; prints nothing but the text."),
}


def verbs(trainer: Trainer, summary: str) -> typer.Typer:
    """The command of a trainer: one function is both the bare noun and `train`."""
    defaults = trainer.settings()
    train = {
        **{name: option._replace(default=_default(defaults, name)) for name, option in trainer.setting_options.items()},
        **options.OF_A_RUN,
        **_gate(trainer.metric, " The model is saved all the same."),
        "resume": options.Resume,
        "dry_run": options.DryRun,
        **trainer.train_choices,
    }
    use, about_use = _USES[trainer.verb]
    predict = {**trainer.reading, **trainer.predict_choices, "model": options.Model}
    evaluate = {
        "data": options.changed(trainer.choices["data"], show_default="what the model was trained on"),
        "model": options.Model,
        **trainer.reading,
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
        ("train", run.train, train, "Learn, and keep the best weights; the same as without a verb."),
        (trainer.verb, use, predict, about_use),
        ("evaluate", run.evaluate, evaluate, "Measure a trained model on data it never saw."),
    ):
        call = command(trainer.noun, verb, partial(function, trainer), choices)
        app.command(verb, cls={"train": Train, "predict": inputs}.get(verb), help=help)(call)
        if verb == "train":
            app.callback()(call)
    return app


def _gate(metric: str, besides: str = "") -> dict[str, options.Option]:
    """The options that fail a run by its main figure, which their help names."""
    example = " (0.95 or 95%)" if share_in(metric) else ""
    sides = (("fail_under", options.FailUnder, "<"), ("fail_over", options.FailOver, ">"))
    return {
        name: options.changed(option, help=f"Exit with code 5 if {shown(metric)} {side} X{example}.{besides}")
        for name, option, side in sides
    }


def _default(settings: Settings, name: str) -> Any:
    """A setting's default as the option takes it."""
    value = getattr(settings, name)
    return parsers.as_typed(value) if isinstance(value, tuple) else value
