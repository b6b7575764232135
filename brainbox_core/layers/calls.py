"""What happens when a layer is called: usually it computes; it may also be placed in a graph, built, or watched.

Sequences of different lengths, `Padded`, keep their lengths on the way, as far as layers keep their steps apart.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.kernels.padded import Padded
from brainbox_core.tensor import Tensor

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

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NoNumbers(f"a place in a graph has no '{name}': there are no numbers yet", fix=_BY_LAYERS)

    def _no_numbers(self, *_: Any) -> Any:
        raise UsageError("a place in a graph cannot be calculated with: there are no numbers yet", fix=_BY_LAYERS)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = _no_numbers
    __neg__ = __getitem__ = __iter__ = __array__ = _no_numbers


_BY_LAYERS = "call layers, such as bb.layers.Add()([a, b]), bb.layers.ReLU()(a), or one of your own"


class NoNumbers(UsageError, AttributeError):  # noqa: N818  # it is an error of both kinds
    """What a tensor has, and a place in a graph has not."""


def observable(call: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's `__call__` that takes symbols and `Padded`, too, and tells who looks on."""

    @functools.wraps(call)
    def called(self: Layer, x: Any, *rest: Any, **named: Any) -> Any:
        if type(self).__call__ is not called:  # a subclass calls super().__call__(x): all else is done once, outside
            return call(self, x, *rest, **named)
        if not isinstance(x, Tensor):
            parts = x if isinstance(x, list | tuple) else [x]
            if any(isinstance(part, Symbol) for part in (*parts, *rest)):
                if rest or not all(isinstance(part, Symbol) for part in parts):
                    what = f"{self.label} stands in a graph, and takes places in it alone"
                    raise UsageError(what, fix="give several as one list: layer([a, b])")
                symbol, ending = Symbol(self, parts), set_apart(self)
                return symbol if ending is None else ending(symbol)
            if any(isinstance(part, Padded) for part in parts):
                return _along(called, self, x, *rest, **named)
        look = _onlooker.get()
        y = call(self, x, *rest, **named) if look is None else look(call, self, x, *rest, **named)
        return y if self._ending is None or self.activation is None else self._ending(y)

    return called


def _along(call: Callable[..., Any], layer: Layer, x: Any, *rest: Any, **named: Any) -> Any:
    """What a layer makes of sequences of different lengths: `Padded` again, unless that is the end of their steps."""
    parts = x if isinstance(x, list | tuple) else [x]
    first = next(part for part in parts if isinstance(part, Padded))
    if not all(isinstance(part, Padded) and np.array_equal(part.lengths, first.lengths) for part in parts):
        what = f"{layer.label} joins sequences with what has other lengths, or none"
        raise UsageError(what, fix="give the same lengths for all of its inputs, or end the sequences before it")
    if not follows(layer, first.ndim - 1):
        what = f"{layer.label} needs sequences of one length, because it does not keep their steps apart"
        fix = "end the sequences before it, as a recurrent layer with last=True does"
        raise UsageError(what, fix=f"{fix}; a layer of your own says stepwise = True, or takes `lengths`")
    if layer.takes_lengths:
        named["lengths"] = first.lengths
    arrays = [part.array for part in parts]
    y = call(layer, arrays[0] if isinstance(x, Padded) else arrays, *rest, **named)
    return first.holding(y) if layer.stepwise else y


def follows(layer, axes: int) -> bool:
    """Whether a layer can be given sequences of different lengths, of (time,) or (time, features)."""
    return layer.takes_lengths or (layer.stepwise and (axes > 1 or layer.takes_ids))  # or the steps pass for features


def set_apart(layer: Layer) -> Layer | None:
    """Make the activation of a layer, if it has one, a layer behind it, as a graph has it; returns that."""
    ending = getattr(layer, "_ending", None)
    if ending is not None:
        layer.activation = None
    return ending


@contextlib.contextmanager
def noted(wanted: Callable[[Layer], bool]) -> Iterator[list[tuple[Layer, tuple[int, ...]]]]:
    """Inside, a list grows of wanted layers that are called, and the shapes of one input; not of those inside them."""
    seen: list[tuple[Layer, tuple[int, ...]]] = []

    def look(call: Any, layer: Layer, x: Any, *rest: Any, **named: Any) -> Any:
        if not wanted(layer):
            return call(layer, x, *rest, **named)
        seen.append((layer, x.shape[1:]))
        with observed(None):
            return call(layer, x, *rest, **named)

    with observed(look):
        yield seen


@contextlib.contextmanager
def observed(onlooker: Onlooker | None) -> Iterator[None]:
    """Inside, every call of a layer goes through a function: of the call itself, the layer, its input and the rest.

    None for no function, also where there is one outside.
    """
    token = _onlooker.set(onlooker)
    try:
        yield
    finally:
        _onlooker.reset(token)
