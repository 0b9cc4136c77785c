"""Runs as tasks of Slurm job arrays, through submitit (extra `slurm`).

A task whose time is up, or that is preempted, asks its run to save, and Slurm starts it again: the run goes on with
--resume. Whether a task is still there is asked of squeue, as many clusters have no accounting; what became of it is
read in the run's folder, so none of submitit's pickles is read here.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from refsbnn import files
from refsbnn.errors import InputError, refusing
from refsbnn.sweeps.job import Crew, Job, Report, failure, perform, result
from refsbnn.sweeps.names import mark
from refsbnn.training.folder import read_json

FOLDER, ARRAYS = "slurm", "arrays.json"
LONGEST = 1000  # tasks of an array; Slurm's MaxArraySize is 1001 unless set
REQUEUES = 1000  # time-outs of a task: each leaves it further on
LAG = 15.0  # seconds for what another node has written to be seen here
MANAGED = ("array", "time", "job-name", "output", "error")  # options that are not the user's


class Task:
    """A run as submitit calls it.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self) -> str:
        """Do the run; what went wrong, or nothing."""
        self.crew, told = Crew(), []
        cores = len(os.sched_getaffinity(0))
        job = replace(self.job, threads=int(os.environ.get("SLURM_CPUS_PER_TASK", cores)))
        # Signals come to the main thread, which therefore waits without holding anything.
        self.thread = threading.Thread(target=lambda: told.append(perform(job, self.crew)))
        self.thread.start()
        self.wait()
        return told[0] if told else "no word"

    def wait(self) -> None:
        """Wait for the run's process to end."""
        while self.thread.is_alive():
            time.sleep(0.1)

    def checkpoint(self) -> Any:
        """Called when the time is up: stop the run, which saves, and say what is to be called next time."""
        from submitit.helpers import DelayedSubmission

        self.crew.stop()
        self.wait()
        return DelayedSubmission(Task(self.job))


class Queue:
    """What of a sweep is with Slurm.

    Parameters
    ----------
    out : Path
        The sweep's folder.
    at_once : int
        Tasks of an array at a time.
    minutes : int
        For each task, after which it goes on as another one.
    options : dict
        More options of sbatch.
    """

    def __init__(self, out: Path, at_once: int, minutes: int, options: dict[str, str]) -> None:
        self.folder, self.at_once, self.minutes, self.options = out.resolve() / FOLDER, at_once, minutes, options
        submitit()
        if not all(map(shutil.which, ("sbatch", "srun", "squeue"))):
            raise InputError("--engine slurm finds no sbatch, srun and squeue here; run it on a node that submits jobs")
        path = self.folder / ARRAYS
        # Each array's name and runs are written down before it is submitted: a sweep that is killed finds it again.
        self.arrays: dict[str, list[str]] = read_json(path) if path.exists() else {}

    def submit(self, jobs: Sequence[Job]) -> None:
        """Submit runs as arrays.

        Raises
        ------
        InputError
            Slurm refuses them.
        """
        for first in range(0, len(jobs), LONGEST):
            part = jobs[first : first + LONGEST]
            name = f"refsbnn-{mark(str(self.folder), 8)}-{len(self.arrays)}"
            self.arrays[name] = [job.name for job in part]
            files.write_json(self.folder / ARRAYS, self.arrays)
            executor = submitit().SlurmExecutor(self.folder, max_num_timeout=REQUEUES)
            executor.update_parameters(
                job_name=name,
                time=self.minutes,
                array_parallelism=self.at_once,
                # srun does not take it from sbatch since Slurm 22.05
                setup=['export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"'],
                additional_parameters=self.options,
            )
            try:
                send(executor, part)
            except Exception as error:  # submitit's own, of what sbatch said
                said = " ".join(str(error).split())
                raise InputError(f"Slurm refuses the array: {said[-300:]}") from None

    def there(self) -> set[str]:
        """The names of the runs that wait or run.

        Raises
        ------
        InputError
            squeue does not answer.
        """
        if not self.arrays:
            return set()
        words = ["squeue", "--noheader", "--array", f"--name={','.join(self.arrays)}", "--format=%j %K"]
        with refusing("squeue", OSError):
            done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"squeue: {' '.join(done.stderr.split())}")
        found = set()
        for line in done.stdout.splitlines():
            name, _, index = line.strip().partition(" ")
            found.add(self.arrays[name][int(index) if index.isdigit() else 0])  # one run alone is no array
        return found


def submitit() -> Any:
    """The module, or one line that says where it comes from."""
    try:
        import submitit
    except ImportError:
        raise InputError("--engine slurm needs submitit: pip install 'refsbnn[slurm]'") from None
    return submitit


def send(executor: Any, jobs: Iterable[Job]) -> list[Any]:
    """Submit runs together; with Slurm, several are an array."""
    with executor.batch():
        return [executor.submit(Task(job)) for job in jobs]


def run(
    jobs: Sequence[Job],
    report: Report,
    submit: Callable[[Sequence[Job]], object],
    there: Callable[[], set[str]],
    lag: float = LAG,
    longest: float = 30.0,
) -> None:
    """Do runs, as `local.run` does on this machine: submit those that are not there yet, and wait for all.

    Parameters
    ----------
    jobs : sequence of Job
    report : callable
    submit : callable
        Hands runs over.
    there : callable
        The names of the runs that wait or run.
    lag : float
        Seconds for which the result of a run that is gone may stay unseen.
    longest : float
        Seconds between two looks; it begins with less, so that short runs are not waited for long.
    """
    queued = there()
    new = [job for job in jobs if job.name not in queued]
    if new:
        submit(new)
    waiting, gone, pause = {job.name: job for job in jobs}, dict[str, float](), min(0.5, longest)
    while waiting:
        queued, now = there(), time.monotonic()  # before the results: what ends in between has one
        for name, job in list(waiting.items()):
            done = result(job) is not None
            if not done and name in queued:
                gone.pop(name, None)
                continue
            if done or now - gone.setdefault(name, now) >= lag:
                report(waiting.pop(name), "" if done else failure(job, "ended without a result"))
        if waiting:
            time.sleep(pause)
            pause = min(1.5 * pause, longest)
