from pathlib import Path

import pytest

from tests.cli.shell import FAST, brainbox


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both digit readers have been trained; tests only read it."""
    folder = tmp_path_factory.mktemp("trained")
    for noun in ("mnist", "cnn"):
        done = brainbox(noun, *FAST, "--plot", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / f"{noun}.txt").write_text(done.stdout)
    return folder
