"""Losses: right beside the complex step, finite at the extremes, and never broadcasting."""

import json

import numpy as np
import pytest

from brainbox_core import loss
from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.loss import BinaryCrossEntropy, SquaredError
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor

RNG = np.random.default_rng(7)
LABELS = np.array([2, 0, 1, 2, 2])
SOFT = RNG.dirichlet(np.ones(3), 5)
BITS = RNG.integers(0, 2, (5, 1))
STEPS = np.array([[0, 1, 2, 1], [2, -1, -1, -1], [0, 0, -1, -1], [-1, -1, -1, -1], [1, 1, 1, 0]])
CASES = {
    "mse": (loss.MSE(), RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))),
    "mse, images": (loss.MSE(), RNG.normal(size=(2, 3, 2)), RNG.normal(size=(2, 3, 2))),
    "mse, one axis": (loss.MSE(), RNG.normal(size=5), RNG.normal(size=5)),
    "mae": (loss.MAE(), RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))),
    "mae, one axis": (loss.MAE(), RNG.normal(size=5), RNG.normal(size=5)),
    "mae, sequences": (loss.MAE(), RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4, 3))),
    "huber": (loss.Huber(), 2 * RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))),
    "huber, one axis": (loss.Huber(0.5), RNG.normal(size=5), RNG.normal(size=5)),
    "huber, sequences": (loss.Huber(2.5), 3 * RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4, 3))),
    "binary": (loss.BinaryCrossEntropy(), 3 * RNG.normal(size=(5, 1)), BITS),
    "binary, weights": (loss.BinaryCrossEntropy(class_weights=(0.5, 4)), 3 * RNG.normal(size=(5, 1)), BITS),
    "binary, soft": (loss.BinaryCrossEntropy(), RNG.normal(size=(5, 2)), RNG.random((5, 2))),
    "classes": (loss.CrossEntropy(), RNG.normal(size=(5, 3)), LABELS),
    "classes, one row": (loss.CrossEntropy(), RNG.normal(size=(1, 3)), LABELS[:1]),
    "classes, smooth": (loss.CrossEntropy(label_smoothing=0.1), RNG.normal(size=(5, 3)), LABELS),
    "classes, soft": (loss.CrossEntropy(), RNG.normal(size=(5, 3)), SOFT),
    "classes, soft and smooth": (loss.CrossEntropy(label_smoothing=0.3), RNG.normal(size=(5, 3)), SOFT),
    "classes, ignoring": (loss.CrossEntropy(ignore=2), RNG.normal(size=(5, 3)), LABELS),
    "sequences": (loss.CrossEntropy(), RNG.normal(size=(5, 4, 3)), abs(STEPS)),
    "sequences, ignoring": (loss.CrossEntropy(ignore=-1), RNG.normal(size=(5, 4, 3)), STEPS),
    "sequences, ignoring, smooth": (loss.CrossEntropy(0.1, ignore=-1), RNG.normal(size=(5, 4, 3)), STEPS),
}
every_case = pytest.mark.parametrize("name", CASES)


@every_case
def test_gradients(name):
    function, outputs, y = CASES[name]
    check = check_gradients(lambda x: function(x, y), outputs)
    assert check.max_error < 1e-10 and check.skipped == 0


@every_case
def test_float32_and_settings(name):
    function, outputs, y = CASES[name]
    x = Tensor(outputs.astype(np.float32), requires_grad=True)
    value = function(x, y)
    value.backward()
    assert value.dtype == x.grad.dtype == np.float32 and value.shape == ()
    again = loss.KINDS[type(function).__name__](**json.loads(json.dumps(function.config())))
    assert again(x, y).item() == value.item() and again.config() == function.config()


@every_case
def test_rows_are_never_repeated_to_fit(name):
    function, outputs, y = CASES[name]
    x = Tensor(np.repeat(outputs, 3, axis=0))
    for other in (y[:1], np.repeat(y, 2, axis=0), y[:0]):
        if len(other) != len(x):
            with pytest.raises(UsageError, match="a loss needs outputs and one target for each"):
                function(x, other)
    with pytest.raises(UsageError, match="a loss needs outputs and one target for each, got 0 and 0"):
        function(Tensor(outputs[:0]), y[:0])


@pytest.mark.parametrize("kind", [loss.MSE, loss.MAE, loss.Huber, loss.BinaryCrossEntropy])
@pytest.mark.parametrize(
    ("outputs", "y", "fix"),
    [((4, 2), (4,), "make the last"), ((4,), (4, 1), "make the last"), ((4, 3), (4, 1), "make the last")],
)
def test_columns_are_never_repeated_to_fit(kind, outputs, y, fix):
    with pytest.raises(UsageError, match=rf"every output needs a target of its own, got targets of shape .*; {fix}"):
        kind()(Tensor(np.zeros(outputs)), np.zeros(y))
    with pytest.raises(UsageError, match="every output needs a target of its own"):
        kind().targets(np.float64(3), ())


@pytest.mark.parametrize("kind", [loss.MSE, loss.MAE, loss.Huber, loss.BinaryCrossEntropy, loss.CrossEntropy])
@pytest.mark.parametrize("bad", [np.nan, np.inf, None, "a", 1j], ids=str)
def test_targets_are_finite_numbers(kind, bad):
    y = np.array([[0, 1], [bad, 0]])
    with pytest.raises(UsageError, match="targets must be finite numbers"):
        kind()(Tensor(np.zeros((2, 2))), y)


# --- CrossEntropy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_every_way_to_write_labels_is_the_same(smoothing):
    function = loss.CrossEntropy(smoothing)
    results = []
    one_hot = np.eye(3, dtype=np.float32)[LABELS]
    for y in (LABELS, LABELS.astype(np.uint8), LABELS.astype(float), LABELS.tolist(), one_hot,
              one_hot.astype(np.uint8), one_hot.astype(bool)):  # fmt: skip
        x = Tensor(CASES["classes"][1].astype(np.float32), requires_grad=True)
        value = function(x, y)
        value.backward()
        results.append((value.item(), x.grad.tobytes(), tuple(function.metrics(np.asarray(y), x.data).values())))
    assert len(set(results)) == 1


def test_yes_and_no_are_labels_too():
    x = Tensor(RNG.normal(size=(3, 2)))
    assert loss.CrossEntropy()(x, np.array([True, False, True])).item() == loss.CrossEntropy()(x, [1, 0, 1]).item()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 3, 1], r"y\[1\]: label out of range: expected 0 to 2, got 3; .* or give the last layer 4 outputs"),
        ([0, 1, -1], r"y\[2\]: label out of range: expected 0 to 2, got -1; number the classes from 0$"),
        ([0, 5, -2], r"y\[2\]: label out of range: .*got -2"),
        ([0.0, 0.5, 1.0], "labels must be whole numbers, got an array of float64"),
        ([0.0, np.nan, 1.0], "labels must be whole numbers"),
        (["a", "b", "c"], "labels must be whole numbers"),
        ([[0], [1], [2]], r"labels come as one axis: expected shape \(n,\), got \(3, 1\); np\.ravel\(y\)"),
        (np.zeros((3, 2)), "every output needs a target of its own"),
        ([[1, 0, 0], [0, 1, 0], [0, 1, 1]], r"y\[2\]: a row is no probabilities"),
        ([[1, 0, 0], [0, 0, 0], [0, 0, 1]], r"y\[1\]: a row is no probabilities"),
        ([[1.5, -0.5, 0], [0, 1, 0], [0, 0, 1]], r"y\[0\]: a row is no probabilities"),
    ],
)
def test_labels_that_cannot_be_are_refused(y, message):
    for call in (
        lambda: loss.CrossEntropy()(Tensor(np.zeros((3, 3))), np.array(y)),
        lambda: loss.CrossEntropy().targets(np.array(y), (3,)),  # as fit() asks before it starts
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_classes_need_one_axis_of_outputs_or_two():
    with pytest.raises(UsageError, match=r"CrossEntropy needs outputs \(batch, classes\) or \(batch, time, classes\)"):
        loss.CrossEntropy()(Tensor(np.zeros((3, 2, 2, 2))), LABELS[:3])


@pytest.mark.parametrize("smoothing", [0, 0.3])
def test_what_is_ignored_is_as_if_it_were_not_there(smoothing):
    outputs, counted = RNG.normal(size=(5, 4, 3)), STEPS >= 0
    x, kept = Tensor(outputs, requires_grad=True), Tensor(outputs[counted], requires_grad=True)
    function = loss.CrossEntropy(smoothing, ignore=-1)
    value, alone = function(x, STEPS), loss.CrossEntropy(smoothing)(kept, STEPS[counted])
    value.backward()
    alone.backward()
    assert value.item() == pytest.approx(alone.item(), rel=1e-14)
    assert np.allclose(x.grad[counted], kept.grad, atol=1e-15) and not x.grad[~counted].any()
    assert function.metrics(STEPS, outputs) == loss.CrossEntropy().metrics(STEPS[counted], outputs[counted])


def test_labels_that_do_not_count_may_be_any_and_others_may_not():
    function, x = loss.CrossEntropy(ignore=-1), Tensor(np.zeros((2, 2, 3)))
    assert loss.CrossEntropy(ignore=255)(x, np.full((2, 2), [0, 255], np.uint8)).item() == pytest.approx(np.log(3))
    with pytest.raises(UsageError, match=r"y\[1, 0\]: label out of range: expected 0 to 2, got 3; .* 4 outputs"):
        function(x, np.array([[0, -1], [3, 1]]))
    with pytest.raises(UsageError, match=r"y\[0, 1\]: label out of range: expected 0 to 2, got -2; number"):
        function(x, np.array([[0, -2], [-1, 1]]))
    with pytest.raises(UsageError, match="without a label that counts: all are -1"):
        function(x, np.full((2, 2), -1))


@pytest.mark.parametrize("y", [np.zeros(2, int), np.zeros((2, 3), int), np.zeros((2, 4, 3)), np.zeros((2, 1), int)])
def test_every_step_needs_a_label(y):
    with pytest.raises(UsageError, match=r"every step needs a label: expected \('n', 4\), got .*last=True"):
        loss.CrossEntropy()(Tensor(np.zeros((2, 4, 3))), y)


@pytest.mark.parametrize("big", [1e4, 1e30])
def test_extreme_logits_are_finite(big):
    logits = np.array([[big, -big, 0], [-big, big, 0], [big, big, big]], np.float32)
    x = Tensor(logits, requires_grad=True)
    value = loss.CrossEntropy(label_smoothing=0.1)(x, np.array([0, 0, 2]))
    value.backward()
    assert np.isfinite(value.item()) and np.isfinite(x.grad).all()
    x = Tensor(logits[:, :1], requires_grad=True)
    value = loss.BinaryCrossEntropy()(x, np.array([[0], [0], [1]]))
    value.backward()
    assert np.isfinite(value.item()) and np.isfinite(x.grad).all()
    assert x.grad[1] == 0 and x.grad[0] == np.float32(1 / 3)


def test_accuracy_counts_right_rows():
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    assert loss.CrossEntropy().metrics(np.array([1, 0, 0, 0]), outputs) == {"accuracy": 0.75}
    yes_no = loss.BinaryCrossEntropy().metrics(
        np.array([[1], [0], [1], [0]]), np.array([[2.0], [-2.0], [-1.0], [-3.0]])
    )
    assert yes_no == {"accuracy": 0.75} and loss.MSE().metrics(outputs, outputs) == {}


@pytest.mark.parametrize("kind", [loss.MAE, loss.Huber])
def test_a_row_that_is_far_off_pulls_no_harder_than_others(kind):
    x = Tensor(np.array([0.0, 5.0, 1e6, -1e30]), requires_grad=True)
    kind()(x, np.zeros(4)).backward()
    assert x.grad.tolist() == [0, 0.25, 0.25, -0.25]


@pytest.mark.parametrize("kind", [loss.MAE(), loss.Huber(0.7)])
def test_a_row_of_weight_two_counts_as_two(kind):
    outputs, y, weights = 2 * RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)), np.array([1, 2, 0, 3, 1])
    found = kind.weighted(Tensor(outputs), y, weights).item()
    assert found == pytest.approx(kind(Tensor(outputs.repeat(weights, axis=0)), y.repeat(weights, axis=0)).item())
    assert check_gradients(lambda x: kind.weighted(x, y, weights), outputs).max_error < 1e-10


@pytest.mark.parametrize("name", ["mae", "huber"])
def test_they_have_names(name):
    assert type(loss.named(name)).__name__.lower() == name


def test_huber_is_half_the_squared_error_up_to_delta_and_straight_from_there():
    for delta in (0.5, 1.0, 3.0):
        for error in (0.0, 0.3, -0.5, 1.0, -2.9, 3.0, 40.0):
            by_hand = error**2 / 2 if abs(error) <= delta else delta * (abs(error) - delta / 2)
            assert loss.Huber(delta)(Tensor(np.array([error])), np.zeros(1)).item() == pytest.approx(by_hand, rel=1e-14)


# --- PyTorch, and settings -------------------------------------------------------------------------------------------


def test_beside_pytorch():
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    nn = torch.nn.functional
    bits, labels, soft = torch.tensor(BITS.astype(float)), torch.tensor(LABELS), torch.tensor(SOFT)
    steps = torch.tensor(STEPS)
    theirs = {
        "mse": lambda x, y: nn.mse_loss(x, torch.tensor(y)),
        "mae": lambda x, y: nn.l1_loss(x, torch.tensor(y)),
        "mae, one axis": lambda x, y: nn.l1_loss(x, torch.tensor(y)),
        "huber": lambda x, y: nn.huber_loss(x, torch.tensor(y)),
        "huber, one axis": lambda x, y: nn.huber_loss(x, torch.tensor(y), delta=0.5),
        "huber, sequences": lambda x, y: nn.huber_loss(x, torch.tensor(y), delta=2.5),
        "binary": lambda x, y: nn.binary_cross_entropy_with_logits(x, bits),
        "binary, weights": lambda x, y: nn.binary_cross_entropy_with_logits(x, bits, weight=0.5 + 3.5 * bits),
        "classes": lambda x, y: nn.cross_entropy(x, labels),
        "classes, smooth": lambda x, y: nn.cross_entropy(x, labels, label_smoothing=0.1),
        "classes, soft and smooth": lambda x, y: nn.cross_entropy(x, soft, label_smoothing=0.3),
        "sequences, ignoring": lambda x, y: nn.cross_entropy(x.mT, steps, ignore_index=-1),
        "sequences, ignoring, smooth": lambda x, y: nn.cross_entropy(x.mT, steps, ignore_index=-1, label_smoothing=0.1),
    }
    for name, function in theirs.items():
        ours, outputs, y = CASES[name]
        x, t = Tensor(outputs, requires_grad=True), torch.tensor(outputs, requires_grad=True)
        value, other = ours(x, y), function(t, y)
        value.backward()
        other.backward()
        assert value.item() == pytest.approx(other.item(), abs=1e-12), name
        assert np.allclose(x.grad, t.grad.numpy(), atol=1e-12), name


def test_targets_of_yes_or_no_lie_between():
    for y in ([[1.5], [0]], [[-0.1], [0]]):
        with pytest.raises(UsageError, match="BinaryCrossEntropy needs targets from 0 to 1"):
            loss.BinaryCrossEntropy()(Tensor(np.zeros((2, 1))), np.array(y))


def test_settings_are_checked():
    for make in (
        lambda: loss.CrossEntropy(ignore=0.5), lambda: loss.CrossEntropy(ignore=True), lambda: loss.CrossEntropy(1),
        lambda: loss.CrossEntropy(-0.1), lambda: loss.BinaryCrossEntropy((0, 1)),
        lambda: loss.BinaryCrossEntropy((1, float("inf"))), lambda: loss.Huber(0), lambda: loss.Huber(float("inf")),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            make()


def test_a_loss_that_measures_nothing_says_so():
    with pytest.raises(UsageError, match="Loss measures nothing; define __call__"):
        loss.Loss()(Tensor([1.0]), np.ones(1))


# --- losses of logistic regression -----------------------------------------------------------------------------------

YES = np.array([[1.0], [0.0], [1.0]])


def test_the_gradient_of_the_squared_error():
    check = check_gradients(lambda z: SquaredError()(z, YES), np.array([[0.3], [-2.0], [1.5]]))
    assert check.max_error < 1e-10


def test_the_best_constant_answer_is_found():
    """Beside the best of many constants that were tried."""
    rng = np.random.default_rng(0)
    few, odd = rng.integers(0, 2, (50, 1)), rng.normal(size=(50, 1))
    tries = np.linspace(-6, 6, 4001)
    cases = [(loss.MSE(), odd), (loss.MAE(), odd), (BinaryCrossEntropy((1, 5)), few), (SquaredError(), few)]
    for kind, y in cases:
        best = min(kind(Tensor(np.full((50, 1), c)), y).item() for c in tries)
        assert kind.of_constant(y, (1,)) == pytest.approx(best, rel=1e-4) and kind.of_constant(y, (1,)) <= best + 1e-12
    for kind in (loss.CrossEntropy(), loss.CrossEntropy(0.2)):
        labels = few[:, 0]
        best = min(kind(Tensor(np.tile([0.0, c], (50, 1))), labels).item() for c in tries)
        assert kind.of_constant(labels, (2,)) == pytest.approx(best, rel=1e-3, abs=3e-3)
    assert loss.Loss().of_constant(odd, (1,)) is loss.Huber().of_constant(odd, (1,)) is None


def test_weights_of_classes_are_weights_of_rows():
    rng = stream(0, "class weights")
    z, y, weights = rng.normal(size=(9, 3)), rng.integers(0, 3, 9), [1.0, 5.0, 0.5]
    plain, weighed = loss.CrossEntropy(label_smoothing=0.1), loss.CrossEntropy(0.1, class_weights=weights)
    rows = np.array(weights)[y]
    want = plain.weighted(Tensor(z), y, rows).item()
    np.testing.assert_allclose(weighed.measure(Tensor(z), y).item(), want, rtol=1e-12)
    np.testing.assert_allclose(weighed.measure(Tensor(z), np.eye(3)[y]).item(), want, rtol=1e-12)
    assert (
        weighed.counted(y, (3,)) == rows.sum() and check_gradients(lambda z: weighed.measure(z, y), z).max_error < 1e-10
    )
    twice = plain.weighted(Tensor(z), y, rows * (y + 1)).item()
    np.testing.assert_allclose(weighed.weighted(Tensor(z), y, y + 1.0).item(), twice, rtol=1e-12)
    ignoring = loss.CrossEntropy(ignore=-1, class_weights=weights)
    some = np.where(np.arange(9) < 4, -1, y)
    want = loss.CrossEntropy(class_weights=weights).measure(Tensor(z[4:]), y[4:]).item()
    np.testing.assert_allclose(ignoring.measure(Tensor(z), some).item(), want, rtol=1e-12)
    best = weighed.of_constant(y, (3,))
    share = np.bincount(y, weights=rows, minlength=3) / rows.sum()
    constant = np.log(share * 0.9 + 0.1 / 3)
    np.testing.assert_allclose(weighed.measure(Tensor(np.tile(constant, (9, 1))), y).item(), best, rtol=1e-12)
    assert loss.CrossEntropy(**weighed.config()).config() == weighed.config()


def test_weights_of_classes_beside_pytorch():
    torch = pytest.importorskip("torch")
    rng = stream(1, "class weights")
    z, y, weights = rng.normal(size=(9, 3)), rng.integers(0, 3, 9), [1.0, 5.0, 0.5]
    want = torch.nn.CrossEntropyLoss(torch.tensor(weights, dtype=torch.float64))(torch.tensor(z), torch.tensor(y))
    np.testing.assert_allclose(loss.CrossEntropy(class_weights=weights)(Tensor(z), y).item(), want.item(), rtol=1e-12)


@pytest.mark.parametrize(
    ("weights", "y", "message"),
    [
        ([1.0, 2.0], [0, 1, 2], "class_weights: expected one for each of 3 classes"),
        ([1.0, 0.0, 2.0], [0, 1, 2], "class_weights"),
        ([1.0, 1.0, 2.0], np.full((3, 3), 1 / 3), "CrossEntropy weighs labels, and not probabilities"),
    ],
)
def test_weights_of_classes_that_cannot_be_used_are_refused(weights, y, message):
    with pytest.raises(UsageError, match=message):
        loss.CrossEntropy(class_weights=weights)(Tensor(np.zeros((3, 3))), np.asarray(y))
