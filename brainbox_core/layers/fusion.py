"""In which steps a chain of layers is best computed: some run faster together, or in another order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from brainbox_core import layers
from brainbox_core.layers import Layer
from brainbox_core.tensor import Tensor


def fast_plan(chain: Sequence[Layer]) -> list[Callable[[Tensor, bool], Tensor]]:
    """Steps that compute what the layers say: a convolution with the max pool behind it, and a ReLU after both.

    The largest of several numbers is the same before and after a ReLU, and so are the gradients, but after the pool
    there are fewer numbers left to look at: a quarter of them for the usual 2x2.

    An embedding goes into the recurrent layer behind it, which then multiplies the table instead of all it looks up.

    Args:
        chain: the layers in order, built.

    Returns:
        Functions from a batch, and whether it is a training, to a batch; each takes what the one before it gave.

    Example:
        >>> chain = [layers.Conv2D(4), layers.ReLU(), layers.MaxPool(2)]
        >>> convolution_with_pool, relu = fast_plan(chain)
        >>> relu is chain[1]
        True
    """
    plan: list = list(chain)
    for i in range(len(plan) - 1):
        if type(plan[i]) is layers.ReLU and type(plan[i + 1]) is layers.MaxPool:
            plan[i], plan[i + 1] = plan[i + 1], plan[i]
    for i in reversed(range(len(plan) - 1)):
        if type(plan[i]) is layers.Conv2D and type(plan[i + 1]) is layers.MaxPool:
            pool = plan[i + 1]
            if pool.size == pool.stride:
                plan[i : i + 2] = [functools.partial(plan[i], pool=pool.size)]
        looked_up = type(plan[i]) is layers.Embedding and plan[i].padding is None  # else a row gets no gradient
        if looked_up and type(plan[i + 1]) in (layers.RNN, layers.GRU, layers.LSTM):
            plan[i : i + 2] = [functools.partial(plan[i + 1], embedding=plan[i])]
    return plan
