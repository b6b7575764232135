"""What a training tells of the network's numbers: ranges of some rows, and nothing else."""

from __future__ import annotations

import numpy as np

import braininabox as bb
from brainbox_core.data import DataLoader
from brainbox_core.network import ranges
from brainbox_core.rng import stream

L = bb.layers


def trained(X: np.ndarray, *chain: L.Layer) -> bb.Sequential:
    model = bb.Sequential(list(chain))
    model.compile(optimizer=bb.optimizers.SGD(0.01), loss=bb.loss.CrossEntropy())
    model.fit(X, np.arange(len(X)) % 2)
    return model


def test_training_records_ranges_of_the_final_weights(tmp_path):
    X = stream(0, "ranges").integers(0, 256, (200, 3, 2), np.uint8)
    model = trained(X, L.Flatten(), L.Linear(5), L.ReLU(), L.BatchNorm(), L.Linear(2))
    found = model.meta["ranges"]
    assert (
        list(found) == ["input", "flatten_0", "linear_0", "relu_0", "batchnorm_0", "linear_1"]
        and model.meta["input"] == "uint8"
    )
    for name, values in {"input": X / 255, **model.activations(X)}.items():
        np.testing.assert_allclose(found[name], [values.min(), values.max()], rtol=1e-6)
    model.save(tmp_path / "model.safetensors")
    assert bb.Sequential.load(tmp_path / "model.safetensors").meta["ranges"] == found


def test_only_some_rows_of_many_are_looked_at(monkeypatch):
    seen = []
    monkeypatch.setattr(ranges, "activation_ranges", lambda model, X: seen.append(X) or {})
    model = bb.Sequential([L.Linear(2)])
    model.build((1,))
    X = np.arange(3000, dtype=np.float32)[:, None]
    rows = np.arange(1000, 3000)
    ranges.record(model, DataLoader(X, X, indices=rows))
    assert model.meta["input"] == "float32" and len(seen[0]) == ranges.MOST_ROWS == len(np.unique(seen[0]))
    assert seen[0].min() >= 1000  # rows held out stay out


def test_numbers_that_are_not_finite_are_not_recorded():
    model = bb.Sequential([L.ReLU(), L.Flatten()])
    model.build((2,))
    X = np.ones((200, 2), np.float32)
    X[3, 0] = np.nan
    assert ranges.activation_ranges(model, X) == {}
    X[3, 0] = np.inf
    assert ranges.activation_ranges(model, X) == {}


def test_layers_of_ones_own_are_left_alone():
    class Mine(L.Layer):
        def __call__(self, x, training=False):
            assert training or len(x) == 1, "only trained with"
            return x

    assert "ranges" not in trained(np.ones((4, 2), np.float32), Mine(), L.Linear(2)).meta
    ids = trained(np.ones((4, 2), np.float32), L.Embedding(3, 2), L.Flatten(), L.Linear(2))
    assert "ranges" not in ids.meta


def test_every_column_of_a_table_has_a_range_of_its_own(tmp_path):
    X = stream(0, "columns").normal(size=(200, 3)) * [1, 1000, 1e-3] + [0, 5e4, 0]
    model = trained(X, L.Linear(2))
    found = np.array(model.meta["ranges"]["columns"])
    np.testing.assert_array_equal(found, np.stack([X.min(axis=0), X.max(axis=0)], axis=1).astype(np.float32))
    model.save(tmp_path / "model.safetensors")
    assert bb.Sequential.load(tmp_path / "model.safetensors").meta["ranges"] == model.meta["ranges"]


def test_a_mark_that_few_rows_have_is_no_constant():
    X = np.zeros((5 * ranges.MOST_ROWS, 3), np.int64)
    X[:, 0], X[:, 2] = np.arange(len(X)) % 7, 4
    X[np.arange(len(X)) % 1500 == 7, 1] = 1
    found = trained(X, L.Linear(2)).meta["ranges"]["columns"]
    assert found == [[0, 6], [0, 1], [4, 4]]


def test_rows_of_one_number_without_an_axis_for_it():
    model = bb.Sequential([L.Linear(2)])
    model.build((1,))
    model.compile(optimizer=bb.optimizers.SGD(0.01), loss=bb.loss.CrossEntropy())
    model.fit(np.ones(4), np.arange(4) % 2)
    assert model.meta["ranges"]["columns"] == [[1, 1]]


def test_a_model_file_does_not_grow_with_very_many_columns():
    assert "columns" in trained(np.ones((4, 1024)), L.Linear(2)).meta["ranges"]
    assert "columns" not in trained(np.ones((4, 1025)), L.Linear(2)).meta["ranges"]
