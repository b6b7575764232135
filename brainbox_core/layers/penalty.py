"""What keeps weights small: a price on their squares, which the loss of a training includes."""

from __future__ import annotations

from collections.abc import Sequence

from brainbox_core.layers.base import Layer
from brainbox_core.tensor import Tensor


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
