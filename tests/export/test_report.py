"""What a report says of int8, and what it refuses."""

import math

import numpy as np
import pytest

from brainbox_core.errors import AccuracyError
from brainbox_core.export.report import Accuracy, check_noise, decibels, explained


def test_agreement_counts_even_if_both_are_as_often_wrong():
    truth = np.arange(1000) % 10
    one, other = np.zeros(1000, int), np.ones(1000, int)
    found = Accuracy.of(one, other, truth)
    assert found.drop == 0 and found.agreement == 0
    with pytest.raises(AccuracyError, match=r"^`max_drop`: int8 agrees with float32 on 0\.00% of 1,000 rows only"):
        found.check(0.5, "int8", "rows")
    found.check(100, "int8", "rows")
    assert found.notes == ("only 0.00% of the answers are those of the model",)


@pytest.mark.parametrize("share, told, refused", [(0.04, False, False), (0.06, True, False), (0.11, True, True)])
def test_how_many_answers_may_differ(share, told, refused):
    one = np.zeros(1000, int)
    other = one.copy()
    other[: round(1000 * share)] = 1
    found = Accuracy.of(one, other, one + 2)
    assert bool(found.notes) == told
    if refused:
        with pytest.raises(AccuracyError, match="agrees"):
            found.check(0.5, "int8", "rows")
        found.check(12, "int8", "rows")
    else:
        found.check(0.5, "int8", "rows")


def test_one_row_of_two_hundred_is_half_a_point():
    truth = np.zeros(200)
    for wrong in range(100):
        before, after = truth.copy(), truth.copy()
        before[:wrong], after[: wrong + 1] = 1, 1
        Accuracy.of(after, before, truth).check(0.5, "int8", "rows")


def test_a_ratio_is_of_what_changes():
    signal = np.array([[1000.0], [1010.0]])
    assert decibels(signal, signal) == math.inf
    assert decibels(signal, np.full_like(signal, 1005.0)) == 0  # nothing is left, for all its size
    assert math.isnan(decibels(np.ones((3, 2)), np.zeros((3, 2))))


@pytest.mark.parametrize("snr, told, refused", [(20.1, False, False), (19.9, True, False), (9.9, True, True)])
def test_how_much_noise_there_may_be(snr, told, refused):
    steps = [("conv2d_0", 40.0), ("linear_0", snr), ("dead", math.nan), ("exact", math.inf)]
    if refused:
        with pytest.raises(AccuracyError, match=r"^`max_drop`: int8 leaves linear_0 .* 9\.9 dB, which loses 10 points"):
            check_noise(steps, 0.5)
    notes = check_noise(steps, 11 if refused else 0.5)
    assert bool(notes) == told and all("linear_0" in note for note in notes)
    assert check_noise([], 0.5) == () and check_noise([("worse than nothing", -30.0)], 100)


def test_the_output_that_lost_most_speaks_for_all():
    truth = np.arange(12.0).reshape(4, 3) * [1, 1000, 0]
    trained, exported = truth + np.array([0.1, 0, 0]), truth + np.array([0.1, 700, 0])
    assert explained(trained, trained, truth, 0.5, "float32") == "R2 0.9991 on 4 rows"
    with pytest.raises(AccuracyError, match=r"int8 loses 4\.36 points of R2, 0.5 are allowed: it has 0\.9564 on 4"):
        explained(exported, trained, truth, 0.5, "int8")
    assert explained(exported, trained, truth, 5, "int8") == "R2 int8 0.9564 float32 1.0000 on 4 rows"
    assert explained(trained, trained, truth[:, 2:], 0.5, "int8") == ""
