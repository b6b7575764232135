"""Trainings through the whole command, in a pipe."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from brainbox_cli import options
from brainbox_cli.commands.digits import digit_reader
from brainbox_cli.frame import run as trainer_run
from brainbox_cli.frame.reporter import Reporter
from brainbox_core.datasets.idx import write_idx
from brainbox_core.errors import InputError
from brainbox_core.tasks.digits.settings import Settings
from tests.cli.shell import FAST, brainbox, document, python

TRAINER = digit_reader("cnn", Settings.cnn, {"filters": options.Filters, "hidden": options.Hidden})


def test_what_a_run_shows(trained):
    lines = (trained / "mnist.txt").read_text().splitlines()
    assert lines[0] == (
        "mnist: 784-128-10 MLP, 101,770 parameters | digits (built in) 1,000 of 12,000 train, 2,000 test"
        f" | adam lr {Settings.mnist().lr:g}, batch 64, seed 0"
    )
    assert any(line.split() == ["total", "101,770", "101,632"] for line in lines)
    head = next(index for index, line in enumerate(lines) if line.startswith("epoch"))
    assert lines[head].split() == ["epoch", "train_loss", "val_loss", "val_acc", "lr", "time"]
    assert [line.split()[0] for line in lines[head + 1 : head + 3]] == ["1", "2"]
    assert lines[head + 3].startswith("test accuracy ") and lines[head + 3].endswith("s, seed 0")
    names = {line.split()[0] for line in lines[head + 4 :]}
    assert {"loss", "saved", "pictures", "next", "reproduce"} <= names


def test_no_escape_and_no_carriage_return_in_a_pipe(trained):
    text = (trained / "cnn.txt").read_text()
    assert "\x1b" not in text and "\r" not in text


def test_what_is_written(trained):
    assert (trained / "brainbox-out" / ".gitignore").read_text() == "*\n"
    folder = trained / "brainbox-out/cnn/runs/1"
    pictures = {"loss.png", "confusion.png", "filters.png", "feature_maps.png", "mistakes.png", "example.png"}
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "run.json", "metrics.jsonl", *pictures}
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "epoch", "epoch", "end"]
    assert events[-1]["status"] == "ok"
    fields = document((folder / "run.json").read_text())
    assert fields["artifacts"]["model"] == "brainbox-out/cnn/runs/1/model.safetensors"
    assert fields["model"]["params"] == 20_522
    told = {Path(name) for name in fields["artifacts"].values()}
    assert {trained / name for name in told} == set(folder.iterdir())
    counts = {"source": "digits", "train": 900, "val": 100, "test": 2000}
    assert {name: fields["data"][name] for name in counts} == counts


def test_the_next_command_and_the_reproduction_work_as_printed(trained, tmp_path):
    lines = (trained / "mnist.txt").read_text().splitlines()
    told = {line.split()[0]: line.split()[1:] for line in lines if line.split()[:1] in (["next"], ["reproduce"])}
    done = brainbox(*told["next"][1:], cwd=trained)
    assert done.returncode == 0, done.stderr
    again = brainbox(*told["reproduce"][1:], "-q", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    name = "brainbox-out/mnist/runs/1/model.safetensors"
    assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


def test_what_is_not_given_suits_what_is(tmp_path):
    done = brainbox("mnist", "--optimizer", "sgd", "--augment", "-n", "--json", cwd=tmp_path)
    config = document(done.stdout)["config"]
    suiting = Settings.mnist(optimizer="sgd", augment=True)
    assert (config["lr"], config["epochs"]) == (suiting.lr, suiting.epochs)
    assert suiting.lr != Settings.mnist().lr


def test_the_reproduction_names_what_differs_and_no_more():
    def reproduction(quick: bool = False, given: dict | None = None, **changes: object) -> str:
        values = {"quick": quick, **(given or {})}
        settings = trainer_run._chosen(TRAINER, changes, quick)
        return trainer_run._reproduce(TRAINER, settings, values, {name for name in values if values[name]})

    assert reproduction() == f"brainbox cnn --epochs {Settings.cnn().epochs} --seed 0"
    assert reproduction(optimizer="sgd", epochs=3) == "brainbox cnn --epochs 3 --optimizer sgd --seed 0"
    assert reproduction(data="my data", hidden=(9, 8), lr=0.5, augment=True, epochs=2, limit=7, seed=5) == (
        "brainbox cnn --data 'my data' --hidden 9,8 --epochs 2 --lr 0.5 --augment --limit 7 --seed 5"
    )
    quick, limit = Settings.cnn().quick(), Settings.cnn(limit=10_000)
    assert reproduction(quick=True) == f"brainbox cnn --epochs {quick.epochs} --seed 0 --quick"
    assert limit.limit != quick.limit and reproduction(quick=True, limit=10_000).endswith(
        "--limit 10000 --seed 0 --quick"
    )
    asked = {"out": Path("my run"), "keep": "all", "fail_under": 0.5, "plot": True}
    assert reproduction(given=asked).endswith("--seed 0 --out 'my run' --keep all --fail-under 0.5 --plot")


def test_one_seed_one_document_whatever_the_hash_seed(tmp_path):
    fields, models = [], []
    for number, out in (("1", "a"), ("2", "b")):
        (tmp_path / out).mkdir()
        done = brainbox("cnn", *FAST, "--json", "--seed", 7, cwd=tmp_path / out, PYTHONHASHSEED=number)
        assert done.returncode == 0, done.stderr
        fields.append({**document(done.stdout), "timing": None})
        models.append(
            hashlib.sha256((tmp_path / out / "brainbox-out/cnn/runs/1/model.safetensors").read_bytes()).digest()
        )
    assert fields[0] == fields[1]
    assert models[0] == models[1]
    assert (fields[0]["seed"], fields[0]["metrics"]["primary"]) == (7, "test_accuracy")
    assert [row["epoch"] for row in fields[0]["history"]] == [1, 2]
    assert "time_s" not in fields[0]["history"][0]


def test_the_seed_may_come_from_the_environment(tmp_path):
    done = brainbox("mnist", "-n", "--json", cwd=tmp_path, BRAINBOX_SEED="18446744073709551615")
    assert document(done.stdout)["seed"] == 2**64 - 1


def test_json_keeps_text_off_standard_output_and_quiet_off_both(tmp_path):
    done = brainbox("mnist", "-e", 1, "--limit", 500, "--json", cwd=tmp_path)
    assert document(done.stdout)["status"] == "ok"
    assert "784-128-10 MLP" in done.stderr and "train_loss" in done.stderr
    quiet = brainbox("mnist", "-e", 1, "--limit", 500, "-q", cwd=tmp_path)
    assert quiet.stderr == ""
    assert len(quiet.stdout.splitlines()) == 1 and quiet.stdout.startswith("test accuracy ")


def test_verbose_shows_every_batch(tmp_path):
    done = brainbox("mnist", "-e", 1, "--limit", 500, "-b", 100, "-v", cwd=tmp_path)
    assert [f"batch {number}/5" in done.stdout for number in range(1, 6)] == [True] * 5


def test_quick_says_what_it_changes_and_leaves_what_was_asked_for(tmp_path):
    done = brainbox("mnist", "--quick", "--limit", 700, "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert fields["config"]["limit"] == 700
    assert f"quick: --epochs {fields['config']['epochs']}\n" in done.stderr
    assert fields["config"]["epochs"] < 5


def test_a_gate_fails_after_the_model_is_saved(tmp_path):
    done = brainbox("mnist", *FAST, "--fail-under", "99.9%", "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert (done.returncode, fields["exit_code"], fields["status"]) == (5, 5, "failed")
    assert fields["threshold"] == {"metric": "test_accuracy", "fail_under": 0.999, "passed": False}
    assert "below 99.90%" in done.stderr
    assert (tmp_path / "brainbox-out/mnist/runs/1/model.safetensors").exists()
    kept = document((tmp_path / "brainbox-out/mnist/runs/1/run.json").read_text())
    assert kept["threshold"] == fields["threshold"]
    over = brainbox("mnist", "evaluate", "--fail-over", "0.001", cwd=tmp_path)
    assert over.returncode == 5
    assert "lower the bar" not in over.stderr  # which would make it worse
    assert brainbox("mnist", "evaluate", "--fail-under", "0.1%", cwd=tmp_path).returncode == 0


def test_a_dry_run_shows_everything_and_writes_nothing(tmp_path):
    done = brainbox("cnn", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    for text in ("20,522 parameters", "conv2d_1", "brainbox-out/cnn/runs/1/model.safetensors", "nothing was trained"):
        assert text in done.stdout
    assert "epoch " not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_cannot_be_kept_does_not_hide_why_the_training_failed(tmp_path, capsys):
    class Full:
        def keep(self, model):
            raise InputError("disk full", where="checkpoint.safetensors")

    reporter = Reporter(["mnist"])
    trainer_run._keep(reporter, Full(), None)
    assert reporter.document.fields["warnings"] == [
        "the last finite weights are not kept: checkpoint.safetensors: disk full"
    ]
    assert reporter.document.fields["artifacts"] == {}


def test_another_folder_is_named_in_the_next_command(tmp_path):
    done = brainbox("mnist", "-e", 1, "--limit", 500, "-o", "some where", cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"some where"}
    assert "predict 'some where/example.png' --model 'some where'" in done.stdout
    done = brainbox("mnist", "-e", 1, "--limit", 500, cwd=tmp_path, BRAINBOX_OUT="elsewhere")
    assert (tmp_path / "elsewhere" / ".gitignore").exists()
    assert (tmp_path / "elsewhere" / "mnist" / "runs/1/model.safetensors").exists()
    assert "--model elsewhere/mnist/runs/1\n" in done.stdout  # the next shell may not have the variable


def test_a_folder_that_was_there_is_not_hidden_from_git(tmp_path):
    (tmp_path / "mine").mkdir()
    brainbox("mnist", "-e", 1, "--limit", 500, cwd=tmp_path, BRAINBOX_OUT="mine")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"mnist"}


@pytest.mark.parametrize("out", ["/proc/brainbox", "a-file", "a-file/mnist", "a-model"])
def test_a_place_that_cannot_be_written_is_found_before_the_training(out, tmp_path):
    (tmp_path / "a-file").write_text("mine")
    (tmp_path / "a-model" / "model.safetensors").mkdir(parents=True)
    done = brainbox("mnist", "--limit", 500, "-o", out, cwd=tmp_path)
    assert done.returncode == 3
    assert "train_loss" not in done.stdout
    assert len(done.stderr.splitlines()) == 2
    assert (tmp_path / "a-file").read_text() == "mine"


def test_the_folder_of_the_data_is_no_folder_for_the_model(tmp_path):
    (tmp_path / "idx").mkdir()
    done = brainbox("mnist", "--data", "idx", "-o", "./idx", cwd=tmp_path)
    assert done.returncode == 2
    assert list((tmp_path / "idx").iterdir()) == []


BREAK = """
import sys
import brainbox_cli.frame.run as trainer_run
def broken(*args):
    raise {error}
trainer_run.train = broken
sys.argv = ["brainbox", *sys.argv[1:]]
from brainbox_cli.app import main
main()
"""


def test_a_bug_is_not_disguised(tmp_path):
    done = python("-c", BREAK.format(error="KeyError('gone')"), "mnist", "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert (done.returncode, fields["error"]["kind"]) == (1, "bug")
    assert "KeyError: 'gone'" in fields["error"]["message"]
    assert "please report" in done.stderr and "Traceback" in done.stderr


def test_an_error_of_the_system_that_nobody_expected_is_a_bug_too(tmp_path):
    done = python("-c", BREAK.format(error="PermissionError(13, 'Permission denied')"), "mnist", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_too_little_memory_is_told_in_two_lines(tmp_path):
    error = "MemoryError('Unable to allocate 6.3 GiB')"
    done = python("-c", BREAK.format(error=error), "mnist", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "error: not enough memory (Unable to allocate 6.3 GiB)"
    assert len(done.stderr.splitlines()) == 2


def test_what_is_odd_about_the_data_and_about_the_training_is_warned_of_once(tmp_path):
    random = np.random.Generator(np.random.Philox(key=1))
    for part, count in (("train", 20), ("t10k", 40)):  # more to test on than to train on
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    done = brainbox("mnist", "--data", ".", "--lr", "1e-9", "--epochs", 1, "--out", "run", "--json", cwd=tmp_path)
    exchanged, stuck = document(done.stdout)["warnings"]
    assert "exchanged" in exchanged and "as if guessing" in stuck


def test_evaluate_says_that_the_data_changed_or_is_gone(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()

    def write() -> None:
        for part, count in (("train", 200), ("t10k", 50)):
            images, labels = rng.integers(0, 64, (count, 28, 28)).astype(np.uint8), np.arange(count) % 10
            images[np.arange(count), 2 * labels] = 255  # something to learn
            write_idx(folder / f"{part}-images-idx3-ubyte", images)
            write_idx(folder / f"{part}-labels-idx1-ubyte", labels.astype(np.uint8))

    write()
    assert brainbox("mnist", "--data", folder, "-e", 5, cwd=tmp_path).returncode == 0
    assert "is not what it was" not in brainbox("mnist", "evaluate", cwd=tmp_path).stderr
    write()
    assert "is not what it was when the model was trained" in brainbox("mnist", "evaluate", cwd=tmp_path).stderr
    folder.rename(tmp_path / "elsewhere")
    gone = brainbox("mnist", "evaluate", cwd=tmp_path)
    assert gone.returncode == 3
    assert "it was trained on" in gone.stderr
    assert "--data" in gone.stderr


def test_quick_runs_and_lessons_never_take_the_place_of_a_model(tmp_path):
    """And say so, before they begin."""
    first = document(brainbox("spam", "--json", cwd=tmp_path).stdout)
    content = Path(tmp_path, first["artifacts"]["model"]).read_bytes()
    for words, why in ((["--quick", "--limit", 60], "--quick"), (["--loss", "mse", "--epochs", 1], "lesson")):
        done = brainbox("spam", *words, "--json", cwd=tmp_path)
        lesser = document(done.stdout)
        assert lesser["metrics"]["test_loss"] != first["metrics"]["test_loss"]
        assert lesser["artifacts"]["model"] != first["artifacts"]["model"]
        told, _, rest = done.stderr.partition("epoch ")
        assert why in told and " stays" in told and " stays" not in rest
        found = document(brainbox("spam", "evaluate", "--json", cwd=tmp_path).stdout)
        assert found["metrics"]["test_loss"] == first["metrics"]["test_loss"]
    assert Path(tmp_path, first["artifacts"]["model"]).read_bytes() == content
