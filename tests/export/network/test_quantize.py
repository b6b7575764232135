"""Numbers become integers as defined: scales, multipliers, biases, and the proof that no sum overflows."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.export.network import reference
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.quantize import PIXELS, IntProgram, IntStep, Rescale, Scale, fixed_point, quantize
from brainbox_core.network.ranges import activation_ranges
from brainbox_core.rng import stream
from tests.export.chains import unsettle

L = bb.layers


def integers(shape, *chain, pixels=False, ranges=None, change=lambda model: None) -> tuple[bb.Sequential, IntProgram]:
    """A network and its integers, with ranges over some random inputs."""
    model = bb.Sequential(list(chain))
    model.build(shape)
    unsettle(model)
    change(model)
    model.meta["input"] = "uint8" if pixels else "float32"
    found = activation_ranges(model, inputs(shape, pixels))
    return model, quantize(lower(model), found | (ranges or {}))


def inputs(shape, pixels=False, n=60) -> np.ndarray:
    random = stream(0, "quantize")
    if pixels:
        return random.integers(0, 256, (n, *shape), np.uint8)
    return random.standard_normal((n, *shape)).astype(np.float32)


def real(program: IntProgram, X: np.ndarray) -> np.ndarray:
    """The outputs as the numbers that they stand for."""
    return program.steps[-1].result.real(reference.run(program, X)).reshape(len(X), -1)


def test_a_scale_covers_its_range_and_zero_exactly():
    for least, largest in [(0, 2.55), (-1, 1), (-3, -2), (4, 9), (-1e-20, 1e30), (-1e30, 1e30), (0, 0)]:
        scale = Scale.of_range(least, largest)
        assert -128 <= scale.zero <= 127 and scale.scale > 0
        assert scale.real(np.array([scale.zero])) == 0
        half = scale.scale * 0.500001
        assert scale.real(np.array([-128])) <= min(least, 0) + half
        assert scale.real(np.array([127])) >= max(largest, 0) - half


@given(st.floats(2.0**-31, 1.0))
@example(1 - 2.0**-40)  # which rounds up to a power of two
def test_a_multiplier_is_the_nearest_of_31_bits(factor):
    multiplier, shift = (int(part[0]) for part in fixed_point(np.array([factor])))
    assert 2**30 <= multiplier < 2**31 and 30 <= shift <= 62
    assert abs(Fraction(multiplier, 2**shift) / Fraction(factor) - 1) <= Fraction(1, 2**31)


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(30, 62))
def test_rescaling_rounds_once_and_half_upwards(total, multiplier, shift):
    by = Rescale(np.array([multiplier], np.int32), np.array([shift], np.int32), zero=3)
    exact = math.floor(Fraction(total * multiplier, 2**shift) + Fraction(1, 2)) + 3
    assert reference.rescale(np.array([total]), by)[0] == max(-128, min(127, exact))


def test_the_integers_follow_the_definition():
    """A convolution by the sums of the definition, in whole Python numbers, one output after another."""
    _, program = integers((5, 6, 2), L.Conv2D(3, 2, (2, 1), "same"), L.ReLU(), L.MaxPool(2))
    quantizer, step = program.steps
    x = reference.outputs(program, inputs((5, 6, 2), n=1))
    assert step.source == quantizer.result and step.bias.dtype == np.int32 and step.weight.dtype == np.int8
    image, lowered = x[0][0].astype(int), step.step
    weight, bias = step.weight.astype(int), lowered.bias
    units = np.abs(lowered.weight.astype(float)).max(axis=(0, 1, 2)) / 127 * step.source.scale
    for channel in range(3):
        # With the zero outside: what the folded bias has to come to.
        start = round(float(bias[channel]) / units[channel])
        factor = Fraction(int(step.rescale.multiplier[channel]), 2 ** int(step.rescale.shift[channel]))
        assert math.isclose(factor, units[channel] / step.result.scale, rel_tol=1e-9)
        for i in range(x[1].shape[1]):
            for j in range(x[1].shape[2]):
                sums = []
                for a, b in [(0, 0), (0, 1), (1, 0), (1, 1)]:
                    total = start
                    for u in range(2):
                        for v in range(2):
                            r, c = (2 * i + a) * 2 + u - lowered.padding[0][0], 2 * j + b + v - lowered.padding[1][0]
                            if 0 <= r < 5 and 0 <= c < 6:
                                values = image[r, c] - step.source.zero
                                total += int((values * weight[u, v, :, channel]).sum())
                    sums.append(total)
                y = math.floor(max(sums) * factor + Fraction(1, 2)) + step.result.zero
                assert x[1][0, i, j, channel] == max(step.result.zero, min(127, y))


CHAINS = {
    "dense": ((6,), [L.Linear(9), L.ReLU(), L.Linear(4)], 30),
    "convolutions": ((9, 9, 2), [L.Conv2D(5), L.ReLU(), L.MaxPool(2), L.Conv2D(4, 2, padding="same"), L.ReLU()], 25),
    "averages": ((9, 9, 2), [L.Conv2D(5), L.ReLU(), L.AvgPool(2), L.Conv2D(3, 2), L.AvgPool((1, 2))], 30),
    "alone": ((9, 9, 2), [L.AvgPool(3, 2), L.BatchNorm(), L.ReLU(), L.MaxPool(2, 1)], 30),
    "tanh": ((6,), [L.Linear(9), L.Tanh(), L.Linear(4)], 25),
    "sigmoid": ((9, 9), [L.Conv2D(4), L.BatchNorm(), L.Sigmoid(), L.MaxPool(2), L.Flatten(), L.Linear(3)], 25),
    "softmax": ((6,), [L.Linear(5), L.Softmax()], 25),
    "functions alone": ((6,), [L.Tanh(), L.Sigmoid(), L.ReLU()], 25),
}


@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize("name", CHAINS)
def test_the_integers_stand_for_the_models_numbers(name, pixels):
    shape, chain, decibels = CHAINS[name]
    model, program = integers(shape, *(type(layer)(**layer.config()) for layer in chain), pixels=pixels)
    X = inputs(shape, pixels)
    expected = model.predict(X).reshape(len(X), -1)
    noise = ((real(program, X) - expected) ** 2).sum()
    assert 10 * math.log10((expected**2).sum() / noise) > decibels


def test_pixels_are_taken_as_they_are():
    _, program = integers((3, 3, 1), L.MaxPool(2, 1), pixels=True)
    assert program.steps[0].source is PIXELS and len(program.steps) == 1
    X = inputs((3, 3, 1), pixels=True, n=1)
    assert reference.run(program, X)[0, 0, 0, 0] == int(X[0, :2, :2].max()) - 128


def test_a_dead_channel_is_a_constant():
    def kill(model):
        model.layers[0].weight.data[..., 1] = 0
        model.layers[0].bias.data[:] = [0.1, 0.7, -0.7]

    for chain in ([L.Conv2D(3)], [L.Conv2D(3), L.AvgPool(2)], [L.Conv2D(3), L.ReLU(), L.MaxPool(2)]):
        _, program = integers((6, 6), *chain, change=kill)
        step = program.steps[1]
        assert not step.weight[..., 1].any() and step.weight[..., [0, 2]].any()
        y = reference.run(program, 100 * inputs((6, 6)))[..., 1]
        assert (y == round(float(np.float32(0.7)) / step.result.scale) + step.result.zero).all()
        assert (step.rescale.shift >= 30).all() and (step.rescale.multiplier >= 2**30).all()


def test_a_dead_channel_stays_itself_in_the_largest_pool():
    model = bb.Sequential([L.Conv2D(1, 1), L.AvgPool(100)])  # 10,000 times 255 times 2**10 would not fit 32 bits
    model.build((100, 100))
    model.params.named["conv2d_0/kernel"].data[...], model.params.named["conv2d_0/bias"].data[...] = 0, 5
    program = quantize(lower(model), {"input": (0, 1), "conv2d_0": (0, 5), "avgpool_0": (0, 5)})
    assert 100 * 100 * int(program.steps[1].bias[0]) < 2**31
    assert reference.run(program, np.zeros((1, 100, 100))).ravel().tolist() == [127]


@pytest.mark.parametrize(("scale", "bias"), [(1e-38, 1.0), (1e-12, 1e3), (1e30, 1.0), (1.0, 1e30), (1e-45, 0.0)])
def test_no_sum_can_overflow(scale, bias):
    def stretch(model):
        model.layers[0].weight.data[..., 0] *= np.float32(scale)
        model.layers[0].bias.data[0] = bias

    for pool in (L.MaxPool(2), L.AvgPool(2)):
        model, program = integers((8, 8, 3), L.Conv2D(4, 5), pool, change=stretch)
        step = program.steps[1]
        reach = np.abs(step.bias.astype(np.int64)) + np.abs(step.weight.astype(np.int64)).sum(axis=(0, 1, 2)) * 128
        assert (reach * (4 if isinstance(pool, L.AvgPool) else 1) < 2**31).all()
        y, expected = real(program, inputs((8, 8, 3))), model.predict(inputs((8, 8, 3))).reshape(60, -1)
        assert np.abs(y - expected).max() < 0.05 * np.abs(expected).max()  # the coarsest channel sets the scale


def test_very_many_inputs_get_coarser_weights():
    def saturate(model):
        model.layers[0].weight.data[:] = 1.0

    _, program = integers((140_000,), L.Linear(1), change=saturate, ranges={"linear_0": (0.0, 3e5)})
    assert np.abs(program.steps[1].weight.astype(np.int64)).sum() * 128 < 2**31
    assert abs(real(program, np.full((1, 140_000), 2, np.float32)) / 280_000 - 1) < 0.02


@pytest.mark.parametrize("least_largest", [(0.0, 0.0), (-1e30, 1e30), (1e-40, 2e-40)])
@pytest.mark.parametrize("layer", ["input", "linear_0", "avgpool_0"])
def test_odd_ranges_saturate_and_nothing_more(layer, least_largest):
    chain = [L.AvgPool(2), L.Flatten(), L.Linear(3)]
    _, program = integers((4, 4, 1), *chain, ranges={layer: least_largest})
    for step in program.steps:
        assert step.rescale is None or ((step.rescale.shift >= 30) & (step.rescale.shift <= 62)).all()
        assert step.rescale is None or (step.rescale.multiplier >= 2**30).all()
    reference.run(program, inputs((4, 4, 1)))


def test_a_relu_lets_nothing_below_zero_through_whatever_its_range():
    for layer in (L.Linear(3), L.BatchNorm()):
        _, program = integers((4,), layer, L.ReLU(), ranges={"relu_0": (-1.0, 1.0)})
        y = reference.run(program, 9 * inputs((4,)))
        assert (y >= program.steps[1].result.zero).all() and (y == program.steps[1].result.zero).any()


def test_sums_beyond_the_whole_numbers_of_float32_are_exact():
    _, program = integers((3000,), L.Linear(2), pixels=True)
    X = np.full((1, 3000), 255, np.uint8)
    X[0, 1::2] = 254
    step = replace(program.steps[0], weight=np.full((3000, 2), 127, np.int8))
    assert reference._sums(step, X.reshape(1, 1, 1, -1)).ravel().tolist() == [127 * 1500 * (255 + 254)] * 2


def test_floats_beyond_the_range_saturate():
    _, program = integers((1,), L.ReLU(), ranges={"input": (-1.0, 1.0), "relu_0": (0.0, 1.0)})
    X = np.array([[np.nan], [-np.inf], [-1e30], [-1.0], [0.0], [1.0], [1e30], [np.inf]], np.float32)
    assert reference.outputs(program, X)[0].ravel().tolist() == [-128, -128, -128, -127, 0, 127, 127, 127]


@pytest.mark.parametrize("ranges", [{}, {"linear_0": "wide"}, {"linear_0": None}, {"linear_0": [1.0]}])
def test_a_missing_range_is_told_with_a_way_out(ranges):
    model = bb.Sequential([L.Linear(2)])
    model.build((2,))
    with pytest.raises(InputError, match=r"no range of the numbers that linear_0 gives.*`calibration`"):
        quantize(lower(model), {"input": [0.0, 1.0]} | ranges)


@pytest.mark.parametrize("least_largest", [(0.0, math.inf), (math.nan, 1.0), (2.0, 1.0)])
def test_a_range_has_to_be_one(least_largest):
    with pytest.raises(InputError, match="the range of linear_0 is not one of finite numbers"):
        integers((2,), L.Linear(2), ranges={"linear_0": least_largest})


def test_a_step_says_what_it_takes():
    _, program = integers((2,), L.Linear(2))
    assert [isinstance(step, IntStep) and step.bytes_in for step in program.steps] == [False, False]
    assert reference.run(program, np.zeros((0, 2), np.float32)).shape == (0, 1, 1, 2)


TABLE = np.float32([1, 1000, 1e-3, 50]), np.float32([0, 5e4, 0, -1e6])


@pytest.mark.parametrize("first", [L.Linear(9), L.BatchNorm()])
def test_every_input_of_a_table_has_a_scale_of_its_own(first):
    """In units of its columns a network of numbers of like size is as close as it was before they had units."""
    model = bb.Sequential([first, L.Linear(5), L.ReLU(), L.Linear(3)])
    model.build((4,))
    X, (unit, middle) = inputs((4,), n=200), TABLE
    if isinstance(first, L.BatchNorm):
        first.buffers["mean"][...], first.buffers["variance"][...] = middle, unit**2
    else:
        weight = first.weight.data.astype(np.float64)
        first.weight.data[...] = weight / unit[:, None]
        first.bias.data[...] -= middle.astype(np.float64) / unit @ weight
    X = X * unit + middle
    found = activation_ranges(model, X)
    program = quantize(lower(model), found)
    assert program.steps[0].columns is not None and program.steps[1].step == program.program.steps[1]
    expected = model.predict(X)
    spread = ((expected - expected.mean(axis=0)) ** 2).sum()
    assert 10 * math.log10(spread / ((real(program, X) - expected) ** 2).sum()) > 30
    del found["columns"]
    assert 10 * math.log10(spread / ((real(quantize(lower(model), found), X) - expected) ** 2).sum()) < 10


def test_an_input_that_never_changes_counts_as_what_it_is():
    model = bb.Sequential([L.Linear(1)])
    model.build((2,))
    model.layers[0].weight.data[...] = [[1], [100]]
    ranges = {"input": [-1.0, 7.0], "linear_0": [600.0, 800.0], "columns": [[-1.0, 1.0], [7.0, 7.0]]}
    program = quantize(lower(model), ranges)
    X = np.float32([[-1, 7], [1, 7], [0, 7], [0, 9], [0, -np.inf], [0, np.nan]])
    assert np.abs(real(program, X).ravel() - [699, 701, 700, 700, 700, 700]).max() <= 800 / 255


@pytest.mark.parametrize(
    "columns", ["wide", None, [[0, 1]], [[0, 1], [1, 0], [2]], [[0, math.inf], [0, 1]], [[0, 1e39], [0, 1]], [0, 1]]
)
def test_damaged_ranges_of_inputs_are_told_with_a_way_out(columns):
    with pytest.raises(InputError, match=r"the ranges of the inputs are not two numbers .* for each.*`calibration`"):
        integers((2,), L.Linear(2), ranges={"columns": columns})
