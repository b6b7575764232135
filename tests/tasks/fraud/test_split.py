import numpy as np
import pytest

from brainbox_core.errors import InputError
from brainbox_core.tasks.fraud.settings import Settings
from brainbox_core.tasks.fraud.split import divide, straddling

LABELS = (np.arange(1000) % 20 == 7).astype(np.int64)
TIME = np.arange(1000)[::-1].astype(float)  # the last row comes first


def test_in_order_of_time_the_test_part_is_the_latest_and_what_is_held_out_is_next():
    train, val, test = divide(LABELS, TIME, Settings(), "x.csv")
    assert (len(train), len(val), len(test)) == (640, 160, 200)
    assert TIME[train].max() < TIME[val].min() < TIME[val].max() < TIME[test].min()


@pytest.mark.parametrize("time", [TIME, None])
def test_every_row_is_in_one_part_and_every_part_has_its_frauds(time):
    parts = divide(LABELS, time, Settings(), "x.csv")
    assert sorted(np.concatenate(parts)) == list(range(1000))
    assert [LABELS[part].mean() for part in parts] == pytest.approx([0.05] * 3, abs=0.01)


@pytest.mark.parametrize("time", [TIME, None])
def test_neither_the_limit_nor_the_held_out_share_moves_the_test_part(time):
    test = divide(LABELS, time, Settings(), "x.csv").test
    for changes in ({"limit": 300}, {"val_split": 0.5}):
        parts = divide(LABELS, time, Settings(**changes), "x.csv")
        assert (parts.test == test).all()
    assert len(divide(LABELS, time, Settings(limit=300), "x.csv").train) == 240


def test_a_limit_takes_rows_of_the_whole_time():
    train = divide(LABELS, TIME, Settings(limit=300), "x.csv").train
    assert TIME[train].min() < 50 and (np.diff(TIME[train]) > 0).all()


def test_another_seed_is_another_stratified_split_and_the_same_seed_the_same():
    one, again, other = (divide(LABELS, None, Settings(seed=seed), "x.csv").test for seed in (0, 0, 1))
    assert (one == again).all() and set(one) != set(other)


@pytest.mark.parametrize(
    ("frauds", "expected"),
    [
        (slice(0, 100), r"x\.csv: 0 frauds in the last 20% of the rows, which judge it, 200 rows.*ified` or more rows"),
        ([1, 2, 3, 990], r"0 frauds in the last 20% of the training rows, which choose .* or a larger `val_split`"),
        (slice(640, 1000, 2), r"0 frauds in 80% of the training rows.*`split stratified` or a smaller `val_split`"),
        ([5, *range(700, 1000)], r"200 frauds in the last 20% of the rows, which judge it, 200 rows"),
        ([5, 6], "2 frauds among 1,000 rows: expected at least 3 of both kinds"),
        (slice(0, 999), "expected at least 3 of both kinds"),
    ],
)
def test_a_part_without_frauds_is_told(frauds, expected):
    labels = np.zeros(1000, np.int64)
    labels[frauds] = 1
    with pytest.raises(InputError, match=expected):
        divide(labels, np.arange(1000), Settings(), "x.csv")


def test_duplicates_are_counted_by_all_their_features():
    seen = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    judged = np.array([[3.0, 4.0], [3.0, 5.0], [1.0, 2.0], [1.0, 2.0]], np.float32)
    assert straddling(seen, judged) == 3
    assert straddling(seen[:0], judged) == 0
