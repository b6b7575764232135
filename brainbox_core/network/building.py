"""Making the parameters of a network: every layer is built for what it is given, in the order in which they run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brainbox_core.errors import UsageError, check_memory
from brainbox_core.layers import Layer
from brainbox_core.layers.base import Shape, Shapes, found, growing, nothing
from brainbox_core.layers.calls import observed
from brainbox_core.network.feeding import one_or_all
from brainbox_core.network.graph import Graph
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

_COPIES = 5  # of the parameters while training: values, gradients, two moments, scratch


class Placed(NamedTuple):
    """A layer at work in a built network: what it is given, and the shape of what it makes of one input."""

    layer: Layer
    input_shape: Shapes
    output_shape: Shape


class _Builder:
    """Builds each layer when it is first come to."""

    def __init__(self, seed: int):
        self._seed = seed
        self._built: set[int] = set()
        self._count = 0  # parameters

    def __call__(self, layer: Layer, shape: Any) -> Shape:
        """Build a layer and those inside, unless that was done; returns the shape of one output."""
        if id(layer) in self._built:
            return layer.output_shape(shape)
        self._built.add(id(layer))
        if type(layer).output_shape is not Layer.output_shape:  # else it may have to be built to know its cost
            self._count += layer.cost(shape).parameters
        what = f"{layer.label} brings the model to {self._count:,} parameters"
        check_memory(what, 4 * _COPIES * self._count, "make the layers smaller")
        rng = stream(self._seed, "init", layer.name)
        output = layer.build(shape, rng)
        if not isinstance(output, tuple | list):
            raise UsageError(f"build() of {layer.label} has to return the shape of one output", got=repr(output))
        if len(list(found([layer]))) > 1:  # those inside that it did not build itself
            with no_grad(), growing(layer, rng):
                layer(nothing(shape))
        return tuple(output)


def build(graph: Graph, shapes: Sequence[Shape], seed: int) -> tuple[list[Placed], list[Shape]]:
    """Build the layers of a graph; returns each at work, and the shapes of one output each."""
    builder, placed, places = _Builder(seed), [], list(shapes)
    for layer in graph.layers:
        needs_training(layer, f"__call__() of {layer.label}", "__call__(self, x, training=False)")
    for layer, sources in graph.nodes:
        given = one_or_all([places[source] for source in sources])
        places.append(builder(layer, given))
        placed.append(Placed(layer, given, places[-1]))
    return placed, [places[place] for place in graph.outputs]


def needs_training(function: Any, what: str, fix: str) -> None:
    """Refuse what cannot be told whether it runs in a training."""
    try:
        inspect.signature(function).bind(None, training=True)
    except TypeError:
        raise UsageError(f"{what} takes no `training`", fix=f"def {fix}") from None


def build_by_trying(
    forward: Callable[[Any], Any], shapes: Sequence[Shape], seed: int
) -> tuple[list[Placed], list[Shape]]:
    """The same for a function of the user's own, by what it does with a batch of one input, all zeros."""
    builder, placed = _Builder(seed), []

    def look(call: Any, layer: Layer, x: Any, *rest: Any, **named: Any) -> Any:
        if layer.position is not None:
            shape = [part.shape[1:] for part in x] if isinstance(x, list) else x.shape[1:]
            placed.append(Placed(layer, shape, builder(layer, shape)))
        return call(layer, x, *rest, **named)

    with no_grad(), observed(look):
        outputs = forward(one_or_all([nothing(shape) for shape in shapes]))
    parts = outputs if isinstance(outputs, list | tuple) else [outputs]
    if odd := [part for part in parts if not isinstance(part, Tensor)]:
        raise UsageError("forward() has to give a tensor, or a list of tensors", got=type(odd[0]).__name__)
    return placed, [part.shape[1:] for part in parts]
