"""Rows taken apart: the exact reader, the fast one, and that nobody can tell which of them was at work."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core.errors import InputError
from brainbox_core.tables import csv_rows
from brainbox_core.tables.csv_rows import CsvRows


def blocks(text, fast=True):
    """All blocks; the first is read exactly, as `read_table` does."""
    rows = CsvRows(io.StringIO(text, newline=""), "t.csv")
    found, block = [], rows.block()
    while block is not None:
        found.append(block)
        block = rows.block(fast=fast)
    return rows, found


def cells(text):
    rows, found = blocks(text, fast=False)
    return rows, [row for block in found for row in block.cells], [int(n) for block in found for n in block.lines]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(csv_rows, "SAMPLE", 20)
    monkeypatch.setattr(csv_rows, "BLOCK", 60)


# exact


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n3,14;2\n", ";"),
        ("a;b\n3,14;2,5\n1,5;3,1\n", ";"),
        ("3,14;2,5\n1,5;3,1\n", ";"),
        ("a\tb\nyes, I do; really|\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("one\n1\n", ","),
        ('"a;b","c;d"\n1,2\n', ","),
        ("a,b;c\n1,2\n3,4\n", ","),
        ("ham\tGo, until | jurong;\nspam\tFree entry\n", "\t"),
        ("sep=;\n1,5;2\n", ";"),
        ("sep=\t\r\n1,5\t2\n", "\t"),
        ('"sep=|"\n1,5|2\n', "|"),
        ("SEP=,\n1;5,2;3\n", ","),
    ],
)
def test_the_delimiter_is_recognised(text, delimiter):
    assert blocks(text)[0].delimiter == delimiter


def test_the_separator_line_is_no_row_and_counts_as_a_line():
    assert cells("sep=;\na;b\n1;2\n")[1:] == ([["a", "b"], ["1", "2"]], [2, 3])
    with pytest.raises(InputError, match=r"line 1: .*sep=x.* separator that is not read here"):
        blocks("sep=x\n1x2\n")
    with pytest.raises(InputError, match=r"sep=\\x1b"):
        blocks("sep=\x1b\n1\n")


def test_only_line_feed_and_carriage_return_end_a_line():
    _, rows, lines = cells("a,b\r\n1\f,2\r3\u2028,4\x0b\n5\x1c,\x856")
    assert rows == [["a", "b"], ["1\f", "2"], ["3\u2028", "4\x0b"], ["5\x1c", "\x856"]]
    assert lines == [1, 2, 3, 4]


def test_quotes_hold_delimiters_line_ends_and_quotes():
    _, rows, lines = cells('a,b\n"x, ""y""\nz",2\n3,"4"\n')
    assert rows == [["a", "b"], ['x, "y"\nz', "2"], ["3", "4"]]
    assert lines == [1, 2, 4]


def test_blank_lines_are_counted_where_rows_follow():
    rows, found, lines = cells("\n\na,b\n1,2\n\n  \n3,4\n\n\n")
    assert found == [["a", "b"], ["1", "2"], ["3", "4"]]
    assert lines == [3, 4, 7]
    assert rows.blank_lines == 4


def test_a_row_of_empty_cells_is_a_row():
    assert cells("a,b\n,\n1,2\n")[1] == [["a", "b"], ["", ""], ["1", "2"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b,c\n1,2,3\n1,2\n4,5,6\n", "t.csv line 3: 2 fields, the first row has 3; put quotes around"),
        ("a,b\n1,2\n1,2,3\n", "t.csv line 3: 3 fields, the first row has 2; put quotes around"),
        ("a,b,\n1,2\n", "line 2: 2 fields, the first row has 3"),
        ("a,b,c\n1,2,3\n4,5", "line 3: 2 fields, the first row has 3; the file seems to break off here"),
        ("a,b,c\n1,2,3\n7", "line 3: 1 field, the first row has 3; the file seems to break off here"),
        ('a,b\n"1,2\n3,4\n', "line 2: a quote opened in line 2 never closes"),
        ('a,b\n1,2\n3,"4\n5,6\n' + "7,8\n" * 50_000, "line 3: a quote opened in line 3 never closes"),
        ('a,b\n"1" 2,3\n', "line 2: text follows a closing quote; write"),
        ('a,b\n"1,2\n"3",4\n', "line 2: text follows a closing quote in line 3; write"),
        ("a,b\n1," + "x" * 65_537 + "\n", r"line 2: field 2 is too long \(over 65,536 characters\); shorten it"),
        ("a,b\n1," + "x" * 200_000 + "\n", r"line 2: a field is too long \(over 65,536 characters\); shorten it"),
        ('a,b\n1,"' + "x\n" * 40_000 + '"\n', "line 2: field 2 is too long"),
        ("a," * 10_000 + "a\n", "line 1: too many columns: 10,001: expected at most 10,000"),
    ],
)
@pytest.mark.parametrize("sizes", [(20, 60), (2**17, 2**21)])
def test_broken_rows_are_named_by_their_line(text, says, sizes, monkeypatch):
    monkeypatch.setattr(csv_rows, "SAMPLE", sizes[0])
    monkeypatch.setattr(csv_rows, "BLOCK", sizes[1])
    with pytest.raises(InputError, match=says):
        blocks(text)


def test_the_longest_cell_and_the_widest_row_that_are_read():
    assert cells("a,b\n1," + "x" * 65_536 + "\n")[1][1][1] == "x" * 65_536
    assert blocks("a," * 9_999 + "a\n")[0].width == 10_000


# fast


def test_plain_numbers_are_read_fast(small_blocks, monkeypatch):
    monkeypatch.setattr(CsvRows, "_rows", exact_rows_once(CsvRows._rows))
    text = 'a,b,"c"\n' + "".join(f'{i},-{i}.5e1,"{i % 2}"\r\n' for i in range(200))
    _, (first, *rest) = blocks(text)
    array = np.concatenate([block.cells for block in rest])
    assert array.shape == (200 - len(first.cells) + 1, 3)
    np.testing.assert_array_equal(array[-2:], [[198, -1985, 0], [199, -1995, 1]])
    np.testing.assert_array_equal(np.concatenate([block.lines for block in (first, *rest)]), np.arange(1, 202))


def exact_rows_once(exact):
    calls = []

    def count(rows, lines):
        calls.append(1)
        assert len(calls) == 1, "only the first block has to be read exactly"
        return exact(rows, lines)

    return count


@pytest.mark.parametrize(
    "line",
    [
        "1_0,2",
        "١,2",
        "0x1,2",
        "x,2",
        ",2",
        "1e999,2",
        "inf,2",
        '"1"2,3',
        '"1" ,2',
        '""1,2',
        "1\x1c,2",
        "1\xa0,2",
        "",
        "0" * 70_000 + "1,2",
    ],
    ids=lambda line: line[:10],
)
def test_what_the_fast_reader_takes_otherwise_is_left_to_the_exact_one(line, small_blocks):
    text = "a,b\n" + "1,2\n" * 40 + line + "\n" + "3,4\n" * 40
    assert outcome(text, fast=True) == outcome(text, fast=False)
    rows = CsvRows(io.StringIO(f"5,6\n{line}\n7,8\n", newline=""), "t.csv")
    rows.width = 2
    assert rows._numbers([f"5,6\n{line}\n", "7,8\n"]) is None


@pytest.mark.parametrize("last", ['1,"2', '1,"2\n', '"1,2', '"1\n'])
def test_a_quote_open_at_the_end_of_the_file_is_an_error_for_both(last, small_blocks):
    text = "a,b\n" + "1,2\n" * 40 + last
    assert outcome(text, fast=True) == outcome(text, fast=False)
    assert "never closes" in outcome(text, fast=True)


def test_a_quote_open_at_the_end_of_a_block_is_read_to_its_end(small_blocks):
    text = "a,b\n" + "1,2\n" * 30 + '"\n3",4\n' * 30 + "5,6\n" * 30
    assert outcome(text, fast=True) == outcome(text, fast=False)
    assert len(outcome(text, fast=True)[0]) == 91


def outcome(text, fast):
    """Rows as numbers where they are numbers, line numbers and errors: all that the two readers must agree on."""
    try:
        rows, found = blocks(text, fast)
    except InputError as error:
        return str(error)
    numbers = []
    for block in found:
        for row in block.cells:
            numbers.append(tuple(_plain(cell) for cell in row))
    return numbers, [int(line) for block in found for line in block.lines], rows.blank_lines


def _plain(cell):
    """A cell by its number, as both readers see it; a text by itself."""
    if isinstance(cell, str) and (not cell.isascii() or "_" in cell):
        return cell
    try:
        return repr(float(cell))
    except ValueError:
        return cell


PIECES = ["1", "-2.5e3", '"4"', '"5', '6"', '""', ",", ",", ",", "\n", "\n", "\r\n", "\r", " ", "_", "nan", "NA", "inf"]
PIECES += ["1e999", "x", ".", "-", "0x1", "\x0c", "\x1c", ";", "٣", "\xa0", '"1\n"', '"1,2"', '"1"2', '" 1"', "\n\n"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.integers(1, 40))
def test_fast_and_exact_agree_on_anything(text, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "SAMPLE", 4)
        patch.setattr(csv_rows, "BLOCK", block)
        text = "7,8\n9,1\n" + text
        assert outcome(text, fast=True) == outcome(text, fast=False)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(allow_infinity=False), min_size=width, max_size=width), min_size=1, max_size=30
        )
    ),
    st.sampled_from(csv_rows.DELIMITERS),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_numbers_written_by_the_csv_module_come_back_bit_for_bit(rows, delimiter, quoting, end):
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "SAMPLE", 4)
        patch.setattr(csv_rows, "BLOCK", 100)
        _, found = blocks(target.getvalue())
    read = [[float(cell) for cell in row] for block in found for row in block.cells]
    np.testing.assert_array_equal(np.array(read), np.array(rows))
