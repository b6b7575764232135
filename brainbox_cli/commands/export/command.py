"""`brainbox export`: a trained model becomes one C header, checked against the model before it is written."""

from __future__ import annotations

import difflib
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from brainbox_cli.commands.export.options import CHOICES
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.command import command
from brainbox_cli.frame.document import model_record, plain
from brainbox_cli.frame.reporter import STDOUT, Reporter
from brainbox_cli.frame.run_folder import MODEL
from brainbox_cli.frame.runs import Found, NoModelError, default_folder, find_model, keep_from_git, newest_model
from brainbox_cli.tour import NOUNS
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.files.writing import check_writable, make_folder, require_ours

TRAINED_FIRST = "cnn"  # what a bare `brainbox export` trains if there is no model at all
UNTRAINED = "neuron"  # keeps no model unless it is asked to, and learns in no time
ASKS = "regress"  # for values to predict from, on a terminal, unless it is told not to
TABLES = ("regress", "fraud")  # what learns from the rows of a table
PICTURES = "mnist"  # whose task also knows the data of a network of a user's own that reads pictures

if TYPE_CHECKING:
    from brainbox_core.export.exporter import Header
    from brainbox_core.export.report import Report
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tasks.contract import HeldOut


def _run(reporter: Reporter, values: dict, given: set[str]) -> ExitCode:
    out, example, board = values["out"], values["example"], values["board"]
    _check_options(reporter, values)
    if out == STDOUT:
        reporter.text = reporter.side = reporter.notes
    path, told = _find_model(reporter, values["source"] or values["model"])
    with reporter.working("loading the model"):
        from brainbox_core.datasets.catalog import load_images
        from brainbox_core.export import build
        from brainbox_core.export.c_names import cleaned, included

        model = _load(path)
    default = cleaned(str(model.meta.get("kind", "")) if path.name == MODEL else path.stem)
    place = out or Path(f"{values['name'] or default}.{'json' if values['format'] == 'json' else 'h'}")
    name = values["name"] or (default if place == STDOUT else cleaned(place.stem))
    places = _places(place, example, board)
    _check_places(path, places)
    if place != STDOUT and values["format"] == "c" and not values["force"]:
        require_ours(place)
    include = included(os.path.relpath(place, example.parent).replace(os.sep, "/")) if example else ""
    reporter.document.set(seed=model.seed, config=values, model=model_record(model))
    reporter.say(("export: ", "bold cyan"), f"{told} | {len(model.params):,} parameters | {place}", wrap=True)
    with reporter.working("reading data"):
        data = _held_out(reporter, model)
        calibration = load_images(values["calib"]).train_images if values["calib"] else None
    names = ("dtype", "weights", "optimize", "selftest", "verify", "ram_budget", "flash_budget", "max_drop")
    with reporter.working("exporting"):
        header = build(
            model,
            name,
            data=data,
            calibration=calibration,
            emulate=values["qemu"],
            progress=reporter.doing,
            **{option: values[option] for option in names},
        )
    report = header.report
    for note in report.notes:
        reporter.warn(note)
    _show(reporter, report, values["report"])
    texts = _texts(header, name, include, board, values["format"])
    figures: dict[str, float] = {"ram": report.ram, "flash": report.flash, "arena": report.arena}
    if report.accuracy:
        figures |= {"accuracy": report.accuracy.exported, "trained_accuracy": report.accuracy.trained}
    reporter.document.set(result=report.record(), metrics={"primary": "ram", **figures})
    if values["dry_run"]:
        reporter.answer(f"would write {', '.join(map(str, places.values()))}; nothing was written")
        return ExitCode.OK
    if not values["force"]:  # what says nothing of us may have been changed since: only the same is written over it
        for what in texts.keys() - ({"header"} if place == STDOUT else set()):
            require_ours(places[what], texts[what].encode())
    for what, text in texts.items():
        reporter.save(what, places[what], text.encode("ascii"))
    if report.checked and example is None and place != STDOUT and values["format"] == "c":
        words = ["brainbox", *reporter.document.fields["argv"], "--example", "main.c"]  # all else as it was
        reporter.row("next", shlex.join(words))
    return ExitCode.OK


# What is asked for


def _check_options(reporter: Reporter, values: Mapping) -> None:
    """What cannot be together, found before any work."""
    out, example = values["out"], values["example"]
    if values["source"] is not None and values["model"] is not None:
        raise UsageError("one model at a time", where="--model", fix="name the model once")
    if out == STDOUT and reporter.json:
        raise UsageError("standard output already belongs to --json", where="--out -", fix="name a file instead")
    if out == STDOUT and example is not None:
        raise UsageError("the example needs a header to include", where="--out -", fix="name a file: -o net.h")
    if example == STDOUT:
        raise UsageError("is not a file", where="--example -", fix="name a file: --example main.c")
    if values["board"] is not None and example is None:
        raise UsageError("adds to an example", where="--board", fix="add --example main.c")
    if out not in (None, STDOUT) and (out.suffix == ".json") != (values["format"] == "json"):
        fix = "name a .json file" if values["format"] == "json" else "name a .h file, or add --format json"
        raise UsageError("does not fit the format", where=f"--out {out}", fix=fix)
    if values["format"] == "json" and example is not None:
        raise UsageError("an example needs a C header", where="--example", fix="leave --format json out")
    if values["name"] is not None:
        from brainbox_core.export.c_names import identifier

        identifier(values["name"])
    if values["qemu"]:
        from brainbox_core.export.board import missing

        if packages := missing():
            raise InputError("the emulated board is not installed", where="--qemu", fix=f"apt-get install {packages}")


def _find_model(reporter: Reporter, source: str | None) -> Found:
    """The model that is meant; with nothing named the newest, and where there is none one that is trained now."""
    if source is None and (found := newest_model()):
        return found
    source = source or TRAINED_FIRST
    try:
        found = find_model(source, source)
    except NoModelError as error:
        _train(reporter, error)
        return find_model(source, source)
    if not os.path.exists(found.path) and (close := difflib.get_close_matches(source.casefold(), NOUNS, n=1)):
        raise InputError("no such file", where=printable(source), fix=f"did you mean the noun {close[0]}?")
    return found


def _train(reporter: Reporter, lack: NoModelError) -> None:
    """Give a noun that has no model one; a noun that learns nothing is refused."""
    from brainbox_cli.frame.run import train_first
    from brainbox_core.tasks.loading import NOUNS as TRAINERS

    words = [lack.noun, "--quick", *["--no-input"] * (lack.noun == ASKS)]
    if lack.noun == UNTRAINED:
        path = default_folder(UNTRAINED) / MODEL
        keep_from_git(path.parent.parent)
        make_folder(path.parent)
        words = [UNTRAINED, "--save", str(path)]
    elif lack.noun not in TRAINERS:
        raise lack
    line = shlex.join(["brainbox", *words])
    reporter.note(f"there is no model yet: training one first, as {line} does")
    text = reporter.notes if reporter.json else reporter.text
    train_first(words + ["--quiet"] * reporter.quiet, text, reporter.notes)


def _places(place: Path, example: Path | None, board: str | None) -> dict[str, Path]:
    """Every file that is to be written, by what it is."""
    places = {"header": place}
    if example is not None:
        places["example"] = example
        if board is not None:
            places |= {"start": example.with_name("start.c"), "linker": example.with_name(f"{board}.ld")}
    return places


def _check_places(model: Path, places: Mapping[str, Path]) -> None:
    """Each file can be written, and none is the model or another of them."""
    taken = {os.path.realpath(model): "the model that is read"}
    for what, path in places.items():
        if path == STDOUT:
            continue
        if other := taken.get(os.path.realpath(path)):
            raise UsageError(f"is {other}", where=str(path), fix="choose another name")
        taken[os.path.realpath(path)] = f"the {what} as well"
        check_writable(path)


# Data


def _load(path: Path) -> Sequential:
    """A model; where a noun's task checks more than its layers, also that."""
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tasks.loading import load_task

    model = Sequential.load(path)
    if (kind := model.meta.get("kind")) in (*TABLES, "rnn", "spam"):
        return load_task(kind).load_model(path, kind)
    return model


def _held_out(reporter: Reporter, model: Sequential) -> HeldOut | None:
    """What a model was not trained on; a header does without where that is not at hand or not what it was."""
    from brainbox_core.tasks.loading import NOUNS, load_task

    kind, data = model.meta.get("kind"), model.meta.get("data")
    if kind not in NOUNS:
        if model.meta.get("input") != "uint8" or not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return None  # a network of a user's own, of which only the ranges are known
        kind = PICTURES
    found = load_task(kind).held_out(model)
    if isinstance(found, str):
        what = "error on held-out rows" if kind in TABLES else "accuracy"
        reporter.note(f"the {what} is not measured: {found}")
        return None
    return found


# What comes out


def _show(reporter: Reporter, report: Report, form: str) -> None:
    if form == "json":
        reporter.hide()
        reporter.text.stream.write(json.dumps(plain(report.record()), indent=2) + "\n")
        return
    if reporter.quiet:
        checked = f"{report.checked} vectors bit-exact" if report.checked else "checked: NO"
        reporter.answer(f"{report.name}: RAM {report.ram:,} B, flash {report.flash:,} B, {checked}")
        return
    for number, line in enumerate(report.lines(reporter.text.width)):
        reporter.say((line, "bold" if number == 0 else ""), wrap=True)


def _texts(header: Header, name: str, include: str, board: str | None, form: str) -> dict[str, str]:
    from brainbox_core.export import board as boards

    texts = {"header": header.numbers if form == "json" else header.text}
    if include:
        texts["example"] = header.programs.filled("main" if board is None else "main_board", name, include)
    if board is not None:
        start, linker = boards.files(boards.BOARDS[board]).values()
        texts |= {"start": start, "linker": linker}
    return texts


app = typer.Typer(add_completion=False, rich_markup_mode="rich")
app.command(
    help="Turn a trained model into one C header for a small device, checked bit for bit before it is written.",
    epilog="brainbox export cnn -o digits.h --example main.c --board netduino2 --qemu",
)(command("export", None, _run, CHOICES))
