"""The recorded training runs, where they are at hand: a source tree has them, an installed package does not."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn.training.folder import METRICS, RESULT, read_json
from validation import benchmarks

FOLDER = Path(benchmarks.__file__).parent / "results"
AT_HAND = FOLDER.is_dir()
MISSING = "the recorded runs (validation/benchmarks/results) are part of the source tree alone"


def runs(data: str, contestant: str) -> list[dict[str, Any]]:
    """The results of a contestant's runs of a comparison, seed by seed: `runs("cifar10_small", "agr")`."""
    return [read_json(folder / RESULT) for folder in sorted((FOLDER / data).glob(f"{contestant}_seed*"))]


def sweep(name: str, **values: str) -> list[dict[str, Any]]:
    """The results of a recorded sweep's runs with these values, seed by seed: `sweep("paper/shd_drop", drop="0.1")`.

    A value is the beginning of what stands in the run's name.
    """
    wanted = [f"{key}={value}" for key, value in values.items()]
    folders = [path for path in sorted((FOLDER / name).glob("*seed=*")) if _has(path.name, wanted)]
    return [read_json(folder / RESULT) for folder in folders]


def _has(run: str, wanted: list[str]) -> bool:
    parts = run.split(",")
    return all(any(part.startswith(each) for part in parts) for each in wanted)


def last_epoch(data: str, run: str) -> dict[str, float]:
    """The last row of a run's metrics by column: `last_epoch("cifar10_small", "agr_seed0")["spread.5"]`."""
    with (FOLDER / data / run / METRICS).open(encoding="utf-8", newline="") as file:
        *_, row = csv.DictReader(file)
    return {name: float(value) for name, value in row.items()}


def logliks(data: str, run: str) -> np.ndarray:
    """The log-likelihood of each step of a run that was watched: `logliks("paper/deep_digits", "noise_10")`."""
    return np.array(read_json(FOLDER / data / f"{run}.json")["loglik"])
