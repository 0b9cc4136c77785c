"""One run of a sweep: what it is, whether it is done, and the process that does it."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from refsbnn.errors import InputError
from refsbnn.launcher import unlaunched
from refsbnn.sweeps import child
from refsbnn.training import checkpoint, lock
from refsbnn.training import config as configuration
from refsbnn.training.config import Config
from refsbnn.training.folder import RESULT, config_of, read_json
from refsbnn.training.resume import flat

LOG = "train.log"
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FREE = ("data.root", "training.checkpoint", "training.keep", "training.tensorboard")  # these change no result
PATIENCE = 60.0  # seconds for a run of a sweep that was killed to save what it has and go
TAIL = 4096  # bytes of a log, the last of which says why a run failed


@dataclass(frozen=True)
class Job:
    """A run.

    Attributes
    ----------
    name : str
        What it is called; unique in its sweep.
    folder : Path
    config : str
        A configuration's name or file.
    words : tuple of str
        Its overrides.
    test : bool
        Whether the test split is scored.
    threads : int
        Where the environment does not set them.
    program : tuple of str
        A module, and arguments that come before the configuration.
    """

    name: str
    folder: Path
    config: str
    words: tuple[str, ...]
    test: bool = False
    threads: int = 1
    program: tuple[str, ...] = ("refsbnn", "train")

    def wanted(self) -> Config:
        """Its configuration; raises InputError for one that would be refused."""
        return configuration.load(self.config, self.words)

    def arguments(self) -> list[str]:
        """The command, without Python."""
        more = [*([] if self.test else ["--no-test"]), *(["--resume"] if checkpoint.saved(self.folder) else [])]
        return [*self.program, self.config, *self.words, "--out", str(self.folder), *more]


Report = Callable[[Job, str], None]  # a run that is over, and what went wrong with it, if something did


def difference(there: Config, here: Config, free: Sequence[str] = FREE) -> str:
    """The first key by which two configurations differ, and both values, or nothing.

    Examples
    --------
    >>> from dataclasses import replace
    >>> difference(Config(), replace(Config(), seed=1))
    'seed is 0 there, 1 here'
    """
    before, now = dict(flat(there.as_dict())), dict(flat(here.as_dict()))
    for key in [*now, *(key for key in before if key not in now)]:
        if key not in free and before.get(key) != now.get(key):
            return f"{key} is {before.get(key)!r} there, {now.get(key)!r} here"
    return ""


def result(job: Job) -> dict[str, Any] | None:
    """What the run's result.json holds, if it is finished.

    Raises
    ------
    InputError
        The folder holds the result of another run.
    """
    path = job.folder / RESULT
    if not path.exists():
        return None
    facts = read_json(path)
    found = difference(config_of(path, facts.get("refsbnn"), facts.get("config")), job.wanted())
    if found:
        raise InputError(
            f"{path} is the result of another configuration: {found}; expected another --out, or that run removed"
        )
    if job.test and "test" not in facts:
        raise InputError(
            f"{path} has no test scores; `refsbnn evaluate {job.folder} --split test` gives them, or name another --out"
        )
    return facts


class Crew:
    """The processes that are at work, so that all of them can be asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self.lock = threading.Lock()
        self.live: set[subprocess.Popen[bytes]] = set()

    def run(self, command: Sequence[str], log: IO[str], environment: dict[str, str]) -> int:
        """Run a process to its end; its exit code, or 143 where it was not begun because all had been asked to stop.

        It has a session of its own: Ctrl-C reaches it once, through `stop`.
        """
        with self.lock:
            if self.asked:
                return 128 + signal.SIGTERM
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # open as long as this process lives, see `child.watch`
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
            self.live.add(process)
        try:
            return process.wait()
        finally:
            with self.lock:
                self.live.discard(process)
            assert process.stdin is not None
            process.stdin.close()

    def stop(self) -> None:
        """Ask every process to save and end, or, the second time, to end at once; none begins from now on.

        The first time is the end of its standard input, as when this process dies: of both it hears once.
        """
        with self.lock:
            for process in self.live:
                assert process.stdin is not None
                if self.asked:
                    process.terminate()
                else:
                    process.stdin.close()
            self.asked = True


def perform(job: Job, crew: Crew) -> str:
    """Do a run, go on with it, or find it done; returns what went wrong, in a line, or nothing."""
    try:
        if result(job) is not None:
            return ""
        wait_for(job.folder, crew)
        if crew.asked:
            return "stopped before it began"
        arguments = job.arguments()
        job.folder.mkdir(parents=True, exist_ok=True)
        with (job.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"$ python -m {shlex.join(arguments)}\n")
            log.flush()
            code = crew.run(child.command(*arguments), log, environment(job.threads))
        if code or result(job) is None:
            return failure(job, f"exit code {code}")
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    return ""


def wait_for(folder: Path, crew: Crew) -> None:
    """Wait while a process of this machine has the run's folder: that of a sweep that was killed is about to go."""
    until = time.monotonic() + PATIENCE
    while lock.taken(folder) and not crew.asked and time.monotonic() < until:
        time.sleep(0.1)


def environment(threads: int) -> dict[str, str]:
    """The environment of a run: its threads, and no word of a launcher: it is alone, wherever the sweep runs."""
    return dict.fromkeys(THREADS, str(threads)) | unlaunched(os.environ)


def failure(job: Job, how: str) -> str:
    """The line for a run that failed: the last one of its log."""
    path = job.folder / LOG
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL, 0))
            said = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return f"{how}, and no {path}"
    last = next((line.strip() for line in reversed(said) if line.strip() and not line.startswith("$ ")), "no word")
    return f"{how}: {last.removeprefix('refsbnn: error: ')[-300:]} (see {path})"
