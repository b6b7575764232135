"""`brainbox descent`: a ball rolls downhill on any formula, by gradients of our own."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

from brainbox_cli import options, parsers
from brainbox_cli.commands.descent.report import answer_at, count, show_comparison, show_end, show_steps
from brainbox_cli.frame.lesson import Lesson, Outcome, command
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.options import DATA, DISPLAY, OUTPUT, TRAINING, changed, option
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.scalar.update_rules import DESCENT_OPTIMIZERS
from brainbox_core.tasks.descent.settings import CLASSICS, LR, STEPS, TOL, Settings, choose

if TYPE_CHECKING:
    from brainbox_core.tasks.descent.verdict import Verdict
    from brainbox_core.tasks.descent.walk import Descent

FUNCTION = "x^2 + y^2"
ALL = "all"
MOST_HISTORY = 1000  # entries of the document's history
HINTS = {
    "unbounded": "there is no lowest point to find; check the signs of the formula",
    "constant": "give a function that changes with its variables",
    "kink": "the lowest point seen is {lowest}; a smaller --lr comes nearer, but never all the way",
    "out_of_domain": "no smaller --lr tried stays inside; choose another --start, or another function",
    "slow": "no other --lr tried finds a minimum either, and there may be none; try more --steps or another --start",
    "diverged": "take a much smaller --lr or another --start",
    "oscillating": "take a smaller --lr",
}
ELSEWHERE = "choose another --start"

EPILOG = """
A formula has numbers, variables of any name, + - * / ^, brackets, pi, e and these functions: sin cos tan exp log sqrt \
abs tanh sigmoid relu min max. It is read by a parser of our own and never run as code.

Rosenbrock's valley to 1e-12 in 1,110 steps:

brainbox descent --func rosenbrock --optimizer momentum --lr 0.003 --tol 1e-7
"""


def _coordinates(text: object) -> tuple[float, ...]:
    """A parser for a point: `3,4`."""
    if isinstance(text, tuple):
        return text
    number = parsers.real_number()
    return tuple(number(part.strip()) for part in str(text).split(","))


CHOICES = {
    "func": option(
        "--func -f FORMULA", DATA, f"What to minimise: a formula, or {', '.join(CLASSICS)}.", default=FUNCTION
    ),
    "start": option(
        "--start X,Y",
        DATA,
        "Where to begin: a number for each variable, in alphabetical order.",
        _coordinates,
        shown="3,4",
    ),
    "lr": changed(options.Lr, help="Learning rate.", show_default=f"{LR}"),
    "optimizer": option(
        "--optimizer NAME",
        TRAINING,
        f"Rule of the steps: {', '.join(DESCENT_OPTIMIZERS)}; {ALL} compares them.",
        parsers.one_of(*DESCENT_OPTIMIZERS, ALL),
        default="gd",
    ),
    "steps": option("--steps N", TRAINING, "The most steps to take.", parsers.whole_number(1, 10**6), shown=f"{STEPS}"),
    "tol": option(
        "--tol X",
        TRAINING,
        "The length of the gradient that counts as level ground.",
        parsers.real_number(0, above=True),
        default=TOL,
    ),
    "plot": options.picture("--plot", "Draw contour and surface with the path, as a PNG picture."),
    "gif": options.picture("--gif", "Draw the descent as an animation."),
    "show": option("--show", OUTPUT, "Open the picture of --plot in a window."),
    "explain": option(
        "--explain [K]", DISPLAY, "Show the arithmetic of step K, or of the first.", parsers.whole_number()
    ),
}


def _settings(values: SimpleNamespace) -> Settings:
    return choose(values.func, values.start, values.lr, values.steps)


def _headline(values: SimpleNamespace) -> list[str]:
    settings = _settings(values)
    is_classic = values.func.casefold() in CLASSICS
    name = f"{values.func}: {settings.expression}" if is_classic else settings.expression.text
    point = ", ".join(f"{name}={x:g}" for name, x in zip(settings.variables, settings.start, strict=False))
    rule = "all optimizers" if values.optimizer == ALL else values.optimizer
    return [name, *([f"from {point}"] if point else []), f"{rule}, lr {settings.lr:g}, tol {values.tol:g}"]


def _run(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    settings, optimizer = _settings(values), values.optimizer
    _check(settings, values)
    reporter.document.set(config={"start": settings.start, "lr": settings.lr, "steps": settings.steps})
    show_window = None
    if values.show:
        from brainbox_cli.commands.descent.picture import open_window

        show_window = open_window()
    walks = _walk(reporter, settings, values)
    best = min(walks, key=lambda rule: _rank(*walks[rule]))
    descent, verdict = walks[best]
    if optimizer == ALL:
        show_comparison(reporter, walks)
    else:
        show_steps(reporter, descent, values.explain)
    descents = [walk for walk, _ in walks.values()]
    if not reporter.quiet:
        from brainbox_cli.commands.descent.view import play

        play(reporter.text, descents, still=reporter.json)
    show_end(reporter, descent, verdict)
    files = _pictures(reporter, descents, values)
    if show_window:
        show_window(descents)
    result = _record(descent, verdict)
    if optimizer == ALL:
        result |= {"optimizer": best, "optimizers": {rule: _record(*walk) for rule, walk in walks.items()}}
    return Outcome(
        result=result,
        metrics={
            "primary": "value",
            "value": result["value"],
            "steps": descent.steps,
            "gradient": _norm(descent, descent.steps),
        },
        history=_history(descent),
        files=files,
        try_next=_next(values.func, optimizer),
        failure=None if verdict.found else _failure(reporter, descent, verdict),
    )


def _check(settings: Settings, values: SimpleNamespace) -> None:
    """Find out before the walk what cannot be done after it.

    Raises:
        UsageError: options that do not go together.
    """
    count, names = len(settings.variables), ", ".join(settings.variables)
    if count and len(settings.start) != count:
        where = f"--start {parsers.as_typed(settings.start)}"
        expected = f"{count} number{'s' * (count > 1)}, for {names}"
        fix = "give one number for each variable, with commas between"
        raise UsageError("does not fit the function", where=where, expected=expected, got=len(settings.start), fix=fix)
    for flag, wanted in (("--plot", values.plot), ("--gif", values.gif), ("--show", values.show)):
        if wanted and count > 2:
            what = f"a function of {count} variables ({names}) has no picture"
            raise UsageError(what, where=flag, fix="leave it out, or give a function of one or two variables")
    if values.explain is not None and values.optimizer == ALL:
        raise UsageError("explains one optimizer at a time", where="--explain", fix="name it with --optimizer")


def _walk(reporter: Reporter, settings: Settings, values: SimpleNamespace) -> dict[str, tuple[Descent, Verdict]]:
    with reporter.working("descending") as progress:
        from brainbox_core.tasks.descent.landscape import Landscape
        from brainbox_core.tasks.descent.verdict import judge
        from brainbox_core.tasks.descent.walk import descend

        landscape, walks = Landscape(values.func), {}
        for rule in DESCENT_OPTIMIZERS if values.optimizer == ALL else (values.optimizer,):
            try:
                descent = descend(landscape, settings.start, rule, settings.lr, settings.steps, values.tol)
            except ConvergenceError as error:
                raise ConvergenceError(error.what, where="the start", fix=ELSEWHERE) from error
            walks[rule] = descent, judge(descent)
            progress(len(walks), len(DESCENT_OPTIMIZERS))
    return walks


def _rank(descent: Descent, verdict: Verdict) -> tuple[bool, float]:
    """Minima first, the fewest steps first; of the others the lowest."""
    return not verdict.found, descent.steps if verdict.found else descent.values.min()


# How it ends


def _failure(reporter: Reporter, descent: Descent, verdict: Verdict) -> ConvergenceError:
    with reporter.working("trying other settings"):
        from brainbox_core.tasks.descent.advice import advise

        advice = advise(descent, verdict)
    if advice is None:
        lowest = descent.landscape.text(descent.points[descent.lowest])
        return ConvergenceError(verdict.reason, fix=HINTS.get(verdict.status, ELSEWHERE).format(lowest=lowest))
    flags = {"lr": "--lr", "steps": "--steps", "optimizer": "--optimizer", "start": "--start", "tol": "--tol"}
    words = " ".join(f"{flags[name]} {parsers.as_typed(value)}" for name, value in advice.changes.items())
    if advice.verdict.found:
        outcome = f"it finds the minimum in {count(advice.descent.steps)}"
    elif verdict.status == "kink":
        outcome = f"it comes down to f = {advice.descent.values.min():.6g}"
    else:
        gradient = _norm(advice.descent, advice.descent.steps)
        outcome = f"it does not overshoot; after {count(advice.descent.steps)} the gradient is {gradient:.3g} long"
    return ConvergenceError(verdict.reason, fix=f"try {words}: {outcome}")


def _next(func: str, optimizer: str) -> tuple[str, ...]:
    if func == FUNCTION and optimizer != ALL:
        return ("descent", "--optimizer", ALL)
    if func.casefold() not in CLASSICS:
        return ("descent", "--func", "rosenbrock", "--optimizer", "momentum", "--lr", "0.003", "--plot")
    return ("autograd",)


# What is kept


def _record(descent: Descent, verdict: Verdict) -> dict:
    at = answer_at(descent, verdict)
    return {
        "path_length": descent.length,
        "minimum": dict(zip(descent.landscape.variables, descent.points[at].tolist(), strict=True)),
        "value": float(descent.values[at]),
        "steps": descent.steps,
        "status": verdict.status,
    }


def _norm(descent: Descent, step: int) -> float:
    return math.hypot(*descent.gradients[step])  # a square of 1e200 would overflow


def _history(descent: Descent) -> list[dict]:
    every = -(-descent.steps // MOST_HISTORY) or 1
    steps = range(every, descent.steps + 1, every)
    return [{"epoch": step, "value": float(descent.values[step]), "gradient": _norm(descent, step)} for step in steps]


def _pictures(reporter: Reporter, descents: list[Descent], values: SimpleNamespace) -> dict[str, bytes]:
    if not (values.plot or values.gif):
        return {}
    files = {}
    with reporter.working("drawing"):
        if values.plot:
            from brainbox_cli.commands.descent.picture import draw

            files["plot"] = draw(descents)
        if values.gif:
            from brainbox_cli.commands.descent.gif import draw_gif

            files["gif"] = draw_gif(descents)
    return files


app = command(
    Lesson(noun="descent", choices=CHOICES, headline=_headline, run=_run),
    "A ball rolls downhill on any formula, by gradients that the project computes itself.",
    EPILOG,
)
