"""The auxiliary loss of small networks, exactly, and its gradient: every spike is moved (theory 4.11 to 4.17).

It knows no formula for a layer: what a spike does to a unit is the difference that `oracle.dynamics` finds, and what
the parameters do to it is the difference of the adjoints found there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from oracle import tree
from oracle.dynamics import (
    History,
    Pulled,
    output,
    preactivation,
    pull_output,
    pull_preactivation,
    stage_names,
    stages,
)
from oracle.errors import InputError
from oracle.losses import Bernoulli, Categorical, Gaussian, Loss
from oracle.moments import check
from oracle.network import LIF, Network, Residual, parameters
from oracle.noise import Law
from oracle.states import differences
from oracle.terms import Term, add_totals

Moments = tuple[np.ndarray, np.ndarray]
Curved = Categorical | Bernoulli | Gaussian  # losses whose Hessian is known


@dataclass(frozen=True)
class Penalty:
    """Exact expectations over the spikes.

    Attributes
    ----------
    sensitivity : dict of float
        By the layer that spikes: mean over its units, and steps, of sum_j (dr_i/dz_j)^2 (theory 4.11, 4.13).
    curvature : float
        sum_j w_j^T H w_j of the readout (theory 4.14).

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> found = oracle.penalty(net, [1.0, -0.5], oracle.Categorical(label=0))
    >>> sorted(found.sensitivity), found.value > found.curvature > 0.0
    (['layers.0', 'layers.1'], True)
    """

    sensitivity: dict[str, float]
    curvature: float

    @property
    def value(self) -> float:
        """The penalty (theory 4.15)."""
        return float(np.mean(list(self.sensitivity.values()))) + self.curvature


def penalty(net: Network, x: Any, loss: Loss) -> Penalty:
    """The exact expectation of the auxiliary loss on one example.

    Parameters
    ----------
    net, x
        As in `oracle.exact`; without pools.
    loss : Categorical, Bernoulli or Gaussian
        Its targets do not matter.

    Raises
    ------
    InputError
        As in `oracle.exact`, pools, or another loss.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> round(oracle.penalty(net, [1.0, -0.5], oracle.Categorical(label=0)).value, 5)
    0.89488
    """
    x, known = _checked(net, x, loss)
    laws, reach = tree.levels(net, x)
    found: dict[str, list[float]] = {}
    for t, (name, law, p) in enumerate(zip(stage_names(net, x), laws, reach, strict=False)):
        squares, _ = sensitivity(net, x, t, law, _history(net, x, t, p.size))
        found.setdefault(name, []).append(float(p @ squares))
    bent, _ = curvature(net, x, known, _history(net, x, len(laws), reach[-1].size))
    return Penalty({name: float(np.mean(values)) for name, values in found.items()}, float(reach[-1] @ bent))


def penalty_gradient(net: Network, x: Any, loss: Loss) -> dict[str, np.ndarray]:
    """The exact gradient of the expected auxiliary loss, derived by hand (theory 4.16).

    Parameters
    ----------
    net, x, loss
        As in `penalty`.

    Returns
    -------
    dict of ndarray
        Of `penalty(net, x, loss).value`, by parameter: "layers.0.mu". A unit without variance counts 0 and adds none.

    Raises
    ------
    InputError
        As in `penalty`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> oracle.penalty_gradient(net, [1.0, -0.5], oracle.Categorical(label=0))["layers.1.mu"].round(4)
    array([[ 0.5434, -0.7161],
           [ 0.254 , -0.1243]])
    """
    x, known = _checked(net, x, loss)
    laws, reach = tree.levels(net, x)
    gradient = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    values, pull = curvature(net, x, known, _history(net, x, len(laws), reach[-1].size))
    add_totals(gradient, pull(reach[-1]))
    share = 1.0 / len(laws)  # every layer has the same number of stages
    for t in range(len(laws) - 1, -1, -1):
        law, p = laws[t], reach[t]
        change, values = differences(values.reshape(p.size, -1), law.p0, law.p1)
        history = _history(net, x, t, p.size)
        dr = p[:, None] * law.f * change  # theory 4.16
        add_totals(gradient, pull_preactivation(net, x, t, history, dr * law.drdm, dr * law.drdv).terms)
        squares, pull = sensitivity(net, x, t, law, history)
        values = values + share * squares
        add_totals(gradient, pull(share * p))
    return gradient


def _checked(net: Network, x: Any, loss: Loss) -> tuple[np.ndarray, Curved]:
    x = check(net, x, loss)
    if net.pools:
        raise InputError("the network has pools; expected one whose layers read spikes")
    if not isinstance(loss, Curved):
        raise InputError(f"the loss is a {type(loss).__name__}; accepted: Categorical, Bernoulli, Gaussian")
    return x, loss


def _history(net: Network, x: np.ndarray, t: int, nodes: int) -> History:
    """The spikes before stage t at every node of its level."""
    return tree.spikes_at(net, stages(net, x), t, np.arange(nodes))


def sources(net: Network, t: int) -> list[int]:
    """The stages whose spikes enter stage t: over time those of the same step, and its own of the last."""
    if isinstance(net, LIF):
        last, j = divmod(t, len(net.layers))
        below = [t - 1] if j else []
        return below + ([t - len(net.layers)] if last else [])
    if isinstance(net, Residual):
        ends = np.cumsum([len(block) for block in net.blocks])
        inner = t not in (0, *ends)
        return [t - 1] if inner else [int(end) - 1 for end in ends if end <= t]
    return [t - 1] if t else []


class Move(NamedTuple):
    """A unit of an earlier stage in its lower and in its upper state, all other spikes as they are."""

    low: History
    high: History

    def of(self, read: Callable[[History], Moments]) -> Moments:
        """How far what reads the spikes goes."""
        (low_m, low_v), (high_m, high_v) = read(self.low), read(self.high)
        return high_m - low_m, high_v - low_v

    def pull(
        self, pull: Callable[[History, np.ndarray, np.ndarray], Pulled], dm: np.ndarray, dv: np.ndarray
    ) -> list[Term]:
        """Adjoint of `of`, given that of what reads the spikes."""
        return [*pull(self.high, dm, dv).terms, *pull(self.low, -dm, -dv).terms]


def moves(net: Network, history: History, stage: int) -> Iterator[Move]:
    """Every unit of a stage from state to state."""
    for j in range(history[stage].shape[1]):
        ends = []
        for value in (0.0 if net.domain == "binary" else -1.0, 1.0):
            spikes = list(history)
            spikes[stage] = history[stage].copy()
            spikes[stage][:, j] = value
            ends.append(spikes)
        yield Move(*ends)


Pull = Callable[[np.ndarray], list[Term]]


def sensitivity(net: Network, x: np.ndarray, t: int, law: Law, history: History) -> tuple[np.ndarray, Pull]:
    """S of stage t, the mean over its units, at each node (theory 4.11), and its adjoint (theory 4.17).

    The adjoint takes a cotangent for each node, (nodes,), to terms of the parameters' gradient.
    """
    read, reading = partial(preactivation, net, x, t), partial(pull_preactivation, net, x, t)
    s1 = law.drdm  # 1 / s, and 0 for a unit without variance

    def effects() -> Iterator[tuple[Move, np.ndarray, np.ndarray, np.ndarray]]:
        for move in (each for stage in sources(net, t) for each in moves(net, history, stage)):
            dm, dv = move.of(read)
            yield move, dm, dv, s1 * (dm - law.r * s1 * dv / 2.0)

    found = np.zeros(law.r.shape)
    for _, _, _, rho in effects():
        found += rho**2

    def pull(cotangent: np.ndarray) -> list[Term]:
        terms: list[Term] = []
        on_m, on_v = np.zeros(found.shape), np.zeros(found.shape)
        for move, dm, dv, rho in effects():
            drho = cotangent[:, None] * 2.0 * rho / law.r.shape[1]
            terms += move.pull(reading, drho * s1, -drho * law.r * s1**2 / 2.0)  # theory 4.17
            on_m -= drho * s1**3 * dv / 2.0
            on_v -= drho * s1**3 * (dm - 1.5 * law.r * s1 * dv) / 2.0
        return [*terms, *reading(history, on_m, on_v).terms]

    return found.mean(axis=1), pull


def curvature(net: Network, x: np.ndarray, loss: Curved, history: History) -> tuple[np.ndarray, Pull]:
    """R, sum_j w_j^T H w_j at each state, w_j being the change of the outputs' means (theory 4.14), and its adjoint."""
    m, v = output(net, x, history)
    eps = 0.0 if isinstance(loss, Gaussian) or loss.eps is None else np.asarray(loss.eps)
    root = np.sqrt(v)
    moved = replace(net, reduce="last") if isinstance(net, LIF) and net.reduce == "max" else net  # theory 4.14
    apart = len(net.layers) if isinstance(net, LIF) else len(history)  # from one stage that is read to the next

    def effects() -> Iterator[tuple[Move, np.ndarray, np.ndarray, np.ndarray]]:
        for move in (each for s in range(apart - 1, len(history), apart) for each in moves(net, history, s)):
            value, dlogits, dw = bent(loss, m + root * eps, move.of(partial(output, moved, x))[0])
            yield move, value, dlogits, dw

    found = np.zeros(len(m))
    for _, value, _, _ in effects():
        found += value

    def pull(cotangent: np.ndarray) -> list[Term]:
        terms: list[Term] = []
        on_m = np.zeros(m.shape)
        for move, _, dlogits, dw in effects():
            on_m += cotangent[:, None] * dlogits
            terms += move.pull(partial(pull_output, moved, x), cotangent[:, None] * dw, np.zeros(m.shape))
        on_v = np.divide(on_m * eps, 2.0 * root, out=np.zeros(m.shape), where=root > 0.0)
        return [*terms, *pull_output(net, x, history, on_m, on_v).terms]

    return found, pull


def bent(loss: Curved, logits: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w^T H w at each state, H the Hessian of the loss in the outputs, and its gradients in them and in w (4.14)."""
    if isinstance(loss, Categorical):
        p = special.softmax(logits, axis=1)
        u = (p * w).sum(axis=1, keepdims=True)
        h = w * (w - 2.0 * u)
        value = (p * w**2).sum(axis=1) - u[:, 0] ** 2
        return value, p * (h - (p * h).sum(axis=1, keepdims=True)), 2.0 * p * (w - u)
    if isinstance(loss, Bernoulli):
        p, q = special.expit(logits), special.expit(-logits)
        return (p * q * w**2).sum(axis=1), p * q * (q - p) * w**2, 2.0 * p * q * w
    return (w**2).sum(axis=1) / loss.noise_variance, np.zeros(w.shape), 2.0 * w / loss.noise_variance
