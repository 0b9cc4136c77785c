"""How often a correct implementation raises a false alarm: many runs at a raised alpha, counted.

    python -m validation.conformance.own.alarms --runs 500

Each case of each run has a seed of its own, so the runs are independent.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from refsbnn.adapter import Adapter
from validation.conformance.adapters import REFERENCE, load
from validation.conformance.own.cases import OwnCase, make
from validation.conformance.own.run import MORE, judge, level_of, sample
from validation.conformance.run import capabilities

LEVELS = (0.5, 0.05, 0.01, 0.001)


@dataclass(frozen=True)
class Count:
    """What came of the runs.

    Attributes
    ----------
    runs, alarms : int
        Runs, and those of them in which a test failed.
    p : dict of (runs, tests) arrays
        First-stage p-values by kind of test: "joint", "marginal", "gradient".
    """

    runs: int
    alarms: int
    p: dict[str, np.ndarray]


def count(
    adapter: Adapter, dtype: str, cases: Sequence[OwnCase], *, runs: int, alpha: float, examples: int, seed: int
) -> Count:
    """Run the cases `runs` times as `run.run` does, with alpha the bound on a run's false alarms."""
    level, alarms = level_of(alpha, cases), 0
    p: dict[str, list[np.ndarray]] = {"joint": [], "marginal": [], "gradient": []}
    seeds = iter(range(seed, seed + 10**9, 1000))
    for _ in range(runs):
        failed, row = [], {name: [np.zeros(0)] for name in p}
        for case in cases:
            first = sample(adapter, case, examples, dtype, next(seeds))
            again = partial(sample, adapter, case, MORE * examples, dtype, next(seeds))
            failed += judge(first, again, level)
            for name, values in first.p.items():
                row[name if name in row else "gradient"].append(values.ravel())
        alarms += bool(failed)
        for name, parts in row.items():
            p[name].append(np.concatenate(parts))
    return Count(runs, alarms, {name: np.stack(rows) for name, rows in p.items()})


def main(argv: Sequence[str] | None = None) -> None:
    """Print the count beside its bound."""
    parser = argparse.ArgumentParser(description="Count the false alarms of an implementation that is right.")
    parser.add_argument("--adapter", default=REFERENCE, metavar="MODULE:CLASS")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args(argv)
    options = {"runs": o.runs, "alpha": o.alpha, "examples": o.examples, "seed": o.seed}
    adapter = load(o.adapter)
    ops = capabilities(adapter, o.adapter).ops
    found = count(adapter, o.dtype, [case for case in make() if not ops or case.op.name in ops], **options)
    largest = int(stats.binom(o.runs, o.alpha).ppf(1.0 - 1e-6))
    print(f"{o.runs} runs at alpha = {o.alpha:g}: {found.alarms} with an alarm; at the bound {o.runs * o.alpha:g}")
    print(f"would be expected, and more than {largest} in one of a million such counts")
    print(f"\n{'tests':10} {'p-values':>10} " + " ".join(f"p <= {level:<6g}" for level in LEVELS))
    for name, values in found.p.items():
        print(f"{name:10} {values.size:10} " + " ".join(f"{(values <= level).mean():<11.5f}" for level in LEVELS))


if __name__ == "__main__":
    main()
