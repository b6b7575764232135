"""`brainbox regress`: a line through the data predicts a quantity."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from brainbox_cli import options, parsers
from brainbox_cli.arguments import as_options
from brainbox_cli.commands.regress.view import amount, show
from brainbox_cli.frame.refused import Refused, by_rows
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.trainer import Answer, Trainer
from brainbox_cli.frame.verbs import verbs
from brainbox_cli.options import DATA, TRAINING, argument, changed, option
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.tasks.regress.settings import AUTO, BUILT_IN, MAX_DEGREE, NONE, Settings

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tables.table import Table
    from brainbox_core.tasks.regress.data import Data
    from brainbox_core.tasks.regress.train import Result

FEATURES = "Features"  # a panel of the help


CHOICES = {
    "data": options.data(
        "FILE|-", f"A CSV file, - for standard input, or {BUILT_IN} (built in).", "--train", names=(BUILT_IN,)
    ),
    "target": option("--target COL", DATA, "Column to predict.", shown="the last one"),
    "no_header": options.NoHeader,
    **options.MARKS,
    "drop": options.Drop,
    "test_split": option(
        "--test-split F|none",
        DATA,
        "Share of the rows that is held out to judge by; none trains on all, judged by cross-validation.",
        parsers.word_or(parsers.real_number(0, 1, above=True, below=True), AUTO, NONE),
        shown="0.2; none below 100 rows",
    ),
    "val_split": option(
        "--val-split F",
        DATA,
        "Share of the training rows that is held out to choose the best epoch; 0 takes the last.",
        parsers.real_number(0, 1, below=True),
    ),
    "folds": options.folds("Parts of the training rows for cross-validation; 0 for none."),
    "log": option(
        "--log COL[,COL]",
        FEATURES,
        "Take the logarithm of these columns first; the target may be one of them.",
        parsers.columns,
        shown=False,
    ),
    "degree": option(
        "--degree N",
        FEATURES,
        "Powers and products of the features, by up to N; 2 adds squares and products by twos.",
        parsers.whole_number(1, MAX_DEGREE),
    ),
    "ridge": option(
        "--ridge X",
        TRAINING,
        "Penalty on the sum of the squared weights, with features and target standardised.",
        parsers.real_number(0),
    ),
    "closed_form": option("--closed-form", TRAINING, "Solve by least squares, without gradient descent."),
    "epochs": options.Epochs,
    "batch_size": options.BatchSizeOrFull,
    "lr": changed(
        options.Lr,
        help="Learning rate, with features and target standardised.",
        show_default="the largest that is safe",
    ),
    "plain": option("--plain", TRAINING, "Gradient descent without Nesterov's momentum."),
}
NoInput = option("--no-input", options.DISPLAY, "Never ask for values on a terminal.")
InputValues = argument("VALUE|CSV|-", "One value for each input, in their order; or tables of rows.", repeated=True)
Set = option("--set COL=VALUE", None, "A value by the name of its column; may be repeated.", repeated=True)


def _headline(settings: Settings) -> list[str]:
    data = f"{BUILT_IN} (built in)" if settings.data == BUILT_IN else settings.data
    degree = f"polynomial of degree {settings.degree}" if settings.degree > 1 else "a line"
    target = f" to predict {settings.target}" if settings.target else ""
    rate = "" if settings.closed_form else f", lr {settings.lr:g}" if settings.lr else ", lr automatic"
    ridge = f", ridge {settings.ridge:g}" if settings.ridge else ""
    return [degree + target, data, f"{settings.method}{rate}{ridge}, seed {settings.seed}"]


def _predict(
    reporter: Reporter,
    task: ModuleType,
    model: Sequential,
    values: list[str] | None,
    settings: list[str] | None,
    tables: list[str] | None,
    no_input: bool,
) -> Iterator[Answer | Refused]:
    """Everything is predicted before the first answer; what cannot be read is refused in its place."""
    from brainbox_cli.commands.regress.input import are_tables, listed, table_rows, typed_row

    inputs, values, sources = task.inputs(model), values or [], tables or []
    if are_tables(values):
        values, sources = [], [*values, *sources]
    if sources and (values or settings):
        raise UsageError("rows come from a table or as values, not both", fix="leave one of them out")
    if not (sources or values or settings):
        if _may_ask(reporter, no_input):
            _ask(reporter, task, model, no_input)
            return
        raise UsageError("no value was given", fix=f"give {listed(inputs)}; or name a table, or - for standard input")
    found: list[tuple[str, Table | None, tuple[list[float], list[str]] | InputError]] = []
    for source in sources or [""]:
        try:
            table = table_rows(inputs, source) if source else typed_row(inputs, values, settings or [])
        except InputError as error:
            found.append((source, None, error))
            continue
        parts = by_rows(table, lambda rows: (task.predict(model, rows).tolist(), task.remarks(model, rows)))
        found += [(source, *part) for part in parts]
    reporter.warn(*dict.fromkeys(remark for *_, done in found if isinstance(done, tuple) for remark in done[1]))
    several = len(sources) > 1 or sum(some.rows for _, some, _ in found if some) > 1
    for source, some, done in found:
        rows = [] if some is None else list(zip(*map(some.texts, inputs), strict=True))
        given = [{name: cell.strip() for name, cell in zip(inputs, cells, strict=True)} for cells in rows]
        if isinstance(done, InputError):
            yield Refused(given[0] if len(given) == 1 else source, done)
            continue
        assert some is not None  # or there would be an error
        for row, line, value in zip(given, some.lines.tolist(), done[0], strict=True):
            yield _answer(task.target(model), row, value, source, line, several)


def _answer(target: str, given: dict[str, str], value: float, source: str, line: int, several: bool) -> Answer:
    place = {"source": source, "line": line} if source else {}
    return Answer(
        text=[
            f"{source} line {line}: " if several else "",
            f"Predicted {target}: ",
            (amount(target, value), "bold green"),
        ],
        cells=[*map(str, place.values()), value],
        record={"input": given, **place, "target": target, "predicted": value},
    )


def _may_ask(reporter: Reporter, no_input: bool) -> bool:
    quiet = no_input or reporter.quiet or reporter.json or sys.stdin is None
    return not quiet and sys.stdin.isatty() and sys.stdout.isatty()


def _ask(reporter: Reporter, task: ModuleType, model: Sequential, no_input: bool) -> None:
    """Ask for a row, predict, and again, until a blank line or the end of the input; only on a terminal."""
    if not _may_ask(reporter, no_input):
        return
    from brainbox_cli.commands.regress.input import typed_row

    inputs, target = task.inputs(model), task.target(model)
    reporter.say()
    reporter.say(("Type one value for each; a blank line ends it.", "bright_black"))
    while True:
        row = []
        for name in inputs:
            if (value := _value(reporter, task, model, name)) is None:
                return
            row.append(value)
        table = typed_row(inputs, row, [])
        try:
            predicted = float(task.predict(model, table)[0])
        except InputError as error:
            reporter.say(("error: ", "bold red"), as_options(error.line, reporter.flags))
            continue
        for remark in task.remarks(model, table):
            reporter.say(("note: ", "cyan"), remark)
        reporter.answer(f"Predicted {target}: ", (amount(target, predicted), "bold green"))


def _value(reporter: Reporter, task: ModuleType, model: Sequential, name: str) -> str | None:
    """What was typed for one input; None for a blank line or the end. Asks again for what does not fit."""
    known = task.choices(model, name)
    among = f" ({', '.join(printable(text, 40) for text in known)})" if 0 < len(known) <= 12 else ""
    while True:
        reporter.hide()
        try:
            text = input(f"Enter {printable(name, 80)}{among}: ").strip()
        except EOFError:
            reporter.say()
            return None
        except UnicodeDecodeError:
            reporter.say(("error: ", "bold red"), "that is no text in this terminal's encoding")
            continue
        if not text:
            return None
        if not (objection := task.objection(model, name, text)):
            return text
        reporter.say(("error: ", "bold red"), objection)


def _record(result: Result) -> dict:
    found = result.metrics
    figures = {name: found[f"test_{name}"] for name in ("r2", "rmse", "mae")}
    baseline = {name: found[name] for name in ("baseline_rmse", "baseline_mae")}
    exact = result.exact
    if exact is None:
        return {**figures, **baseline}
    own = result.weights[0].weight is not None
    return {
        "weights": {w.feature: w.weight if own else w.deviation for w in result.weights},
        "per_deviation": {w.feature: w.deviation for w in result.weights if w.deviation is not None},
        **figures,
        **baseline,
        "folds": list(result.folds),
        "converged": result.converged,
        "epochs": result.epochs,
        "gradient": result.gradient,
        "closed_form": {
            "weights": {w.feature: w.exact for w in result.weights},
            "rank": exact.rank,
            "condition": exact.condition,
            "distance": result.distance,
        },
    }


def _try_next(folder: Path, data: Data) -> tuple[list[str], dict[str, Path]]:
    """Predict the first row that it was judged by, as one would type it."""
    from brainbox_core.tables.notation import number

    judged = data.held_out.inputs
    table = judged if judged.rows else data.table.take(data.train)
    values = {name: table.texts(name)[0].strip() for name in data.design.inputs}
    if any(value.startswith("-") and number(value) is None for value in values.values()):  # it would be an option
        return ["predict", *(word for name, value in values.items() for word in ("--set", f"{name}={value}"))], {}
    return ["predict", *values.values()], {}


TRAINER = Trainer(
    noun="regress",
    settings=Settings,
    choices=CHOICES,
    metric="test_r2",
    headline=_headline,
    predict=_predict,
    predict_choices={"values": InputValues, "settings": Set, "tables": options.MoreTables, "no_input": NoInput},
    evaluate_choices={},
    reading=options.MARKS,
    show=show,
    record=_record,
    pictures="brainbox_cli.commands.regress.picture",
    try_next=_try_next,
    train_choices={"no_input": NoInput},
    afterwards=_ask,
)

app = verbs(TRAINER, "A line through the data predicts a quantity, such as the price of a house.")
