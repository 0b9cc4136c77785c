"""Standard output and error of a command whose reader has gone, or that were never there.

What a command does must not hang on whether someone reads along: a closed pipe swallows what comes, and the work and
its exit code are what they would have been. A full disk behind standard output is told once.
"""

import io
import os
import sys
from typing import Any


class Sink(io.FileIO):
    """A stream's file that takes everything once its reader has gone or an error has been raised.

    Parameters
    ----------
    descriptor : int
    told : bool
        Whether an error other than a closed pipe is raised, once.
    """

    def __init__(self, descriptor: int, told: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.told, self.dead = told, False

    def write(self, content: Any) -> int:
        """Write, or do as if."""
        if not self.dead:
            try:
                return super().write(content)
            except OSError as error:
                self.dead = True
                if self.told and not isinstance(error, BrokenPipeError):
                    raise OSError(error.errno, error.strerror, "standard output") from None
        return memoryview(content).nbytes


def replace() -> None:
    """Put such streams in the places of standard output and error, with the encoding and buffering that those have."""
    for descriptor in range(3):  # closed ones become the null device: a file that is opened next would get their number
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = stream(1, sys.stdout), stream(2, sys.stderr)


def stream(descriptor: int, like: Any) -> io.TextIOWrapper:
    """A text stream on a descriptor; `like` is the one it replaces, None if that was closed."""
    sink, unbuffered = Sink(descriptor, told=descriptor == 1), getattr(like, "write_through", False)
    return io.TextIOWrapper(
        sink if unbuffered else io.BufferedWriter(sink),
        getattr(like, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=getattr(like, "line_buffering", False),
        write_through=unbuffered,
    )
