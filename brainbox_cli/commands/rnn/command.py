"""`brainbox rnn`: a recurrent network learns to write, one character after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from brainbox_cli import options, parsers
from brainbox_cli.frame.command import Choice
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.trainer import Trainer
from brainbox_cli.frame.verbs import verbs
from brainbox_core.tasks.rnn.settings import BUILT_IN, RATES, SIZE, TITLE, Settings

Lines = Annotated[
    bool,
    typer.Option(
        "--lines",
        rich_help_panel=options.DATA,
        help="Take every line as a sequence of its own, of any length, such as one name a line.",
    ),
]
Cell = Annotated[
    str,
    typer.Option(
        "--cell",
        metavar="NAME",
        parser=parsers.one_of(*RATES),
        rich_help_panel=options.NETWORK,
        help="Recurrent cell: rnn (tanh), gru or lstm.",
    ),
]
Hidden = Annotated[
    int,
    typer.Option(
        "--hidden",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=options.NETWORK,
        help="Width of each recurrent layer.",
    ),
]
Layers = Annotated[
    int,
    typer.Option(
        "--layers",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=options.NETWORK,
        help="Recurrent layers, one on top of the other.",
    ),
]
Embedding = Annotated[
    int,
    typer.Option(
        "--embedding",
        metavar="N",
        parser=parsers.whole_number(0),
        rich_help_panel=options.NETWORK,
        help="Numbers to learn for each character, which stand for it at the input; 0 for a one-hot input.",
    ),
]
Dropout = Annotated[
    float,
    typer.Option(
        "--dropout",
        metavar="P",
        parser=parsers.real_number(0, 1, below=True),
        rich_help_panel=options.NETWORK,
        help="Leave out this share of each layer's outputs at random, so that less is learned by heart.",
    ),
]
SeqLen = Annotated[
    int,
    typer.Option(
        "--seq-len",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=options.TRAINING,
        help="Characters through which the gradient flows back; the state is carried further.",
    ),
]
Steps = Annotated[
    int,
    typer.Option(
        "--steps",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=options.TRAINING,
        help="Updates of the weights; if not given, more for a longer text.",
    ),
]
Clip = Annotated[
    float,
    typer.Option(
        "--clip",
        metavar="X",
        parser=parsers.real_number(0),
        rich_help_panel=options.TRAINING,
        help="Shorten gradients that are longer than X; 0 never does.",
    ),
]
SampleEvery = Annotated[
    int,
    typer.Option(
        "--sample-every",
        metavar="N",
        parser=parsers.whole_number(),
        rich_help_panel=options.TRAINING,
        help="Steps between two looks at the held-out part, each with a sample; if not given, a tenth of the steps.",
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        rich_help_panel=options.OUTPUT,
        help="Show how much of the gradient is left as it flows back through time.",
    ),
]
Prime = Annotated[str, typer.Option("--prime", metavar="TEXT", help="How the text begins.")]
Length = Annotated[
    int | None,
    typer.Option(
        "--length",
        metavar="N",
        parser=parsers.whole_number(1, 1_000_000),
        show_default="500; 20 lines",
        help="How many characters to write; with a model of lines, how many lines.",
    ),
]
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature",
        metavar="X",
        parser=parsers.real_number(0, 100),
        help="0.01 to 100: below 1 safer, above 1 wilder; 0 always takes the likeliest character.",
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        metavar="N",
        parser=parsers.whole_number(),
        help="Choose among the N likeliest characters only.",
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="float32|int8",
        parser=parsers.one_of("float32", "int8"),
        help="How numbers are computed with: int8 writes what an export with --dtype int8 writes.",
    ),
]
Seed = options.reworded(options.Seed, "Start of the choices: the same seed writes the same text.", "Options")


def _headline(settings: Settings) -> list[str]:
    text = f"{TITLE}, {SIZE:,} characters" if settings.data == BUILT_IN else settings.data
    if settings.lines:
        text += ", line by line"
    return [
        settings.title,
        text,
        f"adamw lr {settings.lr:g}, batch {settings.batch_size} x {settings.seq_len}, {settings.steps:,} steps, "
        f"seed {settings.seed}",
    ]


def _write(
    reporter: Reporter,
    task: ModuleType,
    model: object,
    prime: str,
    length: int | None,
    temperature: float,
    top_k: int | None,
    dtype: str,
    seed: int,
) -> Iterator[str]:
    length = length or (20 if model.meta["lines"] else 500)
    return task.write(model, length, prime, temperature, top_k, seed, dtype)


def _progress(screen: object, settings: Settings, data: object) -> object:
    from brainbox_cli.commands.rnn.view import Rows

    return Rows(screen, settings.steps, data.baselines)


def _show(reporter: Reporter, verb: str, result: object, data: object) -> None:
    from brainbox_cli.commands.rnn import view as rnn_view

    rnn_view.show_figures(reporter, result.metrics)
    if result.flows.get("before"):
        rnn_view.show_flow(reporter, result.flows)
    if result.sample:
        rnn_view.show_sample(reporter, result.sample)


def _record(result: object) -> dict:
    best = {"best_step": result.best_step, "sample": result.sample} if result.history else {}
    names = ("bits_per_char", "reset_bits_per_char", "unigram_bits", "bigram_bits")
    return {**{name: result.metrics[name] for name in names}, **best}


def _draw(folder: Path, model: object, data: object, result: object) -> dict[str, Path]:
    from brainbox_cli.commands.rnn import picture as rnn_picture

    return rnn_picture.draw(folder, model, data, result)


def _try_next(folder: Path, data: object) -> tuple[list[str], dict[str, Path]]:
    """Go on from how a paragraph of the held-out part begins."""
    if data.lines:
        return ["sample"], {}
    words = data.alphabet.text(data.val[:2000]).partition("\n\n")[2].split()
    prime = words[0] if words and words[0].isprintable() and len(words[0]) <= 20 else ""
    return ["sample", *(["--prime", prime] if prime else [])], {}


TRAINER = Trainer(
    noun="rnn",
    task="brainbox_core.tasks.rnn.train",
    settings=Settings.suited,
    choices={
        "data": options.data("FILE|-", "play (built in), a UTF-8 text, or - for standard input.", "--text"),
        "lines": Lines,
        "limit": options.reworded(options.Limit, "Learn from the first N characters (or N random lines) only."),
        "val_split": options.reworded(
            options.ValSplit, "Share of the text that is held out to measure by: its end, or random lines."
        ),
        "cell": Cell,
        "hidden": Hidden,
        "layers": Layers,
        "embedding": Embedding,
        "dropout": Dropout,
        "seq_len": SeqLen,
        "steps": Steps,
        "batch_size": options.reworded(options.BatchSize, "Windows (or lines) side by side in an update."),
        "lr": options.reworded(
            options.Lr,
            "The highest learning rate, which rises and falls in one cycle; if not given, it suits the cell.",
        ),
        "clip": Clip,
        "sample_every": SampleEvery,
        "patience": options.reworded(
            options.Patience, "Stop after N looks without a new best. The best weights are kept in any case."
        ),
        "explain": Explain,
    },
    metric="bits_per_char",
    headline=_headline,
    predict=_write,
    predict_choices={
        "prime": Choice(Prime, ""),
        "length": Choice(Length),
        "temperature": Choice(Temperature, 0.7),
        "top_k": Choice(TopK),
        "dtype": Choice(Dtype, "float32"),
        "seed": Choice(Seed, 0),
    },
    evaluate_choices={},
    show=_show,
    record=_record,
    draw=_draw,
    try_next=_try_next,
    verb="sample",
    best=lambda result: f"best at step {result.best_step:,}",
    progress=_progress,
)

app = verbs(TRAINER, "A recurrent network learns to write in the manner of a text, one character after another.")
