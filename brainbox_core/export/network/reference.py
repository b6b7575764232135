"""The integer program in NumPy: what a device computes, bit for bit, and nothing that it does not.

Products are summed in floating point, which BLAS is fast at and which is exact here: every sum is a whole number below
2**31, proved so by `quantize`, and float64 holds whole numbers to 2**53, float32 to 2**24. All else is int64.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from brainbox_core.export.network.quantize import HIGH, LOW, IntProgram, IntStep, Rescale

_CHUNK = 256  # inputs at a time, which bounds the memory


def run(program: IntProgram, X: np.ndarray) -> np.ndarray:
    """The int8 outputs for a batch, (n, ...) -> (n, height, width, channels).

    Args:
        X: uint8 where the program takes pixels, else numbers, which become float32; (n, ...).
    """
    parts = [outputs(program, X[start : start + _CHUNK])[-1] for start in range(0, len(X), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, *program.program.output_shape), np.int8)


def outputs(program: IntProgram, X: np.ndarray) -> list[np.ndarray]:
    """What every step makes of a batch, int8 (n, height, width, channels) each."""
    x, found = X if program.program.pixels else X.astype(np.float32), []
    for step in program.steps:
        x = _step(step, x.reshape(len(x), *step.step.input_shape))
        found.append(x)
    return found


def _step(step: IntStep, x: np.ndarray) -> np.ndarray:
    kind, pool = step.step.kind, step.step.pool
    if kind == "quantize":
        return _quantized(step, x)
    if kind == "softmax":
        return _softmax(step, x)
    if step.rescale is None:  # numbers are chosen, not computed
        y = _pooled(step, x, np.maximum).astype(np.int64)
        if step.table is None:
            return (y + (LOW if step.bytes_in else 0)).astype(np.int8)
        return step.table[y - (0 if step.bytes_in else LOW)]
    sums = _sums(step, x)
    if pool is not None and pool.kind == "avg":
        sums = sums.astype(np.int64) + step.bias
        sums = _pooled(step, np.maximum(sums, 0) if step.step.activation == "relu" else sums, np.add)
    else:  # the largest of a channel's sums is the same with its bias and without
        sums = _pooled(step, sums, np.maximum).astype(np.int64) + step.bias
    y = rescale(sums, step.rescale)
    return y if step.table is None else step.table[y.astype(np.int64) - LOW]


def _quantized(step: IntStep, x: np.ndarray) -> np.ndarray:
    """Floats to int8, in float32 as the device does it; NaN becomes -128."""
    factor, offset = quantizing(step)
    with np.errstate(all="ignore"):
        y = x * factor
        y = y + offset
        y = np.where(y > 0, np.where(y < 255, y, np.float32(255)), np.float32(0))
        return ((y + np.float32(0.5)).astype(np.int64) + LOW).astype(np.int8)


def quantizing(step: IntStep) -> tuple[np.float32, np.float32]:
    """The factor and the summand that bring a float to the range 0 to 255."""
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
        return (x.reshape(len(x), -1) @ weight).reshape(len(x), *s.map_shape)
    zeros = ((0, 0), *s.padding, (0, 0))
    x = np.pad(x, zeros, constant_values=step.source.zero) if np.any(s.padding) else x
    windows = sliding_window_view(x, step.weight.shape[:2], (1, 2))[:, :: s.stride[0], :: s.stride[1]]
    columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, len(weight))  # (n, h, w, c, kh, kw) -> kernel's order
    return (columns @ weight).reshape(*windows.shape[:3], -1)


def _pooled(step: IntStep, x: np.ndarray, reduce: np.ufunc) -> np.ndarray:
    """Windows reduced to one number each."""
    if step.step.pool is None:
        return x
    (ph, pw), (sh, sw), (h, w, _) = step.step.pool.size, step.step.pool.stride, step.step.output_shape
    places = [(slice(None), slice(i, i + sh * h, sh), slice(j, j + sw * w, sw)) for i in range(ph) for j in range(pw)]
    y = x[places[0]][:, :h, :w].copy()
    for place in places[1:]:
        reduce(y, x[place][:, :h, :w], out=y)
    return y


def rescale(sums: np.ndarray, by: Rescale) -> np.ndarray:
    """Sums (..., channels) to int8: one multiplication, one rounding, one clamp."""
    shift = by.shift.astype(np.int64)
    y = (sums * by.multiplier.astype(np.int64) + (np.int64(1) << (shift - 1))) >> shift
    return np.clip(y + by.zero, by.low, by.high).astype(np.int8)


def _softmax(step: IntStep, x: np.ndarray) -> np.ndarray:
    x = x.astype(np.int64)
    e = step.table.astype(np.int64)[x.max(axis=-1, keepdims=True) - x]
    total = e.sum(axis=-1, keepdims=True)
    return np.minimum((e * 256 + total // 2) // total + LOW, HIGH).astype(np.int8)
