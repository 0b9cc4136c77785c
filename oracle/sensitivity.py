"""The auxiliary loss of small networks, exactly: every spike is moved from state to state (theory 4.11 to 4.15).

It knows no formula for a layer: what a spike does to a unit is the difference that `oracle.dynamics` finds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from oracle import tree
from oracle.dynamics import History, output, preactivation, stage_names, stages
from oracle.errors import InputError
from oracle.losses import Bernoulli, Categorical, Gaussian, Loss
from oracle.moments import check
from oracle.network import LIF, Network, Residual

Moments = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Penalty:
    """Exact expectations over the spikes.

    Attributes
    ----------
    sensitivity : dict of float
        By the layer that spikes: mean over its units, and steps, of sum_j (dr_i/dz_j)^2 (theory 4.11, 4.13).
    curvature : float
        sum_j w_j^T H w_j of the readout (theory 4.14).
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
    """
    x = check(net, x, loss)
    if net.pools:
        raise InputError("the network has pools; expected one whose layers read spikes")
    units = stages(net, x)
    laws, reach = tree.levels(net, x)
    found: dict[str, list[float]] = {}
    for t, (name, law, p) in enumerate(zip(stage_names(net, x), laws, reach, strict=False)):
        history = tree.spikes_at(net, units, t, np.arange(p.size))
        total = np.zeros(law.r.shape)
        for stage in sources(net, t):
            for j in range(units[stage]):
                dm, dv = moved(net, partial(preactivation, net, x, t), history, stage, j)
                total += (law.drdm * (dm - law.r * dv * law.drdm / 2.0)) ** 2  # drdm = 1 / s
        found.setdefault(name, []).append(float(p @ total.mean(axis=1)))
    history = tree.spikes_at(net, units, len(units), np.arange(reach[-1].size))
    bent = reach[-1] @ curvature(net, x, loss, history)
    return Penalty({name: float(np.mean(values)) for name, values in found.items()}, float(bent))


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


def moved(
    net: Network, read: Callable[[History], Moments], history: History, stage: int, j: int
) -> tuple[np.ndarray, np.ndarray]:
    """How far what reads the spikes goes as unit j of a stage goes from its lower state to its upper one."""
    ends = []
    for value in (0.0 if net.domain == "binary" else -1.0, 1.0):
        spikes = [each.copy() for each in history]
        spikes[stage][:, j] = value
        ends.append(read(spikes))
    (low_m, low_v), (high_m, high_v) = ends
    return high_m - low_m, high_v - low_v


def curvature(net: Network, x: np.ndarray, loss: Loss, history: History) -> np.ndarray:
    """sum_j w_j^T H w_j at each state, w_j being the change of the outputs' means: (states,)."""
    m, v = output(net, x, history)
    if isinstance(net, LIF) and net.reduce == "max":
        net = replace(net, reduce="last")  # theory 4.14
    eps = getattr(loss, "eps", None)
    logits = m if eps is None else m + np.sqrt(v) * np.asarray(eps)
    found = np.zeros(len(m))
    apart = len(net.layers) if isinstance(net, LIF) else len(history)  # from one stage that is read to the next
    for stage in range(apart - 1, len(history), apart):
        for j in range(history[stage].shape[1]):
            found += bent(loss, logits, moved(net, partial(output, net, x), history, stage, j)[0])
    return found


def bent(loss: Loss, logits: np.ndarray, w: np.ndarray) -> np.ndarray:
    """w^T H w at each state, H the Hessian of the loss in the outputs (theory 4.14)."""
    if isinstance(loss, Categorical):
        p = special.softmax(logits, axis=1)
        return (p * w**2).sum(axis=1) - (p * w).sum(axis=1) ** 2
    if isinstance(loss, Bernoulli):
        return (special.expit(logits) * special.expit(-logits) * w**2).sum(axis=1)
    if isinstance(loss, Gaussian):
        return (w**2).sum(axis=1) / loss.noise_variance
    raise InputError(f"the loss is a {type(loss).__name__}; accepted: Categorical, Bernoulli, Gaussian")
