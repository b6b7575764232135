"""What all commands without verbs share, tried on `neuron`."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import COMMAND, brainbox, document, environment, in_terminal

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_nothing_is_written_without_being_asked_for(tmp_path):
    done = brainbox("neuron", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--plot"], "brainbox-out/neuron/neuron.png"),
        (["--plot", "--seed", "1"], "brainbox-out/neuron/neuron.png"),
        (["--plot", "a.png"], "a.png"),
        (["--plot=a.PNG", "-q"], "a.PNG"),
    ],
)
def test_the_name_of_a_picture_may_be_left_out(words, name, tmp_path):
    done = brainbox("neuron", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.rglob("*.*") if path.suffix] == [Path(name).name]
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert (f"saved      {name}" in done.stdout) == ("-q" not in words)


def test_a_picture_on_standard_output(tmp_path):
    command = [*COMMAND, "neuron", "--plot", "-"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=True)
    assert done.stdout.startswith(b"\x89PNG")
    assert b"solved!" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--plot", "or"], 2, "--plot: expected a file name that ends in .png, got or"),
        (["--plot="], 2, "--plot: expected a file name that ends in .png"),
        (["--plot", "missing/a.png"], 3, "missing does not exist"),
        (["--plot", "-", "--json"], 2, "--plot -: standard output already belongs to --json"),
        (["or"], 2, "unexpected extra argument"),
        (["--gat", "or"], 2, "there is no option --gat"),
        (["--seed", "-1"], 2, "--seed"),
    ],
)
def test_mistakes_are_two_lines(words, code, message, tmp_path):
    done = brainbox("neuron", *words, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    error, hint = [line for line in done.stderr.splitlines() if line]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_found_out_first(tmp_path):
    (tmp_path / "a.png").mkdir()
    done = brainbox("neuron", "--plot", "a.png", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "is a folder" in done.stderr


def test_json_is_one_document_and_text_goes_beside_it(tmp_path):
    done = brainbox("neuron", "--json", "--plot", cwd=tmp_path)
    fields = document(done.stdout)
    assert fields["command"] == "neuron"
    assert fields["artifacts"] == {"plot": "brainbox-out/neuron/neuron.png"}
    assert fields["config"]["seed"] == fields["seed"] == 0
    assert "solved!" in done.stderr


def test_json_of_a_failure_keeps_the_result(tmp_path):
    done = brainbox("neuron", "--gate", "xor", "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert done.returncode == fields["exit_code"] == 4
    assert fields["error"]["kind"] == "not_converged"
    assert fields["result"]["separable"] is False


def test_quiet_leaves_the_answer(tmp_path):
    lines = brainbox("neuron", "-q", cwd=tmp_path).stdout.splitlines()
    assert lines[0].startswith("Final weights: ")
    assert len(lines) == 5


def test_reproduce_names_what_was_chosen_and_no_more(tmp_path):
    done = brainbox("neuron", "--gate", "and", "--explain", "--plot", "--lr", "0.5", cwd=tmp_path, BRAINBOX_SEED="7")
    line = next(line for line in done.stdout.splitlines() if line.startswith("reproduce"))
    assert line.split(maxsplit=1)[1] == "brainbox neuron --gate and --lr 0.5 --seed 7"
    again = brainbox(*line.split()[2:], "--explain", cwd=tmp_path)
    steps = [text for text in again.stdout.splitlines() if text.startswith(("Initial", "Epoch", "Final", "    "))]
    assert "\n".join(steps) in done.stdout


def test_off_a_terminal_there_are_no_escapes(tmp_path):
    done = brainbox("neuron", "--gate", "xor", cwd=tmp_path)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout


def test_colours_of_a_terminal(tmp_path):
    code, text = in_terminal("neuron", cwd=tmp_path)
    assert code == 0
    assert "\x1b[1;32m" in text
    plain = in_terminal("neuron", cwd=tmp_path, NO_COLOR="1")[1]
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain)
    assert ESCAPES.sub("", text) == ESCAPES.sub("", plain)


def test_ascii_where_nothing_else_can_be_written(tmp_path):
    done = brainbox("neuron", cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "(R/gamma)^2" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("columns", [1, 20, 1000])
def test_any_width(columns, tmp_path):
    code, text = in_terminal("neuron", "--gate", "xor", "--explain", cwd=tmp_path, columns=columns)
    assert code == 4
    assert "Traceback" not in text


def test_help_names_the_default_picture(tmp_path):
    text = " ".join(brainbox("neuron", "--help", cwd=tmp_path, COLUMNS="200").stdout.split())
    assert "--plot [FILE]" in text
    assert "NOUN.png" in text


def test_the_word_after_dashes_is_no_option(tmp_path):
    done = brainbox("neuron", "--", "--plot", cwd=tmp_path)
    assert done.returncode == 2
    assert "unexpected extra argument" in done.stderr
    assert not Path(tmp_path, "neuron.png").exists()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("convolve -o", "mine.png"),
        ("convolve --plot", "mine.png"),
        ("neuron --plot", "mine.png"),
        ("descent --lr 0.5 --gif", "mine.gif"),
        ("autograd --dot", "mine.dot"),
        ("export neuron -o", "mine.h"),
        ("export neuron -o other.h --example", "mine.c"),
    ],
)
def test_a_file_of_somebody_else_is_replaced_only_with_force(words, name, tmp_path):
    mine = tmp_path / name
    mine.write_text("what I wrote")
    refused = brainbox(*words.split(), name, cwd=tmp_path)
    assert refused.returncode == 3 and "--force" in refused.stderr, refused.stderr
    assert mine.read_text() == "what I wrote"
    forced = brainbox(*words.split(), name, "--force", cwd=tmp_path)
    assert forced.returncode == 0, forced.stderr
    assert mine.read_bytes() != b"what I wrote"
    again = brainbox(*words.split(), name, cwd=tmp_path)  # now it is ours
    assert again.returncode == 0, again.stderr
