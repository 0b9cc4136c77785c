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
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from refsbnn import files, interrupt
from refsbnn.console import DONE, Parser, complain
from refsbnn.data.options import Data
from refsbnn.errors import InputError
from refsbnn.training import checkpoint
from refsbnn.training import config as configuration
from refsbnn.training.folder import METRICS, RESULT, read_json
from validation.benchmarks.table import CONTESTANTS, SUMMARY, table

LOG = "train.log"
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

    def run(self, contestant: str, own: Sequence[str], out: Path, *, test: bool) -> None:
        """Train one network, or go on with it; raises InputError where the command fails."""
        settings = self.settings(contestant, own)
        if (out / RESULT).exists():
            return same(out / RESULT, configuration.load(self.config, settings))
        first = ["-m", "validation.benchmarks.batchnorm"] if contestant == "batchnorm" else ["-m", "refsbnn", "train"]
        command = [*first, self.config, *settings, "--out", str(out), *([] if test else ["--no-test"])]
        if checkpoint.saved(out):
            command.append("--resume")
        out.mkdir(parents=True, exist_ok=True)
        threads = str(max((os.cpu_count() or 1) // self.jobs, 1))
        names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        with (out / LOG).open("a", encoding="utf-8") as log:
            log.write(f"$ python {' '.join(command)}\n")
            log.flush()
            done = subprocess.run(
                [sys.executable, *command], stdout=log, stderr=log, env=dict.fromkeys(names, threads) | os.environ
            )
        if done.returncode:
            raise InputError(f"{contestant} failed with exit code {done.returncode}; see {out / LOG}")
        print(f"done: {out}", flush=True)

    def rate(self, contestant: str) -> float:
        """The rate of the best validation accuracy; of equals, the first."""
        if len(self.rates) == 1:
            return self.rates[0]
        return max(self.rates, key=lambda rate: accuracy(self.folder_of_trial(contestant, rate)))


def same(path: Path, wanted: configuration.Config) -> None:
    """Raise InputError where a result is that of another configuration; its data may lie elsewhere."""
    found = configuration.read(read_json(path)["config"])
    if replace(found, data=replace(found.data, root=wanted.data.root)) != wanted:
        raise InputError(f"{path} is the result of another configuration; expected another --out, or that run removed")


def accuracy(folder: Path) -> float:
    """Validation accuracy of a finished run."""
    return float(read_json(folder / RESULT)["validation"]["accuracy"])


def race(plan: Race, contestants: Sequence[str]) -> None:
    """All trials, then all runs; the summary lists them."""
    with ThreadPoolExecutor(plan.jobs) as pool:
        trials = [(name, rate) for name in contestants for rate in plan.rates if len(plan.rates) > 1]

        def attempt(name: str, rate: float) -> None:
            plan.run(name, plan.attempt(rate), plan.folder_of_trial(name, rate), test=False)

        def finish(name: str, seed: int) -> None:
            plan.run(name, plan.chosen(plan.rate(name), seed), plan.final(name, seed), test=True)

        list(pool.map(lambda each: attempt(*each), trials))
        list(pool.map(lambda each: finish(*each), [(name, seed) for seed in plan.seeds for name in contestants]))
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
        for name in (SUMMARY, RESULT, METRICS, LOG):
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
