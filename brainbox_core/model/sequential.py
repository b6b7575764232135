"""`Sequential`: layers one after another, the simplest network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from brainbox_core.errors import InputError, UsageError
from brainbox_core.layers import Layer
from brainbox_core.layers.base import adopt
from brainbox_core.layers.calls import set_apart
from brainbox_core.model.model import Model
from brainbox_core.network import saving
from brainbox_core.network.graph import Graph


class Sequential(Model):
    """A chain of layers.

    Args:
        layers: the layers in order. Each finds out its input size when the model is built, which `fit` does.
        seed: of the starting weights, the order of batches, and dropout; 64 bits.

    The attributes are those of `Model`.

    Example:
        >>> import numpy as np, braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(8), bb.layers.Tanh(), bb.layers.Linear(2)])
        >>> model.compile(optimizer=bb.optimizers.Adam(lr=0.05), loss=bb.loss.CrossEntropy())
        >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        >>> history = model.fit(X, np.array([0, 1, 1, 0]), epochs=100)
        >>> model.predict(X).argmax(axis=1)
        array([0, 1, 1, 0])
    """

    def __init__(self, layers: Sequence[Layer], seed: int = 0):
        if not isinstance(layers, Sequence):
            raise UsageError("layers", expected="a list of layers", got=repr(layers), fix="bb.Sequential([...])")
        chain = [part for layer in layers for part in (layer, set_apart(layer)) if part is not None]
        adopt(chain)
        self._begin(Graph.chain(chain), seed)

    @classmethod
    def _described(cls, meta: dict[str, Any], layers: Sequence[type[Layer]]) -> Self:
        model = super()._described(meta, layers)
        if model.graph is None or not model.graph.is_chain:
            raise InputError("the file holds a graph of layers, which is no chain", fix="load it with bb.load()")
        return model


def load(path: str | Path, kind: str | None = None, layers: Sequence[type[Layer]] = ()) -> Model:
    """A model from a file, a `Sequential` if it is a chain; see `Model.load`.

    Example:
        >>> import tempfile, braininabox as bb
        >>> model, path = bb.Sequential([bb.layers.Linear(2)]), tempfile.mkdtemp() + "/model.safetensors"
        >>> model.build((3,))
        (2,)
        >>> model.save(path)
        >>> bb.load(path).input_shape
        (3,)
    """
    arrays, meta = saving.load_model(path, kind)
    return (Model if "graph" in meta else Sequential)._from_file(path, arrays, meta, layers)
