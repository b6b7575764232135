"""Signals that end a program wait until what is being done is whole.

A Ctrl-C raises its exception wherever the program happens to be: in a training it would leave some weights before an
update and some after it. Here its handler, Python's own or one of the program, is called a little later instead. A
second signal is not kept waiting.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Interrupts:
    """Holds signals back inside `with interrupts:`, once it is installed.

    Example:
        >>> interrupts, done = Interrupts(), []
        >>> before = signal.signal(signal.SIGINT, signal.default_int_handler)
        >>> try:
        ...     with interrupts.installed(), interrupts:
        ...         signal.raise_signal(signal.SIGINT)
        ...         done.append("what had to be whole")
        ... except KeyboardInterrupt:
        ...     done.append("interrupted")
        >>> done
        ['what had to be whole', 'interrupted']
        >>> _ = signal.signal(signal.SIGINT, before)
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._holding = False
        self._waiting: int | None = None

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Inside, signals whose handlers are written in Python go through here; others, as ignored ones, do not."""
        if threading.current_thread() is threading.main_thread():  # no other thread is ever interrupted
            for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._came)
        try:
            yield
        finally:
            for number, handler in self._handlers.items():
                if signal.getsignal(number) == self._came:  # the program's own may have put another in its place
                    signal.signal(number, handler)

    def __enter__(self) -> None:
        self._holding = True

    def __exit__(self, *error: object) -> None:
        self._holding = False
        if self._waiting is not None:
            self._deliver(self._waiting, None)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._holding and self._waiting is None:
            self._waiting = number
        else:
            self._deliver(number, frame)

    def _deliver(self, number: int, frame: FrameType | None) -> None:
        self._waiting = None
        self._handlers[number](number, frame)
