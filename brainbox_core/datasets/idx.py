"""IDX files, the format of MNIST: a magic number, one 32-bit size per axis, then the values, all big-endian.

The magic number is two zero bytes, the type of the values (8: unsigned bytes, the only one read here) and the number
of axes, so images start with 2051 and labels with 2049. Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database
of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import explained, kind_of, open_regular
from brainbox_core.files.writing import atomic_write

UNSIGNED_BYTE = 0x0800  # magic = this + the number of axes
CONTENT = {1: "labels (magic 2049)", 3: "images (magic 2051)"}
AGAIN = "download or copy the file again"
# Handwriting shrinks 2 to 10 times under gzip; a bomb shrinks up to 1032 times, the limit of the method.
LARGEST_GZIP_RATIO, ALWAYS_ALLOWED = 100, 2**24


def read_idx(path: str | Path, dims: int | None = None) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzipped or not (told by its content, not by its name).

    Every size is checked before memory is taken, and the file has to end where its header says.

    Args:
        path: the file.
        dims: the number of axes it must have, 3 for images and 1 for labels; None takes 1, 2 or 3.

    Returns:
        A uint8 array in the shape that the header gives.

    Raises:
        InputError: the file is missing, is something else, is damaged, or has another number of axes.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_idx(Path(folder, "labels.gz"), np.array([5, 0, 4], np.uint8))
        ...     read_idx(Path(folder, "labels.gz"), dims=1)
        array([5, 0, 4], dtype=uint8)
    """
    with explained(path), open_regular(path) as file:
        try:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if gzipped else file
            return _read(cast(BufferedReader, stream), file, path, dims)  # both have the methods of one
        except EOFError as error:
            raise InputError("the gzip data breaks off: the file is truncated", where=str(path), fix=AGAIN) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            what = f"the gzip data is damaged ({str(error).lower()})"
            raise InputError(what, where=str(path), fix=AGAIN) from error
        except OSError as error:
            raise InputError(f"cannot be read ({error})", where=str(path), fix=AGAIN) from error


def write_idx(target: str | Path | BinaryIO, array: np.ndarray) -> None:
    """Write an array of unsigned bytes as an IDX file; the same array always gives the same bytes.

    Args:
        target: a path, gzipped if it ends in `.gz`, or a file open for writing bytes.
        array: uint8 with 1 to 3 axes and at least one value.

    Raises:
        UsageError: the array is of another type, empty, or has too many axes.
        InputError: the file cannot be written.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 3 or not array.size:
        expected, got = "uint8 with 1 to 3 axes, not empty", f"{array.dtype} {array.shape}"
        raise UsageError("this array does not fit an IDX file", expected=expected, got=got)
    content = idx_header(array.shape) + array.tobytes()
    if not isinstance(target, (str, os.PathLike)):
        target.write(content)
    else:
        atomic_write(target, gzip.compress(content, mtime=0) if str(target).endswith(".gz") else content)


def idx_header(shape: tuple[int, ...]) -> bytes:
    """The bytes in front of the values.

    Example:
        >>> idx_header((60000, 28, 28)).hex(" ", 4)
        '00000803 0000ea60 0000001c 0000001c'
    """
    return struct.pack(f">I{len(shape)}I", UNSIGNED_BYTE + len(shape), *shape)


def _read(stream: BufferedReader, file: BinaryIO, path: str | Path, dims: int | None) -> np.ndarray:
    where = str(path)
    head = stream.read(16)
    if not head:
        raise InputError("the file is empty", where=where, fix=AGAIN)
    if stream is not file and head.startswith(b"\x1f\x8b"):
        raise InputError("is gzipped twice", where=where, fix="unpack it once: gunzip FILE.gz")
    magic = int.from_bytes(head[:4])
    if len(head) < 4 or magic >> 8 != UNSIGNED_BYTE >> 8 or not 1 <= magic & 0xFF <= 3:
        raise _not_idx(head, where)
    axes = magic & 0xFF
    if dims not in (None, axes):
        expected, got = (CONTENT.get(n, f"{n} axes (magic {UNSIGNED_BYTE + n})") for n in (dims, axes))
        fix = "images and labels are exchanged: rename the files" if {dims, axes} == {1, 3} else ""
        raise InputError("the wrong kind of IDX file", where=where, expected=expected, got=got, fix=fix)
    if len(head) < 4 + 4 * axes:
        raise InputError("breaks off inside its header", where=where, fix=AGAIN)
    shape = struct.unpack(f">{axes}I", head[4 : 4 + 4 * axes])
    promise = f"the header promises {' x '.join(f'{n:,}' for n in shape)} values"
    size, packed = math.prod(shape), os.fstat(file.fileno()).st_size
    if not size:
        raise InputError(f"{promise}: there is nothing in it", where=where, fix=AGAIN)
    if stream is not file and size > max(ALWAYS_ALLOWED, LARGEST_GZIP_RATIO * packed):
        what = f"{promise}, {size / packed:,.0f} times the size of the file: a damaged header or a gzip bomb"
        raise InputError(what, where=where, fix=AGAIN)
    if stream is file and size > packed - 4 - 4 * axes:
        raise InputError(f"truncated: {promise}, {packed - 4 - 4 * axes:,} are there", where=where, fix=AGAIN)
    stream.seek(4 + 4 * axes)
    array = np.empty(shape, np.uint8)
    filled, view = 0, array.data.cast("B")
    while filled < size and (count := stream.readinto(view[filled:])):
        filled += count
    if filled < size:
        raise InputError(f"truncated: {promise}, {filled:,} are there", where=where, fix=AGAIN)
    if stream.read(1):  # reading past the end also makes gzip compare its checksum
        raise InputError(f"{promise}, but more bytes follow", where=where, fix=AGAIN)
    return array


def _not_idx(head: bytes, where: str) -> InputError:
    kind = kind_of(head)
    if kind:
        look = "download it again and look at it in a text editor first"
        fix = look if kind == "a web page" else "unpack or convert it first"
        return InputError(f"is {kind}, not an IDX file", where=where, fix=fix)
    got = f"magic {int.from_bytes(head[:4])}" if len(head) >= 4 else f"{len(head)} bytes"
    what, expected = "is not an IDX file of unsigned bytes", "magic 2051 (images) or 2049 (labels)"
    return InputError(what, where=where, expected=expected, got=got, fix=AGAIN)
