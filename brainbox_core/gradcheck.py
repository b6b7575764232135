"""Is a gradient right? `check_gradients` compares `backward()` with a derivative taken numerically.

The complex step f'(x) = Im f(x + ih) / h loses no digits to subtraction, so a correct gradient agrees to 1e-10 and
better (Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 1998).
Central differences work for functions that complex numbers cannot go through, to about 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

_COMPLEX_STEP = 1e-30
_DIFFERENCE_STEP = 1e-6
_KINK = 1e-3


@dataclass(frozen=True)
class GradientCheck:
    """What a check found: the largest relative error, how many elements were compared, how many sit on a kink.

    The error is NaN if a gradient or a derivative is.
    """

    max_error: float
    compared: int
    skipped: int


def check_gradients(
    function: Callable[..., Tensor], *arrays: np.ndarray, method: str = "complex", seed: int = 0
) -> GradientCheck:
    """Compare the gradient of a function of tensors with its numerical derivative, element by element.

    The function's result may have any shape; it is weighted with fixed random numbers and summed. An element at which
    the slopes to the left and to the right differ has no derivative, is not compared, and is counted in `skipped`.

    Args:
        function: takes as many tensors as there are arrays and returns a tensor; called many times.
        arrays: the point, taken as float64.
        method: "complex" (exact, needs a function that complex numbers can go through) or "difference".
        seed: of the weights.

    Returns:
        The check; errors are |difference| / max(1, |derivative|).

    Raises:
        UsageError: an unknown method, or a gradient whose shape differs from its value's.

    Example:
        >>> check_gradients(lambda x: x.tanh() * x, np.linspace(-2, 2, 5)).max_error < 1e-10
        True
    """
    if method not in ("complex", "difference"):
        raise UsageError("unknown method", expected="'complex' or 'difference'", got=repr(method))
    point = [np.array(array, dtype=np.float64) for array in arrays]
    tensors = [Tensor(array, requires_grad=True) for array in point]
    result = function(*tensors)
    weights = stream(seed, "gradcheck").uniform(0.5, 1.5, result.shape)
    result.backward(weights)

    def moved(which: int, index: tuple[int, ...], step: complex) -> complex:
        values = [a.astype(complex) if isinstance(step, complex) else a.copy() for a in point]
        values[which][index] += step
        with no_grad():
            return (function(*map(Tensor, values)).data * weights).sum()

    errors, skipped = [0.0], 0
    for which, array in enumerate(point):
        gradient = tensors[which].grad
        if gradient is None:
            gradient = np.zeros_like(array)
        if gradient.shape != array.shape:
            raise UsageError("a gradient has another shape than its value", expected=array.shape, got=gradient.shape)
        for index in np.ndindex(array.shape):
            here, up, down = (moved(which, index, step) for step in (0.0, _DIFFERENCE_STEP, -_DIFFERENCE_STEP))
            right, left = (up - here) / _DIFFERENCE_STEP, (here - down) / _DIFFERENCE_STEP
            if abs(right - left) > _KINK * max(1.0, abs(right), abs(left)):
                skipped += 1
                continue
            derivative = (up - down) / (2 * _DIFFERENCE_STEP)
            if method == "complex":
                derivative = moved(which, index, complex(0, _COMPLEX_STEP)).imag / _COMPLEX_STEP
            errors.append(float(abs(gradient[index] - derivative)) / max(1.0, abs(derivative)))
    return GradientCheck(float(np.max(errors)), len(errors) - 1, skipped)  # NaN if any error is
