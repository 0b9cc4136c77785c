"""Stochastic binary and spiking Bayesian neural networks without autograd.

The equations are in docs/theory.md; docstrings cite them by label ("theory 3.2").
"""

__version__ = "0.1.0"
