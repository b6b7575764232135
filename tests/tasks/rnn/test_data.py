import numpy as np
import pytest

from brainbox_core.errors import InputError
from brainbox_core.tasks.rnn.settings import Settings
from brainbox_core.tasks.rnn.train import load_data, load_test_data
from brainbox_core.text import characters

NAMES = [f"{first}{second}{third}" for first in "abcde" for second in "uvw" for third in ("", "xyz")]


class Trained:
    """What `load_test_data` looks at of a model."""

    def __init__(self, seed=0, **meta):
        self.seed, self.meta = seed, meta


@pytest.fixture
def text(tmp_path):
    def write(content: str | bytes) -> str:
        path = tmp_path / "text.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def test_the_end_of_a_text_is_held_out(text):
    content = "".join(chr(97 + place * place % 26) for place in range(2000))
    data = load_data(Settings(data=text(content)))
    assert data.alphabet.text(data.train) + data.alphabet.text(data.val) == content
    assert data.counts == {"train": 1800, "val": 200, "test": 0}
    assert (data.unit, data.notes) == ("characters", ())


def test_random_lines_are_held_out(text):
    name = text("\n\n".join(NAMES) + "\r\n")  # empty lines are no names
    data = load_data(Settings(data=name, lines=True, val_split=0.2))
    train, val = (data.alphabet.text(part) for part in (data.train, data.val))
    assert train[0] == val[0] == train[-1] == val[-1] == "\n"
    assert sorted([*train[1:-1].split("\n"), *val[1:-1].split("\n")]) == sorted(NAMES)
    assert data.counts == {"train": 24, "val": 6, "test": 0}
    assert data.unit == "lines"
    again = load_data(Settings(data=name, lines=True, val_split=0.2))
    other = load_data(Settings(data=name, lines=True, val_split=0.2, seed=1))
    assert np.array_equal(again.val, data.val)
    assert not np.array_equal(other.val, data.val)


def test_less_may_be_learned_from_but_the_same_is_held_out(text):
    name = text("to be or not\n" * 200)
    whole, part = (load_data(Settings(data=name, limit=limit)) for limit in (None, 500))
    assert np.array_equal(part.train, whole.train[:500])
    assert np.array_equal(part.val, whole.val)
    whole, part = (load_data(Settings(data=text("\n".join(NAMES)), lines=True, limit=limit)) for limit in (None, 4))
    assert part.counts["train"] == 4
    assert np.array_equal(part.val, whole.val)


def test_the_baselines_fall(text):
    baselines = load_data(Settings()).baselines
    assert 0 < baselines["bigram_bits"] < baselines["unigram_bits"] < np.log2(63)


@pytest.mark.parametrize(
    ("content", "settings", "told", "fix"),
    [
        ("x", {}, r"too short: 1 characters: expected at least 651", "a larger share"),
        ("to be " * 100, {}, "too short: 600 characters: expected at least 651", "a larger share"),
        ("to be " * 110, {"seq_len": 700}, "too short: 660 characters: expected at least 780", "smaller `seq_len`"),
        (
            "to be " * 110,
            {"limit": 64},
            "660 characters, of which 64 are .*: expected more than 64 to",
            "larger `limit`",
        ),
        ("to be " * 100, {"limit": 64}, "too short: 600 characters: expected at least 651", "a larger share"),
        ("to be " * 110, {"val_split": 0.05}, "expected at least 1,301", "a larger share"),
        ("x" * 5000, {}, r"nothing to learn: every character is 'x' \(U\+0078\)", "two different"),
        ("\n" * 5000, {}, "nothing to learn", "two different"),
        ("x\n" * 50, {"lines": True}, "nothing to learn", "two different"),
        ("\n\n\n", {"lines": True}, "too few lines: 0: expected at least 10", "longer text"),
        ("one\n", {"lines": True}, "too few lines: 1", "longer text"),
        ("one\ntwo", {"lines": True}, "too few lines: 2", "longer text"),
    ],
)
def test_too_little_text_is_refused_with_what_is_needed(content, settings, told, fix, text):
    with pytest.raises(InputError, match=told) as raised:
        load_data(Settings(data=text(content), **settings))
    assert fix in raised.value.fix


def test_what_is_said_to_be_enough_is(text):
    load_data(Settings(data=text("to be " * 108 + "abc")))
    load_data(Settings(data=text("to be " * 130), seq_len=700))
    load_data(Settings(data=text("to be " * 216 + "tobeo"), val_split=0.05))


@pytest.mark.parametrize("mark", ["", "\N{REPLACEMENT CHARACTER}"])
def test_rare_characters_of_very_many_are_said_to_be_left_out(mark, text, monkeypatch):
    monkeypatch.setattr(characters.Alphabet.of.__func__, "__defaults__", (20, ""))
    content = "to be or not to be " * 50 + "".join(chr(0x4E00 + number) for number in range(30)) + mark
    data = load_data(Settings(data=text(content)))
    assert len(data.alphabet) == 20
    (note,) = data.notes
    assert f"{37 + len(mark)} different characters: the 19 most frequent are learned" in note
    assert data.alphabet.text(data.val).endswith("\N{REPLACEMENT CHARACTER}" * 5)


def test_lines_end_however_rare_their_ends_are(text, monkeypatch):
    monkeypatch.setattr(characters.Alphabet.of.__func__, "__defaults__", (20, ""))
    lines = ["".join(chr(0x4E00 + number) for number in range(30)) * 3] * 10
    data = load_data(Settings(data=text("\n".join(lines)), lines=True))
    train = data.alphabet.text(data.train)
    assert train[0] == train[-1] == "\n" and train.count("\n") == 10


def test_a_model_is_measured_in_its_own_characters(text):
    name = text("to be or not to be? " * 50)
    model = Trained(lines=False, val_split=0.25, characters=sorted(set("to be or not")))
    data = load_test_data(model, name)
    (note,) = data.notes
    assert "does not know '?' (U+003F): 50 characters" in note
    assert data.alphabet.text(data.val) == ("to be or not to be " * 50)[-len(data.val) :]
    assert data.counts == {"train": 712, "val": 238, "test": 0}
    known = Trained(lines=False, val_split=0.25, characters=[*sorted(set("to be or not")), "\N{REPLACEMENT CHARACTER}"])
    assert "\N{REPLACEMENT CHARACTER}" in load_test_data(known, name).alphabet.text(load_test_data(known, name).val)


def test_a_model_of_lines_is_measured_by_the_lines_that_were_held_out(text):
    name = text("\n".join(NAMES))
    trained = load_data(Settings(data=name, lines=True, val_split=0.3, seed=4, limit=5))
    model = Trained(seed=4, lines=True, val_split=0.3, characters=list(trained.alphabet.characters))
    assert np.array_equal(load_test_data(model, name).val, trained.val)
