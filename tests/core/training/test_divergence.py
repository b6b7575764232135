"""Every way to NaN or infinity is stopped before the update that would spread it, and told with layer and step."""

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import BrainboxError, ConvergenceError, InputError
from brainbox_core.rng import stream
from brainbox_core.tensor import record
from tests.cli.shell import run_here

L = bb.layers
X = stream(0, "x").normal(size=(64, 4)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)
LATE = 50  # a row of the second batch


class Spoil(L.Layer):
    """Passes its input on, times a number; its gradient times another."""

    def __init__(self, forward: float = 1, backward: float = 1):
        super().__init__()
        self.forward, self.backward = np.float32(forward), np.float32(backward)

    def build(self, input_shape, rng):
        return input_shape

    def __call__(self, x, training=False):
        return record("spoil", x.data * self.forward, (x,), lambda g: (g * self.backward,))


class Logarithm(L.Layer):
    """Of numbers that may be negative."""

    def build(self, input_shape, rng):
        return input_shape

    def __call__(self, x, training=False):
        return x.log()


def spoilt(array: np.ndarray, value: float) -> np.ndarray:
    array = array.copy()
    array[LATE, 0] = value
    return array


def mlp(*more: L.Layer) -> list[L.Layer]:
    return [L.Linear(8), *more, L.ReLU(), L.Linear(1)]


# layers, inputs, targets, optimizer, what is said
WAYS = {
    "inputs of nan": (mlp(), spoilt(X, np.nan), Y, None, "the inputs hold numbers that are not finite"),
    "inputs of inf": (mlp(), spoilt(X, -np.inf), Y, None, "the inputs hold numbers that are not finite"),
    "large inputs": (mlp(), X * np.float32(1e38), Y, None, "layer 0 'linear_0' is the first whose output"),
    "large targets": (mlp(), X, spoilt(Y, 3e38), None, "the loss itself overflows"),
    "a large rate": (mlp(), X, Y, bb.optimizers.SGD(1e30), "update is not finite.* linear_[01]/.* largest gradient"),
    "a large rate of Adam": (mlp(), X, Y, bb.optimizers.Adam(1e38), "update is not finite.* largest gradient"),
    "growth": ([L.Linear(1)], X, Y, bb.optimizers.SGD(1e4), "overflows|not finite"),
    "an output of nan": (mlp(Spoil(np.nan)), X, Y, None, "layer 1 'spoil_0' is the first whose output"),
    "an output of inf": (mlp(L.Tanh(), Spoil(np.inf)), X, Y, None, "layer 2 'spoil_0' is the first whose output"),
    "a gradient of nan": (mlp(Spoil(1, np.nan)), X, Y, None, "linear_0/weight is the first whose gradient"),
    "a gradient of inf": (mlp(Spoil(1, np.inf)), X, Y, None, "linear_0/weight is the first whose gradient"),
    "a logarithm": (mlp(Logarithm()), X, Y, None, "layer 1 'logarithm_0' is the first whose output"),
    "a running variance": (
        [L.BatchNorm(), L.Linear(1)],
        X * np.float32(1e30),
        Y,
        None,
        "layer 0 'batchnorm_0' overflows",
    ),
    "a recurrence": (
        [L.RNN(8), L.Flatten(), L.Linear(1)],
        np.repeat(spoilt(X, np.inf)[:, :, None], 3, axis=2),
        Y,
        None,
        "the inputs hold numbers that are not finite",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_training_stops_before_the_update_that_would_spread_it(way, tmp_path):
    layers, inputs, targets, optimizer, message = WAYS[way]
    model = bb.Sequential(layers)
    model.compile(optimizer or bb.optimizers.SGD(0.01), bb.loss.MSE())
    with pytest.raises(ConvergenceError, match=rf"epoch \d+, step \d+: .*({message})"):
        model.fit(inputs, targets, epochs=40)
    assert all(np.isfinite(array).all() for array in model.state().values())
    assert all(np.isfinite(moment).all() for moment in model.optimizer.moments.values())
    if not any(isinstance(layer, Spoil | Logarithm) for layer in layers):  # which no file can bring back
        model.save(tmp_path / "model.safetensors")
        for name, array in bb.Sequential.load(tmp_path / "model.safetensors").state().items():
            np.testing.assert_array_equal(array, model.state()[name])


def test_weights_that_are_none_are_neither_trained_nor_saved(tmp_path):
    model = bb.Sequential(mlp())
    model.compile(bb.optimizers.SGD(0.01), bb.loss.MSE())
    model.fit(X, Y)
    model.layers[2].weight.data[0, 0] = np.nan
    before = model.state()
    for use, error in (
        (lambda: model.fit(X, Y), ConvergenceError),
        (lambda: model.predict(X), ConvergenceError),
        (lambda: model.evaluate(X, Y), ConvergenceError),
        (lambda: model.save(tmp_path / "model.safetensors"), BrainboxError),
    ):
        with pytest.raises(error):
            use()
    assert not list(tmp_path.iterdir())
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_no_numbers_are_refused_before_the_first_step(bad):
    model = bb.Sequential(mlp())
    model.compile(bb.optimizers.SGD(0.01), bb.loss.MSE())
    with pytest.raises(BrainboxError, match="targets must be finite"):
        model.fit(X, spoilt(Y, bad))


TRAINERS = {
    "mnist": ["--limit", "300", "--epochs", "2"],
    "cnn": ["--limit", "200", "--epochs", "1"],
    "rnn": ["--steps", "20", "--hidden", "8", "--clip", "0"],
    "fraud": ["--limit", "2000", "--epochs", "1"],
    "spam": ["--limit", "300", "--epochs", "2"],
    "regress": ["--no-input", "--epochs", "50"],
}


@pytest.mark.parametrize("noun", TRAINERS)
def test_a_trainer_ends_with_4_and_says_where(noun, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, fields = run_here(noun, *TRAINERS[noun], "--lr", "1e30", "-q")
    assert code == 4
    assert fields["error"]["message"].startswith("epoch 1")
    assert "largest gradient" in fields["error"]["message"] or noun == "regress"  # which has one layer, and looks ahead
    for path in tmp_path.rglob("*.safetensors"):
        try:
            state = bb.Sequential.load(path).state()
        except InputError as error:
            raise AssertionError(f"{path} cannot be read") from error
        assert all(np.isfinite(array).all() for array in state.values())
