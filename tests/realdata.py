"""Where the tests find the public data sets that are not part of the project."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("BRAINBOX_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_data(name: str) -> Path:
    """The path of a real file; the calling test is skipped, with the file's name, where it is missing."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"needs the real data file {path}")
    return path
