"""The look of the gallery's figures, set before each script so that none has to carry it."""

from typing import Any


def apply(gallery: dict[str, Any], script: str) -> None:
    """For sphinx-gallery's `reset_modules`: the project's own sheet, at a size that a phone shows in full width."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    from refsbnn.figures import style

    plt.rcParams.update(style.SHEET)
    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=style.COLOURS),
            "figure.figsize": (4.4, 3.3),
            "figure.constrained_layout.use": True,
            "lines.markersize": 4.5,
        }
    )
