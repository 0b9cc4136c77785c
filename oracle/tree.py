"""Brute force: a tree over all joint spikes, stage by stage (theory 5.1 to 5.3, 5.7, 5.8). Works for every network.

Level t of the tree has one node for each history of the stages before t; its leaves are the joint states. For a LIF
network the levels are steps in time, and node and spikes determine (M, V). For a residual network no smaller set of
states will do: the stream is a sum over all earlier spikes, so the recursions of transfer.py do not apply, and the
cost is 2^(units of all blocks and the last stage).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from oracle.dynamics import History, output, preactivation, pull_output, pull_preactivation, stages, unit_law
from oracle.losses import Loss
from oracle.members import UnitStates
from oracle.network import Network, parameters
from oracle.noise import NOISES, Law, law
from oracle.states import check_states, differences, joint, score_sums, spikes
from oracle.terms import add_totals, per_state

CHUNK = 2**16  # leaves at once: half a megabyte for each unit
CHUNK_NUMBERS = 2**21  # numbers at once where every leaf has its own gradient


def levels(net: Network, x: np.ndarray) -> tuple[list[Law], list[np.ndarray]]:
    """The law of each stage at every node of its level, and the probabilities of every level's nodes and the leaves."""
    units = stages(net, x)
    check_states(sum(units), 2, "the network")
    laws: list[Law] = []
    reach = [np.ones(1)]
    for t in range(len(units)):

        def law_at(nodes: np.ndarray, t: int = t) -> Law:
            return unit_law(net, x, t, spikes_at(net, units, t, nodes))

        laws.append(_by_chunks(reach[t].size, law_at))
        reach.append((reach[t][:, None] * joint(laws[t].p0, laws[t].p1)).ravel())
    return laws, reach


def exact(net: Network, x: np.ndarray, loss: Loss, way: str) -> tuple[float, dict[str, np.ndarray], float]:
    """Expected loss, its gradient and the total probability, by sums over all joint states.

    `way` is "score" (theory 5.2) or "difference" (theory 5.3).
    """
    units = stages(net, x)
    laws, reach = levels(net, x)
    gradient = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    values = np.empty(reach[-1].size)
    for part in _chunks(values.size):
        history = spikes_at(net, units, len(units), part)
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
        dm, dv = dr * here.drdm, dr * here.drdv
        for chunk in _chunks(nodes):
            history = spikes_at(net, units, t, chunk)
            add_totals(gradient, pull_preactivation(net, x, t, history, dm[chunk], dv[chunk]).terms)
    return total, gradient, float(reach[-1].sum())


def _chunks(count: int, size: int = CHUNK) -> Iterator[np.ndarray]:
    """The numbers from 0 to count, some at a time."""
    return (np.arange(start, min(start + size, count)) for start in range(0, count, size))


def _by_chunks(count: int, make: Callable[[np.ndarray], Law]) -> Law:
    """The law at nodes 0 to count, put together from chunks: the arrays behind it stay small."""
    parts = [make(chunk) for chunk in _chunks(count)]
    arrays = zip(*(part[1:] for part in parts), strict=True)
    return Law(parts[0].noise, *(np.concatenate(several) for several in arrays))


def spikes_at(net: Network, units: tuple[int, ...], t: int, nodes: np.ndarray) -> History:
    """The spikes of the stages before t at some nodes of level t."""
    return [spikes(nodes >> sum(units[s + 1 : t]), units[s], net.domain) for s in range(t)]


class Leaves(NamedTuple):
    """Some joint states and, for each stage, what its units did there: arrays (states, units)."""

    p: np.ndarray
    history: list[np.ndarray]
    slopes: list[np.ndarray]
    drdm: list[np.ndarray]
    drdv: list[np.ndarray]


def leaves(net: Network, x: np.ndarray, states: Callable[[Law], UnitStates], cases: int) -> Iterator[Leaves]:
    """Every joint state, some at a time, of a network whose units each take one of `cases` states."""
    units = stages(net, x)
    check_states(sum(units), cases, "the network")
    tree: list[tuple[Law, UnitStates]] = []
    for t in range(len(units)):

        def law_at(nodes: np.ndarray, t: int = t) -> Law:
            places = _places(units[:t], cases, nodes)
            history = [_forward(net, here.values[place]) for (_, here), place in zip(tree, places, strict=True)]
            m, v = preactivation(net, x, t, history)
            return law(NOISES[net.noise], *np.broadcast_arrays(m, v, np.empty((nodes.size, 1)))[:2])

        here = _by_chunks(cases ** sum(units[:t]), law_at)
        tree.append((here, states(here)))
    count = cases ** sum(units)
    size = sum(value.size for value in parameters(net).values())
    step = max(1, min(CHUNK, CHUNK_NUMBERS // size))
    for chunk in _chunks(count, step):
        places = _places(units, cases, chunk)
        stage = [(here, unit, place, place[0][:, 0]) for (here, unit), place in zip(tree, places, strict=True)]
        yield Leaves(
            p=np.prod([unit.probabilities[place].prod(axis=1) for _, unit, place, _ in stage], axis=0),
            history=[_forward(net, unit.values[place]) for _, unit, place, _ in stage],
            slopes=[unit.slopes[place] for _, unit, place, _ in stage],
            drdm=[here.drdm[node] for here, _, _, node in stage],
            drdv=[here.drdv[node] for here, _, _, node in stage],
        )


def estimate(net: Network, x: np.ndarray, loss: Loss, some: Leaves) -> dict[str, np.ndarray]:
    """The gradient estimate at each state: the chain rule with every unit's slope for the derivative of its spike."""
    _, dm, dv = loss.evaluate(*output(net, x, some.history))
    terms, cotangents = pull_output(net, x, some.history, dm, dv)
    gain = 1.0 if net.domain == "binary" else 2.0  # dy/dz
    for t in range(len(some.history) - 1, -1, -1):
        if t not in cotangents:
            continue
        dr = gain * cotangents[t] * some.slopes[t]
        pulled = pull_preactivation(net, x, t, some.history, dr * some.drdm[t], dr * some.drdv[t])
        terms = terms + pulled.terms
        for s, value in pulled.history.items():
            cotangents[s] = cotangents[s] + value if s in cotangents else value
    return per_state(terms)


def moments(
    net: Network,
    x: np.ndarray,
    loss: Loss,
    states: Callable[[Law], UnitStates],
    cases: int,
    fold: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Mean and mean square of an estimate of each parameter's gradient, and the total probability.

    `fold` maps some parameters' gradients, (states, *shape), before they are squared.
    """
    mean: dict[str, np.ndarray] = {}
    square: dict[str, np.ndarray] = {}
    total = 0.0
    for some in leaves(net, x, states, cases):
        total += float(some.p.sum())
        for key, value in estimate(net, x, loss, some).items():
            value = fold[key](value) if fold and key in fold else value
            mean[key] = mean.get(key, 0.0) + np.tensordot(some.p, value, axes=1)
            square[key] = square.get(key, 0.0) + np.tensordot(some.p, value**2, axes=1)
    return mean, square, total


def largest(
    net: Network, x: np.ndarray, loss: Loss, states: Callable[[Law], UnitStates], cases: int
) -> dict[str, np.ndarray]:
    """The largest absolute value of each entry of an estimate over all joint states that are possible."""
    found = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    for some in leaves(net, x, states, cases):
        for key, value in estimate(net, x, loss, some).items():
            found[key] = np.maximum(found[key], np.abs(value[some.p > 0.0]).max(axis=0, initial=0.0))
    return found


def _places(units: tuple[int, ...], cases: int, nodes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each stage, where its (nodes, units, cases) arrays hold what it did on the way to `nodes`, one level on."""
    found = []
    for s, here in enumerate(units):
        state = nodes // cases ** sum(units[s + 1 :])
        digits = state[:, None] // cases ** np.arange(here)[::-1] % cases
        found.append(((state // cases**here)[:, None], np.arange(here), digits))
    return found


def _forward(net: Network, h: np.ndarray) -> np.ndarray:
    """Forward values in [0, 1] in the network's domain (theory 1.4)."""
    return h if net.domain == "binary" else 2.0 * h - 1.0
