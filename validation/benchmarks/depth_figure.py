"""Spread of r, firing rate and gradient by depth at the start, middle and end of training, from what `depth` wrote.

python -m validation.benchmarks.depth_figure noise.json none.json --titles "with noise" "without" --out docs/depth.svg
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn.console import DONE, Parser, complain
from refsbnn.errors import InputError
from refsbnn.figures import style
from refsbnn.figures.draw import save
from refsbnn.training.folder import read_json
from validation.benchmarks.depth import WINDOWS

POINTS = 200
PANELS = {
    "spread": ("spread of r", "unit layer"),
    "rate": ("firing rate", "unit layer"),
    "norm": ("norm of the gradient", "matrix of weights"),
    "snr": ("gradient's signal-to-noise", "matrix of weights"),
}


def thinned(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Places and values of a curve of at most 200 points, means over neighbours where there are more.

    Examples
    --------
    >>> thinned([1.0, 3.0])
    ([0.0, 1.0], [1.0, 3.0])
    >>> [len(each) for each in thinned([0.0] * 1001)]
    [200, 200]
    """
    parts = np.array_split(np.arange(len(values)), min(len(values), POINTS))
    return [float(part.mean()) for part in parts], [float(np.mean([values[i] for i in part])) for part in parts]


def record_of(path: Path) -> dict[str, Any]:
    """What `depth` wrote; InputError where it is something else."""
    record = read_json(path)
    windows = record.get("windows")
    if not isinstance(windows, dict) or any(set(PANELS) - set(windows.get(name) or ()) for name in WINDOWS):
        raise InputError(f"{path} is no record of a deep network; expected what validation.benchmarks.depth writes")
    return record


def profiles(records: Sequence[dict[str, Any]], titles: Sequence[str]) -> Any:
    """A row of panels for each network, a curve for each window; a quantity has the same scale in all rows."""
    figure, panels = style.axes(len(records), len(PANELS), 11.0, 2.4 * len(records), sharey="col")
    for row, (record, title) in enumerate(zip(records, titles, strict=True)):
        own = panels[row]
        for panel, (key, (name, x)) in zip(own, PANELS.items(), strict=True):
            for colour, window in zip(style.COLOURS, WINDOWS, strict=False):
                panel.plot(*thinned(record["windows"][window][key]), color=colour, lw=1.2, label=window)
            panel.set_title(name if row == 0 else "")
            style.whole_numbers(panel, x if row == len(records) - 1 else "")
        own[0].set_ylabel(title)
    for panel in panels[:, list(PANELS).index("norm")]:
        panel.set_yscale("log")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(WINDOWS))
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figure; returns the exit code."""
    parser = Parser(prog="python -m validation.benchmarks.depth_figure", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="what depth wrote")
    parser.add_argument("--titles", nargs="+", required=True, help="one for each file")
    parser.add_argument("--out", type=Path, required=True, help="a name that ends in .svg or .png")
    given = parser.parse_args(argv)
    try:
        if given.out.suffix not in (".svg", ".png"):
            raise InputError(f"--out is {given.out}; expected a name that ends in .svg or .png")
        if len(given.titles) != len(given.files):
            raise InputError(f"--titles holds {len(given.titles)}; expected {len(given.files)}, one for each file")
        if not style.available():
            raise InputError(style.not_drawn([str(given.out)]))
        save(given.out, profiles, [record_of(path) for path in given.files], given.titles)
    except InputError as error:
        return complain(str(error))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
