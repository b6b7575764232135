"""The one path of every trainer: check, seed, load, train, save, report, gate."""

from __future__ import annotations

import importlib
import io
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from brainbox_cli import options, parsers
from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame import resuming, runs
from brainbox_cli.frame.command import spelled
from brainbox_cli.frame.document import data_record, model_record
from brainbox_cli.frame.gate import Gate, shown
from brainbox_cli.frame.refused import Refused
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.run_folder import METRICS, MODEL, RUN, RunFolder
from brainbox_cli.frame.trainer import Trainer
from brainbox_cli.program import invoke
from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.files.reading import standard_input
from brainbox_core.files.writing import atomic_write, check_folder
from brainbox_core.screen.display import fitted, number, sparkline
from brainbox_core.screen.screen import Screen
from brainbox_core.tasks.contract import Data, Result, Settings, Task

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.network.summary import Summary

AnyTask = Task[Any, Any, Any]


def train(trainer: Trainer, reporter: Reporter, values: dict, given: set[str]) -> ExitCode:
    """Learn, keep the best weights and the records of the run, and show what came of it."""
    begun = resuming.begun(trainer, values, given)
    settings = begun.settings if begun else _settings(trainer, reporter, values, given)
    gate = Gate(trainer.metric, values["fail_under"], values["fail_over"])
    out = values["out"]
    if out and os.path.exists(out) and os.path.exists(settings.data) and os.path.samefile(out, settings.data):
        raise UsageError("is also the folder of the data", where=f"--out {out}", fix="choose another folder")
    reporter.document.set(seed=settings.seed, config=asdict(settings))
    reporter.say((f"{trainer.noun}: ", "bold cyan"), " | ".join(trainer.headline(settings)), wrap=True)
    if begun and begun.complete:
        reporter.answer(f"{begun.name} is already complete")
        return ExitCode.OK
    if values["dry_run"]:
        _prepare(trainer, reporter, settings)
        path = begun.path if begun else out or runs.next_run(trainer.noun).path
        pictures = " and pictures" * values["plot"]
        reporter.answer(f"would write {path / MODEL}, {RUN}, {METRICS}{pictures}; nothing was trained or written")
        return ExitCode.OK

    check_folder(out or runs.default_folder(trainer.noun))
    if not out and (why := _lesser(trainer, settings, values)) and (kept := runs.current(trainer.noun)):
        reporter.note(f"this run {why}: {kept.name} stays current")
    task, data, model = _prepare(trainer, reporter, settings)
    asked = {name: values[name] for name in options.OF_A_RUN if name in given and name != "out"}
    start = {**asdict(settings), "sha256": data.sha256, "options": asked}
    folder = begun.folder(model, data) if begun else runs.open_run(trainer.noun, out, start)
    with folder, resuming.resumable(trainer, reporter, folder, settings):
        progress = trainer.progress(reporter.text, settings, data)
        try:
            result = task.train(model, settings, data, callbacks=[folder, folder.keeper, *reporter.training(progress)])
            _require_learned(reporter, result)
        except ConvergenceError:
            _keep(reporter, folder, model)
            raise
        reporter.warn(*result.notes)
        folder.save(model)
        path = folder.path
        about = f"  ({trainer.best(result)})" if result.history else ""
        _show_metrics(trainer, reporter, "train", result, data, about, settings.seed)
        drawn = {}
        if values["plot"]:
            with reporter.working("drawing"):
                drawn = importlib.import_module(trainer.pictures).draw(path, model, data, result)
        words, examples = trainer.try_next(path, data)
        own = {"model": path / MODEL, "run": path / RUN, "metrics": path / METRICS}
        reporter.document.set(artifacts={**own, **drawn, **examples})
        code = _gate(reporter, gate, result.metrics)
        reporter.finish(code)
        atomic_write(path / RUN, (reporter.document.text() + "\n").encode())
        reporter.row("loss", _loss_curve(reporter, result.history))
        reporter.row("pictures", ", ".join(place.name for place in drawn.values()))
        use = _finish(trainer, reporter, folder, values, settings)
        reporter.row("next", shlex.join(["brainbox", trainer.noun, *words, *use]))
        reporter.row("reproduce", _reproduce(trainer, settings, values, given))
        if code != ExitCode.OK:
            reporter.show_error()
    if trainer.afterwards is not None and code == ExitCode.OK:
        trainer.afterwards(reporter, task, model, **{name: values[name] for name in trainer.train_choices})
    return code


def _lesser(trainer: Trainer, settings: Settings, values: dict) -> str:
    """Why a run is not to take the place of another, as far as that is known before it begins."""
    return "is a lesson in what goes wrong" if trainer.is_lesson(settings) else "is --quick" * values["quick"]


def _finish(trainer: Trainer, reporter: Reporter, folder: RunFolder, values: dict, settings: Settings) -> list[str]:
    """End a run whose files are all written; a run of the noun becomes current, unless it is a lesser one.

    Returns:
        The words by which another command finds its model.
    """
    fields = reporter.document.fields
    figures = {name: value for name, value in fields["metrics"].items() if name != "primary"}
    end = {"event": "end", "status": fields["status"], **figures}
    if values["out"] is not None:
        folder.record(**end)
        folder.complete()
        reporter.row("saved", str(folder.path))
        return ["--model", runs.name_of(trainer.noun, folder.path)]
    run = runs.Run(trainer.noun, int(folder.path.name))
    known = _lesser(trainer, settings, values)
    lesser = known or "did not pass its bar" * (fields["status"] != "ok")
    now = runs.finish(run, lambda: folder.record(**end), lesser=bool(lesser))
    folder.complete()
    is_current = now.name == str(run)
    if values["keep"] != options.ALL:
        try:
            runs.remove_old(trainer.noun, values["keep"])
        except InputError as error:
            reporter.warn(f"an old run is not removed: {error.line}")
    reporter.row("saved", f"{run.path} ({run}{', now current' if is_current else ''})")
    if lesser and (is_current or not known):  # else it was said before the training
        stays = f"{run} is current only because there is no other" if is_current else f"{now.name} stays current"
        reporter.note(f"this run {lesser}: {stays}")
    if not is_current:
        return ["--model", str(run)]
    # With BRAINBOX_OUT, which the next shell may not have, the folder is named.
    return ["--model", str(run.path)] if os.environ.get("BRAINBOX_OUT") else []


def _settings(trainer: Trainer, reporter: Reporter, values: dict, given: set[str]) -> Settings:
    """The settings asked for; the noun chooses the others, which may depend on them. `--quick` changes only those."""
    names = trainer.setting_options
    asked = {name: values[name] for name in names if name in given}
    settings = _chosen(trainer, asked, values["quick"])
    if values["quick"]:
        usual = trainer.settings(**asked)
        changed = [name for name in names if getattr(settings, name) != getattr(usual, name)]
        words = [word for name in changed for word in spelled(names[name], getattr(settings, name))]
        reporter.say(("quick: ", "cyan"), " ".join(words) or "nothing to change")
    return settings


def _chosen(trainer: Trainer, asked: dict, quick: bool) -> Settings:
    settings = trainer.settings(**asked)
    return replace(settings.quick(), **asked) if quick else settings


def _prepare(trainer: Trainer, reporter: Reporter, settings: Settings) -> tuple[AnyTask, Data, Sequential]:
    """Load the data and build the model, and show both."""
    with reporter.working(f"loading {settings.data}") as progress:
        task = trainer.task
        data = task.load_data(settings, progress, standard_input)
        model = task.build_model(settings, data)
    reporter.warn(*data.notes)
    _show_layers(reporter, model.summary())
    counts = data.counts
    rows = f"{counts['train']:,} {data.unit} to train on, {counts['val']:,} held out"
    reporter.say(rows, f", {counts['test']:,} to test on" if counts["test"] else "", wrap=True)
    reporter.say()
    reporter.document.set(data=data_record(data), model=model_record(model))
    return task, data, model


def _require_learned(reporter: Reporter, result: Result) -> None:
    """Refuse to keep a model that is no better than a constant answer, however accurate that is."""
    if result.unlearned:
        reporter.warn(*result.notes)
        reporter.document.set(metrics=result.metrics, **_history(result))
        raise ConvergenceError(result.unlearned, fix="try another learning rate, more epochs or more data")


def _keep(reporter: Reporter, folder: RunFolder, model: Sequential) -> None:
    """Keep the last finite weights of a training that failed; if that fails, it is a warning beside the error."""
    try:
        kept = folder.keep(model)
    except InputError as error:
        reporter.warn(f"the last finite weights are not kept: {error.line}")
        return
    if kept is not None:
        reporter.document.set(artifacts={"checkpoint": kept})
        reporter.note(f"the last finite weights of this training are in {kept}")


def _show_layers(reporter: Reporter, summary: Summary) -> None:
    table = [["layer", "output", "parameters", "multiply-adds"]]
    for row in summary.rows:
        table.append([row.name, "x".join(map(str, row.output_shape)), f"{row.parameters:,}", f"{row.multiply_adds:,}"])
    table.append(["total", "", f"{summary.parameters:,}", f"{summary.multiply_adds:,}"])
    for line in fitted(table, reporter.text.width, left=2):
        reporter.say((line, "bright_black"))


def _reproduce(trainer: Trainer, settings: Settings, values: dict, given: set[str]) -> str:
    """The shortest command that does the same; epochs and seed are named in any case."""
    told = {name: getattr(settings, name) for name in trainer.setting_options}
    for name in [name for name in told if name not in ("epochs", "seed")]:
        rest = {other: value for other, value in told.items() if other != name}
        if _chosen(trainer, rest, values["quick"]) == settings:  # the noun would choose it by itself
            told = rest
    words = [word for name, value in told.items() for word in spelled(trainer.setting_options[name], value)]
    for name, option in options.OF_A_RUN.items():
        if name in given:
            words += spelled(option, values[name])
    return shlex.join(["brainbox", trainer.noun, *words])


def predict(trainer: Trainer, reporter: Reporter, values: dict, given: set[str]) -> ExitCode:
    """Answer for each input: in words for people, in columns for programs. What cannot be read does not stop it."""
    task, model = _load_model(trainer, reporter, values.pop("model"))
    _read_as(trainer, task, model, values)
    records, code = [], ExitCode.OK
    reporter.document.set(model=model_record(model), seed=model.seed)
    for answer in trainer.predict(reporter, task, model, **values):
        if isinstance(answer, Refused):
            code = reporter.fail(answer.error)
            if reporter.json:
                records.append({"input": answer.input, "error": reporter.document.fields["error"]})
            continue
        if reporter.json:  # who pipes millions of inputs through wants no memory of them
            records.append(answer.record)
        if reporter.tabs:
            reporter.answer_cells(answer.cells)
        elif answer.text:
            reporter.answer(*answer.text)
        for line in answer.below:
            reporter.beside.print(line)
    if code == ExitCode.OK:
        _say_which(reporter)
    reporter.document.set(result={"predictions": records})
    return code


def evaluate(trainer: Trainer, reporter: Reporter, values: dict, given: set[str]) -> ExitCode:
    """Measure a trained model by the test part of its own data, or of other data."""
    gate = Gate(trainer.metric, values["fail_under"], values["fail_over"])
    task, model = _load_model(trainer, reporter, values["model"])
    _read_as(trainer, task, model, values)
    name = values["data"] or _trained_on(model)
    try:
        with reporter.working(f"loading {name}") as progress:
            data = task.load_test_data(model, name, progress, standard_input)
    except InputError as error:
        if values["data"] is not None:
            raise
        raise InputError(f"it was trained on {name}: {error.line}", fix="name the data with --data") from error
    reporter.warn(*data.notes)
    if values["data"] is None and data.sha256 != model.meta["data"].get("sha256"):
        reporter.warn(f"{name} is not what it was when the model was trained on it")
    extra = {name: values[name] for name in trainer.evaluate_choices}
    reporter.document.set(
        data=data_record(data), model=model_record(model), seed=model.seed, config={"data": name, **extra}
    )
    with reporter.working("evaluating") as progress:
        result = task.evaluate(model, data, **extra, progress=progress)
    reporter.warn(*result.notes)
    changed = "".join(f", {name} {parsers.as_typed(extra[name])}" for name in extra if name in given)
    measured = data.counts["test"] or data.counts["val"]  # where there is no third part, what was held out
    about = f"  ({measured:,} {data.unit} of {name}{changed})"
    _show_metrics(trainer, reporter, "evaluate", result, data, about, model.seed)
    _say_which(reporter)
    code = _gate(reporter, gate, result.metrics)
    if code != ExitCode.OK:
        reporter.show_error()
    return code


def sample(trainer: Trainer, reporter: Reporter, values: dict, given: set[str]) -> ExitCode:
    """Let a model write: nothing but its text on standard output."""
    task, model = _load_model(trainer, reporter, values.pop("model"))
    reporter.document.set(model=model_record(model), seed=values["seed"], config=values)
    pieces = []
    for piece in trainer.predict(reporter, task, model, **values):
        reporter.write(piece)
        pieces.append(piece)
    reporter.end_text("".join(pieces[-1:]))
    _say_which(reporter)
    reporter.document.set(result={"text": "".join(pieces)})
    return ExitCode.OK


def _read_as(trainer: Trainer, task: Any, model: Sequential, values: dict) -> None:
    """Hand the options that say how the data is written to the task."""
    if trainer.reading:
        task.read_as(model, **{name: values.pop(name) for name in trainer.reading})


def _trained_on(model: Sequential) -> str:
    """The name of the data that a model was trained on, as its file says."""
    data = model.meta.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise UsageError("the model's file does not say what it was trained on", fix="name the data with --data")
    return data["name"]


def _load_model(trainer: Trainer, reporter: Reporter, model: str | None) -> tuple[AnyTask, Sequential]:
    """The model that `--model` means; the document names it, and `_say_which` says which it was."""
    try:
        found = runs.find_model(trainer.noun, model)
    except runs.NoModelError as error:
        if not trainer.of_texts or error.noun != trainer.noun:
            raise
        return _train_first(trainer, reporter)
    reporter.document.set(config={"model": found.name})
    with reporter.working("loading the model"):
        task = trainer.task
        return task, task.load_model(found.path, trainer.noun)


def _say_which(reporter: Reporter) -> None:
    """Name the model that was used, after what it gave; an error stays the last that is said."""
    reporter.row("model", reporter.document.fields["config"].get("model", ""))


def _train_first(trainer: Trainer, reporter: Reporter) -> tuple[AnyTask, Sequential]:
    """A model trained on the built-in data with the noun's defaults, and kept if its folder can be written."""
    settings = trainer.settings()
    reporter.note(f"there is no model yet: training one on {settings.data} (built in) first")
    unseen = Screen(io.StringIO())
    try:
        with reporter.working("training"):
            train_first([trainer.noun], unseen, unseen)
        return _load_model(trainer, reporter, None)
    except InputError as error:
        reporter.note(f"it is not kept: {error.line}")
    with reporter.working("training"):
        task = trainer.task
        data = task.load_data(settings)
        model = task.build_model(settings, data)
        _require_learned(reporter, task.train(model, settings, data))
    return task, model


def train_first(words: list[str], text: Screen, notes: Screen) -> None:
    """Run a training inside another command, whose document it leaves alone.

    Args:
        words: of its command line, after `brainbox`.
        text: what it shows goes there.
        notes: its notes and warnings go there.
    """
    reporter = Reporter(words)
    reporter.text, reporter.notes = text, notes
    invoke(words, reporter)


# shared by the verbs


def _history(result: Result) -> dict[str, Any]:
    """The epochs and what they took, as parts of the document."""
    return {
        "history": [{name: value for name, value in row.items() if name != "time_s"} for row in result.history],
        "timing": {"epochs_s": [round(row["time_s"], 3) for row in result.history]},
    }


def _show_metrics(
    trainer: Trainer, reporter: Reporter, verb: str, result: Result, data: Data, about: str, seed: int
) -> None:
    """The line with the main figure, and what the noun adds; both also go into the document."""
    metrics = result.figures
    reporter.document.set(
        metrics={"primary": trainer.metric, **metrics}, result=trainer.record(result), **_history(result)
    )
    left = f"{shown(trainer.metric)} {number(trainer.metric, metrics[trainer.metric])}"
    if reporter.quiet:
        reporter.answer(left)
        return
    doubt = f", but {result.doubt}" if result.doubt else ""
    space = " " * max(2, 60 - len(left + doubt + about))
    right = f"{reporter.seconds:.1f} s, seed {seed}"
    reporter.answer((left, "bold green"), (doubt, "bold yellow"), about, space, (right, "bright_black"), wrap=True)
    trainer.show(reporter, verb, result, data)


def _loss_curve(reporter: Reporter, history: list[dict]) -> str:
    losses = [row["train_loss"] for row in history]
    if not losses:  # solved at once, without an epoch
        return ""
    curve = sparkline(losses, reporter.text.unicode)
    return f"{losses[0]:.4f} {curve} {losses[-1]:.4f}"


def _gate(reporter: Reporter, gate: Gate, metrics: Mapping) -> ExitCode:
    """Whether the bar was cleared, as it goes into the document; nothing is shown yet."""
    value = metrics[gate.metric]
    reporter.document.set(threshold=gate.record(value))
    if failure := gate.failure(value):
        return reporter.failed(failure)
    return ExitCode.OK
