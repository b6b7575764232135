"""Every shared option, declared once: spelling, help, environment variable, and what it accepts.

An option is an annotated type; the default comes with the command that uses it. Parsers take text and give a checked
value; they are also handed defaults, which are written as one would type them.
"""

from __future__ import annotations

import copy
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, get_args

import typer

from brainbox_core.checks import between, whole
from brainbox_core.errors import UsageError

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")  # float() would also take 1_0, nan and inf
_MAX_WHOLE = 2**53  # what every JSON reader keeps exactly

DATA, NETWORK, TRAINING, OUTPUT, DISPLAY = "Data", "Network", "Training", "Output", "Display"  # panels of the help


def _checked(check: Callable, text: str, *limits: object):
    try:
        return check("", *limits)
    except UsageError as error:
        raise typer.BadParameter(f"expected {error.expected}, got {text}") from error


def whole_number(least: int = 1, most: int = _MAX_WHOLE) -> Callable[[object], int]:
    """A parser for whole numbers in a range."""

    def parse(text: object) -> int:
        text = str(text)
        value = int(text) if _WHOLE.fullmatch(text) else text
        if isinstance(value, int) and value > most:
            raise typer.BadParameter(f"expected a whole number from {least} to {most}, got {text}")
        return _checked(whole, text, value, least)

    return parse


def real_number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Callable[[object], float]:
    """A parser for finite numbers from `low` to `high`; the ends excluded with `above` and `below`."""

    def parse(text: object) -> float:
        text = str(text)
        value = float(text) if _NUMBER.fullmatch(text) else text
        return _checked(between, text, value, low, high, above, below)

    return parse


def sizes(text: object) -> tuple[int, ...]:
    """A parser for one whole number or several with commas between: `128` or `16,16`."""
    parts = str(text).split(",")
    if not all(_WHOLE.fullmatch(part) and 1 <= int(part) <= _MAX_WHOLE for part in parts):
        raise typer.BadParameter(
            f"expected whole numbers from 1 with commas between, such as 128 or 128,64, got {text}"
        )
    return tuple(map(int, parts))


def columns(text: object) -> tuple[str, ...]:
    """A parser for names of columns with commas between."""
    return tuple(name.strip() for name in str(text).split(",") if name.strip())


def one_of(*choices: str) -> Callable[[object], str]:
    """A parser for a closed list of words."""

    def parse(text: object) -> str:
        if text in choices:
            return str(text)
        raise typer.BadParameter(f"expected {_either(*choices)}, got {text}{_meant(text, choices)}")

    return parse


def word_or(parse: Callable[[object], object], *words: str) -> Callable[[object], object]:
    """A parser for a few words, which stay as they are, and else for what another parser takes.

    Example:
        >>> batch_size = word_or(whole_number(), "full")
        >>> batch_size("full"), batch_size("64")
        ('full', 64)
    """

    def parse_either(text: object) -> object:
        if text in words:
            return str(text)
        try:
            return parse(text)
        except typer.BadParameter as error:
            wanted, got, rest = error.message.removeprefix("expected ").partition(", got ")
            message = f"expected {_either(*words, wanted)}{got}{rest}{_meant(text, words)}"
            raise typer.BadParameter(message) from error

    return parse_either


def _either(*choices: str) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _meant(text: object, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(text), choices, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def share(text: object) -> float:
    """A parser for a bar that a metric has to clear: `0.95` or `95%`."""
    text = str(text)
    number = real_number()(text.removesuffix("%"))
    return float(Decimal(text[:-1]) / 100) if text.endswith("%") else number  # 99.9% is 0.999 to the last digit


def folder(text: object) -> Path:
    """A parser for a folder, which need not exist yet."""
    if not str(text):
        raise typer.BadParameter("expected a folder, got nothing")
    if str(path := Path(str(text))).startswith("-"):  # `--out --json` lacks the folder, and no command could name it
        raise typer.BadParameter(f"expected a folder, got {text}")
    return path


def file(*suffixes: str) -> Callable[[object], Path]:
    """A parser for a file to write whose name ends in one of `suffixes`, or - for standard output."""

    def parse(text: object) -> Path:
        path = Path(str(text))
        if str(text) != "-" and path.suffix.lower() not in suffixes:
            raise typer.BadParameter(f"expected a file name that ends in {_either(*suffixes)}, got {text}")
        return path

    return parse


def as_typed(value: object) -> str:
    """A value as one would type it on the command line, in the form that the parsers above read.

    Example:
        >>> as_typed((128, 64)), as_typed(0.001), as_typed({"x": 2, "y": -3})
        ('128,64', '0.001', 'x=2,y=-3')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{name}={as_typed(part)}" for name, part in value.items())
    if isinstance(value, (tuple, list)):
        return ",".join(map(as_typed, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


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


def folds(help: str, most: int = _MAX_WHOLE) -> object:
    """The option `--folds` of one command, with what is cross-validated there: in 2 parts or more, 0 for none."""

    def parse(text: object) -> int:
        if (count := whole_number(0, most)(text)) == 1:
            raise typer.BadParameter("expected 2 or more, or 0 for none, got 1")
        return count

    return Annotated[int, typer.Option("--folds", metavar="K", parser=parse, rich_help_panel=DATA, help=help)]


Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        parser=whole_number(),
        rich_help_panel=DATA,
        help="Only the first N training rows after the seeded shuffle.",
    ),
]
ValSplit = Annotated[
    float,
    typer.Option(
        "--val-split",
        metavar="F",
        parser=real_number(0, 1, above=True, below=True),
        rich_help_panel=DATA,
        help="Share of the training rows that is held out to choose the best epoch.",
    ),
]

# The network


Hidden = Annotated[
    tuple,
    typer.Option(
        "--hidden", metavar="N[,N]", parser=sizes, rich_help_panel=NETWORK, help="Width of each hidden layer."
    ),
]
Filters = Annotated[
    tuple,
    typer.Option(
        "--filters",
        metavar="N[,N]",
        parser=sizes,
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
        parser=whole_number(),
        rich_help_panel=TRAINING,
        help="How often every training row is seen.",
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size", "-b", metavar="N", parser=whole_number(), rich_help_panel=TRAINING, help="Rows per update."
    ),
]
BatchSizeOrFull = Annotated[
    object,
    typer.Option(
        "--batch-size",
        "-b",
        metavar="N|full",
        parser=word_or(whole_number(), "full"),
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
        parser=real_number(0, above=True),
        rich_help_panel=TRAINING,
        help="Learning rate; if not given, one that suits the optimizer.",
    ),
]
OPTIMIZERS = ("sgd", "rmsprop", "adagrad", "adam", "adamw")
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer",
        metavar="NAME",
        parser=one_of(*OPTIMIZERS),
        rich_help_panel=TRAINING,
        help=f"Rule of the updates: {', '.join(OPTIMIZERS)}.",
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        parser=whole_number(),
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
        parser=whole_number(0, 2**64 - 1),
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
        parser=folder,
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
        parser=share,
        rich_help_panel=OUTPUT,
        help="Exit with code 5 if the main figure < X.",
    ),
]
FailOver = Annotated[
    float | None,
    typer.Option(
        "--fail-over",
        metavar="X",
        parser=share,
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
            parser=file(IMPLIED[flag]),
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
