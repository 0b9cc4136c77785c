"""Recursions from layer to layer for `Layered` networks (theory 5.4 to 5.6): depth costs a sum, not a product.

Given the spikes z of layer l, everything above is independent of everything below. So the value E[loss | z], the
message E[cotangent | z] and its mean square matrix E[cotangent cotangent^T | z] obey linear recursions over the 2^n_l
states of one layer. The cost of a layer is 2^(n_l + n_(l-1)), times n_l^2 for mean squares.
"""

from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from oracle.dynamics import output, pull_output, pull_preactivation, unit_law
from oracle.errors import InputError
from oracle.losses import Loss
from oracle.members import Discrete
from oracle.network import Layered, parameters
from oracle.noise import Law
from oracle.states import differences, joint, patterns, score_sums
from oracle.terms import Term, add_totals

LIMIT_BITS = 24  # entries of one transition table: 128 MB
BLOCK = 2**20  # numbers at once where pairs of units are averaged: 8 MB


class Step(NamedTuple):
    """One layer at every state of the layer below: (states below, ...)."""

    stage: int
    law: Law
    table: np.ndarray  # P(z_l | z_(l-1)), (states below, states)
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
        With the table's size, the limit and what would fit.
    """
    if not fits(net, squares):
        units = [layer.mu.shape[0] for layer in net.layers]
        raise InputError(
            f"layers of {units} units need a table of 2^{_bits(net, squares):.3g} numbers; "
            f"the limit is 2^{LIMIT_BITS}: two neighbouring layers may have {LIMIT_BITS} units together"
            + (f", one layer {_widest_square()}" if squares else "")
        )


def _widest_square() -> int:
    n = 1
    while n + 1 + 2 * np.log2(n + 1) <= LIMIT_BITS:
        n += 1
    return n


class Top(NamedTuple):
    """The readout at every state of the last layer."""

    reach: np.ndarray
    history: list[np.ndarray]
    dm: np.ndarray
    dv: np.ndarray


def climb(net: Layered, x: np.ndarray) -> tuple[list[Step], np.ndarray, list[np.ndarray]]:
    """Every layer, still without values, from the first to the last; the last layer's probabilities and states."""
    found: list[Step] = []
    reach, below = np.ones(1), np.zeros((1, 0))
    for t, layer in enumerate(net.layers):
        history = [below] * t  # only the last stage matters
        here = unit_law(net, x, t, history)
        found.append(Step(t, here, joint(here.p0, here.p1), reach, history, np.empty(0)))
        reach, below = reach @ found[t].table, patterns(layer.mu.shape[0], net.domain)
    return found, reach, [below] * len(net.layers)


def steps(net: Layered, x: np.ndarray, loss: Loss) -> tuple[list[Step], Top]:
    """Every layer with its values, the last layer first, and the readout."""
    found, reach, history = climb(net, x)
    values, dm, dv = loss.evaluate(*output(net, x, history))
    for t in range(len(found) - 1, -1, -1):
        found[t] = found[t]._replace(values=values)
        values = found[t].table @ values
    return found[::-1], Top(reach, history, dm, dv)


def readout_gradient(net: Layered, x: np.ndarray, top: Top) -> dict[str, np.ndarray]:
    """Exact gradient of the readout's parameters, and zeros for the rest."""
    gradient = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    p = top.reach[:, None]
    add_totals(gradient, pull_output(net, x, top.history, p * top.dm, p * top.dv).terms)
    return gradient


def add_layer(gradient: dict[str, np.ndarray], net: Layered, x: np.ndarray, step: Step, dr: np.ndarray) -> None:
    """Add the gradient of one layer's parameters, from cotangents dr of its r at every state below."""
    here = step.law
    pulled = pull_preactivation(net, x, step.stage, step.history, dr * here.drdm, dr * here.drdv)
    add_totals(gradient, pulled.terms)


def exact(net: Layered, x: np.ndarray, loss: Loss, way: str) -> tuple[float, dict[str, np.ndarray], float]:
    """Expected loss, its gradient and the total probability; `way` as in `oracle.tree.exact`."""
    check(net, squares=False)
    found, top = steps(net, x, loss)
    gradient = readout_gradient(net, x, top)
    for step in found:
        here, p = step.law, step.reach[:, None]
        if way == "score":
            dr = p * score_sums(step.table * step.values, *here.score())
        else:
            dr = p * here.f * differences(np.broadcast_to(step.values, step.table.shape), here.p0, here.p1)[0]
        add_layer(gradient, net, x, step, dr)
    return float((found[-1].table @ found[-1].values)[0]), gradient, float(top.reach.sum())


def moments(
    net: Layered, x: np.ndarray, loss: Loss, member: Discrete
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Mean and mean square of a member's estimate of each parameter's gradient, and the total probability."""
    check(net, squares=True)
    found, top = steps(net, x, loss)
    mean = readout_gradient(net, x, top)
    square = {key: np.zeros(value.shape) for key, value in mean.items()}
    pulled = pull_output(net, x, top.history, top.dm, top.dv)
    _add_squares(square, pulled.terms, top.reach)
    message = pulled.history[len(net.layers) - 1]
    matrix = message[:, :, None] * message[:, None, :]  # given the last spikes nothing is random
    gain = 1.0 if net.domain == "binary" else 2.0  # dy/dz
    for step in found:
        here, p, t = step.law, step.reach, step.stage
        k1, k2 = member.slopes(here)
        first = _average(step.table, message, gain * k1)
        second = _average_pairs(step.table, matrix, gain * k1, gain**2 * k2)
        add_layer(mean, net, x, step, p[:, None] * first)
        root = np.sqrt(np.maximum(np.einsum("sii->si", second), 0.0))  # rounding may leave -0
        pulled = pull_preactivation(net, x, t, step.history, root * here.drdm, root * here.drdv)
        _add_squares(square, pulled.terms, p)
        if t:
            slopes = jacobian(net, x, step)
            message = np.einsum("si,sij->sj", first, slopes)
            matrix = slopes.transpose(0, 2, 1) @ second @ slopes
    return mean, square, float(top.reach.sum())


def _add_squares(totals: dict[str, np.ndarray], terms: list, p: np.ndarray) -> None:
    """Add the mean square of terms whose left factors are root mean squares and whose right factors are given."""
    for key, left, right in terms:
        add_totals(totals, [Term(key, p[:, None] * left**2, None if right is None else right**2)])


def _average(table: np.ndarray, message: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Sum over z_l of P(z_l | z_(l-1)) k_i(z_i) message_i(z_l): (states below, units)."""
    ones = patterns(message.shape[1])
    return k[..., 0] * (table @ ((1.0 - ones) * message)) + k[..., 1] * (table @ (ones * message))


def _average_pairs(table: np.ndarray, matrix: np.ndarray, k1: np.ndarray, k2: np.ndarray) -> np.ndarray:
    """Sum over z_l of P(z_l | z_(l-1)) E[k_i k_j | z_l] matrix_ij(z_l): (states below, units, units).

    The slopes see z_l only through (z_i, z_j): for each of its four values all pairs' sums are one matrix product.
    """
    states, units = matrix.shape[:2]
    ones = patterns(units)
    sides = np.stack([1.0 - ones, ones])  # (2, states, units): indicator of z_j = 0, 1
    result = np.zeros((table.shape[0], units, units))
    rows, columns = np.triu_indices(units)
    size = max(1, BLOCK // states)  # pairs at once
    for start in range(0, rows.size, size):
        i, j = rows[start : start + size], columns[start : start + size]
        for a, b in product((0, 1), repeat=2):
            sums = table @ (sides[a][:, i] * sides[b][:, j] * matrix[:, i, j])
            result[:, i, j] += np.where(i == j, k2[:, i, a], k1[:, i, a] * k1[:, j, b]) * sums
    result[:, columns, rows] = result[:, rows, columns]
    return result


def jacobian(net: Layered, x: np.ndarray, step: Step) -> np.ndarray:
    """dr_i / dy_j of a layer at each state below: (states below, units, units below)."""
    rows = []
    for i in range(step.law.r.shape[1]):
        unit = np.zeros(step.law.r.shape)
        unit[:, i] = 1.0
        pulled = pull_preactivation(net, x, step.stage, step.history, unit * step.law.drdm, unit * step.law.drdv)
        rows.append(pulled.history[step.stage - 1])
    return np.stack(rows, axis=1)
