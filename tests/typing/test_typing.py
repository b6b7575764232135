"""What type checkers make of a program that uses the library, in a folder of its own, as a user has it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typing import usage

HERE = Path(__file__).parent
WRONG = {n for n, line in enumerate((HERE / "mistakes.py").read_text().splitlines(), 1) if "# wrong: " in line}


@pytest.fixture
def folder(tmp_path):
    for name in ("usage.py", "mistakes.py"):
        shutil.copy(HERE / name, tmp_path / name)
    return tmp_path


def run(*words, folder):
    return subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)


def test_the_program_runs(tmp_path, capsys):
    usage.main(tmp_path)
    assert "train_loss" in capsys.readouterr().out


def test_mypy_accepts_the_program_and_finds_every_mistake(folder, pytestconfig):
    pytest.importorskip("mypy")
    cache = pytestconfig.cache.mkdir("mypy")  # the types of NumPy take long
    done = run("mypy", "--strict", f"--cache-dir={cache}", "usage.py", "mistakes.py", folder=folder)
    found = re.findall(r"^(\w+)\.py:(\d+): error", done.stdout, re.MULTILINE)
    assert {(name, int(line)) for name, line in found} == {("mistakes", line) for line in WRONG}, done.stdout


def test_pyright_accepts_the_program_and_finds_every_mistake(folder):
    pytest.importorskip("pyright", reason="the other type checker: pip install 'pyright[nodejs]'")
    if run("pyright", "--version", folder=folder).returncode:
        pytest.skip("pyright finds no Node.js: pip install 'pyright[nodejs]'")
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    done = run("pyright", "--outputjson", f"--pythonpath={sys.executable}", folder=folder)
    found = [report for report in json.loads(done.stdout)["generalDiagnostics"] if report["severity"] == "error"]
    lines = {(Path(report["file"]).stem, report["range"]["start"]["line"] + 1) for report in found}
    assert lines == {("mistakes", line) for line in WRONG}, done.stdout
