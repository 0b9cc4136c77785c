"""The bias of gradient estimators by layer."""

from typing import Any

import numpy as np

from refsbnn.figures.style import COLOURS, axes
from refsbnn.probe.report import Report


def by_layer(report: Report) -> Any:
    """A figure with two panels: relative bias for single examples and for their mean, a colour a member.

    Bars are the intervals; a point is left out where the gradient cannot be told from zero.

    Parameters
    ----------
    report : Report

    Returns
    -------
    matplotlib Figure
    """
    layers = list(dict.fromkeys(row.layer for row in report.rows))
    members = list(dict.fromkeys(row.member for row in report.rows))
    figure, panels = axes(1, 2, max(6.4, 2.0 + 1.2 * len(layers)), 3.4)
    for axis, title, own in zip(panels[0], ("each example", "mean of examples"), ("each", "all"), strict=True):
        for number, member in enumerate(members):
            found = [getattr(row, own).bias for row in report.rows if row.member == member]
            value, low, high = np.array(found).T
            shown = np.isfinite(value)
            at = np.arange(len(layers)) + 0.6 * ((number + 0.5) / len(members) - 0.5)
            axis.errorbar(
                at[shown], value[shown], (np.maximum(value - low, 0.0)[shown], np.maximum(high - value, 0.0)[shown]),
                fmt="o", markersize=4, capsize=2, linewidth=1.2, color=COLOURS[number % len(COLOURS)], label=member,
            )  # fmt: skip
        axis.set_title(title)
        axis.set_xticks(range(len(layers)), layers)
        axis.set_xlim(-0.5, len(layers) - 0.5)
        axis.set_ylim(bottom=0.0)
        axis.grid(axis="x", visible=False)
    panels[0, 0].set_ylabel("bias / gradient")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(members), 4))
    return figure
