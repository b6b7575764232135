"""The functions of `float_math` as C text: equal in every bit, wherever no multiplication is fused with an addition."""

from __future__ import annotations

from brainbox_core.exact.float_math import EXP, LARGEST, LN2_HIGH, LN2_LOW, LOG, LOG2_E, LOWEST, ROOT2, SMALL, TANH
from brainbox_core.exact.float_math import exp as exp  # the same functions in NumPy
from brainbox_core.exact.float_math import exp_negative as exp_negative
from brainbox_core.exact.float_math import log as log
from brainbox_core.exact.float_math import sigmoid as sigmoid
from brainbox_core.exact.float_math import softmax as softmax
from brainbox_core.exact.float_math import tanh as tanh
from brainbox_core.export.c_names import float_literal


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
        "LARGEST": LARGEST, "ROOT2": ROOT2, "ROOT_HALF": ROOT2 / 2,
        "LOWEST": LOWEST, "LOG2_E": LOG2_E, "LN2_HIGH": LN2_HIGH, "LN2_LOW": LN2_LOW, "SMALL": SMALL,
        **{f"EXP{i}": c for i, c in enumerate(EXP)},
        **{f"LOG{i}": c for i, c in enumerate(LOG)},
        **{f"TANH{i}": c for i, c in enumerate(TANH)},
    }  # fmt: skip
    for name, number in numbers.items():
        text = text.replace(f"<{name}>", float_literal(number))
    return text.replace("PREFIX", prefix)


_C_EXP = """\
/* exp(x) for x <= 0: x = n ln 2 + r, a polynomial in r, n added to the exponent */
static inline float PREFIX_exp_negative(float x)
{
    float n, r, s, y, p = 0.5f;
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
    for (halvings = (uint32_t)-whole; halvings; halvings >>= 1) { /* at most 126 in all, so every product is exact */
        y *= (halvings & 1u) ? p : 1.0f;
        p *= p;
    }
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
