"""From declared options to a function that Typer can call: the way into every command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import typer

from brainbox_cli import options, parsers
from brainbox_cli.arguments import flags_of
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.options import Option

DISPLAY = {"json": options.Json, "quiet": options.Quiet, "verbose": options.Verbose}


def filled(args: Sequence[str], implied: Mapping[str, str], verbs: Collection[str] = ()) -> list[str]:
    """The words of a command line with the values that were left out, as in `--plot [FILE]`; Typer has no such thing.

    Args:
        implied: what an option means alone.
        verbs: words that are never a value.
    """
    words: list[str] = []
    for index, word in enumerate(args):
        words.append(word)
        if word == "--":
            return words + list(args[index + 1 :])
        following = args[index + 1 : index + 2]
        alone = not following or (following[0].startswith("-") and following[0] != "-") or following[0] in verbs
        if word in implied and alone:
            words.append(implied[word])
    return words


def spelled(option: Option, value: Any) -> list[str]:
    """The words of a command line that give an option its value."""
    if isinstance(value, bool):
        return [options.switch_of(option, value)]
    return [options.flag_of(option), parsers.as_typed(value)]


def command(noun: str, verb: str | None, function: Callable, choices: Mapping[str, Option]) -> Callable:
    """A function whose signature Typer can read: the declared options, and those of the display.

    Args:
        noun: the command.
        verb: its verb; None for a command without verbs.
        function: does the work: from the reporter, the values by name, and the names of those that were given (and not
            left at their default) to the exit code.
        choices: the options and arguments, by the names that their values have.
    """

    def run(ctx: typer.Context, **values: Any) -> ExitCode | None:
        if ctx.invoked_subcommand is not None:  # this is the group; its verb comes next
            return None
        reporter: Reporter = ctx.obj
        reporter.flags = flags_of(ctx)
        reporter.begin(noun, verb, **{name: values.pop(name) for name in DISPLAY})
        sources = {name: ctx.get_parameter_source(name) for name in values}
        given = {name for name, source in sources.items() if source and source.name in ("COMMANDLINE", "ENVIRONMENT")}
        return function(reporter, values, given)

    parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, (kind, info, default) in {**choices, **DISPLAY}.items():
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])
        )
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # which every function may have
    return run
