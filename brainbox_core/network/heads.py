"""Which numbers a chain of layers can give at all, and whether those are numbers that a loss can be small for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brainbox_core import layers
from brainbox_core.errors import UsageError
from brainbox_core.layers import Layer
from brainbox_core.layers.base import Shape
from brainbox_core.loss import KINDS, MAE, MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss, Several
from brainbox_core.network.building import Placed
from brainbox_core.network.graph import Graph

Range = tuple[float, float]

_ANY: Range = (-math.inf, math.inf)


def _leaky(layer: Any, inputs: Range) -> Range:
    low, high = (bound if bound > 0 else layer.slope * bound if layer.slope else 0.0 for bound in inputs)
    return low, high


_POOLS = (
    *(layers.MaxPool, layers.AvgPool, layers.MaxPool1D, layers.AvgPool1D),
    *(layers.GlobalMaxPool, layers.GlobalAvgPool),
)

# What comes out of a layer, from what goes in; the pools, Flatten and Dropout keep the range that they get. Layers that
# are not named here, as those with weights and those of a user's own, may give any number.
_RANGES: dict[type[Layer], Callable[[Any, Range], Range]] = {
    layers.Softmax: lambda layer, inputs: (0.0, 1.0),
    layers.Sigmoid: lambda layer, inputs: (0.0, 1.0),
    layers.Tanh: lambda layer, inputs: (-1.0, 1.0),
    layers.RNN: lambda layer, inputs: (-1.0, 1.0),
    layers.GRU: lambda layer, inputs: (-1.0, 1.0),
    layers.LSTM: lambda layer, inputs: (-1.0, 1.0),
    layers.Bidirectional: lambda layer, inputs: (-2.0, 2.0) if layer.merge == "sum" else (-1.0, 1.0),
    layers.ReLU: lambda layer, inputs: (max(inputs[0], 0.0), max(inputs[1], 0.0)),
    layers.LeakyReLU: _leaky,
    layers.Flatten: lambda layer, inputs: inputs,
    layers.Dropout: lambda layer, inputs: inputs,
    layers.ZeroPadding: lambda layer, inputs: (min(inputs[0], 0.0), max(inputs[1], 0.0)),
    **dict.fromkeys(_POOLS, lambda layer, inputs: inputs),
}
_KEEP = (layers.Flatten, layers.Dropout)


def check_heads(graph: Graph | None, placed: Sequence[Placed] | None, loss: Loss) -> None:
    """Refuse a network whose outputs its loss can never be right for; what nobody knows of a `forward` is let pass.

    Args:
        graph: how the layers are joined; None for a `forward` of the user's own.
        placed: the layers at work; None as long as the network is not built.
    """
    if graph is None:
        return
    losses, ends = loss.losses if isinstance(loss, Several) else [loss], graph.ends()
    if len(losses) != len(ends):
        raise UsageError("each output needs a loss", expected=f"{len(ends)} in a list", got=len(losses))
    for nodes, part in zip(ends, losses, strict=True):
        chain = [graph.nodes[node].layer for node in nodes]
        check_head(chain, None if placed is None else [placed[node].output_shape for node in nodes], part)


def check_head(chain: Sequence[Layer], shapes: Sequence[Shape] | None, loss: Loss) -> None:
    """Refuse layers that end in numbers for which the loss can never be right.

    Args:
        chain: the layers in order.
        shapes: of one output of each layer; None as long as the model is not built.

    Raises:
        UsageError: logits that cannot be any number, a softmax over one unit, or a single class.
    """
    name = type(loss).__name__
    (low, high), at, pooled = _reach(chain)
    if loss.takes_logits and at is not None:
        # Behind a pool numbers from 0 will do for classes: only their differences count (Iandola et al., SqueezeNet).
        fine = math.isinf(high) and pooled and isinstance(loss, CrossEntropy)
        if not fine:
            what = f"{name} takes logits"
            if isinstance(at, layers.Softmax) and isinstance(loss, CrossEntropy):
                what += ", and would take a softmax twice"
            elif not (isinstance(at, layers.Sigmoid) and isinstance(loss, BinaryCrossEntropy)):
                what += f", which may be any number, and {at.label} gives {_words(low, high)}"
            recurrent = isinstance(at, layers.RNN | layers.GRU | layers.LSTM | layers.Bidirectional)
            fix = "add bb.layers.Linear(...) behind it" if recurrent else f"remove {at.label}"
            if type(loss) not in KINDS.values():
                fix += f", or set `takes_logits = False` in {name} if it takes probabilities"
            raise UsageError(what, fix=fix)
    if shapes is None:
        return
    for layer, shape in zip(chain, shapes, strict=True):
        if isinstance(layer, layers.Softmax) and shape[-1:] == (1,):
            what = f"{layer.label} is a softmax over one unit, which is 1 whatever goes in"
            raise UsageError(what, fix="use bb.layers.Sigmoid() for one probability, or two units and more")
    if isinstance(loss, CrossEntropy) and shapes[-1][-1:] == (1,):
        what = f"{name} tells classes apart, and the model has one output"
        raise UsageError(what, fix="use bb.loss.BinaryCrossEntropy() for yes or no, or an output for each class")


def check_reach(graph: Graph | None, loss: Loss, y: Any) -> None:
    """Refuse quantities as targets that the last layer before their output cannot give."""
    if graph is None:
        return
    losses, targets = (loss.losses, list(y)) if isinstance(loss, Several) else ([loss], [y])
    for nodes, part, each in zip(graph.ends(), losses, targets, strict=True):
        _check_reach([graph.nodes[node].layer for node in nodes], part, each)


def _check_reach(chain: Sequence[Layer], loss: Loss, y: np.ndarray) -> None:
    (low, high), at, _ = _reach(chain)
    if at is None or not isinstance(loss, MSE | MAE | Huber) or not y.size:
        return
    least, most = float(y.min()), float(y.max())
    slack = 1e-6  # a scaler that brings targets to 1 may end a rounding error above it
    if least < low - slack or most > high + slack:
        what = f"{at.label} gives {_words(low, high)}, and the targets lie from {least:g} to {most:g}"
        fix = "bring the targets into its range, or end in a bb.layers.Linear(...) without it"
        raise UsageError(what, fix=fix)


def _reach(chain: Sequence[Layer]) -> tuple[Range, Layer | None, bool]:
    """The range of the outputs, the layer that bounds them (None if nothing does), and whether a pool comes behind."""
    reach: Range = _ANY
    at: Layer | None = None
    pooled = False
    for layer in chain:
        before, reach = reach, next((f(layer, reach) for kind, f in _RANGES.items() if isinstance(layer, kind)), _ANY)
        if reach == _ANY:
            at, pooled = None, False
        elif isinstance(layer, _POOLS):
            pooled = True
        elif not isinstance(layer, _KEEP) and (reach != before or at is None):
            at, pooled = layer, False
    return reach, at, pooled


def _words(low: float, high: float) -> str:
    return f"{low:g} and more" if math.isinf(high) else f"only {low:g} to {high:g}"
