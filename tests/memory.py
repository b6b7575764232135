"""What a process takes of the machine's memory, for tests that hold it. Tests import it in a process of its own."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


def peak() -> int:
    """The most bytes that this process held at once.

    Linux tells it in /proc. Its `ru_maxrss` starts at what the process had before it became this program: under pytest
    that is all that pytest holds, which fails a limit or hides that one is passed.
    """
    if sys.platform == "linux":
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS
