"""Powers and products of features, so that a linear model can bend.

The powers come as Legendre polynomials of each feature's training range, which are nearly uncorrelated with each other;
the plain powers of one feature up to the twentieth would be so alike that their weights drown in rounding. They span
the same functions (Press et al., Numerical Recipes, 3rd ed., Cambridge 2007, section 4.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from brainbox_core.errors import InputError, UsageError, whole

MAX_TERMS = 2000


class Polynomial:
    """All products of up to `degree` features, each standardised on the training rows.

    A feature with only two values has no powers, since its square tells nothing new; products that are constant on the
    training rows (of two values of one text column, say) are left out.

    Attributes:
        zero, one: of every feature, what counts as 0 and as 1 in the powers: the middle and the end of its range.
        terms: the features of each product by their numbers, in ascending order; a repeated one is a power.

    Example:
        >>> X = np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 1.0]])
        >>> polynomial = Polynomial.fit(X, 2)
        >>> polynomial.names(["age", "garden"])
        ['age', 'garden', 'age^2', 'age * garden']
        >>> polynomial.transform(X).shape
        (4, 4)
    """

    def __init__(
        self,
        zero: npt.ArrayLike,
        one: npt.ArrayLike,
        terms: Sequence[Sequence[int]],
        offset: npt.ArrayLike,
        scale: npt.ArrayLike,
    ):
        self.zero, self.one = np.array(zero, np.float64), np.array(one, np.float64)
        self.terms = [tuple(term) for term in terms]
        self.offset, self.scale = np.array(offset, np.float64), np.array(scale, np.float64)

    @classmethod
    def fit(cls, X: np.ndarray, degree: int) -> Polynomial:
        """Measure the training rows (n, features).

        Raises:
            UsageError: the degree gives more than 2,000 terms.
        """
        whole("degree", degree)
        d = X.shape[1]
        count = math.comb(d + degree, degree) - 1
        if count > MAX_TERMS:
            what = f"degree {degree} of {d} features has {count:,} terms"
            raise UsageError(what, expected=f"at most {MAX_TERMS:,}", fix="use a lower degree or fewer columns")
        low, high = X.min(axis=0), X.max(axis=0)
        two_valued = ((low == X) | (high == X)).all(axis=0)
        # From 0 to 1 those with two values, so that a product says "both"; the others from -1 to 1.
        zero = np.where(two_valued, low, (low + high) / 2)
        terms = [
            term
            for size in range(1, degree + 1)
            for term in combinations_with_replacement(range(d), size)
            if not any(two_valued[feature] and term.count(feature) > 1 for feature in term)
        ]
        raw = cls(zero, high, terms, np.zeros(len(terms)), np.ones(len(terms)))
        values = raw.transform(X)
        offset, scale = values.mean(axis=0), values.std(axis=0)
        kept = np.flatnonzero(scale > 1e-12)
        return cls(zero, high, [terms[index] for index in kept], offset[kept], scale[kept])

    def transform(self, X: np.ndarray) -> np.ndarray:
        """The standardised terms of rows, (n, terms)."""
        unit = (X - self.zero) / (self.one - self.zero)
        powers = [np.ones_like(unit), unit]
        for k in range(2, max(map(len, self.terms), default=1) + 1):  # Bonnet's recursion
            powers.append(((2 * k - 1) * unit * powers[-1] - (k - 1) * powers[-2]) / k)
        out = np.empty((len(X), len(self.terms)))
        for index, term in enumerate(self.terms):
            values: np.ndarray | float = 1.0
            for feature in dict.fromkeys(term):
                values = values * powers[term.count(feature)][:, feature]
            out[:, index] = (values - self.offset[index]) / self.scale[index]
        return out

    def names(self, features: Sequence[str]) -> list[str]:
        """What the terms are called, from what the features are called."""
        return [
            " * ".join(
                features[feature] + (f"^{term.count(feature)}" if term.count(feature) > 1 else "")
                for feature in dict.fromkeys(term)
            )
            for term in self.terms
        ]

    def config(self) -> dict:
        """All of it in JSON types, to be kept in a model's file."""
        ends = {"zero": self.zero.tolist(), "one": self.one.tolist()}
        terms = [list(term) for term in self.terms]
        return {**ends, "terms": terms, "offset": self.offset.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_config(cls, config: object, features: int) -> Polynomial:
        """The polynomial that `config` described, of so many features.

        Raises:
            InputError: it describes none; anybody may have written it.
        """
        names = {"zero", "one", "terms", "offset", "scale"}
        if not isinstance(config, dict) or set(config) != names:
            raise _malformed("expected zero, one, terms, offset and scale")
        if not isinstance(config["terms"], list) or not 1 <= len(config["terms"]) <= MAX_TERMS:
            raise _malformed(f"expected 1 to {MAX_TERMS:,} terms")
        count = len(config["terms"])
        sizes = {"zero": features, "one": features, "offset": count, "scale": count}
        for name, size in sizes.items():
            numbers = config[name] if isinstance(config[name], list) else []
            if len(numbers) != size or not all(type(value) is float and math.isfinite(value) for value in numbers):
                raise _malformed(f"{name} is no list of {size} numbers")
        if min(config["scale"], default=0) <= 0 or any(map(float.__eq__, config["zero"], config["one"])):
            raise _malformed("a scale is not positive, or a range is empty")
        for term in config["terms"]:
            sound = isinstance(term, list) and all(type(part) is int and 0 <= part < features for part in term)
            if not sound or not 1 <= len(term) <= 100:
                raise _malformed("a term is no list of features")
        return cls(**config)


def _malformed(what: str) -> InputError:
    return InputError(f"the model's polynomial is malformed: {what}", fix="train the model again")
