import numpy as np
import pytest

import braininabox as bb
from brainbox_core.network.graph import fast_plan

L = bb.layers
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
LABELS = np.arange(40) % 3


@pytest.mark.parametrize("kind", [L.RNN, L.GRU, L.LSTM])
def test_an_embedding_goes_into_the_recurrent_layer_behind_it(kind):
    model = bb.Sequential([L.Embedding(7, 4), kind(5), L.Linear(2)])
    model.build((6,))
    ids = np.random.default_rng(0).integers(0, 7, (3, 6))
    assert len(fast_plan(model.layers)) == 2
    assert np.allclose(model.predict(ids), model.activations(ids)["linear_0"], atol=1e-6)


def test_the_fast_plan_computes_what_the_layers_say():
    layers = [L.Conv2D(4), L.ReLU(), L.MaxPool(2), L.Conv2D(5, dilation=2), L.MaxPool(2), L.ReLU()]
    layers += [L.MaxPool(2, stride=1)]
    model = bb.Sequential([*layers, L.Conv2D(2, kernel=1), L.MaxPool(2, stride=1), L.Flatten(), L.Linear(3)])
    model.build((28, 28))
    x = model.inputs(PIXELS)
    step_by_step = x
    for layer in model.layers:
        step_by_step = layer(step_by_step)
    assert len(fast_plan(model.layers)) < len(model.layers)
    assert np.array_equal(model.forward(x).data, step_by_step.data)
    assert list(model.activations(PIXELS)) == [layer.name for layer in model.layers]
    assert np.array_equal(model.activations(PIXELS)["linear_0"], step_by_step.data)
    gradients = []
    for y in (model.forward(x), step_by_step):
        model.params.zero_grad()
        model_loss = bb.loss.CrossEntropy()(y, LABELS)
        model_loss.backward()
        gradients.append(model.params.gather().copy())
    assert np.allclose(*gradients, atol=1e-6)  # the sums run in another order
