"""Bidirectional: a recurrent layer that reads a sequence from both ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brainbox_core import functional
from brainbox_core.errors import UsageError
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.layers.recurrent import GRU, LSTM, RNN, Recurrent
from brainbox_core.tensor import Tensor

_CELLS: dict[str, type[Recurrent]] = {cell.__name__: cell for cell in (RNN, GRU, LSTM)}
_MERGES = ("concat", "sum", "mean")


class Bidirectional(Layer):
    """Two recurrent layers, one from the first step to the last and one back (Schuster and Paliwal 1997).

    Every output knows what comes after it, too. Of sequences of different lengths the way back begins at the end of
    each. It cannot begin before all steps are there, so no state is carried from one call to the next.

    Args:
        layer: an `RNN`, `GRU` or `LSTM` that is not built, which goes forward; one with the same arguments goes back.
        merge: what becomes of both outputs: "concat" (one behind the other), "sum" or "mean".

    Shape:
        that of the layer, with outputs of twice its units for "concat".

    Attributes:
        forward, backward: the two layers.

    Raises:
        UsageError: another kind of layer, one that is built, or an unknown merge.

    Example:
        >>> layer = Bidirectional(LSTM(4), merge="concat")
        >>> layer.build((10, 3), np.random.default_rng(0))
        (10, 8)
        >>> layer(Tensor(np.zeros((2, 10, 3)))).shape
        (2, 10, 8)
    """

    def __init__(self, layer: Recurrent | Mapping[str, Any], merge: str = "concat"):
        if isinstance(layer, Mapping):  # as a model file has it
            if layer["kind"] not in _CELLS:
                got = repr(layer["kind"])[:40]
                raise UsageError("Bidirectional holds no such layer", expected=", ".join(_CELLS), got=got)
            layer = _CELLS[layer["kind"]](**layer["config"])
        if type(layer) not in _CELLS.values():
            fix = "bb.layers.Bidirectional(bb.layers.LSTM(32))"
            raise UsageError("layer", expected="an RNN, a GRU or an LSTM", got=repr(layer), fix=fix)
        if layer.parameters or layer.position is not None:
            raise UsageError("Bidirectional needs a layer that is not built", got=layer.label, fix="make a new one")
        if merge not in _MERGES:
            raise UsageError("merge", expected=", ".join(map(repr, _MERGES)), got=repr(merge))
        self.forward, self.backward, self.merge = layer, type(layer)(**layer.config()), merge
        self.backward.trainable = layer.trainable

    @property
    def takes_ids(self) -> bool:
        return self.forward.takes_ids

    @property
    def stepwise(self) -> bool:  # type: ignore[override]  # of some of them
        return self.forward.stepwise

    def config(self) -> dict[str, Any]:
        return {"layer": {"kind": type(self.forward).__name__, "config": self.forward.config()}, "merge": self.merge}

    def output_shape(self, input_shape: Shape) -> Shape:
        *steps, units = self.forward.output_shape(input_shape)
        return *steps, 2 * units if self.merge == "concat" else units

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.forward.build(input_shape, rng)
        self.backward.build(input_shape, rng)
        return self.output_shape(input_shape)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        shapes = self.forward.parameter_shapes(input_shape)
        return {f"{way}/{name}": shape for way in ("forward", "backward") for name, shape in shapes.items()}

    def multiply_adds(self, input_shape: Shape) -> int:
        return 2 * self.forward.multiply_adds(input_shape)

    def __call__(self, x: Tensor, training: bool = False, lengths: np.ndarray | None = None) -> Tensor:
        """The outputs; `lengths` (batch,) says how many steps of each sequence count, all of them if left out."""
        if self.forward.carry:
            what = f"{self.label} reads from the end, and cannot go on from where the sequence before ended"
            raise UsageError(what, fix="use the layer inside it alone, or whole sequences without a carried state")
        there = self.forward(x, training, lengths=lengths)
        back = self.backward(functional.reverse(x, lengths), training, lengths=lengths)
        if not self.forward.last:
            back = functional.reverse(back, lengths)
        if self.merge == "concat":
            return functional.concat([there, back], axis=-1)
        return there + back if self.merge == "sum" else (there + back) * 0.5

    def __repr__(self) -> str:
        return f"Bidirectional({self.forward!r}, merge={self.merge!r})"
