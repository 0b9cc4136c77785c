"""Exact means of the unbiased baselines: REINFORCE with leave-one-out, ARM, DisARM (theory 2.13 to 2.15)."""

from itertools import product
from typing import Any

import numpy as np

from oracle import transfer, tree
from oracle.dynamics import output, pull_output, pull_preactivation
from oracle.errors import InputError, number
from oracle.losses import Loss
from oracle.members import UnitStates
from oracle.moments import Estimate, check, exact
from oracle.network import Layered, Network
from oracle.noise import Law
from oracle.states import check_states
from oracle.terms import per_state

CELL_BITS = 13  # cells of one layer's uniforms are visited one by one: at most 3^8


def reinforce(net: Network, x: Any, loss: Loss, *, draws: int = 2) -> dict[str, Estimate]:
    """Exact mean and variance of REINFORCE with a leave-one-out baseline, by parameter.

    The estimate is the sample covariance of loss and score over the draws; the readout's is the plain mean of its
    derivative. Every network, by all joint states.

    Parameters
    ----------
    net, x, loss
        As in `oracle.exact`.
    draws : int
        Independent joint samples, >= 2.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.reinforce(net, [1.0, 0.5], loss, draws=2)["layers.0.mu"]
    >>> bool(abs(law.bias).max() < 1e-15), law.variance.round(5)
    (True, array([[0.03766, 0.00942]]))
    """
    x = check(net, x, loss)
    if number("draws", draws, lowest=2.0) != int(draws):
        raise InputError(f"draws is {draws!r}; expected an integer >= 2")
    centre = exact(net, x, loss)
    zeros = {key: np.zeros(value.shape) for key, value in centre.gradient.items()}
    # Moments of the centred loss l and the score S (whose mean is 0): E[l S], E[S^2], E[l^2 S^2], E[l^2].
    covariance, spread, both = dict(zeros), dict(zeros), dict(zeros)
    loss_variance = 0.0
    for some in tree.leaves(net, x, _score_states, 2):
        value, dm, dv = loss.evaluate(*output(net, x, some.history))
        l = value - centre.loss
        loss_variance += float(some.p @ l**2)
        score = []
        for t, s in enumerate(some.slopes):
            score += pull_preactivation(net, x, t, some.history, s * some.drdm[t], s * some.drdv[t]).terms
        for key, each in per_state(score).items():
            covariance[key] = covariance[key] + np.tensordot(some.p * l, each, axes=1)
            spread[key] = spread[key] + np.tensordot(some.p, each**2, axes=1)
            both[key] = both[key] + np.tensordot(some.p * l**2, each**2, axes=1)
        for key, each in per_state(pull_output(net, x, some.history, dm, dv).terms).items():
            covariance[key] = covariance[key] + np.tensordot(some.p, each, axes=1)
            both[key] = both[key] + np.tensordot(some.p, each**2, axes=1)
    result = {}
    for key, mean in covariance.items():
        variance = (both[key] - mean**2) / draws
        if not key.startswith("readout."):
            variance = variance + (loss_variance * spread[key] + mean**2) / (draws * (draws - 1.0))
        result[key] = Estimate(centre.gradient[key], mean, variance + mean**2)
    return result


def _score_states(law: Law) -> UnitStates:
    """A spike, its probability and, for the slope, its score."""
    score = np.stack(law.score(), axis=-1)
    return UnitStates(np.broadcast_to([0.0, 1.0], score.shape), np.stack([law.p0, law.p1], axis=-1), score)


def arm(net: Layered, x: Any, loss: Loss) -> dict[str, np.ndarray]:
    """Exact mean of ARM by parameter: (L(1[u > 1 - pi]) - L(1[u < pi])) (u - 1/2) in the logit (theory 2.14).

    The uniforms fall into cells in which both spikes stay the same; within a cell u counts by its mean.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> mean = oracle.arm(net, [1.0, 0.5], loss)["layers.0.mu"]
    >>> bool(np.allclose(mean, oracle.exact(net, [1.0, 0.5], loss).gradient["layers.0.mu"]))
    True
    """
    return _antithetic(net, x, loss, lambda rare: np.stack([0.5 * rare - 0.5, 0.0 * rare, 0.5 - 0.5 * rare]))


def disarm(net: Layered, x: Any, loss: Loss) -> dict[str, np.ndarray]:
    """Exact mean of DisARM by parameter: 1/2 (L(b) - L(b')) (-1)^b' 1[b != b'] sigma(|logit|) (theory 2.15).

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> mean = oracle.disarm(net, [1.0, 0.5], loss)["layers.0.mu"]
    >>> bool(np.allclose(mean, oracle.exact(net, [1.0, 0.5], loss).gradient["layers.0.mu"]))
    True
    """
    return _antithetic(net, x, loss, lambda rare: np.stack([-(1.0 - rare), 0.0 * rare, 1.0 - rare]) / 2.0)


def _antithetic(net: Layered, x: Any, loss: Loss, weights: Any) -> dict[str, np.ndarray]:
    """Mean over cells of the uniforms, layer by layer; above the layer both of the pair run on independently.

    A unit's uniform is low (u < p), middle or high (u > 1 - p), p = min(pi, 1 - pi): the pair (b, b') with
    b = 1[u > 1 - pi] and b' = 1[u < pi] is (0, 1) in the low cell, (1, 0) in the high one, and equal between.
    """
    x = check(net, x, loss)
    if not isinstance(net, Layered):
        raise InputError(f"ARM and DisARM need a Layered network; a {type(net).__name__} was given")
    for layer in net.layers:
        check_states(layer.mu.shape[0], 3, "a layer, with its antithetic cells,", CELL_BITS)
    transfer.check(net, squares=False)
    steps, _, gradient, _ = transfer.steps(net, x, loss)
    for step in steps:
        law = step.law
        units = law.r.shape[1]
        rare = np.minimum(law.p0, law.p1)
        usual = (law.p1 > law.p0).astype(np.int64)
        chances = np.stack([rare, 1.0 - 2.0 * rare, rare])
        factors = weights(rare)
        place = 2 ** np.arange(units)[::-1]
        dlogit = np.zeros_like(law.r)
        for cell in product((0, 1, 2), repeat=units):
            which = np.array(cell), np.arange(units)
            chance = chances[which[0], :, which[1]].prod(axis=0)
            first = (np.where(which[0] == 1, usual, which[0] == 2) * place).sum(axis=1)
            second = (np.where(which[0] == 1, usual, which[0] == 0) * place).sum(axis=1)
            difference = chance * (step.values[first] - step.values[second])
            dlogit += difference[:, None] * factors[which[0], :, which[1]].T
        # dlogit/dr = f / (pi (1 - pi)) = f/pi + f/(1 - pi).
        dr = step.reach[:, None] * dlogit * (law.hazard(0) + law.hazard(1))
        transfer.add_layer(gradient, net, x, step, dr)
    return gradient
