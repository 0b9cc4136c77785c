"""The reliability diagram: accuracy against confidence."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refsbnn.evaluation.scores import Reliability
from refsbnn.figures.style import COLOURS, QUIET, axes


def diagram(bins: Mapping[str, Reliability]) -> Any:
    """A figure with a pair of panels a prediction: accuracy by bin of confidence, and how many examples are in it.

    Parameters
    ----------
    bins : dict of Reliability
        By the title of its panel.

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure, panels = axes(2, len(bins), 0.6 + 3.1 * len(bins), 4.3, sharex=True, sharey="row", height_ratios=[3, 1])
    for (above, below), (title, each) in zip(panels.T, bins.items(), strict=True):
        size = len(each.count)
        middle, held = (np.arange(size) + 0.5) / size, each.count > 0
        above.set_title(f"{title}, ECE {100 * each.error:.1f} %")
        above.plot([0, 1], [0, 1], color=QUIET, linewidth=1.0, linestyle="--", label="calibrated")
        above.bar(middle[held], each.accuracy[held], 0.92 / size, color=COLOURS[0], alpha=0.85, label="accuracy")
        above.plot(
            each.confidence[held], each.accuracy[held], "o", color=COLOURS[1], markersize=3.5, clip_on=False,
            label="mean confidence",
        )  # fmt: skip
        above.set_ylim(0, 1.02)
        above.set_xlim(0, 1)
        below.bar(middle, each.count, 0.92 / size, color=QUIET)
        below.set_xlabel("confidence")
    panels[0, 0].set_ylabel("accuracy")
    panels[1, 0].set_ylabel("examples")
    panels[1, 0].set_yscale("log")
    panels[1, 0].set_ylim(0.7, 2.0 * max(each.count.max() for each in bins.values()))
    panels[1, 0].yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,g}"))
    panels[1, 0].yaxis.set_minor_locator(NullLocator())
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure
