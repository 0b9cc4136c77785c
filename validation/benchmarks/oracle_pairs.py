"""The oracle's exact gradient beside PyTorch's automatic differentiation: paired runs in alternation, and peak memory.

    python -m validation.benchmarks.oracle_pairs [--rounds N] [--threads N] [--small] [--json FILE]

For each network a fresh process runs every contestant once, tells how far the gradients differ, and then times all of
them in alternation, in wall time and in the process's own CPU time. Peak memory is that of one call in a fresh process.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

import oracle
from refsbnn.console import complain
from refsbnn.errors import InputError, check_integer
from validation.benchmarks.oracle_speed import layered

LABEL = 0
LEAST = 0.1  # seconds a turn: a call that is shorter is repeated, so that each contestant finds its own caches
NETWORKS = {"8-8": [8, 8], "10-10": [10, 10], "5-5-5-5": [5] * 4, "20": [20]}
SMALL = {"3-4": [3, 4], "6": [6]}
CONTESTANTS = ("oracle", "torch, all states", "torch, by layer")

Gradient = tuple[float, dict[str, np.ndarray]]


def contestant(name: str, units: list[int]) -> Callable[[], Gradient]:
    """The call to be timed: expected loss and its gradient by parameter."""
    net, x = layered(units)
    if name == "oracle":

        def ours() -> Gradient:
            found = oracle.exact(net, x, oracle.Categorical(LABEL))
            return found.loss, found.gradient

        return ours
    from validation.benchmarks import oracle_torch  # not at the top: the oracle's memory is measured without torch

    way = oracle_torch.all_states if name == "torch, all states" else oracle_torch.by_layer
    return lambda: way(net, x, LABEL)


def difference(one: Gradient, other: Gradient) -> float:
    """The largest difference of two answers, each array's relative to its largest entry."""
    far = [abs(one[0] - other[0]) / abs(one[0])]
    for key, value in one[1].items():
        far.append(np.abs(value - other[1][key]).max() / max(np.abs(value).max(), np.finfo(np.float64).tiny))
    return float(max(far))


def pairs(units: list[int], rounds: int) -> dict:
    """Every contestant in alternation: medians of a call, and the medians of the pairs' ratios."""
    calls = {name: contestant(name, units) for name in CONTESTANTS}
    answers = {name: call() for name, call in calls.items()}
    often = {name: max(1, round(LEAST / timeit.timeit(call, number=1))) for name, call in calls.items()}
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start, busy = time.perf_counter(), time.process_time()
            for _ in range(often[name]):
                call()
            wall[name].append((time.perf_counter() - start) / often[name])
            cpu[name].append((time.process_time() - busy) / often[name])
    return {
        name: {
            "median_s": statistics.median(wall[name]),
            "cpu_median_s": statistics.median(cpu[name]),
            "times_oracle": statistics.median(a / b for a, b in zip(wall[name], wall["oracle"], strict=True)),
            "cpu_times_oracle": statistics.median(a / b for a, b in zip(cpu[name], cpu["oracle"], strict=True)),
            "difference": difference(answers["oracle"], answers[name]),
        }
        for name in calls
    }


def memory(name: str, units: list[int]) -> float:
    """Peak memory of this process after one call above what it had before, in MB."""
    call = contestant(name, units)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there and in kB elsewhere
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def _process(threads: int, *arguments: str) -> str:
    limits = {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-m", "validation.benchmarks.oracle_pairs", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **limits}).stdout


def main() -> None:
    """Measure every network and print the results as a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="timed runs of each contestant (default: 9)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of BLAS and PyTorch (default: 1)")
    parser.add_argument("--small", action="store_true", help="tiny networks: to try the command")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    parser.add_argument("--network", choices=(*NETWORKS, *SMALL), help=argparse.SUPPRESS)  # what a process measures
    parser.add_argument("--memory", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("rounds", "threads"):
        check_integer(f"--{name}", getattr(options, name), 1)
    if options.network:
        units = {**NETWORKS, **SMALL}[options.network]
        found = memory(options.memory, units) if options.memory else pairs(units, options.rounds)
        print(json.dumps(found))
        return
    result = {}
    for name in SMALL if options.small else NETWORKS:
        what = ("--network", name, "--rounds", str(options.rounds))
        rows = json.loads(_process(options.threads, *what))
        for each, row in rows.items():
            row["peak_mb"] = float(_process(options.threads, "--network", name, "--memory", each))
            print(
                f"{name:8} {each:18} {row['median_s'] * 1e3:10.3f} ms  {row['times_oracle']:8.1f} times, by CPU time "
                f"{row['cpu_times_oracle']:8.1f}  {row['peak_mb']:7.1f} MB  differs by {row['difference']:.1e}"
            )
        result[name] = rows
    if options.json:
        from refsbnn.files import write_json  # not at the top: the memory of a contestant is its own

        machine = {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__}
        write_json(options.json, {**machine, "threads": options.threads, "networks": result})


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(complain(str(error)))
