"""FouST (Pervez, Cohen and Gavves, ICML 2020) in networks of a few {-1, +1} units: as an algorithm, and as a member.

`mean` takes the algorithm through all its draws, with a forward and a backward pass of its own; `member` is the same as
a target and a proposal (theory 2.1), for the oracle. Three steps, which can be left out one by one: the importance
weight 1/(2 P), the state times a uniform number, and states of -1/c and 1/c.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from scipy import special

import oracle
from oracle.members import UnitStates
from oracle.noise import Law

ORDER = 10  # nodes of the algorithm's own rule for each uniform
Weights = Sequence[tuple[np.ndarray, np.ndarray]]  # W (out, in) and b (out,), layer after layer, the readout last


def mean(
    weights: Weights,
    x: np.ndarray,
    slope: Callable[[np.ndarray], np.ndarray],
    *,
    weighted: bool = True,
    noisy: bool = True,
    c: float = 1.0,
) -> list[np.ndarray]:
    """The mean of FouST's gradient of each W over all draws; `slope` is the loss's gradient at the logits."""
    points, parts = np.polynomial.legendre.leggauss(ORDER)
    uniform = list(zip(0.5 * (points + 1.0), 0.5 * parts, strict=True)) if noisy else [(1.0, 1.0)]
    cases = [(state, number, part) for state in (-1.0, 1.0) for number, part in uniform]
    total = [np.zeros_like(W) for W, _ in weights]

    def backward(h: np.ndarray, chance: float, tape: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        W, b = weights[-1]
        d = slope(W @ h + b)
        total[-1] += chance * np.outer(d, h)
        for i in range(len(tape) - 1, -1, -1):
            given, factor = tape[i]
            d = factor * (weights[i + 1][0].T @ d)
            total[i] += chance * np.outer(d, given)

    def forward(h: np.ndarray, chance: float, tape: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        if len(tape) == len(weights) - 1:
            backward(h, chance, tape)
            return
        W, b = weights[len(tape)]
        p = special.expit(W @ h + b)
        for drawn in product(cases, repeat=p.size):
            state, number, part = np.array(drawn).T
            own = np.where(state > 0.0, p, 1.0 - p)
            factor = 2.0 / c * p * (1.0 - p) * (0.5 / own if weighted else 1.0)  # dE[y]/da, weighted
            forward(state * number / c, chance * float(np.prod(own * part)), [*tape, (h, factor)])

    forward(x, 1.0, [])
    return total


def member(*, weighted: bool = True) -> oracle.Relaxed:
    """h = (1 + y u)/2, y a spike in {-1, +1} and u uniform: density 2 P(y) on each half of [0, 1]; w = 1/(2 P) or 1."""

    def nodes(law: Law, order: int) -> UnitStates:
        points, parts = np.polynomial.legendre.leggauss(order)
        u, part = 0.5 * (points + 1.0), 0.5 * parts
        values = np.broadcast_to(np.concatenate([0.5 * (1.0 + u), 0.5 * (1.0 - u)]), (*law.r.shape, 2 * order))
        chance = np.repeat(np.stack([law.p1, law.p0], axis=-1), order, axis=-1)
        w = 0.5 / chance if weighted else np.ones_like(chance)
        return UnitStates(values, chance * np.tile(part, 2), law.f[..., None] * w)

    return oracle.Relaxed("foust", nodes, (20, 14, 10, 8, 6))
