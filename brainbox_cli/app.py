"""The entry point: from the command line to an exit code. Nothing heavy is imported before it is known to be needed."""

# Before any other import, for no signal is caught until then.
try:
    from brainbox_cli import signals
except KeyboardInterrupt:
    from brainbox_cli import signals

    signals.stops.interrupt()

import errno
import os
import sys
import warnings
from typing import TYPE_CHECKING

from brainbox_cli import streams
from brainbox_cli.exit_codes import ExitCode
from brainbox_core import __version__
from brainbox_core.errors import BrainboxError, InputError

if TYPE_CHECKING:
    from brainbox_cli.frame.reporter import Reporter

# Our matrices are small: a second BLAS thread gains little on an idle machine, costs ten times the time on a busy one
# (the threads wait for each other by spinning), and changes the last bits of results. Set one of these to have more.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main() -> None:
    """Run `brainbox` with the arguments of this process, and end it with the right code."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    try:
        streams.take_over()
        code = _run(sys.argv[1:])
    except BrokenPipeError:  # whoever read our output has seen enough
        code = ExitCode.CLOSED_PIPE
        streams.discard()
    except signals.Stopped as stop:  # while the shell's words were completed
        code = ExitCode(stop.code)
        streams.discard()
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        code = ExitCode.CLOSED_PIPE  # Rich, which prints the help, ends the program by itself then
    except OSError as error:
        if error.errno not in _FULL:
            raise
        streams.discard()
        reason = (error.strerror or "").lower()
        sys.stderr.write(f"error: standard output: {reason}\nhint: free some space or write somewhere else\n")
        code = ExitCode.INPUT
    signals.stops.ignore()
    sys.exit(int(code))


def _run(argv: list[str]) -> ExitCode:
    if "_BRAINBOX_COMPLETE" not in os.environ:  # the shell completes words; it starts us without arguments
        if not argv:
            from brainbox_cli.tour import tour

            return _print(tour())
        if argv == ["--version"]:
            return _print(f"brainbox {__version__}\n")

    from brainbox_cli.frame.reporter import Reporter

    reporter = Reporter(argv)
    warnings.showwarning = lambda message, *rest: reporter.warn(str(message))
    try:
        signals.stops.release()
        code = _command(argv, reporter)
        signals.stops.hold()  # what is left is to write the document, whole
    except signals.Stopped as stop:
        code = reporter.stopped(ExitCode(stop.code), stop.name)
    reporter.finish(code)
    reporter.print_document()
    return code


def _command(argv: list[str], reporter: "Reporter") -> ExitCode:
    """Run the command; an error becomes its two lines and its code."""
    try:
        from brainbox_cli.program import invoke, noun_of

        reporter.document.set(command=noun_of(argv))
        with signals.stops.recognised():
            return invoke(argv, reporter)
    except BrainboxError as error:
        return reporter.fail(error)
    except MemoryError as error:
        what = f"not enough memory ({error})" if str(error) else "not enough memory"
        return reporter.fail(InputError(what, fix="use a smaller --batch-size, --hidden or --limit"))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (*_FULL, errno.EPIPE):  # our own output
            reporter.hide()
            raise
        return reporter.bug(error)


def _print(text: str) -> ExitCode:
    sys.stdout.write(text)
    sys.stdout.flush()
    return ExitCode.OK
