"""Recursions from layer to layer for `Layered` networks (theory 5.4 to 5.6): depth costs a sum, not a product.

Given the spikes z of layer l, everything above is independent of everything below. So the value E[loss | z], the
message E[cotangent | z] and its mean square matrix E[cotangent cotangent^T | z] obey linear recursions over the 2^n_l
states of one layer. The cost of a layer is 2^(n_l + n_(l-1)), times n_l^2 for mean squares, in matrix products
(halves.py); memory is 2^(n_(l-1) + n_l / 2) numbers, times n_l for mean squares.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from oracle.dynamics import output, pull_output, pull_preactivation, unit_law
from oracle.errors import InputError
from oracle.halves import Halves, arrive, halves, mean, mean_changes, mean_pairs, mean_scores, mean_slopes
from oracle.losses import Loss
from oracle.members import Discrete
from oracle.network import Layered
from oracle.noise import Law
from oracle.readout import evaluate
from oracle.states import patterns
from oracle.terms import Term, add_totals

LIMIT_BITS = 24  # transitions between two layers: a mean over them is a product of a few milliseconds


class Step(NamedTuple):
    """One layer at every state of the layer below: (states below, ...)."""

    stage: int
    law: Law
    halves: Halves  # P(z_l | z_(l-1))
    reach: np.ndarray  # P(z_(l-1))
    history: list[np.ndarray]  # the states below, where `oracle.dynamics` looks for them
    values: np.ndarray  # E[loss | z_l], (states,)


def fits(net: Layered, squares: bool) -> bool:
    """Whether the recursions stay within the limit."""
    return _bits(net, squares) <= LIMIT_BITS


def _bits(net: Layered, squares: bool) -> float:
    units = [0, *(layer.mu.shape[0] for layer in net.layers)]
    pairs = max(a + b for a, b in pairwise(units))
    return max(pairs, max(n + 2 * np.log2(n) for n in units[1:]) if squares else 0)


def check(net: Layered, squares: bool) -> None:
    """Refuse a network over the limit.

    Raises
    ------
    InputError
        With the number of transitions, the limit and what would fit.
    """
    if not fits(net, squares):
        units = [layer.mu.shape[0] for layer in net.layers]
        raise InputError(
            f"layers of {units} units need sums over 2^{_bits(net, squares):.3g} transitions; "
            f"the limit is 2^{LIMIT_BITS}: two neighbouring layers may have {LIMIT_BITS} units together"
            + (f", one layer {_widest_square()}" if squares else "")
        )


def _widest_square() -> int:
    n = 1
    while n + 1 + 2 * np.log2(n + 1) <= LIMIT_BITS:
        n += 1
    return n


def climb(net: Layered, x: np.ndarray) -> tuple[list[Step], np.ndarray]:
    """Every layer, still without values, from the first to the last, and the last layer's probabilities."""
    found: list[Step] = []
    reach = np.ones(1)
    for t in range(len(net.layers)):
        below = patterns(net.layers[t - 1].mu.shape[0], net.domain) if t else np.zeros((1, 0))
        history = [below] * t  # only the last stage matters
        here = unit_law(net, x, t, history)
        found.append(Step(t, here, halves(here), reach, history, np.empty(0)))
        reach = arrive(found[t].halves, reach)
    return found, reach


class Steps(NamedTuple):
    """Every layer with its values, the last layer first, and what they give."""

    layers: list[Step]
    loss: float  # expected
    gradient: dict[str, np.ndarray]  # of the readout; zeros for the rest
    reach: np.ndarray  # probabilities of the last layer's states


def steps(net: Layered, x: np.ndarray, loss: Loss) -> Steps:
    """Climb to the readout and come back with E[loss | z_l] of every layer (theory 5.4)."""
    found, reach = climb(net, x)
    values, gradient = evaluate(net, loss, reach)
    for t in range(len(found) - 1, -1, -1):
        found[t] = found[t]._replace(values=values)
        values = mean(found[t].halves, values)
    return Steps(found[::-1], float(values[0]), gradient, reach)


def add_layer(gradient: dict[str, np.ndarray], net: Layered, x: np.ndarray, step: Step, dr: np.ndarray) -> None:
    """Add the gradient of one layer's parameters, from cotangents dr of its r at every state below."""
    here = step.law
    pulled = pull_preactivation(net, x, step.stage, step.history, dr * here.drdm, dr * here.drdv)
    add_totals(gradient, pulled.terms)


def exact(net: Layered, x: np.ndarray, loss: Loss, way: str) -> tuple[float, dict[str, np.ndarray], float]:
    """Expected loss, its gradient and the total probability; `way` as in `oracle.tree.exact`."""
    check(net, squares=False)
    found = steps(net, x, loss)
    for step in found.layers:
        here, p = step.law, step.reach[:, None]
        if way == "score":
            dr = p * mean_scores(step.halves, here, step.values)
        else:
            dr = p * here.f * mean_changes(step.halves, step.values)
        add_layer(found.gradient, net, x, step, dr)
    return found.loss, found.gradient, float(found.reach.sum())


def moments(
    net: Layered, x: np.ndarray, loss: Loss, member: Discrete
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Mean and mean square of a member's estimate of each parameter's gradient, and the total probability."""
    check(net, squares=True)
    _, _, average, reach = found = steps(net, x, loss)
    square = {key: np.zeros(value.shape) for key, value in average.items()}
    history = [patterns(net.layers[-1].mu.shape[0], net.domain)] * len(net.layers)
    _, dm, dv = loss.evaluate(*output(net, x, history))
    pulled = pull_output(net, x, history, dm, dv)
    _add_squares(square, pulled.terms, reach)
    message = np.ascontiguousarray(pulled.history[len(net.layers) - 1].T)  # (units, states)
    matrix = message[:, None] * message  # given the last spikes nothing is random
    gain = 1.0 if net.domain == "binary" else 2.0  # dy/dz
    for step in found.layers:
        here, p, t = step.law, step.reach, step.stage
        k1, k2 = member.slopes(here)
        first = mean_slopes(step.halves, gain * k1, message)
        second = mean_pairs(step.halves, gain * k1, gain**2 * k2, matrix)
        add_layer(average, net, x, step, p[:, None] * first)
        root = np.sqrt(np.maximum(np.einsum("sii->si", second), 0.0))  # rounding may leave -0
        pulled = pull_preactivation(net, x, t, step.history, root * here.drdm, root * here.drdv)
        _add_squares(square, pulled.terms, p)
        if t:
            slopes = jacobian(net, x, step)
            message = np.ascontiguousarray((first[:, None] @ slopes)[:, 0].T)
            matrix = np.ascontiguousarray((slopes.transpose(0, 2, 1) @ second @ slopes).transpose(1, 2, 0))
    return average, square, float(reach.sum())


def _add_squares(totals: dict[str, np.ndarray], terms: list, p: np.ndarray) -> None:
    """Add the mean square of terms whose left factors are root mean squares and whose right factors are given."""
    for key, left, right in terms:
        add_totals(totals, [Term(key, p[:, None] * left**2, None if right is None else right**2)])


def jacobian(net: Layered, x: np.ndarray, step: Step) -> np.ndarray:
    """dr_i / dy_j of a layer at each state below: (states below, units, units below)."""
    rows = []
    for i in range(step.law.r.shape[1]):
        unit = np.zeros(step.law.r.shape)
        unit[:, i] = 1.0
        pulled = pull_preactivation(net, x, step.stage, step.history, unit * step.law.drdm, unit * step.law.drdv)
        rows.append(pulled.history[step.stage - 1])
    return np.stack(rows, axis=1)
