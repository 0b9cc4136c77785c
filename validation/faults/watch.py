"""A process's own watch over what a reader does: other files, other programs, warnings, memory, time."""

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from refsbnn.errors import InputError

# What no reader does, whatever the file says.
NEVER = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen",
    "pickle.find_class", "socket.connect", "socket.bind", "ctypes.dlopen", "os.putenv",
)  # fmt: skip
# What it does inside the folder alone.
INSIDE = (
    "open",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.utime",
)
LINE = 2500  # characters of a refusal, beyond which it is not one line to read


class Seen(NamedTuple):
    """What came of reading: "accepted", "refused", or what went wrong; why; seconds of processor time; bytes."""

    outcome: str
    why: str
    seconds: float
    memory: int


class Watch:
    """The watch; it cannot be taken off a process, so that it belongs into one that does nothing else.

    Parameters
    ----------
    work : Path
        The folder in which files may be opened and written; anything else that is opened is the program's own.
    """

    def __init__(self, work: Path) -> None:
        self.work = str(work)
        root = Path(__file__).resolve().parents[2]
        self.own = tuple({str(root), sys.prefix, sys.base_prefix, "/usr/lib", "/usr/share", "/proc/", "/etc/localtime"})
        self.armed, self.broken = False, ""
        self.status = os.open("/proc/self/status", os.O_RDONLY)
        self.reset = os.open("/proc/self/clear_refs", os.O_WRONLY)
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Remember what no reader does."""
        if not self.armed:
            return
        if event in NEVER:
            self.broken = f"{event} {arguments[:1]!r}"[:200]
        elif event in INSIDE and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.fsdecode(arguments[0])
            mine = event == "open" and arguments[1] in ("r", "rb", None) and path.startswith(self.own)
            if path.startswith("/") and not path.startswith(self.work) and not mine:
                self.broken = f"{event} {path!r}"[:200]

    def memory(self) -> tuple[int, int]:
        """Bytes that the process takes now, and the most since the last reset."""
        found = {}
        for line in os.pread(self.status, 4096, 0).splitlines():
            if line.startswith((b"VmHWM:", b"VmRSS:")):
                found[line[:5]] = 1024 * int(line.split()[1])
        return found[b"VmRSS"], found[b"VmHWM"]

    def call(self, read: Callable[[], object]) -> Seen:
        """Read, and see what comes of it."""
        os.write(self.reset, b"5")
        before, self.broken, self.armed = self.memory()[0], "", True
        begun = time.process_time()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)  # which no user sees
            outcome, why = "accepted", ""
            try:
                read()
            except InputError as error:
                outcome, why = "refused", str(error)
                if len(why.splitlines()) != 1:
                    outcome = "more than a line"
            except BaseException as error:
                outcome, why = "traceback", f"{type(error).__name__}: {error}"
                place = error.__traceback__
                while place is not None and place.tb_next is not None:
                    place = place.tb_next
                if place is not None:
                    why = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno} {why}"
            self.armed = False
        seconds = time.process_time() - begun
        if self.broken:
            outcome, why = "deed", self.broken
        elif told and outcome in ("accepted", "refused"):
            outcome, why = "warning", f"{told[0].category.__name__}: {told[0].message}"
        return Seen(outcome, why[:LINE], seconds, max(self.memory()[1] - before, 0))
