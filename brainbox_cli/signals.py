"""Signals that ask the program to end: caught from the first import on, and told where they can be told.

`app` imports this module before anything else, and importing it catches the signals: one that came while Python still
loads the rest would end in a traceback. While Python starts by itself, before it reads a line of ours, it deals with
signals by itself, too: SIGINT may show a traceback there, and no document is written.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_AGAIN = 0.01  # seconds until a signal that came at a bad moment is looked at again


class Stopped(BaseException):
    """A signal asked the program to end; not an Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, number: int):
        self.code, self.name = 128 + number, signal.Signals(number).name
        super().__init__(self.name)


class _Stops:
    """What came, and whether it may be raised."""

    def __init__(self) -> None:
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        # One that is ignored from the start (nohup) stays ignored.
        self._numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self._came: int | None = None
        self._raised: Stopped | None = None
        self._held = True
        for number in self._numbers:
            signal.signal(number, self._note)

    def hold(self) -> None:
        """From here on a signal waits: what is being done is short and has to be whole. A second one still ends it."""
        self._held = True

    def release(self) -> None:
        """From here on a signal raises `Stopped`, also one that came before."""
        self._held = False
        self._raise_unless_held(None)

    def interrupt(self) -> None:
        """Take up a SIGINT that Python caught before this object could."""
        self._note(signal.SIGINT, None)

    @contextlib.contextmanager
    def recognised(self) -> Iterator[None]:
        """Inside, the failure that a library written in C makes of `Stopped` becomes `Stopped` again."""
        try:
            yield
        except Exception as error:
            if self._raised is None:
                raise
            raise self._raised from error

    def insist(self) -> None:
        """Raise what was raised before and came to nothing, as in a destructor, where Python passes over it."""
        if self._raised is not None and not self._held:
            raise self._raised

    def ignore(self) -> None:
        """The program has ended by itself, and keeps its code."""
        self._held = True
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, frame: FrameType | None) -> None:
        for each in self._numbers:
            signal.signal(each, signal.SIG_DFL)  # the second one ends the program at once
        self._came = number
        self._raise_unless_held(frame)

    def _raise_unless_held(self, frame: FrameType | None) -> None:
        if self._came is None or self._held:
            return
        if hasattr(signal, "setitimer") and _is_importing(frame):
            # Libraries in C turn what is raised while they are imported into failures of the import.
            signal.signal(signal.SIGALRM, lambda number, frame: self._raise_unless_held(frame))
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            return
        self._raised, self._came = Stopped(self._came), None
        raise self._raised


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


stops = _Stops()
