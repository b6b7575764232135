"""Descent and least squares, against each other, NumPy's solver and known answers."""

import tracemalloc

import numpy as np
import pytest

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.tasks.regress import solver as linear_regression
from brainbox_core.tasks.regress.solver import BLOCK, descend, least_squares, leverages, predictions


def problem(rows=300, features=4, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, features))
    return X, X @ np.arange(1, features + 1) - 3 + noise * rng.standard_normal(rows)


def reference(X, y):
    return np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]


def last(epochs):
    *_, epoch = epochs
    return epoch


@pytest.mark.parametrize("rows", [50, BLOCK, 2 * BLOCK + 7])
def test_least_squares_is_that_of_numpy_however_many_blocks(rows):
    X, y = problem(rows)
    solution = least_squares(X, y)
    wanted = reference(X, y)
    np.testing.assert_allclose([*solution.weights, solution.intercept], wanted, rtol=1e-11)
    assert solution.rank == 4
    assert solution.condition == pytest.approx(np.linalg.cond(X - X.mean(axis=0)))


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("rows", [50, BLOCK + 1])
def test_full_descent_arrives_and_says_so(rows, plain):
    X, y = problem(rows)
    epoch = last(descend(X, y, plain=plain))
    assert epoch.converged and epoch.gradient <= linear_regression.TOLERANCE
    np.testing.assert_allclose([*epoch.weights, epoch.intercept], reference(X, y), rtol=1e-8)
    assert epoch.loss == pytest.approx(np.mean((X @ epoch.weights + epoch.intercept - y) ** 2))


def test_momentum_arrives_much_sooner_where_features_are_alike():
    X, _ = problem(features=2)
    X[:, 1] = X[:, 0] + 0.05 * X[:, 1]
    y = X @ [1.0, -1.0]
    fast, plain = (last(descend(X, y, epochs=100_000, plain=plain)).number for plain in (False, True))
    assert fast * 5 < plain


@pytest.mark.parametrize("size", [1, 7, 64])
def test_batches_come_close_and_closer_with_more_epochs(size):
    X, y = problem()
    wanted = reference(X, y)
    few, many = (last(descend(X, y, batch_size=size, epochs=epochs)) for epochs in (5, 200))
    distances = [np.abs(np.append(epoch.weights, epoch.intercept) - wanted).max() for epoch in (few, many)]
    assert distances[1] < 0.01 and distances[1] < distances[0]
    assert many.lr < 1e-4 * few.lr or many.lr < 1e-4  # it has fallen along the cosine


def test_without_noise_even_single_rows_converge():
    X, y = problem(noise=0)
    epoch = last(descend(X, y, batch_size=1, epochs=300))
    assert epoch.converged
    np.testing.assert_allclose(epoch.weights, [1, 2, 3, 4], atol=1e-8)


def test_a_batch_of_all_rows_is_full_descent():
    X, y = problem()
    assert last(descend(X, y, batch_size=300)).number == last(descend(X, y)).number


def test_every_epoch_of_batches_sees_every_row_once_in_another_order(monkeypatch):
    n = 2 * BLOCK + 500
    seen = []
    monkeypatch.setattr(linear_regression._Problem, "step", lambda self, point, rows, y, lr: seen.append(y.copy()))
    list(descend(np.ones((n, 1)), np.arange(n), batch_size=100, epochs=2))
    assert max(map(len, seen)) == 100
    first, second = np.split(np.concatenate(seen), 2)
    assert (np.sort(first) == np.arange(n)).all() and (np.sort(second) == np.arange(n)).all()
    assert (first != second).mean() > 0.9
    assert np.unique(first[:: n // 20] // BLOCK).size > 1  # the blocks, too, come in an order of their own


def test_the_same_seed_the_same_batches():
    X, y = problem()
    a, b, c = (last(descend(X, y, batch_size=8, epochs=2, seed=seed)).weights for seed in (1, 1, 2))
    assert (a == b).all() and (a != c).any()


def test_a_rate_too_large_is_told_with_one_that_works():
    X, y = problem()
    with pytest.raises(ConvergenceError, match="learning rate 5 is too large") as caught:
        list(descend(X, y, lr=5.0))
    rate = float(caught.value.fix.split()[1].rstrip(","))
    assert last(descend(X, y, lr=rate)).converged
    with pytest.raises(ConvergenceError):
        list(descend(X, y, lr=1e300))


def test_features_that_depend_on_each_other():
    X, y = problem(features=3)
    X = np.column_stack([X, X[:, 0] + X[:, 1], X[:, 2]])
    solution = least_squares(X, y)
    assert solution.rank == 3 and (solution.dependent > 0.1).all()
    centred = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=1e-10)[0]
    np.testing.assert_allclose(solution.weights, centred, rtol=1e-9)  # the smallest of all good ones
    np.testing.assert_allclose(last(descend(X - X.mean(axis=0), y)).weights, centred, rtol=1e-6)


def test_ridge_shrinks_both_ways_alike():
    X, y = problem()
    free, tied = least_squares(X, y), least_squares(X, y, ridge=0.5)
    assert np.linalg.norm(tied.weights) < np.linalg.norm(free.weights)
    centred = X - X.mean(axis=0)
    wanted = np.linalg.solve(centred.T @ centred + 0.5 * len(X) * np.eye(4), centred.T @ (y - y.mean()))
    np.testing.assert_allclose(tied.weights, wanted, rtol=1e-10)
    np.testing.assert_allclose(last(descend(X, y, ridge=0.5)).weights, wanted, rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8, np.float32])
def test_small_types_do_not_overflow(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(90, 120, (200, 2)).astype(dtype)  # their squares leave int8 at once
    y = (X.astype(float) @ [1.0, -2.0] + 0.1 * rng.standard_normal(200)).astype(np.float32)
    solution = least_squares(X, y)
    np.testing.assert_allclose([*solution.weights, solution.intercept], reference(X.astype(float), y), rtol=1e-6)
    assert solution.weights.dtype == np.float64
    assert (predictions(X, np.array([1000.0, 0.0]), 0.0) == 1000 * X[:, 0].astype(float)).all()
    big = np.array([[60_000], [70_000], [80_000]], np.int32)  # their sum of squares leaves int32
    assert least_squares(big, np.array([1, 2, 3], np.int32)).weights[0] == pytest.approx(1e-4)


def test_leverages_are_the_diagonal_of_the_hat_matrix():
    X, y = problem(40)
    X[7] = 50, -50, 50, 50
    solution = least_squares(X, y)
    A = np.column_stack([np.ones(len(X)), X])
    np.testing.assert_allclose(leverages(X, solution), np.diag(A @ np.linalg.pinv(A)), rtol=1e-8)
    assert leverages(X, solution).argmax() == 7


@pytest.mark.parametrize(
    ("X", "y", "told"),
    [
        (np.ones((3, 2)), np.ones(2), "do not fit"),
        (np.ones(3), np.ones(3), "do not fit"),
        (np.ones((0, 2)), np.ones(0), "do not fit"),
        (np.eye(3), np.ones(3), "all equal"),
        (np.full((3, 1), np.nan), np.arange(3), "X must be finite"),
        (np.eye(3), np.array([0, 1, np.inf]), "y must be finite"),
        (np.eye(3) * 1j, np.arange(3), "real numbers"),
    ],
)
@pytest.mark.parametrize("learn", [descend, least_squares])
def test_arrays_that_do_not_fit(learn, X, y, told):
    with pytest.raises(UsageError, match=told):
        learn(X, y)


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"lr": -1.0}, {"batch_size": 0}, {"ridge": -1.0}, {"ridge": np.nan}])
def test_numbers_that_do_not_fit(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        descend(*problem(), **bad)


@pytest.mark.parametrize("size", [None, 256])
def test_nothing_is_copied_whole(size):
    X, y = problem(rows=200_000, features=5)
    tracemalloc.start()
    list(descend(X, y, batch_size=size, epochs=1))
    least_squares(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * X.nbytes


def test_the_longer_row_sets_the_pace_of_single_rows():
    X, y = problem()
    X[3] *= 100
    assert last(descend(X, y, batch_size=1, epochs=3)).loss < np.var(y) * 2
