"""A layer that leaves out units while training: Dropout."""

from __future__ import annotations

import numpy as np

from brainbox_core.errors import between
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor


class Dropout(Layer):
    """While training, sets a random share of the numbers to 0 and scales the rest up; otherwise does nothing.

    A unit that cannot rely on any other learns something useful by itself (Srivastava et al. 2014).

    Args:
        rate: the share that is dropped, from 0 to 0.999.

    Example:
        >>> Dropout(0.5)(Tensor([1.0, 2.0])).data
        array([1., 2.], dtype=float32)
    """

    def __init__(self, rate: float = 0.5):
        self.rate = between("rate", rate, 0, 0.999)
        self._seed = 0

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self._seed = int(rng.integers(2**63))
        return input_shape

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return x
        # Keyed by the step and not drawn in sequence: a resumed run drops the same units.
        kept = stream(self._seed, "dropout", self.step).random(x.shape, np.float32) >= self.rate
        return x * (kept / (1 - self.rate)).astype(x.dtype)
