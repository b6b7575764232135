"""What a header that scores texts computes, in Python: whole numbers for weights, their sum, and a sigmoid.

A weight is q / 2^k with a whole number q of 16 or 8 bits, and so is the sum of the bias and of the weights of a text's
features. Whole numbers add up to the same in any order; so the score has the same bits here and in C.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.exact.float_math import sigmoid
from brainbox_core.export.text.folding import Folding
from brainbox_core.layers import Linear
from brainbox_core.model.sequential import Sequential
from brainbox_core.text.bag_of_words import BagOfWords

MOST_BITS = 24  # after the binary point
LARGEST = 2**31 - 1  # of a sum


@dataclass(frozen=True)
class TextModel:
    """A spam filter as a device computes it.

    Attributes:
        bag: the features.
        folding: what characters become.
        weights: of each column, whole numbers (columns,).
        bias: likewise.
        bits: k, of all of them after the binary point.
        limit: the least sum that is spam.
        threshold: the probability that it stands for.
        prior: the probability of a text without any known word.
        error: the most by which a sum can differ from the model's logit, whatever the text; NaN if features are
            counted, and the text decides.
        weight_error: the most by which a weight differs.
    """

    bag: BagOfWords
    folding: Folding
    weights: np.ndarray
    bias: int
    bits: int
    limit: int
    threshold: float
    prior: float
    error: float
    weight_error: float

    def score(self, texts: Sequence[bytes]) -> np.ndarray:
        """Probability, logit, and 1 for spam or 0, of each text in UTF-8; float32 (n, 3)."""
        read = [self.folding.read(content.decode("utf-8", "replace")) for content in texts]
        sums = self.bag.transform(read).matmul(self.weights[:, None].astype(np.float64))[:, 0] + self.bias
        logits = (sums.astype(np.float32) * np.float32(0.5**self.bits)).astype(np.float32)
        known = np.array([any(self.weights[column] for column in self.bag.word_columns(text)) for text in read], bool)
        p = np.where(known, sigmoid(logits), np.float32(self.prior))
        called = np.where(known, sums >= self.limit, self.prior >= self.threshold)
        return np.stack([p, logits, called.astype(np.float32)], axis=1).astype(np.float32)


def text_model(model: Sequential, width: int) -> TextModel:
    """What a device computes of a spam filter.

    Args:
        model: as `spam` trains it.
        width: bits of a weight, 16 or 8.

    Raises:
        InputError: a weight is not finite, or the model's parts do not fit each other.
    """
    bag = BagOfWords.from_config(model.meta.get("features"), "the model")
    if re.search("[\ud800-\udfff]", "".join(bag.vocabulary or ())):
        raise InputError("its vocabulary is not Unicode", where="the model", fix="train it again")
    layer, *others = model.layers
    if others or not isinstance(layer, Linear) or (model.input_shape, model.output_shape) != ((bag.columns,), (1,)):
        raise InputError("its vocabulary does not fit its weights", where="the model", fix="train it again")
    for name in ("threshold", "prior"):
        if not isinstance(value := model.meta.get(name), float) or not 0 <= value <= 1:
            raise InputError(f"its {name} is no probability", where="the model", fix="train it again")
    exact = layer.weight.data[:, 0].astype(np.float64)
    constant = float(layer.bias.data[0])
    if not (np.isfinite(exact).all() and math.isfinite(constant)):
        raise InputError("a weight is not a finite number", where="layer 0", fix="train it again")
    bits = _bits(exact, constant, width, bag.counts)
    weights, bias = _rounded(exact, bits), round(constant * 2.0**bits)
    errors = weights / 2.0**bits - exact
    off = bias / 2.0**bits - constant
    worst = max(errors[errors > 0].sum() + off, -(errors[errors < 0].sum() + off))
    threshold = model.meta["threshold"]
    return TextModel(
        bag,
        Folding(bag.vocabulary or ()),
        weights,
        bias,
        bits,
        _limit(threshold, bits),
        threshold,
        model.meta["prior"],
        math.nan if bag.counts else float(worst),
        float(np.abs(errors).max(initial=0.0)),
    )


def _bits(weights: np.ndarray, bias: float, width: int, counts: bool) -> int:
    """How many bits after the point the weights can have, so that each fits its width, and no sum overflows."""
    most = 2 ** (width - 1) - 1
    for bits in range(MOST_BITS, -(2**10), -1):
        rounded, constant = np.abs(_rounded(weights, bits)), abs(bias) * 2.0**bits
        total = constant if counts else rounded.sum() + constant
        if rounded.max(initial=0) <= most and total + 1 < LARGEST:
            return bits
    raise InputError("a weight is too large", where="layer 0", fix="train it again")


def _rounded(weights: np.ndarray, bits: int) -> np.ndarray:
    """The nearest whole numbers; 0 only where the weight is 0, as words with a weight are known ones."""
    nearest = np.rint(weights * 2.0**bits)
    return np.where((nearest == 0) & (weights != 0), np.sign(weights), nearest).astype(np.float64)


def _limit(threshold: float, bits: int) -> int:
    """The least sum whose probability, as `spam` computes it, reaches the threshold."""
    low, high = -LARGEST, LARGEST
    while low < high:
        middle = (low + high) // 2
        logit = float(np.float32(middle) * np.float32(0.5**bits))
        p = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
        low, high = (low, middle) if p >= threshold else (middle + 1, high)
    return low
