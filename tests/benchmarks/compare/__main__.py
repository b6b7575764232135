"""Compare our times with those of other libraries; docs/performance.md says how.

python -m tests.benchmarks.compare [CASE ...] [--pairs 7] [--json FILE] [--show]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.compare import table
from tests.benchmarks.compare.cases import CASES, Case, Product

ROOT = Path(__file__).parents[3]
PATIENCE = 240  # seconds in which a side has to be ready; `compile` builds in that time, or is said not to
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
ENVIRONMENT = {**os.environ, **dict.fromkeys(THREADS, "1")}


class Side:
    """The process of one side, which has warmed up once this is made.

    Attributes:
        answers: the milliseconds of its turns and what it found beside them, or why it is missing.
    """

    def __init__(self, case: Case, name: str):
        self.answers: dict[str, Any] = {"ms": []}
        self._times = case.times
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open for as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.side", case.name, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=ENVIRONMENT,
            cwd=ROOT,
        )
        timer = threading.Timer(PATIENCE, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            reason = f"not ready in {PATIENCE} s" if self._process.wait() < 0 else self._last_words()
            self.answers = {"missing": reason}
        elif "missing" in (answer := json.loads(line)):
            self.answers = answer

    def turn(self) -> None:
        """Let it do its work once."""
        if "missing" in self.answers:
            return
        print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._last_words())
        answer = json.loads(line)
        self.answers["ms"].append(float(f"{answer.pop('seconds') / self._times * 1e3:.4g}"))
        self.answers |= answer

    def end(self) -> dict[str, Any]:
        """Let it end; returns what it answered."""
        rest = self._process.communicate()[0]
        self._errors.close()
        if "missing" not in self.answers:
            self.answers["end_ms"] = json.loads(rest)["end"] * 1e3
        return self.answers

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1][:200] if lines else "it ended by itself"


def compare(case: Case, pairs: int) -> dict[str, Any]:
    """All sides of a case by turns: the row of the table."""
    sides = {"ours": Side(case, "ours")}
    if "ms" in sides["ours"].answers:  # else there is nothing to compare
        sides |= {way: Side(case, way) for way in case.ways}  # one starts after the other, to warm up alone
    for _ in range(pairs):
        for side in sides.values():
            side.turn()
    found = {name: side.end() for name, side in sides.items()}
    row = {"title": case.title, "ours": found.pop("ours"), "theirs": found}
    return row | limits(case.products) if case.products else row


def limits(products: Sequence[Product]) -> dict[str, float]:
    """What the machine can do now: these products, or, without any, copying and fetching pages."""
    command = [sys.executable, "-m", f"{__package__}.machine", json.dumps(products)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT, cwd=ROOT).stdout)


def machine() -> dict[str, Any]:
    """The kind of processor, the versions, and the limits that belong to no case."""
    kind = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        kind = next((line.split(": ")[1] for line in info.read_text().splitlines() if "model name" in line), kind)
    versions = {"Python": platform.python_version()}
    for name in ("numpy", "torch", "scikit-learn", "scipy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    return {"processor": kind, "versions": versions, **limits([])}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(CASES)}; all if left out")
    parser.add_argument("--pairs", type=int, default=7, help="turns of each side (7)")
    parser.add_argument(
        "--json", type=Path, help="write all figures there; cases of the file that are not measured stay"
    )
    parser.add_argument("--show", action="store_true", help="measure nothing: show the table of the file")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.cases) - set(CASES):
        parser.error(f"no case is called {', '.join(sorted(unknown))}")
    report: dict[str, Any] = {"machine": {}, "cases": {}}
    if asked.show and not asked.json:
        parser.error("--show needs --json FILE")
    if asked.json and asked.json.exists():
        report = json.loads(asked.json.read_text())
    if not asked.show:
        report["machine"] = machine()
        for name in asked.cases or CASES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            report["cases"][name] = compare(CASES[name], asked.pairs)
            report["cases"] = {name: report["cases"][name] for name in CASES if name in report["cases"]}
            if asked.json:
                asked.json.write_text(json.dumps(report, indent=1) + "\n")
    print(table.render(report), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
