"""The group of a noun: its verbs, and what is said when a word is none or an option stands before one."""

from __future__ import annotations

import difflib
import itertools
import os
import re
import shlex
from collections.abc import Callable

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
            raise UsageError(f'{noun} has no verb "{word}"', fix=self._remedy(noun, word))
        given = ctx.meta[_GIVEN]
        if before := given[: len(given) - len(args)]:
            raise self._misplaced(ctx, before, args)
        return super().resolve_command(ctx, args)

    def _remedy(self, noun: str, word: str) -> str:
        if "predict" in self.commands and os.path.exists(word):
            return f"to read it: {shlex.join(['brainbox', noun, 'predict', word])}"
        return suggestion(word, self.commands, f"brainbox {noun} ")

    def _misplaced(self, ctx: typer.Context, before: list[str], after: list[str]) -> UsageError:
        """The line with the options behind the verb, without those that the verb has not."""
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
        corrected = shlex.join(["brainbox", ctx.info_name, verb, *kept, *rest])
        fix = f"{corrected} ({verb} has no {' and no '.join(foreign)})" if foreign else corrected
        return UsageError(f'options follow the verb "{verb}"', got=shlex.join(before), fix=fix)


class TextVerbs(Verbs):
    """A noun for which a text in the place of the verb is something to predict: `spam "Buy cheap meds now!!"`.

    One word that is close to a verb, or is a file, might be meant otherwise and is refused with both readings.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            args = self._with_verb(ctx.info_name, args)
        try:
            return super().parse_args(ctx, args)
        except ParsingError as error:
            option = getattr(error, "option_name", None)
            if option and any(option in param.opts for param in self.commands["predict"].params):
                words = [word for word in _sorted(self.commands["predict"], ctx.meta[_GIVEN], _is_text) if word != "--"]
                corrected = shlex.join(["brainbox", ctx.info_name, "predict", *words])
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


class Values(TyperCommand):
    """A verb whose arguments may be negative numbers: `predict 3 -122.5` needs no `--` before them."""

    _is_value = staticmethod(_is_negative)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and any(map(self._is_value, args)):
            args = _sorted(self, args, self._is_value)
        return super().parse_args(ctx, args)


class Texts(Values):
    """A verb whose arguments are texts, which may begin with a dash: `predict "-50% today"`."""

    _is_value = staticmethod(_is_text)


def _sorted(command: TyperCommand, args: list[str], is_value: Callable[[str], bool]) -> list[str]:
    """The options of a verb and what belongs to them, then `--`, then all other words in their order."""
    valued = _valued(command)
    options, words = [], []
    rest = iter(args)
    for word in rest:
        if word == "--":
            words += rest
        elif word.startswith("-") and word != "-" and not is_value(word):
            options.append(word)
            if word in valued:
                options += [value for value in [next(rest, None)] if value is not None]
        else:
            words.append(word)
    return [*options, "--", *words]


def _valued(command: TyperCommand | TyperGroup) -> set[str]:
    """The options of a command that take a value."""
    return {flag for param in command.params if not getattr(param, "is_flag", True) for flag in param.opts}
