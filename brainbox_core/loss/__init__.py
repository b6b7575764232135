"""What training makes small: the distance between a model's outputs and what they should have been.

A loss never broadcasts: outputs and targets of different shapes are an error and not a surprise.
"""

from __future__ import annotations

import re
from typing import Any

from brainbox_core.errors import UsageError
from brainbox_core.loss.base import Loss, Own, Several
from brainbox_core.loss.classes import BinaryCrossEntropy, CrossEntropy, SquaredError
from brainbox_core.loss.quantities import MAE, MSE, Huber

# Model files name their loss; only these names are ever looked up.
_QUANTITIES = (MSE, MAE, Huber)
_CLASSES = (BinaryCrossEntropy, SquaredError, CrossEntropy)
KINDS: dict[str, type[Loss]] = {loss.__name__: loss for loss in (*_QUANTITIES, *_CLASSES)}

__all__ = [
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "Own",
    "Several",
    "SquaredError",
    "named",
]


def named(loss: Any) -> Loss:
    """A loss from what users call it: an object, a name such as "cross_entropy", a function, or a list of them.

    Example:
        >>> type(named("cross_entropy")).__name__, type(named(["mse", "mse"])).__name__
        ('CrossEntropy', 'Several')
    """
    if isinstance(loss, list | tuple):
        return Several([named(part) for part in loss])
    if isinstance(loss, str):
        known = {re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower(): kind for name, kind in KINDS.items()}
        if loss not in known:
            raise UsageError("unknown loss", expected=", ".join(known), got=repr(loss))
        return known[loss]()
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise UsageError("compile() needs a loss", got=f"the class {loss.__name__}", fix=f"bb.loss.{loss.__name__}()")
    if callable(loss) and not isinstance(loss, Loss):
        return Own(loss)
    if not isinstance(loss, Loss):
        raise UsageError("compile() needs a loss", got=repr(loss), fix="bb.loss.CrossEntropy()")
    return loss
