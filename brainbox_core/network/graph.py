"""How the layers of a network are joined: in which order they run, and what each of them is given."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brainbox_core import layers
from brainbox_core.errors import UsageError, sizes
from brainbox_core.layers import Layer
from brainbox_core.layers.calls import Symbol, follows
from brainbox_core.tensor import Tensor


def Input(shape: tuple[int, ...] | None = None) -> Symbol:  # noqa: N802  # as everybody calls it
    """Where a graph of layers begins.

    Args:
        shape: of one input, without the batch axis; a model of which all are known is built at once, any other by
            `fit`.

    Example:
        >>> import braininabox as bb
        >>> x = bb.Input((3,))
        >>> bb.Model(x, bb.layers.Linear(2)(x)).output_shape
        (2,)
    """
    return Symbol(shape=None if shape is None else sizes("shape", shape))


class Node(NamedTuple):
    """A layer at work, and the places of what it is given."""

    layer: Layer
    sources: tuple[int, ...]


class Step(NamedTuple):
    """Functions that run one after another on what lies at some places; the result goes to a place of its own."""

    functions: list[Callable[[Any, bool], Any]]
    sources: tuple[int, ...]
    place: int


class Graph:
    """Nodes in an order in which they can run. Places are numbered: first the model's inputs, then each node's result.

    Args:
        nodes: each behind those that it is given.
        inputs: how many the model has.
        outputs: the places of what the model gives; the last node's if left out.

    Example:
        >>> chain = [layers.Linear(4), layers.ReLU()]
        >>> [node.sources for node in Graph.chain(chain).nodes]
        [(0,), (1,)]
    """

    def __init__(self, nodes: Sequence[Node], inputs: int = 1, outputs: Sequence[int] | None = None):
        self.nodes, self.inputs = list(nodes), inputs
        if not self.nodes:
            raise UsageError("a model needs at least one layer")
        self.outputs = tuple(outputs or [inputs + len(self.nodes) - 1])

    @classmethod
    def chain(cls, layers: Sequence[Layer]) -> Graph:
        """Each layer after the one before it."""
        return cls([Node(layer, (place,)) for place, layer in enumerate(layers)])

    @classmethod
    def between(cls, inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> Graph:
        """What leads from some symbols to others.

        Raises:
            UsageError: one is no symbol, an output needs an input that is not among them, or no layer lies between.
        """
        for name, ends in (("inputs", inputs), ("outputs", outputs)):
            odd = [end for end in ends if not isinstance(end, Symbol)] if isinstance(ends, list | tuple) else [ends]
            if odd or not ends:
                expected, got = "what bb.Input() or a layer called with it gave", repr(odd[0] if odd else ends)
                raise UsageError(name, expected=expected, got=got)
        places = {id(symbol): place for place, symbol in enumerate(inputs)}
        nodes: list[Node] = []
        waiting = list(reversed(outputs))
        while waiting:  # iterative: a network may be deeper than Python's stack
            symbol = waiting.pop()
            if id(symbol) in places:
                continue
            if symbol.layer is None:
                raise UsageError("an output needs an input that the model does not have", fix="add it to `inputs`")
            if missing := [source for source in symbol.sources if id(source) not in places]:
                waiting += [symbol, *missing]
                continue
            places[id(symbol)] = len(inputs) + len(nodes)
            nodes.append(Node(symbol.layer, tuple(places[id(source)] for source in symbol.sources)))
        return cls(nodes, len(inputs), [places[id(symbol)] for symbol in outputs])

    @property
    def layers(self) -> list[Layer]:
        """Every layer once, in the order in which they first run."""
        return list({id(node.layer): node.layer for node in self.nodes}.values())

    @property
    def is_chain(self) -> bool:
        """Whether every layer is given what the one before it made, and nothing else."""
        last = len(self.nodes)
        straight = all(node.sources == (place,) for place, node in enumerate(self.nodes))
        return straight and self.inputs == 1 and self.outputs == (last,) and len(self.layers) == last

    def steps(self, fused: bool) -> list[Step]:
        """What runs, in order. Fused, layers that follow each other alone run as `fast_plan` has it."""
        readers = Counter([place for node in self.nodes for place in node.sources])
        readers.update(self.outputs)
        runs: list[tuple[list[Layer], tuple[int, ...]]] = []
        ending: dict[int, tuple[list[Layer], tuple[int, ...]]] = {}  # the runs by the places where they end so far
        for place, (layer, sources) in enumerate(self.nodes, start=self.inputs):
            alone = fused and len(sources) == 1 and readers[sources[0]] == 1
            run = ending.pop(sources[0], None) if alone else None
            if run is None:
                run = [], sources
                runs.append(run)
            run[0].append(layer)
            ending[place] = run
        ends = {id(run): place for place, run in ending.items()}
        return [Step(fast_plan(run[0]) if fused else list(run[0]), run[1], ends[id(run)]) for run in runs]

    def ends(self) -> list[list[int]]:
        """For each output the numbers of the nodes that lead to it alone, in order: back to where paths meet."""
        ends = []
        for place in self.outputs:
            way: list[int] = []
            while place >= self.inputs and (not way or len(self.nodes[way[0]].sources) == 1):
                way.insert(0, place - self.inputs)
                place = self.nodes[way[0]].sources[0]
            ends.append(way)
        return ends

    def takes_ids(self, place: int) -> bool:
        """Whether an input holds whole numbers to look up, as its first layer that is no Flatten says."""
        readers = [(at, node) for at, node in enumerate(self.nodes, start=self.inputs) if place in node.sources]
        return any(
            self.takes_ids(at) if isinstance(node.layer, layers.Flatten) else node.layer.takes_ids
            for at, node in readers
        )

    def takes_steps(self, place: int, axes: int) -> bool:
        """Whether an input of so many axes holds sequences whose steps the layers keep apart, of any number."""
        sequences = {place}
        for at, (layer, sources) in enumerate(self.nodes, start=self.inputs):
            if sequences.intersection(sources):
                if not follows(layer, axes if place in sources else 2):
                    return False
                if layer.stepwise:
                    sequences.add(at)
        return axes > 0

    def config(self) -> dict[str, Any]:
        """How the layers are joined, in JSON types."""
        numbers = {id(layer): number for number, layer in enumerate(self.layers)}
        nodes = [[numbers[id(node.layer)], list(node.sources)] for node in self.nodes]
        return {"nodes": nodes, "inputs": self.inputs, "outputs": list(self.outputs)}

    @classmethod
    def of_config(cls, config: dict[str, Any], layers: Sequence[Layer]) -> Graph:
        """The graph that `config` describes; refused if a node is given what does not come before it."""
        inputs, nodes = config["inputs"], [Node(layers[number], tuple(sources)) for number, sources in config["nodes"]]
        for place, node in enumerate(nodes, start=inputs):
            if not node.sources or not all(type(source) is int and 0 <= source < place for source in node.sources):
                raise UsageError(f"node {place} is given what does not come before it", got=node.sources)
        if not all(0 <= place < inputs + len(nodes) for place in config["outputs"]):
            raise UsageError("an output that no layer makes", got=config["outputs"])
        graph = cls(nodes, inputs, config["outputs"])
        if len(graph.layers) != len(layers):
            raise UsageError("a layer that nothing runs through")
        return graph


def run(steps: Sequence[Step], outputs: Sequence[int], x: Any, training: bool) -> Any:
    """What the steps make of a batch, or of a list of batches for several inputs; a list for several outputs."""
    values = dict(enumerate(x if isinstance(x, list) else [x]))
    for functions, sources, place in steps:
        y = values[sources[0]] if len(sources) == 1 else [values[source] for source in sources]
        for function in functions:
            y = function(y, training)
        values[place] = y
    return values[outputs[0]] if len(outputs) == 1 else [values[place] for place in outputs]


def fast_plan(chain: Sequence[Layer]) -> list[Callable[[Tensor, bool], Tensor]]:
    """Steps that compute what the layers say: a convolution with the max pool behind it, and a ReLU after both.

    The largest of several numbers is the same before and after a ReLU, and so are the gradients, but after the pool
    there are fewer numbers left to look at: a quarter of them for the usual 2x2.

    An embedding goes into the recurrent layer behind it, which then multiplies the table instead of all it looks up.

    Args:
        chain: the layers in order, built.

    Returns:
        Functions from a batch, and whether it is a training, to a batch; each takes what the one before it gave.

    Example:
        >>> chain = [layers.Conv2D(4), layers.ReLU(), layers.MaxPool(2)]
        >>> convolution_with_pool, relu = fast_plan(chain)
        >>> relu is chain[1]
        True
    """
    plan: list = list(chain)
    for i in range(len(plan) - 1):
        if type(plan[i]) is layers.ReLU and type(plan[i + 1]) is layers.MaxPool:
            plan[i], plan[i + 1] = plan[i + 1], plan[i]
    for i in reversed(range(len(plan) - 1)):
        if type(plan[i]) is layers.Conv2D and type(plan[i + 1]) is layers.MaxPool:
            pool = plan[i + 1]
            if pool.size == pool.stride:
                plan[i : i + 2] = [functools.partial(plan[i], pool=pool.size)]
        looked_up = type(plan[i]) is layers.Embedding and plan[i].padding is None  # else a row gets no gradient
        if looked_up and type(plan[i + 1]) in (layers.RNN, layers.GRU, layers.LSTM):
            plan[i : i + 2] = [functools.partial(plan[i + 1], embedding=plan[i])]
    return plan
