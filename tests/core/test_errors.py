"""Errors say what, where, what was expected, what came, and what to do; they are what they are also for `except`.

The checks of numbers let good ones through as plain Python numbers and name the bad ones.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import (
    BrainboxError,
    ConvergenceError,
    InputError,
    UsageError,
    between,
    check_memory,
    pair,
    whole,
)


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


@pytest.mark.parametrize("value", [1, 5, 10**30, np.int64(3), np.uint8(3)])
def test_whole_numbers_pass_as_int(value):
    assert type(whole("n", value)) is int and whole("n", value) == value


@pytest.mark.parametrize("value", [0, -1, 1.0, 1.5, "1", None, True, np.bool_(True), np.float32(2), [1], math.nan])
def test_what_is_no_whole_number_from_one_is_refused(value):
    with pytest.raises(UsageError, match=r"^epochs: expected a whole number from 1, got"):
        whole("epochs", value)


def test_least_moves_the_border():
    assert whole("n", 0, least=0) == 0
    with pytest.raises(UsageError, match="from 0, got -1"):
        whole("n", -1, least=0)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int8(1), Fraction(1, 3)])
def test_numbers_in_range_pass_as_float(value):
    assert type(between("rate", value, 0, 1)) is float


@pytest.mark.parametrize(
    "value", [-1e-9, 1.0000001, math.nan, math.inf, -math.inf, 10**400, -(10**400), "0.5", None, True, 1j, [0.5]]
)
def test_numbers_out_of_range_or_not_finite_are_refused(value):
    with pytest.raises(UsageError, match="rate: expected a number from 0 to 1, got"):
        between("rate", value, 0, 1)


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ({}, "a number"),
        ({"low": 0}, "a number from 0"),
        ({"low": 0, "above": True}, "a number above 0"),
        ({"high": 2}, "a number to 2"),
        ({"high": 2, "below": True}, "a number below 2"),
        ({"low": 0, "high": 1, "above": True}, "a number above 0 and up to 1"),
        ({"low": 0, "high": 1, "below": True}, "a number from 0 and below 1"),
        ({"low": 0, "high": 1, "above": True, "below": True}, "a number above 0 and below 1"),
    ],
)
def test_the_bounds_are_said(bounds, wanted):
    with pytest.raises(UsageError) as error:
        between("lr", math.inf, **bounds)
    assert error.value.expected == wanted


def test_below_excludes_the_border_itself():
    assert between("share", 0.999, 0, 1, below=True) == 0.999
    with pytest.raises(UsageError, match="from 0 and below 1, got 1"):
        between("share", 1, 0, 1, below=True)


def test_above_excludes_the_border_itself():
    assert between("lr", 1e-300, 0, above=True) == 1e-300
    with pytest.raises(UsageError, match="above 0, got 0"):
        between("lr", 0, 0, above=True)


def test_a_pair_is_two_numbers_or_one_for_both():
    assert pair("kernel", 3) == (3, 3)
    assert pair("kernel", (3, 5)) == pair("kernel", [3, 5]) == (3, 5)


@pytest.mark.parametrize("value", [(1,), (1, 2, 3), [], (0, 1), (1, -1), 0, 1.5, (1, 2.0), "33", None])
def test_a_bad_pair_is_refused(value):
    with pytest.raises(UsageError, match=r"^kernel: expected"):
        pair("kernel", value)


def test_what_memory_cannot_hold_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10**6}.get)
    check_memory("a model", 4_096_000_000, "less")
    with pytest.raises(UsageError, match=r"^a model: training needs 4\.2 GB, this machine has 4\.1; use less$"):
        check_memory("a model", 4.2e9, "use less")


def test_where_memory_is_unknown_nothing_is_refused(monkeypatch):
    monkeypatch.setattr("os.sysconf_names", {})
    check_memory("a model", 1e30, "less")


def test_an_error_holds_no_raw_bytes_of_what_it_quotes_and_has_an_end():
    error = BrainboxError(f'"\x1b[31m{"x" * 10**6}" is unknown', where="a\n\x1b", got="\r" * 10**6, fix="\x07" * 10**6)
    assert str(error).isprintable() and len(str(error)) < 6000
