"""Learning rates that change during training. Each is a pure function of the step, so a resumed run goes on as it was.

Give one to an optimizer in place of a number: `Adam(lr=OneCycle(0.01, steps=2000))`. Steps count batches, from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from brainbox_core.errors import UsageError, between, whole

Schedule = Callable[[int], float]


class Constant:
    """The same learning rate at every step.

    Example:
        >>> Constant(0.1)(999)
        0.1
    """

    def __init__(self, lr: float):
        self.lr = between("lr", lr, 0, above=True)

    def __call__(self, step: int) -> float:
        return self.lr


class Step:
    """The rate is multiplied by a factor after every so many steps.

    Args:
        lr: at the start.
        every: steps from one drop to the next.
        factor: what each drop multiplies by, 0 to 1.

    Example:
        >>> [Step(1.0, every=10)(step) for step in (0, 9, 10, 20)]
        [1.0, 1.0, 0.1, 0.010000000000000002]
    """

    def __init__(self, lr: float, every: int, factor: float = 0.1):
        self.lr, self.every = between("lr", lr, 0, above=True), whole("every", every)
        self.factor = between("factor", factor, 0, 1, above=True)

    def __call__(self, step: int) -> float:
        return self.lr * self.factor ** (step // self.every)


class Cosine:
    """From the start down to 0 along half a cosine, after an optional straight warm-up (Loshchilov and Hutter 2017).

    Args:
        lr: the highest rate.
        steps: where it reaches 0; it stays there.
        warmup: steps in which it rises to `lr` first.

    Example:
        >>> [round(Cosine(1.0, steps=10)(step), 3) for step in (0, 5, 10)]
        [1.0, 0.5, 0.0]
    """

    def __init__(self, lr: float, steps: int, warmup: int = 0):
        self.lr, self.steps = between("lr", lr, 0, above=True), whole("steps", steps)
        self.warmup = whole("warmup", warmup, least=0)
        if self.warmup > self.steps:
            raise UsageError("warmup", expected=f"at most all {self.steps} steps", got=warmup)

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if step >= self.steps:  # also where all steps are warm-up
            return 0.0
        done = (step - self.warmup) / (self.steps - self.warmup)
        return self.lr * 0.5 * (1 + math.cos(math.pi * done))


class OneCycle:
    """Up from a low rate to a high one and down to nearly nothing, both along half a cosine (Smith and Topin 2018).

    The high rate in the middle crosses the landscape fast; the end settles. Often the fewest epochs to a good result.

    Args:
        lr: the peak.
        steps: of the whole cycle; the rate stays at its end afterwards.
        warmup: the share of the steps that rise, 0 to 1.
        start: the first rate as a fraction of the peak.
        end: the last rate as a fraction of the peak.

    Example:
        >>> cycle = OneCycle(1.0, steps=100)
        >>> [round(cycle(step), 3) for step in (0, 25, 100)]
        [0.04, 1.0, 0.001]
    """

    def __init__(self, lr: float, steps: int, warmup: float = 0.25, start: float = 0.04, end: float = 0.001):
        self.lr, self.steps = between("lr", lr, 0, above=True), whole("steps", steps)
        self.warmup = between("warmup", warmup, 0, 1)
        self.start, self.end = between("start", start, 0, 1), between("end", end, 0, 1)

    def __call__(self, step: int) -> float:
        turn = self.warmup * self.steps
        if step < turn:
            return self.lr * _between(self.start, 1.0, step / turn)
        if step >= self.steps and step > turn:  # also where there is only one
            return self.lr * self.end
        return self.lr * _between(1.0, self.end, (step - turn) / max(self.steps - turn, 1))


# Checkpoints name their schedule; only these names are ever looked up.
KINDS: dict[str, type] = {kind.__name__: kind for kind in (Constant, Step, Cosine, OneCycle)}


def to_config(schedule: Schedule) -> dict[str, Any] | None:
    """A schedule's kind and arguments, in JSON types; None for one of the user's own, which a file cannot hold.

    Example:
        >>> to_config(Step(1.0, every=10))
        {'kind': 'Step', 'config': {'lr': 1.0, 'every': 10, 'factor': 0.1}}
    """
    kind = type(schedule).__name__
    return {"kind": kind, "config": dict(vars(schedule))} if KINDS.get(kind) is type(schedule) else None


def from_config(entry: Mapping[str, Any]) -> Schedule:
    """The schedule that `to_config` described.

    Example:
        >>> from_config({"kind": "Step", "config": {"lr": 1.0, "every": 10}})(25)
        0.010000000000000002
    """
    return KINDS[entry["kind"]](**entry["config"])


def _between(a: float, b: float, share: float) -> float:
    """From a to b along half a cosine."""
    return b + (a - b) * 0.5 * (1 + math.cos(math.pi * share))
