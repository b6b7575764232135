"""`brainbox rnn`: a recurrent network learns to write, one character after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from brainbox_cli import options, parsers
from brainbox_cli.commands.rnn.view import Rows, show
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.trainer import Trainer
from brainbox_cli.frame.verbs import verbs
from brainbox_cli.options import DATA, NETWORK, TRAINING, changed, option
from brainbox_core.tasks.rnn.settings import BUILT_IN, RATES, SIZE, TITLE, Settings

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tasks.rnn.data import Data
    from brainbox_core.tasks.rnn.train import Result

CHOICES = {
    "data": options.data("FILE|-", "play (built in), a UTF-8 text, or - for standard input.", "--text"),
    "lines": option(
        "--lines", DATA, "Take every line as a sequence of its own, of any length, such as one name a line."
    ),
    "limit": changed(options.Limit, help="Learn from the first N characters (or N random lines) only."),
    "val_split": changed(
        options.ValSplit, help="Share of the text that is held out to measure by: its end, or random lines."
    ),
    "cell": option("--cell NAME", NETWORK, "Recurrent cell: rnn (tanh), gru or lstm.", parsers.one_of(*RATES)),
    "hidden": option("--hidden N", NETWORK, "Width of each recurrent layer.", parsers.whole_number()),
    "layers": option("--layers N", NETWORK, "Recurrent layers, one on top of the other.", parsers.whole_number()),
    "embedding": option(
        "--embedding N",
        NETWORK,
        "Numbers to learn for each character, which stand for it at the input; 0 for a one-hot input.",
        parsers.whole_number(0),
    ),
    "dropout": option(
        "--dropout P",
        NETWORK,
        "Leave out this share of each layer's outputs at random, so that less is learned by heart.",
        parsers.real_number(0, 1, below=True),
    ),
    "seq_len": option(
        "--seq-len N",
        TRAINING,
        "Characters through which the gradient flows back; the state is carried further.",
        parsers.whole_number(),
    ),
    "steps": option(
        "--steps N", TRAINING, "Updates of the weights; if not given, more for a longer text.", parsers.whole_number()
    ),
    "batch_size": changed(options.BatchSize, help="Windows (or lines) side by side in an update."),
    "lr": changed(
        options.Lr,
        help="The highest learning rate, which rises and falls in one cycle; if not given, it suits the cell.",
    ),
    "clip": option(
        "--clip X", TRAINING, "Shorten gradients that are longer than X; 0 never does.", parsers.real_number(0)
    ),
    "sample_every": option(
        "--sample-every N",
        TRAINING,
        "Steps between two looks at the held-out part, each with a sample; if not given, a tenth of the steps.",
        parsers.whole_number(),
    ),
    "patience": changed(
        options.Patience, help="Stop after N looks without a new best. The best weights are kept in any case."
    ),
    "explain": option(
        "--explain", options.OUTPUT, "Show how much of the gradient is left as it flows back through time."
    ),
}
SAMPLE_CHOICES = {
    "prime": option("--prime TEXT", None, "How the text begins.", default=""),
    "length": option(
        "--length N",
        None,
        "How many characters to write; with a model of lines, how many lines.",
        parsers.whole_number(1, 1_000_000),
        shown="500; 20 lines",
    ),
    "temperature": option(
        "--temperature X",
        None,
        "0.01 to 100: below 1 safer, above 1 wilder; 0 always takes the likeliest character.",
        parsers.real_number(0, 100),
        default=0.7,
    ),
    "top_k": option("--top-k N", None, "Choose among the N likeliest characters only.", parsers.whole_number()),
    "dtype": option(
        "--dtype float32|int8",
        None,
        "How numbers are computed with: int8 writes what an export with --dtype int8 writes.",
        parsers.one_of("float32", "int8"),
        default="float32",
    ),
    "seed": changed(
        options.Seed,
        help="Start of the choices: the same seed writes the same text.",
        rich_help_panel="Options",
        default=0,
    ),
}


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
    model: Sequential,
    prime: str,
    length: int | None,
    temperature: float,
    top_k: int | None,
    dtype: str,
    seed: int,
) -> Iterator[str]:
    length = length or (20 if model.meta["lines"] else 500)
    return task.write(model, length, prime, temperature, top_k, seed, dtype)


def _record(result: Result) -> dict:
    best = {"best_step": result.best_step, "sample": result.sample} if result.history else {}
    names = ("bits_per_char", "reset_bits_per_char", "unigram_bits", "bigram_bits")
    return {**{name: result.metrics[name] for name in names}, **best}


def _try_next(folder: Path, data: Data) -> tuple[list[str], dict[str, Path]]:
    """Go on from how a paragraph of the held-out part begins."""
    if data.lines:
        return ["sample"], {}
    words = data.alphabet.text(data.held_out.inputs[:2000]).partition("\n\n")[2].split()
    prime = words[0] if words and words[0].isprintable() and len(words[0]) <= 20 else ""
    return ["sample", *(["--prime", prime] if prime else [])], {}


TRAINER = Trainer(
    noun="rnn",
    settings=Settings.suited,
    choices=CHOICES,
    metric="bits_per_char",
    headline=_headline,
    predict=_write,
    predict_choices=SAMPLE_CHOICES,
    evaluate_choices={},
    show=show,
    record=_record,
    pictures="brainbox_cli.commands.rnn.picture",
    try_next=_try_next,
    verb="sample",
    best=lambda result: f"best at step {result.best_step:,}",
    progress=lambda screen, settings, data: Rows(screen, settings.steps, data.baselines),
)

app = verbs(TRAINER, "A recurrent network learns to write in the manner of a text, one character after another.")
