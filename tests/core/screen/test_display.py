import pytest

from brainbox_core.screen.display import columns, cut, fitted, number, sparkline


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0], list(range(1000)), [3.0, -1.0]])
def test_sparklines(values):
    for unicode in (True, False):
        line = sparkline(values, unicode)
        assert len(line) == min(len(values), 40)
        assert line.isascii() is not unicode
    assert sparkline(values)[0] == "▁" or values[0] == max(values)


@pytest.mark.parametrize("text", ["to be or not", "\u65e5\u672c\u8a9e", "a\U0001f600b\U0001f600", "e\u0301" * 9, ""])
def test_text_is_cut_to_columns_and_not_to_characters(text):
    for width in range(20):
        part = cut(text, width)
        assert text.startswith(part) and columns(part) <= width
        assert part == text or columns(text[: len(part) + 1]) > width


def test_fitted_tables_lose_columns_and_no_digits():
    table = [["layer", "parameters", "multiply-adds"], ["linear_0", "100,480", "100,352"]]
    for width in range(1, 60):
        for line in fitted(table, width):
            assert len(line) <= max(width, len("linear_0"))
            assert set(line.split()) <= {word for row in table for word in row}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("val_accuracy", 0.99999, "100.00%"),
        ("time_s", 59.94, "59.9s"),
        ("time_s", 3725, "1h02m"),
        ("lr", 0.01, "0.0100"),
        ("lr", 0.00004, "4.0e-05"),
        ("val_loss", float("nan"), "nan"),
        ("epoch", 1000, "1,000"),
    ],
)
def test_numbers(name, value, text):
    assert number(name, value) == text
