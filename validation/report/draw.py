"""Panels as inline SVG whose colours are the page's own, so that they follow light and dark."""

import io
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from validation.evidence.curves import Panel, Series
from validation.report.text import escape

COLOURS = 8
"""Series colours the page defines: --series-0 to --series-7."""

_WIDTH, _HEIGHT = 4.0, 2.75  # inches; a panel is at least 20rem wide on the page, which is 1.1 of its points a pixel
_INK = "#010203"
_GRID = "#040506"
_SERIES = tuple(f"#0a0b{index:02x}" for index in range(COLOURS))
_MARKERS = "osD^vPX*"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 11,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.direction": "out",
    "grid.color": _GRID,
    "grid.linewidth": 0.5,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
}


def available() -> bool:
    """Whether matplotlib (the `plots` extra) is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def svg(panel: Panel, identity: str) -> str:
    """Draw one panel, its legend below the axes.

    Parameters
    ----------
    panel : Panel
    identity : str
        Prefix of every id inside the SVG; differs from panel to panel on one page.

    Returns
    -------
    str
        An ``<svg>`` element without prologue, the same bytes for the same numbers. Its ``<title>`` is the panel's, its
        ``<desc>`` tells where every line begins and ends.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": identity}):
        columns, lines = _legend(panel.series)
        canvas = Canvas(figsize=(_WIDTH, _HEIGHT + 0.22 * lines), layout="constrained")
        FigureCanvasSVG(canvas)
        canvas.patch.set_visible(False)
        _draw(canvas.subplots(), panel)
        if lines:
            canvas.legend(loc="outside lower center", ncols=columns)
        text = io.StringIO()
        canvas.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _adopt(text.getvalue(), identity, panel)


def _legend(series: Sequence[Series]) -> tuple[int, int]:
    """Columns and lines of a legend that is no wider than the panel; none for a single series."""
    if len(series) < 2:
        return 0, 0
    longest = max(len(one.label) for one in series) + 6  # letters, the line and the gap among them
    columns = max(1, min(len(series), 54 // longest))
    return columns, -(-len(series) // columns)


def _draw(axis: Any, panel: Panel) -> None:
    axis.patch.set_visible(False)
    axis.set_title(textwrap.fill(panel.title, 46))
    axis.set_xlabel(textwrap.fill(panel.x_label, 46))
    axis.set_ylabel(textwrap.fill(panel.y_label, 24))
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
    """Label decades, without exponents, which would be small; where fewer than three are shown, 1, 2 and 5 of each."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    if limits[1] < 1000 * limits[0]:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def described(panel: Panel) -> str:
    """What a panel shows, in words and numbers.

    >>> described(Panel("t", "depth", "bias", [Series("st", [1.0, 2.0], [0.5, 0.25])]))
    'bias against depth. st: 0.5 at 1, 0.25 at 2.'
    """
    lines = [
        f"{one.label}: {one.y[0]:.3g} at {one.x[0]:.3g}, {one.y[-1]:.3g} at {one.x[-1]:.3g}." for one in panel.series
    ]
    return " ".join([f"{panel.y_label} against {panel.x_label}.", *lines])


def _adopt(text: str, identity: str, panel: Panel) -> str:
    """Strip the XML prologue, make ids unique on the page, hand the colours to the page's style, add words."""
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="', f'id="{identity}-', text)
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{identity}-", text)
    text = text.replace(_INK, "currentColor").replace(_GRID, "var(--grid)")
    for index, colour in enumerate(_SERIES):
        text = text.replace(colour, f"var(--series-{index})")
    text = re.sub(r"font-family: [^;]*; ", "", text)  # the page's
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", text))
    told = f'role="img" aria-labelledby="{identity}-title" aria-describedby="{identity}-desc"'
    words = (
        f'<title id="{identity}-title">{escape(panel.title)}</title>'
        f'<desc id="{identity}-desc">{escape(described(panel))}</desc>'
    )
    return re.sub(r"<svg ([^>]*)>", lambda found: f"<svg {told} {found[1]}>{words}", text, count=1)
