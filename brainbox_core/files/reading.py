"""Files that may be anything when they are read, and are whole or untouched when they are written.

Reading: missing, a folder, a pipe that never ends, a web page under a wrong name. Writing: after a crash, a full disk
or a power cut a file holds its old or its new bytes, never something between. The order that guarantees it (temporary
file in the same folder, fsync, rename, fsync of the folder) is that of Pillai et al., "All File Systems Are Not
Created Equal", OSDI 2014.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from brainbox_core.errors import InputError

SIGNATURES = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip archive (or an Excel, npz or PyTorch file)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"8BPS", "a Photoshop picture"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"%PDF", "a PDF document"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"SIMPLE  =", "a FITS picture"),
)

_BINARY = getattr(os, "O_BINARY", 0)  # Windows translates line ends without it
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)

_REASONS = {
    errno.ENOENT: ("no such file", "check the path"),
    errno.ENOTDIR: ("a part of the path is not a folder", "check the path"),
    errno.EISDIR: ("is a folder, not a file", "name a file"),
    errno.ELOOP: ("cannot be opened: not a regular file but a loop of links", "name the file itself"),
    errno.ENAMETOOLONG: ("the name is too long", "use a shorter name"),
    errno.EACCES: ("permission denied", "choose another place or change the permissions"),
    errno.EPERM: ("permission denied: the file or its folder is protected", "choose another place"),
    errno.EROFS: ("the file system is read-only", "choose another place"),
    errno.ENOSPC: ("disk full", "free some space or choose another place"),
    errno.EDQUOT: ("disk full: quota exceeded", "free some space or choose another place"),
    errno.EFBIG: ("disk full: the file size limit is reached", "raise the limit (ulimit -f) or choose another place"),
    errno.EIO: ("the disk reports an input/output error", "choose another disk"),
}


class DurabilityWarning(UserWarning):
    """A file was saved, but the system would not confirm that it survives a power cut."""


def printable(text: str | os.PathLike, limit: int = 500) -> str:
    r"""Text on one line that any terminal can show: control, unprintable and surrogate characters escaped.

    Args:
        text: a path, or text from a file.
        limit: the length in characters after which it is cut.

    Example:
        >>> print(printable("a\nb\x1b[31m é"))
        a\nb\x1b[31m é
    """
    text = os.fsdecode(text)
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    return shown + ("..." if len(text) > limit else "")


def explain(error: OSError | ValueError, path: str | os.PathLike, size: int | None = None) -> InputError:
    """The system's error in the user's words.

    Args:
        error: what the system raised.
        path: the file or folder that it was about.
        size: how many bytes were to be written, if any.

    Example:
        >>> print(explain(OSError(errno.ENOSPC, ""), "model.safetensors", size=2_500_000).line)
        model.safetensors: disk full while writing (needs 2.5 MB)
    """
    if not isinstance(error, OSError):  # a NUL, or a character that the file system cannot encode
        return InputError("is not a valid path", where=printable(path), fix="remove the unprintable characters")
    what, fix = _REASONS.get(error.errno, (error.strerror or str(error), ""))
    if size is not None and what.startswith("disk full"):
        what += f" while writing (needs {size / 1e6:.1f} MB)"
    return InputError(what, where=printable(path), fix=fix)


# Reading


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Open a regular file for reading; never blocks on a pipe, a socket or a device.

    Args:
        path: where the file is; symbolic links are followed.

    Raises:
        InputError: the file is missing, is a folder or a device, or may not be read.
    """
    try:
        _require_regular(os.stat(path), path)  # before opening: that alone can rewind a tape or wake a device
        # Without O_NONBLOCK, a named pipe put there in between would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | _BINARY | _NONBLOCK)
    except PermissionError as error:
        raise InputError("may not be read", where=printable(path), fix="check the file's permissions") from error
    except (OSError, ValueError) as error:
        raise explain(error, path) from error
    file = os.fdopen(descriptor, "rb")
    try:
        _require_regular(os.fstat(descriptor), path)
    except InputError:
        file.close()
        raise
    return file


@contextlib.contextmanager
def open_unchanging(path: str | os.PathLike) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file that nobody may change while the block reads it.

    Args:
        path: where the file is; symbolic links are followed.

    Yields:
        The open file and its size in bytes.

    Raises:
        InputError: as `open_regular`, reading fails, or the file changed meanwhile.
    """
    with open_regular(path) as file:
        before = os.fstat(file.fileno())
        try:
            yield file, before.st_size
        except OSError as error:
            raise explain(error, path) from error
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise InputError("changed while it was read", where=printable(path), fix="wait until it is written")


def read_regular(path: str | os.PathLike, limit: int) -> bytes:
    """The bytes of a whole regular file.

    Args:
        path: where the file is; symbolic links are followed.
        limit: the largest size in bytes that is read.

    Raises:
        InputError: as `open_unchanging`, or the file is larger than the limit.
    """
    with open_unchanging(path) as (file, size):
        if size > limit:
            what = f"is too large: {size:,} bytes, at most {limit:,} are read"
            raise InputError(what, where=printable(path), fix="name a smaller file")
        return file.read(size)


def kind_of(head: bytes) -> str:
    """What a file seems to be, in words, from its first bytes (12 or more); empty when they say nothing.

    Example:
        >>> kind_of(b"<!DOCTYPE html>")
        'a web page'
        >>> kind_of(b"5.1,3.5,1.4,0.2")
        ''
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return "an AVIF, HEIC or video file"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!", b"<html", b"<head", b"<body")):
        return "a web page"
    if text.startswith(b"<"):
        return "an XML or SVG file"
    return next((name for signature, name in SIGNATURES if head.startswith(signature)), "")


# Writing


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
    try:
        descriptor, temporary = _create_temporary(target, 0o666 if existing is None else 0o600)
        try:
            try:
                if existing is not None:
                    _copy_ownership(existing, descriptor)
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, target)
        except BaseException:  # a Ctrl-C, too, leaves no temporary file
            _remove(temporary)
            raise
    except OSError as error:
        raise explain(error, path, size=len(data)) from error
    _sync_folder(target.parent, path)


def check_writable(path: str | os.PathLike) -> None:
    """Find out before the work whether `atomic_write` can write this file, by creating and removing a temporary one.

    Raises:
        InputError: it is a folder, not a regular file or protected, or its folder is missing or cannot be written.
    """
    target, existing = _resolve_target(path)
    try:
        if existing is not None:
            os.close(os.open(target, os.O_WRONLY))  # read-only and immutable files refuse
        _probe(target)
    except OSError as error:
        raise explain(error, path) from error


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
    _require_regular(status, path)
    return target, status


def _create_temporary(target: Path, mode: int) -> tuple[int, Path]:
    """Create `.NAME.tmp-PID` beside the target, after removing those that processes now dead left there."""
    stem = f".{target.name[:60]}.tmp-"  # cut, so that it stays under 255 bytes, the longest name of most file systems
    with contextlib.suppress(OSError):  # a folder that can be written but not listed keeps its leftovers
        for name in os.listdir(target.parent):
            pid = name[len(stem) :]
            if name.startswith(stem) and pid.isdecimal() and not _is_running(int(pid)):
                _remove(target.parent / name)
    temporary = target.parent / f"{stem}{os.getpid()}"
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode), temporary


def _probe(target: Path) -> None:
    descriptor, temporary = _create_temporary(target, 0o600)
    os.close(descriptor)
    os.unlink(temporary)


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


def _require_regular(status: os.stat_result, path: str | os.PathLike) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InputError("is a folder, not a file", where=printable(path), fix="name a file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is not a regular file", where=printable(path), fix="name a file, not a pipe or a device")
