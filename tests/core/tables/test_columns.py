import math

import numpy as np
import pytest

from brainbox_core.tables.columns import BadCell, ColumnBuilder, holds_text, to_numbers


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
