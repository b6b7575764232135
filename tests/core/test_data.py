"""Batches, splits, one-hot labels and scalers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core.data import DataLoader, MinMaxScaler, Padded, StandardScaler, fingerprint, stratified_split
from brainbox_core.errors import UsageError

X, Y = np.arange(20).reshape(10, 2), np.arange(10)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 11, 1000])
def test_every_row_comes_once_an_epoch_with_its_target(batch_size):
    loader = DataLoader(X, Y, batch_size, seed=4)
    batches = list(loader.epoch(1))
    assert len(batches) == len(loader) and all(len(x) == batch_size for x, _ in batches[:-1])
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert sorted(y) == list(range(10)) and np.array_equal(x[:, 0], 2 * y) and len(batches[-1][0]) > 0


def test_the_order_depends_on_the_seed_and_the_epoch_alone():
    def order(seed, epoch, batch_size=3):
        return np.concatenate([y for _, y in DataLoader(X, Y, batch_size, seed).epoch(epoch)]).tolist()

    assert order(0, 1) == order(0, 1) == order(0, 1, batch_size=7)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}) == 4


def test_only_the_rows_asked_for_and_in_their_order_without_shuffling():
    loader = DataLoader(X, Y, 2, indices=np.array([7, 1, 3]), shuffle=False)
    assert [y.tolist() for _, y in loader.epoch(5)] == [[7, 1], [3]]
    assert sorted(np.concatenate([y for _, y in DataLoader(X, Y, 2, indices=[7, 1, 3]).epoch(1)])) == [1, 3, 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y[:9]), "X and y need one row for each other, got 10 and 9"),
        ((X[:0], Y[:0]), "there are no rows"),
        ((X, Y, 0), "batch_size: expected a whole number from 1, got 0"),
        ((X, Y, 2.5), "batch_size"),
        ((X, Y, 2, 0, np.array([], int)), "there are no rows"),
    ],
)
def test_loaders_that_make_no_sense(arguments, message):
    with pytest.raises(UsageError, match=message):
        DataLoader(*arguments)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=200), st.floats(0.05, 0.95), st.integers(0, 99))
def test_a_split_takes_the_same_share_of_every_class(labels, fraction, seed):
    labels = np.array(labels)
    count = round(len(labels) * fraction)
    if not 0 < count < len(labels):
        with pytest.raises(UsageError, match="leaves a part empty"):
            stratified_split(labels, fraction, seed)
        return
    first, second = stratified_split(labels, fraction, seed)
    assert len(second) == count
    assert np.array_equal(np.sort(np.concatenate([first, second])), np.arange(len(labels)))
    assert (np.diff(first) > 0).all() and (np.diff(second) > 0).all()
    for label in np.unique(labels):
        share = (labels[second] == label).sum()
        assert abs(share - (labels == label).sum() * count / len(labels)) < 1 + 1e-9


def test_a_split_depends_on_the_seed_and_reads_one_hot_rows_and_whole_floats():
    labels = np.repeat(np.arange(3), 20)
    a, b = stratified_split(labels, 0.25, 1)[1], stratified_split(labels, 0.25, 2)[1]
    assert not np.array_equal(a, b)
    for same in (np.eye(3)[labels], labels.astype(float), labels[:, None]):
        assert np.array_equal(stratified_split(same, 0.25, 1)[1], a)
    quantities = np.linspace(0, 1, 60)
    assert len(stratified_split(quantities, 0.25)[1]) == len(stratified_split(quantities[:, None], 0.25)[1]) == 15


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5, np.nan, "half", 0.001])
def test_a_split_needs_a_real_fraction(fraction):
    with pytest.raises(UsageError, match="fraction"):
        stratified_split(Y, fraction)


@pytest.mark.parametrize("labels", [Y[:0], np.zeros((0, 3)), np.zeros((0, 1))])
def test_nothing_cannot_be_split(labels):
    with pytest.raises(UsageError, match="0 rows leaves a part empty; use another fraction or more rows"):
        stratified_split(labels, 0.5)


TABLE = np.array([[1.0, 5.0, -2.0], [3.0, 5.0, 0.0], [8.0, 5.0, 4.0]])


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_scalers_there_and_back(kind):
    scaler = kind().fit(TABLE)
    scaled = scaler.transform(TABLE)
    assert np.allclose(scaler.inverse(scaled), TABLE) and (scaled[:, 1] == 0).all()
    if kind is StandardScaler:
        assert np.allclose(scaled.mean(axis=0), 0) and np.allclose(scaled.std(axis=0), [1, 0, 1])
    else:
        assert scaled.min(axis=0).tolist() == [0, 0, 0] and scaled.max(axis=0).tolist() == [1, 0, 1]
    assert np.allclose(scaler.transform(TABLE[0]), scaled[0])  # one row
    other = TABLE + 100
    assert np.allclose(scaler.transform(other), scaled + 100 / scaler.scale)  # measured on the first rows only


def test_a_constant_column_of_large_numbers_becomes_zero_and_not_noise():
    column = np.full((1000, 1), 1e9 + 0.1)
    assert abs(StandardScaler().fit(column).transform(column)).max() < 1e-3


def test_scalers_of_small_whole_numbers_do_not_overflow():
    pixels = np.array([[0, 200], [255, 100]], np.uint8)
    assert MinMaxScaler().fit(pixels).transform(pixels).tolist() == [[0, 1], [1, 0]]
    assert np.allclose(StandardScaler().fit(pixels).transform(pixels), [[-1, 1], [1, -1]])


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_scalers_refuse_what_they_cannot_measure(kind):
    for bad in (np.zeros((0, 3)), np.zeros(3), np.zeros((2, 2, 2))):
        with pytest.raises(UsageError, match="a scaler needs a table with at least one row"):
            kind().fit(bad)
    for bad in (np.nan, np.inf):
        with pytest.raises(UsageError, match="a scaler needs finite numbers"):
            kind().fit(np.array([[1.0], [bad]]))


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
@pytest.mark.parametrize("way", ["transform", "inverse"])
def test_scalers_want_the_columns_that_they_measured(kind, way):
    with pytest.raises(UsageError, match=f"{kind.__name__} has measured nothing yet"):
        getattr(kind(), way)(TABLE)
    narrow = kind().fit(TABLE[:, :1])
    with pytest.raises(UsageError, match=r"columns differ from the training rows': expected 1, got \(3, 3\)"):
        getattr(narrow, way)(TABLE)


def test_a_mask_picks_its_rows_and_what_is_no_row_is_refused():
    X, mask = np.arange(6.0)[:, None], np.array([0, 0, 1, 0, 1, 1], bool)
    for indices in (mask, mask.tolist(), [2, 4, 5]):
        loader = DataLoader(X, X, 8, indices=indices, shuffle=False)
        assert [x.ravel().tolist() for x, _ in loader.epoch(1)] == [[2, 4, 5]]
    for wrong in (mask[:5], np.array([0.0, 1.0]), np.array([[0, 1]]), [6], [-7], 3):
        with pytest.raises(UsageError, match="indices"):
            DataLoader(X, X, 8, indices=wrong)


def test_a_loader_takes_lists_and_goes_on_to_the_next_epoch():
    loader = DataLoader([[1.0], [2.0], [3.0]], [0, 1, 2], 2)
    for number in (1, 2):
        for (x, y), (u, v) in zip(loader, loader.epoch(number), strict=True):
            assert np.array_equal(x, u) and np.array_equal(y, v)
    with pytest.raises(UsageError, match="rows of different lengths"):
        DataLoader([[1.0], [2.0, 3.0]], [0, 1])
    with pytest.raises(UsageError, match="one row for each example"):
        DataLoader(np.ones(2), 1)


@pytest.mark.parametrize("unit", [1e-250, 1e-30, 1e-13, 1.0, 1e13])
def test_a_scaler_does_not_depend_on_the_unit(unit):
    """Only a column of one value is constant, however small its numbers are or far from 0."""
    X = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    scaled = StandardScaler().fit(X * unit).transform(X * unit)
    assert abs(scaled[:, 0].std() - 1) < 1e-9 and (scaled[:, 1] == 0).all()
    far = np.array([[1.6e9], [1.6e9 + 1e-4]])
    assert np.ptp(StandardScaler().fit(far).transform(far)) > 1


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_scalers_refuse_text(kind):
    with pytest.raises(UsageError, match="a scaler needs numbers"):
        kind().fit(np.array([["a"]]))
    with pytest.raises(UsageError, match="a scaler needs numbers"):
        kind().fit(np.ones((2, 1))).transform([["a"]])


def test_a_scaler_tells_small_numbers_from_constant_ones():
    X = np.array([[1e-15, 0.1, 1.7e9, 5.0], [3e-15, 0.1, 1.7e9 + 0.001, 5.0], [5e-15, 0.1, 1.7e9 + 0.002, 5.0]])
    for scaler in (StandardScaler(), MinMaxScaler()):
        scaled = scaler.fit(X).transform(X)
        assert np.allclose(scaled[:, 0].std(), scaled[:, 2].std(), rtol=1e-3) and scaled[:, 0].std() > 0.4
        assert not scaled[:, 1].any() and not scaled[:, 3].any()


def test_a_scaler_refuses_what_it_cannot_square():
    with pytest.raises(UsageError, match="too large to be squared"):
        StandardScaler().fit(np.array([[1e200], [3e200]]))
    with pytest.raises(UsageError, match="range is beyond float64"):
        MinMaxScaler().fit(np.array([[-1e308], [1e308]]))


def test_the_rows_that_make_no_batch_can_be_left_out():
    loader = DataLoader(np.arange(7), np.arange(7), batch_size=3, drop_last=True)
    sizes = [len(x) for x, _ in loader.epoch(1)]
    assert sizes == [3, 3] and len(loader) == 2 and loader.smallest == 3
    assert DataLoader(np.arange(7), np.arange(7), batch_size=3).smallest == 1
    with pytest.raises(UsageError, match="drop_last leaves no batch: expected at least 8 rows, got 7"):
        DataLoader(np.arange(7), np.arange(7), batch_size=8, drop_last=True)


# --- sequences of different lengths ----------------------------------------------------------------------------------


def test_a_loader_hands_out_sequences_with_their_lengths():
    X, lengths = np.arange(30).reshape(10, 3), np.arange(10) % 3 + 1
    X[:, 0] = lengths
    loader = DataLoader(Padded(X, lengths), np.arange(10), batch_size=4, augment=lambda x, rng: x * 10)
    seen = list(loader.epoch(1))
    assert [len(x) for x, _ in seen] == [4, 4, 2] and sorted(np.concatenate([y for _, y in seen])) == list(range(10))
    assert all(np.array_equal(x.array[:, 0], 10 * x.lengths) for x, _ in seen)


def test_other_lengths_are_other_data():
    X = np.ones((2, 3))
    assert fingerprint(Padded(X, [1, 2])) == fingerprint(Padded(X, [1, 2])) != fingerprint(Padded(X, [2, 2]))


def test_a_split_of_steps_is_by_the_first_array():
    labels = np.array([[0, 9]] * 8 + [[1, 9]] * 4)
    whole = stratified_split(labels, 0.25)
    assert all(
        np.array_equal(*pair) for pair in zip(whole, stratified_split(Padded(labels, [2] * 12), 0.25), strict=True)
    )
