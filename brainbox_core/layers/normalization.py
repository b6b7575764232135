"""Layers that bring numbers to a common mean and scale: over a batch (BatchNorm), over an input (LayerNorm)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from brainbox_core import functional
from brainbox_core.errors import UsageError, between
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor


class BatchNorm(Layer):
    """Brings every feature or channel to mean 0 and variance 1 over the batch, then scales and shifts it as learned.

    Outside training, and where it is frozen, the running averages of the batches' means and variances are used (Ioffe
    and Szegedy 2015). A batch with fewer rows than the one before it moves them less, by its share of the rows. A batch
    with a single number of each feature is refused in training: there is nothing to compare it with.

    Args:
        momentum: how much of the running averages stays at each step, from 0 to 0.999999.
        epsilon: added to the variance, so that a constant feature does not divide by 0.

    Shape:
        (batch, ..., features) -> the same; gain and shift (features,).

    Example:
        >>> layer = BatchNorm()
        >>> layer.build((1,), np.random.default_rng(0))
        (1,)
        >>> layer(Tensor([[1.0], [3.0]]), training=True).data.round(3)
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5):
        self.momentum = between("momentum", momentum, 0, 0.999999)
        self.epsilon = between("epsilon", epsilon, 0, above=True)
        self._rows = 0  # of the batch before

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise self.misfit("(batch, ..., features)", input_shape, "X.reshape(-1, 1)")
        return input_shape

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shapes = self.parameter_shapes(input_shape)
        self.gain = self.parameter("gain", np.ones(shapes["gain"], np.float32))
        self.shift = self.parameter("shift", np.zeros(shapes["shift"], np.float32))
        self.buffers = {"mean": np.zeros_like(self.shift.data), "variance": np.ones_like(self.gain.data)}
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        features = self.output_shape(input_shape)[-1]
        return {"gain": (features,), "shift": (features,)}

    def memory(self) -> dict[str, np.ndarray]:
        return {"rows": np.array([self._rows])}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        self._rows = int(memory["rows"][0])

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        if not training or not self.trainable:
            scale = self.gain / np.sqrt(self.buffers["variance"] + self.epsilon)
            return (x - self.buffers["mean"]) * scale + self.shift
        if x.data.size <= x.shape[-1]:
            what = f"{self.label} compares the rows of a batch, and this one has a single number of each feature"
            raise UsageError(what, fix="train on batches of two rows or more; fit() has drop_last=True")
        y, mean, variance = functional.batch_norm(x, self.gain, self.shift, self.epsilon)
        stays = self.momentum
        if len(x) < self._rows:  # the last batch of an epoch: each row counts as much as one of the others
            stays **= len(x) / self._rows
        self._rows = len(x)
        for name, batch in (("mean", mean), ("variance", variance)):
            running = self.buffers[name]
            running *= stays
            running += (1 - stays) * batch.real
        return y


class LayerNorm(Layer):
    """Brings the numbers along the last axis to mean 0 and variance 1, then scales and shifts each as learned.

    Every input, and every step of a sequence, is looked at by itself, in training as in use (Ba, Kiros and Hinton,
    "Layer normalization", 2016).

    Args:
        epsilon: added to the variance, so that equal numbers do not divide by 0.

    Shape:
        (batch, ..., features) -> the same; gain and shift (features,).

    Example:
        >>> layer = LayerNorm()
        >>> layer.build((2,), np.random.default_rng(0))
        (2,)
        >>> layer(Tensor([[1.0, 3.0], [20.0, 10.0]])).data.round(3)
        array([[-1.,  1.],
               [ 1., -1.]], dtype=float32)
    """

    stepwise = True

    def __init__(self, epsilon: float = 1e-5):
        self.epsilon = between("epsilon", epsilon, 0, above=True)

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise self.misfit("(batch, ..., features)", input_shape, "X.reshape(-1, 1)")
        return input_shape

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shapes = self.parameter_shapes(input_shape)
        self.gain = self.parameter("gain", np.ones(shapes["gain"], np.float32))
        self.shift = self.parameter("shift", np.zeros(shapes["shift"], np.float32))
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        features = self.output_shape(input_shape)[-1:]
        return {"gain": features, "shift": features}

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.layer_norm(x, self.gain, self.shift, self.epsilon)
