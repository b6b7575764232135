"""Files that are whole or untouched when they are written.

After a crash, a full disk or a power cut a file holds its old or its new bytes, never something between. The order that
guarantees it (temporary file in the same folder, fsync, rename, fsync of the folder) is that of Pillai et al., "All
File Systems Are Not Created Equal", OSDI 2014.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import warnings
from pathlib import Path

from brainbox_core.errors import InputError
from brainbox_core.files.reading import BINARY, explain, explained, open_regular, printable, require_regular

MARKS = (b"made by brainbox", b'"brainbox"')  # of what we write: a header, a picture, a model
_NEAR = 4096  # bytes from either end of a file in which a mark lies
_LOG = logging.getLogger("braininabox.files")
_TEMPORARY = ".tmp-"  # .NAME.tmp-PID is what a process writes before it gets its name


class DurabilityWarning(UserWarning):
    """A file was saved, but the system would not confirm that it survives a power cut."""


def atomic_write(path: str | os.PathLike, data: bytes) -> None:
    """Write a whole file, or leave what was there untouched.

    A symbolic link is written through. An existing file keeps its mode bits and, where the system allows it, its owner;
    a new one follows the umask. What a killed process left behind while writing the same file is removed.

    Args:
        path: the file; its folder exists.
        data: all of its bytes.

    Raises:
        InputError: the place cannot be written, or the disk is full or failing; no temporary file remains.

    Warns:
        DurabilityWarning: the file is saved, but the folder could not be synchronised.
    """
    target, existing = _resolve_target(path)
    with explained(path, size=len(data)):
        descriptor, temporary = _create_temporary(target, 0o666 if existing is None else 0o600)
        try:
            try:
                if existing is not None:
                    _copy_ownership(existing, descriptor)
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, target)
        except BaseException:  # a Ctrl-C, too, leaves no temporary file
            _remove(temporary)
            raise
    _sync_folder(target.parent, path)
    _LOG.debug("wrote %s: %d bytes", printable(path), len(data))


class Journal:
    """A file that grows by whole lines, each of which is there as soon as it is added.

    Args:
        path: what is there stays; the folder exists.

    Raises:
        InputError: it cannot be written; `add` raises it as well, and leaves no part of its line.
    """

    def __init__(self, path: str | os.PathLike):
        self._path = path
        with explained(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | BINARY, 0o666)

    def add(self, line: str, *, sync: bool = False) -> None:
        """Write a line.

        Args:
            line: without its end.
            sync: return only when it survives a power cut.
        """
        with explained(self._path):
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            try:
                _write_all(self._descriptor, f"{line}\n".encode())
            except OSError:
                os.ftruncate(self._descriptor, end)
                raise
            if sync:
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file.

        Raises:
            InputError: the system has not kept all of it.
        """
        with explained(self._path):
            os.close(self._descriptor)


def check_writable(path: str | os.PathLike) -> None:
    """Find out before the work whether `atomic_write` can write this file, by creating and removing a temporary one.

    Raises:
        InputError: it is a folder, not a regular file or protected, or its folder is missing or cannot be written.
    """
    target, existing = _resolve_target(path)
    with explained(path):
        if existing is not None:
            os.close(os.open(target, os.O_WRONLY))  # read-only and immutable files refuse
        _probe(target)


def require_ours(path: str | os.PathLike, data: bytes | None = None) -> None:
    """Refuse to replace a file that does not say that we made it.

    Args:
        path: the file; one that is missing or empty is nobody's.
        data: what is to be written; a file that holds just this loses nothing.

    Raises:
        InputError: it is somebody else's.
    """
    if not os.path.isfile(path):
        return
    with explained(path), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        ends = file.read(_NEAR)
        if size > _NEAR:
            file.seek(max(_NEAR, size - _NEAR))
            ends += file.read(_NEAR)
        if size == 0 or any(mark in ends for mark in MARKS):
            return
        file.seek(0)
        if data is not None and size == len(data) and file.read() == data:
            return
    fix = "choose another name, or add `force` to replace it"
    raise InputError("is a file that brainbox did not make, or that was changed", where=printable(path), fix=fix)


def claim_folder(path: str | os.PathLike) -> bool:
    """Create a folder, unless something of its name is there: then somebody else has it.

    Returns:
        Whether this call created it; of several processes that try, one did.

    Raises:
        InputError: its parent is missing or cannot be written.
    """
    with explained(path):
        try:
            os.mkdir(path)
        except FileExistsError:
            return False
    _sync_folder(Path(path).parent, path)
    return True


def check_folder(path: str | os.PathLike) -> None:
    """Find out before the work whether `make_folder` can make a folder, or write into it, and leave nothing.

    Raises:
        InputError: the nearest part of its path that exists is no folder, or cannot be written.
    """
    place = Path(path)
    with explained(path):
        while not os.path.lexists(place):
            place = place.parent
        if not os.path.isdir(place):
            what = "is a file, not a folder" if os.path.exists(place) else "is a link to nothing"
            raise InputError(what, where=printable(place), fix="name a folder")
        _probe(place / "probe")


def make_folder(path: str | os.PathLike) -> None:
    """Create a folder and its parents if they are missing, and find out whether files can be created in it.

    Raises:
        InputError: it is a file, or it cannot be created or written.
    """
    try:
        os.makedirs(path, exist_ok=True)
        _probe(Path(path) / "probe")
    except FileExistsError as error:
        raise InputError("is a file, not a folder", where=printable(path), fix="name a folder") from error
    except (OSError, ValueError) as error:
        raise explain(error, path) from error


def _resolve_target(path: str | os.PathLike) -> tuple[Path, os.stat_result | None]:
    """Where writing to `path` ends up after all symbolic links, and the status of the file that is there now."""
    try:
        target = Path(os.path.realpath(path))
        try:
            status = os.stat(target)
        except FileNotFoundError:
            os.stat(target.parent)
            return target, None
    except FileNotFoundError as error:
        what = f"folder {printable(target.parent)} does not exist"
        raise InputError(what, where=printable(path), fix="create the folder first") from error
    except (OSError, ValueError) as error:
        raise explain(error, path) from error
    require_regular(status, path)
    return target, status


def remove_leftovers(folder: str | os.PathLike, stem: str = ".") -> None:
    """Remove the temporary files that processes now dead left in a folder.

    Args:
        folder: one that cannot be listed keeps them.
        stem: what their names begin with.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            _, mark, pid = name.rpartition(_TEMPORARY)
            if name.startswith(stem) and mark and pid.isdecimal() and not _is_running(int(pid)):
                _remove(Path(folder) / name)


def _create_temporary(target: Path, mode: int) -> tuple[int, Path]:
    """Create `.NAME.tmp-PID` beside the target, after removing those that processes now dead left there."""
    stem = f".{target.name[:60]}{_TEMPORARY}"  # cut, so that it stays under 255 bytes, the longest of most file systems
    remove_leftovers(target.parent, stem)
    temporary = target.parent / f"{stem}{os.getpid()}"
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, mode), temporary


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _probe(target: Path) -> None:
    descriptor, temporary = _create_temporary(target, 0o600)
    try:
        os.close(descriptor)
    finally:
        _remove(temporary)


def _is_running(pid: int) -> bool:
    """Whether another process has this id; a leftover with our own id is from an earlier process."""
    if pid == os.getpid():
        return False
    if os.name == "nt":  # os.kill ends the process there, whatever the signal
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _copy_ownership(existing: os.stat_result, descriptor: int) -> None:
    if os.name == "nt":
        return
    with contextlib.suppress(PermissionError):  # only root may give a file away
        os.fchown(descriptor, existing.st_uid, existing.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(existing.st_mode))  # after fchown, which clears the set-user-id bit


def _sync_folder(folder: Path, path: str | os.PathLike) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        text = f"{printable(path)}: saved, durability not confirmed ({error.strerror})"
        warnings.warn(text, DurabilityWarning, stacklevel=3)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # already gone, or the reason why we clean up also forbids it
        os.unlink(path)
