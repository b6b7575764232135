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

from brainbox_core import __version__, callbacks, data, export, functional, layers, loss, metrics, optimizers, schedules
from brainbox_core.errors import BrainboxError, ConvergenceError, InputError, UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.images import augment
from brainbox_core.layers import initializers
from brainbox_core.model.sequential import Sequential
from brainbox_core.scalar.value import Value
from brainbox_core.tensor import Tensor, no_grad

__all__ = [
    "BrainboxError",
    "ConvergenceError",
    "InputError",
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
    "loss",
    "metrics",
    "no_grad",
    "optimizers",
    "schedules",
]
