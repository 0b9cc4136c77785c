"""A sample of a campaign's inputs through the command line: exit code 2 and lines of refsbnn, never a traceback."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from validation.faults.readers import Reader

PATIENCE = 120.0  # seconds of the clock, on a machine that does other things too


def sampled(numbers: Iterable[int], laid: Callable[[int], tuple[Reader, Path]]) -> dict[str, Any]:
    """Read inputs that were refused once more, each by a command of its own.

    Parameters
    ----------
    numbers : iterable of int
        Of the inputs.
    laid : callable
        Lays one out and damages it; returns its reader and its folder.
    """
    out: dict[str, Any] = {"inputs": 0, "refused with exit code 2": 0, "failed": 0, "failures": []}
    for number in numbers:
        reader, folder = laid(number)
        reason = wrong(reader.command, folder)
        out["inputs"] += 1
        out["failed" if reason else "refused with exit code 2"] += 1
        if reason:
            out["failures"].append({"number": number, "reader": reader.name, "why": reason})
    return out


def wrong(command: tuple[str, ...], folder: Path) -> str:
    """What is wrong with how a command refused what is in the folder; nothing if all is well."""
    words = [sys.executable, "-m", "refsbnn", *command]
    try:
        done = subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{' '.join(command)}: no end after {PATIENCE:g} s"
    lines = done.stderr.splitlines()
    # Damaged checkpoints are named, one a line, before what becomes of it.
    last = [line for line in lines if not line.startswith("refsbnn: checkpoint ")]
    if done.returncode != 2 or len(last) != 1 or not last[0].startswith("refsbnn: error: "):
        return f"{' '.join(command)}: exit code {done.returncode}, {done.stderr[-300:]!r}"
    return ""
