"""What happens when a layer is called: usually it computes; it may also be placed in a graph, built, or watched."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

Layer = Any  # one of `base`, which stands above
Onlooker = Callable[..., Any]

_onlooker: ContextVar[Onlooker | None] = ContextVar("onlooker", default=None)


class Symbol:
    """A place in a graph of layers, for numbers that are not there yet: an input, or what a layer makes of others.

    `layer(symbol)` gives the symbol of what the layer makes of it, `layer([a, b])` of several; `Model` takes the ends.

    Args:
        layer: what makes it; None for an input of the model.
        sources: what the layer is given.
        shape: of one input, without the batch axis; None until the model is built.
    """

    __slots__ = ("layer", "shape", "sources")

    def __init__(self, layer: Layer = None, sources: Sequence[Symbol] = (), shape: tuple[int, ...] | None = None):
        self.layer, self.sources, self.shape = layer, tuple(sources), shape

    def __repr__(self) -> str:
        return f"Symbol({'input' if self.layer is None else self.layer.name})"


def observable(call: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's `__call__` that takes symbols, too, and tells who looks on."""

    @functools.wraps(call)
    def called(self: Layer, x: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(x, Symbol) or (isinstance(x, list | tuple) and x and isinstance(x[0], Symbol)):
            symbol, ending = Symbol(self, [x] if isinstance(x, Symbol) else x), set_apart(self)
            return symbol if ending is None else ending(symbol)
        look = _onlooker.get()
        y = call(self, x, *rest, **named) if look is None else look(call, self, x, *rest, **named)
        return y if self._ending is None or self.activation is None else self._ending(y)

    return called


def set_apart(layer: Layer) -> Layer | None:
    """Make the activation of a layer, if it has one, a layer behind it, as a graph has it; returns that."""
    ending = getattr(layer, "_ending", None)
    if ending is not None:
        layer.activation = None
    return ending


@contextlib.contextmanager
def observed(onlooker: Onlooker) -> Iterator[None]:
    """Inside, every call of a layer goes through a function: of the call itself, the layer, its input and the rest."""
    token = _onlooker.set(onlooker)
    try:
        yield
    finally:
        _onlooker.reset(token)
