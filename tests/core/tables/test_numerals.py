import math
import time

import pytest

from brainbox_core.tables.numerals import number, remedy


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1e5", 1e5),
        (" 5 ", 5),
        ("+5", 5),
        (".5", 0.5),
        ("5.", 5),
        ("-0.0", 0),
        ("1E-3", 1e-3),
        ("0." + "3" * 400, 1 / 3),
    ],
)
def test_what_counts_as_a_number(cell, value):
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["", "  ", "NA", "na", "NaN", "nan", " NaN ", "-nan", "null", "NULL", "?"])
def test_what_stands_for_a_missing_number(cell):
    assert math.isnan(number(cell))


@pytest.mark.parametrize(
    ("cell", "fix"),
    [
        ("3,14", "decimal point"),
        ("-3,14e2", "decimal point"),
        ("1,234,567", "without the commas"),
        ("1,234.5", "without the commas"),
        ("1.234.567", "without dots"),
        ("1.234,50", "without dots"),
        ("1 234", "without spaces"),
        ("1\u00a0234", "without spaces"),
        ("1'234", "without spaces or marks"),
        ("$400", "currency"),
        ("-$1,234.50", "currency"),
        ("400 €", "currency"),
        ("40%", "percent"),
        ("4.5 %", "percent"),
        ("1_000", "underscores"),
        ("0x10", "decimal number"),
        ("inf", "empty"),
        ("-Infinity", "empty"),
        ("1e999", "1.8e308"),
        ("9" * 399, "1.8e308"),
        ("١٢٣", "digits 0 to 9"),
        ("５", "digits 0 to 9"),
        ("−5", "plain minus"),
        ("\u00a05\u00a0", "invisible characters"),
        ("\x855", "invisible characters"),
    ],
)
def test_what_comes_close_to_a_number_is_refused_with_its_remedy(cell, fix):
    assert number(cell) is None
    assert fix in remedy(cell)


@pytest.mark.parametrize(
    "cell", ["INLAND", "n/a", "-", ".", "2020-01-31", "12:30", "192.168.1.1", "3 rooms", "A12", "e5"]
)
def test_other_text_has_no_remedy(cell):
    assert number(cell) is None
    assert remedy(cell) == ""


@pytest.mark.parametrize(
    "cell", ["1 " * 30_000 + "x", "1" * 65_000 + "x", "1," * 30_000 + "x", "$" + " " * 60_000 + "x"]
)
def test_long_cells_take_no_time(cell):
    start = time.process_time()
    assert number(cell) is None
    assert remedy(cell) == ""
    assert remedy(cell[:390] + "x") == ""
    assert time.process_time() - start < 0.5
