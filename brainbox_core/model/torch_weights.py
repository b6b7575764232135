"""Weights from PyTorch and for PyTorch: its names, its axes and its order of gates. PyTorch itself is not needed.

PyTorch keeps weights outputs first, (out, in) and (out, in, height, width), ours are inputs first; it has channels
before rows and columns, also where a picture becomes a vector; it gives a recurrent cell two biases, which are added.
What a layer is called there is one row of `ROWS`; both directions follow from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from brainbox_core import layers
from brainbox_core.errors import UsageError
from brainbox_core.layers.base import Layer, found
from brainbox_core.layers.recurrent import Recurrent
from brainbox_core.model.torch_modules import Arrays, Module, Shapes, modules_for, numbered
from brainbox_core.model.torch_order import input_orders
from brainbox_core.network.network import Network

Views = dict[str, list[np.ndarray]]  # by PyTorch's name, one behind the other along the first axis


class Row(NamedTuple):
    """A kind of layer in PyTorch.

    Attributes:
        views: from our arrays by name to views of them by PyTorch's name, with PyTorch's axes.
        inputs: our arrays that have the layer's inputs along their first axis.
    """

    views: Callable[[Arrays], Views]
    inputs: tuple[str, ...] = ()


def _cell(order: Sequence[int]) -> Row:
    """A recurrent cell, given where each of PyTorch's gates is among ours."""

    def views(arrays: Arrays) -> Views:
        def gates(array: np.ndarray) -> list[np.ndarray]:
            blocks = np.split(array, len(order), axis=-1)
            return [blocks[gate].T for gate in order]

        bias = gates(arrays["bias"])
        # Both are added before the gate, but for the candidate of a GRU: its reset gate scales only the second.
        second = [*bias[:-1], arrays["candidate_bias"]] if "candidate_bias" in arrays else bias
        weights = {"weight_ih": gates(arrays["weight"]), "weight_hh": gates(arrays["recurrent"])}
        return {**weights, "bias_ih": bias, "bias_hh": second}

    return Row(views)


ROWS: dict[type[Layer], Row] = {
    # (in, out) -> (out, in)
    layers.Linear: Row(lambda a: {"weight": [a["weight"].T], "bias": [a["bias"]]}, ("weight",)),
    layers.Embedding: Row(lambda a: {"weight": [a["table"]]}),
    # (H,W,I,O) -> (O,I,H,W)
    layers.Conv2D: Row(lambda a: {"weight": [a["kernel"].transpose(3, 2, 0, 1)], "bias": [a["bias"]]}),
    # (L,I,O) -> (O,I,L)
    layers.Conv1D: Row(lambda a: {"weight": [a["kernel"].transpose(2, 1, 0)], "bias": [a["bias"]]}),
    # (H,W,1,C*M) -> (C*M,1,H,W), as a Conv2d of C groups has it
    layers.DepthwiseConv2D: Row(lambda a: {"weight": [a["kernel"].transpose(3, 2, 0, 1)], "bias": [a["bias"]]}),
    layers.LayerNorm: Row(lambda a: {"weight": [a["gain"]], "bias": [a["shift"]]}, ("gain", "shift")),
    layers.BatchNorm: Row(
        lambda a: {
            "weight": [a["gain"]],
            "bias": [a["shift"]],
            "running_mean": [a["mean"]],
            "running_var": [a["variance"]],
        },
        ("gain", "shift", "mean", "variance"),
    ),
    layers.RNN: _cell([0]),
    layers.GRU: _cell([0, 1, 2]),
    layers.LSTM: _cell([1, 2, 3, 0]),  # input, forget, candidate, output
}


def load_torch(
    model: Network, weights: Mapping[str, Any] | str | os.PathLike[str], names: Sequence[str] | None = None
) -> None:
    """Take over the weights of a PyTorch module that computes the same.

    The modules that have weights go to the layers that learn, in their order; every shape has to fit, and names make no
    difference. A `.safetensors` file, and a dictionary that came out of one, has its names in alphabetical order; there
    modules are told apart by their shapes, and equal ones by the numbers in their names.

    What PyTorch has in another order is put in ours: axes, gates, both biases of a cell (added where they are added
    there), and the inputs of a Linear behind the Flatten of a picture, which PyTorch flattens channels first. The
    layers of one `nn.LSTM(num_layers=2)` go to two of ours. `num_batches_tracked` is left out.

    Args:
        model: built; it changes as a whole or not at all.
        weights: `module.state_dict()` (tensors or arrays, also float16 and bfloat16), or a `.safetensors` file. Files
            of `torch.save` are pickles, which are never opened.
        names: of the module for each layer that learns, where order and shapes do not tell: `["embed", "lstm", "lstm",
            "head"]`; one that holds several layers comes several times.

    Raises:
        UsageError: a weight is missing, left over, of another shape or not finite, or a layer has no like in PyTorch.
        InputError: the file cannot be read, or is no safetensors file.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(2), bb.layers.ReLU()])
        >>> model.build((3,))
        (2,)
        >>> state_dict = {"0.weight": np.arange(6.0).reshape(2, 3), "0.bias": np.zeros(2)}
        >>> bb.load_torch(model, state_dict)
        >>> model.predict(np.array([[1.0, 0.0, 0.0]]))
        array([[0., 3.]], dtype=float32)
    """
    state = model.state()
    places = _places(model, state)
    modules = modules_for([place.shapes for place in places], weights, _one_each(places, names))
    for place, module in zip(places, modules, strict=False):
        _check(place, module)
    if len(places) > len(modules):
        missing = places[len(modules)]
        got = f"{len(modules)} modules with weights for {len(places)} layers that learn"
        fix = f"PyTorch needs to have a module with {', '.join(missing.shapes)} there"
        raise UsageError(f"{missing.layer.label} finds no weights", got=got, fix=fix)
    if len(modules) > len(places):
        left = modules[len(places)]
        fix = "add the layer that it belongs to, or leave it out of the weights"
        raise UsageError("is left over: no layer takes it", where=left.key(next(iter(left.arrays))), fix=fix)
    for array in (array for place in places for array in place.arrays.values()):
        array[...] = 0
    for place, module in zip(places, modules, strict=True):
        for name, views in place.views.items():
            for view, part in zip(views, np.split(module.arrays[name], len(views)), strict=True):
                view += part  # two biases may have one place
        if place.order is not None:
            place.reorder(place.order)
    model.load_state(state)


def torch_weights(model: Network, names: Sequence[str] | None = None) -> Arrays:
    """The weights as a PyTorch module of the same layers has them in its `state_dict()`, as arrays.

    `module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})` takes them, and so does
    `safetensors.numpy.save_file`. The second bias of a cell is 0 where only the sum of both counts.

    Args:
        model: built.
        names: of the module for each layer that learns; one name several times for the layers of one
            `nn.LSTM(num_layers=2)`. If left out, the attributes of a model whose `forward` is written out, else the
            numbers of the layers, as in an `nn.Sequential` of the same layers.

    Raises:
        UsageError: the model is not built, a layer has no like in PyTorch, or there are too few or too many names.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Conv2D(8), bb.layers.Flatten(), bb.layers.Linear(10)])
        >>> model.build((28, 28, 1))
        (10,)
        >>> {name: array.shape for name, array in bb.torch_weights(model, names=["conv", "head"]).items()}
        {'conv.weight': (8, 1, 3, 3), 'conv.bias': (8,), 'head.weight': (10, 5408), 'head.bias': (10,)}
    """
    places = _places(model, model.state())
    names = _one_each(places, names) or [place.name for place in places]
    weights: Arrays = {}
    for place, (name, number) in zip(places, numbered(names), strict=True):
        module = Module(name, str(number) if isinstance(place.layer, Recurrent) else "", {})
        if place.order is not None:
            place.reorder(np.argsort(place.order))
        for part, views in place.views.items():
            if module.key(part) in weights:
                fix = "only the layers of one recurrent module share its name"
                raise UsageError("names", expected="each once", got=repr(name), fix=fix)
            weights[module.key(part)] = np.ascontiguousarray(np.concatenate(views))
            for view in views:
                view[...] = 0  # given away: what shares the place, as a second bias, has nothing to add
    return weights


class _Place(NamedTuple):
    """A layer that learns: what it is called in an `nn.Sequential`, its arrays, and these as PyTorch has them."""

    layer: Layer
    name: str
    arrays: Arrays
    views: Views
    shapes: Shapes
    order: np.ndarray | None = None  # the place of each input in PyTorch's order, where that is another

    def reorder(self, order: np.ndarray) -> None:
        """Put what belongs to the inputs into another order."""
        for name in ROWS[type(self.layer)].inputs:
            self.arrays[name][...] = self.arrays[name][order]


def _one_each(places: Sequence[_Place], names: Sequence[str] | None) -> Sequence[str] | None:
    """Names that were given, if there is one for each layer."""
    if names is not None and (isinstance(names, str) or len(names) != len(places)):
        known = ", ".join(place.layer.name for place in places)
        raise UsageError("names", expected=f"one for each of {known}", got=repr(names))
    return names


def _check(place: _Place, module: Module) -> None:
    """Refuse a module that is not like a layer."""
    label = f"{place.layer.label} ({type(place.layer).__name__})"
    for name in module.arrays:
        if name not in place.shapes:
            raise UsageError(f"is left over: {label} has no such weight", where=module.key(name))
    for name, shape in place.shapes.items():
        where = module.key(name)
        if name not in module.arrays:
            fix = f"a module without bias has zeros: np.zeros({shape})" if name.startswith("bias") else ""
            raise UsageError(f"is missing; {label} needs it", where=where, expected=f"shape {shape}", fix=fix)
        if module.arrays[name].shape != shape:
            got, fix = str(module.arrays[name].shape), "if only the order differs, give it: names=[...]"
            raise UsageError(f"does not fit {label}", where=where, expected=f"shape {shape}", got=got, fix=fix)


def _places(model: Network, state: Arrays) -> list[_Place]:
    """The layers that learn, in their order, over the arrays of a state."""
    places = []
    for path, layer in found(model.layers):
        if layer.position is not None:
            top, outer = layer.name if model.graph is None else str(layer.position), layer.name
        arrays = {name: state[f"{path}/{name}"] for name in (*layer.learned(), *layer.buffers)}
        if not arrays:
            continue
        if type(layer) not in ROWS:
            known = ", ".join(kind.__name__ for kind in ROWS)
            what = f"{layer.label} is a {type(layer).__name__}, whose weights have no like in PyTorch"
            raise UsageError(what, expected=f"one of {known}")
        views = ROWS[type(layer)].views(arrays)
        shapes = {name: (sum(map(len, parts)), *parts[0].shape[1:]) for name, parts in views.items()}
        places.append(_Place(layer, top + path.removeprefix(outer).replace("/", "."), arrays, views, shapes))
    axes = {place.layer.name: max(map(len, place.shapes.values())) for place in places}
    orders = input_orders(model, axes)
    return [place._replace(order=orders.get(place.layer.name)) for place in places]
