"""exp, log, tanh and sigmoid in float32 without a mathematics library, the same bits on every machine.

All are made of single operations of IEEE 754 single precision in a fixed order; a program in C that does the same (see
`export.c_math`) agrees in every bit. exp is Cody and Waite's: x = n ln 2 + r, a polynomial in r, and n added to the
exponent ("Software Manual for the Elementary Functions", 1980, chapter 6); tanh is a polynomial in x^2 near 0 and made
from exp elsewhere. log(m 2^k) is k ln 2 + 2 artanh((m - 1)/(m + 1)), m within a factor of the root of 2 of 1, a series
in the square of the quotient. The polynomials interpolate at Chebyshev nodes. All are within 2 units in the last place,
exp of positive numbers within 4.
"""

from __future__ import annotations

import numpy as np

LOWEST = np.float32(-87.0)  # exp of less is called 0: it is below 1.7e-38
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-0.00021219444)  # the high part times any n is exact
EXP = np.array(
    [0.0013933741, 0.00836324, 0.041666463, 0.16666576, 0.5], np.float32
)  # (exp(r) - 1 - r) / r^2, highest first
SMALL = np.float32(0.625)  # below it, 1 - exp(-2x) would lose digits
TANH = np.array([-0.006104948, 0.021003641, -0.0538525, 0.13332783, -0.33333328], np.float32)  # (tanh(x)/x - 1) / x^2
LOG = np.array([0.29580987, 0.3998876, 0.66666687], np.float32)  # (log((1 + t)/(1 - t))/t - 2) / t^2, in t^2
ROOT2 = np.float32(1.4142135623730951)
LARGEST = np.finfo(np.float32).max
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


def exp_negative(x: np.ndarray) -> np.ndarray:
    """exp(x) for x from minus infinity to 0, float32 to float32; NaN stays NaN.

    Example:
        >>> exp_negative(np.float32([0, -1, -200]))
        array([1.        , 0.36787945, 0.        ], dtype=float32)
    """
    inside = x >= LOWEST
    if not inside.all():
        return np.where(inside, exp_negative(np.where(inside, x, _ZERO)), np.where(x < LOWEST, _ZERO, x))
    n = np.trunc(x * LOG2_E - _HALF)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    s = r * EXP[0] + EXP[1]
    for c in EXP[2:]:
        s *= r
        s += c
    s *= r * r
    s += r
    s += _ONE
    return np.ldexp(s, n.astype(np.int32))  # exact: never below the smallest normal number


def exp(x: np.ndarray) -> np.ndarray:
    """exp(x), float32 to float32; infinite above 87.

    Example:
        >>> exp(np.float32([0, 1, 100]))
        array([1.       , 2.7182817,       inf], dtype=float32)
    """
    e = exp_negative(-np.abs(x))
    with np.errstate(divide="ignore"):
        return np.where(x > 0, _ONE / e, e)


def log(x: np.ndarray) -> np.ndarray:
    """The natural logarithm, float32 to float32; NaN for what is not positive.

    Example:
        >>> log(np.float32([1, 100, np.inf, 0]))
        array([0.       , 4.6051702,       inf,       nan], dtype=float32)
    """
    inside = (x > 0) & (x <= LARGEST)
    m, k = np.frexp(np.where(inside, x, _ONE))
    low = m < ROOT2 * _HALF
    m, k = np.where(low, _TWO * m, m), np.where(low, k - 1, k).astype(np.float32)
    t = (m - _ONE) / (m + _ONE)
    z = t * t
    s = np.full_like(z, LOG[0])
    for c in LOG[1:]:
        s = s * z + c
    y = k * LN2_HIGH + (((t * z) * s + _TWO * t) + k * LN2_LOW)
    return np.where(inside, y, np.where(x > 0, x, np.float32(np.nan)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), float32 to float32.

    Example:
        >>> sigmoid(np.float32([0, 100]))
        array([0.5, 1. ], dtype=float32)
    """
    e = exp_negative(-np.abs(x))
    return np.where(x < 0, e, _ONE) / (_ONE + e)


def tanh(x: np.ndarray) -> np.ndarray:
    """The hyperbolic tangent, float32 to float32.

    Example:
        >>> tanh(np.float32([0, -100]))
        array([ 0., -1.], dtype=float32)
    """
    a = np.abs(x)
    e = exp_negative(a * -_TWO)
    large = (_ONE - e) / (_ONE + e)
    z = np.minimum(a, SMALL)
    z *= z
    s = z * TANH[0] + TANH[1]
    for c in TANH[2:]:
        s *= z
        s += c
    return np.where(a < SMALL, (x * z) * s + x, np.copysign(large, x))


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x) / sum(exp(x)) over the last axis, added up from first to last, float32 to float32.

    Example:
        >>> softmax(np.float32([[1, 1, -200]]))
        array([[0.5, 0.5, 0. ]], dtype=float32)
    """
    top = x[..., 0]
    for i in range(1, x.shape[-1]):
        top = np.where(x[..., i] > top, x[..., i], top)
    e = exp_negative(x - top[..., None])
    total = e[..., 0]
    for i in range(1, x.shape[-1]):
        total = total + e[..., i]
    return e / total[..., None]
