"""What training, callbacks and exports may rely on in a network, whatever the way in which its layers are joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from brainbox_core.kernels.rows import Rows
from brainbox_core.layers.base import Layer
from brainbox_core.loss import Loss
from brainbox_core.network.history import History
from brainbox_core.network.history import Logs as Logs
from brainbox_core.optimizers import Optimizer
from brainbox_core.parameters import Parameters
from brainbox_core.tensor import Tensor


class Learner(Protocol):
    """A network that can be trained and asked; `Model` is one.

    Attributes:
        layers: in the order in which they run.
        seed: of all that is random in training.
        epoch: epochs trained so far.
        history: the logs of those epochs.
        stop_training: set to True by a callback to end the training after this epoch.
        meta: what else the model file holds, in JSON types.
        training: the `checkpoint.Training` that is under way, or the last one; None before the first.
        unfinished: the `checkpoint.Saved` that the next training goes on with; None if that begins anew.
    """

    layers: list[Layer]
    seed: int
    epoch: int
    history: History
    stop_training: bool
    meta: dict[str, Any]
    training: Any
    unfinished: Any

    @property
    def params(self) -> Parameters: ...
    @property
    def input_shape(self) -> Any: ...
    @property
    def output_shape(self) -> Any: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def loss(self) -> Loss: ...

    def config(self) -> list[dict[str, Any]]: ...
    def inputs(self, X: Rows) -> Any: ...
    def forward(self, x: Any, training: bool = False) -> Any: ...
    def watched(self, x: Any, training: bool = False) -> list[tuple[Layer, Tensor]]: ...
    def activations(self, X: Rows) -> dict[str, np.ndarray]: ...
    def predict(self, X: Rows, batch_size: int = 256) -> np.ndarray: ...
    def evaluate(self, X: Rows, y: np.ndarray, batch_size: int = 256) -> dict[str, float]: ...
    def state(self) -> dict[str, np.ndarray]: ...
    def load_state(self, state: dict[str, np.ndarray]) -> None: ...
    def save(self, path: str | Path, checkpoint: bool = False) -> None: ...
