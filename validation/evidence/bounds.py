"""How far a Monte-Carlo mean may lie from the exact mean: Bernstein's inequality, from exact variance and range."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import oracle
from oracle import tree
from oracle.members import UnitStates
from oracle.noise import Law

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
    net: oracle.Network,
    x: np.ndarray,
    loss: Any,
    member: oracle.Discrete,
    highest: float = 0.0,
    fold: Fold | None = None,
) -> dict[str, Spread]:
    """Spread of a member's estimate of every parameter's gradient, by all joint states.

    Parameters
    ----------
    net, x, loss, member
        As in `oracle.moments`.
    highest : float
        For a member whose slope varies given the spike: the largest slope there is, 0 being the least. An estimate is
        linear in each unit's slope, so its extremes are at the ends of these intervals.
    fold : dict of callables, optional
        Maps gradients, (states, *shape), of some parameters to those of the weights they share.
    """
    mean, square = _moments(net, x, loss, member.states, 4 if member.random else 2, fold)
    reach = {key: np.zeros(value.shape) for key, value in mean.items()}

    def ends(law: Law) -> UnitStates:
        here = member.states(law)
        return here._replace(slopes=np.broadcast_to([0.0, 0.0, highest, highest], here.slopes.shape))

    for some in tree.leaves(net, x, ends if member.random else member.states, 4 if member.random else 2):
        for key, value in _folded(tree.estimate(net, x, loss, some), fold).items():
            reach[key] = np.maximum(reach[key], np.abs(value - mean[key]).max(axis=0))
    return {key: Spread(mean[key], np.maximum(square[key] - mean[key] ** 2, 0.0), reach[key]) for key in mean}


def _moments(
    net: oracle.Network, x: np.ndarray, loss: Any, states: Callable[[Law], UnitStates], cases: int, fold: Fold | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    mean: dict[str, np.ndarray] = {}
    square: dict[str, np.ndarray] = {}
    for some in tree.leaves(net, x, states, cases):
        for key, value in _folded(tree.estimate(net, x, loss, some), fold).items():
            mean[key] = mean.get(key, 0.0) + np.tensordot(some.p, value, axes=1)
            square[key] = square.get(key, 0.0) + np.tensordot(some.p, value**2, axes=1)
    return mean, square


def _folded(gradients: dict[str, np.ndarray], fold: Fold | None) -> dict[str, np.ndarray]:
    return {key: fold[key](value) if fold and key in fold else value for key, value in gradients.items()}
