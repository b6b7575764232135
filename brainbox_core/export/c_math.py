"""The functions of `float_math` as C text: equal in every bit, wherever no multiplication is fused with an addition."""

from __future__ import annotations

from brainbox_core.exact.float_math import EXP, LARGEST, LN2_HIGH, LN2_LOW, LOG, LOG2_E, LOWEST, ROOT2, SMALL, TANH
from brainbox_core.export.c_names import float_literal
from brainbox_core.export.templates import filled


def c_functions(prefix: str, kinds: set[str]) -> str:
    """The C functions that some activations need, as static functions NAME_exp_negative, NAME_sigmoid and so on.

    Args:
        prefix: what their names begin with.
        kinds: of `sigmoid`, `tanh`, `softmax`, `exp` and `log`; others need none.
    """
    texts = dict(zip(_FUNCTIONS, filled("math.h.in", prefix, **_NUMBERS).split("\n\n"), strict=True))
    wanted = kinds | ({"exp_negative"} if kinds & {"sigmoid", "tanh", "softmax", "exp"} else set())
    return "\n".join(text.rstrip("\n") + "\n" for kind, text in texts.items() if kind in wanted)


_FUNCTIONS = ("exp_negative", "sigmoid", "tanh", "softmax", "exp", "log")  # as they stand in the file
_NUMBERS = {
    word: float_literal(float(number))
    for word, number in {
        "largest": LARGEST, "root2": ROOT2, "root_half": ROOT2 / 2,
        "lowest": LOWEST, "log2_e": LOG2_E, "ln2_high": LN2_HIGH, "ln2_low": LN2_LOW, "small": SMALL,
        **{f"exp{i}": c for i, c in enumerate(EXP)},
        **{f"log{i}": c for i, c in enumerate(LOG)},
        **{f"tanh{i}": c for i, c in enumerate(TANH)},
    }.items()
}  # fmt: skip
