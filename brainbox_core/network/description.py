"""What a model file says of a network beside its weights, and a network made again from that."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from brainbox_core import __version__, layers
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.layers import Layer
from brainbox_core.layers.base import Shape, frozen
from brainbox_core.loss import KINDS, Loss, Several
from brainbox_core.network.feeding import one_or_all
from brainbox_core.network.graph import Graph
from brainbox_core.network.learner import Learner

Part = TypeVar("Part")


def describe(network: Learner, loss: Loss | None, graph: Graph | None) -> dict[str, Any]:
    """What a model file says of a network beside its weights, in JSON types.

    Args:
        network: built.
        loss: what it was trained to make small, if anything.
        graph: how its layers are joined; None if a `forward` of the user's own says so.
    """
    shapes = network.input_shape
    meta = {
        "kind": "sequential",
        **network.meta,
        "seed": network.seed,
        "epoch": network.epoch,
        "input_shape": [list(shape) for shape in shapes] if isinstance(shapes, list) else list(shapes),
        "layers": network.config(),
        "versions": {"brainbox": __version__, "numpy": np.__version__},
    }
    if graph is None:
        meta |= {"own": type(network).__name__, "config": _own_config(network), "layers": []}
    elif not graph.is_chain:
        meta["graph"] = graph.config()
    if names := frozen(network.layers):
        meta["frozen"] = names
    if loss is None:
        return {name: value for name, value in meta.items() if name != "loss"}  # not that of the file it came from
    return meta | {"loss": _loss_config(loss)}


def _own_config(network: Learner) -> dict[str, Any]:
    """The arguments that would make a network of the user's own class again: its attributes of their names."""
    names = list(inspect.signature(type(network).__init__).parameters)[1:]
    return {name: getattr(network, name) for name in names if hasattr(network, name)}


def of_layer(layer: Layer) -> dict[str, Any]:
    """A layer's kind and arguments; one of the user's own is marked, whatever its class is called."""
    kind = type(layer).__name__
    entry = {"kind": kind, "config": layer.config()}
    return entry if layers.KINDS.get(kind) is type(layer) else {**entry, "own": True}


def _loss_config(loss: Loss) -> dict[str, Any]:
    if isinstance(loss, Several):
        return {"several": [_loss_config(part) for part in loss.losses], "weights": loss.weights}
    if KINDS.get(type(loss).__name__) is not type(loss):
        return {"own": type(loss).__name__}
    return {"kind": type(loss).__name__, "config": loss.config()}


@contextlib.contextmanager
def reading_description(path: str | os.PathLike) -> Iterator[None]:
    """Inside, what does not fit is the fault of the file that says so."""
    try:
        yield
    except (UsageError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        malformed = f"its description is malformed ({printable(str(error), 80)})"
        reason = error.line if isinstance(error, UsageError) else malformed
        raise InputError(reason, where=str(path), fix="the file does not describe a model; train it again") from None
    except InputError as error:
        raise InputError(error.what, where=str(path), fix=error.fix) from None


def graph_of(meta: dict[str, Any], own: Sequence[type[Layer]]) -> Graph:
    """The layers that a file describes, joined as it says.

    Args:
        own: classes of the user's own among them.
    """
    named = {kind.__name__: kind for kind in own}
    chain = []
    for entry in meta["layers"]:
        if entry.get("own") and entry["kind"] not in named:
            what = f"it holds a layer of your own, {entry['kind']!r}"
            raise InputError(what, fix="name its class: bb.load(path, layers=[...])")
        chain.append(rebuild(entry, named if entry.get("own") else layers.KINDS, "layer"))
    return Graph.of_config(meta["graph"], chain) if "graph" in meta else Graph.chain(chain)


def loss_of(meta: dict[str, Any]) -> Loss | None:
    """The loss that a file describes; None if there is none, or it was of the user's own making."""
    config = meta.get("loss", {"own": ""})
    if "several" in config:
        parts = [loss_of({"loss": part}) for part in config["several"]]
        return None if None in parts else Several(parts, config["weights"])  # type: ignore[arg-type]
    return None if config.keys() == {"own"} else rebuild(config, KINDS, "loss")


def expect(graph: Graph, shapes: Sequence[Shape], arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse layers whose shapes the file's tensors do not have, before any memory is taken for them."""
    places: list[Any] = list(shapes)
    for layer, sources in graph.nodes:
        if layers.KINDS.get(type(layer).__name__) is not type(layer):
            return  # one of the user's own knows its shapes when it is built
        given = one_or_all([places[source] for source in sources])
        for name, wanted in layer.parameter_shapes(given).items():
            found = arrays.get(f"{layer.name}/{name}")
            if found is None or found.shape != wanted:
                got = "none" if found is None else found.shape
                raise UsageError(f"{layer.label} expects its {name} to be", expected=wanted, got=got)
        places.append(layer.output_shape(given))


def rebuild(entry: dict[str, Any], kinds: Mapping[str, type[Part]], what: str) -> Part:
    """An object from its name and arguments in a model file; only known names are ever looked up."""
    if entry["kind"] not in kinds:
        raise UsageError(f"unknown {what} '{printable(str(entry['kind']), 40)}'")
    return kinds[entry["kind"]](**entry["config"])
