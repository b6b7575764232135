"""BrainInABox: a small deep-learning library in plain NumPy.

>>> import numpy as np
>>> import braininabox as bb
>>> model = bb.Sequential([bb.layers.Linear(16), bb.layers.ReLU(), bb.layers.Linear(1)])
>>> model.compile(optimizer=bb.optimizers.Adam(lr=0.01), loss=bb.loss.MSE())
>>> X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
>>> history = model.fit(X, X**2, epochs=100)
>>> history[-1]["train_loss"] < 0.01
True
"""

import logging
from types import ModuleType

from brainbox_core import (
    __version__,
    data,
    datasets,
    export,
    functional,
    layers,
    loss,
    metrics,
    optimizers,
    schedules,
)
from brainbox_core.errors import BrainboxError, ConvergenceError, InputError, UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.images import augment
from brainbox_core.layers import initializers
from brainbox_core.model.estimators import Classifier, Regressor
from brainbox_core.model.model import Model
from brainbox_core.model.sequential import Sequential, load
from brainbox_core.model.torch_weights import load_torch, torch_weights
from brainbox_core.network.graph import Input
from brainbox_core.scalar.value import Value
from brainbox_core.tensor import Tensor, no_grad
from braininabox import callbacks

__all__ = [
    "BrainboxError",
    "Classifier",
    "ConvergenceError",
    "Input",
    "InputError",
    "Model",
    "Regressor",
    "Sequential",
    "Tensor",
    "UsageError",
    "Value",
    "__version__",
    "augment",
    "callbacks",
    "check_gradients",
    "data",
    "datasets",
    "export",
    "functional",
    "initializers",
    "layers",
    "load",
    "load_torch",
    "loss",
    "metrics",
    "no_grad",
    "optimizers",
    "schedules",
    "torch_weights",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent, unless a program says otherwise


def _offer(module: ModuleType) -> None:
    """Have dir() show what a module offers, and not what it imports."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    module.__dir__ = sorted(names).copy  # type: ignore[method-assign]  # as PEP 562 has it


for _module in (
    augment,
    callbacks,
    data,
    datasets,
    export,
    functional,
    initializers,
    layers,
    loss,
    metrics,
    optimizers,
    schedules,
):
    _offer(_module)


def __dir__() -> list[str]:
    return __all__
