"""Errors say what, where, what was expected, what came, and what to do; they are what they are also for `except`."""

import pytest

import braininabox as bb
from brainbox_core.errors import BrainboxError, ConvergenceError, InputError, UsageError


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "it broke"),
        ({"where": "a.csv line 3"}, "a.csv line 3: it broke"),
        ({"expected": 5}, "it broke: expected 5"),
        ({"got": 0}, "it broke, got 0"),
        ({"expected": (1,), "got": ()}, "it broke: expected (1,), got ()"),
        ({"fix": "mend it"}, "it broke; mend it"),
        ({"where": "x", "expected": 1, "got": 2, "fix": "mend it"}, "x: it broke: expected 1, got 2; mend it"),
    ],
)
def test_the_text_has_every_part_once_and_in_order(parts, text):
    assert str(BrainboxError("it broke", **parts)) == text


def test_the_line_leaves_the_remedy_out():
    error = BrainboxError("it broke", where="x", got=3, fix="mend it")
    assert error.line == "x: it broke, got 3"
    assert (error.what, error.where, error.expected, error.got, error.fix) == ("it broke", "x", "", "3", "mend it")


@pytest.mark.parametrize(
    ("kind", "base"), [(UsageError, ValueError), (InputError, Exception), (ConvergenceError, ArithmeticError)]
)
def test_each_kind_can_be_caught_as_ours_and_as_pythons(kind, base):
    assert issubclass(kind, BrainboxError) and issubclass(kind, base)
    assert getattr(bb, kind.__name__) is kind
    with pytest.raises(base, match="it broke"):
        raise kind("it broke")
