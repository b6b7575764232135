"""Every shared option, declared once: spelling, help, environment variable, and what it accepts.

The default of most comes with the command that uses them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import typer
from typer.models import ParameterInfo

from brainbox_cli import parsers
from brainbox_core.scalar.update_rules import NETWORK_OPTIMIZERS

DATA, NETWORK, TRAINING, OUTPUT, DISPLAY = "Data", "Network", "Training", "Output", "Display"  # panels of the help


class Option(NamedTuple):
    """An option or argument of a command, in the parts of which Typer makes one.

    Attributes:
        kind: the type of its value.
        info: its names, its help and so on.
        default: its value where it is not given; ... where it has to be.
    """

    kind: type
    info: ParameterInfo
    default: Any = None


def option(
    spelling: str,
    panel: str | None,
    help: str,
    parser: Callable[[object], object] | None = None,
    *,
    default: Any = None,
    shown: str | bool = True,
    repeated: bool = False,
    env: str | None = None,
) -> Option:
    """An option, spelled as the help shows it.

    Args:
        spelling: its names, then what stands for its value, such as `--epochs -e N`. A switch has no value.
        panel: where the help shows it; None for the first panel.
        help: what it does.
        parser: from the text of the value to the value; a text is taken as it is if left out.
        default: as one would type it. A switch is off unless it has two sides, such as `--rgb/--gray`.
        shown: the default in words, or whether the help shows it.
        repeated: it may be given several times, and its value is a list of texts.
        env: the environment variable that stands in for it.

    Example:
        >>> flag_of(option("--lr --learning-rate X", TRAINING, "Learning rate.", parsers.real_number(0)))
        '--lr'
    """
    *names, last = spelling.split()
    is_switch = last.startswith("-")
    kind = bool if is_switch else list[str] if repeated else object if parser else str
    info = typer.Option(
        *names,
        *([last] if is_switch else []),
        metavar=None if is_switch else last,
        parser=parser,
        rich_help_panel=panel,
        help=help,
        show_default=shown,
        envvar=env,
    )
    return Option(kind, info, False if is_switch and "/" not in last else default)


def argument(
    metavar: str, help: str, *, default: Any = None, shown: str | bool = True, repeated: bool = False
) -> Option:
    """What follows a noun or verb without a name: one text, or several if it is `repeated`."""
    kind = list[str] if repeated else str
    return Option(kind, typer.Argument(metavar=metavar, help=help, show_default=shown), default)


def changed(option: Option, *, default: Any = None, **changes: str | None) -> Option:
    """The same option with another default, or other words in the help where a command means something more precise.

    Args:
        option: as it is everywhere else.
        default: None leaves it as it is.
        changes: `help`, `show_default` (the default in words) or `rich_help_panel`.

    Example:
        >>> changed(BatchSize, help="Sentences per update.").info.help
        'Sentences per update.'
    """
    info = copy.copy(option.info)
    vars(info).update(changes)
    return Option(option.kind, info, option.default if default is None else default)


def flag_of(option: Option) -> str:
    """The long spelling of an option: `--batch-size`.

    Example:
        >>> flag_of(BatchSize)
        '--batch-size'
    """
    names = map(str, (option.info.default, *(option.info.param_decls or ())))
    return next(name for name in names if name.startswith("--"))


def switch_of(option: Option, on: bool) -> str:
    """The spelling that turns a switch such as `--check/--no-check` on or off."""
    positive, _, negative = flag_of(option).partition("/")
    return positive if on else negative


# What is learned from


def data(metavar: str, help: str, *also: str, names: Collection[str]) -> Option:
    """The option `--data` of one command, with what that command takes, further names for it, and what is built in."""
    return option(" ".join(("--data", *also, metavar)), DATA, help, parsers.name_or_path(*names))


def folds(help: str, most: int = parsers.LARGEST_WHOLE) -> Option:
    """The option `--folds` of one command, with what is cross-validated there: in 2 parts or more, 0 for none."""

    def parse(text: object) -> int:
        if (count := parsers.whole_number(0, most)(text)) == 1:
            raise typer.BadParameter("expected 2 or more, or 0 for none, got 1")
        return count

    return option("--folds K", DATA, help, parse)


Decimal = option(
    "--decimal M", DATA, "Mark before decimals: point or comma.", parsers.mark(".,"), shown="found out by column"
)
Thousands = option(
    "--thousands M",
    DATA,
    "Mark between thousands: point, comma, space or apostrophe.",
    parsers.mark(".,' "),
    shown="found out by column",
)
MARKS = {"decimal": Decimal, "thousands": Thousands}
NoHeader = option("--no-header", DATA, "The first line is data, not the columns' names.")
Drop = option("--drop COL[,COL]", DATA, "Columns to leave out of the features.", parsers.columns, shown=False)
MoreTables = option("--data CSV|-", None, "Another way to name a table; may be repeated.", repeated=True)
Limit = option("--limit N", DATA, "Only the first N training rows after the seeded shuffle.", parsers.whole_number())
ValSplit = option(
    "--val-split F",
    DATA,
    "Share of the training rows that is held out to choose the best epoch.",
    parsers.share(0, 1, above=True, below=True),
)

# The network


Hidden = option("--hidden N[,N]", NETWORK, "Width of each hidden layer.", parsers.sizes)
Filters = option("--filters N[,N]", NETWORK, "Filters of each convolution.", parsers.sizes)

# Training


Epochs = option("--epochs -e N", TRAINING, "How often every training row is seen.", parsers.whole_number())
BatchSize = option("--batch-size -b N", TRAINING, "Rows per update.", parsers.whole_number())
BatchSizeOrFull = option(
    "--batch-size -b N|full",
    TRAINING,
    "Rows per update: 1 is stochastic gradient descent, full takes all of them at once.",
    parsers.word_or(parsers.whole_number(), "full"),
)
Lr = option(
    "--lr --learning-rate X",
    TRAINING,
    "Learning rate; if not given, one that suits the optimizer.",
    parsers.real_number(0, above=True),
)
Optimizer = option(
    "--optimizer NAME",
    TRAINING,
    f"Rule of the updates: {', '.join(NETWORK_OPTIMIZERS)}.",
    parsers.one_of(*NETWORK_OPTIMIZERS),
)
Patience = option(
    "--patience N",
    TRAINING,
    "Stop after N epochs without a new best. The best weights are kept in any case.",
    parsers.whole_number(),
)
Seed = option(
    "--seed N",
    TRAINING,
    "Start of all randomness: the same seed gives the same run.",
    parsers.whole_number(0, 2**64 - 1),
    env="BRAINBOX_SEED",
)
Quick = option("--quick", TRAINING, "Finish within 5 seconds, for a first look and for CI; says what it changes.")

# What comes out


Out = option(
    "--out -o FOLDER",
    OUTPUT,
    "Where the model and the records of the run go.",
    parsers.folder,
    shown="brainbox-out/NOUN/runs/N, env var: BRAINBOX_OUT for brainbox-out",
)
ALL = "all"
Keep = option(
    "--keep N|all",
    OUTPUT,
    "How many finished runs stay; older ones are removed, except the current one.",
    parsers.word_or(parsers.whole_number(), ALL),
    default="20",
)
Model = option(
    "--model -m PATH|NOUN[@N]",
    None,
    "A model file or its folder, a command for its current run, or one of its runs: mnist@3.",
    shown="the current run",
)
FailUnder = option("--fail-under X", OUTPUT, "Exit with code 5 if the main figure < X.", parsers.share())
FailOver = option("--fail-over X", OUTPUT, "Exit with code 5 if the main figure > X.", parsers.share())
Plot = option("--plot", OUTPUT, "Also draw PNG pictures into the output folder.")
DryRun = option("--dry-run -n", OUTPUT, "Show data, layers and what would be written; write nothing.")
Resume = option(
    "--resume [RUN|FOLDER]",
    OUTPUT,
    "Go on with a run that was stopped or killed, as if it had not been; with the last one unless another is named.",
    shown=False,
)
OF_A_RUN = {  # what decides, beside the settings, what a training writes and how it ends
    "quick": Quick,
    "out": Out,
    "keep": Keep,
    "fail_under": FailUnder,
    "fail_over": FailOver,
    "plot": Plot,
}
Force = option("--force", OUTPUT, "Also replace a file that brainbox did not make.")
# What is meant where the value is left out, in an option that is declared with a value in brackets. A lesson is run for
# what it shows: a picture is called after the command, with the suffix below, and lies where its other files do.
IMPLIED = {"--plot": ".png", "--gif": ".gif", "--explain": "1", "--resume": ""}


def picture(flag: str, help: str) -> Option:
    """The option `--plot [FILE]` or `--gif [FILE]` of a command without verbs."""
    suffix = IMPLIED[flag]
    about = f"{help} [dim]Without a name: brainbox-out/NOUN/NOUN{suffix}.[/dim]"
    return option(f"{flag} [FILE]", OUTPUT, about, parsers.file(suffix), shown=False)


Json = option("--json", DISPLAY, "One JSON object on standard output, the text on standard error.")
Quiet = option("--quiet -q", DISPLAY, "Only the answer.")
Verbose = option("--verbose -v", DISPLAY, "Every batch, step or update; and tracebacks with errors.")
