import numpy as np
import pytest

from brainbox_core.tasks.learning import folds


@pytest.mark.parametrize("count", [2, 3, 7])
def test_every_row_is_in_one_part_and_each_part_has_its_share_of_the_classes(count):
    labels = (np.arange(100) % 10 == 3).astype(int)
    parts = list(folds(labels, count, seed=4))
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(100))
    for rest, test in parts:
        assert sorted([*rest, *test]) == list(range(100))
        assert (np.diff(rest) > 0).all() and (np.diff(test) > 0).all()
        assert abs(labels[test].sum() - 10 / count) < 1 and abs(len(test) - 100 / count) < 1


def test_the_seed_decides():
    first, again, other = ([test.tolist() for _, test in folds(np.zeros(20), 4, seed)] for seed in (1, 1, 2))
    assert first == again != other
