"""Processes by the folder they work in: who else belongs to a job, whichever program started it. Linux alone."""

import os
import signal
import time
from pathlib import Path


def inside(folder: Path) -> list[int]:
    """The living processes whose working folder this is."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                here, state = os.readlink(entry / "cwd"), (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:  # it has ended, or is another user's
                continue
            if here == str(folder) and state not in "ZX":
                found.append(int(entry.name))
    return sorted(found)


def command(pid: int) -> list[str]:
    """The words a process was started with; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def python(folder: Path) -> list[int]:
    """Those of the processes in a folder that run Python: the ranks, and not what started them."""
    return [pid for pid in inside(folder) if Path((command(pid) or [""])[0]).name.startswith("python")]


def send(number: signal.Signals, pids: list[int]) -> None:
    """Send a signal to processes, those that have ended left out."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def gone(folder: Path, seconds: float) -> float | None:
    """How long it took until no process was left in the folder; None if some are left after that many seconds."""
    begun = time.monotonic()
    while inside(folder):
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.05)
    return time.monotonic() - begun
