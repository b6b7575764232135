"""In which order PyTorch has the inputs of a layer: it has pictures channels first, also where they become a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brainbox_core import layers
from brainbox_core.errors import UsageError
from brainbox_core.layers.base import Layer
from brainbox_core.layers.calls import observed
from brainbox_core.network.feeding import one_or_all
from brainbox_core.network.network import Network
from brainbox_core.tensor import Tensor

PLAIN, PICTURE, LOST = "as here", "channels first", "in an order that is not known"
Order = str | np.ndarray  # one of those, or of each number of a vector its place in PyTorch's


def input_orders(model: Network, axes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """For each input of a layer its place in PyTorch's order, by the layer's name, where that is another.

    Found by running an input of zeros and looking at what each layer makes of what, so that it holds for graphs, for
    layers inside others and for a `forward` of the user's own.

    Args:
        model: built.
        axes: how many the largest weight of each layer that learns has in PyTorch, by the layer's name.

    Raises:
        UsageError: a layer that learns gets the numbers of a picture in an order that cannot be known.
    """
    watch = _Watch(axes)
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    # They want a gradient, so that everything that is computed from them is on the tape.
    inputs = [Tensor(np.zeros((1, *shape), np.float32), requires_grad=True) for shape in shapes]
    with observed(watch.look), np.errstate(all="ignore"):
        model.unfused(one_or_all(inputs))
    return {name: order for name, order in watch.orders.items() if isinstance(order, np.ndarray)}


class _Watch:
    """Follows the order of numbers through the layers, and between them along the tape."""

    def __init__(self, axes: Mapping[str, int]):
        self._axes = axes
        self._known: dict[int, tuple[Any, Order]] = {}  # with the tensor, so that no other gets its id
        self.orders: dict[str, Order] = {}

    def look(self, call: Any, layer: Layer, x: Any, *rest: Any, **named: Any) -> Any:
        """Take note of a call of a layer."""
        y = call(layer, x, *rest, **named)
        orders = [self._order(part) for part in (x if isinstance(x, list | tuple) else [x])]
        if layer.name in self._axes:
            before = self.orders.setdefault(layer.name, orders[0])
            if orders[0] is LOST or not np.array_equal(before, orders[0]):
                what = f"{layer.label} gets the numbers of a picture {LOST}: PyTorch has them channels first"
                raise UsageError(what, fix="make vectors of pictures with bb.layers.Flatten(), and Linear behind it")
        self._known[id(y)] = y, self._made(layer, x, orders, y)
        return y

    def _made(self, layer: Layer, x: Any, orders: Sequence[Order], y: Tensor) -> Order:
        """The order of what a layer makes of inputs."""
        if isinstance(layer, layers.Flatten):
            if orders[0] is not PICTURE:
                return orders[0]
            if not _differs(x, PICTURE):
                return PLAIN
            *sides, channels = x.shape[1:]  # (C,H,W) -> (H,W,C)
            return np.moveaxis(np.arange(y.size).reshape(channels, *sides), 0, -1).ravel()
        axes = self._axes.get(layer.name, 0)
        if axes:  # a norm takes each number by itself, a matrix is for vectors, a kernel slides over pictures
            return orders[0] if axes == 1 else PLAIN if axes == 2 else PICTURE
        if isinstance(layer, layers.Concatenate) and y.ndim == 2 and any(order is not PLAIN for order in orders):
            if LOST in [order for order in orders if isinstance(order, str)]:
                return LOST
            starts = np.cumsum([0, *(part.size for part in x[:-1])])
            own = [
                np.arange(part.size) if isinstance(order, str) else order for part, order in zip(x, orders, strict=True)
            ]
            return np.concatenate([start + order for start, order in zip(starts, own, strict=True)])
        return self._order(y)

    def _order(self, tensor: Any) -> Order:
        """The order of a tensor that no layer has made, by what it was computed from."""
        if id(tensor) not in self._known:
            self._known[id(tensor)] = tensor, self._computed(tensor)
        return self._known[id(tensor)][1]

    def _computed(self, tensor: Tensor) -> Order:
        sources = [] if tensor.node is None else [source for source in tensor.node.inputs if source.size > 1]
        orders = [self._order(source) for source in sources]
        moved = [(source, order) for source, order in zip(sources, orders, strict=True) if _differs(source, order)]
        if not moved:
            return PICTURE if tensor.ndim == 4 else PLAIN
        source, order = moved[0]
        if isinstance(order, np.ndarray):
            alike = all(np.array_equal(order, other) for other in orders) and tensor.shape == source.shape
            return order if alike else LOST
        if order is LOST:
            return LOST
        if tensor.ndim == source.ndim:  # as where it is cropped, or shown beside another; transposed, both differ
            return PICTURE if source.shape[-1] == tensor.shape[-1] or source.shape[1:-1] == tensor.shape[1:-1] else LOST
        return PLAIN if tensor.shape[1:] == source.shape[-1:] else LOST  # the mean of each channel, or the like


def _differs(tensor: Any, order: Order) -> bool:
    """Whether PyTorch has the numbers of a tensor in another order."""
    return order is not PLAIN and (order is not PICTURE or tensor.shape[-1] > 1)
