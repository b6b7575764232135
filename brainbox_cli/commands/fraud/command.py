"""`brainbox fraud`: a small network finds the few frauds among many honest transactions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from brainbox_cli import options, parsers
from brainbox_cli.commands.fraud.view import show
from brainbox_cli.frame.refused import Refused
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.trainer import Answer, Trainer
from brainbox_cli.frame.verbs import verbs
from brainbox_cli.options import DATA, TRAINING, argument, changed, option
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.files.writing import atomic_write
from brainbox_core.tasks.fraud.settings import (
    AUTO,
    BALANCED,
    BUILT_IN,
    BUILT_IN_ROWS,
    FULL,
    NONE,
    RECALL,
    STRATIFIED,
    TIME,
    Settings,
)

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tables.table import Table
    from brainbox_core.tasks.fraud.data import Data
    from brainbox_core.tasks.fraud.train import Result, Scores

EXAMPLE, EXAMPLES = "example.csv", 12
FEW = 20  # transactions that are all shown to people; of more only those that are called frauds
MOST = 100  # of these


def threshold(text: object) -> float | str:
    """A parser for a probability, `auto`, or a recall to reach."""
    text = str(text)
    if text.casefold().startswith(RECALL):
        return f"{RECALL}{parsers.share(0, 1, above=True)(text[len(RECALL) :]):g}"
    return parsers.word_or(parsers.share(0, 1, above=True, below=True), AUTO, f"{RECALL}R")(text)


CHOICES = {
    "data": options.data(
        "CSV|-", f"A file such as creditcard.csv, - for standard input, or {BUILT_IN} (built in).", names=(BUILT_IN,)
    ),
    "target": option("--target COL", DATA, "Column that tells the frauds: 0 and 1, or two values, the rarer a fraud."),
    "no_header": options.NoHeader,
    **options.MARKS,
    "drop": options.Drop,
    "split": option(
        "--split time|stratified",
        DATA,
        "Learn from the earlier rows and judge by the last fifth; or any rows, with as many frauds in each part.",
        parsers.one_of(AUTO, TIME, STRATIFIED),
        shown="time where there is a Time column",
    ),
    "folds": options.folds("Also cross-validate in K parts of all rows; needs --split stratified."),
    "val_split": changed(
        options.ValSplit, help="Share of the training rows that is held out to choose the best epoch and the threshold."
    ),
    "hidden": options.Hidden,
    "class_weight": option(
        "--class-weight balanced|none|X",
        TRAINING,
        "How many honest transactions a fraud counts for; balanced: for as many as there are of them.",
        parsers.word_or(parsers.real_number(0, above=True), BALANCED, NONE),
    ),
    "threshold": option(
        "--threshold auto|P|recall=R",
        TRAINING,
        "A fraud from probability P on; auto: the best F1 on held-out rows; recall=0.92: finds that share.",
        threshold,
    ),
    "epochs": options.Epochs,
    "batch_size": options.BatchSizeOrFull,
    "lr": options.Lr,
    "optimizer": options.Optimizer,
}
Transactions = argument("CSV|-|NAME=VALUE,...", "Tables of transactions, or one that is typed.", repeated=True)


def _headline(settings: Settings) -> list[str]:
    network = settings.title
    if settings.parameters is not None:
        network += f", {settings.parameters:,} parameters"
    data = f"{BUILT_IN} (built in) {BUILT_IN_ROWS:,} rows" if settings.data == BUILT_IN else settings.data
    batch = "all rows a batch" if settings.batch_size == FULL else f"batch {settings.batch_size}"
    weight = f"class weight {parsers.as_typed(settings.class_weight)}"
    return [network, data, f"{settings.optimizer} lr {settings.lr:g}, {batch}, {weight}, seed {settings.seed}"]


def _predict(
    reporter: Reporter, task: ModuleType, model: Sequential, words: list[str] | None, tables: list[str] | None
) -> Iterator[Answer | Refused]:
    """Score every table before the first answer; tables and rows that cannot be read are refused in their places."""
    sources = [*(words or ()), *(tables or ())]
    if not sources:
        fix = "name a CSV file, - for standard input, or type one: Amount=5000,V1=-2.3"
        raise UsageError("no transaction was given", fix=fix)
    with reporter.working("scoring"):
        found = [(source, _score(reporter, task, model, source)) for source in sources]
    names = task.names(model)
    cells = [_as_number(name) for name in names]
    for source, parts in found:
        total = sum(table.rows for table, _ in parts)
        count = count_shown = 0
        for table, scores in parts:
            if isinstance(scores, InputError):
                yield Refused(source, scores)
                continue
            answers = zip(table.lines.tolist(), scores.probabilities.tolist(), scores.frauds.tolist(), strict=True)
            for line, share, fraud in answers:
                place = "" if total == len(sources) == 1 else f"{source} line {line}: "
                show_it = total <= FEW or (fraud and count_shown < MOST)
                count_shown += show_it
                count += fraud
                yield Answer(
                    text=_text(place, share, fraud, names) if show_it else [],
                    cells=[source, str(line), cells[fraud], f"{share:.6f}"],
                    record={"input": source, "line": line, "label": names[fraud], "probability": share},
                )
        if total > 1:
            share = float(task.probability(model.meta["threshold"]))
            first = f", the first {MOST} shown" if total > FEW and count > MOST else ""
            look = f"{count:,} of {total:,} look like {names[1]} (probability {share:.3g} or more){first}"
            reporter.say(f"{source}: {look}")


def _as_number(name: str) -> str | float:
    """The class -1 as a number, which no spreadsheet takes for a formula."""
    from brainbox_core.tables.notation import number

    value = number(name)
    return name if value is None else int(value) if value.is_integer() else value


def _score(
    reporter: Reporter, task: ModuleType, model: Sequential, source: str
) -> list[tuple[Table, Scores | InputError]]:
    """The rows that a word of the command line means, with their scores or why there are none."""
    from brainbox_cli.commands.fraud.input import transactions
    from brainbox_cli.frame.refused import by_rows
    from brainbox_core.tables.table import table_of

    try:
        table, lacking = transactions(task.inputs(model), source, notations=task.written(model))
    except InputError as error:
        return [(table_of({}), error)]
    if lacking:
        shown = ", ".join(printable(name, 40) for name in lacking)
        reporter.warn(f"not given, so taken as usual (the median of the training rows): {shown}")
    try:
        parts: list[tuple[Table, Scores | InputError]] = [(table, task.predict(model, table, lacking))]
    except InputError as error:
        if source == "-":  # cannot be read again
            return [(table, error)]
        # As text, for a column of numbers knows only the first of its cells that is none.
        table, lacking = transactions(task.inputs(model), source, text=True)
        parts = by_rows(table, lambda rows: task.predict(model, rows, lacking))
    if table.rows == 1 and not isinstance(parts[0][1], InputError):
        reporter.warn(*task.outside(model, table))
    return parts


def _text(place: str, share: float, fraud: bool, names: tuple[str, str]) -> list:
    verdict = (names[fraud], "bold red" if fraud else "bold green")
    return [place, verdict, f" (probability of {names[1]} {share:.1%})"]


def _record(result: Result) -> dict:
    from brainbox_core.tasks.fraud.train import probability

    names = ("precision", "recall", "f1", "average_precision", "accuracy")
    folds = result.folds and {
        "average_precision": list(result.folds.average_precision),
        "precision_at_recall_0.9": result.folds.precision,
    }
    return {
        **({"best_epoch": result.best_epoch} if result.history else {}),
        "threshold": float(probability(result.threshold)),
        "threshold_logit": result.threshold,
        **{name: result.metrics[f"test_{name}"] for name in names},
        "average_precision_interval": list(result.interval),
        "baseline_accuracy": result.metrics["baseline_accuracy"],
        "confusion": result.confusion,
        "duplicates": result.duplicates,
        "folds": folds,
    }


def _try_next(folder: Path, data: Data) -> tuple[list[str], dict[str, Path]]:
    """Score a few test rows, some of each kind, from a file beside the model."""
    import numpy as np

    table, labels = data.held_out
    frauds = np.flatnonzero(labels == 1)[: EXAMPLES // 3]
    table = table.take(np.sort(np.concatenate([frauds, np.flatnonzero(labels == 0)[: EXAMPLES - len(frauds)]])))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows(zip(*(table.texts(name) for name in table.names), strict=True))
    path = folder / EXAMPLE
    atomic_write(path, text.getvalue().encode())
    return ["predict", str(path)], {"example": path}


TRAINER = Trainer(
    noun="fraud",
    settings=Settings.suited,
    choices=CHOICES,
    metric="test_average_precision",
    headline=_headline,
    predict=_predict,
    predict_choices={"words": Transactions, "tables": options.MoreTables},
    evaluate_choices={},
    reading=options.MARKS,
    show=show,
    record=_record,
    pictures="brainbox_cli.commands.fraud.picture",
    try_next=_try_next,
    lessons=({"batch_size": FULL, "class_weight": NONE},),
)

app = verbs(TRAINER, "A small network finds the few frauds among many honest transactions.")
