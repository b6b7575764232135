"""`brainbox spam`: a weight for every word tells wanted messages from unwanted ones."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from brainbox_cli import options, parsers
from brainbox_cli.commands.spam.input import messages_from
from brainbox_cli.commands.spam.view import MOST, reasons, show
from brainbox_cli.frame.refused import Refused
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.trainer import Answer, Trainer
from brainbox_cli.frame.verbs import verbs
from brainbox_cli.options import TRAINING, argument, changed, option
from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable, standard_input
from brainbox_core.screen.screen import Part
from brainbox_core.tasks.spam.settings import (
    BUILT_IN,
    BUILT_IN_ROWS,
    LARGEST_VOCABULARY,
    LOSSES,
    MOST_CHARS,
    MOST_FOLDS,
    MOST_NGRAMS,
    Settings,
)

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tasks.spam.train import Prediction, Result, SpamFilter

EXAMPLE = "Buy cheap meds now!! Click here"
FEATURES = "Features"  # a panel of the help
TOP = 5  # parts of a message that the document names without --why
WORDS = 30  # of a message that are shown


Threshold = option(
    "--threshold P",
    TRAINING,
    "Call a message spam from this probability on.",
    parsers.share(0, 1, above=True, below=True),
)
OtherThreshold = changed(Threshold, rich_help_panel=None, show_default="the model's")
InputTexts = argument("TEXT|-", "Messages, each in quotes; or - to read one a line from standard input.", repeated=True)
Why = option("--why", None, "Also list what each word adds.")


def _headline(settings: Settings) -> list[str]:
    data = f"{BUILT_IN} (built in) {BUILT_IN_ROWS:,}" if settings.data == BUILT_IN else settings.data
    loss = "" if settings.loss == "log" else ", squared error"
    counts = ", counted" if settings.counts else ""
    return [
        settings.title + counts,
        data,
        f"{settings.optimizer} lr {settings.lr:g}{loss}, l2 {settings.l2:g}, batch {settings.batch_size},"
        f" seed {settings.seed}",
    ]


def _predict(
    reporter: Reporter, task: ModuleType, model: Sequential, texts: list[str], why: bool, threshold: float | None
) -> Iterator[Answer | Refused]:
    """Typed messages are shown with their words; those of standard input are answered as they come."""
    spam_filter = task.SpamFilter(model, threshold)
    told: list[str] = []
    if texts == ["-"]:
        for block in messages_from(standard_input("messages, one a line,"), reporter.note):
            readable = [text for text in block if isinstance(text, str)]
            predictions = iter(spam_filter.predict(readable))
            if not told and (told := spam_filter.remarks(readable)):
                reporter.warn(*told)
            for text in block:
                if isinstance(text, InputError):
                    yield Refused("-", text)
                else:
                    yield _answer(reporter, spam_filter, text, next(predictions), why, in_stream=True)
        return
    reporter.warn(*spam_filter.remarks(texts))
    for text, prediction in zip(texts, spam_filter.predict(texts), strict=True):
        words = task.words(text)
        shown = ", ".join(printable(word, 40) for word in words[:WORDS]) + (", ..." if len(words) > WORDS else "")
        reporter.say("Preprocessing... ", (f"[{shown}]", "bold"), wrap=True)
        if not prediction.known:
            reporter.note("no known words: the probability is the share of spam in the training")
        answer = _answer(reporter, spam_filter, text, prediction, why)
        if reporter.tabs:  # standard output is for programs; whoever looks on reads it here
            reporter.say(*answer.text)
        yield answer


def _answer(
    reporter: Reporter, spam_filter: SpamFilter, text: str, prediction: Prediction, why: bool, in_stream: bool = False
) -> Answer:
    label, p = prediction.label, prediction.probability
    parts = spam_filter.why(text) if why or reporter.json else []
    style = "bold red" if label == "spam" else "bold green"
    line: list[Part]
    if in_stream:
        line = [(f"{label:<4}", style), f"  {p:.3f}  {printable(text, 200)}"]
    else:
        line = ["Probability: ", (f"{p:.3f} ({label.upper()})", style)]
    top = sorted(parts, key=lambda part: -abs(part[1]))[: MOST if why else TOP]
    return Answer(
        text=line,
        cells=[label, f"{p:.6f}", text, *([" ".join(f"{name}={weight:+.3f}" for name, weight in top)] if why else [])],
        record={
            "input": text,
            "label": label,
            "probability": p,
            "known_words": prediction.known,
            "top": [{"part": name, "weight": weight} for name, weight in top],
        },
        below=tuple(reasons(parts, spam_filter.bias, reporter.beside.unicode)) if why and prediction.known else (),
    )


def _record(result: Result) -> dict:
    mistake = result.mistake
    return {
        **({"best_epoch": result.best_epoch} if result.history else {}),
        "threshold": result.threshold,
        "confusion": result.confusion,
        "telling": {
            label: [{"part": name, "weight": weight} for name, weight in words]
            for label, words in result.telling.items()
        },
        "mistake": mistake
        and {
            "input": mistake.text,
            "label": mistake.label,
            "probability": mistake.probability,
            "gradient_log": mistake.pulls["log"],
            "gradient_mse": mistake.pulls["mse"],
        },
    }


TRAINER = Trainer(
    noun="spam",
    settings=Settings.suited,
    choices={
        "data": options.data(
            "FILE|-",
            f"Lines label<TAB>text, a CSV file, - for standard input, or {BUILT_IN} (built in).",
            names=(BUILT_IN,),
        ),
        "folds": options.folds(
            "Also train K times, to judge all messages by models that did not see them; 0 for not.", MOST_FOLDS
        ),
        "ngrams": option(
            "--ngrams N",
            FEATURES,
            "Up to N words in a row make a feature; 1 for single words only.",
            parsers.whole_number(1, MOST_NGRAMS),
        ),
        "chars": option(
            "--chars N",
            FEATURES,
            "Up to N characters in a row of a word make a feature; 0 for none.",
            parsers.whole_number(0, MOST_CHARS),
        ),
        "vocabulary": option(
            "--vocabulary N",
            FEATURES,
            "Features that are kept by name; if there are more, all are hashed into N columns.",
            parsers.whole_number(1, LARGEST_VOCABULARY),
        ),
        "counts": option(
            "--counts", FEATURES, "Count how often a feature occurs in a message, instead of whether it does."
        ),
        "loss": option(
            "--loss NAME",
            TRAINING,
            "log (cross-entropy); or mse, and be shown why that is wrong here.",
            parsers.one_of(*LOSSES),
        ),
        "l2": option("--l2 X", TRAINING, "Penalty on the squares of the weights.", parsers.real_number(0)),
        "threshold": Threshold,
        "epochs": options.Epochs,
        "batch_size": options.BatchSize,
        "lr": options.Lr,
        "optimizer": options.Optimizer,
    },
    metric="test_f1",
    headline=_headline,
    predict=_predict,
    predict_choices={"texts": changed(InputTexts, default=...), "why": Why, "threshold": OtherThreshold},
    evaluate_choices={"threshold": OtherThreshold},
    show=show,
    record=_record,
    pictures="brainbox_cli.commands.spam.picture",
    try_next=lambda folder, data: (["predict", EXAMPLE], {}),
    lessons=({"loss": "mse"},),
    of_texts=True,
)

app = verbs(TRAINER, 'A spam filter learns a weight for every word. Use it right away: brainbox spam "TEXT".')
