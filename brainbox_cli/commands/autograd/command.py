"""`brainbox autograd`: the gradient of a formula, with the graph behind it; or a network made of single numbers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import typer

from brainbox_cli import options, parsers
from brainbox_cli.frame.lesson import Lesson, Outcome, command
from brainbox_cli.frame.reporter import Reporter
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.files.writing import MARKS
from brainbox_core.scalar.graph import MOST_NODES, graphviz, tree
from brainbox_core.scalar.points import SETS
from brainbox_core.screen.screen import Part
from brainbox_core.tasks.autograd.formula import Comparison, Result, check, differentiate
from brainbox_core.tasks.autograd.network import EXTENT, Settings, Training, boundary
from brainbox_core.training.progress import Progress

EXPRESSION, POINT = "x*y + z", "x=2,y=-3,z=10"
COLUMNS, ROWS = 56, 22  # of the boundary in characters
SNAPSHOTS = (1, 10)  # epochs whose boundary is shown off a terminal, before the last

_PART = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([^,]*?)\s*")


def point(text: object) -> Mapping[str, float]:
    """A parser for `x=2,y=-3`."""
    if isinstance(text, Mapping):
        return text
    found: dict[str, float] = {}
    for part in str(text).split(","):
        match = _PART.fullmatch(part)
        if not match:
            raise typer.BadParameter(f"expected names and numbers such as x=2,y=-3, got {text}")
        if match[1] in found:
            raise typer.BadParameter(f"{match[1]} is given twice in {text}")
        found[match[1]] = parsers.real_number()(match[2])
    return found


CHOICES = {
    "expression": options.argument("EXPR", "A formula: numbers, names, + - * / ^, sin, exp, ...", shown=EXPRESSION),
    "at": options.option("--at X=N,...", options.DATA, "Where to take it.", point, shown=POINT),
    "dataset": options.option(
        "--dataset NAME",
        options.DATA,
        f"Instead of a formula, teach a network of single numbers to tell points apart: {', '.join(SETS)}.",
        parsers.one_of(*SETS),
    ),
    "check": options.option(
        "--check/--no-check", None, "Compare the gradient with finite differences (exit code 4 if wrong).", default=True
    ),
    "dot": options.option(
        "--dot FILE",
        options.OUTPUT,
        "Write the graph in the language of Graphviz; - for standard output.",
        parsers.file(".dot", ".gv"),
    ),
    "plot": options.picture("--plot", "Draw the graph, or what the network learned."),
}


def _headline(values: SimpleNamespace) -> list[str]:
    if values.dataset is None:
        text, at = _formula(values)
        return [text, ", ".join(f"{name}={value:g}" for name, value in at.items())] if at else [text]
    for flag, value in (("EXPR", values.expression), ("--at", values.at), ("--dot", values.dot)):
        if value is not None:
            raise UsageError(f"{flag} belongs to a formula, not to --dataset", fix="leave one of them out")
    settings = Settings(values.dataset)
    widths = "-".join(map(str, (2, *settings.hidden, 1)))
    return [
        f"{widths} network of scalar Values",
        f"{values.dataset} {settings.train} points, {settings.test} to test on",
        f"adam lr {settings.lr:g}, batch {settings.batch_size}, seed {values.seed}",
    ]


def _formula(values: SimpleNamespace) -> tuple[str, Mapping]:
    if values.expression is None:
        return EXPRESSION, point(POINT) if values.at is None else values.at
    return values.expression, values.at or {}


def _run(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    return (_differentiate if values.dataset is None else _train)(reporter, values)


# A formula


def _differentiate(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    result = differentiate(*_formula(values))
    reporter.answer("value: ", (_number(result.value), "bold green"))
    for name, gradient in result.gradients.items():
        reporter.answer(f"{name}.grad: ", (_number(gradient), "bold"))
    _show_tree(reporter, result)
    comparisons = check(result) if values.check else []
    _show_check(reporter, comparisons)
    files = {}
    if values.dot:
        files["dot"] = b"%b// %b\n" % (graphviz(result.root).encode(), MARKS[0])
    if values.plot:
        with reporter.working("drawing"):
            from brainbox_cli.commands.autograd.picture import draw_graph

            files["plot"] = draw_graph(result)
    errors = [found.error for found in comparisons if found.verdict in ("ok", "wrong") and found.error is not None]
    return Outcome(
        result={
            "value": result.value,
            "gradients": result.gradients,
            "max_check_error": max(errors, default=None),
            "checks": {comparison.name: comparison.verdict for comparison in comparisons},
        },
        metrics={"primary": "value", "value": result.value},
        files=files,
        try_next=("autograd", "--dataset", "moons"),
        failure=_failure(comparisons),
    )


def _show_tree(reporter: Reporter, result: Result) -> None:
    lines = tree(result.root, reporter.text.unicode)
    table = [["", "data", "grad"]]
    for line in lines:
        numbers = cast(tuple[float, ...], (line.node.data, line.node.grad) if line.node else ())  # after one walk back
        table.append([line.text, *(map(_number, numbers) if numbers else ("", ""))])
    reporter.say()
    reporter.table(table)
    if any(line.text.endswith("...") for line in lines):
        text = f"the graph is larger: only the {MOST_NODES} nodes nearest to the result are shown"
        reporter.say((text, "bright_black"))
    reporter.say()


def _show_check(reporter: Reporter, comparisons: list[Comparison]) -> None:
    if not comparisons:
        return
    table = [["", "gradient", "finite difference", "relative error", ""]]
    for found in comparisons:
        difference = "" if found.difference is None else f"{found.difference:.10g}"
        error = "" if found.error is None else f"{found.error:.1e}"
        table.append([f"{found.name}.grad", f"{found.gradient:.10g}", difference, error, _VERDICTS[found.verdict]])
    reporter.table(
        table, styles=[{"ok": "", "wrong": "bold red"}.get(found.verdict, "yellow") for found in comparisons]
    )
    reporter.say()


_VERDICTS = {"ok": "agree", "wrong": "DIFFER", "kink": "a kink: one of its slopes", "unclear": "cannot be checked here"}


def _failure(comparisons: list[Comparison]) -> ConvergenceError | None:
    wrong = [found for found in comparisons if found.verdict == "wrong"]
    if not wrong:
        return None
    first = wrong[0]
    return ConvergenceError(
        f"gradient check failed: {first.name}.grad is {first.gradient:.10g} by backpropagation, but "
        f"{first.difference:.10g} by finite differences",
        fix="look for the node in the graph whose slope is wrong",
    )


def _number(value: float) -> str:
    """A float as Python shows it, unless that is long."""
    text = repr(float(value))
    return text if len(text) <= 14 else f"{value:.10g}"


# A network


def _train(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    dataset = values.dataset
    training = Training(Settings(dataset, seed=values.seed))
    settings, history = training.settings, []
    reporter.document.set(
        data={"source": dataset, "train": settings.train, "test": settings.test},
        model={"kind": "scalar_network", "layers": [], "params": len(training.network.parameters)},
    )
    rows = Progress(reporter.text, live=False)  # the boundary is what lives below them
    rows.on_train_begin(None, {"epochs": settings.epochs, "batches": 1})
    before = time.perf_counter()
    for logs in training.epochs():
        now = time.perf_counter()
        history.append(logs)
        if not reporter.quiet:
            rows.on_epoch_end(None, {**logs, "time_s": now - before})
            _show_boundary(reporter, training, logs["epoch"])
        before = now
    last = history[-1]
    reporter.answer(
        (f"test accuracy {last['val_accuracy']:.1%}", "bold green"), f"  ({settings.test} points that it never saw)"
    )
    files = {}
    if values.plot:
        with reporter.working("drawing"):
            from brainbox_cli.commands.autograd.picture import draw_boundary

            files["plot"] = draw_boundary(training, history)
    metrics = {"test_accuracy": last["val_accuracy"], "train_accuracy": last["train_accuracy"]}
    others = [name for name in SETS if name != dataset]
    return Outcome(
        result={"dataset": dataset, "params": len(training.network.parameters), **metrics},
        metrics={"primary": "test_accuracy", **metrics, "train_loss": last["train_loss"]},
        history=history,
        files=files,
        try_next=("autograd", "--dataset", others[-1] if dataset != others[-1] else others[0]),
    )


def _show_boundary(reporter: Reporter, training: Training, epoch: int) -> None:
    """Redrawn in place on a terminal; elsewhere a few of them stay between the rows."""
    screen, is_last = reporter.text, epoch == training.settings.epochs
    if not screen.animated and not is_last and epoch not in SNAPSHOTS:
        return
    picture = _picture(training, min(COLUMNS, screen.width - 1), screen.unicode)
    title: list[Part] = [
        ("boundary", "bold cyan"),
        f" after epoch {epoch}/{training.settings.epochs}: ",
        ("o", "yellow"),
        " class 0, ",
        ("x", "blue"),
        " class 1",
    ]
    if screen.animated and not is_last:
        screen.show_lines([title, *picture])
        return
    screen.hide()
    for line in [title, *picture]:
        reporter.say(*line)


def _picture(training: Training, columns: int, unicode: bool) -> list[list[Part]]:
    """The probability of class 1 as shades, and the points on them."""
    shades = " ·░▒▓" if unicode else " .:+#"
    grid = boundary(training.network, columns, ROWS)
    cells: list[list[Part]] = [
        [(shades[min(4, int(p * 5))], "blue" if p > 0.5 else "yellow") for p in row] for row in grid
    ]
    for (x, y), label in zip(training.rows, training.labels, strict=True):
        column, row = int((x / EXTENT + 1) / 2 * columns), int((1 - y / EXTENT) / 2 * ROWS)
        if 0 <= column < columns and 0 <= row < ROWS:
            cells[row][column] = ("x", "bold blue") if label else ("o", "bold yellow")
    return cells


app = command(
    Lesson(noun="autograd", choices=CHOICES, headline=_headline, run=_run),
    "The gradient of a formula by backpropagation, with the graph behind it; or a network made of single numbers.",
)
