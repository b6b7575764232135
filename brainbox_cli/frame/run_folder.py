"""The folder of one training: the lock on it, and what is written into it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from brainbox_cli.frame.document import plain
from brainbox_cli.signals import stops
from brainbox_core.errors import BrainboxError, InputError
from brainbox_core.files.reading import explain, explained, printable, read_regular
from brainbox_core.files.writing import Journal, atomic_write, check_writable
from brainbox_core.training.callbacks import Callback, Checkpoint

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.network.learner import Learner, Logs

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module has no type of its own

LOCK_NAME = ".brainbox.lock"
LOCKS = fcntl is not None
MODEL, RUN, METRICS = "model.safetensors", "run.json", "metrics.jsonl"
_LARGEST_RECORD = 2**30  # bytes
CHECKPOINT = "checkpoint.safetensors"  # of a training that is under way, was stopped, or diverged


def ending(path: Path) -> str | None:
    """How the training in a folder ended: ok, failed (its gate), error or stopped; None if it did not end."""
    try:
        event = json.loads(read_regular(path / METRICS, _LARGEST_RECORD).splitlines()[-1])
        return event["status"] if event["event"] == "end" else None
    except (
        InputError,
        ValueError,
        LookupError,
        TypeError,
        RecursionError,
    ):  # killed, and be it in the middle of a line
        return None


@contextlib.contextmanager
def lock_folder(folder: str | os.PathLike, *, wait: bool = False) -> Iterator[Path]:
    """Keep other processes that also lock a folder out of it while the block runs.

    The system releases the lock when the process ends, however it ends, so a stale one cannot exist. Where the system
    has no such locks (Windows, some network drives) nothing is held.

    Args:
        folder: an existing folder that can be written.
        wait: until nobody else holds it.

    Yields:
        The folder.

    Raises:
        InputError: another process holds the folder, and `wait` is off.
    """
    if fcntl is None:
        yield Path(folder)
        return
    path = Path(folder) / LOCK_NAME
    try:
        descriptor = _lock(path, wait)
    except (OSError, ValueError) as error:
        raise explain(error, path) from error
    try:
        yield Path(folder)
    finally:
        with contextlib.suppress(OSError):  # a file that stays behind locks nobody out
            path.unlink()  # while it is still locked, so that nobody's lock is removed but ours
        with contextlib.suppress(OSError):  # it is closed in any case, and held nothing
            os.close(descriptor)


def _lock(path: Path, wait: bool) -> int:
    """An open descriptor of the lock file at `path`, locked, with our process id inside."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace")
            os.close(descriptor)
            who = f"process {holder}" if holder.isdigit() else "another process"
            fix = "wait until it has ended; a new training can go elsewhere with --out"
            raise InputError(f"in use by {who}", where=printable(path.parent), fix=fix) from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                os.close(descriptor)
                raise
        # The previous holder may have removed the file between our open and our lock: then nobody else sees this one.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                with contextlib.suppress(OSError):  # a full disk; others are not told who holds it
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        os.close(descriptor)


def _line(event: str, fields: Mapping[str, Any]) -> str:
    return json.dumps(plain({"event": event, **fields}), allow_nan=False)


class RunFolder(Callback):
    """The folder of one training: a callback that writes `metrics.jsonl` as the training goes on.

    Nothing is made, locked or changed before the training begins: one that is refused leaves all as it was. Each event
    is written when it happens: a run whose last event is not `end` was killed.

    Args:
        claim: gives the folder, made if it was not there, and locked. It is let go when the training has ended.
        settings: what the event `start` tells.
        history: of a training that goes on, the logs of its epochs so far; None if it begins.

    Attributes:
        keeper: the callback that writes the checkpoint, to be told after this one.
    """

    def __init__(
        self,
        claim: Callable[[], AbstractContextManager[Path]],
        settings: Mapping[str, Any],
        history: Sequence[Mapping[str, Any]] | None = None,
    ):
        self._claim, self._settings, self._history = claim, settings, history
        self.keeper = Checkpoint(CHECKPOINT)
        self._held = contextlib.ExitStack()
        self._metrics: Journal | None = None
        self._ended = False
        self.path: Path

    @property
    def begun(self) -> bool:
        return self._metrics is not None

    def begin(self) -> None:
        """Take the folder, and find out whether it can be written; once.

        Raises:
            InputError: it cannot be made or written, or another run uses it.
        """
        if self.begun:
            return
        self.path = self._held.enter_context(self._claim())
        for name in (MODEL, RUN, METRICS, CHECKPOINT):
            check_writable(self.path / name)
        self.keeper.path = self.path / CHECKPOINT
        if self._history is None:
            with explained(self.keeper.path):
                self.keeper.path.unlink(missing_ok=True)  # of an earlier training, whose records go now
        begun = [_line("start", self._settings), *(_line("epoch", logs) for logs in self._history or [])]
        atomic_write(self.path / METRICS, "".join(f"{line}\n" for line in begun).encode())
        self._metrics = Journal(self.path / METRICS)
        self._held.callback(self._metrics.close)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        with self._held:
            if self.begun and not self._ended:
                status = "error" if isinstance(error, Exception) else "stopped"
                reason = error.line if isinstance(error, BrainboxError) else repr(error)
                with contextlib.suppress(InputError):  # on a full disk the error that is on its way says more
                    self.record("end", status=status, error=reason)

    def record(self, event: str, **fields: Any) -> None:
        """Append one event to `metrics.jsonl`."""
        self.begin()
        assert self._metrics is not None  # which begin() opened
        self._metrics.add(_line(event, fields), sync=event == "end")
        self._ended = event == "end"

    def complete(self) -> None:
        """Take the checkpoint away, as nothing is left to go on with: until then, what was stopped at its end can."""
        with contextlib.suppress(OSError):
            self.keeper.path.unlink(missing_ok=True)

    def on_train_begin(self, model: Learner, logs: Logs) -> None:
        self.begin()

    def on_batch_end(self, model: Learner, logs: Logs) -> None:
        stops.insist()

    def save(self, model: Sequential) -> None:
        """Keep a trained model; what an earlier training left would pass for a part of this one.

        The earlier `run.json` goes before the model comes, so that a run that is killed in between leaves a model
        without a record, and never one with another's. If the model cannot be written, it comes back.
        """
        self.begin()
        record = self.path / RUN
        with explained(record):
            earlier = record.read_bytes() if record.is_file() else None
            record.unlink(missing_ok=True)
        try:
            model.save(self.path / MODEL)
        except BaseException:
            if earlier is not None:
                atomic_write(record, earlier)
            raise

    def keep(self, model: Sequential) -> Path | None:
        """Save the last weights of a training that failed; a model that was saved before stays.

        Returns:
            The file; None if no step was taken, as the weights are then those that every training starts from.
        """
        self.begin()
        if not model.compiled or not model.optimizer.steps:
            with explained(self.keeper.path):
                self.keeper.path.unlink(missing_ok=True)
            return None
        model.save(self.path / CHECKPOINT)
        return self.path / CHECKPOINT

    def on_epoch_end(self, model: Learner, logs: Logs) -> None:
        if logs not in (self._history or [])[-1:]:  # which a training that goes on may tell once more
            self.record("epoch", **logs)
