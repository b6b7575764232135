"""Layers of several inputs."""

import json

import numpy as np
import pytest

from brainbox_core import layers
from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.layers.merge import Merge
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor

CASES = [
    (layers.Add(), [(4,), (4,)]),
    (layers.Add(), [(3, 3, 2)] * 3),
    (layers.Concatenate(), [(3,), (2,)]),
    (layers.Concatenate(), [(2, 3, 1), (2, 3, 2), (2, 3, 1)]),
    (layers.Concatenate(axis=0), [(2, 3), (1, 3)]),
]
ORACLES = {"Add": lambda parts, axis: sum(parts), "Concatenate": np.concatenate}
every = pytest.mark.parametrize(
    ("sample", "shapes"), CASES, ids=[f"{type(s).__name__} {shapes}" for s, shapes in CASES]
)


def test_no_kind_is_left_out():
    several = {name for name, kind in layers.KINDS.items() if issubclass(kind, Merge)}
    assert {type(layer).__name__ for layer, _ in CASES} == several


@every
def test_values_shapes_and_gradients(sample, shapes):
    layer = layers.KINDS[type(sample).__name__](**json.loads(json.dumps(sample.config())))
    rng = stream(1, "batch")
    arrays = [rng.normal(size=(3, *shape)) for shape in shapes]
    axis = getattr(layer, "axis", 0)
    want = ORACLES[type(layer).__name__](arrays, axis if axis < 0 else axis + 1)
    assert np.array_equal(layer([Tensor(array) for array in arrays]).data, want)
    assert want.shape[1:] == layer.build(shapes, rng) == layer.output_shape(shapes)
    assert not layer.cost(shapes).parameters and layer.cost(shapes).outputs == want[0].size
    assert check_gradients(lambda *parts: layer(list(parts)) ** 2, *arrays).max_error < 1e-10


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (layers.Add(), [(4,), (3,)], "adds inputs of one shape"),
        (layers.Add(), (4,), "needs several inputs"),
        (layers.Concatenate(), [(4,)], "needs several inputs"),
        (layers.Concatenate(), [(2, 3), (3, 3)], "differ in axis -1 alone"),
        (layers.Concatenate(axis=1), [(2,), (3,)], "differ in axis 1 alone"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer, shapes, message):
    with pytest.raises(UsageError, match=message):
        layer.output_shape(shapes)
