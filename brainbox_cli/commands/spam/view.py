"""What `brainbox spam` shows: why a message is taken for spam, and what a training found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from brainbox_cli.frame.reporter import Reporter
from brainbox_core.files.reading import printable

if TYPE_CHECKING:
    from brainbox_core.tasks.spam.data import Data
    from brainbox_core.tasks.spam.train import Mistake, Result

BAR = 16  # columns of the largest weight
MOST = 60  # parts of a message that are listed
SHOWN = 8  # telling words of each kind
SURE = (0.5, 0.1, 0.01, 0.001)  # probabilities that a model gives a message which is spam


def reasons(parts: list[tuple[str, float]], bias: float, unicode: bool) -> list[str]:
    """A line for each part of a message, with what it adds to the sum that becomes the probability.

    In a long message only the parts that add most have a line of their own; the others share one.

    Args:
        parts: the words and marks with their weights.
        bias: what the sum starts with.
        unicode: whether bars may be other than ASCII.

    Example:
        >>> print("\\n".join(reasons([("free", 2.0), ("mum", -0.5)], -1.0, False)))
        start   -1.00
        free    +2.00  ################ spam
        mum     -0.50  #### ham
        sum     +0.50  probability 0.622
    """
    full = "━" if unicode else "#"
    total = bias + sum(weight for _, weight in parts)
    if len(parts) > MOST:
        least = sorted(abs(weight) for _, weight in parts)[-MOST]
        others = [weight for _, weight in parts if abs(weight) < least]
        parts = [part for part in parts if abs(part[1]) >= least] + [(f"{len(others):,} others", sum(others))]
    largest = max((abs(weight) for _, weight in parts), default=0) or 1
    rows = [["start", f"{bias:+.2f}", ""]]
    for name, weight in parts:
        bar = full * round(BAR * abs(weight) / largest)
        rows.append([printable(name, 40), f"{weight:+.2f}", f"{bar} {'spam' if weight > 0 else 'ham'}" if bar else ""])
    rows.append(["sum", f"{total:+.2f}", f"probability {_sigmoid(total):.3f}"])
    width = max(len(row[0]) for row in rows) + 2
    return [f"{name:<{width}}{weight:>7}  {bar}".rstrip() for name, weight, bar in rows]


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


def show(reporter: Reporter, verb: str, result: Result, data: Data) -> None:
    """The figures, the baseline of calling everything ham, the words that tell most, and why a loss fails."""
    found, ((passed, blocked), (missed, caught)) = result.metrics, result.confusion.tolist()
    rows = {
        "accuracy": f"{found['test_accuracy']:.2%}; calling everything ham gives {found['baseline_accuracy']:.2%}",
        "spam": f"{caught:,} of {missed + caught:,} found ({found['test_recall']:.2%}),"
        f" {found['test_precision']:.2%} of what is called spam is spam",
        "ham": f"{blocked:,} of {passed + blocked:,} blocked ({found['test_ham_blocked']:.2%}),"
        f" from probability {result.threshold:g} on",
    }
    if "cv_f1" in found:
        rows["folds"] = (
            f"all messages in turn: F1 {found['cv_f1']:.4f}, accuracy {found['cv_accuracy']:.2%},"
            f" ham blocked {found['cv_ham_blocked']:.2%}"
        )
    for label, words in result.telling.items():
        rows[f"says {label}"] = " ".join(printable(name, 40) for name, _ in words[:SHOWN])
    for name, text in rows.items():
        reporter.row(name, text, wrap=True)
    if result.loss == "mse" and result.mistake:
        _show_vanishing_gradient(reporter, result.mistake)


def _show_vanishing_gradient(reporter: Reporter, mistake: Mistake) -> None:
    """Show why the squared error is the wrong loss: the derivative of both losses at a spam message, as its probability
    falls, and at the message that this model gets most wrong."""
    from brainbox_core.tasks.spam.train import derivative

    reporter.say()
    title = "how hard a loss pulls at a message that is spam (its derivative by the sum of the weights)"
    reporter.say((title, "bold"), wrap=True)
    table = [["probability", "log loss", "squared error"]]
    table += [[f"{p:g}", *(f"{derivative(loss, p, 1):.6f}" for loss in ("log", "mse"))] for p in SURE]
    reporter.table(table, left=0)
    log, mse = mistake.pulls["log"], mistake.pulls["mse"]
    reporter.say(
        f'here, "{printable(mistake.text, 60)}" is {mistake.label} and got {mistake.probability:.4f}:',
        f" log loss pulls with {log:.4f}, squared error with {mse:.4f}",
        f", {log / mse:,.0f} times less" if mse else "",
        wrap=True,
    )
    reporter.say("the more wrong the model is, the less the squared error tells it: the gradient vanishes", wrap=True)
    reporter.say()
