"""The folder of a training: where it is, and the records that are written into it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from brainbox_cli.frame.document import plain
from brainbox_cli.frame.lock import lock_folder
from brainbox_cli.tour import NOUNS
from brainbox_core.errors import BrainboxError, InputError
from brainbox_core.files.reading import atomic_write, check_writable, explain, make_folder
from brainbox_core.model.callbacks import Callback

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential

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
        ours: whether nobody chose it: then its new parent is hidden from Git.

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


class RunFolder(Callback):
    """An open folder of one training: a callback that writes `metrics.jsonl` as the training goes on.

    Each line of it is written when it happens: a run whose last event is not `end` was killed.
    """

    def __init__(self, path: Path):
        self.path = path
        self._finished = False

    def __enter__(self) -> RunFolder:
        try:
            self._metrics = open(self.path / METRICS, "wb", buffering=0)
        except OSError as error:
            raise explain(error, self.path / METRICS) from error
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        if not self._finished:
            status = "error" if isinstance(error, Exception) else "stopped"
            reason = error.line if isinstance(error, BrainboxError) else repr(error)
            with contextlib.suppress(InputError):  # on a full disk the error that is on its way says more
                self.record("end", status=status, error=reason)
        self._metrics.close()

    def record(self, event: str, **fields: object) -> None:
        """Append one event to `metrics.jsonl`."""
        self._finished = event == "end"
        try:
            line = json.dumps(plain({"event": event, **fields}), allow_nan=False) + "\n"
            self._metrics.write(line.encode())
        except OSError as error:
            raise explain(error, self.path / METRICS) from error

    def save(self, model: Sequential) -> None:
        """Keep a trained model; the checkpoint of an earlier training that failed would pass for a part of this one."""
        model.save(self.path / MODEL)
        try:
            (self.path / CHECKPOINT).unlink(missing_ok=True)
        except OSError as error:
            raise explain(error, self.path / CHECKPOINT) from error

    def keep(self, model: Sequential) -> Path | None:
        """Save the weights that a training has come to which cannot go on, beside the model that was there before.

        Returns:
            The file; None if no step was taken, as the weights are then those that every training starts from.
        """
        if not model.compiled or not model.optimizer.steps:
            return None
        model.save(self.path / CHECKPOINT)
        return self.path / CHECKPOINT

    def on_epoch_end(self, model: object, logs: Mapping) -> None:
        self.record("epoch", **logs)
