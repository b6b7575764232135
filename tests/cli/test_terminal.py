"""What a person sees: the same commands with all streams on a terminal."""

import re

import pytest

from tests.cli.shell import FAST, in_terminal, screen

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])(;[0-9;]*)?m")
NUMBER = r"(\d+|\d\.\d{4}|\d+\.\d\d%|\d\.\de-\d\d|\d+\.\ds)"
ROW = re.compile(rf" *[12](  +{NUMBER}( [↑↓^v])?)* *")


def test_a_live_line_and_rows_that_stay(tmp_path):
    code, written = in_terminal("mnist", *FAST, cwd=tmp_path)
    assert code == 0
    assert re.search(r"epoch 1/2.*━.*15", ESCAPE.sub("", written))
    assert COLOUR.search(written)
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") > 0  # the cursor comes back
    lines = screen(written)
    head = next(index for index, line in enumerate(lines) if line.startswith("epoch  train_loss"))
    assert set(lines[head + 1]) == {"─"}
    assert all(ROW.fullmatch(line) for line in lines[head + 2 : head + 4])
    assert "↑" in lines[head + 3] or "↓" in lines[head + 3]
    assert len([line for line in lines if line.startswith("epoch ")]) == 1  # no live line is left behind


@pytest.mark.parametrize("columns", [1, 20, 40, 1000])
def test_no_number_is_cut_whatever_the_width(columns, tmp_path):
    code, written = in_terminal("mnist", *FAST, cwd=tmp_path, columns=columns)
    assert code == 0
    lines = screen(written)
    head = next(index for index, line in enumerate(lines) if line.startswith("epoch") and len(line.split()[0]) == 5)
    for line in lines[head + 2 : head + 4]:
        assert ROW.fullmatch(line)
        assert len(line) <= max(columns, 5)
    shown = {1: 1, 20: 2, 40: 4, 1000: 6}[columns]
    assert len(lines[head].split()) == shown


def test_no_color_takes_the_colour_and_keeps_the_rest(tmp_path):
    code, written = in_terminal("mnist", *FAST, cwd=tmp_path, NO_COLOR="1")
    assert code == 0
    assert not COLOUR.search(written)
    assert "\r" in written and "━" in written and "─" in written


def test_a_dumb_terminal_gets_plain_lines(tmp_path):
    code, written = in_terminal("mnist", *FAST, cwd=tmp_path, TERM="dumb")
    assert code == 0
    assert "\x1b" not in written and "\r" not in written
    assert "train_loss" in written


def test_ascii_terminals_get_ascii_bars_and_arrows(tmp_path):
    code, written = in_terminal("mnist", *FAST, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert code == 0
    assert written.isascii()
    assert re.search(r"epoch 1/2.*--", ESCAPE.sub("", written))


def test_predictions_are_for_people_there(trained):
    picture = "brainbox-out/cnn/runs/1/example.png"
    code, written = in_terminal("cnn", "predict", picture, "--top", 3, "--show", cwd=trained)
    assert code == 0
    lines = screen(written)
    assert any(
        re.fullmatch(r"Prediction: \d \(confidence \d+\.\d%\), then \d \(.*%\), \d \(.*%\)", line) for line in lines
    )
    assert sum("█" in line for line in lines) > 5


@pytest.mark.parametrize("wrong", ["10", "500"])
def test_the_terminal_is_believed_and_not_columns(wrong, tmp_path):
    _, written = in_terminal("mnist", *FAST, cwd=tmp_path, columns=60, COLUMNS=wrong)
    live = [ESCAPE.sub("", part) for part in re.split(r"[\r\n]", written) if "epoch 1/2" in part]
    assert live and all(10 < len(part) < 60 for part in live)
    assert any("784-128-10 MLP, 101,770 parameters" in line for line in screen(written))
