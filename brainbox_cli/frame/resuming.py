"""Going on with a run that was stopped or killed: which one, what it was told, and that nothing has changed since."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from brainbox_cli import options, parsers
from brainbox_cli.frame import runs
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.run_folder import CHECKPOINT, LOCK_NAME, METRICS, MODEL, RunFolder, ending, lock_folder
from brainbox_cli.frame.runs import Run
from brainbox_cli.frame.trainer import Trainer
from brainbox_cli.signals import Stopped, stops
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import read_regular
from brainbox_core.tasks.contract import Data, Settings

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential

_LARGEST_RECORD = 2**30  # bytes


@dataclass(frozen=True)
class Begun:
    """A run that was begun.

    Attributes:
        run: the folder's number among those of the noun; None where it is another folder.
        path: its folder.
        settings: what it learns by.
        record: what its first event says, `event` left out.
        complete: whether it has ended by itself.
    """

    run: Run | None
    path: Path
    settings: Settings
    record: Mapping[str, Any]
    complete: bool

    @property
    def name(self) -> str:
        """How it is told: mnist@3, or the folder."""
        return str(self.run or self.path)

    def take_over(self, values: dict[str, Any], given: set[str], trainer: Trainer) -> None:
        """Give the run's options their values again; those of the command line may not be others.

        Raises:
            UsageError: a setting differs.
        """
        told = {name: getattr(self.settings, name) for name in trainer.setting_options}
        told["quick"] = bool(self.record.get("options", {}).get("quick"))
        for name in told:
            if name in given and values[name] != told[name]:
                was, now = (repr(parsers.as_typed(value)) for value in (told[name], values[name]))
                fix = "leave it out, or begin a new run without `resume`"
                raise UsageError(f"`{name}` differs from that of {self.name}", expected=was, got=now, fix=fix)
        for name, value in self.record.get("options", {}).items():
            if name not in given and name in options.OF_A_RUN:
                values[name] = value
                given.add(name)
        values["out"] = None if self.run else self.path

    def folder(self, model: Sequential, data: Data) -> RunFolder:
        """The folder, to go on in; the model takes its training up.

        Raises:
            InputError: the data have changed, or the checkpoint cannot be gone on with.
        """
        if data.sha256 != self.record.get("sha256"):
            fix = "restore the data, or begin a new run without `resume`"
            raise InputError("training data differs from checkpoint", where=f"{self.name}, {data.name}", fix=fix)
        if not os.path.exists(self.path / CHECKPOINT):  # killed before the first one
            return RunFolder(lambda: lock_folder(self.path), self.record, [])
        from brainbox_core.training import checkpoint

        model.unfinished = checkpoint.read(self.path / CHECKPOINT, self.record["command"])
        return RunFolder(lambda: lock_folder(self.path), self.record, model.unfinished.history)


def begun(trainer: Trainer, values: dict[str, Any], given: set[str]) -> Begun | None:
    """The run that `--resume` asks to go on with, whose options go into `values`; None if it was not given."""
    if values["resume"] is None:
        return None
    found = find(trainer, values["resume"], values["out"])
    if found.complete and (found.path / LOCK_NAME).exists() and not values["dry_run"]:
        runs.tidy(found.path)  # it was killed when all was written
    found.take_over(values, given, trainer)
    return found


@contextlib.contextmanager
def resumable(trainer: Trainer, reporter: Reporter, folder: RunFolder, settings: Settings) -> Iterator[None]:
    """Inside, whoever stops the run, or has no place left for it, is told how to go on with it."""
    try:
        with stops.recognised():
            yield
    except (Stopped, InputError) as error:
        if folder.begun:
            command = shlex.join(["brainbox", trainer.noun, "--resume", runs.name_of(trainer.noun, folder.path)])
            if isinstance(error, Stopped):
                reporter.resume = command
            else:
                reporter.note(f"to go on once there is a place to write: {command}")
            if settings.data == "-":
                reporter.note("the run read standard input: going on takes the same data there again")
        raise


def find(trainer: Trainer, which: str, out: Path | None) -> Begun:
    """The run that `--resume` means.

    Args:
        trainer: of the noun.
        which: NOUN@N, a folder or a checkpoint; if empty, the noun's last run that did not end, or its last one.
        out: the folder to write into, which is meant if nothing is named.

    Raises:
        InputError: there is no such run, or its record cannot be read.
    """
    run, path = None, Path(which) if which else out
    if path is None:
        every = [run for run in runs.all_runs(trainer.noun) if (run.path / METRICS).is_file()]
        if not every:
            where, fix = str(runs.default_folder(trainer.noun)), f"begin one: brainbox {trainer.noun}"
            raise InputError("there is no run to go on with", where=where, fix=fix)
        unfinished = [run for run in every if ending(run.path) != "error" and not _is_complete(run.path)]
        run = (unfinished or every)[-1]
    elif named := runs.named_run(trainer.noun, which):
        run = named
    elif path.name in (CHECKPOINT, METRICS, MODEL) and not os.path.isdir(path):
        path = path.parent
    if run is None and path is not None:
        ours = (r for r in runs.all_runs(trainer.noun) if os.path.exists(path) and os.path.samefile(r.path, path))
        run = next(ours, None)
    place = path if run is None else run.path
    assert place is not None
    name = str(run or place)
    if out is not None and not (os.path.exists(out) and os.path.exists(place) and os.path.samefile(out, place)):
        raise UsageError(f"`out` differs from the folder of {name}", got=str(out), fix="leave it out")
    if not os.path.isfile(place / METRICS):
        raise InputError("there is no such run", where=name, fix=f"begin one: brainbox {trainer.noun}")
    record = _first_event(place, name)
    if record.get("command") != trainer.noun:
        other = str(record.get("command"))
        what, fix = f"is a run of {other}", f"go on with it: brainbox {other} --resume {name}"
        raise InputError(what, where=name, expected=trainer.noun, fix=fix)
    return Begun(run, place, _settings(trainer, record, name), record, _is_complete(place))


def _is_complete(path: Path) -> bool:
    """Whether nothing is left to do: a run that was killed while it became current still has its checkpoint."""
    return ending(path) in ("ok", "failed") and not os.path.exists(path / CHECKPOINT)


def _first_event(path: Path, name: str) -> dict[str, Any]:
    content = read_regular(path / METRICS, _LARGEST_RECORD).splitlines()
    try:
        event = json.loads(content[0])
        if event.pop("event") == "start":
            return event
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise InputError(f"{METRICS} does not say what the run was told", where=name, fix="begin a new run")


def _settings(trainer: Trainer, record: Mapping[str, Any], name: str) -> Settings:
    known = vars(trainer.settings())
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items() if key in known}
    try:
        settings = trainer.settings(**told)
        for key, value in record.get("options", {}).items():
            if parser := getattr(options.OF_A_RUN[key].info, "parser", None):
                parser(value if isinstance(value, str) else parsers.as_typed(value))
    except (UsageError, typer.BadParameter, LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{METRICS} says something that no run was told ({error})"
        raise InputError(what, where=name, fix="begin a new run") from error
    return settings
