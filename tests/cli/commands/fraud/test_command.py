"""`brainbox fraud` as it is typed: training, prediction, evaluation, the mark of failed epochs, the pictures."""

import dataclasses
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainbox_cli.commands.fraud import command as fraud
from brainbox_cli.commands.fraud.input import typed
from brainbox_core.errors import UsageError
from brainbox_core.tables.table import read_table
from brainbox_core.tasks.fraud.settings import Settings
from tests.cli.shell import brainbox, document, in_terminal, python, run_here, screen
from tests.cli.test_start_up import ANNOUNCE_NUMPY, loaded
from tests.tasks.fraud.transactions import write_transactions


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which a detector of the built-in transactions was trained; tests only read it."""
    folder = tmp_path_factory.mktemp("fraud")
    done = brainbox("fraud", "--epochs", 6, "--plot", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "said.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)
    monkeypatch.delenv("BRAINBOX_OUT", raising=False)


def test_what_a_run_shows(trained):
    lines = _said(trained).splitlines()
    assert lines[0] == (
        "fraud: 30-16-16-1 MLP, 785 parameters | transactions (built in) 50,000 rows"
        " | adamw lr 0.01, batch 64, class weight balanced, seed 0"
    )
    assert "32,000 rows to train on, 8,000 held out, 10,000 to test on" in lines
    head = next(index for index, line in enumerate(lines) if line.startswith("epoch"))
    assert lines[head].split() == [
        "epoch", "train_loss", "val_loss", "val_acc", "val_recall", "val_AP", "lr", "time",
    ]  # fmt: skip
    assert lines[head + 7].startswith("test average precision 0.9")
    told = {line.split()[0] for line in lines[head + 8 :] if line}
    assert {"interval", "accuracy", "recall", "precision", "threshold", "honest", "fraud", "loss", "next"} <= told
    accuracy = next(line for line in lines if line.startswith("accuracy"))
    assert accuracy.endswith("always answering honest has 99.28%")


def test_a_failed_epoch_is_marked_in_its_row_and_in_the_records(trained, tmp_path):
    write_transactions(tmp_path / "x.csv")
    done = brainbox("fraud", "--data", "x.csv", "--epochs", 2, "--lr", "1e-9", cwd=tmp_path)
    assert done.returncode == 0 and "epoch 2, the best, finds no fraud" in done.stderr
    for folder, said, epochs, fails in ((tmp_path, done.stdout, 2, True), (trained, _said(trained), 6, False)):
        lines = said.splitlines()
        head = next(index for index, line in enumerate(lines) if line.startswith("epoch"))
        assert [line.endswith("s  failed") for line in lines[head + 1 :][:epochs]] == [fails] * epochs
        history = document((folder / "brainbox-out/fraud/runs/1/run.json").read_text())["history"]
        assert [row["failed"] for row in history] == [row["val_recall"] == 0 for row in history] == [fails] * epochs
        assert all(row["val_accuracy"] > 0.89 for row in history)
        events = map(json.loads, (folder / "brainbox-out/fraud/runs/1/metrics.jsonl").read_text().splitlines())
        assert [event["failed"] for event in events if event["event"] == "epoch"] == [fails] * epochs


def _said(folder):
    return (folder / "said.txt").read_text()


@pytest.mark.parametrize("columns", [50, 100])
def test_the_mark_stands_on_terminals_of_any_width(columns, tmp_path):
    path = write_transactions(tmp_path / "x.csv")
    words = ("fraud", "--data", path, "--epochs", 2, "--lr", "1e-9")
    code, written = in_terminal(*words, cwd=tmp_path, columns=columns)
    assert code == 0
    rows = [line for line in screen(written) if line.strip().startswith(("1 ", "2 "))]
    assert len(rows) == 2 and all(line.endswith("failed") and len(line) <= columns for line in rows)
    assert ("time" in written) == (columns == 100)


def test_the_document(trained):
    run = document((trained / "brainbox-out/fraud/runs/1/run.json").read_text())
    found, metrics = run["result"], run["metrics"]
    assert metrics["primary"] == "test_average_precision"
    assert found["average_precision"] == metrics["test_average_precision"]
    assert np.sum(found["confusion"]) == 10_000
    assert found["recall"] == found["confusion"][1][1] / sum(found["confusion"][1])
    assert found["threshold"] == pytest.approx(1 / (1 + np.exp(-found["threshold_logit"])))
    assert run["model"]["params"] == 785
    assert run["data"]["test"] == 10_000


def test_the_pictures(trained):
    run = document((trained / "brainbox-out/fraud/runs/1/run.json").read_text())
    names = {"loss", "precision_recall", "scores", "confusion"}
    assert names | {"model", "run", "metrics", "example"} == set(run["artifacts"])
    for name in names:
        with Image.open(trained / run["artifacts"][name]) as picture:
            assert min(picture.size) > 400 and len(np.unique(picture.convert("L"))) > 20


def test_the_next_command_scores_the_example_in_columns(trained):
    lines = _said(trained).splitlines()
    words = shlex.split(next(line for line in lines if line.startswith("next")))[2:]
    done = brainbox(*words, cwd=trained)
    assert done.returncode == 0
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    example = read_table(trained / "brainbox-out/fraud/runs/1/example.csv")
    assert [int(line) for _, line, _, _ in cells] == example.lines.tolist() == list(range(2, 14))
    assert all(0 <= float(share) <= 1 for *_, share in cells)
    right = [
        (verdict == "fraud") == label for (*_, verdict, _), label in zip(cells, example.numbers("Class"), strict=True)
    ]
    assert sum(right) >= 11 and example.numbers("Class").sum() == 4
    assert "look like fraud (probability" in done.stderr


def test_the_example_holds_test_rows_as_they_were_read(trained):
    from brainbox_core.tasks.fraud import train as task

    data = task.load_data(task.Settings())
    example = read_table(trained / "brainbox-out/fraud/runs/1/example.csv")
    assert example.names == data.source.names
    rows = [np.flatnonzero(data.source.numbers("V1") == value) for value in example.numbers("V1")]
    assert all(set(found) & set(data.parts.test.tolist()) for found in rows)


def test_people_see_all_of_few_and_the_frauds_of_many(here, tmp_path):
    example = read_table("brainbox-out/fraud/runs/1/example.csv")
    one = tmp_path / "one.csv"
    lines = Path("brainbox-out/fraud/runs/1/example.csv").read_text().splitlines()
    one.write_text("\n".join([lines[0], *lines[1:] * 50]) + "\n")
    code, written = in_terminal("fraud", "predict", one, cwd=".", columns=200)
    assert code == 0
    rows = [line for line in screen(written) if f"{one} line " in line]
    assert len(rows) == fraud.MOST and all(": fraud (probability of fraud " in line for line in rows)
    assert "of 600 look like fraud (probability" in written and f"the first {fraud.MOST} shown" in written
    code, written = in_terminal("fraud", "predict", "brainbox-out/fraud/runs/1/example.csv", cwd=".", columns=200)
    assert sum(" line " in line for line in screen(written)) == example.rows
    assert "honest" in written


def test_one_transaction_is_typed_and_what_is_missing_is_said(here):
    code, run = run_here("fraud", "predict", "Amount=5000,V1=-2.3", "--json")
    assert code == 0
    (prediction,) = run["result"]["predictions"]
    assert (prediction["input"], prediction["line"]) == ("Amount=5000,V1=-2.3", 1)
    missing, outside = run["warnings"]
    assert "Time, V2, V3" in missing and "Amount" not in missing and missing.endswith("V28")
    assert outside.startswith("Amount 5,000 is outside the training range")
    usual = run_here("fraud", "predict", "V1=0", "--json")[1]["result"]["predictions"][0]
    assert usual["label"] == "honest"


def test_several_inputs_are_scored_in_order(here):
    example = "brainbox-out/fraud/runs/1/example.csv"
    code, run = run_here("fraud", "predict", "V1=0", example, "--data", example, "--json")
    assert code == 0
    assert [found["input"] for found in run["result"]["predictions"]] == ["V1=0"] + [example] * 24


def test_rows_from_standard_input(trained):
    content = (trained / "brainbox-out/fraud/runs/1/example.csv").read_bytes()
    done = brainbox("fraud", "predict", "-", cwd=trained, stdin=content)
    assert done.returncode == 0
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["-"] * 12


def test_answers_are_called_as_the_data_calls_them(tmp_path):
    """In words, columns, the document and the header; a class of -1 is a number and no formula of a spreadsheet."""
    classes = np.where(np.arange(600) % 10 == 9, "'1'", "'-1'")
    path = write_transactions(tmp_path / "x.csv", Class=classes)
    done = brainbox("fraud", "--data", path, "--epochs", 15, cwd=tmp_path)
    assert "always answering -1 has 90.00%" in done.stdout and "called -1  called 1" in done.stdout
    assert "Class holds -1 and 1: 1, the rarer with 60 of 600 rows, counts as fraud" in done.stderr
    done = brainbox("fraud", "predict", path, cwd=tmp_path)
    called = [line.split("\t")[2] for line in done.stdout.splitlines()]
    assert np.mean([one == cell.strip("'") for one, cell in zip(called, classes, strict=True)]) > 0.95
    assert "look like 1 (probability" in done.stderr
    run = document(brainbox("fraud", "predict", path, "--json", cwd=tmp_path).stdout)
    assert [found["label"] for found in run["result"]["predictions"]] == called
    done = brainbox("export", "fraud", "-o", "-", "--verify", "off", cwd=tmp_path)
    assert re.search(r'#define FRAUD_CLASS_NAMES \{ \\\s+"-1", \\\s+"1" \\\s+\}', done.stdout), done.stdout[:9000]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Amount", "expected NAME=VALUE"),
        ("Amount=", "expected NAME=VALUE"),
        ("Amount=1,", "expected NAME=VALUE"),
        ("Amout=1", 'no column "Amout"'),
        ("amount=1", "did you mean Amount"),
        ("Amount=1,Amount=1", "given twice"),
    ],
)
def test_what_is_typed_wrong_is_told(text, expected):
    with pytest.raises(UsageError, match=expected):
        typed(["V1", "Amount"], text)


def test_errors_of_predict(here, tmp_path):
    assert run_here("fraud", "predict")[1]["error"]["message"] == "no transaction was given"
    assert run_here("fraud", "predict", "nothing.csv")[0] == 3
    code, run = run_here("fraud", "predict", "Amount=much")
    assert code == 3 and '"much" is not a number' in run["error"]["message"]
    code, run = run_here("fraud", "predict", "Amount=NaN,V1=2")
    assert code == 3 and 'column "Amount": is empty' in run["error"]["message"]
    lacking = write_transactions(tmp_path / "x.csv")
    code, run = run_here("fraud", "predict", str(lacking))
    assert code == 3 and 'there is no column "V3"' in run["error"]["message"]
    text = Path("brainbox-out/fraud/runs/1/example.csv").read_text().splitlines()
    hole = tmp_path / "hole.csv"
    cells = text[2].split(",")
    cells[5] = ""
    hole.write_text("\n".join([text[0], text[1], ",".join(cells)]) + "\n")
    code, run = run_here("fraud", "predict", str(hole), "--json")
    assert code == 3 and 'line 3, column "V5": is empty' in run["error"]["message"]
    found = run["result"]["predictions"]
    assert len([one for one in found if "error" in one]) == 1 and "V5" in found[1]["error"]["message"]
    assert [one["line"] for one in found if "error" not in one] == [2, *range(4, len(found) + 2)]


def test_evaluate_gives_the_figures_of_the_training(here):
    run = document(Path("brainbox-out/fraud/runs/1/run.json").read_text())
    code, again = run_here("fraud", "evaluate")
    assert code == 0
    assert {**run["result"], "best_epoch": 0} == {**again["result"], "best_epoch": 0}
    assert again["data"]["test"] == 10_000


def test_the_gate_is_the_average_precision(here):
    code, run = run_here("fraud", "evaluate", "--fail-under", "99.99%")
    assert code == 5 and run["threshold"]["metric"] == "test_average_precision"
    assert run_here("fraud", "evaluate", "--fail-under", "0.5")[0] == 0
    code, run = run_here("fraud", "evaluate", "--fail-under", "95")
    assert code == 2 and run["error"]["message"].startswith("--fail-under: an average precision lies between 0 and 1")
    assert run["error"]["hint"] == "write 95%"


def test_a_dead_network_is_told_by_evaluate_too(tmp_path, monkeypatch):
    from brainbox_core.model.sequential import Sequential

    monkeypatch.chdir(tmp_path)
    write_transactions(tmp_path / "x.csv")
    assert run_here("fraud", "--data", "x.csv", "--epochs", "2")[0] == 0
    place = "brainbox-out/fraud/runs/1/model.safetensors"
    model = Sequential.load(place)
    model.params.values[:] = 0
    model.params.touched()
    model.save(place)
    code, run = run_here("fraud", "evaluate")
    assert code == 0 and "ranks nothing" in run["warnings"][0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--class-weight", "0"], "--class-weight: expected balanced, none or a number above 0, got 0"),
        (["--class-weight", "-1"], "--class-weight: expected balanced, none or a number above 0, got -1"),
        (["--class-weight", "inf"], "--class-weight: expected balanced, none or a number above 0, got inf"),
        (
            ["--class-weight", "balance"],
            "--class-weight: expected balanced, none or a number above 0, got balance; did you mean balanced?",
        ),
        (["--threshold", "1"], "--threshold: expected"),
        (["--threshold", "recall=0"], "--threshold: expected"),
        (["--threshold", "recall"], "--threshold: expected"),
        (["--split", "tim"], "did you mean time?"),
        (["--folds", "1"], "--folds: expected 2 or more"),
        (["--folds", "5", "--split", "time"], "cross-validation learns from later rows"),
        (["--batch-size", "all"], "--batch-size: expected full or a whole number"),
        (["--drop", "Class"], "Class is what is predicted"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_cannot_be(words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, run = run_here("fraud", *words)
    assert code == 2 and expected in run["error"]["message"]
    assert not list(tmp_path.iterdir())


def test_a_reproduction_names_what_was_chosen(tmp_path):
    write_transactions(tmp_path / "x.csv")
    words = ["--data", "x.csv", "--split", "stratified", "--drop", "Time", "--threshold", "recall=0.9"]
    words += ["--class-weight", "3", "--batch-size", "full", "--epochs", "60", "--folds", "2"]
    done = brainbox("fraud", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("reproduce"))
    told = shlex.split(line)[3:]
    assert sorted(told) == sorted([*words, "--seed", "0"])
    assert "2 folds: average precision" in done.stdout


def test_a_dry_run_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_here("fraud", "--dry-run")[0] == 0
    assert not list(tmp_path.iterdir())


def test_names_of_columns_are_printed_as_they_are(tmp_path):
    write_transactions(tmp_path / "x.csv", **{"\x1b[31m[bold]": np.arange(600) % 7, "$x$": np.arange(600) % 5})
    done = brainbox("fraud", "--data", "x.csv", "--epochs", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = brainbox("fraud", "predict", "V1=1", cwd=tmp_path)
    assert "\\x1b[31m[bold], $x$" in done.stderr and "\x1b" not in done.stderr


def test_help_needs_no_numpy_and_the_header_comes_before_it(tmp_path):
    assert "numpy" not in loaded("fraud", "--help", cwd=tmp_path)
    write_transactions(tmp_path / "x.csv")
    done = python("-c", ANNOUNCE_NUMPY, "fraud", "--data", "x.csv", "--epochs", 1, cwd=tmp_path)
    assert done.stdout.index("fraud: 16-16-1 MLP | x.csv") < done.stdout.index("NUMPY IS IMPORTED")


def test_full_batches_without_weights_are_a_lesson_only_together():
    lesson = Settings.suited(batch_size="full", class_weight="none")
    assert fraud.TRAINER.is_lesson(lesson)
    assert not fraud.TRAINER.is_lesson(dataclasses.replace(lesson, batch_size=64))
    assert not fraud.TRAINER.is_lesson(dataclasses.replace(lesson, class_weight="balanced"))
