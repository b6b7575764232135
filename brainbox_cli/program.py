"""The nouns as one Typer program: each module is imported when its command is called, and errors are told our way."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.tour import NOUNS, tour
from brainbox_core import __version__
from brainbox_core.errors import UsageError

if TYPE_CHECKING:  # not there in versions of Typer that use Click itself
    from typer._click import Command, Context

COMPLETION = "_BRAINBOX_COMPLETE"  # set by the shell's completion script

# What all complaints about a command line descend from: by version, Typer has Click's classes or its own copies.
ParsingError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


class Nouns(TyperGroup):
    """The commands of the tour."""

    def list_commands(self, ctx: Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in NOUNS:
            return None
        command = typer.main.get_command(importlib.import_module(module_of(cmd_name)).app)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        if args[0] not in NOUNS and not ctx.resilient_parsing:
            raise UsageError(f'there is no command "{args[0]}"', fix=suggestion(args[0], NOUNS, "brainbox "))
        return super().resolve_command(ctx, args)


def module_of(noun: str) -> str:
    """The module that holds a noun's command; the two digit readers share a room."""
    return f"brainbox_cli.commands.{noun}" if noun in ("mnist", "cnn") else f"brainbox_cli.commands.{noun}.command"


program = typer.Typer(
    cls=Nouns,
    name="brainbox",
    help="Deep learning from a single neuron to a network on a microcontroller, from scratch in NumPy.",
    invoke_without_command=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)


@program.callback()
def _brainbox(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"brainbox {__version__}")
        raise typer.Exit()
    if ctx.invoked_subcommand is None:
        typer.echo(tour(), nl=False)


def noun_of(argv: list[str]) -> str | None:
    """The command that a command line begins with."""
    return argv[0] if argv and argv[0] in NOUNS else None


def invoke(argv: list[str], obj: Any) -> ExitCode:
    """Parse the command line and run the command.

    Args:
        argv: the command line after `brainbox`.
        obj: what the command finds in its context.

    Raises:
        UsageError: the command line is wrong.
    """
    command = typer.main.get_command(program)
    if COMPLETION in os.environ:
        command.main(argv, prog_name="brainbox", complete_var=COMPLETION)  # prints the words and exits
    try:
        # Not command.main(), which has an exit code of its own for a closed pipe.
        with command.make_context("brainbox", argv, obj=obj) as ctx:
            return ExitCode(command.invoke(ctx) or 0)
    except typer.Exit as stop:
        return ExitCode(stop.exit_code)
    except ParsingError as error:
        raise _usage_error(error, noun_of(argv)) from error


def unknown_option(error: typer.BadParameter) -> str | None:
    """The option that a complaint says is unknown; None if it is about something else."""
    return getattr(error, "option_name", None) if error.message.lower().startswith("no such option") else None


def suggestion(word: str, known: Collection[str], before: str = "") -> str:
    """A hint for a word that is not known."""
    close = difflib.get_close_matches(word, known, n=2, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(before + match for match in close) + "?"
    return f"there are: {', '.join(known)}"


def _usage_error(error: typer.BadParameter, noun: str | None) -> UsageError:
    """Typer's complaint in our words."""
    ctx = error.ctx
    path = ctx.command_path if ctx else f"brainbox {noun}" if noun else "brainbox"
    fix = f"{path} --help lists the options"
    message = error.message[:1].lower() + error.message[1:].rstrip(".")
    if option := unknown_option(error):
        close = difflib.get_close_matches(option, getattr(error, "possibilities", None) or (), n=1, cutoff=0.7)
        return UsageError(f"there is no option {option}", fix=f"did you mean {close[0]}?" if close else fix)
    if (param := getattr(error, "param", None)) is None:
        return UsageError(message, fix=fix)
    where = next((option for option in param.opts if option.startswith("--")), param.metavar or param.name)
    source = ctx.get_parameter_source(param.name) if ctx else None
    if source is not None and source.name == "ENVIRONMENT":
        where = f"{param.envvar} in the environment"
    return UsageError(message or "is missing", where=where, fix=fix)
