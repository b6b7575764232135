import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from brainbox_cli.frame import run_folder, runs
from brainbox_cli.frame.runs import Run, claim, current, find_model, finish, next_run, remove_old
from brainbox_core.errors import InputError


@pytest.fixture(autouse=True)
def out(tmp_path, monkeypatch):
    """The output folder; it does not exist yet."""
    monkeypatch.setenv("BRAINBOX_OUT", str(tmp_path / "out"))
    return tmp_path / "out"


def trained(status: str | None = "ok", noun: str = "cnn") -> Run:
    """A new run with a model, that ended somehow."""
    run = claim(noun)
    run.model.write_bytes(b"")
    end = {"event": "end", "status": status} if status else {"event": "epoch"}
    (run.path / "metrics.jsonl").write_text(json.dumps({"event": "start"}) + "\n" + json.dumps(end) + "\n")
    return run


def finished(lesser: bool = False) -> Run:
    run = trained()
    finish(run, lambda: None, lesser=lesser)
    return run


def numbers() -> list[int]:
    return [run.number for run in runs.all_runs("cnn")]


def test_only_a_new_folder_of_ours_is_hidden_from_git(out):
    claim("cnn")
    assert (out / ".gitignore").read_text() == "*\n"
    (out / ".gitignore").unlink()
    claim("mnist")
    assert not (out / ".gitignore").exists()


def test_a_number_that_was_taken_does_not_come_again(out):
    assert str(next_run("cnn")) == "cnn@1" and not out.exists()
    assert [claim("cnn").number for _ in range(3)] == [1, 2, 3]
    finish(Run("cnn", 3), lambda: None, lesser=False)
    (out / "cnn/runs/3").rmdir()
    for name in ("notes", "007", "٤", "0"):
        (out / "cnn/runs" / name).mkdir()
    (out / "cnn/runs/8").write_text("a file")
    assert next_run("cnn").number == 9
    (out / "cnn/runs/8").unlink()
    assert next_run("cnn").number == 4


def _claim(barrier, queue) -> None:
    barrier.wait()
    queue.put([claim("cnn").number for _ in range(5)])


def test_processes_never_get_the_same_number():
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_claim, args=(barrier, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [number for _ in processes for number in queue.get(timeout=30)]
    for process in processes:
        process.join()
    assert sorted(found) == list(range(1, 21))


def test_a_run_in_which_nothing_could_be_written_goes_again(out, monkeypatch):
    with runs.open_run("cnn", None, {}) as folder:
        assert not out.exists()
        folder.begin()
    assert [path.name for path in Run("cnn", 1).path.iterdir()] == ["metrics.jsonl"]

    def full(path, data) -> None:
        raise InputError("disk full")

    monkeypatch.setattr(run_folder, "atomic_write", full)
    with pytest.raises(InputError), runs.open_run("cnn", None, {}) as folder:
        folder.begin()
    assert numbers() == [1]
    (out / "mine").mkdir()
    with pytest.raises(InputError), runs.open_run("cnn", out / "mine", {}) as folder:
        folder.begin()
    assert (out / "mine").is_dir()  # which was there before


def test_a_lesser_run_is_current_only_where_nothing_else_is(out):
    assert current("cnn") is None
    assert finish(trained(), lambda: None, lesser=True).name == "cnn@1"
    assert finish(trained(), lambda: None, lesser=True).name == "cnn@1"
    assert finish(trained(), lambda: None, lesser=False).name == "cnn@3"
    assert json.loads((out / "cnn/current.json").read_text()) == {"run": 3}
    Run("cnn", 3).model.unlink()
    assert current("cnn") is None
    assert finish(trained(), lambda: None, lesser=True).name == "cnn@4"


@pytest.mark.skipif(run_folder.fcntl is None, reason="this system has no file locks of the kind used")
@pytest.mark.parametrize(
    "work", [lambda: finish(Run("cnn", 2), lambda: None, lesser=False), lambda: remove_old("cnn", 1)]
)
def test_one_process_at_a_time_says_what_is_current_and_what_is_old(work, out):
    finished(), trained(), trained()
    with run_folder.lock_folder(out / "cnn"):
        other = threading.Thread(target=work)
        other.start()
        other.join(0.3)
        assert other.is_alive() and current("cnn").name == "cnn@1" and numbers() == [1, 2, 3]
    other.join(10)
    assert not other.is_alive() and (current("cnn").name, numbers()) != ("cnn@1", [1, 2, 3])


def test_m35_the_next_run_sweeps_what_killed_ones_left(out):
    killed, empty, held = claim("cnn"), claim("cnn"), claim("cnn")
    for name in (".brainbox.lock", ".checkpoint.safetensors.tmp-999999999", "checkpoint.safetensors", "mine.tmp-1"):
        (killed.path / name).write_bytes(b"999999999")
    (held.path / ".model.safetensors.tmp-999999999").write_bytes(b"")
    with run_folder.lock_folder(held.path), runs.open_run("cnn", None, {}) as folder:
        folder.begin()
        assert folder.path == Run("cnn", 4).path and (folder.path / ".brainbox.lock").exists()
        assert not empty.path.exists()
        assert {path.name for path in killed.path.iterdir()} == {"checkpoint.safetensors", "mine.tmp-1"}
        assert {path.name for path in held.path.iterdir()} == {".brainbox.lock", ".model.safetensors.tmp-999999999"}
    assert {path.name for path in (out / "cnn").iterdir()} == {"runs"}
    assert (out / ".gitignore").exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("brainbox-out/cnn/runs/3", "cnn@3"),
        ("mine", "mine"),
        ("cnn@1", "./cnn@1"),
        ("@1", "./@1"),
        ("mnist", "./mnist"),
        ("-x", "./-x"),
    ],
)
def test_the_name_of_a_run_means_its_folder(path, name, monkeypatch):
    monkeypatch.delenv("BRAINBOX_OUT")
    assert runs.name_of("cnn", Path(path)) == name


def test_a_run_whose_end_cannot_be_recorded_does_not_become_current():
    def full() -> None:
        raise InputError("disk full")

    with pytest.raises(InputError):
        finish(trained(), full, lesser=False)
    assert current("cnn") is None


def test_a_model_in_the_folder_of_the_noun_is_current_until_a_good_run_is(out):
    (out / "cnn").mkdir(parents=True)
    old = out / "cnn/model.safetensors"
    old.write_bytes(b"")
    assert find_model("cnn", None) == (old, str(old))
    assert finish(trained(), lambda: None, lesser=True).path == old
    assert finish(trained(), lambda: None, lesser=False).name == "cnn@2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        '{"run": "1"}',
        '{"run": true}',
        '{"run": -1}',
        '{"run": 1e0}',
        "[" * 4000,
        "9" * 4000,
        " " * 5000,
    ],
)
def test_a_pointer_that_says_nothing_points_nowhere(text, out):
    finished()
    (out / "cnn/current.json").write_text(text)
    assert current("cnn") is None and next_run("cnn").number == 2
    with pytest.raises(InputError, match="no run of cnn is current") as caught:
        find_model("cnn", None)
    assert caught.value.fix == "there is cnn@1"
    finished(lesser=True)
    assert current("cnn").name == "cnn@2"


def test_a_pointer_that_cannot_be_read_still_points_somewhere(monkeypatch):
    def fails(*_):
        raise InputError("may not be read")

    finished()
    lesser = [trained(), trained()][1]
    with monkeypatch.context() as patch:
        patch.setattr(runs, "open_regular", fails)
        for work in (lambda: remove_old("cnn", 1), lambda: finish(lesser, lambda: None, lesser=True)):
            with pytest.raises(InputError, match="may not be read") as caught:
                work()
    fix = "name a run with --model, or remove it: the next training writes it anew"
    assert caught.value.fix == fix and caught.value.where.endswith("cnn/current.json")
    assert numbers() == [1, 2, 3] and current("cnn").name == "cnn@1"


def test_a_training_replaces_a_pointer_that_cannot_be_read(monkeypatch, out):
    def fails(*_):
        raise InputError("may not be read")

    finished()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "open_regular", fails)
        with runs.open_run("cnn", None, {}) as folder:
            folder.begin()
        assert finish(Run("cnn", 2), lambda: None, lesser=False).name == "cnn@2"
    assert json.loads((out / "cnn/current.json").read_text()) == {"run": 2}


def test_a_pointer_that_is_a_folder_is_found_before_the_training(out):
    (out / "cnn/current.json").mkdir(parents=True)
    with pytest.raises(InputError, match="is not a file"), runs.open_run("cnn", None, {}) as folder:
        folder.begin()
    assert not (out / "cnn/runs").exists()


def test_old_runs_go_and_the_current_one_and_those_that_can_go_on_stay():
    finished()
    for status in ("ok", "stopped", None, "error", "failed", "ok"):
        trained(status)
    (Run("cnn", 2).path / "of the user").mkdir()
    (Run("cnn", 2).path / "of the user" / "notes").write_text("")
    remove_old("cnn", 7)
    assert numbers() == [1, 2, 3, 4, 5, 6, 7]
    remove_old("cnn", 2)
    assert numbers() == [1, 3, 4, 6, 7]
    remove_old("cnn", 1)
    assert numbers() == [1, 3, 4, 7]


def test_a_removal_that_was_cut_short_goes_on_next_time(monkeypatch):
    finished()
    finished()
    records = Run("cnn", 1).path / "metrics.jsonl"
    unlink = runs.Path.unlink

    def killed(path) -> None:
        if path == records:
            raise KeyboardInterrupt
        unlink(path)

    monkeypatch.setattr(runs.Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        remove_old("cnn", 1)
    assert [path.name for path in Run("cnn", 1).path.iterdir()] == ["metrics.jsonl"]
    monkeypatch.undo()
    monkeypatch.setenv("BRAINBOX_OUT", str(records.parents[3]))
    remove_old("cnn", 1)
    assert numbers() == [2]


def test_a_run_that_cannot_be_removed_is_an_input_error(monkeypatch):
    finished()
    finished()

    def protected(path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(runs.Path, "unlink", protected)
    with pytest.raises(InputError, match="runs/1: permission denied"):
        remove_old("cnn", 1)


def test_what_a_model_may_be_called(tmp_path, out):
    first, second = finished(), finished()
    for name in (None, "cnn", "CNN", "cnn@2", "Cnn@2", "@2"):
        assert find_model("cnn", name) == (second.model, "cnn@2")
    assert find_model("mnist", "cnn@1") == find_model("cnn", "@1") == (first.model, "cnn@1")
    assert find_model("mnist", str(tmp_path)).path == tmp_path / "model.safetensors"
    assert find_model("mnist", str(first.path)).path == first.model
    assert find_model("mnist", str(first.model)) == (first.model, str(first.model))
    assert find_model("mnist", str(out / "cnn")).path == second.model  # of another output folder, too
    (out / "cnn/model.safetensors").write_bytes(b"")  # as --out leaves it
    assert find_model("mnist", str(out / "cnn")).path == out / "cnn/model.safetensors"
    assert find_model("mnist", "cnn").path == second.model
    for name in ("cnn@", "@0", "cnn@01", "dog@1", "cnn@1x"):
        assert find_model("cnn", name) == (runs.Path(name), name)


def test_a_run_that_is_not_there_is_told_what_is():
    with pytest.raises(runs.NoModelError, match="there is no model yet"):
        find_model("mnist", "cnn")
    with pytest.raises(InputError, match="cnn@1: there is no such run") as caught:
        find_model("mnist", "cnn@1")
    assert caught.value.fix == "train one first: brainbox cnn"
    for _ in range(23):
        finished()
    Run("cnn", 5).model.unlink()
    with pytest.raises(InputError, match="cnn@5: has no model, as it did not finish") as caught:
        find_model("cnn", "@5")
    told = caught.value.fix
    assert told.startswith("there are ..., cnn@3, cnn@4, cnn@6, ") and told.endswith(", cnn@23")


def test_the_newest_of_all_nouns():
    assert runs.newest_model() is None
    old, new = trained(), trained(noun="mnist")
    finish(old, lambda: None, lesser=False)
    finish(new, lambda: None, lesser=False)
    trained(noun="rnn")  # not current
    os.utime(old.model, (1e9, 1e9))
    assert runs.newest_model().name == "mnist@1"
    os.utime(new.model, (1e8, 1e8))
    assert runs.newest_model().name == "cnn@1"
