"""Metrics against closed forms and plain definitions, and against scikit-learn where it is installed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core.errors import UsageError
from brainbox_core.metrics import (
    accuracy,
    average_precision,
    confusion_matrix,
    f1,
    mae,
    precision,
    precision_recall_curve,
    r2,
    recall,
    rmse,
)
from brainbox_core.rng import stream

BINARY = [precision, recall, f1]
QUANTITIES = [r2, rmse, mae]
RANKED = [average_precision, precision_recall_curve]
PAIRS = [accuracy, *BINARY, *QUANTITIES, *RANKED]  # all that take two arrays (n,)


@pytest.fixture
def sklearn_metrics():
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle of these tests")


def labels_and_scores(min_size=1):
    """Binary labels, at least one of them 1, with scores on a coarse grid, so that ties are common."""
    rows = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=min_size, max_size=40)
    return rows.filter(lambda rows: any(label for label, _ in rows)).map(
        lambda rows: (np.array([label for label, _ in rows]), np.array([score / 4 for _, score in rows]))
    )


# --- closed forms ----------------------------------------------------------------------------------------------------


def test_a_known_confusion():
    # 3 found, 1 missed, 2 false alarms, 4 rightly left alone
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    predictions = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    assert confusion_matrix(labels, predictions, 2).tolist() == [[4, 2], [1, 3]]
    assert accuracy(labels, predictions) == 0.7
    assert precision(labels, predictions) == 3 / 5
    assert recall(labels, predictions) == 3 / 4
    assert f1(labels, predictions) == pytest.approx(2 / (5 / 3 + 4 / 3))


def test_confusion_rows_are_the_truth_and_absent_classes_keep_their_place():
    matrix = confusion_matrix([0, 3, 3], [1, 3, 0], 5)
    assert matrix.shape == (5, 5)
    assert {(int(i), int(j)): int(matrix[i, j]) for i, j in np.argwhere(matrix)} == {(0, 1): 1, (3, 3): 1, (3, 0): 1}


def test_confusion_of_small_integer_types_does_not_wrap_around():
    labels = np.full(3, 99, np.uint8)
    assert confusion_matrix(labels, labels, 100)[99, 99] == 3


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool, list])
def test_classes_may_come_in_any_type(kind):
    labels, predictions = [1, 0, 1], [1, 1, 1]
    if kind is not list:
        labels, predictions = np.array(labels, kind), np.array(predictions, kind)
    assert accuracy(labels, predictions) == pytest.approx(2 / 3)
    assert precision(labels, predictions) == pytest.approx(2 / 3)
    assert average_precision(labels, predictions) == pytest.approx(2 / 3)


def test_results_are_plain_floats():
    labels, predictions = np.array([1, 0]), np.array([1, 1])
    for metric in (accuracy, *BINARY, average_precision, *QUANTITIES):
        assert type(metric(labels, predictions)) is float


def test_nothing_flagged_gives_precision_and_f1_of_zero():
    assert precision([1, 0], [0, 0]) == 0.0
    assert recall([1, 0], [0, 0]) == 0.0
    assert f1([1, 0], [0, 0]) == 0.0
    assert precision([0, 0], [0, 1]) == 0.0


def test_quantities():
    targets, predictions = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 3.0, 3.0, 3.0])
    assert mae(targets, predictions) == 1.0
    assert rmse(targets, predictions) == pytest.approx(math.sqrt(10 / 4))
    assert r2(targets, predictions) == pytest.approx(1 - 10 / 14)
    assert r2(targets, targets) == 1.0
    assert r2(targets, np.full(4, 3.0)) == 0.0
    assert r2(targets, -targets) < 0
    assert rmse(np.array([200], np.uint8), np.array([201], np.uint8)) == 1.0  # would be 255 the other way in uint8
    assert mae(np.array([201], np.uint8), np.array([200], np.uint8)) == 1.0


def test_r2_is_not_fooled_by_a_large_offset():
    targets = 1e8 + np.arange(5.0)
    assert r2(targets, targets + 1) == pytest.approx(1 - 5 / 10)


def test_average_precision_in_closed_form():
    assert average_precision([1, 1, 0, 0], [4, 3, 2, 1]) == 1.0
    assert average_precision([0, 0, 1], [3, 2, 1]) == pytest.approx(1 / 3)
    assert average_precision([0, 1, 0, 1], [4, 3, 2, 1]) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert average_precision([1, 0], [0.5, 0.5]) == 0.5
    assert average_precision([0, 1, 1], [0.9, 0.5, 0.5]) == pytest.approx(2 / 3)
    assert average_precision([1], [7]) == 1.0


@settings(max_examples=200, deadline=None)
@given(labels_and_scores())
def test_the_curve_is_precision_and_recall_at_each_threshold(data):
    labels, scores = data
    precisions, recalls, thresholds = precision_recall_curve(labels, scores)
    assert thresholds.tolist() == sorted(set(scores.tolist()), reverse=True)
    for p, r, threshold in zip(precisions, recalls, thresholds, strict=True):
        flagged = scores >= threshold
        assert p == pytest.approx(precision(labels, flagged), rel=1e-14)
        assert r == pytest.approx(recall(labels, flagged), rel=1e-14)
    area, before = 0.0, 0.0
    for p, r in zip(precisions, recalls, strict=True):
        area, before = area + (r - before) * p, r
    assert average_precision(labels, scores) == pytest.approx(area, abs=1e-12)


@settings(deadline=None)
@given(labels_and_scores(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(data, random):
    labels, scores = data
    order = list(range(len(labels)))
    random.shuffle(order)
    assert average_precision(labels[order], scores[order]) == average_precision(labels, scores)


def test_equal_scores_rank_nothing():
    labels = np.arange(1000) < 17
    assert average_precision(labels, np.zeros(1000)) == pytest.approx(0.017, abs=1e-15)


# --- scikit-learn ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", range(8))
def test_binary_figures_equal_scikit_learn(sklearn_metrics, case):
    draw = stream(case, "binary metrics")
    rows = [2, 5, 50, 1000][case % 4]
    labels = (draw.random(rows) < 0.3).astype(int)
    labels[0] = 1
    scores = np.round(draw.normal(labels, 1.0), [1, 12][case % 2])  # with many ties and with none
    predictions = (scores > 0.5).astype(int)
    predictions[0] = 1
    close = {"abs": 1e-12, "rel": 0}
    assert accuracy(labels, predictions) == pytest.approx(sklearn_metrics.accuracy_score(labels, predictions), **close)
    assert precision(labels, predictions) == pytest.approx(
        sklearn_metrics.precision_score(labels, predictions), **close
    )
    assert recall(labels, predictions) == pytest.approx(sklearn_metrics.recall_score(labels, predictions), **close)
    assert f1(labels, predictions) == pytest.approx(sklearn_metrics.f1_score(labels, predictions), **close)
    area = sklearn_metrics.average_precision_score(labels, scores)
    assert average_precision(labels, scores) == pytest.approx(area, **close)
    precisions, recalls, thresholds = sklearn_metrics.precision_recall_curve(labels, scores)
    for ours, theirs in zip(
        precision_recall_curve(labels, scores), (precisions[:-1], recalls[:-1], thresholds), strict=True
    ):
        np.testing.assert_allclose(ours, theirs[::-1], rtol=0, atol=1e-12)


def test_average_precision_of_a_large_rare_class_equals_scikit_learn(sklearn_metrics):
    draw = stream(0, "rare class")
    labels = (draw.random(200_000) < 0.002).astype(int)
    for scores in (draw.normal(labels, 1.0), draw.integers(0, 50, len(labels)) + 20 * labels):
        expected = sklearn_metrics.average_precision_score(labels, scores)
        assert average_precision(labels, scores) == pytest.approx(expected, abs=1e-12, rel=0)


def test_the_other_figures_equal_scikit_learn(sklearn_metrics):
    draw = stream(0, "other metrics")
    labels, predictions = draw.integers(0, 7, 500), draw.integers(0, 7, 500)
    expected = sklearn_metrics.confusion_matrix(labels, predictions, labels=range(7))
    assert confusion_matrix(labels, predictions, 7).tolist() == expected.tolist()
    targets = draw.normal(50, 20, 500)
    guesses = targets + draw.normal(0, 5, 500)
    assert r2(targets, guesses) == pytest.approx(sklearn_metrics.r2_score(targets, guesses), abs=1e-12)
    assert mae(targets, guesses) == pytest.approx(sklearn_metrics.mean_absolute_error(targets, guesses), abs=1e-12)
    assert rmse(targets, guesses) == pytest.approx(sklearn_metrics.root_mean_squared_error(targets, guesses), abs=1e-12)


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", PAIRS)
def test_shapes_never_broadcast(metric):
    labels = np.array([1, 0, 1])
    for wrong in (labels[:, None], labels[:2], labels[:1], np.array(1), np.stack([labels, labels])):
        with pytest.raises(UsageError, match="one shape"):
            metric(labels, wrong)
        with pytest.raises(UsageError, match="one shape"):
            metric(wrong, labels)
    with pytest.raises(UsageError, match="one shape"):
        metric(labels[:, None], labels[:, None])


@pytest.mark.parametrize("metric", PAIRS)
def test_nothing_has_no_metric(metric):
    with pytest.raises(UsageError, match="at least one row"):
        metric([], [])


@pytest.mark.parametrize("metric", PAIRS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(metric, bad):
    with pytest.raises(UsageError, match=r"finite, got .* at position 1"):
        metric([1.0, 0.0, 1.0], [1.0, bad, 1.0])
    with pytest.raises(UsageError, match=r"finite, got .* at position 1"):
        metric([1.0, bad, 1.0], [1.0, 0.0, 1.0])


@pytest.mark.parametrize("metric", PAIRS)
def test_text_is_refused(metric):
    with pytest.raises(UsageError, match="must be numbers"):
        metric([1, 0], ["1", "0"])


@pytest.mark.parametrize("metric", [accuracy, *BINARY])
def test_probabilities_are_not_classes(metric):
    with pytest.raises(UsageError, match=r"whole numbers, got 0\.7; first compare"):
        metric([1, 0], [1.0, 0.7])


@pytest.mark.parametrize("metric", [*BINARY, *RANKED])
def test_binary_labels_are_0_and_1(metric):
    for labels, wrong in (([1, -1], "-1"), ([1, 2], "2")):
        with pytest.raises(UsageError, match=f"labels out of range: expected classes from 0 to 1, got {wrong}"):
            metric(labels, [1, 0])


@pytest.mark.parametrize("metric", [recall, f1, *RANKED])
def test_without_a_single_1_there_is_nothing_to_find(metric):
    with pytest.raises(UsageError, match="no label is 1"):
        metric([0, 0], [0, 1])


@pytest.mark.parametrize("targets", [[0.1, 0.1, 0.1], [5.0]])
def test_r2_needs_targets_that_differ(targets):
    with pytest.raises(UsageError, match="targets that differ"):
        r2(targets, targets)


def test_confusion_refuses_classes_out_of_range():
    for labels, predictions, name in (([0, 3], [0, 1], "labels"), ([0, 1], [0, -1], "predictions")):
        with pytest.raises(UsageError, match=f"{name} out of range: expected classes from 0 to 2"):
            confusion_matrix(labels, predictions, 3)
    for classes in (0, -2, 2.5):
        with pytest.raises(UsageError, match="classes: expected a whole number from 1"):
            confusion_matrix([0], [0], classes)
    with pytest.raises(UsageError, match="one shape"):
        confusion_matrix([0, 1], [0], 2)


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1.0, 1e12, 1e150])
def test_r2_is_the_same_in_every_unit(unit):
    targets, predictions = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])
    assert r2(targets * unit, predictions * unit) == pytest.approx(0.5)
