"""Recursions from layer to layer for `Layered` networks (theory 5.4 to 5.6): depth costs a sum, not a product.

Given the spikes z of layer l, everything above is independent of everything below. So the value E[loss | z], the
message E[cotangent | z] and its mean square matrix E[cotangent cotangent^T | z] obey linear recursions over the 2^n_l
states of one layer. The cost of a layer is 2^(n_l + n_(l-1)), times n_l^2 for mean squares.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from oracle.dynamics import output, pull_output, pull_preactivation, unit_law
from oracle.errors import InputError
from oracle.losses import Loss
from oracle.members import Discrete
from oracle.network import Layered, parameters
from oracle.noise import Law
from oracle.states import differences, joint, patterns, score_sums
from oracle.terms import add_totals

LIMIT_BITS = 24  # entries of one transition table: 128 MB


class _Chain(NamedTuple):
    """The law of every layer at every state of the layer below, and how likely each state is."""

    spikes: list[np.ndarray]  # of layer l - 1 at its states; of the input, one state, for l = 0
    laws: list[Law]
    tables: list[np.ndarray]  # P(z_l | z_(l-1)), (states of l - 1, states of l)
    reach: list[np.ndarray]  # P(z_(l-1))


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


def _chain(net: Layered, x: np.ndarray) -> _Chain:
    chain = _Chain([np.zeros((1, 0))], [], [], [np.ones(1)])
    for t, layer in enumerate(net.layers):
        here = unit_law(net, x, t, _history(t, chain.spikes[t]))
        table = joint(here.p0, here.p1)
        chain.laws.append(here)
        chain.tables.append(table)
        chain.reach.append(chain.reach[t] @ table)
        chain.spikes.append(patterns(layer.mu.shape[0], net.domain))
    return chain


def _history(t: int, last: np.ndarray) -> list[np.ndarray]:
    """A history in which only the last stage matters."""
    return [last] * t


def exact(net: Layered, x: np.ndarray, loss: Loss, way: str) -> tuple[float, dict[str, np.ndarray], float]:
    """Expected loss, its gradient and the total probability; `way` as in `oracle.enumerate.exact`."""
    check(net, squares=False)
    chain = _chain(net, x)
    depth = len(net.layers)
    gradient = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    history = _history(depth, chain.spikes[depth])
    values, dm, dv = loss.evaluate(*output(net, x, history))
    p = chain.reach[depth][:, None]
    add_totals(gradient, pull_output(net, x, history, p * dm, p * dv).terms)
    for t in range(depth - 1, -1, -1):
        here, table, p = chain.laws[t], chain.tables[t], chain.reach[t]
        if way == "score":
            dr = p[:, None] * score_sums(table * values, *here.score())
            values = table @ values
        else:
            change, values = differences(np.broadcast_to(values, table.shape), here.p0, here.p1)
            dr = p[:, None] * here.f * change
        history = _history(t, chain.spikes[t])
        add_totals(gradient, pull_preactivation(net, x, t, history, dr * here.drdm, dr * here.drdv).terms)
    return float(values[0]), gradient, float(chain.reach[depth].sum())


def moments(
    net: Layered, x: np.ndarray, loss: Loss, member: Discrete
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Mean and mean square of a member's estimate of each parameter's gradient, and the total probability."""
    check(net, squares=True)
    chain = _chain(net, x)
    depth = len(net.layers)
    mean = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    square = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    history = _history(depth, chain.spikes[depth])
    _, dm, dv = loss.evaluate(*output(net, x, history))
    p = chain.reach[depth][:, None]
    add_totals(mean, pull_output(net, x, history, p * dm, p * dv).terms)
    _add_squares(square, pull_output(net, x, history, dm, dv).terms, p)
    message = pull_output(net, x, history, dm, dv).history[depth - 1]
    matrix = message[:, :, None] * message[:, None, :]  # nothing above is random yet
    gain = 1.0 if net.domain == "binary" else 2.0
    for t in range(depth - 1, -1, -1):
        here, table, p = chain.laws[t], chain.tables[t], chain.reach[t][:, None]
        k1, k2 = member.slopes(here)
        k1, k2 = gain * k1, gain**2 * k2
        first = _average(table, message, k1)
        second = _average_pairs(table, matrix, k1, k2)
        history = _history(t, chain.spikes[t])
        dm, dv = first * here.drdm, first * here.drdv
        add_totals(mean, pull_preactivation(net, x, t, history, p * dm, p * dv).terms)
        root = np.sqrt(np.maximum(np.einsum("sii->si", second), 0.0))  # rounding may leave -0
        root_terms = pull_preactivation(net, x, t, history, root * here.drdm, root * here.drdv).terms
        _add_squares(square, root_terms, p)
        if t:
            message = pull_preactivation(net, x, t, history, dm, dv).history[t - 1]
            jacobian = _jacobian(net, x, t, history, here)
            matrix = jacobian.transpose(0, 2, 1) @ second @ jacobian
    return mean, square, float(chain.reach[depth].sum())


def _add_squares(totals: dict[str, np.ndarray], terms: list, p: np.ndarray) -> None:
    """Add the mean square of terms whose left factors are root mean squares and whose right factors are given."""
    squared = [
        term._replace(left=p * term.left**2, right=None if term.right is None else term.right**2) for term in terms
    ]
    add_totals(totals, squared)


def _average(table: np.ndarray, message: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Sum over z_l of P(z_l | z_(l-1)) k_i(z_i) message_i(z_l): (states below, units)."""
    ones = patterns(message.shape[1])
    return k[..., 0] * (table @ ((1.0 - ones) * message)) + k[..., 1] * (table @ (ones * message))


def _average_pairs(table: np.ndarray, matrix: np.ndarray, k1: np.ndarray, k2: np.ndarray) -> np.ndarray:
    """Sum over z_l of P(z_l | z_(l-1)) E[k_i k_j | z_l] matrix_ij(z_l): (states below, units, units).

    The slopes see z_l only through (z_i, z_j): for each of its four values the sum is one matrix product.
    """
    units = matrix.shape[1]
    ones = patterns(units)
    sides = np.stack([1.0 - ones, ones])  # (2, states, units): indicator of z_j = 0, 1
    result = np.empty((table.shape[0], units, units))
    for i in range(units):
        result[:, i, i] = 0.0
        for a in (0, 1):
            column = sides[a, :, i] * matrix[:, i, i]
            result[:, i, i] += k2[:, i, a] * (table @ column)
        if i + 1 == units:
            break
        row = np.zeros((table.shape[0], units - i - 1))
        for a in (0, 1):
            for b in (0, 1):
                columns = sides[a, :, i, None] * sides[b, :, i + 1 :] * matrix[:, i, i + 1 :]
                row += k1[:, i, a, None] * k1[:, i + 1 :, b] * (table @ columns)
        result[:, i, i + 1 :] = row
        result[:, i + 1 :, i] = row
    return result


def _jacobian(net: Layered, x: np.ndarray, t: int, history: list[np.ndarray], here: Law) -> np.ndarray:
    """dr_i / dy_j of layer t at each state below: (states, units, units below)."""
    rows = []
    for i in range(here.r.shape[1]):
        unit = np.zeros(here.r.shape)
        unit[:, i] = 1.0
        rows.append(pull_preactivation(net, x, t, history, unit * here.drdm, unit * here.drdv).history[t - 1])
    return np.stack(rows, axis=1)
