import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.metrics import average_precision
from brainbox_core.rng import stream
from brainbox_core.tasks.fraud.bootstrap import average_precision_interval


def some(rows=400, ties=False):
    rng = stream(1, "rows")
    labels = (rng.random(rows) < 0.15).astype(int)
    scores = rng.normal(size=rows) + 1.5 * labels
    return labels, scores.round(0) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
def test_it_is_the_interval_of_resampled_rows(ties):
    labels, scores = some(ties=ties)
    rng, values = stream(2, "slow"), []
    ones, zeros = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    for _ in range(2000):
        rows = np.concatenate([rng.choice(ones, len(ones)), rng.choice(zeros, len(zeros))])
        values.append(average_precision(labels[rows], scores[rows]))
    low, high = average_precision_interval(labels, scores, resamples=2000)
    assert (low, high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.015)
    assert low < average_precision(labels, scores) < high


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does():
    labels, scores = some()
    order = stream(3, "order").permutation(len(labels))
    assert average_precision_interval(labels, scores) == average_precision_interval(labels[order], scores[order])
    assert average_precision_interval(labels, scores) != average_precision_interval(labels, scores, seed=1)


def test_a_higher_level_is_a_wider_interval():
    labels, scores = some()
    low, high = average_precision_interval(labels, scores, level=0.5)
    lower, higher = average_precision_interval(labels, scores, level=0.99)
    assert lower < low < high < higher


def test_a_perfect_order_and_ones_alone_have_no_spread():
    assert average_precision_interval([1, 1, 0, 0], [4, 3, 2, 1]) == (1.0, 1.0)
    assert average_precision_interval([1, 1], [2, 1]) == (1.0, 1.0)


def test_what_has_no_average_precision_has_no_interval():
    with pytest.raises(UsageError, match="no label is 1"):
        average_precision_interval([0, 0], [1, 2])
    with pytest.raises(UsageError, match="resamples"):
        average_precision_interval([0, 1], [1, 2], resamples=0)
    for level in (0, 1.5):
        with pytest.raises(UsageError, match="level"):
            average_precision_interval([0, 1], [1, 2], level=level)
