"""The tape: what was computed from what, and the way back along it.

Every operation leaves a `Node`. `run_backward` walks the nodes from the newest to the oldest and adds up the gradients
that arrive at each (reverse-mode differentiation; Baydin et al., "Automatic differentiation in machine learning: a
survey", JMLR 2018).

A node never refers to its own output, so there are no cycles: reference counting alone frees a graph.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import numpy as np

from brainbox_core.errors import UsageError

Backward = Callable[[np.ndarray], tuple[np.ndarray | None, ...]]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_serials = itertools.count()
is_recording = _recording.get


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without leaving nodes behind: for predictions and for changing weights by hand.

    Example:
        >>> from brainbox_core.tensor import Tensor
        >>> x = Tensor([3.0], requires_grad=True)
        >>> with no_grad():
        ...     (x * 2).requires_grad
        False
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


class Recorded(Protocol):
    """A tensor, as far as the tape has to know it."""

    node: Node | None
    requires_grad: bool
    version: int

    def _accumulate(self, gradient: np.ndarray) -> None: ...


class Node:
    """One operation: its inputs, and the function that turns the gradient of its output into theirs."""

    __slots__ = ("backward", "inputs", "name", "serial", "version")

    def __init__(self, name: str, inputs: Sequence[Recorded], backward: Backward):
        self.name, self.inputs = name, inputs
        self.backward: Backward | None = backward
        self.version = _sum_of_versions(inputs)
        self.serial = next(_serials)  # inputs are always older: sorting by serial is a topological order

    def gradients(self, gradient: np.ndarray) -> tuple[np.ndarray | None, ...]:
        """The gradients of the inputs, given that of the output; refused if an input was changed since."""
        if self.backward is None:
            raise UsageError(
                f"backward() came to '{self.name}' of a graph that was used and freed",
                fix="run the forward pass again before the second backward()",
            )
        if _sum_of_versions(self.inputs) != self.version:
            raise UsageError(
                f"an input of '{self.name}' was changed in place after it was used",
                fix="change it after backward(), or make a new tensor instead",
            )
        return self.backward(gradient)

    def free(self) -> None:
        self.backward, self.inputs = None, ()


def run_backward(root: Node, gradient: np.ndarray) -> None:
    """Send a gradient from a node back to every leaf that wants one, and free the nodes on the way."""
    arrived = {root: gradient}
    with np.errstate(all="ignore"):  # an infinite slope, as of sqrt at 0, is a result
        for node in _newest_first(root):
            for tensor, part in zip(node.inputs, node.gradients(arrived.pop(node)), strict=True):
                if part is None or not tensor.requires_grad:
                    continue
                if tensor.node is None:
                    tensor._accumulate(part)
                elif (before := arrived.get(tensor.node)) is not None:
                    arrived[tensor.node] = before + part  # not in place: `before` may be shared with another input
                else:
                    arrived[tensor.node] = part
            node.free()


def _newest_first(root: Node) -> list[Node]:
    found, waiting = {root}, [root]
    while waiting:  # iterative: a chain of a million operations is deeper than Python's stack
        for tensor in waiting.pop().inputs:
            if tensor.node is not None and tensor.node not in found:
                found.add(tensor.node)
                waiting.append(tensor.node)
    return sorted(found, key=operator.attrgetter("serial"), reverse=True)


def _sum_of_versions(tensors: Sequence[Recorded]) -> int:
    """A number that changes when any of the tensors does, because versions only ever grow."""
    total = 0
    for tensor in tensors:
        total += tensor.version
    return total
