"""What a header computes, in NumPy, bit for bit: float32 and integers.

In float32, sums are added up one term after another, as the C does it. In integers, products are summed in floating
point, which BLAS is fast at and which is exact here: every sum is a whole number below 2**31, proved so by `quantize`,
and float64 holds whole numbers to 2**53, float32 to 2**24. All else is int64.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from brainbox_core.exact import float_math
from brainbox_core.export.network.activations import ACTIVATIONS
from brainbox_core.export.network.lower import Program, Step
from brainbox_core.export.network.quantize import HIGH, LOW, IntProgram, IntStep, Rescale

_CHUNK = 256  # inputs at a time, which bounds the memory


def taking_bytes(program: Program) -> Program:
    """The same program for bytes 0 to 255: the division by 255 goes into the first step's weights.

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
        offset = None if first.offset is None else first.offset * np.float32(255)
        steps = [replace(first, weight=(first.weight / 255).astype(np.float32), offset=offset)]
    elif first.kind == "identity":
        steps = [replace(first, kind="scale", weight=share[0], bias=share[1])]
    else:
        steps = [Step("scale", ("pixels_0",), first.input_shape, first.input_shape, *share), first]
    return replace(program, steps=(*steps, *others))


def run(program: Program | IntProgram, X: np.ndarray) -> np.ndarray:
    """The outputs for a batch, (n, ...) -> (n, height, width, channels), float32 or int8.

    Args:
        program: in integers, or in float32 as `taking_bytes` gives it.
        X: uint8 where the program takes pixels, else numbers, which become float32; (n, ...).
    """
    starts = range(0, max(len(X), 1), _CHUNK)
    return np.concatenate([outputs(program, X[start : start + _CHUNK])[-1] for start in starts])


def outputs(program: Program | IntProgram, X: np.ndarray) -> list[np.ndarray]:
    """What every step makes of a batch, (n, height, width, channels) each."""
    pixels = isinstance(program, IntProgram) and program.program.pixels
    x, found = X if pixels else X.astype(np.float32), []
    with np.errstate(all="ignore"):  # inputs that are not finite are computed with, as in C
        for step in program.steps:
            if isinstance(step, IntStep):
                x = _int_step(step, x.reshape(len(x), *step.step.input_shape))
            else:
                x = _float_step(step, x.reshape(len(x), *step.input_shape))
            found.append(x)
    return found


def _windows(x: np.ndarray, size: tuple[int, ...], stride: tuple[int, ...]) -> list[np.ndarray]:
    """For each place of a window, top left first, what the windows all over the image have there."""
    (rows, columns), (down, across) = size, stride
    h, w = (x.shape[1] - rows) // down + 1, (x.shape[2] - columns) // across + 1
    return [
        x[:, i : i + down * h : down, j : j + across * w : across][:, :h, :w]
        for i in range(rows)
        for j in range(columns)
    ]


def _pooled(step: Step, x: np.ndarray) -> np.ndarray:
    """Windows reduced to one number each: the largest, or the sum."""
    if step.pool is None:
        return x
    y, *others = _windows(x, step.pool.size, step.pool.stride)
    for place in others:
        y = y + place if step.averages else np.where(place > y, place, y)
    return y


# --- float32 ---------------------------------------------------------------------------------------------------------


def _float_step(step: Step, x: np.ndarray) -> np.ndarray:
    if step.kind == "softmax":
        return float_math.softmax(x)
    if step.kind == "linear":
        weight, bias = step.learned
        x = x.reshape(len(x), 1, 1, len(weight))
        x = _added_up(bias, [x], weight[None])
    elif step.kind == "conv":
        weight, bias = step.learned
        places = _windows(np.pad(x, ((0, 0), *step.padding, (0, 0))), weight.shape[:2], step.stride)
        x = _added_up(bias, places, weight.reshape(len(places), *weight.shape[2:]))
    elif step.kind == "scale":
        weight, bias = step.learned
        x = (x if step.offset is None else x - step.offset) * weight + bias
    activate = ACTIVATIONS[step.activation].float32
    if step.pool is not None and step.averages:
        return _pooled(step, activate(x, step.slope)) * np.float32(1 / math.prod(step.pool_size))
    return activate(_pooled(step, x), step.slope)


def _added_up(bias: np.ndarray, places: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The bias, plus the numbers of each place times their weights (inputs, channels), one after another."""
    total = np.broadcast_to(bias, (*places[0].shape[:3], len(bias))).copy()
    for place, weight in zip(places, weights, strict=True):
        for i, row in enumerate(weight):
            total += place[..., i : i + 1] * row
    return total


# --- integers --------------------------------------------------------------------------------------------------------


def _int_step(step: IntStep, x: np.ndarray) -> np.ndarray:
    if step.step.kind == "quantize":
        return _quantized(step, x)
    if step.step.kind == "softmax":
        return _softmax(step, x)
    if step.rescale is None:  # numbers are chosen, not computed
        y = _pooled(step.step, x).astype(np.int64)
        if step.table is None:
            return (y + (LOW if step.bytes_in else 0)).astype(np.int8)
        return step.table[y - (0 if step.bytes_in else LOW)]
    bias = np.int64(0) if step.bias is None else step.bias.astype(np.int64)
    sums = _sums(step, x)
    if step.step.averages:
        sums = sums.astype(np.int64) + bias
        sums = _pooled(step.step, np.maximum(sums, 0) if step.step.activation == "relu" else sums)
    else:  # the largest of a channel's sums is the same with its bias and without
        sums = _pooled(step.step, sums).astype(np.int64) + bias
    y = rescale(sums, step.rescale)
    return y if step.table is None else step.table[y.astype(np.int64) - LOW]


def _quantized(step: IntStep, x: np.ndarray) -> np.ndarray:
    """Floats to int8, in float32 as the device does it; NaN becomes -128."""
    if step.columns is not None:
        low, factor = step.columns
        y = (x - low) * factor
    else:
        scale, offset = quantizing(step)
        y = x * scale
        y = y + offset
    y = np.where(y > 0, np.where(y < 255, y, np.float32(255)), np.float32(0))
    return ((y + np.float32(0.5)).astype(np.int64) + LOW).astype(np.int8)


def quantizing(step: IntStep) -> tuple[np.float32, np.float32]:
    """The factor and the summand that bring a float to the range 0 to 255 where all inputs share them."""
    return np.float32(1 / step.result.scale), np.float32(step.result.zero - LOW)


def _sums(step: IntStep, x: np.ndarray) -> np.ndarray:
    """(n, h, w, c) -> the sums before bias and pool, in whole numbers of some dtype."""
    if step.weight is None:
        return x.astype(np.int64)
    s, weight = step.step, step.weight.reshape(-1, step.weight.shape[-1])
    exact = np.float32 if 255 * np.abs(weight.astype(np.int64)).sum(axis=0).max() < 2**24 else np.float64
    x, weight = x.astype(exact), weight.astype(exact)
    if s.kind == "scale":
        return x * weight
    if s.kind == "linear":
        return (x.reshape(len(x), len(weight)) @ weight).reshape(len(x), *s.map_shape)
    zeros = ((0, 0), *s.padding, (0, 0))
    x = np.pad(x, zeros, constant_values=step.source.zero) if np.any(s.padding) else x
    windows = sliding_window_view(x, step.weight.shape[:2], (1, 2))[:, :: s.stride[0], :: s.stride[1]]
    columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, len(weight))  # (n, h, w, c, kh, kw) -> kernel's order
    return (columns @ weight).reshape(*windows.shape[:3], -1)


def rescale(sums: np.ndarray, by: Rescale) -> np.ndarray:
    """Sums (..., channels) to int8: one multiplication, one rounding, one clamp."""
    y = _rounded(sums, by.multiplier, by.shift)
    if by.below is not None:
        y = np.where(sums < 0, _rounded(sums, *by.below), y)
    return np.clip(y + by.zero, by.low, by.high).astype(np.int8)


def _rounded(sums: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The nearest whole number to sums * multiplier / 2**shift; halves go up."""
    shift = shift.astype(np.int64)
    return (sums * multiplier.astype(np.int64) + (np.int64(1) << (shift - 1))) >> shift


def _softmax(step: IntStep, x: np.ndarray) -> np.ndarray:
    x, table = x.astype(np.int64), np.asarray(step.table, np.int64)
    e = table[x.max(axis=-1, keepdims=True) - x]
    total = e.sum(axis=-1, keepdims=True)
    return np.minimum((e * 256 + total // 2) // total + LOW, HIGH).astype(np.int8)
