import itertools
import math
import random
from fractions import Fraction

import pytest

from brainbox_core.scalar.margin import separate

CORNERS = {inputs: list(itertools.product((0, 1), repeat=inputs)) for inputs in (2, 3, 4)}


def balances(rows, labels, balance) -> bool:
    """Whether the counts prove that nothing separates the rows: as many of each kind, with the same sum."""
    signs = [1 if label else -1 for label in labels]
    sums = [
        sum(count * sign * value for count, sign, value in zip(balance, signs, column, strict=True))
        for column in zip(*[(*row, 1) for row in rows], strict=True)
    ]
    return min(balance) >= 0 and max(balance) > 0 and not any(sums)


@pytest.mark.parametrize(("inputs", "count"), [(2, 14), (3, 104)])
def test_every_truth_table_is_separated_or_balanced(inputs, count):
    rows, possible = CORNERS[inputs], 0
    for labels in itertools.product((0, 1), repeat=2**inputs):
        found = separate(rows, labels)
        possible += found.possible
        if found.possible:
            products = [
                sum(w * x for w, x in zip(found.nearest, (*row, 1), strict=True)) * (1 if label else -1)
                for row, label in zip(rows, labels, strict=True)
            ]
            assert min(products) == found.margin_squared > 0  # exact
        else:
            assert balances(rows, labels, found.balance)
    assert possible == count


def test_the_margin_is_the_largest():
    optimize = pytest.importorskip("scipy.optimize", reason="the oracle is SciPy: pip install scipy")
    numbers = random.Random(3)
    for _ in range(20):
        rows = [[numbers.randint(-9, 9), numbers.randint(-9, 9)] for _ in range(8)]
        labels = [int(3 * x - 2 * y > 1) for x, y in rows]
        found = separate(rows, labels)
        assert found.possible
        points = [[(1 if label else -1) * x for x in (*row, 1)] for row, label in zip(rows, labels, strict=True)]
        best = optimize.minimize(
            lambda w: w @ w,
            [3, -2, -1],
            jac=lambda w: 2 * w,
            constraints=[{"type": "ineq", "fun": lambda w, p=p: w @ p - 1} for p in points],
            method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-12},
        )
        assert math.sqrt(found.margin_squared) == pytest.approx(1 / math.sqrt(best.fun), rel=1e-5)


def test_the_bound_from_zero_is_novikoffs():
    found = separate(CORNERS[2], [0, 0, 0, 1])
    assert found.bound() == found.radius_squared / found.margin_squared == 51


def test_the_bound_counts_the_start():
    found = separate(CORNERS[2], [0, 0, 0, 1])
    far = tuple(Fraction(x) for x in (-50, -50, 50))
    assert found.bound(far) > 500
    assert found.bound(far, lr=Fraction(100)) < 60  # in large steps the start is near
    assert found.bound(tuple(50 * x for x in found.nearest)) == 0  # it is a solution


def test_points_on_both_sides_of_one_place():
    assert separate([(5, 5), (5, 5)], [0, 1]).balance == (1, 1)


def test_one_class_is_a_matter_of_the_bias():
    assert separate([(3, 4)], [0]).possible


def test_tiny_margins_are_exact():
    gap = Fraction(1, 10**12)
    found = separate([(Fraction(1),), (1 + gap,)], [0, 1])
    assert found.possible
    assert 0 < found.margin_squared < Fraction(1, 10**24)
    assert found.bound() > 10**24
