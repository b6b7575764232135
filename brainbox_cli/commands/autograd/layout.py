"""Places for a drawing of the graph behind a `Value`: columns from the inputs on the left to the result on the right.

A column holds the nodes that have the same longest way to the result, and a bend of every edge that passes the column.
In a column everything stands as near to what is computed from it as it can, in the order of computing: a tree has no
crossings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from brainbox_core.scalar.graph import nearest
from brainbox_core.scalar.value import Value, graph

BEND_GAP = 0.6  # rows between a bend and its neighbours; nodes stand a whole row apart

Place = tuple[float, float]  # column from the left, row upwards
Thing = Value | tuple[Value, int, int]  # a node, or a bend: (child, number of the parent, layer)


@dataclass(frozen=True)
class Edge:
    """An edge of the drawing, from a node to one that was computed from it, through `places` (both ends included)."""

    parent: Value
    child: Value
    slope: float
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Layout:
    """Where everything goes; `left_out` nodes were too many."""

    places: dict[Value, Place]
    edges: list[Edge]
    left_out: int


def layout(root: Value, limit: int) -> Layout:
    """Find places for the `limit` nodes nearest to the result.

    Example:
        >>> x, y = Value(2.0, "x"), Value(3.0, "y")
        >>> {node.name: place for node, place in layout(x * y, limit=60).places.items()}
        {'x': (0.0, 0.5), 'y': (0.0, -0.5), '*': (1.0, 0.0)}
    """
    order = nearest(root, limit)
    kept, behind = set(order), {root: 0}  # behind: the longest way to the result
    for node in reversed(order):
        for parent in kept.intersection(node.parents):
            behind[parent] = max(behind.get(parent, 0), behind[node] + 1)
    layers: list[list[Thing]] = [[] for _ in range(max(behind.values()) + 1)]
    turn: dict[Thing, int] = {node: index for index, node in enumerate(order)}
    towards: dict[Thing, list[Thing]] = {root: []}  # neighbours in the layer nearer to the result
    chains: list[tuple[Value, Value, float, list[Thing]]] = []
    for child in order:
        layers[behind[child]].append(child)
        for number, (parent, slope) in enumerate(zip(child.parents, child.slopes, strict=True)):
            if parent in kept:
                chain: list[Thing] = [child]
                for layer in range(behind[child] + 1, behind[parent]):
                    bend = (child, number, layer)
                    chain.append(bend)
                    layers[layer].append(bend)
                    turn[bend] = turn[parent]
                chain.append(parent)
                chains.append((parent, child, slope, chain))
                for near, far in pairwise(chain):
                    towards.setdefault(far, []).append(near)

    at: dict[Thing, Place] = {}
    for index, things in enumerate(layers):
        wanted = {thing: fmean([at[near][1] for near in towards[thing]] or [0.0]) for thing in things}
        things.sort(key=lambda thing: (-wanted[thing], turn[thing]))
        rows = [wanted[things[0]]]
        for above, thing in pairwise(things):
            gap = 1.0 if isinstance(above, Value) and isinstance(thing, Value) else BEND_GAP
            rows.append(min(wanted[thing], rows[-1] - gap))
        shift = fmean(wanted.values()) - fmean(rows)  # what was pushed down is moved back up, all of it together
        at |= {thing: (float(len(layers) - 1 - index), row + shift) for thing, row in zip(things, rows, strict=True)}
    edges = [
        Edge(parent, child, slope, tuple(at[thing] for thing in reversed(chain)))
        for parent, child, slope, chain in chains
    ]
    return Layout({node: at[node] for node in order}, edges, len(graph(root)) - len(order))
