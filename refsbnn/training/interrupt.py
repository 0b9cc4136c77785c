"""Ctrl-C and the signal with which a cluster ends a job: a flag that training looks at after each step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Inside, the first SIGINT or SIGTERM sets what the given function returns; a second one interrupts at once.

    Outside the main thread, where Python allows no handlers, nothing is caught.

    Examples
    --------
    >>> with asked_to_stop() as stop:
    ...     before = stop()
    ...     signal.raise_signal(signal.SIGINT)
    ...     before, stop()
    (False, True)
    """
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: asked
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
