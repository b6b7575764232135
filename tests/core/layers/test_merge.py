"""Layers of several inputs."""

import copy
import json

import numpy as np
import pytest

import braininabox as bb
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


@pytest.mark.parametrize("kind", [layers.Add, layers.Concatenate])
def test_two_arguments_in_place_of_a_list_are_refused(kind):
    a, b = bb.Input((4,)), bb.Input((4,))
    for given in ((a, b), ([a, Tensor([[1.0]])],)):
        with pytest.raises(UsageError, match="stands in a graph, and takes places in it alone"):
            kind()(*given)
    with pytest.raises(UsageError, match=r"needs several inputs"):
        kind()(Tensor([[1.0], [2.0]]), Tensor([[1.0], [2.0]]))  # whose rows are no inputs


def test_what_a_place_in_a_graph_cannot_do_is_refused_with_what_can():
    x = bb.Input((4,))
    for ask in (lambda: x + x, lambda: 2 * x, lambda: x[0], lambda: np.exp(x), lambda: list(x), lambda: x.relu(1)):
        with pytest.raises(UsageError, match=r"there are no numbers yet; call layers, such as bb.layers.Add"):
            ask()
    assert not hasattr(x, "relu") and copy.deepcopy(x).layer is None
