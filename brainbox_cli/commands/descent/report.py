"""What `brainbox descent` shows of a walk: its steps, the comparison of several, the landscape, and where it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from brainbox_cli.frame.reporter import Reporter
from brainbox_core.screen.display import fitted, sparkline

if TYPE_CHECKING:
    from brainbox_core.tasks.descent.verdict import Verdict
    from brainbox_core.tasks.descent.walk import Descent

CURVE = 40  # characters of the curve of f


def show_steps(reporter: Reporter, descent: Descent, explain: int | None) -> None:
    lines = []
    if explain is not None:
        from brainbox_core.tasks.descent.arithmetic import explain as arithmetic

        lines = [f"    {line}" for line in arithmetic(descent, explain)]
    for step in range(1, descent.steps + 1):
        if reporter.verbose or _is_shown(step, descent.steps) or step == explain:
            gradient = ", ".join(_text(x) for x in descent.gradients[step - 1])
            place = descent.landscape.text(descent.points[step])
            reporter.say((f"Step {step}: ", "cyan"), f"grad=[{gradient}] -> {place}")
        for line in lines if step == explain else ():
            reporter.say((line, "bright_black"))
    if explain == descent.steps + 1:  # the step out of the domain, or far away
        reporter.say((f"Step {explain}:", "cyan"))
        for line in lines:
            reporter.say((line, "bright_black"))


def _is_shown(step: int, steps: int) -> bool:
    """The first ten steps, then every tenth, every hundredth, ..., and the last."""
    return step == steps or step % 10 ** (len(str(step - 1)) - 1) == 0


def show_comparison(reporter: Reporter, walks: Mapping[str, tuple[Descent, Verdict]]) -> None:
    table = [["#", "optimizer", "status", "steps", "value", "path", "at"]]
    for number, (rule, (descent, verdict)) in enumerate(walks.items(), start=1):
        at = answer_at(descent, verdict)
        place = descent.landscape.text(descent.points[at])
        numbers = [f"{descent.steps:,}", f"{descent.values[at]:.4g}", f"{descent.length:.4g}"]
        table.append([str(number), rule, verdict.status.replace("_", " "), *numbers, place])
    title, *lines = fitted(table, reporter.text.width, left=3)
    reporter.answer((title, "bold cyan"))
    for line, (_, verdict) in zip(lines, walks.values(), strict=True):
        reporter.answer((line, "" if verdict.found else "yellow"))


def show_end(reporter: Reporter, descent: Descent, verdict: Verdict) -> None:
    at = answer_at(descent, verdict)
    name, style = ("minimum", "bold green") if verdict.found else ("lowest", "bold yellow")
    where = f"f = {_text(descent.values[at])} at {descent.landscape.text(descent.points[at])}"
    how = f"  ({count(descent.steps)}, {descent.optimizer})"
    reporter.answer((f"{name:<10} ", style), where, (how, "bright_black"), wrap=True)
    if verdict.status == "valley":
        reporter.note("the points along this valley are as low")
    if not verdict.smooth:
        reporter.note("the minimum is a kink: f is not smooth there")
    values = descent.values.tolist()
    ends = f"{values[0]:.4g}", f"{values[-1]:.4g}"
    room = reporter.text.width - len("f          ".join(ends)) - 3
    curve = sparkline(values, reporter.text.unicode, max(5, min(CURVE, room)))
    reporter.say(("f          ", "cyan"), f"{ends[0]} {curve} {ends[1]}")
    reporter.say(("path       ", "cyan"), f"{descent.length:.4g} long")


def answer_at(descent: Descent, verdict: Verdict) -> int:
    """The index of the point to name: where it came to rest, else the lowest."""
    return descent.steps if verdict.found else descent.lowest


def count(steps: int) -> str:
    return f"{steps:,} step{'s' * (steps != 1)}"


def _text(x: float) -> str:
    return f"{x + 0.0:.6g}"
