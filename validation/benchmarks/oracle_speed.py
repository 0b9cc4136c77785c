"""Time and peak memory of the oracle's large cases, each in a fresh process.

    python -m validation.benchmarks.oracle_speed [--json FILE]

- tree: 20 binary units, brute force, the gradient of every parameter: wanted under 1 s, warm, on two cores.
- transfer: 8 layers of 10 units, mean and variance of `agr(tau=0.5)` for every parameter: under 10 s and 2 GB; 3 layers
  of 12 units: under 2 GB.

oracle_pairs.py times the exact gradient beside PyTorch's.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import oracle

REPEATS = 5


def layered(units: list[int]) -> tuple[oracle.Layered, np.ndarray]:
    """A random network with 10 inputs, 3 outputs and biases, and an input; it is the same in every process."""
    rng = np.random.default_rng(0)
    layers = []
    for below, here in zip([10, *units], [*units, 3], strict=True):
        mu = rng.normal(size=(here, below)) / np.sqrt(below)
        sigma2 = rng.uniform(0.5, 1.5, (here, below)) / below
        layers.append(oracle.Layer(mu, sigma2, rng.normal(size=here), rng.uniform(0.1, 0.2, here)))
    return oracle.Layered(layers[:-1], layers[-1]), rng.normal(size=10)


def brute_force(units: list[int], way: str) -> None:
    """Exact gradient by all joint states."""
    oracle.exact(*layered(units), oracle.Categorical(0), method="tree", way=way)


def deep_moments(units: list[int]) -> None:
    """Mean and variance of one member, layer by layer."""
    oracle.moments(*layered(units), oracle.Categorical(0), oracle.agr(tau=0.5), method="transfer")


CASES: dict[str, Callable[[], None]] = {
    "tree, 1 layer of 20, unit differences": lambda: brute_force([20], "difference"),
    "tree, 1 layer of 20, score function": lambda: brute_force([20], "score"),
    "tree, 2 layers of 10, unit differences": lambda: brute_force([10, 10], "difference"),
    "tree, 4 layers of 5, unit differences": lambda: brute_force([5] * 4, "difference"),
    "transfer, 8 layers of 10, agr moments": lambda: deep_moments([10] * 8),
    "transfer, 3 layers of 12, agr moments": lambda: deep_moments([12] * 3),
}


def measure(name: str) -> dict[str, str | float | list[float]]:
    """Wall times after one warm-up, in seconds, and the process's peak memory, in MB."""
    CASES[name]()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        CASES[name]()
        times.append(round(time.perf_counter() - start, 4))
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there and in kB elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"case": name, "best_s": min(times), "all_s": times, "peak_mb": round(peak, 1)}


def main() -> None:
    """Measure every case in its own process and print the results as JSON."""
    parser = argparse.ArgumentParser(description="Time and peak memory of the oracle.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    parser.add_argument("--case", choices=tuple(CASES), help="one case, in this process")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case)))
        return
    command = [sys.executable, "-m", "validation.benchmarks.oracle_speed", "--case"]
    found = [
        json.loads(subprocess.run([*command, name], check=True, capture_output=True, text=True).stdout)
        for name in CASES
    ]
    machine = {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__}
    text = json.dumps({**machine, "cases": found}, indent=2)
    print(text)
    if options.json:
        from refsbnn.files import write_text  # not at the top: the memory of a case is the oracle's alone

        write_text(options.json, text + "\n")


if __name__ == "__main__":
    main()
