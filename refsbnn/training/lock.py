"""One run a folder: a lock that works on file systems of many machines, and outlives neither its process nor a node.

The lock is a file that only one process can create (O_EXCL, atomic on NFS too) and that says whose it is. Advisory
locks (fcntl, flock) are not used: on NFS they are often not there, or there and without effect.

Whether the holder still runs is asked of the operating system where it can know. Of another machine or container it
cannot, and then the lock is watched: its holder touches it every BEAT seconds, and who sees no change for SILENCE
seconds takes it. No clocks are compared. A holder that was only held up finds another's lock before it writes again,
and ends.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from refsbnn.errors import InputError, refusing
from refsbnn.files import make_folder, regular

NAME = ".lock"
BEAT, SILENCE = 10.0, 120.0  # seconds
LARGEST = 4096  # bytes of a lock that are read


class Seen(NamedTuple):
    """A lock as it was seen: which file, its last change (ns), and what it says."""

    file: int
    changed: int
    text: bytes


class Hold:
    """A lock that is held.

    Parameters
    ----------
    path : Path
    text : bytes
        What it says: with a token that no other hold has, so that one of a process is told from another of the same.
    """

    def __init__(self, path: Path, text: bytes) -> None:
        self.path, self.text = path, text

    def check(self) -> None:
        """To be called before the folder is written to.

        Raises
        ------
        InputError
            Another process has taken the lock while this one was suspended or cut off.
        """
        with refusing(f"cannot write {self.path}", OSError):
            # Somebody may have removed it by hand, and nobody has come.
            if not self.mine() and not created(self.path, self.text):
                raise InputError(f"{refusal(self.path.parent)}; this one was taken for dead and writes no more")

    def beat(self) -> None:
        """Show a sign of life, by the file server's clock."""
        if self.mine():
            os.utime(self.path)

    def release(self) -> None:
        """Remove the lock, unless it is another's by now."""
        if self.mine():
            self.path.unlink(missing_ok=True)

    def mine(self) -> bool:
        """Whether the lock is still this hold's."""
        seen = look(self.path)
        return seen is not None and seen.text == self.text


@contextmanager
def held(folder: Path, warn: Callable[[str], None] = lambda line: None) -> Iterator[Hold]:
    """Inside, the folder is this process's. Who only reads needs no lock.

    Parameters
    ----------
    folder : Path
        It is made where there is none.
    warn : callable
        Gets a line before a lock is watched, which takes up to SILENCE seconds.

    Raises
    ------
    InputError
        Another process has it: the line names its host and its number. Or the folder cannot be written to.
    """
    path = folder / NAME
    facts = owner() | {"since": time.strftime("%Y-%m-%d %H:%M:%S"), "token": secrets.token_hex(8)}
    hold = Hold(path, json.dumps(facts).encode())
    with refusing(f"cannot write {path}", OSError):
        make_folder(folder)
        while not created(path, hold.text):
            seen = look(path)
            if seen is not None:
                if not abandoned(path, seen, warn):
                    raise InputError(f"{refusal(folder)}; wait for it, stop it, or name another --out")
                remove(path, seen)
    try:
        with beating(hold):
            yield hold
    finally:
        hold.release()


@contextmanager
def beating(hold: Hold) -> Iterator[None]:
    """Inside, the lock shows a sign of life every BEAT seconds."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            try:
                hold.beat()
            except OSError:  # it is gone, or its server; `check` tells
                continue

    threading.Thread(target=beat, name="lock", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def created(path: Path, text: bytes) -> bool:
    """Whether the lock was there to be taken, and says now what is given."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def look(path: Path) -> Seen | None:
    """The lock as it is now, None where there is none. A file that is opened is not answered from NFS's cache."""
    try:
        with regular(path).open("rb") as file:
            now = os.fstat(file.fileno())
            return Seen(now.st_ino, now.st_mtime_ns, file.read(LARGEST))
    except FileNotFoundError:
        return None


def owner() -> dict[str, Any]:
    """This process, told from every other one before and after it, here and elsewhere."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "boot": told("/proc/sys/kernel/random/boot_id").strip(),
        "namespace": namespace,
        "pid": pid,
        "started": status(pid)[1],
    }


def told(path: str) -> str:
    """What a file of /proc says; nothing where there is none, or where it is not for this user."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def status(pid: int) -> tuple[str, str]:
    """A process's state (a letter) and its start in clock ticks since the boot; empty where neither is known."""
    # The fields after the second one, which stands in parentheses and may hold anything.
    fields = told(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (fields[0], fields[19]) if len(fields) > 19 else ("", "")


def content(text: bytes) -> dict[str, Any]:
    """What a lock says; nothing where it is not whole."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and type(found.get("pid")) is int else {}


def running(found: dict[str, Any]) -> bool | None:
    """Whether a lock's process runs; None where this machine cannot know."""
    now = owner()
    same = "boot" if now["boot"] else "host"  # where there is no /proc, the host's name has to do
    if not found or any(found.get(key) != now[key] for key in (same, "namespace")):
        return None
    try:
        os.kill(found["pid"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's
        pass
    state, started = status(found["pid"])
    return not state or (state not in "ZX" and started == found.get("started"))  # neither dead nor another one


def taken(folder: Path) -> bool:
    """Whether a process that runs on this machine has the folder."""
    seen = look(folder / NAME)
    return seen is not None and running(content(seen.text)) is True


def abandoned(path: Path, seen: Seen, warn: Callable[[str], None]) -> bool:
    """Whether the process of a lock is no more."""
    alive = running(content(seen.text))
    if alive is None:
        warn(f"{refusal(path.parent)}, as far as this machine can know; waiting {SILENCE:.0f} s for a sign of life")
        return silent(path, seen)
    return not alive


def silent(path: Path, seen: Seen) -> bool:
    """Whether a file does not change for SILENCE seconds, or goes."""
    end = time.monotonic() + SILENCE
    while time.monotonic() < end:
        time.sleep(min(0.2, SILENCE / 10.0))
        if (now := look(path)) != seen:
            return now is None
    return True


def remove(path: Path, seen: Seen) -> None:
    """Remove a lock if it is still the one that was seen.

    Two processes may find the same dead lock, and the slower one must not remove what the faster one has put in its
    place: only who holds a second such file looks again and removes.
    """
    guard = path.with_name(f"{NAME}.removing")
    if not created(guard, b""):
        left = look(guard)
        if left is not None and silent(guard, left) and look(guard) == left:  # its process was killed right here
            guard.unlink(missing_ok=True)
        return
    try:
        if look(path) == seen:
            path.unlink(missing_ok=True)
    finally:
        guard.unlink(missing_ok=True)


def refusal(folder: Path) -> str:
    """Whose the folder is."""
    seen = look(folder / NAME)
    found = content(seen.text) if seen else {}
    host, since = (" ".join(str(found.get(key)).split())[:100] for key in ("host", "since"))
    who = f"process {found['pid']} on {host} since {since}" if found else "another process"
    return f"{folder} is in use by {who}"
