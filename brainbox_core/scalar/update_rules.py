"""The optimizers by name: how each moves a weight, and how it is made. The one place where an optimizer is listed.

In the formulas `x` is a weight, `g` its gradient, `lr` the learning rate and `k` the step, from 1. All other names are
numbers kept from step to step that start at 0. `brainbox_core.optimizers` does the same to all weights at once.
Loads no NumPy, so that a help page can list them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Rule(NamedTuple):
    """An optimizer.

    Attributes:
        kind: the name of its class in `brainbox_core.optimizers`.
        help: what it does, in a few words.
        formulas: one for each number that it changes, `x` last; `brainbox descent` offers the optimizers with formulas.
        lr: its usual learning rate; a training offers the optimizers that have one.
        options: arguments of the class besides the learning rate.
    """

    kind: str
    help: str
    formulas: tuple[str, ...] = ()
    lr: float | None = None
    options: Mapping[str, float] = MappingProxyType({})

    @property
    def adaptive(self) -> bool:
        """Whether it divides each gradient by that gradient's own usual size."""
        return any("sqrt" in formula for formula in self.formulas)


RULES = {
    "gd": Rule("SGD", "straight down the slope", ("x <- x - lr * g",)),
    "momentum": Rule(
        "SGD",
        "keeps most of its speed, like a heavy ball",
        ("v <- 0.9 * v + g", "x <- x - lr * v"),
        options={"momentum": 0.9},
    ),
    "nesterov": Rule(
        "SGD",
        "momentum that looks ahead",
        ("v <- 0.9 * v + g", "x <- x - lr * (g + 0.9 * v)"),
        options={"momentum": 0.9, "nesterov": True},
    ),
    "sgd": Rule("SGD", "gradient descent on batches, with momentum", lr=0.01, options={"momentum": 0.9}),
    "adagrad": Rule(
        "Adagrad",
        "smaller steps where slopes were steep",
        ("s <- s + g^2", "x <- x - lr * g / (sqrt(s) + 1e-08)"),
        lr=0.01,
    ),
    "rmsprop": Rule(
        "RMSprop",
        "smaller steps where slopes are steep lately",
        ("s <- 0.9 * s + 0.1 * g^2", "x <- x - lr * g / (sqrt(s) + 1e-08)"),
        lr=0.001,
    ),
    "adam": Rule(
        "Adam",
        "momentum and rmsprop together",
        (
            "m <- 0.9 * m + 0.1 * g",
            "s <- 0.999 * s + 0.001 * g^2",
            "x <- x - lr * m / (1 - 0.9^k) / (sqrt(s / (1 - 0.999^k)) + 1e-08)",
        ),
        lr=0.001,
    ),
    "adamw": Rule("AdamW", "adam that also shrinks the weights", lr=0.001),
}
DESCENT_OPTIMIZERS = tuple(name for name, rule in RULES.items() if rule.formulas)
NETWORK_OPTIMIZERS = tuple(name for name, rule in RULES.items() if rule.lr)


def learning_rates(**tuned: float) -> dict[str, float]:
    """A learning rate for each optimizer that trains networks: the usual one, unless another was tuned.

    Example:
        >>> learning_rates(adam=0.05)["adam"], learning_rates(adam=0.05)["rmsprop"]
        (0.05, 0.001)
    """
    return {name: tuned.get(name, rule.lr) for name, rule in RULES.items() if rule.lr}
