"""Stochastic binary and spiking Bayesian neural networks without autograd.

The equations are in docs/theory.md; docstrings cite them by label ("theory 3.2").
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refsbnn.run import Run, fit

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "fit"]


def __getattr__(name: str) -> object:
    """`fit` and `Run`, imported when they are asked for, so that ``import refsbnn`` is there at once."""
    if name in ("Run", "fit"):
        from refsbnn import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
