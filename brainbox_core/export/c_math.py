"""exp, log, tanh and sigmoid in float32 without a mathematics library: NumPy here, C in the header, equal in every bit.

Both do the same operations of IEEE 754 single precision in the same order, so they agree wherever no multiplication is
fused with an addition. exp is Cody and Waite's: x = n ln 2 + r, a polynomial in r, and n added to the exponent
("Software Manual for the Elementary Functions", 1980, chapter 6); tanh is a polynomial in x^2 near 0 and made from exp
elsewhere. log(m 2^k) is k ln 2 + 2 artanh((m - 1)/(m + 1)), m within a factor of the root of 2 of 1, a series in the
square of the quotient. The polynomials interpolate at Chebyshev nodes. All are within 2 units in the last place, exp of
positive numbers within 4.
"""

from __future__ import annotations

import numpy as np

from brainbox_core.export.c_names import float_literal

_LOWEST = np.float32(-87.0)  # exp of less is called 0: it is below 1.7e-38
_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-0.00021219444)  # the high part times any n is exact
_EXP = np.float32([0.0013933741, 0.00836324, 0.041666463, 0.16666576, 0.5])  # (exp(r) - 1 - r) / r^2, highest first
_SMALL = np.float32(0.625)  # below it, 1 - exp(-2x) would lose digits
_TANH = np.float32([-0.006104948, 0.021003641, -0.0538525, 0.13332783, -0.33333328])  # (tanh(x)/x - 1) / x^2
_LOG = np.float32([0.29580987, 0.3998876, 0.66666687])  # (log((1 + t)/(1 - t))/t - 2) / t^2, in t^2
_ROOT2 = np.float32(1.4142135623730951)
_LARGEST = np.finfo(np.float32).max
_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)


def exp_negative(x: np.ndarray) -> np.ndarray:
    """exp(x) for x from minus infinity to 0, float32 to float32; NaN stays NaN.

    Example:
        >>> exp_negative(np.float32([0, -1, -200]))
        array([1.        , 0.36787945, 0.        ], dtype=float32)
    """
    inside = x >= _LOWEST
    t = np.where(inside, x, np.float32(0))
    n = np.trunc(t * _LOG2_E - _HALF)
    r = (t - n * _LN2_HIGH) - n * _LN2_LOW
    s = np.full_like(r, _EXP[0])
    for c in _EXP[1:]:
        s = s * r + c
    y = ((r * r) * s + r) + _ONE
    scale = ((n.astype(np.int32) + 127).astype(np.uint32) << np.uint32(23)).view(np.float32)
    return np.where(inside, y * scale, np.where(x < _LOWEST, np.float32(0), x))


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
    inside = (x > 0) & (x <= _LARGEST)
    m, k = np.frexp(np.where(inside, x, _ONE))
    low = m < _ROOT2 * _HALF
    m, k = np.where(low, _TWO * m, m), np.where(low, k - 1, k).astype(np.float32)
    t = (m - _ONE) / (m + _ONE)
    z = t * t
    s = np.full_like(z, _LOG[0])
    for c in _LOG[1:]:
        s = s * z + c
    y = k * _LN2_HIGH + (((t * z) * s + _TWO * t) + k * _LN2_LOW)
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
    e = exp_negative(-(_TWO * a))
    large = (_ONE - e) / (_ONE + e)
    small = np.where(a < _SMALL, x, np.float32(0))
    z = small * small
    s = np.full_like(z, _TANH[0])
    for c in _TANH[1:]:
        s = s * z + c
    return np.where(a < _SMALL, (small * z) * s + small, np.where(x < 0, -large, large))


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


def c_functions(prefix: str, kinds: set[str]) -> str:
    """The C functions that some activations need, as static functions NAME_exp_negative, NAME_sigmoid and so on.

    Args:
        prefix: what their names begin with.
        kinds: of `sigmoid`, `tanh`, `softmax`, `exp` and `log`; others need none.
    """
    texts = {"sigmoid": _C_SIGMOID, "tanh": _C_TANH, "softmax": _C_SOFTMAX, "exp": _C_ANY_EXP}
    needed = [text for kind, text in texts.items() if kind in kinds]
    text = "\n".join([*([_C_EXP] if needed else []), *needed, *([_C_LOG] if "log" in kinds else [])])
    numbers = {
        "LARGEST": _LARGEST, "ROOT2": _ROOT2, "ROOT_HALF": _ROOT2 * _HALF,
        "LOWEST": _LOWEST, "LOG2_E": _LOG2_E, "LN2_HIGH": _LN2_HIGH, "LN2_LOW": _LN2_LOW, "SMALL": _SMALL,
        **{f"EXP{i}": c for i, c in enumerate(_EXP)},
        **{f"LOG{i}": c for i, c in enumerate(_LOG)},
        **{f"TANH{i}": c for i, c in enumerate(_TANH)},
        **{f"P{k}": np.float32(0.5**k) for k in (4, 8, 16, 32, 64)},
    }  # fmt: skip
    for name, number in numbers.items():
        text = text.replace(f"<{name}>", float_literal(number))
    return text.replace("PREFIX", prefix)


_C_EXP = """\
/* exp(x) for x <= 0: x = n ln 2 + r, a polynomial in r, n added to the exponent */
static inline float PREFIX_exp_negative(float x)
{
    float n, r, s, y;
    int32_t whole;
    uint32_t halvings;
    if (!(x >= <LOWEST>)) {
        return x < <LOWEST> ? 0.0f : x;
    }
    whole = (int32_t)(x * <LOG2_E> - 0.5f);
    n = (float)whole;
    r = (x - n * <LN2_HIGH>) - n * <LN2_LOW>;
    s = <EXP0>;
    s = s * r + <EXP1>;
    s = s * r + <EXP2>;
    s = s * r + <EXP3>;
    s = s * r + <EXP4>;
    y = ((r * r) * s + r) + 1.0f;
    halvings = (uint32_t)-whole; /* at most 126, so every product below is exact */
    y *= (halvings & 64u) ? <P64> : 1.0f;
    y *= (halvings & 32u) ? <P32> : 1.0f;
    y *= (halvings & 16u) ? <P16> : 1.0f;
    y *= (halvings & 8u) ? <P8> : 1.0f;
    y *= (halvings & 4u) ? <P4> : 1.0f;
    y *= (halvings & 2u) ? 0.25f : 1.0f;
    y *= (halvings & 1u) ? 0.5f : 1.0f;
    return y;
}
"""

_C_ANY_EXP = """\
static inline float PREFIX_exp(float x)
{
    const float e = PREFIX_exp_negative(x > 0.0f ? -x : x);
    return x > 0.0f ? 1.0f / e : e;
}
"""

_C_LOG = """\
/* The natural logarithm; NaN for what is not positive */
static inline float PREFIX_log(float x)
{
    float k = 0.0f, t, z, s;
    if (!(x > 0.0f)) {
        t = x - x;
        return t / t;
    }
    if (x > <LARGEST>) {
        return x;
    }
    for (; x >= <ROOT2>; k += 1.0f) { /* at most 128 times */
        x *= 0.5f;
    }
    for (; x < <ROOT_HALF>; k -= 1.0f) { /* at most 149 times */
        x *= 2.0f;
    }
    t = (x - 1.0f) / (x + 1.0f);
    z = t * t;
    s = <LOG0>;
    s = s * z + <LOG1>;
    s = s * z + <LOG2>;
    return k * <LN2_HIGH> + (((t * z) * s + 2.0f * t) + k * <LN2_LOW>);
}
"""

_C_SIGMOID = """\
static inline float PREFIX_sigmoid(float x)
{
    const float e = PREFIX_exp_negative(x < 0.0f ? x : -x);
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}
"""

_C_TANH = """\
static inline float PREFIX_tanh(float x)
{
    const float a = x < 0.0f ? -x : x;
    float z, s, e;
    if (a < <SMALL>) {
        z = x * x;
        s = <TANH0>;
        s = s * z + <TANH1>;
        s = s * z + <TANH2>;
        s = s * z + <TANH3>;
        s = s * z + <TANH4>;
        return (x * z) * s + x;
    }
    e = PREFIX_exp_negative(-(2.0f * a));
    e = (1.0f - e) / (1.0f + e);
    return x < 0.0f ? -e : e;
}
"""

_C_SOFTMAX = """\
static inline void PREFIX_softmax(float *y, size_t n)
{
    size_t i;
    float top = y[0], total;
    for (i = 1; i < n; i++) {
        top = y[i] > top ? y[i] : top;
    }
    for (i = 0; i < n; i++) {
        y[i] = PREFIX_exp_negative(y[i] - top);
    }
    total = y[0];
    for (i = 1; i < n; i++) {
        total = total + y[i];
    }
    for (i = 0; i < n; i++) {
        y[i] = y[i] / total;
    }
}
"""
