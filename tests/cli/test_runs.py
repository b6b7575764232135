"""What lies under the output folder after trainings that finish, fail, are refused, or run at once."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from brainbox_cli.frame import run
from brainbox_cli.frame.run_folder import ending
from brainbox_core.errors import InputError
from brainbox_core.model.sequential import Sequential
from tests.cli.shell import FAST, brainbox, document, run_here, start


def copied(trained, tmp_path) -> Path:
    """The folder of mnist after a training, in a place where more may be written."""
    folder = tmp_path / "brainbox-out" / "mnist"
    shutil.copytree(trained / "brainbox-out" / "mnist", folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_divergence_has_a_code_of_its_own_and_keeps_the_old_model(trained, tmp_path):
    folder = copied(trained, tmp_path)
    before = contents(folder)
    done = brainbox("mnist", *FAST, "--optimizer", "sgd", "--lr", "1e30", "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert (done.returncode, fields["error"]["kind"]) == (4, "not_converged")
    assert "step" in fields["error"]["message"]
    after = contents(folder)
    records = after.pop("runs/2/metrics.jsonl").splitlines()
    assert after == before  # at step 1 there is nothing to keep
    assert fields["artifacts"] == {} and "checkpoint" not in done.stderr
    last = json.loads(records[-1])
    assert (last["event"], last["status"]) == ("end", "error")


def test_what_a_training_had_learned_when_it_diverged_can_be_used(trained, tmp_path):
    folder = copied(trained, tmp_path)
    before = contents(folder)
    done = brainbox("mnist", *FAST, "--optimizer", "sgd", "--lr", "1e12", "--json", cwd=tmp_path)
    fields, path = document(done.stdout), "brainbox-out/mnist/runs/2/checkpoint.safetensors"
    assert (done.returncode, fields["artifacts"]) == (4, {"checkpoint": path})
    note, error, _ = done.stderr.splitlines()[-3:]
    assert note == f"note: the last finite weights of this training are in {path}" and error.startswith(
        "error: epoch 1"
    )
    assert before.items() <= contents(folder).items()
    used = brainbox("mnist", "predict", folder / "runs/1/example.png", "--model", path, cwd=tmp_path)
    assert used.returncode == 0, used.stderr


def test_a_lesser_run_does_not_become_current_and_says_which_stays(trained, tmp_path):
    folder = copied(trained, tmp_path)
    pointer = (folder / "current.json").read_bytes()
    quick = brainbox("mnist", "--quick", cwd=tmp_path)
    assert quick.stderr == "note: this run is --quick: mnist@1 stays current\n"
    assert "saved      brainbox-out/mnist/runs/2 (mnist@2)\n" in quick.stdout
    assert "runs/2/example.png --model mnist@2\n" in quick.stdout
    failed = brainbox("mnist", *FAST, "--fail-under", "99.9%", cwd=tmp_path)
    note, error, _ = failed.stderr.splitlines()
    assert note == "note: this run did not pass its bar: mnist@1 stays current"
    assert "below 99.90%" in error and failed.stdout.splitlines()[-1].endswith("--fail-under 0.999")
    assert (folder / "current.json").read_bytes() == pointer
    passed = brainbox("mnist", *FAST, "--fail-under", "1%", cwd=tmp_path)
    assert "saved      brainbox-out/mnist/runs/4 (mnist@4, now current)\n" in passed.stdout and passed.stderr == ""
    used = brainbox("mnist", "evaluate", "-m", "@2", "--json", cwd=tmp_path)
    assert document(used.stdout)["config"]["model"] == "mnist@2"
    used = brainbox("mnist", "predict", folder / "runs/2/example.png", cwd=tmp_path)
    assert used.stderr.splitlines()[-1] == "model      mnist@4"
    unknown = brainbox("mnist", "evaluate", "-m", "mnist@7", cwd=tmp_path)
    assert (unknown.returncode, unknown.stderr.splitlines()) == (
        3, ["error: mnist@7: there is no such run", "hint: there are mnist@1, mnist@2, mnist@3, mnist@4"],
    )  # fmt: skip


def test_finished_runs_but_the_newest_are_removed(trained, tmp_path):
    folder = copied(trained, tmp_path)
    for words in (["--quick"], ["--quick"], ["--quick", "--keep", "all"], ["--quick", "--keep", 2]):
        assert brainbox("mnist", *words, cwd=tmp_path).returncode == 0
    assert {path.name for path in (folder / "runs").iterdir()} == {"1", "4", "5"}  # 1 is current
    assert brainbox("mnist", *FAST, "--keep", 1, cwd=tmp_path).returncode == 0
    assert {path.name for path in folder.glob("runs/*")} == {"6"}


@pytest.mark.parametrize("words", [["--data", "gone"], ["--limit", "1"], ["--lr", "0"], ["--out", "/proc/x"]])
def test_a_training_that_is_refused_leaves_no_folder(words, tmp_path):
    done = brainbox("mnist", *words, cwd=tmp_path)
    assert done.returncode in (2, 3) and list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_found_before_the_data_are_read(tmp_path):
    done = brainbox("mnist", "--data", "gone", "--out", "/proc/x", cwd=tmp_path)
    assert done.returncode == 3 and "/proc/x" in done.stderr and "gone" not in done.stderr


def test_a_run_without_its_record_does_not_become_current(tmp_path, monkeypatch):
    def full(path, data) -> None:
        raise InputError("disk full", where=str(path))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "atomic_write", full)
    code, fields = run_here("mnist", "-e", "1", "--limit", "500")
    assert code == 3 and "runs/1/run.json: disk full" in fields["error"]["message"]
    assert [path.name for path in (tmp_path / "brainbox-out/mnist").iterdir()] == ["runs"]
    assert ending(tmp_path / "brainbox-out/mnist/runs/1") == "error"


@pytest.mark.parametrize("words", ["mnist --data gone", "descent --func gone --plot", "convolve gone.png"])
def test_an_output_folder_that_is_a_file_is_named_before_the_work(words, tmp_path):
    (tmp_path / "brainbox-out").write_text("mine")
    done = brainbox(*words.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()) == (
        3, ["error: brainbox-out: is a file, not a folder", "hint: name a folder"],
    )  # fmt: skip
    assert (tmp_path / "brainbox-out").read_text() == "mine"


def test_a_setting_that_only_the_training_itself_refuses_leaves_none_either(tmp_path):
    (tmp_path / "houses.csv").write_text("".join(f"{i},{i * i % 7}\n" for i in range(30)))
    done = brainbox("regress", "--data", "houses.csv", "--no-header", "--folds", 1000, cwd=tmp_path)
    assert done.returncode == 2 and "at most" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["houses.csv"]


def require_whole(folder: Path) -> dict:
    """The document of a finished run, of whose files none is missing, half, or another run's."""
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "run.json", "metrics.jsonl", "example.png"}
    fields = document((folder / "run.json").read_text())
    start, *epochs, end = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    assert (start["event"], end["event"], end["status"]) == ("start", "end", "ok")
    assert [logs["event"] for logs in epochs] == ["epoch"] * fields["config"]["epochs"]
    assert Sequential.load(folder / "model.safetensors").seed == start["seed"] == fields["seed"]
    return fields


MANY = pytest.mark.parametrize("count", [4, pytest.param(16, marks=pytest.mark.slow)])


@MANY
def test_trainings_at_once_have_a_run_each(count, tmp_path):
    words = ("mnist", "-e", 1, "--limit", 500, "-q", "--seed")
    processes = [start(*words, seed, cwd=tmp_path) for seed in range(count)]
    told = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * count, told
    place = tmp_path / "brainbox-out" / "mnist"
    found = {path.name: require_whole(path)["seed"] for path in (place / "runs").iterdir()}
    assert sorted(found.values()) == list(range(count)) and found.keys() == {str(seed + 1) for seed in range(count)}
    assert str(json.loads((place / "current.json").read_text())["run"]) in found
    assert {path.name for path in place.iterdir()} == {"runs", "current.json"}
    assert {path.name for path in place.parent.iterdir()} == {"mnist", ".gitignore"}


@MANY
def test_of_trainings_at_once_into_one_folder_one_trains(count, tmp_path):
    words = ("mnist", "-e", 40, "--limit", 500, "--out", "mine", "--seed")
    processes = {seed: start(*words, seed, cwd=tmp_path) for seed in range(count)}
    metrics = tmp_path / "mine/metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.002)
    winner = json.loads(metrics.read_text().splitlines()[0])["seed"]
    first = processes.pop(winner)
    first.send_signal(signal.SIGSTOP)  # and goes on when the others have looked for the folder
    for process in processes.values():
        _, told = process.communicate(timeout=100)
        error, hint = told.splitlines()[-2:]
        assert (process.returncode, error) == (3, f"error: mine: in use by process {first.pid}")
        assert hint.startswith("hint: wait until it has ended")
    first.send_signal(signal.SIGCONT)
    _, told = first.communicate(timeout=100)
    assert first.returncode == 0, told
    assert require_whole(tmp_path / "mine")["seed"] == winner
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_training_no_better_than_a_constant_answer_keeps_the_model_before(tmp_path):
    assert brainbox("mnist", "-e", 1, "--limit", 500, cwd=tmp_path).returncode == 0
    place = tmp_path / "brainbox-out/mnist"
    before = contents(place)
    done = brainbox("mnist", "-e", 1, "--limit", 500, "--lr", 1000, "--json", cwd=tmp_path)
    assert done.returncode == 4
    found = document(done.stdout)
    assert found["status"] == "error" and found["metrics"]["test_loss"] > 2
    assert "not converged: its loss of" in done.stderr
    assert "is no better than that of always answering" in done.stderr
    assert before.items() <= contents(place).items()
    assert {path.name for path in (place / "runs/2").iterdir()} == {"checkpoint.safetensors", "metrics.jsonl"}
    last = json.loads((place / "runs/2/metrics.jsonl").read_text().splitlines()[-1])
    assert last["status"] == "error" and "not converged" in last["error"]
