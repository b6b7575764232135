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

from brainbox_core import __version__, data, export, functional, layers, loss, metrics, optimizers, schedules
from brainbox_core.errors import BrainboxError, ConvergenceError, InputError, UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.images import augment
from brainbox_core.layers import initializers
from brainbox_core.model.estimators import Classifier, Regressor
from brainbox_core.model.model import Model
from brainbox_core.model.sequential import Sequential, load
from brainbox_core.network.graph import Input
from brainbox_core.scalar.value import Value
from brainbox_core.tensor import Tensor, no_grad
from brainbox_core.training import callbacks
from brainbox_core.training.progress import Progress as _Progress

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
    "export",
    "functional",
    "initializers",
    "layers",
    "load",
    "loss",
    "metrics",
    "no_grad",
    "optimizers",
    "schedules",
]

callbacks.Progress = _Progress  # a callback like the others, but the model knows nothing of screens


def _offer(module):
    """Have dir() show what a module offers, and not what it imports."""
    homes = module.__name__, _Progress.__module__
    names = [name for name, value in vars(module).items() if callable(value) and value.__module__.startswith(homes)]
    module.__dir__ = sorted(name for name in names if not name.startswith("_")).copy


for _module in augment, callbacks, data, export, functional, initializers, layers, loss, metrics, optimizers, schedules:
    _offer(_module)


def __dir__():
    return __all__
