"""One run in a folder: the second is refused, and a lock whose process died is none."""

import os
import signal
import subprocess
import sys

import pytest

from brainbox_cli.frame import lock
from brainbox_cli.frame.lock import LOCK_NAME, lock_folder
from brainbox_core.errors import InputError

pytestmark = pytest.mark.skipif(lock.fcntl is None, reason="this system has no file locks of the kind used")

HOLD = """
import sys, time
from brainbox_cli.frame.lock import lock_folder
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


def test_w12_the_second_run_is_refused_and_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(InputError, match=f"in use by process {holder.pid}") as caught, lock_folder(tmp_path):
        pass
    assert "--out" in caught.value.fix


def test_w12_a_stale_lock_is_cleared(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with lock_folder(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_w12_a_lock_file_with_anything_inside_is_no_lock(tmp_path):
    for text in ("1", "9" * 30):  # process 1 always runs
        (tmp_path / LOCK_NAME).write_text(text)
        with lock_folder(tmp_path):
            assert (tmp_path / LOCK_NAME).read_text() == str(os.getpid())


def test_the_lock_is_released_at_the_end_and_after_an_error(tmp_path):
    with pytest.raises(KeyError), lock_folder(tmp_path):
        raise KeyError
    with lock_folder(tmp_path), pytest.raises(InputError, match="in use"), lock_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_file_removed_before_it_was_locked_is_not_taken_for_the_lock(tmp_path, monkeypatch):
    flock = lock.fcntl.flock
    path, removed = tmp_path / LOCK_NAME, []

    def remove_first(descriptor, operation):
        flock(descriptor, operation)
        if not removed:
            removed.append(path.unlink())

    monkeypatch.setattr(lock.fcntl, "flock", remove_first)
    with lock_folder(tmp_path):
        assert path.exists()
        with pytest.raises(InputError, match="in use"), lock_folder(tmp_path):
            pass


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / LOCK_NAME).symlink_to("precious")
    with pytest.raises(InputError), lock_folder(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize("folder", ["missing", "a\0b"])
def test_a_folder_that_is_none_is_an_input_error(tmp_path, folder):
    with pytest.raises(InputError), lock_folder(tmp_path / folder):
        pass


def test_a_system_without_locks_runs_without(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with lock_folder(tmp_path), lock_folder(tmp_path):
        pass


def test_a_disk_without_locks_runs_without(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    with lock_folder(tmp_path), lock_folder(tmp_path):
        pass
