"""What keeps a network from learning its examples by heart: units left out, and a price on large weights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from brainbox_core.errors import between
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor

_made = itertools.count()  # layers that no model has built differ by it


class Dropout(Layer):
    """While training, sets a random share of the numbers to 0 and scales the rest up; otherwise does nothing.

    Every call draws a new mask. `fit` sets the layer's `step`, which starts the masks of that step; so can you.

    A unit that cannot rely on any other learns something useful by itself (Srivastava et al. 2014).

    Args:
        rate: the share that is dropped, from 0 to 0.999.

    Example:
        >>> Dropout(0.5)(Tensor([1.0, 2.0])).data
        array([1., 2.], dtype=float32)
    """

    stepwise = True

    def __init__(self, rate: float = 0.5):
        self.rate = between("rate", rate, 0, 0.999)
        self._seed: tuple[int, ...] = (0, next(_made))

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def reseed(self, rng: np.random.Generator) -> None:
        self._seed = (int(rng.integers(2**63)),)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.reseed(rng)
        return input_shape

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return x
        # Keyed by the step and not drawn in sequence: a resumed run drops the same units. Later calls within a step, as
        # all are in a loop of one's own that sets none, get masks of their own.
        call = (self.calls,) if self.calls else ()
        self.calls += 1
        seed, *place = self._seed
        kept = stream(seed, "dropout", *place, self.step, *call).random(x.shape, np.float32) >= self.rate
        return x * (kept / (1 - self.rate)).astype(x.dtype)


def penalty(chain: Sequence[Layer]) -> Tensor | None:
    """What the layers of a built chain, and those inside, add to the loss: l2 * sum(W²) for each weight W of a layer.

    The formula is that of Keras; `fit` adds it to every batch's loss. A weight has two axes or more: biases, gains and
    shifts are free, and so is what is frozen. None where nothing is added.

    Example:
        >>> import numpy as np
        >>> from brainbox_core.layers import Linear
        >>> layer = Linear(1, l2=0.5)
        >>> shape = layer.build((2,), np.random.default_rng(0))
        >>> layer.weight[:], layer.bias[:] = [[1.0], [2.0]], 9.0
        >>> penalty([layer]).item()  # 0.5 * (1 + 4)
        2.5
    """
    terms = [
        (weight * weight).sum() * part.l2
        for layer in chain
        for part in layer.parts
        if part.l2
        for weight in part.parameters.values()
        if weight.ndim > 1 and weight.requires_grad
    ]
    return sum(terms[1:], start=terms[0]) if terms else None
