"""One row of the table is all that an activation needs; LeakyReLU, and one that the library does not have, prove it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.export import build
from brainbox_core.export.header import Vectors, write
from brainbox_core.export.network import reference
from brainbox_core.export.network.activations import ACTIVATIONS, Activation
from brainbox_core.export.network.kernels import FloatKernels, IntKernels
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.quantize import Rescale, quantize
from brainbox_core.export.network.source import page
from brainbox_core.network.ranges import activation_ranges
from tests.export.chains import built
from tests.export.compiling import STRICT, compiled, inputs, tool

L = bb.layers
SANITIZED = ("-O0", "-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", *STRICT)
BUILDS = {
    "c99": ("gcc", ("-O2", *STRICT)),
    "sanitized": ("gcc", SANITIZED),
    "c++11": ("g++", ("-O2", "-std=c++11", *STRICT[1:])),
}
CHAINS = {
    "alone": ((5, 4, 3), [L.LeakyReLU(0.1)], False),
    "alone on pixels": ((5, 4, 3), [L.LeakyReLU(0.1)], True),
    "linear": ((6,), [L.Linear(9), L.LeakyReLU(0.3), L.Linear(7), L.LeakyReLU(), L.Linear(3)], False),
    "rows": ((9, 8), [L.Conv2D(3), L.LeakyReLU(), L.Flatten(), L.Linear(5), L.LeakyReLU(0.2)], True),
    "norm": ((6,), [L.BatchNorm(), L.LeakyReLU(0.25), L.LeakyReLU(0.5)], False),
    "max": (
        (11, 10, 2),
        [L.Conv2D(5), L.LeakyReLU(0.2), L.MaxPool(2), L.Conv2D(6, 2), L.MaxPool(3), L.LeakyReLU()],
        True,
    ),
    "max alone": ((8, 8, 2), [L.LeakyReLU(0.4), L.MaxPool(3, 2), L.LeakyReLU(0.7)], False),
    "averages": ((11, 10, 2), [L.Conv2D(5, 3, 1, "same"), L.LeakyReLU(0.2), L.AvgPool(2), L.LeakyReLU(0.6)], False),
    "ends": ((6,), [L.Linear(9), L.LeakyReLU(0), L.Linear(8), L.LeakyReLU(1), L.Linear(5), L.LeakyReLU(1e-30)], False),
}


def drafts(model: bb.Sequential, X: np.ndarray, optimize: str = "ram"):
    """The kernels for both types of number, with what the reference makes of the inputs."""
    ranges = activation_ranges(model, X.reshape(-1, *model.input_shape))
    floats = FloatKernels("net", lower(model), optimize)
    yield floats, reference.run(floats.program, X).reshape(len(X), -1)
    integers = IntKernels("net", quantize(lower(model), ranges), optimize)
    yield integers, reference.run(integers.integers, X).reshape(len(X), -1)


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("chain", CHAINS)
def test_leaky_relu_agrees_in_every_bit(tmp_path, chain, name):
    shape, kinds, pixels = CHAINS[chain]
    model = built([type(layer)(**layer.config()) for layer in kinds], shape, pixels)
    cc, flags = BUILDS[name]
    X = inputs(model, 32)
    for kernels, outputs in drafts(model, X):
        text = write(page(model, kernels, Vectors(X[:1], outputs[:1])), "no")
        found = compiled(tmp_path, text, X, outputs, *flags, cc=cc)
        np.testing.assert_array_equal(found, outputs)


@pytest.mark.parametrize("chain", CHAINS)
def test_leaky_relu_stands_for_the_models_numbers(chain):
    shape, kinds, pixels = CHAINS[chain]
    model = built([type(layer)(**layer.config()) for layer in kinds], shape, pixels)
    X = inputs(model, 64)
    trained = model.predict(X.reshape(-1, *shape)).reshape(len(X), -1)
    (_, floats), (kernels, ints) = drafts(model, X)
    np.testing.assert_allclose(floats, trained, rtol=1e-5, atol=1e-6)
    noise = ((kernels.integers.steps[-1].result.real(ints) - trained) ** 2).sum()
    assert 10 * math.log10((trained**2).sum() / noise) > 25


sums, multipliers, shifts = st.integers(-(2**31) + 1, 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(30, 62)


@given(sums, multipliers, shifts, multipliers, shifts)
def test_both_sides_are_rounded_once_and_half_upwards(total, above, above_shift, below, below_shift):
    numbers = [np.array([number], np.int32) for number in (above, above_shift, below, below_shift)]
    by = Rescale(*numbers[:2], zero=3, below=(numbers[2], numbers[3]))
    factor = Fraction(below, 2**below_shift) if total < 0 else Fraction(above, 2**above_shift)
    exact = math.floor(total * factor + Fraction(1, 2)) + 3
    assert reference.rescale(np.array([total]), by)[0] == max(-128, min(127, exact))


def test_the_negative_side_is_slope_times_as_steep():
    model = built([L.Linear(5), L.LeakyReLU(0.125)], (4,))
    _, (kernels, _) = drafts(model, inputs(model, 32))
    by = kernels.integers.steps[1].rescale
    np.testing.assert_array_equal(by.below[0], by.multiplier)
    np.testing.assert_array_equal(by.below[1], by.shift + 3)


def test_a_dead_channel_of_a_leaky_relu_is_a_constant():
    model = built([L.Linear(2), L.LeakyReLU(0.25)], (3,))
    model.layers[0].weight.data[:, 1] = 0
    model.layers[0].bias.data[1] = -0.8
    X = inputs(model, 32)
    _, (kernels, ints) = drafts(model, X)
    result = kernels.integers.steps[-1].result
    assert (ints[:, 1] == round(-0.2 / result.scale) + result.zero).all()


class Bounded(L.ReLU):
    """From -1 to 1, straight between."""

    def __call__(self, x, training=False):
        return (x + 1.0).relu() - (x - 1.0).relu() - 1.0


def test_a_row_of_the_table_exports_a_new_activation(monkeypatch):
    def bounded(x, slope):
        return np.where(x > 1, x.dtype.type(1), np.where(x < -1, x.dtype.type(-1), x))

    c = "(VALUE > 1.0f ? 1.0f : (VALUE < -1.0f ? -1.0f : VALUE))"
    monkeypatch.setitem(ACTIVATIONS, "bounded", Activation(Bounded, c, bounded, bounded, edge=1.0))
    tool("gcc")
    chain = [L.Conv2D(4), Bounded(), L.MaxPool(2), Bounded(), L.Flatten(), L.Linear(6), Bounded(), L.Linear(3)]
    model = built(chain, (8, 8), pixels=True)
    X = inputs(model, 64)
    for dtype in ("float32", "int8"):
        assert build(model, "net", dtype=dtype, calibration=X, verify=64).report.checked == 64
    trained = model.predict(X.reshape(-1, 8, 8)).reshape(len(X), -1)
    (_, floats), (kernels, ints) = drafts(model, X)
    np.testing.assert_allclose(floats, trained, rtol=1e-5, atol=1e-6)
    assert np.abs(kernels.integers.steps[-1].result.real(ints) - trained).max() < 0.05 * np.ptp(trained)
