import hashlib
from pathlib import Path

import pytest

from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import UsageError
from brainbox_core.tasks.rnn.settings import LINE_RATES, RATES, SIZE, Settings


def test_the_built_in_text_has_the_size_that_is_told():
    text = builtin("play.txt").read_bytes()
    assert len(text) == len(text.decode("ascii")) == SIZE >= 60_000
    assert b"\n " not in text  # from what is indented far, a network learns to write blanks and nothing else


def test_the_built_in_text_is_the_one_that_its_description_names():
    text = builtin("play.txt")
    described = (Path(__file__).parents[3] / "datasets" / "README.md").read_text()
    assert f"| `play.txt` | `{hashlib.sha256(text.read_bytes()).hexdigest()}` |" in described


def test_what_is_not_given_suits_what_is(tmp_path):
    (tmp_path / "large").write_bytes(b"a b\n" * 300_000)
    (tmp_path / "small").write_bytes(b"a b\n" * 500)
    small, play, large = (Settings.suited(data=str(name)) for name in (tmp_path / "small", "play", tmp_path / "large"))
    assert small.steps < play.steps < large.steps
    assert play.sample_every * 10 == play.steps
    assert Settings.suited(cell="gru").lr == RATES["gru"] != Settings.suited(cell="gru", lr=0.5).lr == 0.5
    lines = Settings.suited(lines=True, batch_size=7)
    assert (lines.lr, lines.batch_size) == (LINE_RATES["lstm"], 7)
    assert Settings.suited(lines=True, cell="rnn").lr == LINE_RATES["rnn"]
    assert Settings.suited(lines=True).batch_size > Settings.suited().batch_size
    assert Settings.suited(steps=7).sample_every == 1
    assert Settings.suited(data="-").steps == play.steps  # nobody knows how much will come


def test_quick_is_shorter_and_changes_nothing_else():
    quick = Settings.suited(hidden=9).quick()
    assert quick.steps < 100 and quick.hidden == 9
    assert Settings.suited(steps=3).quick().steps == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"cell": "gpt"},
        {"hidden": 0},
        {"layers": 0},
        {"embedding": -1},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"seq_len": 0},
        {"steps": 0},
        {"batch_size": 1.5},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"clip": -1.0},
        {"clip": float("inf")},
        {"sample_every": 0},
        {"val_split": 1.0},
        {"val_split": 0.0},
        {"patience": 0},
        {"limit": 0},
        {"seed": -1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Settings(**wrong)


def test_the_title():
    assert Settings().title == "LSTM 128, embedding 64"
    assert Settings(cell="rnn", embedding=0, layers=3, hidden=8).title == "3 x RNN 8, one-hot input"
