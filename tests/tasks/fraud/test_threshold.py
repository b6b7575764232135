import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core import metrics
from brainbox_core.errors import UsageError
from brainbox_core.metrics import average_precision
from brainbox_core.rng import stream
from brainbox_core.tasks.fraud import threshold
from brainbox_core.tasks.fraud.threshold import average_precision_interval

LABELS_AND_SCORES = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=1, max_size=30).filter(
    lambda rows: any(label for label, _ in rows)
)


def flagged(scores, limit):
    return (np.asarray(scores) >= limit).astype(int)


@given(LABELS_AND_SCORES)
def test_no_other_threshold_has_a_higher_f1(rows):
    labels, scores = map(np.array, zip(*rows, strict=True))
    chosen = metrics.f1(labels, flagged(scores, threshold.best_f1(labels, scores)))
    others = [metrics.f1(labels, flagged(scores, other)) for other in np.arange(-6, 7)]
    assert chosen == pytest.approx(max(others))


@given(LABELS_AND_SCORES, st.floats(0.01, 1))
def test_the_recall_is_reached_and_no_higher_threshold_reaches_it(rows, recall):
    labels, scores = map(np.array, zip(*rows, strict=True))
    limit = threshold.for_recall(labels, scores, recall)
    assert metrics.recall(labels, flagged(scores, limit)) >= recall
    fewer = (scores >= limit).sum()
    higher = [other for other in np.unique(scores) if (scores >= other).sum() < fewer]
    assert all(metrics.recall(labels, flagged(scores, other)) < recall for other in higher)


def test_a_threshold_lies_in_the_middle_of_two_scores():
    labels, scores = [0, 1, 0, 1], [1.0, 3.0, 2.0, 4.0]
    assert threshold.best_f1(labels, scores) == 2.5
    assert threshold.for_recall(labels, scores, 0.5) == 3.5


def test_where_all_scores_are_equal_every_row_passes():
    assert threshold.best_f1([0, 1, 0], [2.0, 2.0, 2.0]) == 2.0


@pytest.mark.parametrize("recall", [0, -0.1, 1.1, np.nan])
def test_a_recall_out_of_range_is_refused(recall):
    with pytest.raises(UsageError, match="recall"):
        threshold.for_recall([0, 1], [0.0, 1.0], recall)


def test_without_a_one_there_is_nothing_to_choose_by():
    with pytest.raises(UsageError, match="no label is 1"):
        threshold.best_f1([0, 0], [0.0, 1.0])


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
