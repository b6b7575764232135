import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core import metrics
from brainbox_core.errors import UsageError
from brainbox_core.tasks.fraud import threshold

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
