"""The table of a comparison, or of a sweep, from the results that its runs left.

python -m validation.benchmarks.table validation/benchmarks/results/digits_spiking
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.sweeps.names import short
from refsbnn.sweeps.sweep import ABOUT
from refsbnn.training.folder import METRICS, RESULT, read_json
from refsbnn.training.resume import flat

SUMMARY = "comparison.json"
PARTS = ("validation", "test")
TESTED = ("network", "learning rate", "seeds", "validation", "test", "test NLL", "test ECE", "seconds")
UNTESTED = ("network", "seeds", "one sample", "average", "NLL", "ECE", "seconds")  # on the validation part
CONTESTANTS = {
    "agr": "SBNN, `{member}`",
    "st": "SBNN, `{member}`",
    "trapezoid": "SBNN, `{member}`",
    "surrogate": "surrogate gradients, no normalisation",
    "batchnorm": "surrogate gradients, batch normalisation (PyTorch)",
}


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """Mean, and the standard deviation over seeds where there are several.

    Examples
    --------
    >>> spread([90.0, 92.0], 1, " %"), spread([0.25], 2)
    ('91.0 ± 1.4 %', '0.25')
    """
    more = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{more}{unit}"


def row(network: str, runs: Sequence[dict[str, Any]]) -> str:
    """A network's row of the table; what its runs did not score is left open."""
    scores = {
        part: [100.0 * run[part]["accuracy"] for run in runs] for part in ("validation", "test") if part in runs[0]
    }
    nll, ece = ([run["test"][key] for run in runs if "test" in scores] for key in ("nll", "calibration_error"))
    cells = [
        network,
        f"{runs[0]['config']['training']['rate']:g}",
        str(len(runs)),
        *(spread(scores[part], 1, " %") if part in scores else "" for part in PARTS),
        spread(nll, 3) if nll else "",
        spread(ece, 3) if ece else "",
        f"{mean(run['seconds'] for run in runs):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def trial(network: str, runs: Sequence[dict[str, Any]], single: Sequence[float]) -> str:
    """A network's row where the test split was left alone: one sampled network, and the average over them."""
    scores = [run["validation"] for run in runs]
    cells = [
        network,
        str(len(runs)),
        spread([100.0 * each for each in single], 1, " %"),
        spread([100.0 * each["accuracy"] for each in scores], 1, " %"),
        spread([each["nll"] for each in scores], 3),
        spread([each["calibration_error"] for each in scores], 3),
        f"{mean(run['seconds'] for run in runs):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def last_accuracy(folder: Path) -> float:
    """Validation accuracy of one sampled network after the last epoch, from the record."""
    with (folder / METRICS).open(encoding="utf-8", newline="") as file:
        return float(list(csv.DictReader(file))[-1]["validation_accuracy"])


def compared(folder: Path) -> list[str]:
    """The rows of a comparison, a contestant each."""
    facts, rows = read_json(folder / SUMMARY), []
    for name in facts["rates"]:
        runs = [read_json(folder / f"{name}_seed{seed}" / RESULT) for seed in facts["seeds"]]
        if any("test" not in run for run in runs):
            raise KeyError("test")
        rows.append(row(CONTESTANTS[name].format(member=runs[0]["config"]["model"]["units"]["member"]), runs))
    return rows


def swept(folder: Path) -> list[str]:
    """The rows of a sweep, a point each, in the order of their names, of its runs that are finished."""
    about = read_json(folder / ABOUT)
    keys, points = short(about["keys"]), dict[str, list[tuple[dict[str, Any], Path]]]()
    for path in sorted(folder.glob(f"*/{RESULT}")):
        run = read_json(path)
        values = dict(flat(run["config"]))
        network = ", ".join(f"`{last}={values[key]}`" for key, last in keys.items()) or "as configured"
        points.setdefault(network, []).append((run, path.parent))
    if about["test"]:
        return [row(network, [run for run, _ in runs]) for network, runs in points.items()]
    return [
        trial(network, [run for run, _ in runs], [last_accuracy(own) for _, own in runs])
        for network, runs in points.items()
    ]


def table(folder: Path) -> str:
    """Markdown: a row for each network, in percent and nats; means and standard deviations over the seeds.

    Raises
    ------
    InputError
        A result that is missing, damaged, or not a comparison's or a sweep's.
    """
    tested = not (folder / ABOUT).exists() or read_json(folder / ABOUT)["test"]
    heads = TESTED if tested else UNTESTED
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    try:
        lines += swept(folder) if (folder / ABOUT).exists() else compared(folder)
    except KeyError as error:
        raise InputError(f"{folder} holds a result without {error}; expected what a comparison leaves") from None
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        print("\n\n".join(table(Path(name)) for name in sys.argv[1:]))
    except InputError as error:
        sys.exit(complain(str(error)))
