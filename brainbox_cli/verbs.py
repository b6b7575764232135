"""The group of a noun: its verbs, and what is said when a word is none or an option stands before one."""

from __future__ import annotations

import os
import re
import shlex

import typer
from typer.core import TyperCommand, TyperGroup

from brainbox_cli.program import ParsingError, suggestion
from brainbox_core.errors import UsageError

_GIVEN = "brainbox_cli.given"
_NEGATIVE = re.compile(r"-[0-9.][0-9.eE+-]*")


class Verbs(TyperGroup):
    """A noun whose verb may be left out; options follow the verb, and no word is ever guessed to be one."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        ctx.meta[_GIVEN] = list(args)
        try:
            return super().parse_args(ctx, args)
        except ParsingError as error:
            # `mnist --top 3 predict x.png`: the option is unknown here only because its verb comes after it.
            given = ctx.meta[_GIVEN]
            option = getattr(error, "option_name", None)
            position = next((index for index, word in enumerate(given) if word in self.commands), 0)
            if option and position and any(option in param.opts for param in self.commands[given[position]].params):
                raise self._misplaced(ctx, given[:position], given[position:]) from error
            raise

    def resolve_command(self, ctx: typer.Context, args: list[str]):
        if ctx.resilient_parsing:  # completing a line that is not finished
            return super().resolve_command(ctx, args)
        noun, word = ctx.info_name, args[0]
        if word not in self.commands:
            if "predict" in self.commands and os.path.exists(word):
                fix = f"to read it: {shlex.join(['brainbox', noun, 'predict', word])}"
            else:
                fix = suggestion(word, self.commands, f"brainbox {noun} ")
            raise UsageError(f'{noun} has no verb "{word}"', fix=fix)
        given = ctx.meta[_GIVEN]
        if before := given[: len(given) - len(args)]:
            raise self._misplaced(ctx, before, args)
        return super().resolve_command(ctx, args)

    @staticmethod
    def _misplaced(ctx: typer.Context, before: list[str], after: list[str]) -> UsageError:
        verb, *rest = after
        options = [word for word in before if word != "--"]
        corrected = shlex.join(["brainbox", ctx.info_name, verb, *options, *rest])
        return UsageError(f'options follow the verb "{verb}"', got=shlex.join(before), fix=corrected)


class Values(TyperCommand):
    """A verb whose arguments may be negative numbers: `predict 3 -122.5` needs no `--` before them."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and any(map(_NEGATIVE.fullmatch, args)):
            args = self._sorted(args)
        return super().parse_args(ctx, args)

    def _sorted(self, args: list[str]) -> list[str]:
        """The options and what belongs to them, then `--`, then all other words in their order."""
        valued = {flag for param in self.params if not getattr(param, "is_flag", True) for flag in param.opts}
        options, words = [], []
        rest = iter(args)
        for word in rest:
            if word == "--":
                words += rest
            elif word.startswith("-") and word != "-" and not _NEGATIVE.fullmatch(word):
                options.append(word)
                if word in valued:
                    options += [value for value in [next(rest, None)] if value is not None]
            else:
                words.append(word)
        return [*options, "--", *words]
