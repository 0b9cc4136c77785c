"""All joint states of a standard network: the exact first two moments of the code's estimate.

A cell of a unit is the set of uniforms of one state, [0, pi) or [pi, 1). Where the estimate does not vary in a cell,
one uniform, close to pi, stands for it. Where it does, the cell gets the nodes of a tanh-sinh rule, which takes the
algebraic and logarithmic ends of the relaxations; every other node is a coarser rule, and the change is the error.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

import oracle
from refsbnn.errors import InputError
from validation.certify.call import SAME, Convention, Estimator, call, name_of
from validation.certify.networks import Loss, Standard

MARGIN = 2.0**-9  # distance from pi relative to the cell, as in validation/driver.py for float32
NODES = {"one-unit": 41, "one-one": 27}  # a cell, odd
REACH = 2.9  # of the rule's variable: the last nodes are 1e-12 of the cell from its ends


class Node(NamedTuple):
    """A unit's spike, uniform and probability; the probability by the coarser rule."""

    z: float
    u: float
    p: float
    coarse: float


def rule(nodes: int, reach: float = REACH) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes in (0, 1), weights, and those of the rule of every other node, all (nodes,): tanh-sinh."""
    t = np.linspace(-reach, reach, nodes)
    s = np.pi * np.sinh(t)
    x = np.where(s < 0.0, np.exp(np.minimum(s, 0.0)), 1.0) / (1.0 + np.exp(-np.abs(s)))
    weights = np.pi * np.cosh(t) * np.exp(-np.abs(s)) / (1.0 + np.exp(-np.abs(s))) ** 2
    coarse = weights * (np.arange(nodes) % 2 == (nodes // 2) % 2)
    return x, weights / weights.sum(), coarse / coarse.sum()


def cells(
    pi: float, nodes: int, *, kink: bool = False, reach: float = REACH, cuts: tuple[float, ...] = ()
) -> list[Node]:
    """What a unit of this probability may do; `nodes` is 1 where the uniform matters in no cell.

    With `kink` the cells are cut at 1 - pi too, where an antithetic partner changes its mind (theory 2.14). With `cuts`
    they are cut there alone, and `z` says which half a uniform is in.
    """
    if nodes == 1:
        below, above = pi * (1.0 - MARGIN), pi + MARGIN * (1.0 - pi)
        return [Node(1.0, below, pi, pi), Node(0.0, above, 1.0 - pi, 1.0 - pi)]
    state = 0.5 if cuts else pi
    out = []
    for left, right in pairwise(sorted({0.0, 1.0, *(cuts or (pi, *([1.0 - pi] if kink else [])))})):
        width = right - left
        for x, weight, coarse in zip(*rule(nodes, reach), strict=True):
            u = min(max(left + width * x, np.nextafter(left, 1.0)), np.nextafter(right, 0.0))
            out.append(Node(float(right <= state), float(u), width * weight, width * coarse))
    return out


def walk(net: Standard, how: Convention, nodes: int, kink: bool) -> Iterator[tuple[float, float, list, np.ndarray]]:
    """Every joint state: probability, that of the coarser rule, uniforms, logits."""

    def below(layer: int, h: np.ndarray) -> Iterator[tuple[float, float, list, np.ndarray]]:
        if layer == net.layers:
            yield 1.0, 1.0, [], net.r(layer, h)
            return
        units = [cells(float(pi), nodes, kink=kink, cuts=how.cuts) for pi in how.law.cdf(net.r(layer, h))]
        for states in product(*units):
            p, coarse = np.prod([s.p for s in states]), np.prod([s.coarse for s in states])
            u = np.array([s.u for s in states])
            for q, rough, rest, y in below(layer + 1, how.value(np.array([s.z for s in states]))):
                yield float(p) * q, float(coarse) * rough, [u, *rest], y

    return below(0, net.x)


def moments(
    fn: Estimator,
    net: Standard,
    how: Convention,
    loss: str,
    *,
    inside: bool,
    kink: bool,
    spikes: bool = True,
    more: Sequence[tuple[np.ndarray, float, float]] = (),
) -> dict[str, oracle.Estimate]:
    """Exact mean and mean square of the estimate beside the exact gradient, by parameter.

    Parameters
    ----------
    fn, net, how
    loss : str
        One of `LOSSES`.
    inside : bool
        Whether the estimate varies in a cell.
    kink : bool
        Whether it may jump at 1 - pi.
    spikes : bool
        Whether the code sends spikes forward; its logits are then held to the network's.
    more : sequence of (uniforms (K,), weight, weight by the coarser rule)
        Extra uniforms of one unit, where the code has any.

    Raises
    ------
    InputError
        As `call`; logits that are not those of the state.
    """
    sums = {key: np.zeros((4, *value.shape)) for key, value in net.parameters.items()}
    visited = walk(net, how, NODES[net.name] if inside else 1, kink)
    for (p, coarse, u, y), (extra, weight, rough) in product(visited, more or [(np.empty(0), 1.0, 1.0)]):
        asked = Loss(loss)
        given = how.uniforms(u)
        found = call(fn, net, [np.vstack([each, extra[:, None]]) for each in given] if more else given, asked)
        if spikes and (not asked.seen or np.abs(asked.seen[0] - y).max() > SAME * (1.0 + np.abs(y).max())):
            raise InputError(
                f"{name_of(fn)}, network {net.name}: at uniforms {[list(map(float, each)) for each in u]} it first "
                f"asked the loss about {asked.seen[0] if asked.seen else 'nothing'}; expected the logits {y}"
            )
        for key, value in found.items():
            fine, other = p * weight, coarse * rough
            sums[key] += np.stack([fine * value, fine * value**2, other * value, other * value**2])
    exact = net.exact(how.noise, how.domain, Loss(loss))
    out = {}
    for key, (mean, square, other_mean, other_square) in sums.items():
        errors = np.abs(mean - other_mean), np.abs(square - other_square)
        out[key] = oracle.Estimate(exact[key], mean, square, *errors)
    return out
