"""Where compiled kernels are kept, and a line that says so while they are compiled.

Numba keeps compiled code beside the source, or in the user's cache folder where the source cannot be written to.
Where neither can, it would refuse to compile at all; a folder of this process then takes the place.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import numba
from numba.core import event
from numba.core.caching import FunctionCache


def place_cache() -> None:
    """Give Numba a folder it can write to, if it would find none."""

    def probe() -> None:
        """A function whose cache is looked for."""

    try:
        FunctionCache(probe)
    except RuntimeError:
        folder = tempfile.mkdtemp(prefix="refsbnn-kernels-")
        numba.config.CACHE_DIR = folder
        print(
            f"refsbnn: no folder for compiled kernels can be written to, so they are compiled again in each process "
            f"({folder}); set NUMBA_CACHE_DIR to one that can",
            file=sys.stderr,
        )


class _Line(event.Listener):
    """Counts functions as their compilation begins."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.count = stream, 0

    def on_start(self, event: Any) -> None:
        """Say what is compiled: one line, rewritten on a terminal."""
        self.count += 1
        name = event.data["dispatcher"].py_func.__module__
        if not name.startswith("refsbnn."):
            return
        if self.stream.isatty():
            self.stream.write(f"\rcompiling kernels for this machine, once: {self.count} ({name})\x1b[K")
            self.stream.flush()
        elif self.count == 1:
            print("compiling kernels for this machine, once; this takes up to a minute", file=self.stream, flush=True)

    def on_end(self, event: Any) -> None:
        """Nothing is left to say."""


@contextmanager
def told(stream: TextIO | None = None) -> Iterator[None]:
    """Inside, compilation shows on `stream`, or standard error; nothing shows where all kernels come from the cache."""
    stream = sys.stderr if stream is None else stream
    line = _Line(stream)
    with event.install_listener("numba:compile", line):
        yield
    if line.count and stream.isatty():
        stream.write("\r\x1b[K")
        stream.flush()
