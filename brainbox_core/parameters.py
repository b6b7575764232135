"""The numbers a model learns: one flat vector for all of them and one for their gradients; layers hold views.

Optimizers, gradient clipping and checkpoints are then a few operations on whole vectors instead of one per layer.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.tensor import Tensor


class Parameter(Tensor):
    """A tensor that training changes. Once part of a model, its numbers and its gradient are views of the model's."""

    __slots__ = ("_slot",)

    def __init__(self, data: np.ndarray):
        super().__init__(data, requires_grad=True)
        self._slot: np.ndarray | None = None

    @property
    def vacant(self) -> np.ndarray | None:
        """Where an operation may write the first gradient of a step, to save a copy; None if there is no place."""
        return self._slot if self.grad is None else None

    def _accumulate(self, gradient: np.ndarray) -> None:
        if self._slot is None:
            super()._accumulate(gradient)
        elif self.grad is None:  # the first gradient of a step overwrites the last step's: nothing has to be zeroed
            if gradient is not self._slot:
                np.copyto(self._slot, gradient)
            self.grad = self._slot
        else:
            self.grad += gradient


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
        self.named = named
        dtype = np.result_type(np.float32, *{parameter.dtype for parameter in named.values()})
        count = sum(parameter.size for parameter in named.values())
        self.values, self.gradients = np.zeros(count, dtype), np.zeros(count, dtype)
        start = 0
        for parameter in named.values():
            here = slice(start, start + parameter.size)
            self.values[here] = parameter.data.reshape(-1)
            parameter._data = self.values[here].reshape(parameter.shape)
            parameter._slot = self.gradients[here].reshape(parameter.shape)
            parameter.grad = None
            start = here.stop

    def __len__(self) -> int:
        return self.values.size

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.named.values():
            parameter.grad = None

    def gather(self) -> np.ndarray:
        """The vector of all gradients; 0 where none arrived since `zero_grad()`."""
        for parameter in self.named.values():
            if parameter.grad is None and parameter._slot is not None:
                parameter._slot[...] = 0
        return self.gradients

    def touched(self) -> None:
        """Say that the values were changed in place, so that graphs built on the old ones refuse to run backward."""
        for parameter in self.named.values():
            parameter.version += 1

    def assign(self, values: np.ndarray) -> None:
        """Put a whole vector of values in place of the present one."""
        self.values[...] = values
        self.touched()
