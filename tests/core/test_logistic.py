"""The losses of logistic regression."""

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.gradcheck import check_gradients
from brainbox_core.logistic import LOSSES, Penalised, SquaredError, derivative
from brainbox_core.loss import BinaryCrossEntropy
from brainbox_core.tensor import Tensor, no_grad

Y = np.array([[1.0], [0.0], [1.0]])


def test_the_gradient_of_the_squared_error():
    check = check_gradients(lambda z: SquaredError()(z, Y), np.array([[0.3], [-2.0], [1.5]]))
    assert check.max_error < 1e-10


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("z", "y"), [(0.0, 1), (-9.0, 1), (4.0, 0)])
def test_the_derivative_is_that_of_the_loss(name, z, y):
    logit = Tensor([[z]], requires_grad=True)
    LOSSES[name]()(logit, np.array([[float(y)]])).backward()
    assert derivative(name, 1 / (1 + np.exp(-z)), y) == pytest.approx(logit.grad.item(), rel=1e-3)


def test_the_squared_error_tells_a_confident_mistake_nothing():
    assert abs(derivative("mse", 1e-6, 1)) < 1e-5 < 0.99 < abs(derivative("log", 1e-6, 1))


def test_the_penalty_counts_in_training_and_its_gradient_is_l2_times_the_weights():
    layer = bb.layers.Linear(1)
    layer.build((4,), np.random.default_rng(0))
    x = Tensor(np.ones((3, 4), np.float32))
    plain, penalised = BinaryCrossEntropy(), Penalised(BinaryCrossEntropy(), layer.weight, 0.5)
    gradients = []
    for loss in (plain, penalised):
        layer.weight.grad = layer.bias.grad = None
        loss(layer(x), Y).backward()
        gradients.append((layer.weight.grad.copy(), layer.bias.grad.copy()))
    np.testing.assert_allclose(gradients[1][0] - gradients[0][0], 0.5 * layer.weight.data, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(gradients[1][1], gradients[0][1])
    with no_grad():  # as held-out rows are measured
        assert penalised(layer(x), Y).item() == plain(layer(x), Y).item()
    assert penalised.metrics(Y, np.array([[1.0], [1.0], [1.0]])) == {"accuracy": pytest.approx(2 / 3)}
