"""From declared options to a function that Typer can call: the way into every command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import typer

from brainbox_cli import options
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.reporter import Reporter


class Choice(NamedTuple):
    """An option or argument of a verb: its annotated type and its default."""

    option: object
    default: object = None


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

    def run(ctx: typer.Context, **values: Any) -> ExitCode | None:
        if ctx.invoked_subcommand is not None:  # this is the group; its verb comes next
            return None
        reporter: Reporter = ctx.obj
        reporter.begin(noun, verb, **{name: values.pop(name) for name in DISPLAY})
        sources = {name: ctx.get_parameter_source(name) for name in values}
        given = {name for name, source in sources.items() if source and source.name in ("COMMANDLINE", "ENVIRONMENT")}
        return function(reporter, values, given)

    parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, (option, default) in {**choices, **DISPLAY}.items():
        parameter = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
        parameters.append(parameter)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # which every function may have
    return run
