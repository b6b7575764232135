"""What a network is given and gives back: one array, or several that belong together row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainbox_core.data import real_array
from brainbox_core.errors import UsageError, sizes
from brainbox_core.kernels.padded import Padded
from brainbox_core.kernels.rows import Rows, Together
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.layers.base import Shape, Shapes
from brainbox_core.tensor import Tensor


def one_or_all(parts: Sequence[Any]) -> Any:
    """The only one of several parts, or a list of all."""
    return parts[0] if len(parts) == 1 else list(parts)


def shapes_of(input_shape: Shapes, inputs: int | None) -> list[Shape]:
    """The shapes of one input each, from one shape or a list of them.

    Args:
        inputs: how many the network has; None if nobody knows.
    """
    several = inputs != 1 and isinstance(input_shape, list) and input_shape and isinstance(input_shape[0], tuple | list)
    given: Any = input_shape if several else [input_shape]
    shapes = [sizes("input_shape", shape) for shape in given]
    if inputs is not None and len(shapes) != inputs:
        raise UsageError("each input needs a shape", expected=f"{inputs} in a list", got=input_shape)
    return shapes


def shapes_in(X: Rows) -> Shapes:
    """The shape of one input, or a list of them, as `gathered` inputs have it."""
    return [part.shape[1:] for part in X] if isinstance(X, Together) else X.shape[1:]


def gathered(X: Any, inputs: int | None, lengths: Any = None) -> Rows:
    """Inputs as arrays of real numbers.

    Args:
        X: an array or what can become one; a list or tuple of arrays for several inputs.
        inputs: how many the network has; None if nobody knows, and two arrays or more are as many inputs.
        lengths: of the sequences in X, (n,); a list of such for several inputs, None for those that need none.
    """
    if isinstance(X, Together) or (
        isinstance(X, list | tuple)
        and (inputs is None and len(X) > 1 and all(isinstance(part, np.ndarray) for part in X))
    ):
        several = list(X)
    elif inputs is not None and inputs > 1:
        several = list(X) if isinstance(X, list | tuple) else [X]
    else:
        return real_array(X) if lengths is None else _sequences(X, lengths)
    if inputs is not None and len(several) != inputs:
        raise UsageError("X holds an array for each input", expected=f"a list of {inputs}", got=len(several))
    each = [None] * len(several) if lengths is None else lengths
    if not isinstance(each, list | tuple) or len(each) != len(several):
        got = len(each) if isinstance(each, list | tuple) else type(each).__name__
        raise UsageError("lengths of several inputs", expected=f"a list of {len(several)}, None for none", got=got)
    return Together([_sequences(*pair) for pair in zip(several, each, strict=True)])


def _sequences(X: Any, lengths: Any) -> Any:
    """One input as an array of real numbers, with its lengths if there are any."""
    X = real_array(X)
    if lengths is None:
        return X
    if isinstance(X, Padded):
        raise UsageError("sequences of different lengths say how long they are", fix="leave out `lengths`")
    return Padded(X, lengths)


def fits(X: Any, want: Shape) -> bool:
    """Whether rows of one input have a shape; a last axis of 1 may be there or not."""
    shape = X.shape[1:]
    return shape in (want, (*want, 1)) or (*shape, 1) == want


def of_other_lengths(X: Any, want: Shape, sequences: bool) -> Padded:
    """Rows of one input that have another shape than the model was built for: another number of steps, or refused.

    Args:
        sequences: whether the input holds sequences, of any number of steps.
    """
    shape = X.shape
    if len(shape) > 1 and shape[1] and shape[2:] == want[1:] and (sequences or isinstance(X, Padded)):
        return X if isinstance(X, Padded) else Padded(X, np.full(len(X), shape[1]))
    if shape in (want, (*want, 1)) or (*shape, 1) == want:
        fix = "X[None] makes it a batch of one"
        raise UsageError("one input without a batch axis", got=f"shape {shape}", fix=fix)
    raise UsageError("inputs do not fit the model", expected=("n", *want), got=shape)


def converted(X: Any, shape: Shape, ids: bool, said: bool) -> Tensor | SparseRows | Padded:
    """A batch of one input as its first layer takes it: float32, and pixels from 0 to 1, as X / 255 has them.

    Args:
        shape: of one input.
        ids: whether it holds whole numbers to look up.
        said: whether uint8 is known to be pixels, whatever its shape.
    """
    if isinstance(X, SparseRows):
        return X
    if isinstance(X, Padded):
        cut = X.cut()
        return cut.holding(converted(cut.array, (cut.shape[1], *shape[1:]), ids, said))
    if X.ndim != 1 + len(shape):  # a last axis of 1 too many or too few
        X = X.reshape(len(X), *shape)
    if ids:
        return Tensor(X.astype(np.float64, copy=False))  # float32 has one number for several ids above 2**24
    if (said and X.dtype == np.uint8) or are_pixels(X.dtype, shape):
        return Tensor(np.divide(X, np.float32(255), dtype=np.float32))
    return Tensor(X.astype(np.float32, copy=False))


def are_pixels(dtype: np.dtype, shape: Shape) -> bool:
    """Whether inputs are pixels, to be divided by 255: uint8 in the shape of pictures, (H, W) or (H, W, C).

    Example:
        >>> are_pixels(np.dtype(np.uint8), (28, 28)), are_pixels(np.dtype(np.uint8), (784,))
        (True, False)
    """
    return dtype == np.uint8 and len(shape) in (2, 3)


def joined(parts: Sequence[Any], shapes: Sequence[Shape]) -> np.ndarray | Together:
    """The outputs of batches as one array, or as one for each of several outputs."""
    if len(shapes) == 1:
        return np.concatenate([_array(part) for part in parts]) if parts else np.zeros((0, *shapes[0]), np.float32)
    return Together([joined([part[place] for part in parts], [shape]) for place, shape in enumerate(shapes)])  # type: ignore[misc]


def _array(part: Tensor | Padded) -> np.ndarray:
    """The outputs of a batch as an array, with all of their steps and 0 after the end of each sequence."""
    if isinstance(part, Tensor):
        return part.data
    cut = part.holding(part.array.data).cut().array
    whole = np.zeros((len(part), part.time, *part.shape[2:]), cut.dtype)
    whole[:, : cut.shape[1]] = cut
    return whole


def tensors(outputs: np.ndarray | Together) -> Any:
    """Outputs as tensors, as a loss takes them."""
    return [Tensor(part) for part in outputs] if isinstance(outputs, Together) else Tensor(outputs)


def are_finite(outputs: np.ndarray | Together) -> bool:
    """Whether all outputs are finite numbers."""
    return all(np.isfinite(part).all() for part in (outputs if isinstance(outputs, Together) else [outputs]))
