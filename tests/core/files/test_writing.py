"""Writing files: the old bytes or the new ones, whatever happens in between."""

import contextlib
import errno
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from brainbox_core.datasets.idx import read_idx, write_idx
from brainbox_core.errors import InputError
from brainbox_core.files import writing
from brainbox_core.files.reading import open_unchanging, printable, read_regular
from brainbox_core.files.writing import (
    DurabilityWarning,
    Journal,
    atomic_write,
    check_folder,
    check_writable,
    claim_folder,
    make_folder,
    require_ours,
)
from tests.disk import on_a_disk

posix = pytest.mark.skipif(os.name == "nt", reason="mode bits, links and mounts are POSIX")
OLD, NEW = b"old " * 10, b"new " * 10


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(OLD)
    return path


@contextlib.contextmanager
def refused(target, says):
    """The block raises InputError; the file and its folder are as they were."""
    with pytest.raises(InputError, match=says) as caught:
        yield
    assert target.read_bytes() == OLD
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert caught.value.where == printable(target)
    assert caught.value.fix


def fail(number):
    def raising(*_, **__):
        raise OSError(number, os.strerror(number))

    return raising


ON_A_DISK = """
import os, subprocess, sys
from pathlib import Path
from brainbox_core.errors import InputError
from brainbox_core.files.writing import atomic_write, check_writable, make_folder

folder = Path(sys.argv[1])
target = folder / "model"
target.write_bytes(b"old")

def attempt(action, *arguments):
    try:
        action(*arguments)
        print("done")
    except InputError as error:
        print(error.what)
    assert os.listdir(folder) == ["model"], os.listdir(folder)
"""


def lines_on_a_disk(folder, program):
    """The lines that a program prints which has a real file system of one megabyte for itself at `folder`."""
    command = on_a_disk(folder, [sys.executable, "-c", ON_A_DISK + program, folder])
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not run.returncode, run.stderr
    return run.stdout.splitlines()


# Success


def test_writes_a_new_file_and_replaces_an_old_one(tmp_path):
    path = tmp_path / "x"
    atomic_write(path, b"")
    assert path.read_bytes() == b""
    atomic_write(path, NEW)
    atomic_write(str(path), OLD)
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_relative_name_is_one_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_writable("x")
    atomic_write("x", NEW)
    assert Path("x").read_bytes() == NEW


@posix
@pytest.mark.parametrize("existing", [True, False], ids=["W10-link", "W10-dangling-link"])
def test_w10_a_link_is_written_through(tmp_path, existing):
    (tmp_path / "elsewhere").mkdir()
    real, link, second = tmp_path / "elsewhere" / "real", tmp_path / "link", tmp_path / "second"
    link.symlink_to("elsewhere/real")
    second.symlink_to(link)
    if existing:
        real.write_bytes(OLD)
        real.chmod(0o640)
    check_writable(second)
    atomic_write(second, NEW)
    assert second.is_symlink()
    assert link.is_symlink()
    assert real.read_bytes() == NEW
    assert not existing or stat.S_IMODE(real.stat().st_mode) == 0o640


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755], ids=oct)
def test_w11_an_existing_file_keeps_its_mode(target, mode):
    target.chmod(mode)
    atomic_write(target, NEW)
    assert stat.S_IMODE(target.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_w11_a_new_file_follows_the_umask(tmp_path, umask):
    previous = os.umask(umask)
    try:
        atomic_write(tmp_path / "x", NEW)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask


@posix
def test_w11_an_existing_file_keeps_its_owner(target):
    try:
        os.chown(target, 12345, 23456)
    except PermissionError:
        pytest.skip("needs a user who may give files away")
    atomic_write(target, NEW)
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 23456)


@posix
def test_w11_the_owner_of_another_is_no_obstacle(target, monkeypatch):
    monkeypatch.setattr(os, "fchown", fail(errno.EPERM))
    atomic_write(target, NEW)
    assert target.read_bytes() == NEW


@pytest.mark.parametrize(
    "name",
    ["a b", "brain 🧠", "n" * 255, "\N{CJK UNIFIED IDEOGRAPH-8166}" * 85, "-rf", "[x]*.y", "\udcff\udcfe"],
    ids=["spaces", "emoji", "255-bytes", "255-bytes-of-UTF-8", "dash", "glob", "not-UTF-8"],
)
def test_m30_odd_names_work(tmp_path, name):
    check_writable(tmp_path / name)
    atomic_write(tmp_path / name, NEW)
    assert read_regular(tmp_path / name, limit=100) == NEW
    assert os.listdir(tmp_path) == [name]


# Faults while writing


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG], ids=["W01-ENOSPC", "W05-EDQUOT", "W05-EFBIG"]
)
@pytest.mark.parametrize("k", range(10))
def test_disk_full_at_every_write(target, monkeypatch, number, k):
    write, calls = os.write, []

    def four_bytes(descriptor, data):
        calls.append(len(data))
        if len(calls) > k:
            fail(number)()
        return write(descriptor, bytes(data[:4]))

    monkeypatch.setattr(os, "write", four_bytes)
    with refused(target, r"disk full.*needs 0\.0 MB"):
        atomic_write(target, NEW)
    assert len(calls) == k + 1


def test_short_writes_are_continued(target, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:7])))
    atomic_write(target, NEW)
    assert target.read_bytes() == NEW


@posix
def test_w01_a_real_disk_fills_up(tmp_path):
    program = """
attempt(atomic_write, target, bytes(2_500_000))
print(target.read_text())
attempt(atomic_write, target, bytes(900_000))  # what was taken is free again
"""
    assert lines_on_a_disk(tmp_path, program) == ["disk full while writing (needs 2.5 MB)", "old", "done"]


@posix
def test_w05_a_real_limit_of_the_file_size(target):
    program = (
        "import resource, sys; from brainbox_core.files.writing import atomic_write;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY));"
        "atomic_write(sys.argv[1], bytes(3_000_000))"
    )
    run = subprocess.run([sys.executable, "-c", program, target], capture_output=True, text=True, check=False)
    assert "InputError" in run.stderr.splitlines()[-1]
    assert "disk full: the file size limit is reached while writing (needs 3.0 MB)" in run.stderr
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "disk full"), (errno.EIO, "input/output error")],
    ids=["W02-ENOSPC-at-fsync", "W03-EIO-at-fsync"],
)
def test_a_fault_at_fsync_is_final(target, monkeypatch, number, says):
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        fail(number)()

    monkeypatch.setattr(os, "fsync", fsync)
    with refused(target, says):
        atomic_write(target, NEW)
    assert len(calls) == 1  # after a failed fsync a second one may succeed although the bytes are lost


def test_w02_disk_full_only_at_close(target, monkeypatch):
    close = os.close

    def close_and_fail(descriptor):
        close(descriptor)
        fail(errno.ENOSPC)()

    monkeypatch.setattr(writing.os, "close", close_and_fail)
    with refused(target, "disk full"):
        atomic_write(target, NEW)


@pytest.mark.parametrize("call", ["replace", "fchmod"])
def test_a_fault_after_writing_leaves_nothing_behind(target, monkeypatch, call):
    monkeypatch.setattr(os, call, fail(errno.EACCES))
    with refused(target, "permission denied"):
        atomic_write(target, NEW)


def test_a_ctrl_c_leaves_nothing_behind(target, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(target, NEW)
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


@posix
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_w04_a_folder_that_cannot_be_synchronised_is_a_warning(target, monkeypatch, call):
    real = getattr(os, call)

    def folder_fails(first, *rest):
        is_folder = stat.S_ISDIR(os.stat(first).st_mode) if os.path.exists(first) else False
        return fail(errno.EIO)() if is_folder else real(first, *rest)

    monkeypatch.setattr(os, call, folder_fails)
    with pytest.warns(DurabilityWarning, match=r"model\.safetensors: saved, durability not confirmed"):
        atomic_write(target, NEW)
    assert target.read_bytes() == NEW
    assert os.listdir(target.parent) == [target.name]


@posix
def test_w14_the_bytes_are_safe_before_the_name_and_the_name_before_the_end(target, monkeypatch):
    calls = []

    def record(name, describe):
        real = getattr(os, name)

        def recorded(*arguments, **options):
            calls.append((name, describe(*arguments)))
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, recorded)

    def name_of(descriptor, *_):
        return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")) if sys.platform == "linux" else ""

    record("write", name_of)
    record("fsync", name_of)
    record("replace", lambda source, to: (os.path.basename(source), os.path.basename(to)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        atomic_write(target, NEW)
    temporary = f".model.safetensors.tmp-{os.getpid()}"
    if sys.platform != "linux":
        assert [name for name, _ in calls] == ["write", "fsync", "replace", "fsync"]
    else:
        assert calls == [
            ("write", temporary),
            ("fsync", temporary),
            ("replace", (temporary, target.name)),
            ("fsync", target.parent.name),
        ]


# Leftovers


@posix
def test_m35_leftovers_of_the_dead_are_removed_at_the_next_write(target):
    finished = subprocess.Popen(["true"])
    finished.wait()
    folder, stem = target.parent, ".model.safetensors.tmp-"
    dead = [finished.pid, 2**40, os.getpid()]  # our own: left by an earlier process with the same id
    kept = [f"{stem}{os.getppid()}", f"{stem}x", f"{stem}12.bak", f".other.tmp-{finished.pid}", f"{stem[1:]}12"]
    for name in [*(f"{stem}{pid}" for pid in dead), *kept]:
        (folder / name).write_bytes(b"half")
    atomic_write(target, NEW)
    assert sorted(os.listdir(folder)) == sorted([target.name, *kept])
    assert target.read_bytes() == NEW


def test_m35_a_process_of_another_user_is_alive(target, monkeypatch):
    monkeypatch.setattr(os, "kill", fail(errno.EPERM))
    leftover = target.parent / ".model.safetensors.tmp-12345"
    leftover.write_bytes(b"half")
    atomic_write(target, NEW)
    assert leftover.exists()


def test_a_folder_that_cannot_be_listed_can_be_written(target, monkeypatch):
    monkeypatch.setattr(os, "listdir", fail(errno.EACCES))
    atomic_write(target, NEW)
    assert target.read_bytes() == NEW


# Found before the work


WRITERS = pytest.mark.parametrize(
    "write", [check_writable, lambda path: atomic_write(path, NEW)], ids=["check", "write"]
)


@WRITERS
def test_w07_a_folder_is_no_file(tmp_path, write):
    with pytest.raises(InputError, match="is a folder") as caught:
        write(tmp_path)
    assert caught.value.where == printable(tmp_path)


@WRITERS
def test_w08_the_folder_of_a_single_file_must_exist(tmp_path, write):
    with pytest.raises(InputError, match=r"folder .*missing does not exist"):
        write(tmp_path / "missing" / "x")
    assert not list(tmp_path.iterdir())


@WRITERS
@pytest.mark.parametrize(
    ("name", "says"),
    [("file/x", "not a folder"), ("n" * 300, "too long"), ("a\0b", "not a valid path"), ("\ud800", "not a valid path")],
    ids=["below-a-file", "300-characters", "NUL", "surrogate"],
)
def test_m30_places_that_cannot_be_are_refused_in_one_printable_line(tmp_path, write, name, says):
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(InputError, match=says) as caught:
        write(f"{tmp_path}/{name}")
    assert caught.value.line.isprintable()
    caught.value.line.encode()


@WRITERS
@posix
def test_a_pipe_is_not_replaced_by_a_file(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        write(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@WRITERS
@posix
def test_a_loop_of_links_is_refused(tmp_path, write):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="loop of links"):
        write(tmp_path / "a")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "disk full"),
        (errno.EMFILE, "Too many open files"),
    ],
    ids=["W06-permission", "W06-read-only-mount", "W06-full", "other"],
)
def test_w06_a_place_that_refuses_is_found_by_trying(target, monkeypatch, number, says):
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, flags, *rest: fail(number)() if flags & os.O_CREAT else real(path, flags)
    )
    for write in (check_writable, lambda path: atomic_write(path, NEW)):
        with pytest.raises(InputError, match=says):
            write(target)
    with pytest.raises(InputError, match=says):
        make_folder(target.parent)
    assert target.read_bytes() == OLD


def test_w06_a_file_that_refuses_is_found_by_trying(target, monkeypatch):
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *rest: fail(errno.EPERM)() if Path(path) == target else real(path, *rest)
    )
    with refused(target, "protected"):
        check_writable(target)


@posix
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_w06_proc_cannot_be_written():
    with pytest.raises(InputError):
        check_writable("/proc/model.safetensors")
    with pytest.raises(InputError):
        make_folder("/proc/brainbox-out/mnist")


@posix
def test_w06_a_real_read_only_mount(tmp_path):
    program = """
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
attempt(check_writable, target)
attempt(make_folder, folder)
attempt(make_folder, folder / "new" / "folder")
print(target.read_text())
"""
    assert lines_on_a_disk(tmp_path, program) == ["the file system is read-only"] * 3 + ["old"]


@posix
def test_w06_a_real_immutable_file(tmp_path):
    program = """
if subprocess.run(["chattr", "+i", target], check=False).returncode:
    sys.exit(print("no chattr"))
attempt(check_writable, target)
attempt(atomic_write, target, b"new")
print(target.read_text())
"""
    if not shutil.which("chattr"):
        pytest.skip("needs chattr")
    lines = lines_on_a_disk(tmp_path, program)
    if lines == ["no chattr"]:
        pytest.skip("needs a tmpfs with immutable files")
    assert lines == ["permission denied: the file or its folder is protected"] * 2 + ["old"]


@posix
def test_w06_a_folder_without_permission(target):
    target.parent.chmod(0o500)
    try:
        if os.access(target.parent, os.W_OK):
            pytest.skip("needs a user whom permissions stop; root may write everywhere")
        with refused(target, "permission denied"):
            check_writable(target)
        with pytest.raises(InputError, match="permission denied"):
            make_folder(target.parent / "new")
    finally:
        target.parent.chmod(0o700)


def test_checking_changes_nothing(target):
    check_writable(target)
    check_writable(target.parent / "new")
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


def test_w08_a_trainers_folder_is_created(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "brainbox-out" / "mnist")
        assert not list((tmp_path / "brainbox-out" / "mnist").iterdir())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file", "is a file, not a folder"),
        ("file/x", "not a folder"),
        ("a\0b", "not a valid path"),
        ("n" * 300, "too long"),
    ],
    ids=["file", "below-a-file", "NUL", "300-characters"],
)
def test_a_folder_that_cannot_be_is_refused(tmp_path, name, says):
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(InputError, match=says):
        make_folder(f"{tmp_path}/{name}")


# Reading


def test_the_limit_of_reading(target):
    assert read_regular(target, limit=len(OLD)) == OLD
    with pytest.raises(InputError, match="too large: 40 bytes, at most 39"):
        read_regular(target, limit=len(OLD) - 1)


@pytest.mark.parametrize(
    "change", [lambda f: f.write(b"more"), lambda f: f.truncate(3)], ids=["M29-grows", "M29-shrinks"]
)
def test_a_file_that_changes_while_it_is_read_is_refused(target, change):
    with pytest.raises(InputError, match="changed while it was read"), open_unchanging(target) as (file, size):
        with open(target, "ab") as writer:
            change(writer)
        file.read(size)


def test_m29_a_file_that_is_replaced_while_it_is_read_stays_the_old_one(target):
    with open_unchanging(target) as (file, size):
        atomic_write(target, NEW)
        assert file.read(size) == OLD


def test_a_disk_that_fails_while_reading_is_an_input_error(target):
    with pytest.raises(InputError, match="input/output"), open_unchanging(target):
        fail(errno.EIO)()


@pytest.mark.parametrize("read", [lambda path: read_regular(path, 100), require_ours, lambda path: read_idx(path, 1)])
def test_a_disk_that_fails_when_a_file_is_closed_is_an_input_error(read, tmp_path, monkeypatch):
    class Failing(io.BufferedReader):
        def close(self):
            super().close()
            fail(errno.EIO)()

    write_idx(tmp_path / "labels", np.zeros(3, np.uint8))
    monkeypatch.setattr(os, "fdopen", lambda descriptor, mode: Failing(io.FileIO(descriptor, mode)))
    with pytest.raises(InputError, match="input/output"):
        read(tmp_path / "labels")


@posix
def test_no_file_stays_open(target, tmp_path, monkeypatch):
    status = os.stat(target)
    os.mkfifo(tmp_path / "pipe")
    before = os.listdir("/dev/fd")
    read_regular(target, limit=100)
    atomic_write(target, OLD)
    check_writable(target)
    with pytest.raises(InputError):
        read_regular(target, limit=1)
    monkeypatch.setattr(os, "stat", lambda *_, **__: status)
    with pytest.raises(InputError):
        read_regular(tmp_path / "pipe", limit=100)
    assert len(os.listdir("/dev/fd")) == len(before)


@posix
def test_a_pipe_put_in_place_between_the_look_and_the_opening_does_not_block(target, monkeypatch):
    status = os.stat(target)
    target.unlink()
    os.mkfifo(target)
    monkeypatch.setattr(os, "stat", lambda *_, **__: status)
    with pytest.raises(InputError, match="not a regular file"):
        read_regular(target, limit=100)


def test_long_text_is_cut():
    assert printable("x" * 20, limit=5) == "xxxxx..."
    assert printable(Path("a\n\x1b[0m\udcff\u202e")) == r"a\n\x1b[0m\udcff\u202e"


def test_a_journal_grows_by_whole_lines(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    path.write_text("one\n")
    journal = Journal(path)
    journal.add("two")
    assert path.read_text() == "one\ntwo\n"
    write, given = os.write, []

    def fills_up(descriptor: int, data) -> int:
        given.append(len(data))
        if len(given) > 1:
            raise OSError(errno.ENOSPC, "")
        return write(descriptor, data[:2])

    monkeypatch.setattr(os, "write", fills_up)
    with pytest.raises(InputError, match="disk full"):
        journal.add("three")
    monkeypatch.undo()
    assert path.read_text() == "one\ntwo\n"
    journal.add("zwölf", sync=True)
    journal.close()
    assert path.read_text(encoding="utf-8") == "one\ntwo\nzwölf\n"


def test_the_last_line_of_a_journal_is_on_the_disk(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "metrics.jsonl")
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal.add("epoch")
    assert not synced
    journal.add("end", sync=True)
    assert len(synced) == 1
    journal.close()


def test_a_journal_that_cannot_be_closed_is_told(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "metrics.jsonl")
    monkeypatch.setattr(os, "close", fail(errno.EIO))
    with pytest.raises(InputError, match="input/output error"):
        journal.close()
    monkeypatch.undo()
    journal.close()


def test_one_of_several_gets_a_folder(tmp_path):
    assert claim_folder(tmp_path / "1") and not claim_folder(tmp_path / "1")
    (tmp_path / "file").write_text("")
    assert not claim_folder(tmp_path / "file")
    with pytest.raises(InputError, match="no such file"):
        claim_folder(tmp_path / "missing" / "1")


@posix
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file", "file: is a file, not a folder"),
        ("file/x/y", "file: is a file, not a folder"),
        ("link/x", "link: is a link to nothing"),
    ],
)
def test_a_folder_that_cannot_be_made_is_found_before_the_work(name, says, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nothing")
    with pytest.raises(InputError, match=says):
        check_folder(tmp_path / name)
    check_folder(tmp_path / "a" / "b")
    check_folder(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}
    with pytest.raises(InputError):
        check_folder("/proc/brainbox-out/mnist")


# The one way


SCRATCH = {  # what is written past it, and why that is no output
    "brainbox_core/export/verify.py": "C files in a temporary folder",
    "brainbox_core/export/board.py": "C files in a temporary folder",
    "brainbox_core/datasets/download.py": "pooch's temporary file, which it moves when its checksum is right",
    "brainbox_cli/streams.py": "where nothing is kept",
}
WRITES = re.compile(r"""\.write_(bytes|text)\(|open\([^)\n]*["'][wax]b?\+?["']|FileIO\([^)\n]*"[wax]|O_WRONLY""")


def test_everything_that_is_kept_is_written_here():
    root = Path(writing.__file__).parents[2]
    found = set()
    for folder in ("brainbox_core", "brainbox_cli", "datasets"):
        for path in (root / folder).rglob("*.py"):
            if WRITES.search(path.read_text()):
                found.add(path.relative_to(root).as_posix())
    assert found == {"brainbox_core/files/writing.py", *SCRATCH}
