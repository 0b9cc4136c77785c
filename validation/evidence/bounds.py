"""How far a Monte-Carlo mean may lie from the exact mean: Bernstein's inequality, from exact variance and range."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import oracle
from oracle import tree

Fold = Mapping[str, Callable[[np.ndarray], np.ndarray]]


class Spread(NamedTuple):
    """Exact mean and variance of an estimate, and the largest distance from the mean it can take."""

    mean: np.ndarray
    variance: np.ndarray
    reach: np.ndarray


def bernstein(spread: Spread, samples: int, false_alarm: float) -> np.ndarray:
    """The distance that the mean of independent samples exceeds with probability `false_alarm` at most, per entry.

    P(|mean - E| >= t) <= 2 exp(-n t^2 / (2 (variance + reach t / 3))), solved for t; and the rounding of the mean,
    which is all there is where an entry does not vary.
    """
    log = np.log(2.0 / false_alarm)
    linear = spread.reach * log / 3.0
    rounding = 1e-12 * (np.abs(spread.mean) + spread.reach) + 1e-300
    return (linear + np.sqrt(linear**2 + 2.0 * samples * spread.variance * log)) / samples + rounding


def spread(
    net: oracle.Network, x: np.ndarray, loss: Any, member: oracle.Discrete, fold: Fold | None = None
) -> dict[str, Spread]:
    """Spread of a member's estimate of every parameter's gradient, by all joint states.

    Parameters
    ----------
    net, x, loss, member
        As in `oracle.moments`. Where a slope varies given the spike, an estimate is linear in it, so its extremes are
        at the ends of the slope's range.
    fold : dict of callables, optional
        Maps gradients, (states, *shape), of some parameters to those of others, as for `oracle.moments`.
    """
    cases = 4 if member.random else 2
    mean, square, _ = tree.moments(net, x, loss, member.states, cases, fold)
    reach = {key: np.zeros(value.shape) for key, value in mean.items()}
    for some in tree.leaves(net, x, member.corners, cases):
        for key, value in tree.estimate(net, x, loss, some).items():
            value = fold[key](value) if fold and key in fold else value
            reach[key] = np.maximum(reach[key], np.abs(value - mean[key]).max(axis=0))
    return {key: Spread(mean[key], np.maximum(square[key] - mean[key] ** 2, 0.0), reach[key]) for key in mean}
