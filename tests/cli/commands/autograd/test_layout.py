import random

from brainbox_cli.commands.autograd.layout import layout
from brainbox_core.scalar.value import Value, dot, graph


def network(numbers: random.Random, widths=(2, 4, 4, 1)) -> Value:
    inputs = [Value(numbers.random(), f"x{index}") for index in range(widths[0])]
    for width in widths[1:]:
        inputs = [dot([Value(numbers.random()) for _ in inputs], inputs).tanh() for _ in range(width)]
    return inputs[0]


def random_graph(numbers: random.Random, size: int) -> Value:
    nodes = [Value(numbers.random(), f"x{index}") for index in range(4)]
    for _ in range(size):
        a, b = numbers.sample(nodes, 2)
        nodes.append(numbers.choice((a + b, a * b, a.tanh(), a - b)))
    return nodes[-1]


def test_every_node_has_a_place_of_its_own_right_of_its_parents():
    numbers = random.Random(0)
    for size in (1, 5, 20, 60):
        root = random_graph(numbers, size)
        drawing = layout(root, limit=100)
        assert set(drawing.places) == set(graph(root))
        assert drawing.left_out == 0
        for node, (column, row) in drawing.places.items():
            assert all(drawing.places[parent][0] < column for parent in node.parents)
            for other, place in drawing.places.items():
                assert node is other or place[0] != column or abs(place[1] - row) > 0.999
        assert max(drawing.places.values()) == drawing.places[root]


def test_edges_keep_clear_of_the_nodes_they_pass():
    drawing = layout(random_graph(random.Random(1), 40), limit=100)
    assert any(len(edge.places) > 2 for edge in drawing.edges)
    for edge in drawing.edges:
        assert edge.places[0] == drawing.places[edge.parent]
        assert edge.places[-1] == drawing.places[edge.child]
        for before, after in zip(edge.places, edge.places[1:], strict=False):
            assert after[0] == before[0] + 1
        for column, row in edge.places[1:-1]:
            assert all(abs(row - y) > 0.59 for x, y in drawing.places.values() if x == column)


def test_a_tree_has_no_crossings():
    root = Value(0.0)
    for index in range(6):
        root = root + Value(1.0, f"x{index}") * Value(2.0, f"y{index}")
    drawing = layout(root, limit=100)
    ends = [(edge.places[-2], edge.places[-1]) for edge in drawing.edges if len(edge.places) >= 2]
    for (ax, ay), (_, az) in ends:
        for (bx, by), (_, bz) in ends:
            assert not (ax == bx and (ay - by) * (az - bz) < 0)


def test_an_operand_used_twice_has_two_edges():
    x = Value(3.0, "x")
    assert len(layout(x * x, limit=10).edges) == 2


def test_large_graphs_are_cut():
    node = Value(1.0, "x")
    for _ in range(50_000):
        node = node + 1.0
    drawing = layout(node, limit=60)
    assert len(drawing.places) == 60
    assert drawing.left_out == len(graph(node)) - 60
    assert len(layout(network(random.Random(2), (2, 16, 16, 1)), limit=60).places) == 60
