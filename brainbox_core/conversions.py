"""What Python and NumPy make of a tensor: numbers, lists, arrays, comparisons, and NumPy's functions of it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.tape import Recorded, elementwise, is_recording, numbers_of

# NumPy's functions that tensors have as operations of their own; np.add(array, x) is also what `array + x` calls.
_SIGNS: dict[Any, str] = {np.add: "add", np.subtract: "sub", np.multiply: "mul", np.divide: "truediv", np.power: "pow"}
_SIGNS[np.matmul] = "matmul"
_METHODS = {np.negative: "__neg__", np.absolute: "abs", np.exp: "exp", np.log: "log", np.sqrt: "sqrt", np.tanh: "tanh"}
_METHODS |= {getattr(np, name): name for name in ("sum", "mean", "var", "max", "min", "reshape", "transpose")}
_SHAPES_ALONE = (np.zeros_like, np.ones_like, np.empty_like, np.full_like)
_INSTEAD = "use .data or detach(), or functions of bb.functional such as concat(), stack(), where() and maximum()"

# What other libraries call it, and what does it here.
_ELSEWHERE = {
    "view": "reshape()",
    "flatten": "reshape(-1)",
    "ravel": "reshape(-1)",
    "squeeze": "reshape()",
    "unsqueeze": "reshape(), or index with None",
    "permute": "transpose()",
    "numel": "size",
    "dim": "ndim",
    "std": "var(...).sqrt()",
    "norm": "(x**2).sum().sqrt()",
    "softmax": "bb.functional.softmax()",
    "log_softmax": "bb.functional.log_softmax()",
    "clone": "x * 1, or Tensor(x.data.copy()) outside the graph",
    "copy": "x * 1, or Tensor(x.data.copy()) outside the graph",
    "astype": "Tensor(x.data.astype(...)), outside the graph",
    "zero_grad": "grad = None",
    "requires_grad_": "Tensor(..., requires_grad=True)",
    "grad_fn": "node",
    "is_leaf": "node, which is None then",
}


class Convertible(Recorded):
    """A tensor as far as Python and NumPy have to know it. See `Tensor`."""

    __slots__ = ()

    # --- numbers and lists ---------------------------------------------------------------------------------------

    def item(self) -> float:
        """The number in a tensor of one element."""
        if self.size != 1:
            raise UsageError("a single number needs a tensor of one element", got=f"shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The numbers as Python has them: nested lists, or one number for a tensor without axes."""
        return self._data.tolist()

    def __len__(self) -> int:
        return len(self._data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __format__(self, form: str) -> str:
        return format(self.item(), form) if form else str(self)

    def __repr__(self) -> str:
        made = f", made by {self.node.name}" if self.node else ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({np.array2string(self._data, separator=', ', prefix='Tensor(')}{made})"

    if not TYPE_CHECKING:  # which would take every name that is misspelt for an attribute

        def __getattr__(self, name: str) -> Any:
            what = f"a tensor has no '{name}'"
            raise AttributeError(f"{what}; use {_ELSEWHERE[name]}" if name in _ELSEWHERE else what, name=name, obj=self)

    # --- comparing: arrays of booleans, which have no gradient ---------------------------------------------------

    def __eq__(self, other) -> np.ndarray:  # type: ignore[override]  # element by element, as in NumPy
        return self._compare(operator.eq, other)

    def __ne__(self, other) -> np.ndarray:  # type: ignore[override]
        return self._compare(operator.ne, other)

    def __lt__(self, other) -> np.ndarray:
        return self._compare(operator.lt, other)

    def __le__(self, other) -> np.ndarray:
        return self._compare(operator.le, other)

    def __gt__(self, other) -> np.ndarray:
        return self._compare(operator.gt, other)

    def __ge__(self, other) -> np.ndarray:
        return self._compare(operator.ge, other)

    __hash__ = object.__hash__

    def _compare(self, compare: Callable, other) -> np.ndarray:
        if other is None or isinstance(other, str):
            return compare(self._data, other)
        return np.asarray(elementwise(compare, self._data, numbers_of(other)))

    # --- NumPy ---------------------------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The numbers as an array over the same memory, for reading: what is to be noticed is written to the tensor.

        Raises:
            UsageError: the tensor wants a gradient, which would lose its way there; `detach()` it, or use `no_grad()`.

        Example:
            >>> from brainbox_core.tensor import Tensor
            >>> Tensor([1.0, 2.0]).numpy()
            array([1., 2.], dtype=float32)
        """
        return self.__array__()

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if self.requires_grad and is_recording():
            raise _loses("NumPy", _INSTEAD)
        return np.array(self._read(), dtype, copy=copy)

    def _read(self) -> np.ndarray:
        """The array, not to be written to: that would not be counted as a change."""
        array = self._data.view()
        array.flags.writeable = False
        return array

    def __array_ufunc__(self, function, method: str, *given, **options) -> Any:
        """NumPy's functions element by element, and `array + tensor`."""
        if method != "__call__" or options:
            return self._by_numpy(getattr(function, method), function.__name__, given, options)
        if function in _SIGNS:
            first, second = given
            own = isinstance(first, Recorded)
            sign = f"__{_SIGNS[function]}__" if own else f"__r{_SIGNS[function]}__"
            return getattr(first, sign)(second) if own else getattr(second, sign)(first)
        if function in _METHODS:
            return getattr(self, _METHODS[function])()
        return self._by_numpy(function, function.__name__, given, options)

    def __array_function__(self, function, types, given: tuple, options: dict[str, Any]) -> Any:
        """NumPy's other functions: a tensor's own operation, or what they make of its numbers."""
        plain = len(given) < 3 and options.keys() <= {"axis", "keepdims"}
        if function in _METHODS and plain and given and given[0] is self:
            return getattr(self, _METHODS[function])(*given[1:], **options)
        return self._by_numpy(function, function.__name__, given, options)

    def _by_numpy(self, function, name: str, given: tuple, options: dict[str, Any]) -> Any:
        result = function(*_arrays(given), **_arrays(options))
        loses = is_recording() and any(tensor.requires_grad for tensor in _tensors((given, options)))
        if loses and function not in _SHAPES_ALONE and _may_have_gradient(result):
            raise _loses(f"np.{name}()", f"use x.{name}()" if hasattr(type(self), name) else _INSTEAD)
        return result


def _loses(who: str, fix: str) -> UsageError:
    return UsageError(f"{who} cannot take a tensor that wants a gradient: it would get none", fix=fix)


def _may_have_gradient(result: Any) -> bool:
    """Whether something depends smoothly on what it was made of: not so booleans, whole numbers and texts."""
    if isinstance(result, tuple | list):
        return any(map(_may_have_gradient, result))
    return result is None or np.asarray(result).dtype.kind in "fc"  # None: it was written to some place


def _arrays(values: Any) -> Any:
    """The same with arrays in place of tensors."""
    if isinstance(values, Convertible):
        return values._read()
    if isinstance(values, dict):
        return {name: _arrays(value) for name, value in values.items()}
    return type(values)(map(_arrays, values)) if type(values) in (tuple, list) else values


def _tensors(values: Any) -> Iterator[Recorded]:
    if isinstance(values, Recorded):
        yield values
    elif isinstance(values, tuple | list | dict):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _tensors(value)
