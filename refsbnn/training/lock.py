"""One run a folder: a lock that works on file systems of many machines, and outlives no reboot.

The lock is a file that only one process can create (O_EXCL, atomic on NFS too) and that says whose it is. Advisory
locks (fcntl, flock) are not used: on NFS they are often not there, or there and without effect.
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refsbnn.errors import InputError, refusing
from refsbnn.files import regular

NAME = ".lock"
MOMENT = 60.0  # seconds after which a lock without content is of a process that died while it made it


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Inside, the folder is this process's. Who only reads needs no lock.

    Raises
    ------
    InputError
        Another process has it: the line names its host and its number. Or the folder cannot be written to.
    """
    path = folder / NAME
    with refusing(f"cannot write {path}", OSError):
        folder.mkdir(parents=True, exist_ok=True)
        # The token tells this hold from another one of the same process, within the same second too.
        mine = owner(os.getpid()) | {"since": time.strftime("%Y-%m-%d %H:%M:%S"), "token": secrets.token_hex(8)}
        if not created(path, mine):
            remove_if_stale(path)
            if not created(path, mine):
                raise InputError(refusal(folder))
    try:
        yield
    finally:
        if content(path) == mine:  # and not another one's, after somebody removed it by hand
            path.unlink(missing_ok=True)


def created(path: Path, mine: dict[str, Any]) -> bool:
    """Whether the lock was there to be taken, and says now what is given."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(mine, file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def owner(pid: int) -> dict[str, Any]:
    """A process of this host, told from every other one before and after it.

    Where there is no /proc, a process's number has to do.
    """

    def told(path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8")
        except OSError:
            return ""

    # The 22nd field: clock ticks since the boot. The second one, in parentheses, may hold anything.
    fields = told(f"/proc/{pid}/stat").rpartition(")")[2].split()
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return {
        "host": socket.gethostname(),
        "boot": told("/proc/sys/kernel/random/boot_id").strip(),
        "namespace": namespace,
        "pid": pid,
        "started": fields[19] if len(fields) > 19 and fields[0] not in "ZX" else "",  # neither a zombie nor dead
    }


def content(path: Path) -> dict[str, Any]:
    """What a lock says; nothing where it is not whole, or not there."""
    try:
        found = json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and type(found.get("pid")) is int else {}


def stale(path: Path) -> bool:
    """Whether a lock is of a process that is no more. Of another host's, or another container's, nothing is known."""
    found = content(path)
    if not found:
        try:
            return time.time() - path.stat().st_mtime > MOMENT
        except OSError:
            return False
    now = owner(found["pid"])
    if found.get("host") != now["host"]:
        return False
    if found.get("boot") != now["boot"]:
        return True
    if found.get("namespace") != now["namespace"]:
        return False
    try:
        os.kill(found["pid"], 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # it is another user's
        pass
    return bool(found.get("started") != now["started"])  # another process with the same number


def remove_if_stale(path: Path) -> None:
    """Remove a lock whose process is no more.

    Two processes may find the same stale lock, and the slower one must not remove what the faster one has put in its
    place: only who holds a second such file looks again and removes.
    """
    guard = path.with_name(f"{NAME}.removing")
    if not created(guard, {}):
        if time.time() - guard.stat().st_mtime > MOMENT:
            guard.unlink(missing_ok=True)
        return
    try:
        if stale(path):
            path.unlink(missing_ok=True)
    finally:
        guard.unlink(missing_ok=True)


def refusal(folder: Path) -> str:
    """The line for whoever comes second."""
    found = content(folder / NAME)
    host, since = (" ".join(str(found.get(key)).split())[:100] for key in ("host", "since"))
    who = f"process {found['pid']} on {host} since {since}" if found else "another process"
    return (
        f"{folder} is in use by {who}; wait for it, stop it, or name another --out "
        f"(if it is no more, remove {folder / NAME})"
    )
