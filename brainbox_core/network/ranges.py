"""The ranges of a network's numbers: what an export to 8-bit integers needs to know of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainbox_core import layers
from brainbox_core.data import DataLoader
from brainbox_core.network.feeding import are_pixels
from brainbox_core.network.learner import Learner
from brainbox_core.rng import stream

MOST_ROWS = 1024
_MOST_COLUMNS = 1024  # of a table; a model file with more ranges would grow too much
_CHUNK = 64  # rows at a time, which bounds the memory


def activation_ranges(model: Learner, X: np.ndarray) -> dict[str, Any]:
    """The least and the largest number of the inputs (under "input") and of every layer's outputs, by its name.

    Args:
        model: a built model.
        X: inputs (n, ...); all rows are looked at.

    Returns:
        [least, largest] by name; nothing for what holds a number that is not finite. Where an input is the row of a
        table of up to 1,024 columns, "columns" has them for each.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.ReLU()])
        >>> model.build((2,))
        (2,)
        >>> activation_ranges(model, np.array([[-1.0, 0.5], [0.25, 2.0]]))
        {'input': [-1.0, 2.0], 'relu_0': [0.0, 2.0], 'columns': [[-1.0, 0.25], [0.5, 2.0]]}
    """
    least: dict[str, float] = {}
    largest: dict[str, float] = {}
    with np.errstate(all="ignore"):
        for start in range(0, len(X), _CHUNK):
            part = X[start : start + _CHUNK]
            for name, values in {"input": model.inputs(part).data, **model.activations(part)}.items():
                least[name] = float(np.minimum(values.min(), least.get(name, np.inf)))
                largest[name] = float(np.maximum(values.max(), largest.get(name, -np.inf)))
    found: dict[str, Any] = {
        name: [least[name], largest[name]] for name in least if np.isfinite([least[name], largest[name]]).all()
    }
    if len(model.input_shape) == 1 and model.input_shape[0] <= _MOST_COLUMNS and "input" in found:
        values = model.inputs(X).data
        found["columns"] = np.stack([values.min(axis=0), values.max(axis=0)], axis=1).tolist()
    return found


def record(model: Learner, loader: DataLoader) -> None:
    """Write the ranges over some of the training rows, and what the inputs are, into the model's description.

    `meta["ranges"]` is what `activation_ranges` finds; `meta["input"]` is "uint8" for pixels, else "float32". Networks
    with layers of a user's own, and those that take ids or sparse rows, are left alone: none of them is exported to
    integers.
    """
    if not isinstance(loader.X, np.ndarray) or model.layers[0].takes_ids:
        return
    if any(layers.KINDS.get(type(layer).__name__) is not type(layer) for layer in model.layers):
        return
    rows = loader.indices
    if len(rows) > MOST_ROWS:
        rows = stream(model.seed, "ranges").choice(rows, MOST_ROWS, replace=False)
    model.meta["input"] = "uint8" if are_pixels(loader.X.dtype, model.input_shape) else "float32"
    model.meta["ranges"] = found = activation_ranges(model, loader.X.take(np.sort(rows), axis=0))
    for place, ends in enumerate(found.get("columns", ())):
        if ends[0] == ends[1]:  # a mark that few rows have would be taken for a constant
            values = loader.X.reshape(len(loader.X), -1)[loader.indices, place].astype(np.float32)
            ends[:] = float(values.min()), float(values.max())
