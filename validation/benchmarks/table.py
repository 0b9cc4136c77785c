"""The table of a comparison, from the results that its runs left.

python -m validation.benchmarks.table validation/benchmarks/results/digits_spiking
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.training.folder import RESULT, read_json

SUMMARY = "comparison.json"
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


def row(name: str, rate: float, runs: Sequence[dict[str, Any]]) -> str:
    """A contestant's row of the table."""
    scores = {part: [100.0 * run[part]["accuracy"] for run in runs] for part in ("validation", "test")}
    nll, ece = ([run["test"][key] for run in runs] for key in ("nll", "calibration_error"))
    cells = [
        CONTESTANTS[name].format(member=runs[0]["config"]["model"]["units"]["member"]),
        f"{rate:g}",
        str(len(runs)),
        *(spread(values, 1, " %") for values in scores.values()),
        spread(nll, 3),
        spread(ece, 3),
        f"{mean(run['seconds'] for run in runs):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def table(folder: Path) -> str:
    """Markdown: a row for each contestant, in percent and nats; means and standard deviations over the seeds.

    Raises
    ------
    InputError
        A result that is missing, damaged, or not a comparison's.
    """
    facts = read_json(folder / SUMMARY)
    lines = [
        "| network | learning rate | seeds | validation | test | test NLL | test ECE | seconds |",
        "|---" * 8 + "|",
    ]
    try:
        for name, rate in facts["rates"].items():
            runs = [read_json(folder / f"{name}_seed{seed}" / RESULT) for seed in facts["seeds"]]
            lines.append(row(name, rate, runs))
    except KeyError as error:
        raise InputError(f"{folder} holds a result without {error}; expected what a comparison leaves") from None
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        print("\n\n".join(table(Path(name)) for name in sys.argv[1:]))
    except InputError as error:
        sys.exit(complain(str(error)))
