"""Networks of exportable layers: some that many tests take, and random ones for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.rng import stream

L = bb.layers
_SAME_SHAPE = {"relu": L.ReLU, "tanh": L.Tanh, "sigmoid": L.Sigmoid, "norm": L.BatchNorm, "soft": L.Softmax}


def built(chain: list, shape: tuple[int, ...], pixels: bool = False) -> bb.Sequential:
    """A model of layers, unsettled; of pixels, which enter as bytes."""
    model = bb.Sequential(chain)
    model.build(shape)
    unsettle(model)
    if pixels:
        model.meta["input"] = "uint8"
    return model


def reader() -> bb.Sequential:
    """The network that the figures are measured on."""
    chain = [L.Conv2D(16), L.ReLU(), L.MaxPool(2), L.Conv2D(32), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Linear(10)]
    return built(chain, (28, 28), pixels=True)


_SLOPES = st.sampled_from([0, 1e-12, 0.01, 0.3, 1])


@st.composite
def models(draw: st.DrawFn) -> bb.Sequential:
    """A built model of up to eight layers whose biases and normalisations are not those of a fresh one."""
    h, w, c = draw(st.integers(1, 11)), draw(st.integers(1, 11)), draw(st.sampled_from([1, 1, 2, 3, 4]))
    chain, first = [], (h, w, c)
    shape = first
    for _ in range(draw(st.integers(0, 5))):
        h, w, c = shape
        small = st.tuples(st.integers(1, min(h, 4)), st.integers(1, min(w, 4)))
        strides = st.tuples(st.integers(1, 3), st.integers(1, 3))
        kind = draw(st.sampled_from(["conv", "conv", "conv", "max", "avg", "relu", "leaky", *_SAME_SHAPE]))
        if kind == "conv":
            padding = draw(st.sampled_from(["valid", "same"]))
            kernel = draw(small) if padding == "valid" else draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
            layer = L.Conv2D(draw(st.integers(1, 7)), kernel, draw(strides), padding)
        elif kind in ("max", "avg"):
            layer = (L.MaxPool if kind == "max" else L.AvgPool)(draw(small), draw(strides))
        elif kind == "leaky":
            layer = L.LeakyReLU(draw(_SLOPES))
        else:
            layer = _SAME_SHAPE[kind]()
        chain.append(layer)
        shape = layer.output_shape(shape)
    if not chain or draw(st.booleans()):
        chain.append(L.Flatten())
        for units in draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)):
            kind = draw(st.sampled_from([L.ReLU, L.LeakyReLU, L.Tanh, L.Sigmoid, L.BatchNorm, L.Dropout]))
            chain += [L.Linear(units), kind(draw(_SLOPES)) if kind is L.LeakyReLU else kind()]
    if draw(st.integers(0, 4)) == 0:
        chain.append(L.Softmax())
    model = bb.Sequential(chain, seed=draw(st.integers(0, 1000)))
    model.build(first)
    unsettle(model)
    return model


def unsettle(model: bb.Sequential) -> None:
    """Give a built model biases, gains, shifts and averages that are not those of a fresh one."""
    random, state = stream(model.seed, "chains"), model.state()
    for name, array in state.items():
        if not name.endswith(("weight", "kernel")):
            array[...] = random.uniform(0.3, 1.5, array.shape) * random.choice([1, -1], array.shape)
        if name.endswith("variance"):
            array[...] = np.abs(array)
    model.load_state(state)
