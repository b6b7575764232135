"""Heads that no training could make right are refused, whatever the loss; the others are not."""

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import UsageError

L = bb.layers
LOGITS = [bb.loss.CrossEntropy, bb.loss.BinaryCrossEntropy, bb.loss.SquaredError]


class Mine(bb.loss.CrossEntropy):
    pass


def fit(head, loss, y=None, X=None):
    X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3) if X is None else X
    model = bb.Sequential(head)
    model.compile(bb.optimizers.SGD(), loss)
    if y is None:
        y = np.arange(8) % 2 if isinstance(loss, bb.loss.CrossEntropy) else np.eye(2)[np.arange(8) % 2]
    return model.fit(X, y)


@pytest.mark.parametrize("loss", [*LOGITS, Mine], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "head",
    [
        lambda: [L.Linear(2), L.Softmax()],
        lambda: [L.Linear(2), L.Sigmoid()],
        lambda: [L.Linear(2), L.Tanh()],
        lambda: [L.Linear(2), L.ReLU()],
        lambda: [L.Linear(2), L.LeakyReLU(0.0)],
        lambda: [L.Linear(2), L.Softmax(), L.Dropout(0.1)],
        lambda: [L.Linear(2), L.Tanh(), L.Flatten()],
        lambda: [L.Linear(2), L.Sigmoid(), L.LeakyReLU(0.1)],
    ],
)
def test_a_loss_of_logits_needs_logits(head, loss):
    with pytest.raises(UsageError, match=r"takes logits.*remove layer"):
        fit(head(), loss())


@pytest.mark.parametrize("cell", [L.RNN, L.GRU, L.LSTM])
def test_the_outputs_of_a_cell_are_no_logits(cell):
    X = np.zeros((8, 4, 3), np.float32)
    with pytest.raises(UsageError, match=r"gives only -1 to 1; add bb\.layers\.Linear"):
        fit([cell(2, last=True)], bb.loss.CrossEntropy(), X=X)
    fit([cell(2, last=True), L.Linear(2)], bb.loss.CrossEntropy(), X=X)


def test_what_can_be_right_is_trained():
    fit([L.Linear(2), L.LeakyReLU()], bb.loss.CrossEntropy())
    fit([L.Linear(2), L.Sigmoid(), L.BatchNorm()], bb.loss.CrossEntropy())
    fit([L.Linear(2), L.Sigmoid()], bb.loss.MSE())
    squeeze = [L.Conv2D(2, kernel=3), L.ReLU(), L.AvgPool(2), L.Flatten()]  # classes by the mean of what was found
    fit(squeeze, bb.loss.CrossEntropy(), X=np.zeros((8, 4, 4), np.float32))

    class Probabilities(bb.loss.CrossEntropy):
        takes_logits = False

        def measure(self, outputs, y):
            return -(outputs * np.eye(2, dtype=np.float32)[y]).sum(axis=1).log().mean()

    fit([L.Linear(2), L.Softmax()], Probabilities())


@pytest.mark.parametrize("place", [0, 1])
def test_one_unit_tells_no_classes_apart(place):
    with pytest.raises(UsageError, match="softmax over one unit, which is 1 whatever goes in"):
        fit([L.Linear(1), L.Softmax(), *[L.Linear(2)] * place], bb.loss.MSE(), np.zeros((8, 1 + place)))
    with pytest.raises(UsageError, match="the model has one output"):
        fit([L.Linear(1)], bb.loss.CrossEntropy(), np.zeros(8, int))


@pytest.mark.parametrize(
    ("last", "y"), [(L.Sigmoid, 2.0), (L.Sigmoid, -0.5), (L.Tanh, 1.5), (L.ReLU, -1.0), (L.Softmax, 2.0)]
)
def test_quantities_have_to_lie_where_the_last_layer_can_reach(last, y):
    for loss in (bb.loss.MSE, bb.loss.MAE, bb.loss.Huber):
        with pytest.raises(UsageError, match="and the targets lie from"):
            fit([L.Linear(2), last()], loss(), np.array([[0.5, y]] * 8))
        fit([L.Linear(2), last()], loss(), np.array([[0.0, 1.0]] * 8))
