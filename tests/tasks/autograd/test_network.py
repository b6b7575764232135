import math
import random

import pytest

from brainbox_core.scalar.value import Value
from brainbox_core.tasks.autograd.network import Network, Settings, Training, accuracy, boundary, cross_entropy


def test_values_and_plain_numbers_agree():
    network = Network((2, 5, 3, 1), random.Random(0))
    rows = [(0.3, -1.2), (2.0, 0.1)]
    assert [network(row).data for row in rows] == network.predict(rows)
    assert len(network.parameters) == 5 * 3 + 3 * 6 + 4


def test_every_gradient_against_finite_differences():
    network = Network((2, 4, 1), random.Random(1))
    row, label, step = (0.7, -0.4), 1, 1e-6
    cross_entropy(network(row), label).backward()
    for weight in network.parameters:
        grad, middle = weight.grad, weight.data
        losses = []
        for weight.data in (middle - step, middle + step):
            losses.append(cross_entropy(network(row), label).data)
        weight.data = middle
        assert grad == pytest.approx((losses[1] - losses[0]) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("logit", [-800.0, -3.0, 0.0, 3.0, 800.0])
@pytest.mark.parametrize("label", [0, 1])
def test_cross_entropy_neither_overflows_nor_loses(logit, label):
    node = Value(logit)
    loss = cross_entropy(node, label)
    loss.backward()
    if abs(logit) < 100:
        probability = 1 / (1 + math.exp(-logit))
        assert loss.data == pytest.approx(-math.log(probability if label else 1 - probability))
        assert node.grad == pytest.approx(probability - label)
    else:
        assert loss.data == (0.0 if (logit > 0) == label else abs(logit))


def test_the_boundary_is_where_the_logit_changes_its_sign():
    network = Network((2, 4, 1), random.Random(2))
    grid = boundary(network, columns=6, rows=4, size=1.0)
    assert (len(grid), len(grid[0])) == (4, 6)
    assert (grid[0][0] > 0.5) == (network.predict([(-5 / 6, 3 / 4)])[0] > 0)  # the top left


def test_the_same_seed_learns_the_same():
    settings = Settings("moons", train=30, test=10, epochs=3, seed=5)
    first, second = (Training(settings) for _ in range(2))
    assert list(first.epochs()) == list(second.epochs())
    assert [weight.data for weight in first.network.parameters] == [weight.data for weight in second.network.parameters]


def test_accuracy_counts():
    network = Network((2, 1), random.Random(0))
    for weight, value in zip(network.parameters, (1.0, 0.0, 0.0), strict=True):
        weight.data = value
    assert accuracy(network, [(1, 0), (-1, 0), (2, 0)], [1, 0, 0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["circles", "spiral"])
def test_it_learns(name):
    training = Training(Settings(name, seed=1, epochs=40 if name == "spiral" else 15))
    assert list(training.epochs())[-1]["val_accuracy"] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moons", "circles", "spiral", "xor"])
def test_it_learns_from_every_start(name):
    for seed in range(10):
        assert list(Training(Settings(name, seed=seed)).epochs())[-1]["val_accuracy"] >= 0.95
