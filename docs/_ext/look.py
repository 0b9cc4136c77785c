"""The figures of the executed pages have the look of the package's own."""

from typing import Any


def reset(gallery: dict[str, Any], name: str) -> None:
    """Before each example: the package's settings of matplotlib, and streams that the example may seed itself."""
    import matplotlib

    from refsbnn.figures.style import COLOURS, SHEET

    matplotlib.rcParams.update(SHEET)
    matplotlib.rcParams.update({"figure.constrained_layout.use": True, "figure.figsize": (6.4, 3.4)})
    matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=COLOURS)
