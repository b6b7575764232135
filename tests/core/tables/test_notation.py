import math
import time

import pytest

from brainbox_core.tables.notation import Notation, number, numeral


def test_long_cells_take_no_time():
    start = time.process_time()
    for cell in ("1," * 30_000 + "x", "$" + " " * 60_000, "1 " * 199 + "x", "1," * 199 + "1", "(" * 400):
        assert numeral(cell) is None
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "cell", ["", "NA", "x", "1.2.3", "1,2,3", "1 23", "12 34,5", "1234,567.8", "5-", "%5", "--5", "."]
)
def test_what_is_no_number_in_any_notation(cell):
    assert numeral(cell) is None


@pytest.mark.parametrize(
    ("notation", "cell", "value"),
    [
        (Notation("."), "1.050", 1.05),
        (Notation("."), "1,050", None),
        (Notation(".", ","), "1,050", 1050),
        (Notation(".", ","), "1,05", None),
        (Notation(",", "."), "1.050", 1050),
        (Notation(",", "."), "1.050,5", 1050.5),
        (Notation(",", "."), "1.05", None),
        (Notation(","), "1.050", None),
        (Notation(",", " "), "1\u202f050,5", 1050.5),
        (Notation(","), "1e3", 1000),
        (Notation(",", "."), "1.001", 1001),
        (Notation(".", "", "$"), "$5", 5),
        (Notation(".", "", "$"), "€5", None),
        (Notation("."), "$5", None),
        (Notation(".", "", "%"), "5", 5),
        (Notation("."), "(5)", -5),
    ],
)
def test_a_cell_means_one_number_in_a_notation(notation, cell, value):
    assert notation.number(cell) == value


def test_missing_values_are_missing_in_every_notation():
    assert all(math.isnan(Notation(mark).number(cell)) for mark in ".," for cell in ("", " ", "NA", "?"))


@pytest.mark.parametrize(
    ("notation", "cell", "says"),
    [
        (Notation(",", "."), "1.05", "write it as 1.234,5 is written, or say which with `decimal` or `thousands`"),
        (Notation(".", "", "$"), "€5", 'write it in "$", or without a sign'),
        (Notation("."), "5%", "remove the percent sign"),
        (Notation("."), "$5", "remove the currency sign"),
        (Notation(","), "x", ""),
    ],
)
def test_how_else_to_write_a_number(notation, cell, says):
    assert notation.remedy(cell) == says


@pytest.mark.parametrize("value", [0.1, -1.5, 1050.0, 1e-7, 1e300, 1.125])
@pytest.mark.parametrize("notation", [Notation("."), Notation(",", ".")])
def test_a_number_is_written_so_that_it_is_read_back(notation, value):
    assert notation.number(notation.text(value)) == value


def test_plain_numbers_are_read_as_before():
    assert [number(cell) for cell in ("1.050", "1,050", "$5")] == [1.05, None, None]
