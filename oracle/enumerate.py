"""Brute force: a tree over all joint spikes, stage by stage (theory 5.1 to 5.3, 5.7, 5.8). Works for every network.

Level t of the tree has one node for each history of the stages before t; its leaves are the joint states. For a LIF
network the levels are steps in time, and node and spikes determine (M, V). For a residual network no smaller set of
states will do: the stream is a sum over all earlier spikes, so the recursions of transfer.py do not apply, and the
cost is 2^(units of all blocks and the last stage).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from oracle.dynamics import History, output, preactivation, pull_output, pull_preactivation, stages, unit_law
from oracle.losses import Loss
from oracle.members import UnitStates
from oracle.network import Network, parameters
from oracle.noise import NOISES, Law, law
from oracle.states import check_states, differences, joint, score_sums, spikes
from oracle.terms import Term, add_totals, per_state

CHUNK = 2**15  # leaves at once: what a network needs at each stays in the cache
CHUNK_NUMBERS = 2**21  # numbers at once where every leaf has its own gradient


def exact(net: Network, x: np.ndarray, loss: Loss, way: str) -> tuple[float, dict[str, np.ndarray], float]:
    """Expected loss, its gradient and the total probability, by sums over all joint states.

    `way` is "score" (theory 5.2) or "difference" (theory 5.3).
    """
    units = stages(net, x)
    check_states(sum(units), 2, "the network")
    laws: list[Law] = []
    reach = [np.ones(1)]  # probability of each node
    for t in range(len(units)):
        laws.append(unit_law(net, x, t, _spikes(net, units, t, np.arange(reach[t].size))))
        reach.append((reach[t][:, None] * joint(laws[t].p0, laws[t].p1)).ravel())
    gradient = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    values = np.empty(reach[-1].size)
    for start in range(0, values.size, CHUNK):
        part = slice(start, min(start + CHUNK, values.size))
        history = _spikes(net, units, len(units), np.arange(part.start, part.stop))
        value, dm, dv = loss.evaluate(*output(net, x, history))
        values[part] = value
        p = reach[-1][part, None]
        add_totals(gradient, pull_output(net, x, history, p * dm, p * dv).terms)
    weights = reach[-1] * values
    total = float(weights.sum())
    for t in range(len(units) - 1, -1, -1):
        nodes, here = reach[t].size, laws[t]
        if way == "score":
            table = weights.reshape(nodes, -1)
            dr = score_sums(table, *here.score())
            weights = table.sum(axis=1)
        else:
            change, values = differences(values.reshape(nodes, -1), here.p0, here.p1)
            dr = reach[t][:, None] * here.f * change
        history = _spikes(net, units, t, np.arange(nodes))
        add_totals(gradient, pull_preactivation(net, x, t, history, dr * here.drdm, dr * here.drdv).terms)
    return total, gradient, float(reach[-1].sum())


def _spikes(net: Network, units: tuple[int, ...], t: int, nodes: np.ndarray) -> History:
    """The spikes of the stages before t at some nodes of level t."""
    return [spikes(nodes >> sum(units[s + 1 : t]), units[s], net.domain) for s in range(t)]


class _Level(NamedTuple):
    """What the units of one stage may do at each node of its level."""

    law: Law
    states: UnitStates


def moments(
    net: Network, x: np.ndarray, loss: Loss, states: Callable[[Law], UnitStates], cases: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Mean and mean square of an estimate of each parameter's gradient, and the total probability.

    Each unit takes one of `cases` states, as `states` says of its law; the estimate is formed at every leaf.
    """
    units = stages(net, x)
    check_states(sum(units), cases, "the network")
    tree: list[_Level] = []
    for t in range(len(units)):
        nodes = np.arange(cases ** sum(units[:t]))
        history = [_values(net, level.states.values[case]) for level, case in _cases(tree, units, cases, nodes)]
        here = law(NOISES[net.noise], *_full(preactivation(net, x, t, history), nodes.size))
        tree.append(_Level(here, states(here)))
    mean = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    square = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    total = 0.0
    leaves = cases ** sum(units)
    step = max(1, min(CHUNK, CHUNK_NUMBERS // sum(value.size for value in mean.values())))
    for start in range(0, leaves, step):
        p, terms = _estimate(
            net, x, loss, tree, _cases(tree, units, cases, np.arange(start, min(start + step, leaves)))
        )
        total += float(p.sum())
        for key, value in per_state(terms).items():
            mean[key] += np.tensordot(p, value, axes=1)
            square[key] += np.tensordot(p, value**2, axes=1)
    return mean, square, total


def _estimate(
    net: Network, x: np.ndarray, loss: Loss, tree: list[_Level], cases: list
) -> tuple[np.ndarray, list[Term]]:
    """Probability of some leaves, and the estimate at each: the chain rule with slopes for derivatives."""
    history = [_values(net, level.states.values[case]) for level, case in cases]
    p = np.prod([level.states.probabilities[case].prod(axis=1) for level, case in cases], axis=0)
    _, dm, dv = loss.evaluate(*output(net, x, history))
    terms, cotangents = pull_output(net, x, history, dm, dv)
    gain = 1.0 if net.domain == "binary" else 2.0  # dy/dz
    for t in range(len(tree) - 1, -1, -1):
        if t not in cotangents:
            continue
        level, case = cases[t]
        dr = gain * cotangents[t] * level.states.slopes[case]
        node = case[0][:, 0]
        pulled = pull_preactivation(net, x, t, history, dr * level.law.drdm[node], dr * level.law.drdv[node])
        terms = terms + pulled.terms
        for s, value in pulled.history.items():
            cotangents[s] = cotangents[s] + value if s in cotangents else value
    return p, terms


def _cases(tree: list[_Level], units: tuple[int, ...], cases: int, nodes: np.ndarray) -> list[tuple[_Level, tuple]]:
    """For each stage of the tree, an index into its (nodes, units, cases) arrays: what it did on the way to `nodes`.

    `nodes` are nodes of the level after the tree's last.
    """
    found = []
    for s, level in enumerate(tree):
        state = nodes // cases ** sum(units[s + 1 : len(tree)])
        digits = state[:, None] // cases ** np.arange(units[s])[::-1] % cases
        found.append((level, ((state // cases ** units[s])[:, None], np.arange(units[s]), digits)))
    return found


def _values(net: Network, h: np.ndarray) -> np.ndarray:
    """Forward values in [0, 1] in the network's domain (theory 1.4)."""
    return h if net.domain == "binary" else 2.0 * h - 1.0


def _full(moments: tuple[np.ndarray, np.ndarray], nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Moments with one row for each node, also where they depend on no earlier spike."""
    m, v = moments
    return np.broadcast_to(m, (nodes, m.shape[1])), np.broadcast_to(v, (nodes, v.shape[1]))
