"""The memory plan: proved by replay, and no larger than it has to be."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings

import braininabox as bb
from brainbox_core.errors import UsageError
from brainbox_core.export.draft import Choices
from brainbox_core.export.network import memory
from brainbox_core.export.network.lower import Program, lower
from brainbox_core.export.network.memory import Place, plan, prove, schedule
from tests.export.chains import models

L = bb.layers


def cnn() -> Program:
    model = bb.Sequential(
        [L.Conv2D(16), L.ReLU(), L.MaxPool(2), L.Conv2D(32), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Linear(10)]
    )
    model.build((28, 28))
    return lower(model)


def test_the_digit_reader_needs_one_kilobyte():
    found = plan(cnn(), 1)
    assert found.arena == 4 * 13 * 16 + 5 * 32 + 4 * 10 and found.groups == ((0, 1, 2),)
    assert plan(cnn(), 4).arena == 4 * (4 * 13 * 16 + 5 * 32)  # floats are summed in the output itself
    assert plan(cnn(), 1, "speed") == found
    assert plan(cnn(), 1, "size").arena == 13 * 13 * 16 + 5 * 5 * 32


def test_a_dense_network_swaps_the_ends_of_the_arena():
    model = bb.Sequential([L.Linear(30), L.ReLU(), L.Linear(50), L.ReLU(), L.Linear(9), L.ReLU(), L.Linear(2)])
    model.build((20,))
    found = plan(lower(model), 1)
    assert found.arena == 32 + 52
    assert [place and place.offset for place in found.outputs] == [0, 32, 0, None]


def test_streaming_computes_every_row_once_and_as_late_as_possible():
    model = bb.Sequential([L.Conv2D(1), L.Conv2D(1, 2, stride=2), L.Flatten(), L.Linear(1)])
    model.build((8, 8))
    program = lower(model)
    found = plan(program, 1)
    expected = [(0, 0), (0, 1), (1, 0), (2, 0), (0, 2), (0, 3), (1, 1), (2, 1), (0, 4), (0, 5), (1, 2), (2, 2)]
    assert found.groups == ((0, 1, 2),) and list(schedule(program, found)) == expected


def test_a_chain_may_be_longer_than_the_stack_of_python_is_deep():
    model = bb.Sequential([layer for _ in range(1100) for layer in (L.Linear(2), L.Tanh())])
    model.build((2,))
    assert plan(lower(model), 4).arena == 4 * (2 + 2)


@settings(max_examples=60, deadline=None)
@given(model=models())
def test_no_cut_of_any_chain_needs_less(model):
    program = lower(model)
    count = len(program.steps)
    for size in (1, 4):
        best = plan(program, size).arena
        for many in range(count):
            for inner in combinations(range(1, count), many):
                edges = (0, *inner, count)
                groups = tuple(tuple(range(a, b)) for a, b in pairwise(edges))
                sizes = [memory._group_size(program.steps, group[0], group[-1], size) for group in groups]
                if max(sizes) < float("inf"):
                    assert best <= max(sizes)
                    other = memory._placed(program.steps, groups, size)
                    prove(program, other)  # not only the best plan has to be right


def spoiled() -> dict[str, object]:
    """Plans of the digit reader with one thing wrong in each."""
    right = plan(cnn(), 1)
    ring, row, _ = right.outputs
    whole = plan(cnn(), 1, "size")
    return {
        "ring too short": replace(right, outputs=(replace(ring, rows=3), row, None)),
        "ring over row": replace(right, outputs=(replace(ring, offset=16), row, None)),
        "sums over ring": replace(right, sums=(None, None, Place(0, 1, 40))),
        "arena too small": replace(right, arena=right.arena - 4),
        "images over each other": replace(
            whole, outputs=(whole.outputs[0], replace(whole.outputs[1], offset=2400), None)
        ),
        "groups that leave a step out": replace(right, groups=((0, 1),)),
        "groups in the wrong order": replace(whole, groups=((1,), (0,), (2,))),
    }


@pytest.mark.parametrize("name", spoiled())
def test_the_replay_finds_what_is_wrong(name):
    with pytest.raises(AssertionError, match="the memory plan is wrong"):
        prove(cnn(), spoiled()[name])


def test_a_wrong_optimize_is_refused():
    with pytest.raises(UsageError, match="optimize: expected ram or speed or size, got 'fast'"):
        Choices(optimize="fast")
