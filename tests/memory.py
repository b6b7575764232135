"""How much memory a process took at its most, to be asked in that process."""

import resource
import sys


def peak() -> int:
    """In KiB. On Linux not `ru_maxrss`, which starts at what the parent had: a test run that trained before."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with open("/proc/self/status", encoding="ascii") as file:
        return int(file.read().split("VmHWM:")[1].split()[0])
