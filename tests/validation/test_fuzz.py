"""A short campaign of the fuzzer over every reader, and what it takes note of: planted readers that misbehave."""

import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from validation.faults import fuzz
from validation.faults.damage import flipped
from validation.faults.hostile import written
from validation.faults.readers import Reader

INPUTS = 500  # some ten seconds


def campaign() -> list[fuzz.Input]:
    """A short one; tonic reads N-MNIST, where it is installed."""
    names = [reader.name for reader in fuzz.READERS if reader.name != "N-MNIST" or find_spec("tonic")]
    return list(fuzz.tried(range(INPUTS), seed=0, names=names))


def alone(call: Callable[..., Any], *arguments: Any) -> Any:
    """A call in a process of its own: the fuzzer forks, and other tests may have left threads in this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(call, *arguments).result()


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux counts the largest memory")
def test_every_reader_accepts_or_refuses() -> None:
    found = alone(campaign)
    assert len(found) == INPUTS
    assert not [each for each in found if each.failed]
    counted = fuzz.record(found, 0, "")
    assert counted["accepted"] > 50
    assert counted["refused"] > 100


def nothing(path: Path) -> None:
    """Accept anything."""


def unexpected(path: Path) -> None:
    raise KeyError("a")


def warned(path: Path) -> None:
    warnings.warn("odd", RuntimeWarning, stacklevel=1)


def deed(path: Path) -> None:
    os.system("true")


def abroad(path: Path) -> None:
    (path / "../../../elsewhere").resolve().open("rb")


def large(path: Path) -> None:
    bytearray(b"1") * (200 << 20)


def crashed(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def endless(path: Path) -> None:
    while True:
        time.process_time()


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux counts the largest memory")
@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (nothing, "attack accepted"), (unexpected, "traceback"), (warned, "warning"), (deed, "deed"), (abroad, "deed"),
        (large, "memory"), (crashed, "crash"), (endless, "hang"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_seen(read: Callable[[Path], None], outcome: str) -> None:
    one = alone(planted, read)
    assert one.seen.outcome == outcome
    assert one.failed


def planted(read: Callable[[Path], None]) -> fuzz.Input:
    """What is noted of one attack on a reader."""

    def make(folder: Path) -> None:
        (folder / "a").write_bytes(b"valid")

    def reader(folder: Path) -> None:
        if (folder / "a").read_bytes() != b"valid":
            read(folder)

    attack = {"attack": written(lambda valid, rng: b"attack")}
    fuzz.READERS = (Reader("planted", make, "a", reader, 1, {"flipped": flipped}, attack),)
    fuzz.ATTACKS, fuzz.SLOW = 1.0, 0.5
    (one,) = fuzz.tried([0], seed=0)
    return one
