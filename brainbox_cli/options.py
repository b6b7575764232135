"""Every shared option, declared once: spelling, help, environment variable, and what it accepts.

An option is an annotated type; the default comes with the command that uses it.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, get_args

import typer

from brainbox_cli import parsers
from brainbox_core.scalar.update_rules import NETWORK_OPTIMIZERS

DATA, NETWORK, TRAINING, OUTPUT, DISPLAY = "Data", "Network", "Training", "Output", "Display"  # panels of the help


def reworded(option: object, help: str, panel: str | None = None) -> object:
    """The same option with a help of its own, where a command means something more precise.

    Args:
        option: the annotated option.
        help: what it means there.
        panel: where the help shows it, if not where it always does.

    Example:
        >>> flag_of(reworded(BatchSize, "Sentences per update."))
        '--batch-size'
    """
    kind, info = get_args(option)
    info = copy.copy(info)
    info.help, info.rich_help_panel = help, panel or info.rich_help_panel
    return Annotated[kind, info]


def defaulting(option: object, shown: str) -> object:
    """The same option where something else is the default, in words."""
    kind, info = get_args(option)
    info = copy.copy(info)
    info.show_default = shown
    return Annotated[kind | None, info]


def flag_of(option: object) -> str:
    """The long spelling of an annotated option: `--batch-size`.

    Example:
        >>> flag_of(BatchSize)
        '--batch-size'
    """
    info = get_args(option)[1]
    return next(name for name in (info.default, *(info.param_decls or ())) if str(name).startswith("--"))


def switch_of(option: object, on: bool) -> str:
    """The spelling that turns a switch such as `--check/--no-check` on or off."""
    positive, _, negative = flag_of(option).partition("/")
    return positive if on else negative


# What is learned from


def data(metavar: str, help: str, *also: str) -> object:
    """The option `--data` of one command, with what that command takes, and further names for it."""
    return Annotated[str, typer.Option("--data", *also, metavar=metavar, help=help, rich_help_panel=DATA)]


def folds(help: str, most: int = parsers.LARGEST_WHOLE) -> object:
    """The option `--folds` of one command, with what is cross-validated there: in 2 parts or more, 0 for none."""

    def parse(text: object) -> int:
        if (count := parsers.whole_number(0, most)(text)) == 1:
            raise typer.BadParameter("expected 2 or more, or 0 for none, got 1")
        return count

    return Annotated[int, typer.Option("--folds", metavar="K", parser=parse, rich_help_panel=DATA, help=help)]


Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=DATA,
        help="Only the first N training rows after the seeded shuffle.",
    ),
]
ValSplit = Annotated[
    float,
    typer.Option(
        "--val-split",
        metavar="F",
        parser=parsers.real_number(0, 1, above=True, below=True),
        rich_help_panel=DATA,
        help="Share of the training rows that is held out to choose the best epoch.",
    ),
]

# The network


Hidden = Annotated[
    tuple,
    typer.Option(
        "--hidden", metavar="N[,N]", parser=parsers.sizes, rich_help_panel=NETWORK, help="Width of each hidden layer."
    ),
]
Filters = Annotated[
    tuple,
    typer.Option(
        "--filters",
        metavar="N[,N]",
        parser=parsers.sizes,
        rich_help_panel=NETWORK,
        help="Filters of each convolution.",
    ),
]

# Training


Epochs = Annotated[
    int,
    typer.Option(
        "--epochs",
        "-e",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=TRAINING,
        help="How often every training row is seen.",
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size",
        "-b",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=TRAINING,
        help="Rows per update.",
    ),
]
BatchSizeOrFull = Annotated[
    object,
    typer.Option(
        "--batch-size",
        "-b",
        metavar="N|full",
        parser=parsers.word_or(parsers.whole_number(), "full"),
        rich_help_panel=TRAINING,
        help="Rows per update: 1 is stochastic gradient descent, full takes all of them at once.",
    ),
]
Lr = Annotated[
    float,
    typer.Option(
        "--lr",
        "--learning-rate",
        metavar="X",
        parser=parsers.real_number(0, above=True),
        rich_help_panel=TRAINING,
        help="Learning rate; if not given, one that suits the optimizer.",
    ),
]
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer",
        metavar="NAME",
        parser=parsers.one_of(*NETWORK_OPTIMIZERS),
        rich_help_panel=TRAINING,
        help=f"Rule of the updates: {', '.join(NETWORK_OPTIMIZERS)}.",
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=TRAINING,
        help="Stop after N epochs without a new best. The best weights are kept in any case.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        envvar="BRAINBOX_SEED",
        parser=parsers.whole_number(0, 2**64 - 1),
        rich_help_panel=TRAINING,
        help="Start of all randomness: the same seed gives the same run.",
    ),
]
Quick = Annotated[
    bool,
    typer.Option(
        "--quick",
        rich_help_panel=TRAINING,
        help="Finish within 5 seconds, for a first look and for CI; says what it changes.",
    ),
]

# What comes out


Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FOLDER",
        parser=parsers.folder,
        show_default="brainbox-out/NOUN, env var: BRAINBOX_OUT for brainbox-out",
        rich_help_panel=OUTPUT,
        help="Where the model and the records of the run go.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PATH|NOUN",
        show_default="the one trained last without --out",
        help="The model file, its folder, or the command that trained it.",
    ),
]
FailUnder = Annotated[
    float | None,
    typer.Option(
        "--fail-under",
        metavar="X",
        parser=parsers.share,
        rich_help_panel=OUTPUT,
        help="Exit with code 5 if the main figure < X.",
    ),
]
FailOver = Annotated[
    float | None,
    typer.Option(
        "--fail-over",
        metavar="X",
        parser=parsers.share,
        rich_help_panel=OUTPUT,
        help="Exit with code 5 if the main figure > X.",
    ),
]
Plot = Annotated[
    bool, typer.Option("--plot", rich_help_panel=OUTPUT, help="Also draw PNG pictures into the output folder.")
]
# A lesson is run for what it shows; a picture of it gets a name of its own. Where the name is left out it is the
# command's, with the suffix below.
IMPLIED = {"--plot": ".png", "--gif": ".gif"}


def picture(flag: str, help: str) -> object:
    """The option `--plot [FILE]` or `--gif [FILE]` of a command without verbs."""
    return Annotated[
        Path | None,
        typer.Option(
            flag,
            metavar="[FILE]",
            parser=parsers.file(IMPLIED[flag]),
            rich_help_panel=OUTPUT,
            show_default=False,
            help=f"{help} [dim]Without a name: NOUN{IMPLIED[flag]}.[/dim]",
        ),
    ]


DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", "-n", rich_help_panel=OUTPUT, help="Show data, layers and what would be written; write nothing."
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json", rich_help_panel=DISPLAY, help="One JSON object on standard output, the text on standard error."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=DISPLAY, help="Only the answer.")]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", rich_help_panel=DISPLAY, help="Every batch, step or update; and tracebacks with errors."
    ),
]
