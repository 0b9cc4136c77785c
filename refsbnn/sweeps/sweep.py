"""A sweep in its folder: its runs, and what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsbnn import __version__, files
from refsbnn.errors import InputError
from refsbnn.sweeps import names
from refsbnn.sweeps.grid import Grid
from refsbnn.sweeps.job import FREE, Job, Report, result
from refsbnn.training import config as configuration
from refsbnn.training.folder import read_json
from refsbnn.training.resume import flat

ABOUT = "sweep.json"
SCORES = ("nll", "accuracy", "brier", "calibration_error")
Engine = Callable[[Sequence[Job], Report], None]  # does runs, and reports each as it ends


@dataclass(frozen=True)
class Point:
    """Values of the keys that are swept, and their runs, one for each seed.

    Attributes
    ----------
    name : str
        What its runs' names begin with.
    values : dict
    runs : dict of Job
        By seed.
    """

    name: str
    values: dict[str, Any]
    runs: dict[int, Job]

    def results(self) -> dict[int, dict[str, Any]]:
        """What the finished runs left, by seed."""
        found = {seed: result(job) for seed, job in self.runs.items()}
        return {seed: facts for seed, facts in found.items() if facts is not None}


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes
    ----------
    grid : Grid
    out : Path
    test : bool
        Whether each run scores the test split.
    threads : int
        Of each run.
    search : dict
        What a search is about, for its folder; empty for a grid.
    """

    grid: Grid
    out: Path
    test: bool
    threads: int
    search: dict[str, Any]

    def point(self, name: str, values: dict[str, Any]) -> Point:
        """A point and its runs."""
        runs = {}
        for seed in self.grid.seeds:
            own = names.run(name, seed)
            words = self.grid.words(values, seed)
            runs[seed] = Job(own, self.out / own, self.grid.config, words, self.test, self.threads)
        return Point(name, values, runs)

    def points(self) -> list[Point]:
        """All points of the grid."""
        return [self.point(names.name(values), values) for values in self.grid.points()]

    def about(self) -> dict[str, Any]:
        """What the folder says of the sweep: all that a later command must agree with."""
        grid = self.grid
        first = {key: values[0] for key, values in grid.axes.items()} | {k: span.low for k, span in grid.spans.items()}
        config = configuration.load(grid.config, grid.words(first, 0))
        # A model's name decides which other keys there are.
        swept = tuple("model." if key == "model.name" else key for key in [*grid.keys, "seed"])
        fixed = {key: value for key, value in flat(config.as_dict()) if key not in FREE and not key.startswith(swept)}
        return {
            "refsbnn": __version__,
            "keys": grid.keys,
            "fixed": fixed,
            "search": self.search,
            "test": self.test,
        }

    def begin(self) -> None:
        """Say in the folder what the sweep is; a sweep that is there must be the same, but for values and seeds.

        Raises
        ------
        InputError
            It is another one, or was made by another version.
        """
        path, about = self.out / ABOUT, self.about()
        if path.exists():
            self.compare(read_json(path), about)
        else:
            files.write_json(path, about)

    def compare(self, there: dict[str, Any], here: dict[str, Any]) -> None:
        """Raise InputError where a folder's sweep is not this one, naming the first thing that differs."""
        before, now = dict(flat(there)), dict(flat(here))
        for key in [*now, *(key for key in before if key not in now)]:
            if before.get(key) != now.get(key):
                said = key.removeprefix("fixed.").replace("keys", "what is swept").replace("test", "--test")
                raise InputError(
                    f"{self.out} holds another sweep: {said} is {before.get(key)!r} there, {now.get(key)!r} here; "
                    "name another --out"
                )


def run(points: Sequence[Point], engine: Engine, say: Callable[[str], None]) -> dict[str, str]:
    """Do what is missing of some points; what went wrong, by the names of the runs.

    Raises
    ------
    InputError
        A folder holds the result of another run; nothing began.
    """
    jobs = [job for point in points for job in point.runs.values()]
    missing = [job for job in jobs if result(job) is None]
    over, failed = len(jobs) - len(missing), {}

    def report(job: Job, wrong: str) -> None:
        nonlocal over
        over += 1
        if wrong:
            failed[job.name] = wrong
        facts = None if wrong else result(job)
        said = f"failed, {wrong}" if facts is None else outcome(facts)
        say(f"[{over}/{len(jobs)}] {job.name}: {said}")

    if missing:
        engine(missing, report)
    return failed


def outcome(facts: dict[str, Any]) -> str:
    """A result in a few words."""
    scores = facts["validation"]
    return f"validation accuracy {scores['accuracy']:.2%}, NLL {scores['nll']:.4f}, {facts['seconds']:.0f} s"
