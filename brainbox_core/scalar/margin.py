"""How far two groups of points can be kept apart by one line (plane, hyperplane), or why they cannot: exactly.

Every point gets a last coordinate 1, which carries the bias, and those of the group that should be 0 change their sign.
A neuron is right about all points if its weights have a positive product with each of these *signed* points. The
weights that do it with the largest margin are the point nearest to the origin in the convex hull of the signed points.
If that is the origin itself, the mixture of points that makes it proves that no weights exist.

    >>> separate([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0]).balance  # XOR: [0, 1] + [1, 0] = [0, 0] + [1, 1]
    (1, 1, 1, 1)

All numbers are fractions, so nothing is rounded and "impossible" is a proof. Method: P. Wolfe, Finding the nearest
point in a polytope, Mathematical Programming 11, 1976. The two cases are Gordan's alternative (1873).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class Separation:
    """What keeps two groups of points apart, or what proves that nothing does.

    Attributes:
        nearest: the point of the signed points' convex hull nearest to the origin: the direction of the best weights,
            the bias last; the margin is its length. All zeros if there are no such weights.
        balance: how many times to take each row, so that both groups have equally many rows with the same sum; empty
            if the groups can be separated.
        radius_squared: the squared length of the longest point, its 1 for the bias included: Novikoff's R².
    """

    nearest: Vector
    balance: tuple[int, ...]
    radius_squared: Fraction

    @property
    def possible(self) -> bool:
        return not self.balance

    @property
    def margin_squared(self) -> Fraction:
        """Novikoff's γ²: how far the signed points can be kept from a hyperplane through the origin, squared."""
        return Fraction(_dot(self.nearest, self.nearest))

    def bound(self, start: Vector | None = None, lr: Fraction = Fraction(1)) -> int:
        """The most updates that a perceptron can make, whatever the order of the rows.

        From zero weights that is (R/γ)² (A. Novikoff, On convergence proofs for perceptrons, 1962). From other weights
        v the two inequalities of the same proof, with u the best direction, read after k updates

            k lr γ + u·v  <=  |weights|  <=  sqrt(|v|² + k lr² R²)

        and k is at most the larger root of the quadratic equation between them.

        Args:
            start: the weights before the first update, the bias last; zeros if not given.
            lr: the learning rate.

        Example:
            >>> separate([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 1]).bound()
            27
        """
        margin, start = self.margin_squared, start or tuple(Fraction(0) for _ in self.nearest)
        along = _dot(start, self.nearest) / lr / margin
        across = _dot(start, start) / lr**2 / margin - along**2
        half = self.radius_squared / margin / 2 - along
        root = half**2 + across  # k² - 2 half k - across <= 0
        size = root.numerator * root.denominator
        up = math.isqrt(size) + (math.isqrt(size) ** 2 < size)
        return math.floor(half + Fraction(up, root.denominator))


def separate(rows: Sequence[Sequence[Fraction | int]], labels: Sequence[int]) -> Separation:
    """Find the best separation of the rows labelled 1 from those labelled 0.

    Args:
        rows: points of equal length, at least one, in exact numbers.
        labels: 0 or 1 for each row. If all are the same, the bias alone can do it.
    """
    points = [tuple(_light(x if label else -x) for x in (*row, 1)) for row, label in zip(rows, labels, strict=True)]
    nearest, shares = _nearest(points)
    balance: tuple[int, ...] = ()
    if not any(nearest):
        unit = math.lcm(*(share.denominator for share in shares.values()))
        common = math.gcd(*(int(share * unit) for share in shares.values()))
        balance = tuple(int(shares.get(index, 0) * unit) // common for index in range(len(points)))
    return Separation(tuple(map(Fraction, nearest)), balance, Fraction(max(_dot(point, point) for point in points)))


def _nearest(points: Sequence[Sequence[Fraction | int]]) -> tuple[Sequence[Fraction | int], dict[int, Fraction]]:
    """The point of the convex hull nearest to the origin, and the share of each point in it."""
    first = min(range(len(points)), key=lambda index: _dot(points[index], points[index]))
    shares, nearest = {first: Fraction(1)}, points[first]
    while True:
        products = [_dot(nearest, point) for point in points]
        beyond = min(range(len(points)), key=products.__getitem__)
        if products[beyond] >= _dot(nearest, nearest):  # no point lies on the origin's side of the nearest
            return nearest, shares
        shares[beyond] = Fraction(0)
        while True:
            wanted = _nearest_of_plane([points[index] for index in shares])
            if min(wanted) > 0:
                shares = dict(zip(shares, wanted, strict=True))
                break
            # Go towards it as far as the shares stay positive; the point whose share ends at 0 leaves.
            step = min(old / (old - new) for old, new in zip(shares.values(), wanted, strict=True) if new <= 0)
            moved = {index: old + step * (new - old) for (index, old), new in zip(shares.items(), wanted, strict=True)}
            shares = {index: share for index, share in moved.items() if share}
        nearest = tuple(
            sum(share * points[index][axis] for index, share in shares.items()) for axis in range(len(points[0]))
        )


def _nearest_of_plane(points: Sequence[Sequence[Fraction | int]]) -> list[Fraction]:
    """The shares, some perhaps negative, that make the point nearest to the origin of the plane through all points."""
    matrix = [[Fraction(1 + _dot(a, b)) for b in points] + [Fraction(1)] for a in points]
    # Gauss-Jordan elimination; the matrix is positive definite, and the last column is the right side.
    for column in range(len(matrix)):
        pivot = matrix[column][column]
        matrix[column] = [value / pivot for value in matrix[column]]
        for row in range(len(matrix)):
            if row != column and (factor := matrix[row][column]):
                matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[column], strict=True)]
    total = sum(row[-1] for row in matrix)
    return [row[-1] / total for row in matrix]


def _dot(a: Sequence[Fraction | int], b: Sequence[Fraction | int]) -> Fraction | int:
    return sum(map(mul, a, b))


def _light(number: Fraction | int) -> Fraction | int:
    """A whole number as an int, with which Python reckons twenty times faster."""
    return int(number) if number.denominator == 1 else number
