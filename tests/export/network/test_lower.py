"""Layers become few steps: what is fused, what is left out, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.export.network.lower import Pool, Program, Step, lower
from brainbox_core.kernels.convolution import pad_image
from brainbox_core.rng import stream
from tests.export.chains import unsettle

L = bb.layers


def built(shape, *chain) -> bb.Sequential:
    """A model whose normalisations and biases are not those of a fresh one."""
    model = bb.Sequential(list(chain))
    model.build(shape)
    unsettle(model)
    return model


def run(program: Program, x: np.ndarray) -> np.ndarray:
    """A batch through the steps in float64, by loops that owe nothing to the library's kernels."""
    x = x.reshape(len(x), *program.input_shape).astype(np.float64)
    for step in program.steps:
        x = _pool(_activate(_map(x.reshape(len(x), *step.input_shape), step), step), step)
        assert x.shape[1:] == step.output_shape
    return x


def _map(x: np.ndarray, step: Step) -> np.ndarray:
    if step.kind == "conv":
        x = pad_image(x, step.padding)
        (kh, kw, _, _), (sh, sw), (h, w, c) = step.weight.shape, step.stride, step.map_shape
        y = np.zeros((len(x), h, w, c))
        for i in range(h):
            for j in range(w):
                window = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
                y[:, i, j] = np.tensordot(window, step.weight, 3) + step.bias
        return y
    if step.kind == "linear":
        return (x.reshape(len(x), -1) @ step.weight + step.bias)[:, None, None]
    return (x - (0 if step.offset is None else step.offset)) * step.weight + step.bias if step.kind == "scale" else x


def _activate(x: np.ndarray, step: Step) -> np.ndarray:
    if step.kind == "softmax":
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    if step.activation in ("relu", "leakyrelu"):
        return np.where(x > 0, x, step.slope * x)
    return {"linear": x, "tanh": np.tanh(x), "sigmoid": 1 / (1 + np.exp(-x))}[step.activation]


def _pool(x: np.ndarray, step: Step) -> np.ndarray:
    if step.pool is None:
        return x
    reduce = np.max if step.pool.kind == "max" else np.mean
    (ph, pw), (sh, sw), (h, w, c) = step.pool.size, step.pool.stride, step.output_shape
    y = np.zeros((len(x), h, w, c))
    for i in range(h):
        for j in range(w):
            y[:, i, j] = reduce(x[:, i * sh : i * sh + ph, j * sw : j * sw + pw], axis=(1, 2))
    return y


CHAINS = {
    "conv+relu+maxpool": ((9, 8), [L.Conv2D(3), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Linear(2)]),
    "pool before relu": ((9, 8), [L.Conv2D(3), L.MaxPool(2), L.ReLU()]),
    "norm folded": ((9, 8, 2), [L.Conv2D(3), L.BatchNorm(), L.Sigmoid(), L.MaxPool(2)]),
    "norm twice": ((5,), [L.Linear(4), L.BatchNorm(), L.BatchNorm(), L.Tanh()]),
    "norm first": ((4, 3), [L.BatchNorm(), L.ReLU(), L.Conv2D(2, 2)]),
    "norm behind relu": ((6, 6, 1), [L.Conv2D(3), L.ReLU(), L.BatchNorm(), L.MaxPool(2), L.ReLU()]),
    "norm behind flatten": ((6, 6, 1), [L.Conv2D(3), L.Flatten(), L.BatchNorm()]),
    "average, then relu": ((7, 7), [L.Conv2D(3), L.AvgPool(2), L.ReLU()]),
    "relu, then average": ((7, 7), [L.Conv2D(3), L.ReLU(), L.AvgPool((2, 3))]),
    "tanh, then average": ((7, 7), [L.Conv2D(3), L.Tanh(), L.AvgPool(2)]),
    "overlapping pool": ((9, 9), [L.Conv2D(3), L.ReLU(), L.MaxPool(3, 2)]),
    "pools only": ((9, 9, 2), [L.MaxPool(3, 2), L.AvgPool(2, 1), L.Flatten()]),
    "same padding and strides": ((9, 7), [L.Conv2D(3, (3, 4), (2, 3), "same"), L.Conv2D(2, 2, padding="same")]),
    "pool overlapping one way": ((9, 9), [L.Conv2D(3), L.MaxPool((3, 1), (2, 1))]),
    "leaky, then pools": ((9, 8), [L.Conv2D(3), L.LeakyReLU(0.1), L.MaxPool(2), L.LeakyReLU(0.2), L.AvgPool(2)]),
    "softmax inside": ((4, 4, 3), [L.Softmax(), L.MaxPool(2), L.Softmax(), L.Tanh()]),
    "softmax": ((5,), [L.Dropout(0.5), L.Linear(4), L.ReLU(), L.Softmax()]),
    "flattened pictures": ((4, 5), [L.Flatten(), L.Linear(4), L.Sigmoid(), L.Linear(1)]),
    "activations in a row": ((5,), [L.ReLU(), L.Tanh(), L.Sigmoid()]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_steps_compute_what_the_model_does(name):
    shape, kinds = CHAINS[name]
    model = built(shape, *(type(layer)(**layer.config()) for layer in kinds))
    x = stream(0, "lower").standard_normal((6, *shape)).astype(np.float32)
    expected = model.predict(x)
    np.testing.assert_allclose(run(lower(model), x).reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("conv+relu+maxpool", ["conv2d_0+relu+maxpool", "linear_0"]),
        ("pool before relu", ["conv2d_0+maxpool+relu"]),
        ("norm folded", ["conv2d_0+batchnorm+sigmoid+maxpool"]),
        ("norm twice", ["linear_0+batchnorm+batchnorm+tanh"]),
        ("norm behind relu", ["conv2d_0+relu", "batchnorm_0+maxpool+relu"]),
        ("norm behind flatten", ["conv2d_0", "batchnorm_0"]),
        ("average, then relu", ["conv2d_0+avgpool", "relu_0"]),
        ("tanh, then average", ["conv2d_0+tanh", "avgpool_0"]),
        ("leaky, then pools", ["conv2d_0+leakyrelu+maxpool", "leakyrelu_1", "avgpool_0"]),
        ("overlapping pool", ["conv2d_0+relu", "maxpool_0"]),
        ("pool overlapping one way", ["conv2d_0", "maxpool_0"]),
        ("softmax", ["linear_0+relu", "softmax_0"]),
    ],
)
def test_what_is_fused(name, titles):
    shape, kinds = CHAINS[name]
    steps = lower(built(shape, *(type(layer)(**layer.config()) for layer in kinds))).steps
    assert [step.title for step in steps] == titles


def test_a_program_knows_its_shapes_and_costs():
    model = built(
        (28, 28), L.Conv2D(16), L.ReLU(), L.MaxPool(2), L.Conv2D(32), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Linear(10)
    )
    model.meta["input"] = "uint8"
    program = lower(model)
    assert program.pixels and program.input_shape == (28, 28, 1) and program.output_shape == (1, 1, 10)
    assert [step.input_shape for step in program.steps] == [(28, 28, 1), (13, 13, 16), (5, 5, 32)]
    assert sum(step.multiply_adds for step in program.steps) == 566_144
    assert sum(step.parameters for step in program.steps) == 12_810
    assert program.steps[1].pool == Pool("max", (2, 2), (2, 2)) and program.steps[1].map_shape == (11, 11, 32)


def test_the_steps_keep_arrays_of_their_own():
    model = built((3,), L.Linear(2))
    step = lower(model).steps[0]
    step.weight[...] = 0
    assert model.layers[0].weight.data.any()


def test_a_layer_that_cannot_be_exported_is_named_with_those_that_can():
    class Mine(L.ReLU):
        pass

    class Swish(L.LeakyReLU):
        pass

    for layer, name in ((Swish(), "Swish"), (L.Embedding(3, 2), "Embedding"), (Mine(), "Mine")):
        with pytest.raises(InputError) as caught:
            lower(built((4,), layer, L.Flatten(), L.Linear(2)))
        assert f"layer 0 '{name.lower()}_0' ({name}) cannot be exported" in str(caught.value)
        assert "Linear, Conv2D, MaxPool" in str(caught.value) and "LeakyReLU" in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (L.Conv1D(2), (6, 3)),
        (L.DepthwiseConv2D(), (6, 5, 3)),
        (L.SeparableConv2D(2), (6, 5, 3)),
        (L.ZeroPadding(), (6, 5, 3)),
        (L.LayerNorm(), (6,)),
        (L.MaxPool1D(), (6, 3)),
        (L.AvgPool1D(), (6, 3)),
        (L.GlobalMaxPool(), (6, 5, 3)),
        (L.GlobalAvgPool(), (6, 3)),
    ],
    ids=str,
)
def test_layers_that_no_device_computes_yet_are_refused_by_name(layer, shape):
    kind = type(layer).__name__
    with pytest.raises(InputError, match=rf"^layer 1 '{kind.lower()}_0' \({kind}\) cannot be exported"):
        lower(built(shape, L.ReLU(), layer, L.Flatten(), L.Linear(2)))


def test_gaps_in_kernels_are_refused_by_name():
    with pytest.raises(InputError, match=r"^layer 0 'conv2d_0' \(Conv2D with dilation=\(1, 2\)\) cannot be exported"):
        lower(built((6, 6, 2), L.Conv2D(3, dilation=(1, 2)), L.Flatten(), L.Linear(2)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_weights_that_are_not_finite_are_refused(name, value):
    model = built((3,), L.Linear(2), L.ReLU())
    model.layers[0].parameters[name].data.flat[0] = value
    with pytest.raises(InputError, match=r"the weights of linear_0\+relu are not finite"):
        lower(model)


def test_a_normalisation_that_overflows_is_refused():
    model = built((3,), L.Linear(2), L.BatchNorm())
    model.layers[0].weight.data[...] = 1e38
    model.layers[1].gain.data[...] = 1e38
    with pytest.raises(InputError, match="not finite"):
        lower(model)


@pytest.mark.parametrize("name", ["gain", "shift", "mean", "variance"])
def test_a_normalisation_that_is_not_finite_is_refused_without_a_warning(name):
    model = bb.Sequential([L.Linear(2), L.BatchNorm()])
    model.build((3,))
    layer = model.layers[1]
    (layer.parameters[name].data if name in layer.parameters else layer.buffers[name])[...] = -np.inf
    with pytest.raises(InputError, match=r"linear_0\+batchnorm are not finite"):
        lower(model)


def test_models_without_weights_or_work_are_refused():
    with pytest.raises(InputError, match="not built"):
        lower(bb.Sequential([L.Linear(2)]))
    with pytest.raises(InputError, match="computes nothing"):
        lower(built((3, 2), L.Flatten(), L.Dropout()))
