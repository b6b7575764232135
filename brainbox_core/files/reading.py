"""Files that may be anything when they are read: missing, a folder, a pipe that never ends, a web page."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

from brainbox_core.errors import InputError
from brainbox_core.errors import printable as printable  # where most look for it

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

_LOG = logging.getLogger("braininabox.files")
BINARY = getattr(os, "O_BINARY", 0)  # Windows translates line ends without it
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
    what, fix = _REASONS.get(error.errno or 0, (error.strerror or str(error), ""))
    if size is not None and what.startswith("disk full"):
        what += f" while writing (needs {size / 1e6:.1f} MB)"
    return InputError(what, where=printable(path), fix=fix)


@contextlib.contextmanager
def explained(path: str | os.PathLike, size: int | None = None) -> Iterator[None]:
    """What the system refuses in this block is told in the user's words; see `explain`."""
    try:
        yield
    except OSError as error:
        raise explain(error, path, size) from error


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Open a regular file for reading; never blocks on a pipe, a socket or a device.

    Args:
        path: where the file is; symbolic links are followed.

    Raises:
        InputError: the file is missing, is a folder or a device, or may not be read.
    """
    try:
        require_regular(os.stat(path), path)  # before opening: that alone can rewind a tape or wake a device
        # Without O_NONBLOCK, a named pipe put there in between would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | BINARY | _NONBLOCK)
    except PermissionError as error:
        raise InputError("may not be read", where=printable(path), fix="check the file's permissions") from error
    except (OSError, ValueError) as error:
        raise explain(error, path) from error
    file = os.fdopen(descriptor, "rb")
    try:
        require_regular(os.fstat(descriptor), path)
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
    with explained(path), open_regular(path) as file:  # its end as well can fail
        before = os.fstat(file.fileno())
        _LOG.debug("reading %s: %d bytes", printable(path), before.st_size)
        yield file, before.st_size
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


def standard_input(what: str) -> BinaryIO:
    """The bytes of standard input.

    Args:
        what: what is expected there, such as "a table".

    Raises:
        InputError: the caller closed it.
    """
    if sys.stdin is None:
        raise InputError("standard input is closed", fix=f"pipe {what} into the command")
    return sys.stdin.buffer


def require_regular(status: os.stat_result, path: str | os.PathLike) -> None:
    """Refuse a folder, a pipe or a device."""
    if stat.S_ISDIR(status.st_mode):
        raise InputError("is a folder, not a file", where=printable(path), fix="name a file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is not a regular file", where=printable(path), fix="name a file, not a pipe or a device")
