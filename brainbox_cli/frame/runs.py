"""The runs of a noun: numbered folders under `brainbox-out/NOUN/runs`, one of which is current."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from brainbox_cli.frame.run_folder import LOCKS, METRICS, MODEL, RunFolder, ending, lock_folder
from brainbox_cli.tour import NOUNS
from brainbox_core.errors import InputError
from brainbox_core.files.reading import explained, open_regular
from brainbox_core.files.writing import atomic_write, claim_folder, make_folder, remove_leftovers

RUNS, CURRENT = "runs", "current.json"
_MOST = 20  # runs that a hint lists
_SMALL = 4096  # bytes of `current.json` that are read; it has some twenty
_ANEW = "remove it: the next training writes it anew"
_ENDLESS = 10**15  # no number of a run
_NUMBER = re.compile("[1-9][0-9]{0,14}")
_NAME = re.compile(f"([a-z]*)@({_NUMBER.pattern})", re.IGNORECASE)


class Run(NamedTuple):
    """One training of a noun; its text is what `--model` takes: mnist@3."""

    noun: str
    number: int

    def __str__(self) -> str:
        return f"{self.noun}@{self.number}"

    @property
    def path(self) -> Path:
        """Its folder."""
        return default_folder(self.noun) / RUNS / str(self.number)

    @property
    def model(self) -> Path:
        """The file of its model."""
        return self.path / MODEL


class Found(NamedTuple):
    """A model that is meant, and how it is told: a run by its name, any other by its path."""

    path: Path
    name: str


class NoModelError(InputError):
    """A noun has not been trained yet."""

    def __init__(self, noun: str):
        self.noun = noun
        fix = f"train one first: brainbox {noun}"
        super().__init__("there is no model yet", where=str(default_folder(noun)), fix=fix)


def default_folder(noun: str) -> Path:
    """Where what a noun writes goes unless it is told otherwise: `brainbox-out/NOUN`, or `$BRAINBOX_OUT/NOUN`."""
    return Path(os.environ.get("BRAINBOX_OUT") or "brainbox-out") / noun


def keep_from_git(path: Path) -> None:
    """Make a folder that is hidden from Git, as nobody wants to commit models by accident; one that exists stays."""
    if not os.path.exists(path):
        make_folder(path)
        atomic_write(path / ".gitignore", b"*\n")


def all_runs(noun: str) -> list[Run]:
    """Every run of a noun, finished or not, in their order."""
    folder = default_folder(noun) / RUNS
    with explained(folder):
        names = os.listdir(folder) if os.path.isdir(folder) else []
    return [Run(noun, number) for number in sorted(int(name) for name in names if _NUMBER.fullmatch(name))]


def next_run(noun: str) -> Run:
    """The run that a training begins now, if no other is faster. A number that was taken does not come again."""
    taken = [run.number for run in all_runs(noun)]
    with contextlib.suppress(InputError):  # a `current.json` that cannot be read; the training may write it anew
        taken.append(_named_current(default_folder(noun)))
    return Run(noun, max(taken, default=0) + 1)


def claim(noun: str) -> Run:
    """Make the folder of a new run.

    Raises:
        InputError: it cannot be made.
    """
    folder = default_folder(noun)
    keep_from_git(folder.parent)
    make_folder(folder / RUNS)
    while not claim_folder((run := next_run(noun)).path):  # another process took this number
        pass
    return run


def sweep(noun: str) -> None:
    """Take away what killed processes left in the runs of a noun: empty folders, locks and temporary files.

    The noun's folder is locked by this process.
    """
    for run in all_runs(noun):
        tidy(run.path)
        if LOCKS:
            _remove_empty(run.path)


def tidy(folder: Path) -> None:
    """Take away what a killed process left in the folder of a run, unless the run is under way."""
    with contextlib.suppress(InputError), lock_folder(folder):
        remove_leftovers(folder)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it holds something
        folder.rmdir()


def open_run(noun: str, out: Path | None, settings: Mapping[str, Any]) -> RunFolder:
    """The folder of a training that is about to begin: that of a new run, unless another was asked for."""

    @contextlib.contextmanager
    def claimed() -> Iterator[Path]:
        if out is not None:
            make_folder(out)
            with lock_folder(out):
                yield out
            return
        keep_from_git(default_folder(noun).parent)
        make_folder(default_folder(noun))
        pointer = default_folder(noun) / CURRENT
        if os.path.exists(pointer) and not os.path.isfile(pointer):
            raise InputError("is not a file", where=str(pointer), fix=_ANEW)
        with contextlib.ExitStack() as held:
            with lock_folder(default_folder(noun), wait=True):  # nobody sweeps a folder before it is locked
                sweep(noun)
                path = claim(noun).path
                held.callback(_remove_empty, path)
                held.enter_context(lock_folder(path))
            yield path

    return RunFolder(claimed, {"command": noun, **settings})


def current(noun: str) -> Found | None:
    """The model that the verbs of a noun use: that of its current run, or one that lies in the noun's folder itself.

    There `neuron --save` puts it, as versions of brainbox did that knew no runs.
    """
    run = Run(noun, _named_current(default_folder(noun)))
    there = default_folder(noun) / MODEL
    for found in (Found(run.model, str(run)), Found(there, str(there))):
        if os.path.isfile(found.path):
            return found
    return None


def finish(run: Run, end: Callable[[], object], *, lesser: bool) -> Found:
    """End a run whose files are all written, and make it current.

    Args:
        run: it is locked by this process.
        end: records that it ended.
        lesser: it becomes current only where nothing else is.

    Returns:
        What is current now.
    """
    with lock_folder(default_folder(run.noun), wait=True):
        end()
        if lesser and (other := current(run.noun)):
            return other
        atomic_write(default_folder(run.noun) / CURRENT, json.dumps({"run": run.number}).encode())
    return Found(run.model, str(run))


def remove_old(noun: str, keep: int) -> None:
    """Remove finished runs but for the newest and the current one; those that were stopped can go on, and stay.

    Args:
        noun: whose.
        keep: how many finished ones stay.

    Raises:
        InputError: one cannot be removed.
    """
    with lock_folder(default_folder(noun), wait=True):
        finished = [run for run in all_runs(noun) if ending(run.path) not in (None, "stopped")]
        for run in finished[:-keep]:
            if run.number == _named_current(default_folder(noun)):
                continue
            with explained(run.path):
                # The records go last: what is left if this is cut short is still a finished run, and goes next time.
                for path in sorted(run.path.iterdir(), key=lambda path: path.name == METRICS):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                run.path.rmdir()


def find_model(noun: str, model: str | None) -> Found:
    """The model that `--model` means.

    Args:
        noun: the command that asks, whose current run is meant if nothing is given.
        model: a noun (its current run), NOUN@N or @N, a folder or a file.

    Raises:
        NoModelError: the noun that is meant has no model at all.
        InputError: there is no such run, or none that is current.
    """
    if model is None or model in NOUNS or (model.casefold() in NOUNS and not os.path.exists(model)):
        named = (model or noun).casefold()
        if found := current(named):
            return found
        if fix := _existing(named):
            raise InputError(f"no run of {named} is current", where=str(default_folder(named)), fix=fix)
        raise NoModelError(named)
    if run := named_run(noun, model):
        named = run.noun
        if not os.path.isfile(run.model):
            what = "has no model, as it did not finish" if os.path.isdir(run.path) else "there is no such run"
            raise InputError(what, where=str(run), fix=_existing(named) or f"train one first: brainbox {named}")
        return Found(run.model, str(run))
    path = Path(model)
    if os.path.isdir(path):
        number = 0 if os.path.exists(path / MODEL) else _named_current(path)
        path = path / RUNS / str(number) / MODEL if number else path / MODEL
    return Found(path, str(path))


def named_run(noun: str, name: str) -> Run | None:
    """The run that a name means, NOUN@N or @N, whether it exists or not; None if it is no such name."""
    match = _NAME.fullmatch(name)
    if match and (named := match[1].casefold() or noun) in NOUNS:
        return Run(named, int(match[2]))
    return None


def name_of(noun: str, path: Path) -> str:
    """What another command calls the folder of a run: its name, or its path where the next shell might not find it."""
    ours = path.parent == default_folder(noun) / RUNS and not os.environ.get("BRAINBOX_OUT")
    if ours:
        return f"{noun}@{path.name}"
    other = str(path) in NOUNS or named_run(noun, str(path)) or str(path).startswith("-")
    return os.path.join(os.curdir, path) if other else str(path)


def newest_model() -> Found | None:
    """What is current of the noun that was trained last; None if nothing was trained."""
    found = [model for noun in NOUNS if (model := current(noun))]
    return max(found, key=lambda model: model.path.stat().st_mtime, default=None)


def _existing(noun: str) -> str:
    """The runs that have a model, for a hint; empty if none has."""
    names = [str(run) for run in all_runs(noun) if os.path.isfile(run.model)]
    shown = ", ".join(["..."] * (len(names) > _MOST) + names[-_MOST:])
    return shown and f"there {'are' if names[1:] else 'is'} {shown}"


def _named_current(folder: Path) -> int:
    """The number in `current.json` of a noun's folder; 0 if there is none, or it says nothing.

    Raises:
        InputError: it cannot be read: then nothing may take its place, or be removed as if it were not current.
    """
    path = folder / CURRENT
    if not os.path.isfile(path):
        return 0
    try:
        with explained(path), open_regular(path) as file:  # closing it may fail, too
            content = file.read(_SMALL)
    except InputError as error:
        raise InputError(error.what, where=str(path), fix=f"name a run with --model, or {_ANEW}") from error
    try:
        number = json.loads(content)["run"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0
    return number if type(number) is int and 0 < number < _ENDLESS else 0
