"""Fuzzing of everything that refsbnn reads: `python -m validation.faults.fuzz --inputs N --seed S --json FILE`.

Input i is a function of the seed and i alone: a reader, a file of its folder, damage or an attack. It is read in a
process that does nothing else, under a watch (`watch.py`); a second process watches that one, takes note if it crashes
or hangs, and starts another. `--only i` shows one input, `--keep FOLDER` keeps the folders of those that failed.
"""

import argparse
import json
import os
import platform
import queue
import resource
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import h5py
import numpy as np

import refsbnn
from refsbnn import files
from refsbnn.console import complain
from refsbnn.errors import InputError, check_integer
from validation.faults.commands import sampled
from validation.faults.hostile import CANARY
from validation.faults.readers import CONSTANT, READERS, Reader
from validation.faults.watch import Seen, Watch

SLOW = 5.0  # seconds of processor time for one input
STILL = 60.0  # seconds without progress or work
ATTACKS = 0.08  # share of the inputs, where a reader has any
SPACE = 64 << 30  # bytes of addresses: what takes more is refused by the system


class Input(NamedTuple):
    """What was tried: number, reader, what was done to which file, and what came of it."""

    number: int
    reader: str
    damage: str
    file: str
    size: int
    seen: Seen

    @property
    def failed(self) -> bool:
        """Whether anything but a plain acceptance or refusal came of it."""
        return self.seen.outcome not in ("accepted", "refused")


def chosen(names: Sequence[str]) -> list[Reader]:
    """The readers of some names, or all."""
    return [reader for reader in READERS if not names or reader.name in names]


class Folders:
    """The readers' folders: their valid files, made once, and copies of them that are damaged in turn."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root
        self.valid: dict[str, dict[str, bytes]] = {}
        for reader in READERS:
            place = root / "valid" / reader.name
            place.mkdir(parents=True)
            reader.make(place)
            self.valid[reader.name] = {
                str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()
            }
        self.touched: dict[str, Path] = {}  # the files that were damaged last

    def lay(self, reader: Reader) -> Path:
        """The reader's folder as it was made, and nothing else in it."""
        wanted, self.work = self.valid[reader.name], self.root / "work" / reader.name
        touched = self.touched.get(reader.name)
        if touched is None or reader.writes or touched.is_dir():
            shutil.rmtree(self.work, ignore_errors=True)
            for name, content in wanted.items():
                (self.work / name).parent.mkdir(parents=True, exist_ok=True)
                (self.work / name).write_bytes(content)
        else:
            touched.unlink(missing_ok=True)
            touched.write_bytes(wanted[str(touched.relative_to(self.work))])
        return self.work

    def damaged(self, seed: int, number: int, names: Sequence[str] = ()) -> tuple[Reader, str, Path, bool]:
        """Lay out and damage input `number`: its reader, the damage, the file, and whether it has to be refused."""
        rng = Random(f"{seed}/{number}")
        readers = chosen(names)
        reader = rng.choices(readers, [each.share for each in readers])[0]
        work = self.lay(reader)
        self.touched[reader.name] = path = rng.choice(sorted(work.glob(reader.files)))
        valid = path.read_bytes()
        if reader.attacks and rng.random() < ATTACKS:
            name, attack = rng.choice(list(reader.attacks.items()))
            attack(path, valid, rng)
            return reader, name, path, True
        name, damage = rng.choice(list(reader.damages.items()))
        foreign = rng.choice(list(self.valid[rng.choice(READERS).name].values()))
        path.write_bytes(damage(valid, rng, foreign))
        return reader, name, path, False


def one(
    folders: Folders, watch: Watch, seed: int, number: int, names: Sequence[str], tell: Callable[[object], None]
) -> Input:
    """Try one input; `tell` hears what it is before it is read."""
    reader, name, path, refused = folders.damaged(seed, number, names)
    size = 0 if path.is_symlink() or not path.is_file() else path.stat().st_size
    told = number, reader.name, name, str(path.relative_to(folders.work)), size
    tell({"begun": told, "root": str(folders.root)})
    seen = watch.call(lambda: reader.read(folders.work))
    limit = reader.times * size + CONSTANT
    if seen.outcome in ("accepted", "refused"):
        if seen.seconds > SLOW:
            seen = seen._replace(outcome="slow", why=f"{seen.seconds:.1f} s")
        elif seen.memory > limit:
            seen = seen._replace(outcome="memory", why=f"{seen.memory} bytes for a file of {size}; {limit:.0f} may be")
    if refused and seen.outcome == "accepted":
        seen = seen._replace(outcome="attack accepted")
    for place in (folders.work.parent / CANARY, folders.root / CANARY, Path(tempfile.gettempdir()) / CANARY):
        if place.exists():
            place.unlink()
            seen = seen._replace(outcome="deed", why=f"{place} was made")
    return Input(*told, seen)


def worker(channel: int, seed: int, numbers: Iterator[int], names: Sequence[str], keep: Path | None) -> None:
    """Try inputs and tell of each in a line of JSON; in a process of its own."""

    def tell(what: object) -> None:
        os.write(channel, (json.dumps(what) + "\n").encode())

    root = Path(tempfile.mkdtemp(prefix="refsbnn-fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    try:
        folders = Folders(root)
        watch = Watch(root)
        for reader in chosen(names):
            with suppress(InputError):  # what is imported and compiled at a first call is no reader's doing
                reader.read(folders.lay(reader))
            seen = watch.call(lambda reader=reader: reader.read(folders.lay(reader)))  # type: ignore[misc]
            if seen.outcome != "accepted":
                tell({"broken": f"{reader.name}: {seen.outcome} {seen.why}"})
                return
        for number in numbers:
            tried = one(folders, watch, seed, number, names, tell)
            if tried.failed and keep is not None:
                shutil.copytree(folders.work, keep / str(number), symlinks=True, dirs_exist_ok=True)
            tell({**tried._asdict(), "seen": list(tried.seen)})
    finally:
        shutil.rmtree(root, ignore_errors=True)


def busy(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tried(inputs: Sequence[int], seed: int, names: Sequence[str] = (), keep: Path | None = None) -> Iterator[Input]:
    """Try inputs in processes of their own, one after the other; what crashes or hangs is told as the others are."""
    left = list(inputs)
    while left:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(reading)
                worker(writing, seed, iter(left), names, keep)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writing)
        begun: dict[str, Any] = {}
        before, when, how = 0.0, time.monotonic(), ""
        with os.fdopen(reading, "rb") as channel:
            buffer = b""
            while True:
                if select.select([channel], [], [], 1.0)[0]:
                    part = os.read(channel.fileno(), 1 << 16)
                    if not part:
                        break
                    *lines, buffer = (buffer + part).split(b"\n")
                    for line in lines:
                        said = json.loads(line)
                        if "broken" in said:
                            raise RuntimeError(f"a valid file was not read: {said['broken']}")
                        if "begun" in said:
                            begun = said
                            continue
                        begun = {}
                        left.remove(said["number"])
                        yield Input(**{**said, "seen": Seen(*said["seen"])})
                    before, when = busy(pid), time.monotonic()
                elif begun and (busy(pid) - before > 2 * SLOW or time.monotonic() - when > STILL):
                    how = "hang"
                    os.kill(pid, signal.SIGKILL)
                    break
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if begun:
            shutil.rmtree(begun["root"], ignore_errors=True)
            left.remove(begun["begun"][0])
            why = how or (f"signal {-code}" if code < 0 else f"exit code {code}")
            number, reader, damage, file, size = begun["begun"]
            yield Input(number, reader, damage, file, size, Seen(how or "crash", why, 0.0, 0))
        elif code:
            raise RuntimeError(f"the process that reads ended with {code} before its first input")


def shared(inputs: Sequence[int], processes: int, *options: Any) -> Iterator[Input]:
    """As `tried`, the inputs dealt out to some processes at a time; a thread here watches each."""
    done: queue.SimpleQueue[Input | BaseException | None] = queue.SimpleQueue()

    def watched(part: Sequence[int]) -> None:
        try:
            for each in tried(part, *options):
                done.put(each)
            done.put(None)
        except BaseException as error:
            done.put(error)

    threads = [threading.Thread(target=watched, args=(inputs[k::processes],), daemon=True) for k in range(processes)]
    for thread in threads:
        thread.start()
    left = len(threads)
    while left:
        each = done.get()
        if isinstance(each, BaseException):
            raise each
        if each is None:
            left -= 1
        else:
            yield each


def through_commands(found: Sequence[Input], count: int, seed: int, names: Sequence[str]) -> dict[str, Any]:
    """Some of the inputs that were refused, of each reader in turn, through the command that reads such files."""
    queues = {
        reader.name: [
            each.number
            for each in found
            # A command that names a file, as a configuration, reads no other.
            if each.reader == reader.name
            and each.seen.outcome == "refused"
            and all(word == each.file for word in reader.command if word.endswith(".toml"))
        ]
        for reader in READERS
        if reader.command
    }
    chosen: list[int] = []
    while len(chosen) < count and any(queues.values()):
        chosen += [queue.pop(0) for queue in queues.values() if queue]
    with tempfile.TemporaryDirectory(prefix="refsbnn-fuzz-") as root:
        folders = Folders(Path(root))

        def laid(number: int) -> tuple[Reader, Path]:
            reader, *_ = folders.damaged(seed, number, names)
            return reader, folders.work

        return sampled(sorted(chosen[:count]), laid)


def record(found: Sequence[Input], seed: int, command: str) -> dict[str, Any]:
    """The record of a campaign."""

    def counted(some: Sequence[Input]) -> dict[str, Any]:
        outcomes = Counter("failed" if each.failed else each.seen.outcome for each in some)
        return {"inputs": len(some), **{name: outcomes[name] for name in ("accepted", "refused", "failed")}}

    readers = {}
    for reader in READERS:
        own = [each for each in found if each.reader == reader.name]
        if own:
            readers[reader.name] = {
                **counted(own),
                "slowest_seconds": round(max(each.seen.seconds for each in own), 3),
                "largest_megabytes": round(max(each.seen.memory for each in own) / 1e6, 1),
                "may_take": f"{reader.times:g} times the file and {CONSTANT >> 20} MiB",
                "damages": {
                    name: counted([each for each in own if each.damage == name])
                    for name in sorted({each.damage for each in own})
                },
            }
    return {
        "command": command, "seed": seed, **counted(found), "readers": readers,
        "machine": {"system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version()},
        "versions": {
            "refsbnn": refsbnn.__version__, "numpy": np.__version__, "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
        },
        "failures": [{**each._asdict(), "seen": each.seen._asdict()} for each in found if each.failed],
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign; the exit code is 1 where an input failed."""
    parser = argparse.ArgumentParser(prog="python -m validation.faults.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", default=[], choices=[reader.name for reader in READERS])
    parser.add_argument("--only", type=int, help="one input, by its number")
    parser.add_argument("--processes", type=int, default=1, help="how many read at a time")
    parser.add_argument("--commands", type=int, default=0, help="inputs tried again through the command line")
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    parser.add_argument("--json", type=Path, help="file for the record")
    given = parser.parse_args(argv)
    check_integer("--inputs", given.inputs, 1)
    check_integer("--processes", given.processes, 1)
    numbers = range(given.inputs) if given.only is None else [given.only]
    begun, found = time.monotonic(), list[Input]()
    command = "python -m validation.faults.fuzz " + " ".join(sys.argv[1:] if argv is None else argv)

    def shown() -> dict[str, Any]:
        return {**record(found, given.seed, command), "seconds": round(time.monotonic() - begun)}

    for each in shared(numbers, given.processes, given.seed, given.reader, given.keep):
        found.append(each)
        if each.failed or given.only is not None:
            print(f"{each.number}: {each.reader}, {each.damage}, {each.file}: {each.seen}"[:600], flush=True)
        if len(found) % 5000 == 0:
            print(f"{len(found)} inputs, {time.monotonic() - begun:.0f} s", flush=True)
            if given.json is not None:  # a campaign takes its time
                files.write_json(given.json, shown())
    out = shown()
    if given.commands:
        out["commands"] = through_commands(found, given.commands, given.seed, given.reader)
    for name, row in out["readers"].items():
        print(f"{name:<20}" + "".join(f"{key} {row[key]:>8}  " for key in list(row)[:6]))
    print({key: out[key] for key in ("inputs", "accepted", "refused", "failed", "seconds")}, out.get("commands", ""))
    if given.json is not None:
        files.write_json(given.json, out)
    return 1 if out["failed"] or out.get("commands", {}).get("failed") else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as refused:
        sys.exit(complain(str(refused)))
