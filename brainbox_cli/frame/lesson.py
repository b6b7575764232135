"""The one path of the commands without verbs: declare options, run once, show steps, save pictures, end with a code.

A command's module describes itself with a `Lesson`: its options, its headline, and the function that does the work and
returns an `Outcome`. `command` makes of it what Typer runs. Nothing is written unless an option of the Output panel
names a file.
"""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand

from brainbox_cli import options, parsers
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.command import command as options_of
from brainbox_cli.frame.command import filled, spelled
from brainbox_cli.frame.reporter import STDOUT, Reporter
from brainbox_cli.frame.runs import default_folder, keep_from_git
from brainbox_cli.options import Option
from brainbox_cli.program import ParsingError, unknown_option
from brainbox_core.errors import BrainboxError, UsageError
from brainbox_core.files.writing import check_folder, check_writable, make_folder, require_ours

if TYPE_CHECKING:  # not there in versions of Typer that use Click itself
    from typer._click import Context


@dataclass(frozen=True)
class Outcome:
    """What a lesson's function hands back.

    Attributes:
        result: the noun's own part of the document.
        metrics: the figures of the run; the entry `primary` names the main one.
        history: a dict of numbers for every step or epoch, with `epoch` counted from 1.
        files: content by the name of the option that asked for it: `{"plot": picture}`.
        try_next: the words of the command to try next, after `brainbox`.
        failure: the error of a run that has a result and failed all the same, such as a gate that cannot be learned;
            it is shown last.
    """

    result: dict
    metrics: dict = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    files: Mapping[str, bytes] = field(default_factory=dict)
    try_next: tuple[str, ...] = ()
    failure: BrainboxError | None = None


@dataclass(frozen=True)
class Lesson:
    """What a plain command says about itself.

    Attributes:
        noun: the command.
        choices: its options and arguments in the order of the help. `--seed` and those of the display are added.
            Those in the panels Output (files to write, parsed with `parsers.file`) and Display change no result.
        headline: from the values of the choices and the seed, by name, to a few words each about what is run.
        run: from the reporter and the same values to the outcome; prints its steps as they happen.
        instead: by the name of a switch, what runs in the place of `run`; it gets the same, and no file is written.
    """

    noun: str
    choices: Mapping[str, Option]
    headline: Callable[[SimpleNamespace], list[str]]
    run: Callable[[Reporter, SimpleNamespace], Outcome]
    instead: Mapping[str, Callable[[Reporter, SimpleNamespace], Outcome]] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Option]:
        """The choices that decide what is computed, by name."""
        shown = (options.OUTPUT, options.DISPLAY)
        return {name: choice for name, choice in self.choices.items() if _panel(choice) not in shown} | _SEED


_SEED = {"seed": options.changed(options.Seed, default=0)}


def command(lesson: Lesson, summary: str, epilog: str = "") -> typer.Typer:
    """The command of a lesson.

    Args:
        lesson: what it does.
        summary: the text of its help page.
        epilog: what stands below the options there, such as an example.
    """

    choices = {**lesson.settings, **lesson.choices}
    if any(_panel(choice) == options.OUTPUT for choice in choices.values()):
        choices["force"] = options.Force
    run = options_of(lesson.noun, None, functools.partial(_run, lesson), choices)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(cls=_Command, help=summary, epilog=epilog)(run)
    return app


class _Command(TyperCommand):
    """A command with options whose value may be left out, such as `--plot [FILE]`."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        implied = {
            flag: _implied(str(ctx.info_name), flag)
            for param in self.params
            for flag in param.opts
            if flag in options.IMPLIED and (param.metavar or "").startswith("[")
        }
        try:
            return super().parse_args(ctx, filled(args, implied))
        except ParsingError as error:
            argument = next((param for param in self.params if param.param_type_name == "argument"), None)
            option = unknown_option(error)
            if argument is None or option is None:
                raise
            word = next((word for word in args if word.startswith(option)), option)
            if word.startswith("--"):
                raise
            fix = f"if it is the {argument.metavar}, write -- before it: {ctx.command_path} ... -- {shlex.quote(word)}"
            raise UsageError(f"there is no option {option}", fix=fix) from error


def _implied(noun: str, flag: str) -> str:
    value = options.IMPLIED[flag]
    return str(default_folder(noun) / f"{noun}{value}") if value.startswith(".") else value


def _run(lesson: Lesson, reporter: Reporter, values: dict, given: set[str]) -> ExitCode:
    force = values.pop("force", False)
    if switch := next((name for name in lesson.instead if values[name]), None):
        outcome = lesson.instead[switch](reporter, SimpleNamespace(**values))
        reporter.document.set(result=outcome.result)
        reporter.row("next", shlex.join(["brainbox", *outcome.try_next]))
        return ExitCode.OK
    files = {name: values[name] for name, choice in lesson.choices.items() if _panel(choice) == options.OUTPUT}
    files = {name: path for name, path in files.items() if isinstance(path, Path)}
    _check_files(lesson, reporter, files)
    reporter.document.set(seed=values["seed"], config=values)
    named = SimpleNamespace(**values)
    headline = " | ".join(lesson.headline(named))
    for path in files.values():
        if not force and path != STDOUT and path.parent != default_folder(lesson.noun):
            require_ours(path)
    reporter.say((f"{lesson.noun}: ", "bold cyan"), headline, wrap=True)
    outcome = lesson.run(reporter, named)
    reporter.document.set(result=outcome.result, metrics=outcome.metrics, history=outcome.history)
    for name, content in outcome.files.items():
        if files[name].parent == default_folder(lesson.noun):
            keep_from_git(files[name].parent.parent)
            make_folder(files[name].parent)
        reporter.save(name, files[name], content)
    if outcome.try_next and not outcome.failure:  # the hint of a failure says what to try
        reporter.row("next", shlex.join(["brainbox", *outcome.try_next]))
    reporter.row("reproduce", _reproduce(lesson, values, given))
    return reporter.fail(outcome.failure) if outcome.failure else ExitCode.OK


def _check_files(lesson: Lesson, reporter: Reporter, files: Mapping[str, Path]) -> None:
    """Find out before the work whether every file can be written; make way on standard output for one."""
    flags: dict[str, str] = {}
    for name, path in files.items():
        flag = options.flag_of(lesson.choices[name])
        if other := flags.get(os.path.realpath(path)):
            raise UsageError(
                f"names the same file as {other}", where=f"{flag} {path}", fix="give each a name of its own"
            )
        flags[os.path.realpath(path)] = flag
        if path != STDOUT:
            ours = path.parent == default_folder(lesson.noun)
            if path.parent.exists() or not ours:  # our own folder is made when there is something to put into it
                check_writable(path)
            else:
                check_folder(path.parent)
        elif reporter.json:
            raise UsageError("standard output already belongs to --json", where=f"{flag} -", fix="name a file instead")
        else:
            reporter.text = reporter.side = reporter.notes


def _reproduce(lesson: Lesson, values: Mapping, given: set[str]) -> str:
    """The shortest command that computes the same; the seed is named in any case."""
    words, argument = ["brainbox", lesson.noun], []
    for name, choice in lesson.settings.items():
        value = values[name]
        if name != "seed" and (name not in given or value is None):
            continue
        if isinstance(choice.info, typer.models.ArgumentInfo):
            argument = [parsers.as_typed(value)]
        else:
            words += spelled(choice, value)
    if argument and argument[0].startswith("-"):
        return shlex.join([*words, "--", *argument])
    return shlex.join([*words[:2], *argument, *words[2:]])


def _panel(choice: Option) -> str | None:
    return choice.info.rich_help_panel
