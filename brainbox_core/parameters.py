"""The numbers a model learns: one flat vector for all of them and one for their gradients; layers hold views.

Optimizers, gradient clipping and checkpoints are then a few operations on whole vectors instead of one per layer. The
views cannot be lost: what is assigned to a parameter, its gradient or its name is written into them, and a copy of a
model, or one that was pickled, gets vectors of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.tensor import Tensor


def fill(arrays: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray]) -> None:
    """Put numbers into arrays, by name.

    Raises:
        UsageError: the names, shapes or dtypes differ; nothing is changed then.
    """
    if odd := sorted(set(arrays) ^ set(values)):
        raise UsageError(f"the arrays and the model's layers differ in '{odd[0]}'")
    for name, array in arrays.items():
        if (values[name].shape, values[name].dtype) != (array.shape, array.dtype):
            got = f"{values[name].dtype} {values[name].shape}"
            raise UsageError(f"'{name}' does not fit", expected=f"{array.dtype} {array.shape}", got=got)
    for name, array in arrays.items():
        array[...] = values[name]


class Parameter(Tensor):
    """A tensor that training changes. Once part of a model, its numbers and its gradient are views of the model's.

    With `requires_grad = False` it is frozen: no optimizer moves it.
    """

    __slots__ = ("_slot",)

    def __init__(self, data: np.ndarray):
        super().__init__(data, requires_grad=True)
        self._slot: np.ndarray | None = None

    @property
    def grad(self) -> np.ndarray | None:
        return self._grad

    @grad.setter
    def grad(self, gradient) -> None:
        if gradient is None or gradient is self._slot:
            self._grad = gradient
        elif self._slot is None:
            self._grad = self._fitting(gradient).copy()
        else:
            np.copyto(self._slot, self._fitting(gradient))
            self._grad = self._slot

    @property
    def belongs(self) -> bool:
        """Whether it is part of a model, whose vector its numbers are in."""
        return self._slot is not None

    @property
    def vacant(self) -> np.ndarray | None:
        """Where an operation may write the first gradient of a step, to save a copy; None if there is no place."""
        return self._slot if self._grad is None else None

    def replace(self, values: Any) -> None:
        """Take over the numbers of what was assigned in place of this parameter."""
        if isinstance(values, Tensor) and (values.node is not None or getattr(values, "belongs", False)):
            fix = "copy the numbers with parameter.data = other.data, or use the other layer's parameter in __call__"
            raise UsageError("a parameter cannot be replaced by one of another layer, or by a result", fix=fix)
        if not isinstance(values, Tensor | np.ndarray | np.generic | int | float | list):
            raise UsageError("a parameter is replaced by numbers", got=repr(values), fix="make a new model without it")
        self.data = values.data if isinstance(values, Tensor) else values

    def _accumulate(self, gradient: np.ndarray) -> None:
        if self._slot is None:
            super()._accumulate(gradient)
        elif self._grad is None:  # the first gradient of a step overwrites the last step's: nothing has to be zeroed
            if gradient is not self._slot:
                np.copyto(self._slot, gradient)
            self._grad = self._slot
        else:
            self._grad += gradient

    def _is_learned(self) -> bool:
        return True


class Named(dict[str, Parameter]):
    """Parameters by name. Once they are part of a model, what is put in place of one is written into it."""

    def __setitem__(self, name: str, values: Any) -> None:
        before = self.get(name)
        if before is not None and before.belongs and values is not before:
            before.replace(values)
        else:
            super().__setitem__(name, values)


class Parameters:
    """All parameters of a model, by name, over two flat vectors.

    Args:
        named: the parameters by their full names (`conv2d_0/kernel`), in order; their numbers move into the vector.

    Attributes:
        values: every number, float32 unless the parameters are of another dtype.
        gradients: every gradient, complete after `gather()`.

    Example:
        >>> weight, bias = Parameter(np.ones((2, 2), np.float32)), Parameter(np.zeros(2, np.float32))
        >>> Parameters({"linear_0/weight": weight, "linear_0/bias": bias}).values
        array([1., 1., 1., 1., 0., 0.], dtype=float32)
    """

    def __init__(self, named: dict[str, Parameter]):
        for name, parameter in named.items():
            if parameter.belongs:
                raise UsageError(f"'{name}' is part of another model", fix="make a new layer for each model")
        self.named = Named(named)
        dtype = np.result_type(np.float32, *{parameter.dtype for parameter in named.values()})
        count = sum(parameter.size for parameter in named.values())
        self._values, self._gradients = np.zeros(count, dtype), np.zeros(count, dtype)
        for parameter, here in zip(named.values(), self._places(), strict=True):
            self._values[here] = parameter.data.reshape(-1)
            parameter._data = self._values[here].reshape(parameter.shape)
            parameter._slot = self._gradients[here].reshape(parameter.shape)
            parameter.grad = parameter.grad  # of a copy: moves into the vector

    def __len__(self) -> int:
        return self._values.size

    def __reduce__(self):
        """A copy, or what was pickled, puts its own parameters into vectors of its own."""
        return Parameters, (dict(self.named),)

    @property
    def values(self) -> np.ndarray:
        return self._values

    @values.setter
    def values(self, values: np.ndarray) -> None:
        self.assign(values)

    @property
    def gradients(self) -> np.ndarray:
        return self._gradients

    @gradients.setter
    def gradients(self, gradients: np.ndarray) -> None:
        self._gradients[...] = gradients
        for parameter in self.named.values():
            parameter.grad = parameter._slot

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.named.values():
            parameter._grad = None

    def gather(self) -> np.ndarray:
        """The vector of all gradients; 0 where none arrived since `zero_grad()`, and for what is frozen."""
        for parameter in self.named.values():
            if (parameter._grad is None or not parameter.requires_grad) and parameter._slot is not None:
                parameter._slot[...] = 0
        return self._gradients

    def trained(self) -> list[slice]:
        """Where in the vectors those parameters are that may change, neighbours together: everything, as a rule."""
        if not [parameter for parameter in self.named.values() if not parameter.requires_grad]:
            return [slice(None)]  # fast
        stretches: list[slice] = []
        for parameter, here in zip(self.named.values(), self._places(), strict=True):
            if parameter.requires_grad and stretches and stretches[-1].stop == here.start:
                stretches[-1] = slice(stretches[-1].start, here.stop)
            elif parameter.requires_grad:
                stretches.append(here)
        return stretches

    def touched(self) -> None:
        """Say that the values were changed in place, so that graphs built on the old ones refuse to run backward."""
        for parameter in self.named.values():
            parameter.changes[0] += 1

    def assign(self, values: np.ndarray) -> None:
        """Put a whole vector of values in place of the present one."""
        self._values[...] = values
        self.touched()

    def _places(self) -> list[slice]:
        """Where each parameter is in the vectors, in order."""
        ends = np.cumsum([0, *(parameter.size for parameter in self.named.values())]).tolist()
        return [slice(start, end) for start, end in itertools.pairwise(ends)]
