"""Small random networks for the claims, as the oracle's plain arrays."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import special

import oracle
from oracle.states import joint, patterns


def layer(rng: np.random.Generator, out: int, width: int, gain: float = 1.0, recurrent: bool = False) -> oracle.Layer:
    """A layer whose signal-to-noise ratio is of order `gain`: no unit is saturated and none is without noise."""
    mu = gain * rng.normal(size=(out, width)) / np.sqrt(width)
    sigma2 = rng.uniform(0.1, 0.6, size=(out, width)) / width
    bias = gain * rng.normal(size=out), rng.uniform(0.1, 0.4, size=out)
    if not recurrent:
        return oracle.Layer(mu, sigma2, *bias)
    back = gain * rng.normal(size=(out, out)) / np.sqrt(out), rng.uniform(0.1, 0.6, size=(out, out)) / out
    return oracle.Layer(mu, sigma2, *bias, *back)


def layered(
    rng: np.random.Generator, widths: Sequence[int], outputs: int = 2, gain: float = 1.0, **words: Any
) -> oracle.Layered:
    """Layers of these widths; `widths[0]` is the input's.

    Parameters
    ----------
    rng : numpy.random.Generator
    widths : sequence of int
    outputs : int
    gain : float
        Scale of every mean.
    **words
        noise, domain, variance of `oracle.Layered`.
    """
    layers = [layer(rng, out, width, gain) for width, out in pairwise(widths)]
    return oracle.Layered(layers, layer(rng, outputs, widths[-1], gain), **words)


def at_rate(net: oracle.Layered, x: np.ndarray, rate: float) -> oracle.Layered:
    """The network with means of the biases by which every unit fires with probability `rate`: Gaussian noise, {0,1}."""
    layers: list[oracle.Layer] = []
    reach, below, square = np.ones(1), np.asarray(x)[None], np.square(x)[None]
    for layer in net.layers:
        m, s = below @ layer.mu.T, np.sqrt(square @ layer.sigma2.T + layer.bias_sigma2)
        low, high = np.full(len(layer.mu), -1e3), np.full(len(layer.mu), 1e3)
        for _ in range(80):  # bisection, to rounding
            middle = 0.5 * (low + high)
            over = reach @ special.ndtr((m + middle) / s) > rate
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        layers.append(layer._replace(bias_mu=middle))
        p = special.ndtr((m + middle) / s)
        reach = reach @ joint(1.0 - p, p)
        below = square = patterns(len(layer.mu))
    return replace(net, layers=layers)


def residual(
    rng: np.random.Generator, inputs: int, width: int, blocks: Sequence[int], outputs: int = 2, **words: Any
) -> oracle.Residual:
    """A residual stream of `width` units; `blocks` holds 1 or 2, the layers of each block."""
    branches = [[layer(rng, width, width) for _ in range(depth)] for depth in blocks]
    return oracle.Residual(layer(rng, width, inputs), branches, layer(rng, outputs, width), **words)


def lif(
    rng: np.random.Generator, widths: Sequence[int], outputs: int = 2, recurrent: bool = False, **words: Any
) -> oracle.LIF:
    """LIF layers of these widths; `widths[0]` is the input's."""
    layers = [layer(rng, out, width, recurrent=recurrent) for width, out in pairwise(widths)]
    return oracle.LIF(layers, layer(rng, outputs, widths[-1]), **words)
