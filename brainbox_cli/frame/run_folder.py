"""The folder of a training: where it is, the lock on it, and the records that are written into it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from brainbox_cli.frame.document import plain
from brainbox_cli.tour import NOUNS
from brainbox_core.errors import BrainboxError, InputError
from brainbox_core.files.reading import explain, explained, printable
from brainbox_core.files.writing import atomic_write, check_writable, make_folder
from brainbox_core.model.callbacks import Callback

if TYPE_CHECKING:
    from brainbox_core.model.network import Logs, Network
    from brainbox_core.model.sequential import Sequential

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module has no type of its own

LOCK_NAME = ".brainbox.lock"
MODEL, RUN, METRICS = "model.safetensors", "run.json", "metrics.jsonl"
CHECKPOINT = "checkpoint.safetensors"  # of a training that diverged


def default_folder(noun: str) -> Path:
    """Where a noun's model goes without `--out`: `brainbox-out/NOUN`, or `$BRAINBOX_OUT/NOUN`."""
    return Path(os.environ.get("BRAINBOX_OUT") or "brainbox-out") / noun


def model_path(noun: str, model: str | None) -> tuple[Path, bool]:
    """The file that `--model` means, and whether it is where a training without `--out` puts it.

    Args:
        noun: the command that asks, whose own model is meant if nothing is given.
        model: a noun, a folder or a file.
    """
    if model is None or model in NOUNS:
        return default_folder(model or noun) / MODEL, True
    path = Path(model)
    return (path / MODEL if os.path.isdir(path) else path), False


def keep_from_git(path: Path) -> None:
    """Make a folder that is hidden from Git, as nobody wants to commit models by accident; one that exists stays."""
    if not os.path.exists(path):
        make_folder(path)
        atomic_write(path / ".gitignore", b"*\n")


@contextlib.contextmanager
def open_folder(path: Path, *, ours: bool) -> Iterator[RunFolder]:
    """Make the folder, lock it against other runs, and find out before any work whether it can be written.

    Args:
        path: the folder.
        ours: whether it is the default folder, whose new parent is hidden from Git.

    Raises:
        InputError: it cannot be made or written, or another run uses it.
    """
    if ours:
        keep_from_git(path.parent)
    make_folder(path)
    with lock_folder(path):
        for name in (MODEL, RUN, METRICS, CHECKPOINT):
            check_writable(path / name)
        with RunFolder(path) as folder:
            yield folder


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


class RunFolder(Callback):
    """An open folder of one training: a callback that writes `metrics.jsonl` as the training goes on.

    Each line of it is written when it happens: a run whose last event is not `end` was killed.
    """

    def __init__(self, path: Path):
        self.path = path
        self._finished = False

    def __enter__(self) -> RunFolder:
        with explained(self.path / METRICS):
            self._metrics = open(self.path / METRICS, "wb", buffering=0)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if not self._finished:
            status = "error" if isinstance(error, Exception) else "stopped"
            reason = error.line if isinstance(error, BrainboxError) else repr(error)
            with contextlib.suppress(InputError):  # on a full disk the error that is on its way says more
                self.record("end", status=status, error=reason)
        self._metrics.close()

    def record(self, event: str, **fields: Any) -> None:
        """Append one event to `metrics.jsonl`."""
        self._finished = event == "end"
        line = json.dumps(plain({"event": event, **fields}), allow_nan=False) + "\n"
        with explained(self.path / METRICS):
            self._metrics.write(line.encode())

    def save(self, model: Sequential) -> None:
        """Save a trained model, and delete the checkpoint of an earlier training that failed."""
        model.save(self.path / MODEL)
        with explained(self.path / CHECKPOINT):
            (self.path / CHECKPOINT).unlink(missing_ok=True)

    def keep(self, model: Sequential) -> Path | None:
        """Save the last weights of a training that failed; a model that was saved before stays.

        Returns:
            The file; None if no step was taken, as the weights are then those that every training starts from.
        """
        if not model.compiled or not model.optimizer.steps:
            return None
        model.save(self.path / CHECKPOINT)
        return self.path / CHECKPOINT

    def on_epoch_end(self, model: Network, logs: Logs) -> None:
        self.record("epoch", **logs)
