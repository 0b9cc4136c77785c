"""A search by Optuna (extra `optuna`), its journal a file in the sweep's folder.

A trial's values are a function of the search's seed, the trial's number and the trials before it, and a trial is
written down whole before its runs begin. So a search that was killed goes on as it would have gone.
"""

import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from refsbnn.errors import InputError
from refsbnn.sweeps.grid import Grid
from refsbnn.sweeps.sweep import Engine, Point, Sweep, run

JOURNAL = "optuna.log"
STUDY = "refsbnn"
DIRECTIONS = {"nll": "minimize", "accuracy": "maximize"}


def optuna() -> Any:
    """The module, or one line that says where it comes from."""
    try:
        import optuna
    except ImportError:
        raise InputError("--search optuna needs Optuna: pip install 'refsbnn[optuna]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def space(grid: Grid) -> dict[str, Any]:
    """Optuna's distribution of each key; lists are given as JSON, which Optuna stores."""
    kinds = optuna().distributions
    out: dict[str, Any] = {
        key: kinds.CategoricalDistribution([json.dumps(value) for value in values]) for key, values in grid.axes.items()
    }
    for key, span in grid.spans.items():
        whole = isinstance(span.low, int)
        out[key] = (kinds.IntDistribution if whole else kinds.FloatDistribution)(span.low, span.high, log=span.log)
    return out


def study(path: Path, direction: str) -> Any:
    """The study in a journal. Only one process has the sweep's folder, so what a killed one left is put in order."""
    module = optuna()
    Path(f"{path}.lock").unlink(missing_ok=True)
    if path.exists():
        whole = path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):  # a line that was not written to its end
            os.truncate(path, end)
    try:
        # The lock is a link to the path as it is given, which only an absolute one resolves.
        storage = module.storages.JournalStorage(module.storages.journal.JournalFileBackend(str(path.resolve())))
        return module.create_study(storage=storage, study_name=STUDY, direction=direction, load_if_exists=True)
    except Exception as error:  # a journal that is damaged fails in many ways
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split()) or type(error).__name__}") from None


def proposed(before: Sequence[Any], distributions: dict[str, Any], direction: str, seed: int) -> dict[str, Any]:
    """The values of the next trial, from those before it and from nothing else."""
    module = optuna()
    number = int(np.random.SeedSequence([seed, len(before)]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant_liar is called experimental: it keeps trials of one batch apart
        sampler = module.samplers.TPESampler(seed=number, constant_liar=True)
    memory = module.create_study(sampler=sampler, direction=direction)
    memory.add_trials(before)
    return dict(memory.ask(distributions).params)


def search(
    sweep: Sweep, trials: int, batch: int, score: str, seed: int, engine: Engine, say: Callable[[str], None]
) -> tuple[list[Point], dict[str, str]]:
    """Run trials, a batch at a time; what is in the journal is not done again.

    Parameters
    ----------
    sweep : Sweep
    trials : int
        In all.
    batch : int
        Trials that are proposed together.
    score : {"nll", "accuracy"}
        The validation score, its mean over the seeds, that is searched for.
    seed : int
        Of the proposals.
    engine : callable
    say : callable

    Returns
    -------
    list of Point, dict of str
        The trials, and what went wrong by the names of the runs. A trial with such a run stays open in the journal.
    """
    module, direction, distributions = optuna(), DIRECTIONS[score], space(sweep.grid)
    found = study(sweep.out / JOURNAL, direction)
    running = module.trial.TrialState.RUNNING
    points: list[Point] = []
    failed: dict[str, str] = {}
    for first in range(0, trials, batch):
        numbers = range(first, min(first + batch, trials))
        for number in numbers:
            known = found.get_trials(deepcopy=False)
            if number == len(known):
                values = proposed(known, distributions, direction, seed)
                found.add_trial(module.trial.create_trial(state=running, params=values, distributions=distributions))
        known = found.get_trials(deepcopy=False)
        part = [sweep.point(f"trial={number:04d}", read(known[number].params, sweep.grid)) for number in numbers]
        points += part
        failed |= run(part, engine, say)
        for number, point in zip(numbers, part, strict=True):
            results = point.results()
            if known[number].state == running and len(results) == len(point.runs):
                found.tell(number, mean(facts["validation"][score] for facts in results.values()))
    return points, failed


def read(params: dict[str, Any], grid: Grid) -> dict[str, Any]:
    """A trial's values as the configuration takes them, in the order of the command line."""
    return {key: json.loads(params[key]) if key in grid.axes else params[key] for key in grid.keys}
