"""What is typed wrongly is refused with code 2, in two lines that name the option and the way out."""

import pytest

from tests.cli.shell import brainbox, document

WRONG = {
    "mnits": ("mnits", "brainbox mnist"),
    "mnist prdict x.png": ("prdict", "brainbox mnist predict"),
    "mnist --epoch 3": ("--epoch", "--epochs"),
    "mnist --epochs": ("--epochs", "--help"),
    "mnist train more": ("more", "--help"),
    "mnist --lr inf": ("--lr", "--help"),
    "mnist --out --json": ("--out: expected a folder, got --json", "--help"),
    "mnist --out ./-x": ("--out: expected a folder", "--help"),
    "mnist --seed -1": ("--seed", "--help"),
    "mnist --optimizer adm": ("did you mean adam?", "--help"),
    "mnist --fail-under 95": ("--fail-under", "95%"),
    "mnist predict x.png --top 0": ("--top", "--help"),
    "cnn --epochs 3 evaluate": ("options follow the verb", "hint: brainbox cnn evaluate (evaluate has no --epochs)"),
    "mnist -e 3 --plot --limit=9 -qm x predict x.png": (
        "options follow the verb",
        "hint: brainbox mnist predict -qm x x.png (predict has no -e and no --plot and no --limit)",
    ),
    "mnist -- train --quick": ("options follow the verb", "hint: brainbox mnist train --quick"),
    "mnist --top 3 predict x.png": ("options follow the verb", "hint: brainbox mnist predict --top 3 x.png"),
    "regress --data -3 evaluate": ("options follow the verb", "hint: brainbox regress evaluate --data -3"),
    "cnn --filters 8,16,8,8 -n": ("conv2d", ""),
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_lines(line, tmp_path):
    done = brainbox(*line.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    error, hint = done.stderr.splitlines()
    told, way_out = WRONG[line]
    assert error.startswith("error: ") and told in error
    assert hint.startswith("hint: ") and way_out in hint
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_verb_should_stand_is_not_guessed_but_hinted_at(tmp_path):
    (tmp_path / "seven.png").write_bytes(b"")
    done = brainbox("mnist", "seven.png", cwd=tmp_path)
    assert done.returncode == 2
    assert "brainbox mnist predict seven.png" in done.stderr


def test_the_environment_is_checked_as_options_are(tmp_path):
    done = brainbox("mnist", cwd=tmp_path, BRAINBOX_SEED="abc")
    assert done.returncode == 2
    assert "BRAINBOX_SEED in the environment" in done.stderr


@pytest.mark.parametrize("line", ["mnist --json --hidden 0", "mnist --hidden 0 --json", "--json", "nonsense --json"])
def test_with_json_a_usage_error_is_a_document(line, tmp_path):
    done = brainbox(*line.split(), cwd=tmp_path)
    fields = document(done.stdout)
    assert (done.returncode, fields["exit_code"], fields["status"], fields["error"]["kind"]) == (2, 2, "error", "usage")
    assert done.stderr.startswith("error: ")


NAME_TOO_LONG = "x" * 300


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("cnn NAME", 2),
        ("cnn --out NAME", 3),
        ("cnn --data NAME", 3),
        ("cnn evaluate --model NAME", 3),
        ("cnn predict NAME --model MODEL", 3),
    ],
)
def test_a_name_that_is_too_long_for_the_file_system_is_the_users_mistake(line, code, trained, tmp_path):
    model = str(trained / "brainbox-out/cnn")
    words = [{"NAME": NAME_TOO_LONG, "MODEL": model}.get(word, word) for word in line.split()]
    done = brainbox(*words, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert done.stderr.splitlines()[-2].startswith("error: ")


@pytest.mark.parametrize("line", ["cnn --epochs 1", "cnn evaluate"])
def test_nor_is_an_output_folder_with_such_a_name_a_bug(line, tmp_path):
    done = brainbox(*line.split(), cwd=tmp_path, BRAINBOX_OUT=NAME_TOO_LONG)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)


def test_verbose_shows_where_an_error_was_found(tmp_path):
    quiet = brainbox("mnist", "evaluate", "--model", "nowhere", cwd=tmp_path)
    verbose = brainbox("mnist", "evaluate", "--model", "nowhere", "--verbose", cwd=tmp_path)
    assert (quiet.returncode, verbose.returncode) == (3, 3)
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in verbose.stderr


def test_text_from_the_command_line_cannot_reach_the_terminal_as_commands(tmp_path):
    done = brainbox("mnist", "--data", "\x1b[31m[bold]red[/bold]", cwd=tmp_path)
    assert done.returncode == 3
    assert "\x1b" not in done.stderr
    assert r"\x1b[31m[bold]red[/bold]" in done.stderr
