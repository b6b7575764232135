"""Pipes that close, disks that are full, signals: each ends the run with its code, and nothing half-written is left."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.cli.shell import COMMAND, brainbox, document, environment, python, start

LONG = ("mnist", "--epochs", "500", "--limit", "2000")


def wait_for_epoch(process: subprocess.Popen) -> None:
    for line in process.stdout:
        if line.split()[:1] == ["1"]:
            return
    pytest.fail(f"the training ended: {process.stderr.read()}")


def left_in(folder) -> set[str]:
    return {path.name for path in (folder / "brainbox-out/mnist/runs/1").iterdir()}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals(number, code, tmp_path):
    process = start(*LONG, cwd=tmp_path)
    wait_for_epoch(process)
    begin = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert time.monotonic() - begin < 10
    assert process.returncode == code
    assert told.splitlines() == [f"stopped by {number.name}", "resume     brainbox mnist --resume mnist@1"]
    assert left_in(tmp_path) == {"metrics.jsonl", "checkpoint.safetensors"}


def test_a_stopped_run_is_still_a_document(tmp_path):
    process = start(*LONG, "--json", cwd=tmp_path)
    for line in process.stderr:
        if line.split()[:1] == ["1"]:
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    fields = document(output)
    assert (fields["status"], fields["exit_code"], fields["error"]["kind"]) == ("stopped", 130, "interrupted")


def test_an_interrupt_that_is_ignored_from_the_start_stays_ignored(tmp_path):
    process = start("mnist", "--epochs", "20", "--limit", "1000", cwd=tmp_path, interrupts=signal.SIG_IGN)
    wait_for_epoch(process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "test accuracy" in output


@pytest.mark.parametrize("words", [LONG, ("mnist", "--help"), ("--json", "-q", *LONG[:1], "--lr", "0")])
def test_a_reader_that_has_seen_enough_ends_it_quietly(words, tmp_path):
    process = start(*words, cwd=tmp_path)
    process.stdout.close()
    with process.stderr as stream:
        told = stream.read()
    assert process.wait(timeout=60) == 141
    assert [line for line in told.splitlines() if not line.startswith(("error: ", "hint: "))] == []


@pytest.mark.parametrize("words", [("neuron",), LONG])
def test_a_reader_of_colours_that_has_seen_enough_ends_it_quietly_too(words, tmp_path):
    process = start(*words, cwd=tmp_path, FORCE_COLOR="1")
    process.stdout.close()
    with process.stderr as stream:
        assert stream.read() == ""
    assert process.wait(timeout=60) == 141


def test_closed_outputs(tmp_path):
    def run(script: str) -> subprocess.CompletedProcess:
        command = ["sh", "-c", script, "sh", *COMMAND, "mnist", "-e", "1", "--limit", "500"]
        env = environment()
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert run('"$@" >&-').returncode == 141
    done = run('"$@" 2>&-')
    assert (done.returncode, "test accuracy" in done.stdout) == (0, True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["", "--help", "mnist -e 1 --limit 500", "mnist -n --json -q"])
def test_an_output_that_is_full_is_an_error(words, tmp_path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *words.split()],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-2:] == [
        "error: standard output: no space left on device",
        "hint: free some space or write somewhere else",
    ]


def test_rows_are_flushed_as_they_come(tmp_path):
    process = start(*LONG, cwd=tmp_path)
    wait_for_epoch(process)  # would wait for 500 epochs if the row stayed in a buffer
    assert process.poll() is None
    process.kill()
    process.communicate()
    events = (tmp_path / "brainbox-out/mnist/runs/1/metrics.jsonl").read_text()
    assert '"epoch": 1' in events and '"event": "end"' not in events  # told from a finished run


def test_two_runs_do_not_share_a_folder(tmp_path):
    first = start(*LONG, "--out", "mine", cwd=tmp_path)
    wait_for_epoch(first)
    second = brainbox("mnist", "-e", 1, "--limit", 500, "--out", "mine", cwd=tmp_path)
    first.terminate()
    first.communicate()
    assert second.returncode == 3
    assert f"in use by process {first.pid}" in second.stderr


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_ascii(settings, tmp_path):
    (tmp_path / "größe").mkdir()
    done = subprocess.run(
        [*COMMAND, "mnist", "-e", "3", "--limit", "500", "-o", "größe"],
        cwd=tmp_path,
        env=environment(**settings, PYTHONCOERCECLOCALE="0"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii() and b"saved" in done.stdout


def test_force_color_colours_a_pipe_and_moves_nothing(tmp_path):
    done = brainbox("mnist", "-e", 2, "--limit", 500, cwd=tmp_path, FORCE_COLOR="1")
    assert "\x1b[1;36mepoch" in done.stdout
    assert "\r" not in done.stdout and "\x1b[2K" not in done.stdout and "\x1b[?25l" not in done.stdout
    done = brainbox("mnist", "-e", 2, "--limit", 500, cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b" not in done.stdout


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@FULL
@pytest.mark.parametrize("words", ["", "neuron", "descent --json", "convolve -o -"])
def test_a_full_output_is_an_error_without_buffers_too(words, tmp_path):
    with open("/dev/full", "wb") as full:
        env = environment(PYTHONUNBUFFERED="1")
        command = [*COMMAND, *words.split()]
        done = subprocess.run(command, cwd=tmp_path, env=env, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"error: standard output: no space left on device" in done.stderr


@FULL
@pytest.mark.parametrize(
    ("words", "code"), [("neuron", 0), ("neuron --json", 0), ("bogus", 2), ("neuron --gate xor", 4)]
)
def test_a_full_standard_error_costs_neither_answer_nor_code(words, code, tmp_path):
    with open("/dev/full", "wb") as full:
        command = [*COMMAND, *words.split()]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.returncode == code
    assert bool(done.stdout) == (words != "bogus")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_does_not_block_gets_everything(unbuffered, tmp_path):
    read, write = os.pipe()
    os.set_blocking(write, False)
    env = environment(PYTHONUNBUFFERED=unbuffered)
    process = subprocess.Popen([*COMMAND, "convolve", "-o", "-"], cwd=tmp_path, env=env, stdout=write, stderr=-3)
    os.close(write)
    time.sleep(1)  # the pipe is full long before the picture is written
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    assert process.wait(timeout=60) == 0
    assert len(content) > 2**16 and content.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_libraries_are_loaded_is_told(number, tmp_path):
    """From the first import of ours on: in the middle of that of Rich, Typer or NumPy."""
    for module in ("brainbox_core.errors", "typer", "numpy", "numpy.linalg"):
        require_told(number, module, tmp_path)


@pytest.mark.parametrize("module", ["brainbox_cli.signals", "signal"])
def test_an_interrupt_before_signals_are_caught_is_told(module, tmp_path):
    """Python itself makes a KeyboardInterrupt of it, in the middle of the first import of ours."""
    require_told(signal.SIGINT, module, tmp_path)


@pytest.mark.parametrize("caught", ["Exception", "BaseException"])
def test_a_signal_that_a_library_takes_for_its_own_failure_is_told(caught, tmp_path):
    """Matplotlib, whose C++ calls Python, made `Invalid affine transformation matrix` of one."""
    program = """
import os, signal, sys, time
from brainbox_cli.app import main
from brainbox_core.screen import plotting
def draw(figure):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except CAUGHT:
        raise ValueError("Invalid affine transformation matrix")
plotting._encoded = draw
sys.argv = ["brainbox", "regress", "--json", "--plot"]
main()
"""
    done = python("-c", program.replace("CAUGHT", caught), cwd=tmp_path)
    assert (done.returncode, document(done.stdout)["status"]) == (143, "stopped"), done.stderr
    assert "resume     brainbox regress --resume regress@1" in done.stderr and "bug" not in done.stderr
    end = json.loads((tmp_path / "brainbox-out/regress/runs/1/metrics.jsonl").read_text().splitlines()[-1])
    assert (end["event"], end["status"]) == ("end", "stopped")


def test_a_signal_whose_exception_came_to_nothing_ends_the_training_at_its_next_step(tmp_path):
    """Python passes over what is raised in a destructor."""
    program = """
import os, signal, sys, time
from brainbox_cli.app import main
from brainbox_cli.frame.run_folder import RunFolder
sys.unraisablehook = lambda unraisable: None
class Dies:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
def on_train_begin(self, model, logs, begin=RunFolder.on_train_begin):
    begin(self, model, logs)
    Dies()
RunFolder.on_train_begin = on_train_begin
sys.argv = ["brainbox", "mnist", "--epochs", "500", "--limit", "2000"]
main()
"""
    done = python("-c", program, cwd=tmp_path)
    assert done.returncode == 143 and "resume     brainbox mnist --resume mnist@1" in done.stderr


def require_told(number: int, module: str, folder) -> None:
    program = """
import os, sys
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "MODULE":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), NUMBER)
sys.meta_path.insert(0, Stop())
sys.argv = ["brainbox", "regress", "--json", "--no-input"]
from brainbox_cli.app import main
main()
"""
    script = program.replace("MODULE", module).replace("NUMBER", str(int(number)))
    done = python("-c", script, cwd=folder)
    assert (done.returncode, "Traceback" in done.stderr) == (128 + number, False), (module, done.stderr)
    assert document(done.stdout)["status"] == "stopped"
