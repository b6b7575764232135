"""What the float32 header computes, in NumPy: the same operations in the same order, so the same bits.

Rows of the input are independent of each other and so are outputs, so NumPy may do them all at once; what is added up
is added one term after the other, as the C does it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainbox_core.exact import float_math
from brainbox_core.export.network.lower import Program, Step

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.where(x < 0, np.float32(0), x),
    "sigmoid": float_math.sigmoid,
    "tanh": float_math.tanh,
}


def taking_bytes(program: Program) -> Program:
    """The same program for inputs 0 to 255 as they are: what divides them by 255 goes into the first step's weights.

    Example:
        >>> step = Step("linear", ("linear_0",), (1, 1, 1), (1, 1, 1), np.float32([[51]]), np.float32([0]))
        >>> taking_bytes(Program((1, 1, 1), True, (step,))).steps[0].weight
        array([[0.2]], dtype=float32)
    """
    if not program.pixels:
        return program
    first, *others = program.steps
    channels = program.input_shape[2]
    share = np.full(channels, 1 / 255, np.float32), np.zeros(channels, np.float32)
    if first.weight is not None:
        steps = [replace(first, weight=(first.weight / 255).astype(np.float32))]
    elif first.kind == "identity":
        steps = [replace(first, kind="scale", weight=share[0], bias=share[1])]
    else:
        steps = [Step("scale", ("pixels_0",), first.input_shape, first.input_shape, *share), first]
    return replace(program, steps=(*steps, *others))


def run(program: Program, X: np.ndarray) -> np.ndarray:
    """The outputs for a batch.

    Args:
        program: as `taking_bytes` gives it.
        X: (n, inputs), bytes 0 to 255 or float32.

    Returns:
        (n, outputs), float32.
    """
    return outputs(program, X)[-1].reshape(len(X), -1)


def outputs(program: Program, X: np.ndarray) -> list[np.ndarray]:
    """What every step makes of a batch."""
    found = []
    with np.errstate(all="ignore"):  # inputs that are not finite are computed with, as in C
        x = X.astype(np.float32)
        for step in program.steps:
            x = _STEPS[step.kind](step, x.reshape(len(x), *step.input_shape))
            found.append(x)
    return found


def _linear(step: Step, x: np.ndarray) -> np.ndarray:
    x = x.reshape(len(x), -1)
    total = np.repeat(step.bias[None], len(x), axis=0)
    for i, row in enumerate(step.weight):
        total += x[:, i : i + 1] * row
    return ACTIVATIONS[step.activation](total)


def _conv(step: Step, x: np.ndarray) -> np.ndarray:
    x = np.pad(x, ((0, 0), *step.padding, (0, 0)))
    kh, kw, channels, filters = step.weight.shape
    h, w, _ = step.map_shape
    total = np.broadcast_to(step.bias, (len(x), h, w, filters)).copy()
    for i in range(kh):
        for j in range(kw):
            part = x[:, i : i + h * step.stride[0] : step.stride[0], j : j + w * step.stride[1] : step.stride[1]]
            part = part[:, :h, :w]
            for c in range(channels):
                total += part[..., c : c + 1] * step.weight[i, j, c]
    return _activate_and_pool(step, total)


def _scale(step: Step, x: np.ndarray) -> np.ndarray:
    return _activate_and_pool(step, x * step.weight + step.bias)


def _identity(step: Step, x: np.ndarray) -> np.ndarray:
    return _activate_and_pool(step, x)


def _softmax(step: Step, x: np.ndarray) -> np.ndarray:
    return float_math.softmax(x)


def _activate_and_pool(step: Step, x: np.ndarray) -> np.ndarray:
    """A max pool comes before the activation, an average pool behind it."""
    activate = ACTIVATIONS[step.activation]
    if step.pool is None:
        return activate(x)
    average = step.pool.kind == "avg"
    if average:
        x = activate(x)
    (ph, pw), (sh, sw), (h, w, _) = step.pool.size, step.pool.stride, step.output_shape
    places = [x[:, i : i + h * sh : sh, j : j + w * sw : sw][:, :h, :w] for i in range(ph) for j in range(pw)]
    y = places[0]
    for place in places[1:]:
        y = y + place if average else np.where(place > y, place, y)
    return y * np.float32(1 / (ph * pw)) if average else activate(y)


_STEPS = {"linear": _linear, "conv": _conv, "scale": _scale, "identity": _identity, "softmax": _softmax}
