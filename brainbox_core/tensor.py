"""Array autograd: a `Tensor` holds an ndarray, an optional gradient, and the node that made it.

Every operation on tensors computes its result at once and, if a gradient will be wanted, leaves a `Node` on the tape
that knows the inputs and how to send a gradient back to them; `backward()` goes back along it.

Numbers: arrays of floats keep their dtype (the gradient checks run in complex128); whole numbers, booleans and plain
Python numbers become float32. A Python number beside a tensor takes the tensor's dtype; two arrays promote as in NumPy.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from brainbox_core.conversions import Convertible
from brainbox_core.errors import UsageError
from brainbox_core.kernels import dense
from brainbox_core.kernels.memory import product
from brainbox_core.tape import Backward, Node, elementwise, is_recording
from brainbox_core.tape import no_grad as no_grad


class Tensor(Convertible):
    """An n-dimensional array that can be differentiated.

    Args:
        data: numbers, a (nested) list of them, or an ndarray, which is kept and not copied.
        requires_grad: whether `backward()` leaves a gradient in `.grad`.

    Attributes:
        data: the ndarray. Assigning (`t.data -= 0.1 * t.grad`) writes into it and marks the tensor as changed.
        grad: an ndarray of the same shape after `backward()`, None before. It may be assigned.
        changes: how often the numbers were changed in place, in a list that all tensors over the same memory share.

    `==`, `<` and the like give boolean ndarrays, element by element. NumPy's functions give what the tensor's own
    operations give where it has them (`np.exp`, `np.mean`), and arrays elsewhere; where that would lose a gradient they
    are refused. `x += 1` gives the name `x` a new tensor, except
    for what has a gradient of its own (a parameter): that is changed itself, inside `no_grad()` and nowhere else.

    Example:
        >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> y = (x**2).sum()
        >>> y.backward()
        >>> x.grad
        array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ()

    def detach(self) -> Tensor:
        """The same array as a tensor of its own, outside the graph."""
        out = Tensor(self._data)
        out.changes = self.changes
        return out

    # --- arithmetic ----------------------------------------------------------------------------------------------

    def __add__(self, other) -> Tensor:
        other = self._beside(other)
        y = elementwise(operator.add, self._data, other._data)
        return record("add", y, (self, other), lambda g: (_to(self, g), _to(other, g)))

    def __sub__(self, other) -> Tensor:
        other = self._beside(other)
        y = elementwise(operator.sub, self._data, other._data)
        return record("sub", y, (self, other), lambda g: (_to(self, g), _to(other, g, -1)))

    def __mul__(self, other) -> Tensor:
        other = self._beside(other)
        y = elementwise(operator.mul, self._data, other._data)
        return record("mul", y, (self, other), lambda g: (_to(self, g, other._data), _to(other, g, self._data)))

    def __truediv__(self, other) -> Tensor:
        other = self._beside(other)
        b = other._data
        with np.errstate(divide="ignore", invalid="ignore"):
            y = elementwise(operator.truediv, self._data, b)
        return record("div", y, (self, other), lambda g: (_to(self, g, 1 / b), _to(other, g, -y / b)))

    def __pow__(self, other) -> Tensor:
        """x ** y; the derivative by y is 0 where x <= 0, and 0 ** 0 is 1 with derivative 0."""
        other = self._beside(other)
        a, b = self._data, other._data
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            y = elementwise(operator.pow, a, b)

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
        """1 / (1 + exp(-x)), with all its digits on both sides; so has its derivative."""
        y, other = dense.sigmoid(self._data)
        return record("sigmoid", y, (self,), lambda g: (g * y * other,))

    def relu(self) -> Tensor:
        """max(x, 0); the derivative at 0 is 0."""
        y, positive = dense.relu(self._data)
        return record("relu", y, (self,), lambda g: (product(g, positive),))

    def abs(self) -> Tensor:
        """|x|; the derivative at 0 is 0."""
        sign = np.sign(self._data.real)  # of the real part, so that the complex step sees an analytic function
        return record("abs", self._data * sign, (self,), lambda g: (g * sign,))

    __abs__ = abs

    def clip(self, low: float | None, high: float | None) -> Tensor:
        """x limited to [low, high], None for no limit; the derivative is 1 inside and on the limits, 0 outside."""
        x = self._data
        low, high = -np.inf if low is None else low, np.inf if high is None else high
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

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """The largest element; where several are equal, the first one gets the gradient."""
        x = self._data
        if isinstance(axis, tuple):
            reduced = sorted(set(_from_the_front(axis, x.ndim)))
            kept = [each for each in range(x.ndim) if each not in reduced]
            largest = self.transpose(*kept, *reduced).reshape(*(x.shape[each] for each in kept), -1).max(axis=-1)
            return largest.reshape(x.max(axis=axis, keepdims=True).shape) if keepdims else largest
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

    def min(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """The smallest element; where several are equal, the first one gets the gradient."""
        return -(-self).max(axis, keepdims)

    def argmax(self, axis: int | None = None) -> np.ndarray:
        """Where the largest element is: whole numbers in an ndarray, which have no gradient."""
        return np.asarray(self._data.real.argmax(axis))

    # --- shape ---------------------------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:  # noqa: N802  # as everybody calls it
        """The axes in reverse."""
        return self.transpose()

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

    def transpose(self, *axes: int | tuple[int, ...]) -> Tensor:
        """The axes in another order, one by one or in one tuple; without arguments in reverse."""
        order: Any = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        order = _from_the_front(tuple(order) or tuple(reversed(range(self.ndim))), self.ndim)
        back = np.argsort(order)
        if sorted(order) != list(range(self.ndim)):
            raise UsageError("transpose()", expected=f"each of {self.ndim} axes once", got=order)
        return record("transpose", self._data.transpose(order), (self,), lambda g: (g.transpose(back),))

    def __getitem__(self, index) -> Tensor:
        x = self._data
        if isinstance(index, Tensor):
            raise UsageError("a tensor cannot be an index", fix="index with whole numbers, slices or an int ndarray")

        def backward(g):
            dx = np.zeros_like(x)
            if _is_basic(index) or (isinstance(index, np.ndarray) and index.dtype.kind == "b"):
                dx[index] = g
            else:
                np.add.at(dx, index, g)  # an index may pick an element twice
            return (dx,)

        return record("getitem", np.asarray(x[index]), (self,), backward)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("a tensor without axes has no rows to go through; item() is its number")
        return (self[row] for row in range(len(self)))

    # --- x += y: of a name, or of a parameter --------------------------------------------------------------------

    def __iadd__(self, other) -> Tensor:
        return self._changed("+", self + other)

    def __isub__(self, other) -> Tensor:
        return self._changed("-", self - other)

    def __imul__(self, other) -> Tensor:
        return self._changed("*", self * other)

    def __itruediv__(self, other) -> Tensor:
        return self._changed("/", self / other)

    def __ipow__(self, other) -> Tensor:
        return self._changed("**", self**other)

    def __imatmul__(self, other) -> Tensor:
        return self._changed("@", self @ other)

    def _changed(self, sign: str, result: Tensor) -> Tensor:
        """What `x {sign}= y` leaves in x. A function of tensors computes the same inside `no_grad()` and outside."""
        if self.node is not None or not self._is_learned():
            return result
        if is_recording():
            fix = f"do it inside bb.no_grad() to change it, or write x = x {sign} y for a new tensor"
            raise UsageError(f"{sign}= on a tensor that has a gradient of its own", fix=fix)
        self.data = result._data
        return self


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
    out.requires_grad, out._grad, out.node = False, None, None
    out.changes = [0]
    base = out._data.base
    for tensor in inputs:
        if data is tensor._data or (base is not None and np.may_share_memory(data, tensor._data)):
            out.changes = tensor.changes  # a view: whoever changes it changes the other, too
            break
    if is_recording():
        for tensor in inputs:
            if tensor.requires_grad:
                out.requires_grad, out.node = True, Node(name, inputs, backward, out.changes)
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


def _from_the_front(axes: Sequence[int], ndim: int) -> list[int]:
    """Axes that may count from the end."""
    if not all(-ndim <= axis < ndim for axis in axes):
        raise UsageError("no such axis", expected=f"each of {ndim} axes once", got=tuple(axes))
    return [axis % ndim for axis in axes]


def _is_basic(index) -> bool:
    parts: Sequence = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts)
