import errno
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from brainbox_cli.frame import run_folder
from brainbox_cli.frame.run_folder import LOCK_NAME, lock_folder
from brainbox_core.errors import ConvergenceError, InputError
from brainbox_core.layers import Linear
from brainbox_core.loss import MSE
from brainbox_core.model.sequential import Sequential
from brainbox_core.optimizers import SGD


def open_folder(path) -> run_folder.RunFolder:
    """That of a training that is told where to write."""

    return run_folder.RunFolder(lambda: lock_folder(path), {"seed": 0})


def events(path) -> list[dict]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_events_are_there_as_soon_as_they_happen(tmp_path):
    with open_folder(tmp_path) as folder:
        folder.on_train_begin(None, {})
        folder.on_epoch_end(None, {"epoch": 1, "val_loss": float("nan")})
        assert events(tmp_path) == [{"event": "start", "seed": 0}, {"event": "epoch", "epoch": 1, "val_loss": None}]
        folder.record("end", status="ok")
    assert [event["event"] for event in events(tmp_path)] == ["start", "epoch", "end"]
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.jsonl"}  # no lock, no temporary file


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ConvergenceError("loss is nan", where="step 3"), "error", "step 3: loss is nan"),
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt()"),
    ],
)
def test_a_failed_run_says_so(error, status, reason, tmp_path):
    with pytest.raises(type(error)), open_folder(tmp_path) as folder:
        folder.begin()
        raise error
    assert events(tmp_path)[1:] == [{"event": "end", "status": status, "error": reason}]


def test_a_run_that_is_refused_before_it_starts_changes_nothing(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("old")
    with pytest.raises(InputError), open_folder(tmp_path):
        raise InputError("no such file")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"metrics.jsonl": "old"}


def test_what_cannot_be_written_is_found_at_once(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(InputError), open_folder(tmp_path) as folder:
        folder.on_train_begin(None, {})
    assert {path.name for path in tmp_path.iterdir()} == {"run.json"}


@pytest.fixture
def model():
    model = Sequential([Linear(2)])
    model.compile(SGD(), MSE())
    model.build((3,))
    return model


def test_a_training_that_cannot_go_on_leaves_a_checkpoint_if_it_took_a_step(model, tmp_path):
    with open_folder(tmp_path) as folder:
        assert folder.keep(model) is None and not (tmp_path / "checkpoint.safetensors").exists()
        model.optimizer.steps = 1
        assert folder.keep(model) == tmp_path / "checkpoint.safetensors"
    kept = Sequential.load(tmp_path / "checkpoint.safetensors")
    assert kept.params.values.tobytes() == model.params.values.tobytes()
    assert not (tmp_path / "model.safetensors").exists()
    uncompiled = Sequential([Linear(1)])  # what learns without an optimizer of ours keeps nothing
    assert folder.keep(uncompiled) is None


def test_a_training_that_is_complete_takes_its_checkpoint_away(model, tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(b"of an earlier run")
    with open_folder(tmp_path) as folder:
        assert checkpoint.exists()  # this run may be refused
        folder.save(model)
        folder.save(model)  # and where there is none
        checkpoint.write_bytes(b"of this run")
        folder.record("end")
        assert checkpoint.exists()  # who is stopped now can go on
        folder.complete()
        folder.complete()
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "metrics.jsonl"}


def test_a_checkpoint_that_cannot_be_written_is_found_at_once(tmp_path):
    (tmp_path / "checkpoint.safetensors").mkdir()
    with pytest.raises(InputError), open_folder(tmp_path) as folder:
        folder.on_train_begin(None, {})


@pytest.mark.parametrize(
    ("records", "status"),
    [
        (None, None),
        ("", None),
        ('{"event": "start"}\n{"event": "epoch", "status": "ok"}\n', None),
        ('{"event": "start"}\n{"event": "end", "status": "ok"}\n', "ok"),
        ('{"event": "start"}\n{"event": "end", "status": "stopped"}\n', "stopped"),
        ('{"event": "start"}\n{"event": "end", "sta', None),
        ("[]\n", None),
    ],
)
def test_how_a_training_ended(records, status, tmp_path):
    if records is not None:
        (tmp_path / "metrics.jsonl").write_text(records)
    assert run_folder.ending(tmp_path) == status


# One run in a folder: the second is refused, and a lock whose process died is none

locks = pytest.mark.skipif(run_folder.fcntl is None, reason="this system has no file locks of the kind used")
HOLD = """
import sys, time
from brainbox_cli.frame.run_folder import lock_folder
with lock_folder(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@locks
def test_w12_the_second_run_is_refused_and_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(InputError, match=f"in use by process {holder.pid}") as caught, lock_folder(tmp_path):
        pass
    assert caught.value.fix == "wait until it has ended; a new training can go elsewhere with --out"


@locks
def test_w12_a_stale_lock_is_cleared(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with lock_folder(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == str(os.getpid())
    assert not list(tmp_path.iterdir())


@locks
def test_w12_a_lock_file_with_anything_inside_is_no_lock(tmp_path):
    for text in ("1", "9" * 30):  # process 1 always runs
        (tmp_path / LOCK_NAME).write_text(text)
        with lock_folder(tmp_path):
            assert (tmp_path / LOCK_NAME).read_text() == str(os.getpid())


@locks
@pytest.mark.parametrize("call", ["write", "ftruncate"])
def test_a_full_disk_locks_all_the_same(call, tmp_path, monkeypatch):
    def full(*_) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with lock_folder(tmp_path), pytest.raises(InputError, match="in use by another process"), lock_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@locks
def test_a_lock_file_whose_closing_fails_locks_nobody_out(tmp_path, monkeypatch):
    close = os.close

    def failing(descriptor: int) -> None:
        close(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch, lock_folder(tmp_path):
        patch.setattr(os, "close", failing)
    with lock_folder(tmp_path):
        pass


@locks
def test_who_waits_gets_the_folder_when_it_is_free(tmp_path, holder):
    threading.Timer(0.3, holder.kill).start()
    with lock_folder(tmp_path, wait=True):
        assert holder.wait() == -signal.SIGKILL


@locks
def test_the_lock_is_released_at_the_end_and_after_an_error(tmp_path):
    with pytest.raises(KeyError), lock_folder(tmp_path):
        raise KeyError
    with lock_folder(tmp_path), pytest.raises(InputError, match="in use"), lock_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@locks
def test_a_lock_file_removed_before_it_was_locked_is_not_taken_for_the_lock(tmp_path, monkeypatch):
    flock = run_folder.fcntl.flock
    path, removed = tmp_path / LOCK_NAME, []

    def remove_first(descriptor, operation):
        flock(descriptor, operation)
        if not removed:
            removed.append(path.unlink())

    monkeypatch.setattr(run_folder.fcntl, "flock", remove_first)
    with lock_folder(tmp_path):
        assert path.exists()
        with pytest.raises(InputError, match="in use"), lock_folder(tmp_path):
            pass


@locks
def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / LOCK_NAME).symlink_to("precious")
    with pytest.raises(InputError), lock_folder(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "kept"


@locks
@pytest.mark.parametrize("folder", ["missing", "a\0b"])
def test_a_folder_that_is_none_is_an_input_error(tmp_path, folder):
    with pytest.raises(InputError), lock_folder(tmp_path / folder):
        pass


@locks
def test_a_system_without_locks_runs_without(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "fcntl", None)
    with lock_folder(tmp_path), lock_folder(tmp_path):
        pass


@locks
def test_a_disk_without_locks_runs_without(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(run_folder.fcntl, "flock", unsupported)
    with lock_folder(tmp_path), lock_folder(tmp_path):
        pass
