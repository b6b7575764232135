"""Rows of mostly zeros, against the same with all their zeros."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core import functional
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.kernels.sparse import SparseRows

COLUMNS = 6
entries = st.lists(st.tuples(st.integers(0, COLUMNS - 1), st.integers(-3, 3)), max_size=5)


def rows_of(lists: list[list[tuple[int, int]]]) -> SparseRows:
    ends = np.cumsum([0, *map(len, lists)])
    flat = [entry for one in lists for entry in one]
    return SparseRows(ends, [column for column, _ in flat], [value for _, value in flat], COLUMNS)


def dense_of(lists: list[list[tuple[int, int]]]) -> np.ndarray:
    dense = np.zeros((len(lists), COLUMNS), np.float32)
    for row, one in enumerate(lists):
        for column, value in one:
            dense[row, column] += value
    return dense


@given(st.lists(entries, max_size=6), st.integers(0, 2**32))
def test_products_are_those_of_the_dense_matrix(lists, seed):
    rows, dense, rng = rows_of(lists), dense_of(lists), np.random.default_rng(seed)
    weight, g = rng.normal(size=(COLUMNS, 2)), rng.normal(size=(len(lists), 2))
    np.testing.assert_allclose(rows.matmul(weight), dense @ weight, atol=1e-12)
    np.testing.assert_allclose(rows.transposed_matmul(g), dense.T @ g, atol=1e-12)
    np.testing.assert_array_equal(rows.dense(), dense)


@given(st.lists(entries, min_size=1, max_size=6), st.data())
def test_rows_are_taken_in_any_order_and_by_slices(lists, data):
    numbers = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=8))
    rows, dense = rows_of(lists), dense_of(lists)
    np.testing.assert_array_equal(rows.take(np.array(numbers, int)).dense(), dense[np.array(numbers, int)])
    np.testing.assert_array_equal(rows[1:3].dense(), dense[1:3])


@pytest.mark.parametrize(
    ("indptr", "indices", "values"),
    [
        ([0, 2], [1], [1]),
        ([1, 1], [1], [1]),
        ([0, 2, 1], [1], [1]),
        ([0, 1], [1], [1, 2]),
        ([], [], []),
        ([0, 1], [6], [1]),
        ([0, 1], [-1], [1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(indptr, indices, values):
    with pytest.raises(UsageError):
        SparseRows(indptr, indices, values, COLUMNS)


def test_the_gradient_of_a_linear_layer_on_sparse_rows():
    rows = rows_of([[(0, 1), (5, 2)], [], [(5, -1)]])
    weight, bias = np.linspace(-1, 1, 12).reshape(6, 2), np.array([0.3, -0.2])
    check = check_gradients(
        lambda w, b: functional.sparse_linear(rows, w, b).sigmoid(), weight, bias, method="difference"
    )
    assert check.max_error < 1e-7


def test_a_model_learns_the_same_from_sparse_and_from_dense_rows():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 2, (40, COLUMNS)).astype(np.float32)
    y = (dense[:, :1] > dense[:, 1:2]).astype(np.float32)
    row, column = np.nonzero(dense)
    rows = SparseRows(np.searchsorted(row, np.arange(41)), column, dense[row, column], COLUMNS)
    outputs = []
    for X in (rows, dense):
        model = bb.Sequential([bb.layers.Linear(3), bb.layers.Tanh(), bb.layers.Linear(1)])
        model.compile(bb.optimizers.Adam(0.05), bb.loss.BinaryCrossEntropy())
        model.fit(X, y, epochs=3, batch_size=8, validation_split=0.25)
        assert model.evaluate(X, y).keys() == {"loss", "accuracy"}
        outputs.append(model.predict(X, batch_size=7))
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4)


def test_divergence_on_sparse_rows_names_the_layer():
    model = bb.Sequential([bb.layers.Linear(1)])
    model.compile(bb.optimizers.SGD(), bb.loss.BinaryCrossEntropy())
    model.build((COLUMNS,))
    model.params.values[:] = 3e38
    with pytest.raises(ConvergenceError, match="'linear_0' is the first whose output is not finite"):
        model.fit(rows_of([[(0, 3)], [(1, 3)]]), np.array([[1.0], [0.0]]), epochs=9)


def test_rows_with_other_columns_are_refused():
    model = bb.Sequential([bb.layers.Linear(1)])
    model.build((COLUMNS + 1,))
    with pytest.raises(UsageError, match="do not fit"):
        model.predict(rows_of([[(0, 1)]]))
