import math
import time

import numpy as np
import pytest

from brainbox_core.tables.columns import BadCell, ColumnBuilder, holds_text, number, remedy, to_numbers


@pytest.mark.parametrize(
    ("cells", "is_text"),
    [
        (["1", "2.5", ""], False),
        (["a", "b", "", "NA"], True),
        (["", "NA", "?", " "], None),
        ([], None),
        (["1", "2", "n/a"], False),
        (["1", "a", "b"], True),
        (["1", "a"], False),
        (["$1", "$2", "$3"], False),
        (["3,14", "2,71", "x"], False),
        (["1_0", "2_0"], False),
        (["2020-01-02", "2020-01-03", "3"], True),
    ],
)
def test_the_majority_says_whether_a_column_holds_text(cells, is_text):
    assert holds_text(cells) is is_text


def test_the_first_bad_cell_is_kept():
    values, bad = to_numbers(["1", "", "1_0", "x", "3"], np.array([2, 3, 4, 6, 7]))
    np.testing.assert_array_equal(values, [1, math.nan, math.nan, math.nan, 3])
    assert bad == BadCell(4, "1_0")


def build(*parts):
    builder, line = ColumnBuilder("c"), 1
    for part in parts:
        builder.add(part, np.arange(line, line + len(part)))
        line += len(part)
    return builder.column()


def test_a_column_is_decided_by_the_first_part_that_has_values():
    assert build(["", "NA"], ["a", "b"], ["1", "2"]).values == ["", "NA", "a", "b", "1", "2"]
    numbers = build(["", "NA"], ["1", "2"], ["a", "b"], np.array([5.0]))
    np.testing.assert_array_equal(numbers.values, [math.nan] * 2 + [1, 2] + [math.nan] * 2 + [5])
    assert numbers.bad == BadCell(5, "a")
    np.testing.assert_array_equal(
        build([""], np.array([math.nan]), ["?"], np.array([1.5])).values[-2:], [math.nan, 1.5]
    )
    np.testing.assert_array_equal(build([""], np.array([math.nan])).values, [math.nan] * 2)


def test_text_that_is_wanted_stays_as_it_is():
    column = ColumnBuilder("c", as_text=True).add(["007", "", " 1"], np.arange(3)).column()
    assert column.values == ["007", "", " 1"]


def test_equal_texts_are_kept_once():
    one, two = (build(["".join(["nor", "th"]), "south", "".join(["no", "rth"])]).values[i] for i in (0, 2))
    column = build(["".join(["nor", "th"]), "".join(["no", "rth"])])
    assert one == two == "north"
    assert column.values[0] is column.values[1]


def test_rows_are_taken_from_both_kinds():
    rows = np.array([2, 0])
    assert build(["a", "b", "c"]).take(rows).values == ["c", "a"]
    numbers = build(["1", "x", "3"]).take(rows)
    assert numbers.values.tolist() == [3, 1]
    assert numbers.bad == BadCell(2, "x")


def test_empty_columns():
    assert build(["", "NA"]).is_empty
    assert ColumnBuilder("c", as_text=True).add(["", " "], np.arange(2)).column().is_empty
    assert not build(["", "a"]).is_empty
    assert not build(["1", "x"]).take(np.array([1])).is_empty


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
