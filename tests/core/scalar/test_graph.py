import re

import pytest

from brainbox_core.scalar.graph import graphviz, label, nearest, tree
from brainbox_core.scalar.value import Value, graph


def formula() -> Value:
    x, y, z = Value(2.0, "x"), Value(-3.0, "y"), Value(10.0, "z")
    result = x * y + z
    result.backward()
    return result


def chain(length: int) -> Value:
    node = Value(1.0, "x")
    for _ in range(length):
        node = node + 1.0
    return node


def statements(text: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Nodes and edges of a DOT text that has one statement a line, its quotes undone."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    nodes, edges = {}, []
    for line in text.splitlines():
        if edge := re.fullmatch(rf"  (\w+) -> (\w+) \[label={quoted}\]", line):
            edges.append(edge.groups())
        elif node := re.fullmatch(rf"  (\w+) \[label={quoted}(?:, [^\]]*)?\]", line):
            nodes[node[1]] = node[2]
        else:
            assert line in ("digraph {", "  rankdir=LR", "}") or line.startswith("  node [")
    return nodes, edges


def test_the_tree_is_in_topological_order_with_every_node_once():
    x = Value(0.5, "x")
    shared = (x * 2.0).tanh()
    root = shared * shared + x
    nodes = [line.node for line in tree(root) if line.node is not None]
    assert len(nodes) == len(set(nodes)) == len(graph(root))
    assert all(parent in nodes[:index] for index, node in enumerate(nodes) for parent in node.parents)
    assert [line.text for line in tree(root)].count("   ├─ tanh (above)") == 1


def test_a_tree_in_ascii():
    text = "\n".join(line.text for line in tree(formula(), unicode=False))
    assert text.isascii()
    assert text.splitlines() == ["   ,- x", "   |- y", ",- *", "|- z", "+"]


def test_graphviz_text():
    nodes, edges = statements(graphviz(formula()))
    assert nodes["n0"] == r"x\ndata 2\ngrad -3"
    assert ("n0", "n2", "-3") in edges
    assert len(nodes) == 5
    assert len(edges) == 4


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\", 'x"]; evil [label="', "\x1b[31m", "\\N"])
def test_names_cannot_leave_their_quotes(name):
    root = Value(1.0, name) * 2.0
    nodes, edges = statements(graphviz(root))
    assert len(nodes) == 3
    assert len(edges) == 2
    assert all(line.text.isprintable() for line in tree(root))


def test_a_long_name_is_cut():
    assert len(label(Value(1.0, "x" * 1000))) < 40


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_a_graph_of_100_000_nodes_is_cut(limit):
    root = chain(50_000)
    kept = nearest(root, limit)
    assert len(kept) == limit
    assert kept[-1] is root
    nodes, edges = statements(graphviz(root, limit))
    assert sum(text != "..." for text in nodes.values()) == limit
    assert "..." in nodes.values()
    assert all(source in nodes and target in nodes for source, target, _ in edges)
    lines = tree(root, limit=limit)
    assert len(lines) <= 2 * limit + 1
    assert any(line.text.endswith("...") for line in lines)


def test_a_wide_graph_is_cut():
    root = sum((Value(1.0, f"x{number}") for number in range(1000)), Value(0.0))
    assert len(nearest(root, 50)) == 50
    graphviz(root, 50)
