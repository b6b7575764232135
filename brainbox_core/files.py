"""Opening files that may be anything: missing, a folder, a pipe that never ends, a web page under a wrong name."""

from __future__ import annotations

import os
import stat
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


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file for reading; never blocks on a pipe, a socket or a device.

    Args:
        path: where the file is; symbolic links are followed.

    Raises:
        InputError: the file is missing, is a folder or a device, or may not be read.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe that nobody writes to waits for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path), fix="check the path") from error
    except PermissionError as error:
        if Path(path).is_dir():  # how Windows refuses to open a folder
            raise InputError("is a folder, not a file", where=str(path), fix="name a file") from error
        raise InputError("may not be read", where=str(path), fix="check the file's permissions") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be opened ({reason.lower()})", where=str(path), fix="check the path") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "is a folder, not a file" if stat.S_ISDIR(mode) else "is not a regular file"
        raise InputError(what, where=str(path), fix="name a file")
    return os.fdopen(descriptor, "rb")


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
