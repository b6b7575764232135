"""Matplotlib is loaded where it is silenced, and nowhere else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("package", ["brainbox_core", "brainbox_cli"])
def test_matplotlib_is_loaded_where_it_is_silenced_and_nowhere_else(package):
    for path in (ROOT / package).rglob("*.py"):
        found = re.findall(r"^\s*(?:from|import) matplotlib", path.read_text(), re.MULTILINE)
        assert not found or path == ROOT / "brainbox_core" / "screen" / "plotting.py", path
