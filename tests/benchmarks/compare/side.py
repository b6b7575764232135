"""One side of a case, in a process of its own: it works while it is its turn, and waits while it is another's.

python -m tests.benchmarks.compare.side CASE SIDE
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from time import process_time
from typing import Any, TextIO

import pytest

from tests.benchmarks.compare.cases import CASES


class Turns:
    """The turns of a side. A task warms up with one turn's work and then does it once more for every `next`.

    Attributes:
        found: what the task tells beside its times, such as its accuracy.
    """

    def __init__(self, asked: TextIO, answers: TextIO):
        self._asked, self._answers, self._begun = asked, answers, 0.0
        self.found: dict[str, Any] = {}

    def next(self) -> bool:
        """Tell the CPU time since the last call returned, and wait for the next turn; False if there is none."""
        self.tell({"seconds": process_time() - self._begun, **self.found})
        asked = self._asked.readline()
        self._begun = process_time()
        return bool(asked)

    def end(self) -> None:
        """Tell the CPU time of what was left to do after the last turn."""
        self.tell({"end": process_time() - self._begun})

    def tell(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._answers, flush=True)


def main(name: str, side: str) -> None:
    """Do the work of a side for as long as there are turns."""
    turns, case = Turns(sys.stdin, os.fdopen(os.dup(1), "w")), CASES[name]
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        if side == "ours":
            task = getattr(importlib.import_module(f"{__package__}.ours"), case.task)
            task(turns, case)
        else:
            task = getattr(importlib.import_module(f"{__package__}.{case.yardstick}"), case.task)
            task(turns, case, side)
        turns.end()
    except (ImportError, pytest.skip.Exception) as missing:
        turns.tell({"missing": str(missing)})


if __name__ == "__main__":
    main(*sys.argv[1:])
