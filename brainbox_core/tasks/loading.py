"""The tasks by the noun of their command. Loads no NumPy until one is asked for."""

from __future__ import annotations

from typing import Any

from brainbox_core.errors import UsageError
from brainbox_core.tasks.contract import Task

NOUNS = ("regress", "spam", "fraud", "mnist", "cnn", "rnn")


def load_task(noun: str) -> Task[Any, Any, Any]:
    """The task of a noun; a type checker sees here that its module answers all that a task is asked.

    Raises:
        UsageError: no task has this noun.

    Example:
        >>> load_task("spam").load_data.__module__
        'brainbox_core.tasks.spam.data'
    """
    match noun:
        case "regress":
            from brainbox_core.tasks.regress import train as regress

            return regress
        case "spam":
            from brainbox_core.tasks.spam import train as spam

            return spam
        case "fraud":
            from brainbox_core.tasks.fraud import train as fraud

            return fraud
        case "mnist" | "cnn":
            from brainbox_core.tasks.digits import train as digits

            return digits
        case "rnn":
            from brainbox_core.tasks.rnn import train as rnn

            return rnn
    raise UsageError("there is no such task", expected=", ".join(NOUNS), got=noun)
