"""The lock that keeps two runs from writing into one folder."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from brainbox_core.errors import InputError
from brainbox_core.files.reading import explain, printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK_NAME = ".brainbox.lock"


@contextlib.contextmanager
def lock_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Keep other runs from writing into the same folder while the block runs.

    The system releases the lock when the process ends, however it ends, so a stale one cannot exist. Where the system
    has no such locks (Windows, some network drives) nothing is held.

    Args:
        folder: an existing folder that can be written.

    Raises:
        InputError: another process holds the folder.
    """
    if fcntl is None:
        yield
        return
    path = Path(folder) / LOCK_NAME
    try:
        descriptor = _lock(path)
    except (OSError, ValueError) as error:
        raise explain(error, path) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a file that stays behind locks nobody out
            path.unlink()  # while it is still locked, so that nobody's lock is removed but ours
        os.close(descriptor)


def _lock(path: Path) -> int:
    """An open descriptor of the lock file at `path`, locked, with our process id inside."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace")
            os.close(descriptor)
            who = f"process {holder}" if holder.isdigit() else "another process"
            fix = "wait for it, or choose another folder with --out"
            raise InputError(f"in use by {who}", where=printable(path.parent), fix=fix) from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                os.close(descriptor)
                raise
        # The previous holder may have removed the file between our open and our lock: then nobody else sees this one.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        os.close(descriptor)
