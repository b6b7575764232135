"""Places for a drawing of the graph behind a `Value`, in layers from the inputs on the left to the result on the right.

The method is that of K. Sugiyama, S. Tagawa and M. Toda, Methods for visual understanding of hierarchical system
structures, IEEE Transactions SMC 11, 1981: layers by the longest way to the result; a bend in every layer that an edge
passes; each layer sorted by the mean place of its neighbours, to and fro, the order with the fewest crossings kept; and
at last rows that make the edges as straight as the order allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from brainbox_core.scalar.graph import nearest
from brainbox_core.scalar.value import Value, graph

SWEEPS = 12
BEND_GAP = 0.6  # rows between a bend and its neighbours; nodes stand a whole row apart

Place = tuple[float, float]  # column from the left, row upwards
Thing = object  # a node, or a bend: (child, number of the parent, layer)


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
    for node in order:
        layers[behind[node]].append(node)

    chains: list[tuple[Value, Value, float, list[Thing]]] = []
    towards: dict[Thing, list[Thing]] = {}  # neighbours in the layer nearer to the result
    away: dict[Thing, list[Thing]] = {}  # and in the one farther from it
    for child in order:
        for number, (parent, slope) in enumerate(zip(child.parents, child.slopes, strict=True)):
            if parent in kept:
                bends = [(child, number, layer) for layer in range(behind[child] + 1, behind[parent])]
                for bend in bends:
                    layers[bend[2]].append(bend)
                chain = [child, *bends, parent]
                chains.append((parent, child, slope, chain))
                for near, far in pairwise(chain):
                    away.setdefault(near, []).append(far)
                    towards.setdefault(far, []).append(near)

    layers = _untangled(layers, towards, away)
    rows = _straightened(layers, towards, away)
    last = len(layers) - 1
    at = {thing: (float(last - index), rows[thing]) for index, layer in enumerate(layers) for thing in layer}
    edges = [
        Edge(parent, child, slope, tuple(at[thing] for thing in reversed(chain)))
        for parent, child, slope, chain in chains
    ]
    return Layout({node: at[node] for node in order}, edges, len(graph(root)) - len(order))


def _untangled(
    layers: list[list[Thing]], towards: dict[Thing, list[Thing]], away: dict[Thing, list[Thing]]
) -> list[list[Thing]]:
    """The layers sorted so that few edges cross."""
    best, fewest = layers, _crossings(layers, away)
    for sweep in range(SWEEPS):
        layers = [list(layer) for layer in layers]
        steps = range(1, len(layers)) if sweep % 2 == 0 else range(len(layers) - 2, -1, -1)
        for index in steps:
            fixed, near = (layers[index - 1], towards) if sweep % 2 == 0 else (layers[index + 1], away)
            place = {thing: position for position, thing in enumerate(fixed)}
            means = {
                thing: _mean([place[other] for other in near.get(thing, ())], position)
                for position, thing in enumerate(layers[index])
            }
            layers[index].sort(key=means.__getitem__)
        if (count := _crossings(layers, away)) < fewest:
            best, fewest = layers, count
    return best


def _crossings(layers: list[list[Thing]], away: dict[Thing, list[Thing]]) -> int:
    count = 0
    for near, far in pairwise(layers):
        place = {thing: position for position, thing in enumerate(far)}
        ends = [sorted(place[other] for other in away.get(thing, ())) for thing in near]
        for index, mine in enumerate(ends):
            count += sum(a > b for others in ends[index + 1 :] for a in mine for b in others)
    return count


def _straightened(
    layers: list[list[Thing]], towards: dict[Thing, list[Thing]], away: dict[Thing, list[Thing]]
) -> dict[Thing, float]:
    """A row for everything: as near to its neighbours as the order and the gaps allow."""
    rows = {thing: (len(layer) - 1) / 2 - position for layer in layers for position, thing in enumerate(layer)}
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [
                _mean([rows[other] for near in (towards, away) for other in near.get(thing, ())], rows[thing])
                for thing in layer
            ]
            rows.update(zip(layer, _spaced(wanted, [_gap(a, b) for a, b in pairwise(layer)]), strict=True))
    return rows


def _spaced(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The falling numbers, at least a gap apart, with the least squared distance from the wanted ones.

    Pooling of adjacent violators (M. Ayer et al., Annals of Mathematical Statistics 26, 1955).

    Example:
        >>> _spaced([0.0, 0.0, -5.0], [1.0, 1.0])
        [0.5, -0.5, -5.0]
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    blocks: list[list[float]] = []  # mean, size
    for want, offset in zip(wanted, offsets, strict=True):
        blocks.append([want + offset, 1])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (a, size_a), (b, size_b) = blocks[-2:]
            blocks[-2:] = [[(a * size_a + b * size_b) / (size_a + size_b), size_a + size_b]]
    means = [mean for mean, size in blocks for _ in range(int(size))]
    return [mean - offset for mean, offset in zip(means, offsets, strict=True)]


def _gap(a: Thing, b: Thing) -> float:
    return 1.0 if isinstance(a, Value) and isinstance(b, Value) else BEND_GAP


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
