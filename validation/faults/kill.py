"""SIGKILL at random moments: does every run go on to the bits of an undisturbed one, and lose no step that was saved?

Each trial runs a job in a folder of its own, kills it at a moment drawn evenly over the time that it takes, start-up
included, looks at what is left, and repeats the same command, which may be killed again, until it ends.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn.console import DONE, FAILED, Parser, complain
from refsbnn.errors import InputError
from refsbnn.files import writable, write_json
from refsbnn.training import lock
from validation.faults import jobs, processes
from validation.faults.jobs import RUN, Job
from validation.faults.outcome import difference, outcome

AGAIN = 0.4  # probability that what goes on is killed too
PATIENCE = 60.0  # seconds in which all processes of a job that lost one must end
LONGEST = 600.0  # seconds a job may take
QUIET = {f"{word}_NUM_THREADS": "1" for word in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


@dataclass
class Kill:
    """One kill and what followed; `problem` is empty where all was as it should be."""

    trial: int
    job: str
    target: str
    second: float
    moment: str = ""
    gone: float | None = 0.0
    problem: str = ""


def start(job: Job, folder: Path) -> subprocess.Popen[str]:
    """Start a job's command in its folder; what it says goes to a file there."""
    with (folder / "said.txt").open("a", encoding="utf-8") as said:
        return subprocess.Popen(
            job.words, cwd=folder, env=os.environ | QUIET | job.environment, stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, text=True,
        )  # fmt: skip


def undisturbed(job: Job, folder: Path) -> tuple[dict[str, Any], float]:
    """What a job leaves and the seconds it takes.

    Raises
    ------
    InputError
        It fails.
    """
    folder.mkdir()
    job.prepare(folder)
    begun = time.monotonic()
    finish(job, folder)
    return outcome(folder), time.monotonic() - begun


def finish(job: Job, folder: Path) -> None:
    """Run a job to its end.

    Raises
    ------
    InputError
        It fails, or takes too long.
    """
    process = start(job, folder)
    try:
        code = process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        processes.send(signal.SIGKILL, processes.inside(folder))
        code = process.wait()
    if code:
        lines = (folder / "said.txt").read_text(encoding="utf-8").splitlines() or [""]
        raise InputError(f"{job.name} ended with exit code {code}: {lines[-1]}")


def waited(job: Job, process: subprocess.Popen[str], folder: Path) -> list[int]:
    """Wait until what a job's kills are for begins; the job's ranks, since finding them then would take too long."""
    ranks: list[int] = []
    while job.begins and process.poll() is None and not job.begins(folder):
        if len(ranks) < 1 + ("ranks" in job.targets):
            ranks = processes.python(folder)
        time.sleep(0.0002)
    return ranks


def victims(
    target: str, process: subprocess.Popen[str], folder: Path, ranks: list[int], rng: np.random.Generator
) -> list[int]:
    """The processes to kill."""
    if target == "all":
        return processes.inside(folder)
    if target == "ranks":
        return ranks
    return [int(rng.choice(ranks))] if target == "rank" and ranks else [process.pid]


def killed(job: Job, folder: Path, kill: Kill, rng: np.random.Generator) -> bool:
    """Start a job and kill it at its moment; False if it ended before."""
    process = start(job, folder)
    ranks = waited(job, process, folder)
    try:
        process.wait(kill.second)
    except subprocess.TimeoutExpired:
        ranks = ranks or processes.python(folder)
        processes.send(signal.SIGKILL, victims(kill.target, process, folder, ranks, rng))
        kill.gone = processes.gone(folder, PATIENCE)
        process.wait(PATIENCE)
        kill.moment = jobs.moment(folder, ranks)
        return True
    return False


def saved(folder: Path) -> dict[str, tuple[int, int]]:
    """The checkpoints in a run's folder, and which files they are."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("checkpoints/[0-9]*.h5")}


def trial(
    number: int, job: Job, span: float, expected: dict[str, Any], folder: Path, rng: np.random.Generator
) -> list[Kill]:
    """Kill a job once or more often, let it end, and look at all it left."""
    folder.mkdir()
    job.prepare(folder)
    kills: list[Kill] = []
    before: dict[str, tuple[int, int]] = {}
    try:
        while not kills or rng.random() < AGAIN:
            kill = Kill(number, job.name, str(rng.choice(job.targets)), round(float(rng.uniform(0.0, span)), 4))
            if not killed(job, folder, kill, rng):
                break
            kills.append(kill)
            if kill.gone is None:
                raise InputError(f"processes were left {PATIENCE:.0f} s after the kill: {processes.inside(folder)}")
            outcome(folder)  # all that has a name is whole
            if lost := sorted(path for path, file in before.items() if saved(folder).get(path, file) != file):
                raise InputError(f"a step was done again though {lost[0]} had been saved")
            before = saved(folder)
        if kills:
            finish(job, folder)
            check(folder, expected, before)
    except InputError as error:
        kills[-1].problem = str(error)
    finally:
        processes.send(signal.SIGKILL, processes.inside(folder))
    return kills


def check(folder: Path, expected: dict[str, Any], before: dict[str, tuple[int, int]]) -> None:
    """Raise InputError unless a job ended in the expected result, did no saved step again and left nothing behind."""
    if found := difference(outcome(folder), expected):
        raise InputError(f"not the bits of the undisturbed run: {found}")
    now = saved(folder)
    if again := sorted(path for path, file in before.items() if now.get(path, file) != file):
        raise InputError(f"a step was done again though {again[0]} had been saved")
    for path in (folder / RUN).rglob(".*"):
        # A run of a sweep may be killed after its result, and before it gives its folder back.
        if path.name != lock.NAME or path.parent == folder / RUN or lock.taken(path.parent):
            raise InputError(f"left behind: {path}")


def campaign(chosen: Sequence[Job], kills: int, seed: int, scratch: Path) -> dict[str, Any]:
    """Kill the jobs in turn until there were enough kills.

    Returns
    -------
    dict
        The jobs with their undisturbed seconds, and every kill.
    """
    expected, seconds = {}, {}
    for job in chosen:
        expected[job.name], seconds[job.name] = undisturbed(job, scratch / job.name)
        words = ["python" if word == sys.executable else Path(word).name for word in job.words]
        print(f"{job.name}: {' '.join(words)}: {seconds[job.name]:.1f} s undisturbed", flush=True)
    done: list[Kill] = []
    number = 0
    while len(done) < kills:
        job = chosen[number % len(chosen)]
        rng, folder = np.random.default_rng([seed, number]), scratch / f"trial-{number}"
        span = jobs.WRITE if job.begins else seconds[job.name]
        for kill in trial(number, job, span, expected[job.name], folder, rng):
            done.append(kill)
            ended = "" if kill.gone is None or len(job.targets) == 1 else f", all gone after {kill.gone:.1f} s"
            print(
                f"{len(done):>4} {job.name:<9} {kill.target:<9} at {kill.second:6.3f} s, {kill.moment}{ended}"
                f"{': ' + kill.problem if kill.problem else ''}",
                flush=True,
            )
        shutil.rmtree(folder)
        number += 1
    return {"seconds": seconds, "trials": number, "kills": [asdict(kill) for kill in done]}


def table(kills: Sequence[dict[str, Any]]) -> str:
    """The kills by what they met, a column for each job."""
    names = list(dict.fromkeys(kill["job"] for kill in kills))
    rows = [f"{'killed in the midst of':<30}" + "".join(f"{name:>10}" for name in names)]
    for what in sorted({kill["moment"] for kill in kills}):
        counts = [sum(kill["moment"] == what and kill["job"] == name for kill in kills) for name in names]
        rows.append(f"{what:<30}" + "".join(f"{count:>10}" for count in counts))
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a campaign; returns the exit code, 1 if anything was lost."""
    every = [job.name for job in jobs.jobs()]
    parser = Parser(prog="python -m validation.faults.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--job", action="append", choices=every, help="only this one; may be given again")
    parser.add_argument("--mpiexec", help="the launcher of ranks (default: the one on the PATH)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every kill as JSON")
    arguments = parser.parse_args(argv)
    try:
        if not Path("/proc/self/cwd").exists():
            raise InputError("there is no /proc here; this needs Linux")
        if arguments.json:
            writable(arguments.json)
        chosen = []
        for job in jobs.jobs(arguments.mpiexec):
            if job.name in (arguments.job or every):
                if job.missing:
                    print(f"skipped: {job.name}: {job.missing}")
                else:
                    chosen.append(job)
        if not chosen or arguments.kills < 1:
            raise InputError("there is nothing to kill")
        with tempfile.TemporaryDirectory(prefix="kill-") as scratch:
            found = campaign(chosen, arguments.kills, arguments.seed, Path(scratch).resolve())
    except InputError as error:
        return complain(str(error))
    bad = [kill for kill in found["kills"] if kill["problem"]]
    print(table(found["kills"]))
    print(f"{len(found['kills'])} kills in {found['trials']} trials, {len(bad)} with a problem")
    if arguments.json:
        machine = {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
        write_json(arguments.json, {"seed": arguments.seed, **machine, **found})
    return FAILED if bad else DONE


if __name__ == "__main__":
    sys.exit(main())
