"""Adapters that do what adapters of other people do in the worst case; each is right but for one operation."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from refsbnn.adapter import Capabilities, Unsupported
from validation.conformance.adapters.reference import Reference


class Mute(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise SystemExit(0)


class MuteUnsupported(Unsupported, Mute):
    """Nor can the reason."""


class Late(Mapping[str, Any]):
    """A mapping that raises when it is asked."""

    def __init__(self, where: str, inner: Mapping[str, Any]) -> None:
        self.where, self.inner = where, inner

    def __getitem__(self, key: str) -> Any:
        if self.where == "item":
            raise RuntimeError("asked for an item")
        return self.inner[key]

    def __iter__(self) -> Iterator[str]:
        if self.where == "iter":
            raise RuntimeError("asked for the names")
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)


class Stop(BaseException):
    """Not an Exception."""


def raised(error: BaseException) -> Any:
    raise error


def leave_with_a_child() -> None:
    """The child holds the pipe open."""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)


DEEDS = {
    "exits": lambda out: os._exit(0),
    "exits later": lambda out: sys.exit(0),
    "exits with a child": lambda out: leave_with_a_child(),
    "crashes": lambda out: os.kill(os.getpid(), signal.SIGSEGV),
    "hangs": lambda out: time.sleep(600),
    "hangs in a child": lambda out: subprocess.run(["sleep", "600"], check=False),
    "interrupts": lambda out: raised(KeyboardInterrupt()),
    "is no Exception": lambda out: raised(Stop("never mind")),
    "has no text": lambda out: raised(Mute()),
    "late items": lambda out: Late("item", out),
    "late names": lambda out: Late("iter", out),
    "closes its files": lambda out: os.closerange(3, 256),
    "reads": lambda out: input(),
}


class Deed(Reference):
    """Does a deed in place of `dense`; the device names it."""

    def __init__(self, device: str) -> None:
        self.deed = DEEDS[device]

    def run(self, op, arrays, noise, dtype, seed):
        out = super().run(op, arrays, noise, dtype, seed)
        return self.deed(out) if op.name == "dense" else out


class Declines(Reference):
    """Declares an operation not to be there, without a reason that can be had."""

    def run(self, op, arrays, noise, dtype, seed):
        raise MuteUnsupported


class Odd(Reference):
    """Declares what cannot be meant."""

    def __init__(self, device: str) -> None:
        self.device = device

    def capabilities(self):
        if self.device == "hangs":
            time.sleep(600)
        if self.device == "exits":
            os._exit(0)
        dtypes: Any = {"unhashable": ([],), "text": "float64", "number": 3, "mute": (Mute(),)}[self.device]
        return Capabilities(dtypes)
