import json
import math

import numpy as np
import pytest

from brainbox_core.errors import InputError, UsageError
from brainbox_core.tasks.regress.polynomial import Polynomial

RNG = np.random.default_rng(0)
X = np.column_stack([RNG.uniform(-3, 5, 200), RNG.normal(size=200), RNG.integers(0, 2, 200) * 7.0])


def test_all_products_and_no_powers_of_what_has_two_values():
    names = Polynomial.fit(X, 3).names(["a", "b", "g"])
    assert names[:3] == ["a", "b", "g"]
    assert set(names[3:]) == {
        "a^2", "b^2", "a * b", "a * g", "b * g", "a^3", "b^3", "a^2 * b", "a * b^2", "a^2 * g", "b^2 * g", "a * b * g",
    }  # fmt: skip


def test_terms_are_standardised_and_span_the_plain_powers():
    polynomial = Polynomial.fit(X, 3)
    terms = polynomial.transform(X)
    np.testing.assert_allclose(terms.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(terms.std(axis=0), 1)
    a, b, g = X.T
    for power in (a**3, b**2 * a, a * b * g):
        A = np.column_stack([terms, np.ones(len(X))])
        np.testing.assert_allclose(A @ np.linalg.lstsq(A, power, rcond=None)[0], power, atol=1e-8 * abs(power).max())


def test_degree_twenty_is_well_conditioned():
    x = np.linspace(500, 4000, 400)[:, None]
    legendre = Polynomial.fit(x, 20).transform(x)
    plain = ((x - x.mean()) / x.std()) ** np.arange(1, 21)
    assert np.linalg.cond(legendre) < 100
    assert np.linalg.cond(plain / np.linalg.norm(plain, axis=0)) > 1e6


def test_what_never_varies_is_left_out():
    kinds = np.eye(3)[RNG.integers(0, 3, 60)]  # two kinds at once do not exist
    assert Polynomial.fit(kinds, 2).terms == [(0,), (1,), (2,)]


def test_degree_one_is_the_features():
    np.testing.assert_allclose(Polynomial.fit(X, 1).transform(X), (X - X.mean(axis=0)) / X.std(axis=0))


def test_too_many_terms_are_refused_before_they_are_made():
    with pytest.raises(UsageError, match=f"{math.comb(130, 30) - 1:,} terms"):
        Polynomial.fit(np.zeros((2, 100)), 30)


def test_it_comes_back_from_json_exactly():
    polynomial = Polynomial.fit(X, 3)
    again = Polynomial.from_config(json.loads(json.dumps(polynomial.config())), 3)
    assert (again.transform(X) == polynomial.transform(X)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"zero": [0.0]},
        {"one": [1.0, 1.0, None]},
        {"scale": [0.0] * 9},
        {"terms": [[3]] * 9},
        {"terms": [[]] * 9},
        {"terms": [[True]] * 9},
        {"terms": "x"},
        {"terms": []},
        {"offset": [float("nan")] * 9},
        {"zero": [1.0, 1.0, 1.0], "one": [1.0, 1.0, 1.0]},
        {"more": 1},
    ],
)
def test_a_malformed_description_is_refused(change):
    config = Polynomial.fit(X, 2).config()
    assert len(config["terms"]) == 8
    nine = {name: value[:8] if name in ("scale", "terms", "offset") and isinstance(value, list) else value
            for name, value in change.items()}  # fmt: skip
    with pytest.raises(InputError, match="malformed"):
        Polynomial.from_config({**config, **nine}, 3)
