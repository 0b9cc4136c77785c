"""Ctrl-C and the signal with which a cluster ends a job: exit codes 130 and 143, whatever is under way."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM; as Ctrl-C it passes whoever handles errors."""


def code(stop: KeyboardInterrupt) -> int:
    """The exit code: 128 and the signal's number, as a shell gives it."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def leave(number: int, frame: FrameType | None) -> None:
    """End the process at once with a line; for the time in which modules are loaded, when nothing is to be saved."""
    os.write(2, b"refsbnn: interrupted\n")
    os._exit(128 + number)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise what the signal stands for. SIGTERM is heard once: Slurm sends it up to three times within a second."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_IGN)
        raise Terminated
    raise KeyboardInterrupt


def raised() -> None:
    """From now on both signals are exceptions, so that what is under way is left in order."""
    for number in SIGNALS:
        signal.signal(number, interrupt)


class Asked:
    """Whether a signal has come, and which exception it stands for."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self) -> bool:
        return self.number is not None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal; interrupt at a second Ctrl-C, but not at a second SIGTERM, which nobody typed."""
        if self() and number == signal.SIGINT:
            interrupt(number, frame)
        self.number = self.number or number

    @property
    def code(self) -> int:
        """The exit code of a process that was asked to stop."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def asked_to_stop() -> Iterator[Asked]:
    """Inside, the first SIGINT or SIGTERM sets what the given object returns; a SIGINT after it interrupts at once.

    Outside the main thread, where Python allows no handlers, nothing is caught.

    Examples
    --------
    >>> with asked_to_stop() as stop:
    ...     before = stop()
    ...     signal.raise_signal(signal.SIGINT)
    ...     before, stop(), stop.code
    (False, True, 130)
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked.handle) for number in SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
