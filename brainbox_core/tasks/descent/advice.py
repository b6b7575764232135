"""What to change after a walk that found no minimum: settings that were tried out before they are proposed.

For a bowl with the largest curvature L, descent overshoots above a learning rate of 2/L and goes fastest near 1/L
(Nesterov, Introductory Lectures on Convex Optimization, 2004, section 1.2.3). So 1/L is the first try; the others go
down from the rate that was too large, or up from the one that was too small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brainbox_core.errors import ConvergenceError
from brainbox_core.scalar.update_rules import RULES
from brainbox_core.tasks.descent.verdict import Verdict, judge
from brainbox_core.tasks.descent.walk import Descent, descend

BUDGET = 600_000  # what all trials together may cost, in nodes computed: about a second
STEP_COST = 20  # of a step itself, in nodes
PROBE = 1000  # the most steps to try a learning rate alone
PATIENCE = 30  # times the steps, where steps are all that is missing


@dataclass(frozen=True)
class Advice:
    """Settings that were tried and are better.

    Attributes:
        changes: the settings to change, by the names of `descend`'s arguments: lr, steps, optimizer, start, tol.
        descent: the walk with them.
        verdict: how that went.
    """

    changes: dict[str, object]
    descent: Descent
    verdict: Verdict


@np.errstate(over="ignore")  # as in `descend`
def advise(descent: Descent, verdict: Verdict) -> Advice | None:
    """The first settings that find a minimum, out of those that the verdict suggests.

    At a kink, settings that come nearer to it. After overshooting, if no trial finds a minimum, the first that at least
    goes down without overshooting. None if no trial helps.

    Example:
        >>> from brainbox_core.tasks.descent.landscape import Landscape
        >>> overshot = descend(Landscape("2*x^2"), [3], lr=0.6)
        >>> advise(overshot, judge(overshot)).changes
        {'lr': 0.25}
    """
    budget, calm = BUDGET // (len(descent.landscape.expression.steps) + STEP_COST), None
    statuses: list[str] = []  # how the trials went so far, which decides what is tried next
    for changes in _trials(descent, verdict, statuses):
        if budget <= 0:
            break
        trial = _try(descent, changes, budget)
        statuses.append(trial.verdict.status)
        budget -= trial.descent.steps + 1
        lower = trial.descent.values.min() < descent.values.min()
        if trial.verdict.found or (verdict.status == "kink" and lower):
            if "steps" in changes:
                changes["steps"] = _round_up(trial.descent.steps)
            return trial
        if trial.verdict.status == "unbounded":
            return None
        if verdict.status in ("diverged", "oscillating") and trial.verdict.status == "slow" and lower:
            calm = calm or trial
    return calm


def _try(descent: Descent, changes: dict, budget: int) -> Advice:
    settings = {
        "start": descent.points[0],
        "optimizer": descent.optimizer,
        "lr": descent.lr,
        "steps": descent.limit,
        "tol": descent.tol,
        **changes,
    }
    probing = changes.keys() == {"lr"}
    settings["steps"] = min(settings["steps"], budget, *([PROBE] if probing else []))
    trial = descend(descent.landscape, **settings)
    return Advice(changes, trial, judge(trial))


def _trials(descent: Descent, verdict: Verdict, statuses: list[str]) -> Iterator[dict]:
    """Changes to try, most wanted first; after each the last of `statuses` says how the walk with them went."""
    lr, same, steps = descent.lr, {"steps": descent.limit}, {"steps": PATIENCE * descent.limit}
    best = _best_rate(descent)
    if verdict.status in ("diverged", "oscillating", "out_of_domain"):
        rates = [rate for rate in (best, *(_round_down(lr / 2**power) for power in range(1, 21))) if rate < lr]
        for rate in rates:
            yield {"lr": rate}
            if statuses[-1] == "slow":
                for more in ({"optimizer": "momentum"}, same, {"optimizer": "momentum", **steps}, steps):
                    yield {"lr": rate, **more}
                return
    elif verdict.status == "slow":
        steady: dict[str, object] = {}
        for rate in (best, *(_round_down(lr * factor) for factor in (3, 10, 30, 100, 1000))):
            if lr < rate < math.inf:
                yield {"lr": rate}
                if statuses[-1] == "slow":
                    steady = {"lr": rate}
        momentum: dict[str, object] = {"optimizer": "momentum"}
        for more in ({**steady, **momentum}, momentum, {**momentum, **steps}, {**steady, **same}, steps):
            yield dict(more)
    elif verdict.status == "kink":
        for factor in (10, 100):
            yield {"lr": _round_down(lr / factor), "steps": factor * descent.limit}
    elif verdict.status == "plateau" and best < math.inf:
        yield {"tol": _round_down(1e-4 * descent.tol), "lr": best}
    elif verdict.downhill is not None:
        point = descent.points[-1]
        size = max(1.0, float(np.linalg.norm(point)))
        for distance in (0.01, 0.1):
            for side in (1, -1):
                start = point + side * distance * size * verdict.downhill
                yield {"start": tuple(round(x, 3) + 0.0 for x in start.tolist())}


def _best_rate(descent: Descent) -> float:
    """1/L for the curvature L at the lowest point; infinite where that says nothing."""
    if RULES[descent.optimizer].adaptive:  # it divides the curvature out
        return math.inf
    try:
        curvature = np.abs(np.linalg.eigvalsh(descent.landscape.curvature(descent.points[descent.lowest]))).max()
    except ConvergenceError:
        return math.inf
    return _round_down(1 / curvature) if curvature > 1e-300 else math.inf


def _round_down(x: float) -> float:
    """To two digits.

    Example:
        >>> _round_down(0.000678), _round_down(0.25)
        (0.00067, 0.25)
    """
    unit = 10.0 ** (math.floor(math.log10(x)) - 1)
    return float(f"{math.floor(x / unit * (1 + 1e-12)) * unit:.2g}")


def _round_up(steps: int) -> int:
    """To one digit, so that there are some to spare.

    Example:
        >>> _round_up(12_345), _round_up(73)
        (20000, 80)
    """
    unit = 10 ** (len(str(steps)) - 1)
    return (steps // unit + 1) * unit
