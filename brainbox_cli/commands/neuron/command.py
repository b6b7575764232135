"""`brainbox neuron`: one neuron learns a truth table, or shows why no neuron can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from types import SimpleNamespace

from brainbox_cli import options, parsers
from brainbox_cli.frame.lesson import Lesson, Outcome, command
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.options import DATA, DISPLAY, OUTPUT, TRAINING, changed, option
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.tasks.neuron.learn import (
    EPOCHS,
    GATES,
    Result,
    Update,
    activation,
    learn_table,
    predict,
    short,
    start_weights,
    truth_table,
)

MOST_UPDATES = 60  # shown without --verbose; a small learning rate makes thousands
MOST_STATES = 8  # weights shown of a cycle
BOUNDARY = {2: "line", 3: "plane", 4: "hyperplane"}

CHOICES = {
    "gate": option("--gate NAME", DATA, f"What to learn: {', '.join(GATES)}.", parsers.one_of(*GATES), shown="or"),
    "table": option(
        "--table DIGITS",
        DATA,
        "Any truth table: the answers to 00, 01, 10, 11, such as 0110; 8 digits for three inputs, 16 for four.",
    ),
    "lr": option("--lr --learning-rate X", TRAINING, "Learning rate.", parsers.real_number(1e-4, 1e4), default=0.1),
    "epochs": changed(options.Epochs, default=EPOCHS),
    "plot": options.picture("--plot", "Draw how the boundary moved, as a PNG picture."),
    "save": option(
        "--save FILE|-",
        OUTPUT,
        "Write the neuron as a model file, which brainbox export turns into C.",
        parsers.file(".safetensors"),
        shown=False,
    ),
    "explain": option("--explain", DISPLAY, "Show the arithmetic of every update."),
}


def _digits(values: SimpleNamespace) -> str:
    if values.gate is not None and values.table is not None:
        raise UsageError("a gate is a truth table, too", where="--gate and --table", fix="give one of the two")
    return GATES[values.gate or "or"] if values.table is None else values.table


def _headline(values: SimpleNamespace) -> list[str]:
    digits = _digits(values)
    name, rows, _ = truth_table(digits)
    return [
        f"perceptron, {len(rows[0])} inputs and a bias",
        name if name == digits else f"{name} ({digits})",
        f"lr {values.lr:g}, seed {values.seed}",
    ]


def _run(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    digits = _digits(values)
    _, rows, _ = truth_table(digits)
    start = start_weights(values.seed, len(rows[0]))
    reporter.say(f"Initial weights: {_named(start)}")
    path: list[Update] = []

    def watch(update: Update) -> None:
        path.append(update)
        if len(path) <= MOST_UPDATES or reporter.verbose:
            _show_update(reporter, update, values.lr, values.explain)
        elif len(path) == MOST_UPDATES + 1:
            reporter.say(("... and so on; --verbose shows every update", "bright_black"))

    result = learn_table(digits, lr=values.lr, epochs=values.epochs, start=start, watch=watch)
    _show_end(reporter, result, values.explain)
    mistakes = Counter(update.epoch for update in path)
    files = {}
    if values.plot:
        with reporter.working("drawing"):
            from brainbox_cli.commands.neuron.picture import draw

            files["plot"] = draw(result, [result.start, *(update.after for update in path)])
    if values.save:
        with reporter.working("saving"):
            from brainbox_core.tasks.neuron.file import to_bytes

            files["save"] = to_bytes(result)
    right = [predict(result.weights, row) == target for row, target in zip(result.rows, result.targets, strict=True)]
    return Outcome(
        result=_record(result),
        metrics={"primary": "accuracy", "accuracy": sum(right) / len(right), "updates": result.updates},
        history=[{"epoch": epoch, "mistakes": mistakes[epoch]} for epoch in range(1, result.epochs + 1)],
        files=files,
        try_next=("neuron", "--gate", "xor"),
        failure=_failure(result),
    )


def _failure(result: Result) -> ConvergenceError | None:
    """Why it is not solved; where no neuron can, with the command that can."""
    problem = result.problem
    if problem is None or result.separation.possible:
        return problem
    return ConvergenceError(problem.what, fix=f"{problem.fix}: brainbox autograd --dataset xor")


def _show_update(reporter: Reporter, update: Update, lr: float, explain: bool) -> None:
    reporter.say(
        (f"Epoch {update.epoch}: ", "cyan"),
        f"input={_row(update.row)} target={update.target} predicted={update.predicted} "
        f"error={update.error} -> updating weights",
    )
    if not explain:
        return
    lines = [f"sum: {_sum(update.before, update.row)}, so it says {update.predicted}"]
    rate, error = Fraction(repr(lr)), str(update.error) if update.error > 0 else f"({update.error})"
    weights = zip(_names(update.row), update.before, update.after, (*update.row, None), strict=True)
    for name, before, after, value in weights:
        times = "" if value is None else f" * {short(value)}"
        lines.append(f"{name + ':':<4} {short(before)} + {short(rate)} * {error}{times} = {short(after)}")
    for line in lines:
        reporter.say((f"    {line}", "bright_black"))


def _show_end(reporter: Reporter, result: Result, explain: bool) -> None:
    if result.solved:
        reporter.say((f"Epoch {result.epochs}: solved!", "bold green"))
    elif result.cycle:
        reporter.say(
            (f"Epoch {result.epochs}: the weights come round again", "bold red"),
            f"; from here they repeat every {len(result.cycle)} updates:",
        )
        states = [f"({', '.join(map(short, state))})" for state in result.cycle]
        shown = states if len(states) <= MOST_STATES else [*states[: MOST_STATES - 1], "...", states[-1]]
        for number, state in enumerate(shown):
            reporter.say(("    " if number == 0 else " -> ", "bright_black"), state)
        reporter.say((" -> ", "bright_black"), shown[0], ("  and so on", "bright_black"))
    else:
        reporter.say((f"Epoch {result.epochs}: not solved", "bold red"))
    reporter.answer(f"Final weights: {_named(result.weights)}")
    for row, target in zip(result.rows, result.targets, strict=True):
        answer = predict(result.weights, row)
        verdict = ("correct", "green") if answer == target else ("wrong", "red")
        why = f"   {_sum(result.weights, row)}" if explain else ""
        reporter.answer(f"{_row(row)} -> {answer} (", verdict, ")", (why, "bright_black"))
    if result.separation.possible:
        _show_bound(reporter, result)
    else:
        _show_reason(reporter, result)


def _show_bound(reporter: Reporter, result: Result) -> None:
    square = "(R/γ)²" if reporter.text.unicode else "(R/gamma)^2"
    reporter.say(
        ("updates    ", "cyan"),
        f"{result.updates:,} of at most {result.bound:,} from this start; from zero weights Novikoff's bound is "
        f"{square} = {short(result.separation.radius_squared / result.separation.margin_squared)}",
        wrap=True,
    )


def _show_reason(reporter: Reporter, result: Result) -> None:
    """The proof in words: equal sums on both sides."""
    counts = list(zip(result.separation.balance, result.rows, result.targets, strict=True))
    ones, zeros = ([(count, row) for count, row, target in counts if count and target == side] for side in (1, 0))
    total = _row([sum(count * row[axis] for count, row in ones) for axis in range(len(result.rows[0]))])
    boundary = BOUNDARY[len(result.rows[0])]
    lines = (
        f"no {boundary} has {_and(ones)} on one side and {_and(zeros)} on the other:",
        f"{_plus(ones)} = {_plus(zeros)} = {total}",
        "so whatever the weights, the neuron's sums are equal on both sides as well;",
        "but on the left each must be 0 or more, and on the right each below 0",
    )
    for name, line in zip(("reason", "", "", ""), lines, strict=True):
        reporter.row(name, line)


def _record(result: Result) -> dict:
    weights = [float(weight) for weight in result.weights]
    table = []
    for row, target in zip(result.rows, result.targets, strict=True):
        answer = predict(result.weights, row)
        table.append({"input": list(map(int, row)), "target": target, "predicted": answer, "correct": answer == target})
    separation = result.separation
    return {
        "weights": weights[:-1],
        "bias": weights[-1],
        "epochs": result.epochs,
        "updates": result.updates,
        "solved": result.solved,
        "separable": separation.possible,
        "bound": result.bound,
        "novikoff": float(separation.radius_squared / separation.margin_squared) if separation.possible else None,
        "balance": separation.balance,
        "cycle": [[float(weight) for weight in state] for state in result.cycle],
        "table": table,
    }


def _names(row: Sequence) -> list[str]:
    return [*(f"w{number}" for number in range(1, len(row) + 1)), "b"]


def _named(weights: Sequence[Fraction]) -> str:
    names = _names(weights[:-1])
    return ", ".join(f"{name}={short(weight)}" for name, weight in zip(names, weights, strict=True))


def _row(row: Sequence) -> str:
    return f"[{', '.join(map(short, row))}]"


def _sum(weights: Sequence[Fraction], row: Sequence) -> str:
    parts = [f"{short(weight)}*{short(value)}" for weight, value in zip(weights, row, strict=False)]
    total = activation(weights, row)
    sign = "0 or more" if total >= 0 else "below 0"
    return f"{' + '.join(parts)} + {short(weights[-1])} = {short(total)}, {sign}"


def _and(rows: Sequence[tuple[int, Sequence]]) -> str:
    *most, last = [_row(row) for _, row in rows]
    return f"{', '.join(most)} and {last}" if most else last


def _plus(rows: Sequence[tuple[int, Sequence]]) -> str:
    return " + ".join(_row(row) if count == 1 else f"{count}*{_row(row)}" for count, row in rows)


app = command(
    Lesson(noun="neuron", choices=CHOICES, headline=_headline, run=_run),
    "One neuron learns a truth table with the perceptron rule, or shows why no neuron can.",
)
