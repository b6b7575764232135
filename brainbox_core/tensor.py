"""Array autograd: a `Tensor` holds an ndarray, an optional gradient, and the node that made it.

Every operation on tensors computes its result at once and, if a gradient will be wanted, leaves a `Node` on the tape
that knows the inputs and how to send a gradient back to them; `backward()` goes back along it.

Numbers: arrays of floats keep their dtype (the gradient checks run in complex128); whole numbers, booleans and plain
Python numbers become float32. A Python number beside a tensor takes the tensor's dtype; two arrays promote as in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.tape import Backward, Node, is_recording, run_backward
from brainbox_core.tape import no_grad as no_grad


class Tensor:
    """An n-dimensional array that can be differentiated.

    Args:
        data: numbers, a (nested) list of them, or an ndarray, which is kept and not copied.
        requires_grad: whether `backward()` leaves a gradient in `.grad`.

    Attributes:
        data: the ndarray. Assigning (`t.data -= 0.1 * t.grad`) writes into it and marks the tensor as changed.
        grad: an ndarray of the same shape after `backward()`, None before.

    Example:
        >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> y = (x**2).sum()
        >>> y.backward()
        >>> x.grad
        array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_data", "grad", "node", "requires_grad", "version")
    __array_ufunc__ = None  # ndarray + Tensor is ours to compute

    def __init__(self, data, requires_grad: bool = False):
        array = np.asarray(data)
        # An array says its precision; a list or a number of Python does not, and gets the house's float32.
        if array.dtype.kind not in "fc" or not isinstance(data, np.ndarray | np.generic):
            if array.dtype.kind not in "fciub":
                raise UsageError("a tensor holds numbers", got=f"{type(data).__name__} of {array.dtype}")
            array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float32)
        self._data, self.requires_grad = array, requires_grad
        self.grad: np.ndarray | None = None
        self.node: Node | None = None
        self.version = 0

    # --- what it holds -------------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        return self._data

    @data.setter
    def data(self, values) -> None:
        self[...] = values

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

    def item(self) -> float:
        """The number in a tensor of one element."""
        return self._data.item()

    def detach(self) -> Tensor:
        """The same array as a tensor of its own, outside the graph."""
        return Tensor(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        made = f", made by {self.node.name}" if self.node else ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({np.array2string(self._data, separator=', ', prefix='Tensor(')}{made})"

    # --- the backward pass ---------------------------------------------------------------------------------------

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
            raise UsageError(
                "backward() on a tensor that was made from nothing that requires a gradient",
                fix="make an input with Tensor(..., requires_grad=True), outside no_grad()",
            )
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
        total = gradient if self.grad is None else self.grad + gradient
        self.grad = np.array(total, dtype=self.dtype)

    # --- arithmetic ----------------------------------------------------------------------------------------------

    def __add__(self, other) -> Tensor:
        other = self._beside(other)
        return record("add", self._data + other._data, (self, other), lambda g: (_to(self, g), _to(other, g)))

    def __sub__(self, other) -> Tensor:
        other = self._beside(other)
        return record("sub", self._data - other._data, (self, other), lambda g: (_to(self, g), _to(other, g, -1)))

    def __mul__(self, other) -> Tensor:
        other = self._beside(other)
        y = self._data * other._data
        return record("mul", y, (self, other), lambda g: (_to(self, g, other._data), _to(other, g, self._data)))

    def __truediv__(self, other) -> Tensor:
        other = self._beside(other)
        b = other._data
        with np.errstate(divide="ignore", invalid="ignore"):
            y = self._data / b
        return record("div", y, (self, other), lambda g: (_to(self, g, 1 / b), _to(other, g, -y / b)))

    def __pow__(self, other) -> Tensor:
        """x ** y; the derivative by y is 0 where x <= 0, and 0 ** 0 is 1 with derivative 0."""
        other = self._beside(other)
        a, b = self._data, other._data
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            y = a**b

        def backward(g):
            slope = np.where(b == 0, 0, b * a ** (b - 1))
            return _to(self, g, slope), _to(other, g, np.where(a.real > 0, y * np.log(a), 0))

        return record("pow", y, (self, other), backward)

    def __matmul__(self, other) -> Tensor:
        """Matrix product of two tensors with at least two axes; axes before the last two broadcast."""
        other = self._beside(other)
        a, b = self._data, other._data
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise UsageError("@ needs (..., n, k) @ (..., k, m)", got=f"{a.shape} @ {b.shape}", fix="reshape them")

        def backward(g):  # (..., n, m)
            da = unbroadcast(g @ b.swapaxes(-1, -2), a.shape) if self.requires_grad else None
            db = unbroadcast(a.swapaxes(-1, -2) @ g, b.shape) if other.requires_grad else None
            return da, db

        return record("matmul", a @ b, (self, other), backward)

    def __neg__(self) -> Tensor:
        return record("neg", -self._data, (self,), lambda g: (-g,))

    __radd__ = __add__

    def __rsub__(self, other) -> Tensor:
        return self._beside(other) - self

    __rmul__ = __mul__

    def __rtruediv__(self, other) -> Tensor:
        return self._beside(other) / self

    def __rpow__(self, other) -> Tensor:
        return self._beside(other) ** self

    def __rmatmul__(self, other) -> Tensor:
        return self._beside(other) @ self

    def _beside(self, other) -> Tensor:
        if isinstance(other, Tensor):
            return other
        if type(other) in (float, int, bool):  # a float of NumPy is a float, too, but one that says its precision
            return Tensor(np.asarray(other, self.dtype))
        if type(other) is complex:
            return Tensor(np.asarray(other, np.result_type(self.dtype, other)))
        return Tensor(other)

    # --- element by element --------------------------------------------------------------------------------------

    def exp(self) -> Tensor:
        y = np.exp(self._data)
        return record("exp", y, (self,), lambda g: (_chain(g, y),))

    def log(self) -> Tensor:
        """Natural logarithm; -inf at 0, NaN below."""
        x = self._data
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log(x)
        return record("log", y, (self,), lambda g: (_chain(g, 1 / x),))

    def sqrt(self) -> Tensor:
        """Square root; its derivative at 0 is inf, but a gradient of 0 that arrives there stays 0."""
        with np.errstate(invalid="ignore"):
            y = np.sqrt(self._data)
        return record("sqrt", y, (self,), lambda g: (_chain(g, 0.5 / y),))

    def tanh(self) -> Tensor:
        y = np.tanh(self._data)
        return record("tanh", y, (self,), lambda g: (g * (1 - y * y),))

    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x)), computed as 0.5 * tanh(0.5 x) + 0.5, which cannot overflow."""
        y = 0.5 * np.tanh(0.5 * self._data) + 0.5
        return record("sigmoid", y, (self,), lambda g: (g * y * (1 - y),))

    def relu(self) -> Tensor:
        """max(x, 0); the derivative at 0 is 0."""
        x = self._data
        positive = x.real > 0
        return record(
            "relu", x * positive if x.dtype.kind == "c" else np.maximum(x, 0), (self,), lambda g: (g * positive,)
        )

    def abs(self) -> Tensor:
        """|x|; the derivative at 0 is 0."""
        sign = np.sign(self._data.real)  # of the real part, so that the complex step sees an analytic function
        return record("abs", self._data * sign, (self,), lambda g: (g * sign,))

    def clip(self, low: float, high: float) -> Tensor:
        """x limited to [low, high]; the derivative is 1 inside and on the limits, 0 outside."""
        x = self._data
        inside = (x.real >= low) & (x.real <= high)
        y = np.where(inside, x, np.clip(x.real, low, high)).astype(x.dtype, copy=False)
        return record("clip", y, (self,), lambda g: (g * inside,))

    # --- reductions ----------------------------------------------------------------------------------------------

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        shape = self.shape
        y = np.asarray(self._data.sum(axis=axis, keepdims=keepdims))
        return record("sum", y, (self,), lambda g: (np.broadcast_to(_keep(g, axis, keepdims), shape),))

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        shape = self.shape
        y = np.asarray(self._data.mean(axis=axis, keepdims=keepdims))
        share = y.size / max(self.size, 1)
        return record("mean", y, (self,), lambda g: (np.broadcast_to(_keep(g, axis, keepdims) * share, shape),))

    def var(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Mean squared distance from the mean (divided by n, not n - 1)."""
        centred = self._data - self._data.mean(axis=axis, keepdims=True)
        y = np.asarray((centred * centred).mean(axis=axis, keepdims=keepdims))
        share = 2 * y.size / max(self.size, 1)
        return record("var", y, (self,), lambda g: (_keep(g, axis, keepdims) * share * centred,))

    def max(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """The largest element; where several are equal, the first one gets the gradient."""
        x = self._data
        if axis is None:
            flat = self.reshape(-1).max(axis=0)
            return flat.reshape((1,) * x.ndim) if keepdims else flat
        if x.shape[axis] == 0:
            raise UsageError(f"max() over axis {axis}, which is empty", got=f"shape {x.shape}")
        first = np.expand_dims(x.real.argmax(axis=axis), axis)
        y = np.take_along_axis(x, first, axis)

        def backward(g):
            dx = np.zeros_like(x)
            np.put_along_axis(dx, first, _keep(g, axis, keepdims), axis)
            return (dx,)

        return record("max", y if keepdims else y.squeeze(axis), (self,), backward)

    # --- shape ---------------------------------------------------------------------------------------------------

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        wanted: Any = shape  # sizes one by one, or all of them in one tuple or list
        if len(shape) == 1 and isinstance(shape[0], tuple | list):
            wanted = tuple(shape[0])
        before = self.shape
        try:
            y = self._data.reshape(wanted)
        except ValueError:
            raise UsageError(f"cannot reshape {self.size} elements", expected=wanted, got=f"shape {before}") from None
        return record("reshape", y, (self,), lambda g: (g.reshape(before),))

    def transpose(self, *axes: int) -> Tensor:
        """The axes in another order; without arguments in reverse."""
        order = axes or tuple(reversed(range(self.ndim)))
        back = np.argsort([axis % self.ndim for axis in order])
        return record("transpose", self._data.transpose(order), (self,), lambda g: (g.transpose(back),))

    def __getitem__(self, index) -> Tensor:
        x = self._data
        if isinstance(index, Tensor):
            raise UsageError("a tensor cannot be an index", fix="index with whole numbers, slices or an int ndarray")

        def backward(g):
            dx = np.zeros_like(x)
            if _is_basic(index):
                dx[index] = g
            else:
                np.add.at(dx, index, g)  # an index may pick an element twice
            return (dx,)

        return record("getitem", np.asarray(x[index]), (self,), backward)

    def __setitem__(self, index, values) -> None:
        """Change elements in place; refused for a tensor that an operation made."""
        if self.node is not None:
            raise UsageError(f"the result of '{self.node.name}' cannot be changed in place", fix="use where()")
        self._data[index] = values
        self.version += 1


def record(name: str, data: np.ndarray, inputs: tuple[Tensor, ...], backward: Backward) -> Tensor:
    """The tensor of a result, with the node that leads back to its inputs if any of them wants a gradient.

    Args:
        name: the operation's name, for errors and pictures.
        data: the result, an ndarray.
        inputs: the tensors that it was made from.
        backward: takes the gradient of the result and returns one of each input's own shape, or None for those that
            need none. It must not refer to the tensor returned here (that would be a cycle); its arrays are fine.
    """
    out = Tensor.__new__(Tensor)
    out._data = data if isinstance(data, np.ndarray) else np.asarray(data)  # NumPy makes numbers of arrays without axes
    out.requires_grad, out.grad, out.node, out.version = False, None, None, 0
    if is_recording():
        for tensor in inputs:
            if tensor.requires_grad:
                out.requires_grad, out.node = True, Node(name, inputs, backward)
                break
    return out


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which a value of `shape` was repeated by broadcasting.

    Example:
        >>> unbroadcast(np.ones((2, 3)), (3,)), unbroadcast(np.ones((2, 3)), (2, 1)).shape
        (array([2., 2., 2.]), (2, 1))
    """
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    stretched = tuple(
        axis + added for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis + added] != 1
    )
    return gradient.sum(axis=(*range(added), *stretched)).reshape(shape)


def _to(tensor: Tensor, gradient: np.ndarray, derivative: np.ndarray | float | None = None) -> np.ndarray | None:
    """What a broadcasting operation sends back to one of its inputs; None if the input wants no gradient."""
    if not tensor.requires_grad:
        return None
    if derivative is not None:
        gradient = _chain(gradient, derivative)
    return unbroadcast(gradient, tensor.shape)


def _chain(gradient: np.ndarray, derivative: np.ndarray | float) -> np.ndarray:
    """gradient * derivative, where no gradient stays none: 0 * inf must not poison a branch that where() left out."""
    product = gradient * derivative
    if np.count_nonzero(product != product):  # NaN
        product = np.where(gradient == 0, 0, product)
    return product


def _keep(gradient: np.ndarray, axis, keepdims: bool) -> np.ndarray:
    """The gradient of a reduction, with the reduced axes put back in as size 1."""
    return gradient if keepdims or axis is None else np.expand_dims(gradient, axis)


def _is_basic(index) -> bool:
    parts: Sequence = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts)
