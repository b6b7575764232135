"""Schedules: pure functions of the step, with the end points they promise."""

import numpy as np
import pytest

from brainbox_core import schedules
from brainbox_core.errors import UsageError
from brainbox_core.schedules import Constant, Cosine, OneCycle, Step

ALL = [
    Constant(0.3), Step(0.3, every=7), Step(0.3, 7, 1.0), Cosine(0.3, 40), Cosine(0.3, 40, warmup=10),
    Cosine(0.3, 40, warmup=40), OneCycle(0.3, 40), OneCycle(0.3, 40, warmup=0), OneCycle(0.3, 40, warmup=1),
    OneCycle(0.3, 1), Cosine(0.3, 1),
]  # fmt: skip
each = pytest.mark.parametrize("schedule", ALL, ids=lambda s: f"{type(s).__name__} {vars(s)}")


@each
def test_the_step_alone_decides(schedule):
    steps = list(range(60))
    forward = [schedule(step) for step in steps]
    assert [schedule(step) for step in reversed(steps)] == forward[::-1]
    assert [schedule(step) for step in steps] == forward
    assert all(type(lr) is float for lr in forward)  # a float64 of NumPy would turn float32 weights into float64


@each
def test_it_never_leaves_its_range(schedule):
    rates = [schedule(step) for step in range(200)] + [schedule(10**9)]
    assert all(0 <= rate <= 0.3 + 1e-15 for rate in rates)
    assert max(rates[:60]) == pytest.approx(0.3) or schedule.steps == 1  # a single step has no time for the peak


def test_step_drops_at_multiples():
    schedule = Step(1.0, every=3, factor=0.5)
    assert [schedule(step) for step in range(8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_cosine_end_points():
    schedule = Cosine(2.0, steps=100)
    assert schedule(0) == 2 and schedule(50) == pytest.approx(1) and schedule(100) == schedule(10**6) == 0
    assert all(schedule(step) > schedule(step + 1) for step in range(100))


def test_cosine_with_warm_up_rises_straight_to_the_top():
    schedule = Cosine(1.0, steps=10, warmup=4)
    assert [schedule(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert schedule(7) == pytest.approx(0.5) and schedule(10) == 0


def test_one_cycle_end_points():
    schedule = OneCycle(2.0, steps=100, warmup=0.3, start=0.1, end=0.01)
    assert schedule(0) == pytest.approx(0.2) and schedule(30) == 2 and schedule(100) == pytest.approx(0.02)
    assert schedule(10**6) == schedule(100)
    rates = [schedule(step) for step in range(101)]
    assert np.argmax(rates) == 30 and (np.diff(rates[:31]) > 0).all() and (np.diff(rates[30:]) < 0).all()


@pytest.mark.parametrize("schedule", [Cosine(1.0, 100, 20), OneCycle(1.0, 100)], ids=lambda s: type(s).__name__)
def test_no_jumps(schedule):
    rates = [schedule(step) for step in range(120)]
    assert max(abs(np.diff(rates))) < 0.07


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(0), lambda: Constant(-1), lambda: Constant(float("nan")), lambda: Constant(float("inf")),
        lambda: Step(0.1, every=0), lambda: Step(0.1, 5, factor=0), lambda: Step(0.1, 5, factor=1.5),
        lambda: Cosine(0.1, steps=0), lambda: Cosine(0.1, 10, warmup=-1), lambda: Cosine(0, 10),
        lambda: OneCycle(0.1, steps=1.5), lambda: OneCycle(0.1, 10, warmup=1.1), lambda: OneCycle(0.1, 10, start=2),
        lambda: OneCycle(0.1, 10, end=-1),
    ],
)  # fmt: skip
def test_settings_are_checked(make):
    with pytest.raises(UsageError):
        make()


def test_a_warm_up_longer_than_all_steps_is_refused():
    with pytest.raises(UsageError, match="warmup: expected at most all 5 steps, got 8"):
        Cosine(1.0, steps=5, warmup=8)


def test_all_are_named_in_the_module():
    assert {type(schedule) for schedule in ALL} == {schedules.Constant, schedules.Step, schedules.Cosine, OneCycle}


def test_the_end_is_reached_where_all_steps_warm_up_and_where_there_is_one():
    assert Cosine(1.0, steps=10, warmup=10)(9) == 1 and Cosine(1.0, steps=10, warmup=10)(10) == 0
    assert OneCycle(1.0, steps=1)(1) == pytest.approx(0.001)
