"""From declared options to a function that Typer can call: the way into every command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import typer

from brainbox_cli import options
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.reporter import Reporter


class Choice(NamedTuple):
    """An option or argument of a verb, and its default."""

    option: options.Option
    default: Any = None


DISPLAY = {
    "json": Choice(options.Json, False),
    "quiet": Choice(options.Quiet, False),
    "verbose": Choice(options.Verbose, False),
}


def command(noun: str, verb: str | None, function: Callable, choices: Mapping[str, Choice]) -> Callable:
    """A function whose signature Typer can read: the declared options, and those of the display.

    Args:
        noun: the command.
        verb: its verb; None for a command without verbs.
        function: does the work: from the reporter, the values by name, and the names of those that were given (and not
            left at their default) to the exit code.
        choices: the options and arguments, by the names that their values have.
    """

    def run(ctx: typer.Context, **values: object) -> ExitCode | None:
        if ctx.invoked_subcommand is not None:  # this is the group; its verb comes next
            return None
        reporter: Reporter = ctx.obj
        display = {name: values.pop(name) for name in DISPLAY}
        reporter.begin(noun, verb, **display)
        given = {name for name in values if ctx.get_parameter_source(name).name in ("COMMANDLINE", "ENVIRONMENT")}
        return function(reporter, values, given)

    parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, (option, default) in {**choices, **DISPLAY}.items():
        parameter = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[option.kind, option.info]
        )
        parameters.append(parameter)
    run.__signature__ = inspect.Signature(parameters)
    return run
