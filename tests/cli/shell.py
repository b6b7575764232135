"""Running `brainbox` as its users do: in a process of its own, with pipes or in a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import jsonschema

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "brainbox_cli"]
SCHEMA = json.loads((ROOT / "brainbox_cli" / "run.schema.json").read_text())
FAST = ("--epochs", "2", "--limit", "1000")
UNWANTED = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM", "BRAINBOX_OUT", "BRAINBOX_SEED", "PYTHONIOENCODING")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def environment(**changes: str) -> dict[str, str]:
    """The tests' environment without what changes the output, with the project on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in (*UNWANTED, *THREADS)}
    paths = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    return {**kept, "PYTHONPATH": paths, "PYTHONUTF8": "1", "TERM": "xterm-256color", **changes}


def brainbox(*words: object, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess:
    """Run with pipes; the output is text."""
    return python(*COMMAND[1:], *words, cwd=cwd, stdin=stdin, **env)


def python(*words: object, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess:
    """Run Python with pipes; the output is text, line ends as they came."""
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=environment(**env), timeout=120, check=False
    )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def run(*words: object, cwd: Path, code: int = 0) -> dict:
    """Run with --json, however long it takes; its document, after it ended with a code."""
    command = [*COMMAND, *map(str, words), "--json"]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return document(done.stdout)


def start(*words: object, cwd: Path, interrupts: object = signal.SIG_DFL, **env: str) -> subprocess.Popen:
    """Start with pipes and go on; SIGINT as a shell would hand it on, or ignored."""
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, interrupts),  # noqa: PLW1509 - the tests start no threads
    )


def in_terminal(*words: object, cwd: Path, columns: int = 100, **env: str) -> tuple[int, str]:
    """Run with all three streams on a terminal; gives the code and everything that was written to it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)], cwd=cwd, env=environment(**env), stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    written = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # Linux reports the end of a terminal so
            break
        if not block:
            break
        written += block
    os.close(master)
    return process.wait(timeout=60), written.decode(errors="replace").replace("\r\n", "\n")


def screen(written: str) -> list[str]:
    """The lines that stand on a terminal, wide enough for all, after everything was written to it."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\s\S]", written):
        if token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\r":
            column = 0
        elif token.endswith("A") and len(token) > 1:
            row -= int(token[2:-1])
        elif token == "\x1b[2K":
            lines[row] = ""
        elif len(token) == 1:
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def document(text: str) -> dict:
    """The one JSON object that a text consists of, checked against the schema."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not a finite number")

    fields = json.loads(text, parse_constant=refuse)
    jsonschema.validate(fields, SCHEMA)
    return fields


def run_here(*words: str) -> tuple[int, dict]:
    """The code and the document of a run in this process, which is much faster than a process of its own."""
    from brainbox_cli.frame.reporter import Reporter
    from brainbox_cli.program import invoke  # here, so that tests of start-up can import this module without it
    from brainbox_core.errors import BrainboxError

    reporter = Reporter(list(words))
    try:
        code = invoke(reporter.document.fields["argv"], reporter)
    except BrainboxError as error:
        code = reporter.fail(error)
    reporter.finish(code)
    return code, document(reporter.document.text())
