"""Contestants take turns: each in a process of its own, which steps when it is told to."""

import json
import os
import statistics
import subprocess
import sys
from typing import Any, NamedTuple

from refsbnn.errors import InputError
from validation.benchmarks.peers.cases import Cifar, Shd, case_of


class Task(NamedTuple):
    """What every contestant does: training steps of a case, or with `batch` predictions for so many examples.

    `changes` are sizes other than the case's own.
    """

    case: str
    threads: int
    small: bool = False
    batch: int | None = None
    changes: dict[str, Any] = {}  # noqa: RUF012  # of a tuple that nobody changes

    @property
    def of(self) -> Shd | Cifar:
        """The case with its sizes."""
        case = case_of(self.case, self.small)._replace(**self.changes)
        return case if self.batch is None else case._replace(batch=self.batch)


class Worker:
    """A contestant in a process of its own."""

    def __init__(self, name: str, task: Task) -> None:
        command = [sys.executable, "-m", "validation.benchmarks.peers.worker", name, json.dumps(task)]
        environment = {f"{word}_NUM_THREADS": str(task.threads) for word in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        self.name, self.seconds = name, []  # type: tuple[str, list[float]]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        self.start = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            told = self.process.communicate()[1].strip().splitlines()
            raise InputError(f"{self.name} stopped: {told[-1] if told else 'no message'}")
        return dict(json.loads(line))

    def step(self, count: int) -> float:
        """Seconds of `count` steps."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"step {count}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and its last words are in what it answered
        self.last = self._answer()
        return float(self.last["seconds"])

    def end(self) -> None:
        """Stop the process."""
        if self.process.poll() is None:
            self.process.communicate("end\n")


class Table:
    """The contestants that still run; one that stops is told, and left out from then on."""

    def __init__(self, names: list[str], task: Task, engines: set[str]) -> None:
        self.workers: list[Worker] = []
        self.engines = engines
        try:
            for name in names:
                self._tried(name, lambda name=name: self.workers.append(Worker(name, task)))
        except BaseException:
            self.end()
            raise

    def _tried(self, name: str, act: Any) -> Any:
        """What `act` gives; None where a contestant that is not an engine stopped."""
        try:
            return act()
        except InputError as error:
            if name in self.engines:
                raise
            print(f"{name} is left out: {error}", flush=True)
            self.workers = [worker for worker in self.workers if worker.name != name]
            return None

    def turn(self, count: int = 1, *, backwards: bool = False) -> dict[str, float]:
        """Seconds of `count` steps of each, one after another, in their order or against it."""
        out = {}
        for worker in self.workers[::-1] if backwards else self.workers[:]:
            seconds = self._tried(worker.name, lambda worker=worker: worker.step(count))
            if seconds is not None:
                out[worker.name] = seconds
        return out

    def end(self) -> None:
        """Stop every process."""
        for worker in self.workers:
            worker.end()


def run(task: Task, rivals: dict[str, list[str]], rounds: int, epoch: int = 0) -> dict[str, Any]:
    """Time the contestants in turns: round by round, so that what disturbs the machine disturbs all.

    The order turns round after each round, so that nobody always follows the same one; a first round is not counted.

    Parameters
    ----------
    task : Task
    rivals : dict
        The engines, each with the contestants that are compared with it.
    rounds : int
        Turns that count.
    epoch : int
        Steps of a whole epoch, to be timed once for each; 0 for none.

    Returns
    -------
    dict
        For each contestant median, quartiles and least seconds a step, first step, memory; ratios to its engine's.
        One that could not run is not in it.
    """
    engine_of = {name: engine for engine, others in rivals.items() for name in (engine, *others)}
    table = Table(list(engine_of), task, set(rivals))
    try:
        for number in range(rounds + 1):
            seconds = table.turn(backwards=number % 2 == 1)
            for worker in table.workers if number else ():
                worker.seconds.append(seconds[worker.name])
        epochs = table.turn(epoch) if epoch else {}
    finally:
        table.end()
    out: dict[str, Any] = {}
    for worker in table.workers:
        ordered = sorted(worker.seconds)
        quartiles = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
        out[worker.name] = {
            "median_s": statistics.median(ordered),
            "quartiles_s": [quartiles[0], quartiles[2]],
            "least_s": ordered[0],
            "first_s": worker.start["first_s"],
            "peak_MiB": worker.last["peak_MiB"],
            "above_import_MiB": worker.last["peak_MiB"] - worker.start["imported_MiB"],
            "epoch_s": epochs.get(worker.name),
            "loss": worker.last["loss"],
            "about": worker.start["about"],
        }
    for name, numbers in out.items():
        engine = out[engine_of[name]]
        numbers["engine"] = engine_of[name]
        numbers["times_engine"] = numbers["median_s"] / engine["median_s"]
        numbers["memory_times_engine"] = numbers["peak_MiB"] / engine["peak_MiB"]
    return out
