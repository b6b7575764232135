"""What a command says, for people and for programs."""

import pytest

from brainbox_cli.frame.reporter import Reporter


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["spam", "0.9", "=cmd|' /C calc'!A0"], "spam\t0.9\t'=cmd|' /C calc'!A0"),
        (["+1", "-1", "@x", "\tx", "\rx"], "'+1\t'-1\t'@x\t'\\tx\t'\\rx"),
        ([-1.5, "a=b", "1-2", ""], "-1.5\ta=b\t1-2\t"),
    ],
)
def test_a_spreadsheet_takes_no_text_for_a_formula(cells, line, capsys):
    Reporter(["spam"]).answer_cells(cells)
    assert capsys.readouterr().out == line + "\n"
