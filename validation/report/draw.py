"""Figures as inline SVG whose colours are the page's own, so that they follow light and dark."""

import io
import re
from typing import Any

import numpy as np

from validation.evidence.curves import Figure, Panel

COLOURS = 8
"""Series colours the page defines: --series-0 to --series-7."""

_INK = "#010203"
_GRID = "#040506"
_SERIES = tuple(f"#0a0b{index:02x}" for index in range(COLOURS))
_MARKERS = "osD^vPX*"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 9.5,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.direction": "out",
    "grid.color": _GRID,
    "grid.linewidth": 0.5,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.6,
}


def available() -> bool:
    """Whether matplotlib (the `plots` extra) is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def svg(figure: Figure, identity: str) -> str:
    """Draw one figure.

    Parameters
    ----------
    figure : Figure
    identity : str
        Prefix of every id inside the SVG; differs from figure to figure on one page.

    Returns
    -------
    str
        An ``<svg>`` element without prologue, the same bytes for the same numbers.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": identity}):
        columns = min(len(figure.panels), 3)
        rows = -(-len(figure.panels) // columns)
        canvas = Canvas(figsize=(3.6 * columns, 3.1 * rows), layout="constrained")
        FigureCanvasSVG(canvas)
        canvas.patch.set_visible(False)
        axes = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axis in axes[len(figure.panels) :]:
            axis.set_visible(False)
        told: list[str] = []
        for axis, panel in zip(axes, figure.panels, strict=False):
            _draw_panel(axis, panel)
            labels = [series.label for series in panel.series]
            if labels != told and len(labels) > 1:  # one legend for neighbours that share it
                axis.legend()
            told = labels
        text = io.StringIO()
        canvas.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _adopt(text.getvalue(), identity, figure.title)


def _draw_panel(axis: Any, panel: Panel) -> None:
    axis.patch.set_visible(False)
    axis.set_title(panel.title)
    axis.set_xlabel(panel.x_label)
    axis.set_ylabel(panel.y_label)
    for index, series in enumerate(panel.series):
        y = np.array(series.y, dtype=float)
        if panel.log_y:
            y = np.where(y > 0, y, np.nan)  # an exact zero has no place on a logarithmic axis
        axis.plot(
            series.x,
            y,
            color=_SERIES[index % COLOURS],
            marker="" if series.dashed else _MARKERS[index % len(_MARKERS)],
            linestyle="--" if series.dashed else "-",
            label=series.label,
        )
    if all(float(x).is_integer() for series in panel.series for x in series.x):
        axis.xaxis.get_major_locator().set_params(integer=True)
    if panel.log_x:
        axis.set_xscale("log")
        _label_logarithm(axis.xaxis, axis.get_xlim())
    if panel.log_y:
        axis.set_yscale("log")
        _label_logarithm(axis.yaxis, axis.get_ylim())


def _label_logarithm(axis: Any, limits: tuple[float, float]) -> None:
    """Label decades; where fewer than three are shown, 1, 2 and 5 of each. Never the minor ticks."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    if limits[1] < 1000 * limits[0]:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _adopt(text: str, identity: str, title: str) -> str:
    """Strip the XML prologue, make ids unique on the page and hand the colours over to the page's style."""
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="', f'id="{identity}-', text)
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{identity}-", text)
    text = text.replace(_INK, "currentColor").replace(_GRID, "var(--grid)")
    for index, colour in enumerate(_SERIES):
        text = text.replace(colour, f"var(--series-{index})")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", text))
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
