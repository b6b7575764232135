"""The tape: what was computed from what, and the way back along it; and what a tensor holds apart from operations.

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
from typing import Any

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


class Recorded:
    """A tensor as far as the tape has to know it: its numbers, its gradient and what made it. See `Tensor`."""

    __slots__ = ("__weakref__", "_data", "_grad", "changes", "node", "requires_grad")

    def __init__(self, data, requires_grad: bool = False):
        if isinstance(data, Recorded):
            raise UsageError("a tensor holds numbers", got="a tensor", fix="use it as it is, or its detach()")
        try:
            array = np.asarray(data)
        except ValueError:
            raise UsageError("a tensor holds numbers", got="rows of different lengths") from None
        # An array says its precision; a list or a number of Python does not, and gets the house's float32.
        if array.dtype.kind not in "fc" or not isinstance(data, np.ndarray | np.generic):
            if array.dtype.kind not in "fciub":
                raise UsageError("a tensor holds numbers", got=f"{type(data).__name__} of {array.dtype}")
            array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float32)
        self._data, self.requires_grad = array, requires_grad
        self._grad: np.ndarray | None = None
        self.node: Node | None = None
        self.changes = [0]

    # --- what it holds -------------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        return self._data

    @data.setter
    def data(self, values) -> None:
        if np.shape(numbers_of(values)) not in ((), self.shape):
            raise UsageError("the numbers have another shape", expected=self.shape, got=np.shape(numbers_of(values)))
        self[...] = values

    @property
    def grad(self) -> np.ndarray | None:
        return self._grad

    @grad.setter
    def grad(self, gradient) -> None:
        self._grad = None if gradient is None else self._fitting(gradient)

    def _fitting(self, gradient) -> np.ndarray:
        """An array that has the shape and the precision of this tensor."""
        array = np.asarray(numbers_of(gradient))
        if array.shape != self.shape or not np.can_cast(array.dtype, self.dtype, "same_kind"):
            got = f"{array.dtype} {array.shape}"
            raise UsageError("the gradient's shape differs", expected=f"{self.dtype} {self.shape}", got=got)
        return array.astype(self.dtype, copy=False)

    def _is_learned(self) -> bool:
        """Whether the numbers are kept from step to step, and `-=` means them and not a name."""
        return self.requires_grad

    @property
    def version(self) -> int:
        """How often the numbers were changed in place."""
        return self.changes[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    def __reduce__(self):
        """For copies and pickles: the numbers, without what led to them."""
        if self.node is not None:
            raise UsageError(f"the result of '{self.node.name}' cannot be copied", fix="copy its detach()")
        return _again, (type(self), self._data, self.requires_grad, self._grad)

    def __setitem__(self, index, values) -> None:
        """Change elements in place; refused for a tensor that an operation made."""
        if self.node is not None:
            raise UsageError(f"the result of '{self.node.name}' cannot be changed in place", fix="use where()")
        if isinstance(values, Recorded) and values.requires_grad and is_recording():
            raise UsageError("what is put into a tensor loses its way back to a gradient", fix="use where()")
        self._data[index] = numbers_of(values)
        self.changes[0] += 1

    def backward(self, gradient: np.ndarray | None = None) -> None:
        """Add the derivative of this tensor to the `.grad` of every leaf that it was made from, and free the graph.

        Args:
            gradient: the derivative of the final quantity with respect to this tensor, of the same shape;
                may be left out (1) for a tensor of one element.

        Raises:
            UsageError: no gradient is wanted here, more than one element and no gradient given, an input was
                changed in place, or the graph was freed by an earlier `backward()`.
        """
        if not self.requires_grad:
            fix = "make an input with Tensor(..., requires_grad=True), outside no_grad()"
            raise UsageError("backward() on a tensor that was made from nothing that requires a gradient", fix=fix)
        if gradient is None:
            if self.size != 1:
                raise UsageError("backward() without a gradient needs one element", got=f"shape {self.shape}")
            gradient = np.ones_like(self._data)
        gradient = np.asarray(gradient, dtype=self.dtype)
        if gradient.shape != self.shape:
            raise UsageError("the gradient's shape differs", expected=self.shape, got=gradient.shape)
        if self.node is None:
            self._accumulate(gradient)
        else:
            run_backward(self.node, gradient)

    def _accumulate(self, gradient: np.ndarray) -> None:
        total = gradient if self._grad is None else self._grad + gradient
        self._grad = np.array(total, dtype=self.dtype)


class Node:
    """One operation: its inputs, and the function that turns the gradient of its output into theirs.

    Args:
        name: of the operation.
        inputs: the tensors it was made from.
        backward: see `Backward`.
        changes: the count of changes of its output, which is not referred to itself.
    """

    __slots__ = ("backward", "changed", "changes", "inputs", "name", "serial", "version")

    def __init__(self, name: str, inputs: Sequence[Recorded], backward: Backward, changes: list[int]):
        self.name, self.inputs, self.changes = name, inputs, changes
        self.backward: Backward | None = backward
        self.changed = changes[0]
        self.version = changes[0] + _sum_of_versions(inputs)
        self.serial = next(_serials)  # inputs are always older: sorting by serial is a topological order

    def gradients(self, gradient: np.ndarray) -> tuple[np.ndarray | None, ...]:
        """The gradients of the inputs, given that of the output; refused if any of them was changed since."""
        if self.backward is None:
            raise UsageError(
                f"backward() came to '{self.name}' of a graph that was used and freed",
                fix="run the forward pass again before the second backward()",
            )
        if self.changes[0] + _sum_of_versions(self.inputs) != self.version:
            what = "an input" if self.changes[0] == self.changed else "an input or the result"
            raise UsageError(
                f"{what} of '{self.name}' was changed in place after it was used",
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


def leaves(result: Recorded) -> list[Recorded]:
    """The tensors to which `backward()` of a result would bring a gradient."""
    nodes = [] if result.node is None else _newest_first(result.node)
    wanted = {id(t): t for node in nodes for t in node.inputs if t.node is None and t.requires_grad}
    return list(wanted.values())


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
        total += tensor.changes[0]
    return total


def _again(kind: type[Recorded], data: np.ndarray, requires_grad: bool, grad: np.ndarray | None) -> Recorded:
    """A tensor that was copied or pickled."""
    out = kind(data)
    out.requires_grad, out.grad = requires_grad, grad
    return out


def numbers_of(values) -> Any:
    """The array of a tensor; anything else as it is."""
    return values._data if isinstance(values, Recorded) else values


def elementwise(operation: Callable, a: Any, b: Any) -> Any:
    """An operation of two arrays that broadcast, or a UsageError."""
    try:
        return operation(a, b)
    except ValueError:
        got = f"{np.shape(a)} and {np.shape(b)}"
        raise UsageError("the shapes cannot be broadcast together", got=got, fix="reshape one of them") from None
