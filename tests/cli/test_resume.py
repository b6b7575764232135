"""Runs that were stopped or killed go on to the same files; what has changed since is refused by name."""

import contextlib
import io
import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from brainbox_cli.frame import runs
from brainbox_cli.frame.run_folder import ending
from brainbox_cli.signals import Stopped
from brainbox_core.errors import InputError
from brainbox_core.model.sequential import Sequential
from tests.cli.shell import brainbox, document, run_here, start

TRAINING = ("mnist", "--epochs", "12", "--limit", "800", "--hidden", "16", "--augment", "--seed", "5")
# A few seconds of each trainer, with all that a training remembers.
NOUNS = {
    "mnist": ("--epochs", "6", "--limit", "2000", "--augment", "--patience", "2", "--plot"),
    "cnn": ("--epochs", "2", "--limit", "1200", "--plot"),
    "rnn": ("--steps", "60", "--sample-every", "20", "--hidden", "24", "--explain", "--dropout", "0.1"),
    "fraud": ("--epochs", "3", "--limit", "8000", "--patience", "2"),
    "spam": ("--epochs", "4", "--limit", "1200", "--folds", "2"),
    "regress": ("--epochs", "40", "--batch-size", "8", "--val-split", "0.2", "--plot"),
}
TIMES = ("time_s", "timing", "argv", "versions")


def timeless(value: object) -> object:
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in TIMES}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def content(folder: Path) -> dict[str, object]:
    """What a run has left, apart from times."""
    left: dict[str, object] = {}
    for path in folder.iterdir():
        if path.name == "metrics.jsonl":
            left[path.name] = [timeless(json.loads(line)) for line in path.read_text().splitlines()]
        elif path.name == "run.json":
            left[path.name] = timeless(document(path.read_text()))
        else:
            left[path.name] = path.read_bytes()
    return left


def run_of(folder: Path, noun: str = "mnist") -> Path:
    return folder / "brainbox-out" / noun / "runs" / "1"


def wait_for_event(process: subprocess.Popen, path: Path, event: str) -> None:
    while process.poll() is None:
        if (path / "metrics.jsonl").exists() and f'"{event}"' in (path / "metrics.jsonl").read_text():
            return
        time.sleep(0.002)
    pytest.fail(f"the training ended: {process.stderr.read()}")


def stop(folder: Path, *words: str, number: int = signal.SIGINT) -> str:
    """Stop a training in its second epoch; gives what it said on standard error."""
    process = start(*words, cwd=folder)
    wait_for_event(process, run_of(folder), "epoch")
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == (128 + number if number != signal.SIGKILL else -number), told
    return told


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    done = brainbox(*TRAINING, cwd=folder)
    assert done.returncode == 0, done.stderr
    return content(run_of(folder))


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped")
    return folder, stop(folder, *TRAINING)


@pytest.fixture
def stopped(once, tmp_path, monkeypatch):
    """A folder with a run that was stopped in its second epoch; it is the current folder, too."""
    shutil.copytree(once[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stopped_run_says_how_to_go_on_and_goes_on_to_the_same_files(stopped, once, whole):
    assert once[1].splitlines() == ["stopped by SIGINT", "resume     brainbox mnist --resume mnist@1"]
    assert {path.name for path in run_of(stopped).iterdir()} == {"metrics.jsonl", "checkpoint.safetensors"}
    run_of(stopped).joinpath(".model.safetensors.tmp-999999").write_bytes(b"of a process that was killed")
    run_of(stopped).joinpath(".brainbox.lock").write_bytes(b"999999")
    done = brainbox("mnist", "--resume", cwd=stopped)
    assert done.returncode == 0, done.stderr
    assert content(run_of(stopped)) == whole


def test_a_finished_run_is_complete_and_nothing_is_written(stopped):
    assert run_here("mnist", "--resume", "-q")[0] == 0
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in stopped.rglob("*")}
    for words in ((), ("mnist@1",), ("brainbox-out/mnist/runs/1",), ("@1", "--epochs", "12")):
        assert run_here("mnist", "train", "--resume", *words)[0] == 0
    done = brainbox("mnist", "--resume", cwd=stopped)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "mnist@1 is already complete"), done.stderr
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in stopped.rglob("*")} == before


def test_a_run_that_was_killed_while_it_became_current_becomes_current(stopped, whole):
    checkpoint = run_of(stopped) / "checkpoint.safetensors"
    kept = checkpoint.read_bytes()
    assert run_here("mnist", "--resume", "-q")[0] == 0
    checkpoint.write_bytes(kept)
    (stopped / "brainbox-out/mnist/current.json").unlink()
    assert run_here("mnist", "--resume", "-q")[0] == 0
    assert (stopped / "brainbox-out/mnist/current.json").exists()
    assert content(run_of(stopped)) == whole


def test_a_run_that_was_killed_when_all_was_written_loses_its_lock(stopped, whole):
    assert run_here("mnist", "--resume", "-q")[0] == 0
    lock = run_of(stopped) / ".brainbox.lock"
    lock.write_bytes(b"999999")
    assert run_here("mnist", "--resume", "--dry-run")[0] == 0 and lock.exists()
    assert run_here("mnist", "--resume")[0] == 0
    assert content(run_of(stopped)) == whole


@pytest.mark.parametrize("stop", [Stopped(signal.SIGTERM), InputError("disk full")])
def test_a_run_that_was_stopped_while_it_became_current_becomes_current(stop, stopped, whole, monkeypatch):
    def stops(*_):
        raise stop

    with monkeypatch.context() as patch, contextlib.suppress(Stopped):
        patch.setattr(runs, "atomic_write", stops)
        assert run_here("mnist", "--resume", "-q")[0] == 3
    assert ending(run_of(stopped)) == "ok" and not (stopped / "brainbox-out/mnist/current.json").exists()
    assert run_here("mnist", "--resume", "-q")[0] == 0
    assert (stopped / "brainbox-out/mnist/current.json").exists()
    assert content(run_of(stopped)) == whole


def test_a_folder_may_be_called_as_a_run_or_a_file(stopped):
    for name in ("mnist@1", "metrics.jsonl", "-x"):
        shutil.copytree(run_of(stopped), name)
        assert run_here("mnist", "--resume", f"./{name}", "-q")[0] == 0
        assert Path(name, "model.safetensors").exists() and not (run_of(stopped) / "model.safetensors").exists()


def test_a_full_disk_loses_nothing_and_says_how_to_go_on(stopped, whole, monkeypatch, capsys):
    def full(*_, **__):
        raise InputError("disk full while writing", where="checkpoint.safetensors")

    before = (run_of(stopped) / "checkpoint.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Sequential, "save", full)
        done = run_here("mnist", "--resume")
    assert "to go on once there is a place to write: brainbox mnist --resume mnist@1" in capsys.readouterr().err
    assert done[0] == 3 and (run_of(stopped) / "checkpoint.safetensors").read_bytes() == before
    assert run_here("mnist", "--resume", "mnist@1", "-q")[0] == 0
    assert content(run_of(stopped)) == whole


def test_a_run_that_read_standard_input_says_that_it_reads_it_again(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise InputError("disk full while writing")

    monkeypatch.chdir(tmp_path)
    table = b"rooms,price\n" + b"".join(b"%d,%d\n" % (row, 3 * row + row % 4) for row in range(60))
    for words, code in (("--data", "-", "--target", "price"), 3), (("--resume",), 0):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(table)))
        with monkeypatch.context() as patch:
            if code:
                patch.setattr(Sequential, "save", full)
            assert run_here("regress", *words)[0] == code
        assert ("going on takes the same data there again" in capsys.readouterr().err) == bool(code)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--lr", "0.1"), "--lr differs from that of mnist@1: expected '0.006', got '0.1'"),
        (("--epochs", "41"), "--epochs differs from that of mnist@1: expected '12', got '41'"),
        (("-b", "32"), "--batch-size differs from that of mnist@1: expected '64', got '32'"),
        (("--hidden", "16,8"), "--hidden differs from that of mnist@1: expected '16', got '16,8'"),
        (("--seed", "6"), "--seed differs from that of mnist@1: expected '5', got '6'"),
        (("--data", "mnist"), "--data differs from that of mnist@1: expected 'digits', got 'mnist'"),
        (("--quick",), "--quick differs from that of mnist@1: expected 'False', got 'True'"),
        (("--out", "elsewhere"), "--out differs from the folder of mnist@1, got elsewhere"),
    ],
)
def test_another_setting_is_refused_by_its_option(words, told, stopped):
    before = content(run_of(stopped))
    code, fields = run_here("mnist", "--resume", "mnist@1", *words)
    assert (code, fields["error"]["message"]) == (2, told)
    assert content(run_of(stopped)) == before


def test_the_same_settings_may_be_given_again_and_other_pictures_or_bars(stopped, whole):
    words = ("mnist", "--resume", "mnist@1", "--epochs", "12", "--hidden", "16", "--fail-under", "0.99")
    assert run_here(*words, "-q")[0] == 5
    assert content(run_of(stopped))["model.safetensors"] == whole["model.safetensors"]


def test_what_cannot_be_gone_on_with_is_refused(stopped):
    assert run_here("cnn", "--resume")[1]["error"]["message"] == "brainbox-out/cnn: there is no run to go on with"
    code, fields = run_here("mnist", "--resume", "mnist@7")
    assert (code, fields["error"]["message"]) == (3, "mnist@7: there is no such run")
    code, fields = run_here("cnn", "--resume", "mnist@1")
    assert (code, fields["error"]["message"]) == (3, "mnist@1: is a run of mnist: expected cnn")
    assert fields["error"]["hint"] == "go on with it: brainbox mnist --resume mnist@1"
    checkpoint = run_of(stopped) / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:-1])
    code, fields = run_here("mnist", "--resume")
    assert code == 3 and "truncated" in fields["error"]["message"]
    for line in (
        "",
        "{",
        '{"event": "epoch"}',
        '{"event": "start", "command": "mnist", "epochs": "x"}',
        "[]",
        "[" * 9999,
    ):
        (run_of(stopped) / "metrics.jsonl").write_text(line)
        code, fields = run_here("mnist", "--resume")
        assert code == 3 and fields["error"]["message"].startswith("mnist@1: "), line


def test_a_diverged_run_is_not_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("--epochs", "2", "--limit", "600", "--optimizer", "sgd", "--lr", "30")
    assert run_here("mnist", *words)[0] == 4
    code, fields = run_here("mnist", "--resume")
    assert code == 3 and "holds a model and no training to go on with" in fields["error"]["message"]


def test_other_data_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{x},{3 * x + x % 7}" for x in range(400)]
    Path("table.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    process = start("regress", "--data", "table.csv", "--epochs", "100000", "--batch-size", "1", cwd=tmp_path)
    wait_for_event(process, run_of(tmp_path, "regress"), "epoch")
    process.kill()
    process.communicate()
    Path("table.csv").write_text("\n".join(["x,y", *rows[:-1], "399,0"]) + "\n")
    code, fields = run_here("regress", "--resume")
    assert (code, fields["error"]["message"]) == (3, "regress@1, table.csv: training data differs from checkpoint")


def test_the_folder_of_out_is_gone_on_with(tmp_path, whole):
    process = start(*TRAINING, "--out", "mine", cwd=tmp_path)
    wait_for_event(process, tmp_path / "mine", "epoch")
    process.kill()
    process.communicate()
    shutil.copytree(tmp_path / "mine", tmp_path / "copy")
    assert brainbox("mnist", "--resume", "--out", "mine", cwd=tmp_path).returncode == 0
    assert brainbox("mnist", "--resume", "copy/checkpoint.safetensors", cwd=tmp_path).returncode == 0
    for name in ("mine", "copy"):
        assert content(tmp_path / name)["model.safetensors"] == whole["model.safetensors"]
        assert content(tmp_path / name)["metrics.jsonl"] == whole["metrics.jsonl"]


def test_a_run_that_is_under_way_is_not_gone_on_with(tmp_path):
    process = start("mnist", "--epochs", "500", cwd=tmp_path)
    wait_for_event(process, run_of(tmp_path), "start")
    done = brainbox("mnist", "--resume", cwd=tmp_path)
    process.kill()
    process.communicate()
    assert done.returncode == 3 and f"in use by process {process.pid}" in done.stderr


def test_the_second_signal_ends_at_once(tmp_path):
    process = start(*TRAINING, cwd=tmp_path)
    wait_for_event(process, run_of(tmp_path), "epoch")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode in (130, -signal.SIGINT)
    assert brainbox("mnist", "--resume", "-q", cwd=tmp_path).returncode == 0


def test_a_killed_run_goes_on_to_the_same_files(tmp_path, whole):
    stop(tmp_path, *TRAINING, number=signal.SIGKILL)
    assert brainbox("mnist", "--resume", cwd=tmp_path).returncode == 0
    assert content(run_of(tmp_path)) == whole


def at_random_moments(folder: Path, count: int, number: int, nouns: list[str]) -> None:
    """Stop trainings at random moments; each goes on to the files of one that was not stopped."""
    wholes, seconds = {}, {}
    for noun in nouns:
        place = folder / noun
        place.mkdir()
        begun = time.monotonic()
        done = brainbox(noun, *NOUNS[noun], cwd=place)
        assert done.returncode == 0, done.stderr
        seconds[noun], wholes[noun] = time.monotonic() - begun, content(run_of(place, noun))
    rng, stopped = random.Random(number), 0
    for time_ in range(count):
        noun = nouns[time_ % len(nouns)]
        place = folder / str(time_)
        place.mkdir()
        process = start(noun, *NOUNS[noun], cwd=place)
        path = run_of(place, noun)
        while process.poll() is None and not (path / "metrics.jsonl").exists():
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.8 * seconds[noun]))
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
        if process.returncode:
            stopped += 1
            if number != signal.SIGKILL:
                assert process.returncode == 128 + number, told
                complete = ending(path) == "ok" and not (path / "checkpoint.safetensors").exists()
                last = "; nothing unfinished was written" if complete else f"brainbox {noun} --resume {noun}@1"
                assert told.splitlines()[-1].endswith(last), told
        done = brainbox(noun, "--resume", cwd=place)
        assert done.returncode == 0, (noun, time_, done.stderr)
        assert content(path) == wholes[noun], (noun, time_)
        shutil.rmtree(place)
    assert stopped > count / 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "number", "nouns"),
    [
        (30, signal.SIGKILL, list(NOUNS)),
        (20, signal.SIGINT, ["rnn", "regress"]),
        (20, signal.SIGTERM, ["mnist", "spam"]),
    ],
)
def test_stops_at_random_moments(count, number, nouns, tmp_path):
    at_random_moments(tmp_path, count, number, nouns)


@pytest.mark.long
@pytest.mark.parametrize(("count", "number"), [(200, signal.SIGKILL), (100, signal.SIGINT), (100, signal.SIGTERM)])
def test_many_more_of_them(count, number, tmp_path):
    at_random_moments(tmp_path, count, number, list(NOUNS))
