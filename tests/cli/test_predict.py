"""Using and measuring a trained model."""

import json

import pytest
from PIL import Image, ImageDraw

from tests.cli.shell import brainbox, document


@pytest.fixture
def seven(tmp_path):
    picture = Image.new("L", (200, 200), "white")
    ImageDraw.Draw(picture).line([(60, 50), (140, 50), (90, 160)], fill="black", width=14, joint="curve")
    path = tmp_path / "my\tseven.png"
    picture.save(path)
    return path


def test_lines_with_tabs_for_programs(trained, seven):
    done = brainbox("cnn", "predict", seven, "--image", seven, cwd=trained)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == 2 and lines[0] == lines[1]
    name, label, probability = lines[0]  # the tab in the name is escaped
    assert name.endswith(r"my\tseven.png") and label in "0123456789" and 0 <= float(probability) <= 1
    assert "dark on light" in done.stderr


def test_the_next_most_likely_and_the_picture_beside(trained, seven):
    done = brainbox("mnist", "predict", seven, "--top", 3, "--show", "-q", cwd=trained)
    cells = done.stdout.rstrip("\n").split("\t")
    assert len(cells) == 7
    assert float(cells[2]) >= float(cells[4]) >= float(cells[6])
    assert len(done.stderr.splitlines()) == 28


def test_a_picture_from_standard_input(trained, seven):
    done = brainbox("cnn", "predict", "-", "--json", cwd=trained, stdin=seven.read_bytes())
    fields = document(done.stdout)
    (prediction,) = fields["result"]["predictions"]
    assert prediction["input"] == "-"
    assert prediction["top"] == [{"label": prediction["label"], "probability": prediction["probability"]}]
    assert "Prediction: " in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["predict"], 2, "no picture was given"),
        (["predict", "missing.png"], 3, "missing.png"),
        (["predict", "-"], 3, "standard input"),
        (["predict", "text.png"], 3, "text.png"),
        (["predict", "blank.png"], 3, "blank.png: no digit found"),
        (["predict", "x.png", "--model", "text.png"], 3, "text.png"),
        (["predict", "x.png", "--model", "cnn"], 3, "cnn"),
        (["evaluate", "--data", "nothing-here"], 3, "nothing-here"),
        (["evaluate", "--shift", "15"], 2, "--shift"),
    ],
)
def test_bad_input(words, code, told, trained, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (50, 50), "white").save(tmp_path / "blank.png")
    done = brainbox("mnist", *words, cwd=tmp_path, BRAINBOX_OUT=str(trained / "brainbox-out"))
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_bad_picture_does_not_stop_the_others(trained, seven, tmp_path):
    Image.new("L", (50, 50), "white").save(tmp_path / "blank.png")
    words = "cnn", "predict", seven, "missing.png", str(tmp_path / "blank.png"), seven
    done = brainbox(*words, cwd=trained)
    rows = done.stdout.splitlines()
    assert (done.returncode, len(rows)) == (3, 2) and rows[0] == rows[1] and "seven.png" in rows[0]
    assert done.stderr.count("error: ") == done.stderr.count("hint: ") == 2
    fields = document(brainbox(*words, "--json", cwd=trained).stdout)
    found = fields["result"]["predictions"]
    assert ["error" in one for one in found] == [False, True, True, False]
    assert (fields["status"], fields["exit_code"], found[2]["error"]["kind"]) == ("error", 3, "input")
    assert "the picture is blank" in found[2]["error"]["message"]


def test_no_model_yet_is_told_with_the_command_that_makes_one(seven, tmp_path):
    done = brainbox("cnn", "predict", seven, cwd=tmp_path)
    assert done.returncode == 3
    assert "there is no model yet" in done.stderr
    assert "hint: train one first: brainbox cnn\n" in done.stderr


@pytest.mark.parametrize("model", ["brainbox-out/mnist", "brainbox-out/mnist/runs/1/model.safetensors", "mnist"])
def test_a_model_may_be_a_folder_a_file_or_a_noun(model, trained, seven):
    assert brainbox("mnist", "predict", seven, "-m", model, cwd=trained).returncode == 0


def test_evaluate(trained):
    done = brainbox("mnist", "evaluate", "--json", cwd=trained)
    fields = document(done.stdout)
    assert done.returncode == 0
    assert (fields["verb"], fields["data"]["source"], fields["history"]) == ("evaluate", "digits", [])
    confusion = fields["result"]["confusion"]
    right = sum(confusion[digit][digit] for digit in range(10)) / sum(map(sum, confusion))
    assert fields["metrics"]["test_accuracy"] == pytest.approx(right)
    trained_fields = json.loads((trained / "brainbox-out/mnist/runs/1/run.json").read_text())
    assert fields["metrics"]["test_accuracy"] == trained_fields["metrics"]["test_accuracy"]
    assert "true \\ read" in done.stderr


def test_evaluate_on_shifted_digits_is_harder(trained):
    straight, shifted = (
        document(brainbox("mnist", "evaluate", "--shift", shift, "--json", cwd=trained).stdout) for shift in (0, 4)
    )
    assert shifted["config"]["shift"] == 4
    assert shifted["metrics"]["test_accuracy"] < straight["metrics"]["test_accuracy"]


def test_quiet_evaluate_is_one_line(trained):
    done = brainbox("mnist", "evaluate", "-q", cwd=trained)
    assert done.stdout.startswith("test accuracy ") and len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
