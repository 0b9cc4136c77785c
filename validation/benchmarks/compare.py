"""Networks side by side on one benchmark: three estimators of an SBNN, surrogate gradients, batch normalisation.

    python -m validation.benchmarks.compare digits_spiking --rates 0.005 0.01 0.02 --seeds 0 1 2 --out runs/digits

The contestants share configuration, data, initial weights and number of epochs; `agr` has the configuration's own tau.
Each gets the same number of trials: a run of seed 0 for each learning rate, without the test split. The rate of the
best validation accuracy then trains a network from each seed, which is scored on the test split, once. What has been
done is not done again, so the command can be given anew after it was stopped. `--record DIR` copies what belongs into a
repository.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from refsbnn import files, interrupt
from refsbnn.console import DONE, Parser, complain
from refsbnn.data.options import Data
from refsbnn.errors import InputError
from refsbnn.sweeps import local
from refsbnn.sweeps.job import LOG, Job, result
from refsbnn.sweeps.sweep import ABOUT
from refsbnn.training import config as configuration
from refsbnn.training.folder import METRICS, RESULT, read_json
from validation.benchmarks.table import CONTESTANTS, SUMMARY, table

SURROGATE = "fast-sigmoid(scale=10)"


@dataclass(frozen=True)
class Race:
    """A comparison: the configuration, what is tried, how it is run.

    Attributes
    ----------
    config : str
    overrides : tuple of str
        For all contestants.
    rates : tuple of float
        A trial each.
    trial : tuple of str
        Further overrides of a trial: fewer epochs, other examples for validation.
    seeds : tuple of int
    surrogate : str
        Slope of the deterministic spikes.
    out : Path
    jobs : int
        Runs at a time; they share the processor's cores evenly, unless the environment sets their threads.
    """

    config: str
    overrides: tuple[str, ...]
    rates: tuple[float, ...]
    trial: tuple[str, ...]
    seeds: tuple[int, ...]
    surrogate: str
    out: Path
    jobs: int

    def settings(self, contestant: str, own: Sequence[str]) -> list[str]:
        """All overrides of one run."""
        units = {
            "agr": [],  # the configuration's own
            "st": ["model.units.member=st"],
            "trapezoid": ["model.units.member=trapezoid"],
            "surrogate": [f"model.units.member={self.surrogate}", "model.weights.posterior=point"],
            "batchnorm": [f"model.units.member={self.surrogate}"],
        }[contestant]
        return [*self.overrides, *units, *own]

    def attempt(self, rate: float) -> list[str]:
        """The overrides of a trial."""
        return [*self.trial, f"training.rate={rate:g}"]

    def chosen(self, rate: float, seed: int) -> list[str]:
        """The overrides of a run whose test score counts."""
        return [f"training.rate={rate:g}", f"seed={seed}"]

    def folder_of_trial(self, contestant: str, rate: float) -> Path:
        """Folder of a trial."""
        return self.out / "trials" / f"{contestant}_{rate:g}"

    def final(self, contestant: str, seed: int) -> Path:
        """Folder of a run whose test score counts."""
        return self.out / f"{contestant}_seed{seed}"

    def job(self, contestant: str, own: Sequence[str], out: Path, *, test: bool) -> Job:
        """A run of one contestant."""
        program = ("validation.benchmarks.batchnorm",) if contestant == "batchnorm" else ("refsbnn", "train")
        threads = max((os.cpu_count() or 1) // self.jobs, 1)
        return Job(contestant, out, self.config, tuple(self.settings(contestant, own)), test, threads, program)

    def run(self, jobs: Sequence[Job]) -> None:
        """Train the networks that are not trained yet, or go on with them; raises InputError where one fails."""
        missing = [job for job in jobs if result(job) is None]

        def report(job: Job, wrong: str) -> None:
            if wrong:
                raise InputError(f"{job.name} failed with {wrong}")
            print(f"done: {job.folder}", flush=True)

        local.run(missing, self.jobs, report)

    def rate(self, contestant: str) -> float:
        """The rate of the best validation accuracy; of equals, the first."""
        if len(self.rates) == 1:
            return self.rates[0]
        return max(self.rates, key=lambda rate: accuracy(self.folder_of_trial(contestant, rate)))


def accuracy(folder: Path) -> float:
    """Validation accuracy of a finished run."""
    return float(read_json(folder / RESULT)["validation"]["accuracy"])


def race(plan: Race, contestants: Sequence[str]) -> None:
    """All trials, then all runs; the summary lists them."""
    if len(plan.rates) > 1:
        plan.run(
            [
                plan.job(name, plan.attempt(rate), plan.folder_of_trial(name, rate), test=False)
                for name in contestants
                for rate in plan.rates
            ]
        )
    plan.run(
        [
            plan.job(name, plan.chosen(plan.rate(name), seed), plan.final(name, seed), test=True)
            for seed in plan.seeds
            for name in contestants
        ]
    )
    facts = {
        "config": plan.config,
        "overrides": list(plan.overrides),
        "surrogate": plan.surrogate,
        "trial": list(plan.trial),
        "trials": {
            name: {
                f"{rate:g}": accuracy(plan.folder_of_trial(name, rate)) for rate in plan.rates if len(plan.rates) > 1
            }
            for name in contestants
        },
        "rates": {name: plan.rate(name) for name in contestants},
        "seeds": list(plan.seeds),
    }
    files.write_json(plan.out / SUMMARY, facts)


def record(source: Path, target: Path, root: str) -> None:
    """Copy the summary, and of each run its result, record and log, with DATA in place of a root that was named."""
    forms = ("data.root={}", '"root": "{}"') if root != Data().root else ()
    for folder in [source, *(path.parent for path in source.rglob(RESULT))]:
        for name in (SUMMARY, ABOUT, RESULT, METRICS, LOG):
            if (folder / name).exists():
                (target / folder.relative_to(source)).mkdir(parents=True, exist_ok=True)
                text = (folder / name).read_text(encoding="utf-8").replace(str(source), source.name)
                for form in forms:
                    text = text.replace(form.format(root), form.format("DATA"))
                files.write_text(target / folder.relative_to(source) / name, text)


def check(plan: Race, contestants: Sequence[str]) -> None:
    """Raise InputError for what a run would refuse, before the first one starts."""
    if plan.jobs < 1:
        raise InputError(f"--jobs is {plan.jobs}; expected an integer >= 1")
    for name in contestants:
        own = configuration.load(plan.config, plan.settings(name, [])).model.units.get("member")
        if name == "agr" and not str(own).startswith("agr("):
            raise InputError(f"contestant 'agr' trains with model.units.member = {own!r}; expected agr(tau=...)")
        for rate in plan.rates:
            configuration.load(plan.config, plan.settings(name, plan.attempt(rate)))
            for seed in plan.seeds:
                configuration.load(plan.config, plan.settings(name, plan.chosen(rate, seed)))
    if "batchnorm" in contestants and find_spec("torch") is None:
        raise InputError("contestant 'batchnorm' needs PyTorch: pip install 'refsbnn[peers]', or name --contestants")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison and print its table; returns the exit code."""
    parser = Parser(
        prog="python -m validation.benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", help="a TOML file, or the name of a shipped configuration")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="for all contestants")
    parser.add_argument("--rates", type=float, nargs="+", required=True, help="learning rates; a trial each if several")
    parser.add_argument("--trial", nargs="+", default=[], metavar="key=value", help="for trials alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--surrogate", default=SURROGATE, help=f"slope of deterministic spikes (default {SURROGATE})")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, which share the cores (default 1)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--record", type=Path, help="folder that gets results, records and logs, without parameters")
    given = parser.parse_intermixed_args(argv)
    try:
        config = configuration.load(given.config, given.overrides)
        plan = Race(
            given.config,
            tuple(given.overrides),
            tuple(given.rates),
            tuple(given.trial),
            tuple(given.seeds),
            given.surrogate,
            given.out,
            given.jobs,
        )
        check(plan, given.contestants)
        race(plan, given.contestants)
        if given.record:
            record(given.out, given.record, config.data.root)
        print(table(given.out))
    except InputError as error:
        return complain(str(error))
    except KeyboardInterrupt as stop:
        print("interrupted; the same command goes on", file=sys.stderr)
        return interrupt.code(stop)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
