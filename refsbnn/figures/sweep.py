"""Validation scores of a sweep: against the swept values, or trial by trial."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from refsbnn.figures.curves import key_below, shades
from refsbnn.figures.style import COLOURS, INK, axes, whole_numbers

PANELS = {"nll": ("Negative log-likelihood", "nats per example", 1.0), "accuracy": ("Accuracy", "right, %", 100.0)}
MOST = 5  # keys of a search that get a panel
DECADE = 10.0  # a key whose values span one has a logarithmic axis


class Shown(NamedTuple):
    """A point: its values by key, and of each score the mean and its standard error (None: one seed)."""

    values: Mapping[str, Any]
    scores: Mapping[str, tuple[float, float | None]]


def grid(points: Sequence[Shown], names: Mapping[str, str]) -> Any:
    """A figure of two panels: both scores against one key, a line for each choice of the others.

    Parameters
    ----------
    points : sequence of Shown
    names : dict of str
        What each key is called; a key with one value is left out.

    Returns
    -------
    matplotlib Figure
    """
    keys = [key for key in names if len({str(point.values[key]) for point in points}) > 1]
    numeric = [key for key in keys if all(number(point.values[key]) for point in points)]
    across = max(numeric, key=lambda key: len({point.values[key] for point in points}), default=None)
    lines: dict[str, list[Shown]] = {}
    for point in points:
        own = [] if across is None else [f"{names[key]}={point.values[key]}" for key in keys if key != across]
        lines.setdefault(", ".join(own), []).append(point)
    figure, panels = axes(1, 2, 9.0, 3.6)
    for panel, (score, (title, unit, scale)) in zip(panels[0], PANELS.items(), strict=True):
        panel.set_title(f"{title}, validation")
        panel.set_ylabel(unit)
        for colour, (label, line) in zip(shades(len(lines)), lines.items(), strict=True):
            x = range(len(line)) if across is None else [point.values[across] for point in line]
            middle = [scale * point.scores[score][0] for point in line]
            error = [scale * (point.scores[score][1] or 0.0) for point in line]
            style = {"fmt": "o" if across is None else "o-", "capsize": 2.5, "markersize": 4.0}
            panel.errorbar(x, middle, error, color=colour, label=label or None, **style)
        if across is None:
            named = [", ".join(f"{names[key]}={point.values[key]}" for key in keys) for point in points]
            panel.set_xticks(range(len(points)), named, rotation=30, ha="right")
        else:
            panel.set_xlabel(names[across])
            logarithmic(panel, [point.values[across] for point in points])
            key_below(panel, len(lines))
    return figure


def search(points: Sequence[Shown], names: Mapping[str, str], score: str) -> Any:
    """A figure of a score, trial by trial with the best so far, and against each key.

    Parameters
    ----------
    points : sequence of Shown
        In the order of the trials.
    names : dict of str
        What each key is called; the first MOST get a panel.
    score : {"nll", "accuracy"}

    Returns
    -------
    matplotlib Figure
    """
    keys = list(names)[:MOST]
    title, unit, scale = PANELS[score]
    figure, panels = axes(1, 1 + len(keys), 3.2 * (1 + len(keys)), 3.2, sharey=True)
    values = [scale * point.scores[score][0] for point in points]
    trials, first = range(len(points)), panels[0, 0]
    first.plot(trials, values, "o", color=COLOURS[0], markersize=4.0)
    so_far = list(accumulate(values, min if score == "nll" else max))
    first.plot(trials, so_far, color=INK, drawstyle="steps-post", label="best so far")
    first.set_title(f"{title}, validation")
    first.set_ylabel(unit)
    whole_numbers(first, "trial")
    first.legend()
    for panel, key in zip(panels[0, 1:], keys, strict=True):
        own = [point.values[key] for point in points]
        own = own if all(map(number, own)) else [str(value) for value in own]
        panel.plot(own, values, "o", color=COLOURS[0], markersize=4.0)
        panel.set_xlabel(names[key])
        logarithmic(panel, own)
    return figure


def number(value: Any) -> bool:
    """Whether a value has a place on an axis of numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def logarithmic(panel: Any, values: Sequence[Any]) -> None:
    """A logarithmic horizontal axis where positive numbers span a decade."""
    if all(map(number, values)) and min(values) > 0 and max(values) >= DECADE * min(values):
        panel.set_xscale("log")
