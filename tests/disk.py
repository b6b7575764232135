"""A real file system that is small, so that it gets full."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o "$0" tmpfs "$1" && shift && exec "$@"'


def on_a_disk(folder: Path, command: list[object], limits: str = "size=1m") -> list[str]:
    """The words that run a command which has a small file system for itself at `folder`; skips where none can be had.

    It belongs to the command's own view of the machine and is gone when the command ends, however it ends.
    """
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    mount = ["unshare", *own, "--mount", "sh", "-c", MOUNT, limits, str(folder)]
    if not shutil.which("unshare") or subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs unshare and the right to mount a tmpfs")
    return [*mount, *map(str, command)]
