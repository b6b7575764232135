"""From the arguments that the core names to the options that one types: from `max_drop 1` to --max-drop 1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

# What stands between double quotes is quoted from the user's data and stays as it is.
_ARGUMENT = re.compile(r'"[^"]*"|`([a-z][a-z0-9_]*)( [^`]*)?`')


def as_options(text: str, flags: Mapping[str, str]) -> str:
    """A message in which every argument between backticks, with or without a value, is spelled as an option.

    Args:
        text: of the core.
        flags: the options of the running command by the name of their argument; any other gets its own name.

    Example:
        >>> as_options("use a larger `limit`, or `max_drop 1`", {"limit": "--limit"})
        'use a larger --limit, or --max-drop 1'
    """

    def spelled(match: re.Match) -> str:
        name, value = match.groups(default="")
        return flags.get(name, f"--{name.replace('_', '-')}") + value if name else match[0]

    return _ARGUMENT.sub(spelled, text)


def flags_of(ctx: typer.Context) -> dict[str, str]:
    """How the options of the running command are spelled, by the name of their argument."""
    return {
        str(param.name): next((flag for flag in param.opts if flag.startswith("--")), param.metavar or str(param.name))
        for param in ctx.command.params
    }
