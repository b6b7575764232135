"""The entry point: from the command line to an exit code. Nothing heavy is imported before it is known to be needed."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType

from brainbox_cli.exit_codes import ExitCode
from brainbox_core import __version__

_SIGNALS = {"SIGINT": ExitCode.INTERRUPTED, "SIGTERM": ExitCode.TERMINATED, "SIGHUP": ExitCode.HANGUP}
# Our matrices are small: a second BLAS thread gains little on an idle machine, costs ten times the time on a busy one
# (the threads wait for each other by spinning), and changes the last bits of results. Set one of these to have more.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class Stopped(BaseException):
    """A signal asked the program to end; not an Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, code: ExitCode, name: str):
        super().__init__(name)
        self.code, self.name = code, name


def main() -> None:
    """Run `brainbox` with the arguments of this process, and end it with the right code."""
    _catch_signals()
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if sys.stderr is None:  # closed by the caller; whatever file is opened next would become standard error
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    try:
        if sys.stdout is None:
            raise BrokenPipeError
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # any name can be shown in any encoding
        code = _run(sys.argv[1:])
    except BrokenPipeError:  # whoever read our output has seen enough
        code = ExitCode.CLOSED_PIPE
        _discard_output()
    except Stopped as stop:  # before the command began, or after it ended
        sys.stderr.write(f"stopped by {stop.name}\n")
        code = stop.code
        _discard_output()
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        code = ExitCode.CLOSED_PIPE  # Rich, which prints the help, ends the program by itself then
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _discard_output()
        reason = (error.strerror or "").lower()
        sys.stderr.write(f"error: standard output: {reason}\nhint: free some space or write somewhere else\n")
        code = ExitCode.INPUT
    sys.exit(int(code))


def _run(argv: list[str]) -> ExitCode:
    if "_BRAINBOX_COMPLETE" not in os.environ:  # the shell completes words; it starts us without arguments
        if not argv:
            from brainbox_cli.tour import tour

            return _print(tour())
        if argv == ["--version"]:
            return _print(f"brainbox {__version__}\n")

    from brainbox_cli.frame.reporter import Reporter
    from brainbox_core.errors import BrainboxError, InputError

    reporter = Reporter(argv)
    warnings.showwarning = lambda message, *rest: reporter.warn(str(message))
    try:
        from brainbox_cli.program import invoke, noun_of

        reporter.document.set(command=noun_of(argv))
        code = invoke(argv, reporter)
    except Stopped as stop:
        code = reporter.stopped(stop.code, stop.name)
    except BrainboxError as error:
        code = reporter.fail(error)
    except MemoryError as error:
        what = f"not enough memory ({error})" if str(error) else "not enough memory"
        code = reporter.fail(InputError(what, fix="use a smaller --batch-size, --hidden or --limit"))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (*_FULL, errno.EPIPE):  # our own output
            reporter.hide()
            raise
        code = reporter.bug(error)
    reporter.finish(code)
    reporter.print_document()
    return code


def _print(text: str) -> ExitCode:
    sys.stdout.write(text)
    sys.stdout.flush()
    return ExitCode.OK


def _catch_signals() -> None:
    for name, code in _SIGNALS.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # One that is ignored from the start (nohup) stays ignored.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stopper(code, name))


def _stopper(code: ExitCode, name: str) -> Callable[[int, FrameType | None], None]:
    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # the second one ends the program at once
        raise Stopped(code, name)

    return stop


def _discard_output() -> None:
    """Nobody reads on: what is still buffered goes nowhere, instead of failing when Python shuts down."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
