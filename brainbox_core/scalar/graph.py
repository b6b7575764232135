"""The graph behind a `Value` as text: a tree in characters, or the language of Graphviz.

Large graphs are cut: only the nodes nearest to the result are shown, and what a cut edge led to is `...`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from brainbox_core.files.reading import printable
from brainbox_core.scalar.value import Value, graph

MOST_NODES = 200
LONGEST_NAME = 24  # characters


@dataclass(frozen=True)
class Line:
    """One line of a tree: the branch with a name, and the node; no node where the tree was cut or repeats itself."""

    text: str
    node: Value | None


def label(node: Value) -> str:
    """The node's name on one line; a number's is the number itself.

    Example:
        >>> label(Value(2.0, "x")), label(Value(0.5))
        ('x', '0.5')
    """
    return printable(node.name, LONGEST_NAME) if node.name else f"{node.data:.6g}"


def nearest(root: Value, limit: int = MOST_NODES) -> list[Value]:
    """At most `limit` nodes, those with the fewest edges to the result, in topological order."""
    near, waiting = {root}, deque([root])
    while waiting:
        for parent in waiting.popleft().parents:
            if parent not in near and len(near) < limit:
                near.add(parent)
                waiting.append(parent)
    return [node for node in graph(root) if node in near]


def tree(root: Value, unicode: bool = True, limit: int = MOST_NODES) -> list[Line]:
    """The graph as a tree that grows downwards to the result: each node stands below those it was computed from.

    Example:
        >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
        >>> print(*(line.text for line in tree(x * y + x)), sep="\\n")
           ┌─ x
           ├─ y
        ┌─ *
        ├─ x (above)
        +
    """
    first, other, through, blank = ("┌─ ", "├─ ", "│  ", "   ") if unicode else (",- ", "|- ", "|  ", "   ")
    near, shown = set(nearest(root, limit)), set()
    lines: list[Line] = []
    stack = [(root, "", "", False)]  # a node, what stands before its parents, its own branch, whether they are done
    while stack:
        node, before, branch, done = stack.pop()
        if node not in near:
            lines.append(Line(f"{branch}...", None))
        elif done:
            lines.append(Line(branch + label(node), node))
        elif node in shown:
            again = " (above)" if node.name else ""
            lines.append(Line(branch + label(node) + again, None if again else node))
        else:
            shown.add(node)
            stack.append((node, before, branch, True))
            for index, parent in reversed([*enumerate(node.parents)]):
                beside, corner = (through, other) if index else (blank, first)
                stack.append((parent, before + beside, before + corner, False))
    return lines


def graphviz(root: Value, limit: int = MOST_NODES) -> str:
    r"""The graph in the DOT language of Graphviz; edges are labelled with the slopes.

    Example:
        >>> x = Value(3.0, "x")
        >>> print(graphviz(x * x))
        digraph {
          rankdir=LR
          node [shape=box, style=rounded, fontname="sans-serif"]
          n0 [label="x\ndata 3\ngrad 0"]
          n1 [label="*\ndata 9\ngrad 0", style="rounded,bold"]
          n0 -> n1 [label="3"]
          n0 -> n1 [label="3"]
        }
        <BLANKLINE>
    """
    order = nearest(root, limit)
    names = {node: f"n{index}" for index, node in enumerate(order)}
    lines = ["digraph {", "  rankdir=LR", '  node [shape=box, style=rounded, fontname="sans-serif"]']
    cut = 0
    for node in order:
        style = ', style="rounded,bold"' if node is root else ""
        name = label(node).replace("\\", "\\\\").replace('"', '\\"')
        text = "\\n".join((name, f"data {node.data:.6g}", f"grad {node.grad:.6g}"))
        lines.append(f'  {names[node]} [label="{text}"{style}]')
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            if parent not in names:
                cut += 1
                lines.append(f'  c{cut} [label="...", shape=plaintext]')
            source = names.get(parent, f"c{cut}")
            lines.append(f'  {source} -> {names[node]} [label="{slope:.6g}"]')
    return "\n".join([*lines, "}", ""])
