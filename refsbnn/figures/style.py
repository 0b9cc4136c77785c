"""The look that all figures share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

INK, QUIET, GRID = "#1f2430", "#6b7280", "#e5e7eb"
# Told apart by people who are blind to red or green (Okabe and Ito 2008), dark enough for thin lines.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#a5528c", "#b8860b", "#3a9bd6", "#5c4b8a", "#7a7a7a")
DOTS = 150  # per inch
SHEET: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.dpi": DOTS,
    "savefig.dpi": DOTS,
}


def available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def not_drawn(names: Sequence[str]) -> str:
    """What to say of figures where it is not."""
    return f"not drawn, for want of matplotlib: {', '.join(names)} (pip install 'refsbnn[plots]')"


@contextmanager
def sheet() -> Iterator[None]:
    """Inside, figures have the common look; outside, the user's settings are untouched."""
    import matplotlib

    with matplotlib.rc_context(SHEET):
        yield


def axes(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Any, Any]:
    """A figure of the size in inches, and its array of axes (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def whole_numbers(axis: Any, label: str, ticks: int = 6) -> None:
    """Name the horizontal axis and mark it at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axis.set_xlabel(label)
    axis.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))


def whole_epochs(axis: Any, epochs: int) -> None:
    """Label an axis of epochs, with ticks at whole ones only."""
    whole_numbers(axis, "epoch")
    axis.set_xlim(*((1, epochs) if epochs > 1 else (0.5, 1.5)))  # a single epoch's dots stand in the middle
