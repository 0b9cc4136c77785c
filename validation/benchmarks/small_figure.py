"""Scores against the number of training recordings, from what `small_data` wrote.

python -m validation.benchmarks.small_figure few.json all.json --out docs/small_data.svg
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsbnn.console import DONE, Parser, complain
from refsbnn.errors import InputError
from refsbnn.figures import style
from refsbnn.figures.draw import save
from refsbnn.training.folder import read_json

SHOWN = {
    "sbnn": "SBNN, average of samples",
    "single": "SBNN, one sample",
    "surrogate": "surrogate gradients",
    "surrogate, ensemble": "ensemble of those",
}
PANELS = {"accuracy": "accuracy", "nll": "NLL, nats", "calibration_error": "ECE"}


def curves(rows: Sequence[dict[str, Any]]) -> Any:
    """A panel for each score: the mean over the networks, and the least and the largest."""
    figure, panels = style.axes(1, len(PANELS), 9.0, 3.0)
    for panel, (key, title) in zip(panels[0], PANELS.items(), strict=True):
        for colour, (kind, name) in zip(style.COLOURS, SHOWN.items(), strict=False):
            own = sorted((row["recordings"], row[key]) for row in rows if row["kind"] == kind)
            x = [count for count, _ in own]
            panel.plot(x, [sum(each) / len(each) for _, each in own], "o-", color=colour, markersize=3.5, label=name)
            panel.fill_between(x, *([of(each) for _, each in own] for of in (min, max)), color=colour, alpha=0.15, lw=0)
        panel.set_title(title)
        panel.set_xscale("log")
        panel.set_xlabel("training recordings")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(SHOWN))
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figure; returns the exit code."""
    parser = Parser(prog="python -m validation.benchmarks.small_figure", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="what small_data wrote")
    parser.add_argument("--out", type=Path, required=True, help="a name that ends in .svg or .png")
    given = parser.parse_args(argv)
    try:
        if given.out.suffix not in (".svg", ".png"):
            raise InputError(f"--out is {given.out}; expected a name that ends in .svg or .png")
        rows = [row for path in given.files for row in read_json(path)["rows"]]
        if not style.available():
            raise InputError(style.not_drawn([str(given.out)]))
        save(given.out, curves, rows)
    except InputError as error:
        return complain(str(error))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
