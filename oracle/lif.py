"""Leaky integrate-and-fire layers in time (theory 3.9 to 3.13, 3.30 to 3.35): membranes and readout given the spikes.

Stage t * len(layers) + j holds the spikes of layer j at step t.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from oracle.network import LIF
from oracle.terms import Term, pull_read, read, square

Pull = tuple[list[Term], dict[int, np.ndarray]]


class Step(NamedTuple):
    """One layer at one step: membrane, synaptic current (its mean, variance and covariance with the membrane), and
    how far its threshold is up (theory 3.30 to 3.33)."""

    mean: np.ndarray
    spread: np.ndarray
    current: np.ndarray
    own_spread: np.ndarray
    both: np.ndarray
    up: np.ndarray


def membrane(net: LIF, x: np.ndarray, stage: int, history: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """M_t - theta_t and V_t of one layer at one step (theory 3.9, 3.10, 3.31, 3.33); all start from 0."""
    last = _path(net, x, stage, history)[-1]
    return last.mean - neuron(net, stage % len(net.layers))[1] - net.adapt * last.up, last.spread


def neuron(net: LIF, j: int) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Decay and threshold of layer j: of each of its neurons (theory 3.27), or the network's."""
    layer = net.layers[j]
    return net.beta if layer.beta is None else layer.beta, net.theta if layer.theta is None else layer.theta


def _path(net: LIF, x: np.ndarray, stage: int, history: Sequence[np.ndarray]) -> list[Step]:
    """One layer at every step up to the stage's."""
    last, j = divmod(stage, len(net.layers))
    beta, theta = neuron(net, j)
    path: list[Step] = []
    for t in range(last + 1):
        m, v = _drive(net, x, t, j, history)
        if not t:
            path.append(Step(m, v, m, v, v, 0.0 * m.real))
            continue
        before, fired = path[-1], history[(t - 1) * len(net.layers) + j]
        # A detached reset sees the spike as a constant: .real drops the complex step that differentiates it.
        z = fired if net.reset_gradient else fired.real
        keep = 1.0 - z if net.reset == "hard" else 1.0
        drop = theta * z if net.reset == "soft" else 0.0
        current = net.alpha * before.current + m
        own = net.alpha**2 * before.own_spread + v
        both = net.alpha * beta * keep * before.both + own
        kept = keep * (beta**2 * before.spread + 2.0 * net.alpha * beta * before.both)
        up = net.adapt_decay * before.up + (1.0 - net.adapt_decay) * fired  # not of the reset: never detached
        mean, spread = beta * before.mean * keep + current - drop, kept + own if net.accumulate else v
        path.append(Step(mean, spread, current, own, both, up))
    return path


def _below(net: LIF, x: np.ndarray, t: int, j: int, history: Sequence[np.ndarray]) -> tuple[np.ndarray, int]:
    """What layer j reads at step t, and the stage it comes from (-1: the input)."""
    return (history[t * len(net.layers) + j - 1], t * len(net.layers) + j - 1) if j else (x[t][None], -1)


def _drive(net: LIF, x: np.ndarray, t: int, j: int, history: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """m_t and v_t of layer j: from the layer below, and from its own last spikes if it is recurrent."""
    layer = net.layers[j]
    y, _ = _below(net, x, t, j, history)
    m, v = read(net, f"layers.{j}", y)
    if t and layer.recurrent_mu is not None:
        own = history[(t - 1) * len(net.layers) + j]
        m = m + own @ layer.recurrent_mu.T
        v = v + square(own, net.domain, net.variance)[0] @ layer.recurrent_sigma2.T
    return m, v


def pull_membrane(
    net: LIF, x: np.ndarray, stage: int, history: Sequence[np.ndarray], dm: np.ndarray, dv: np.ndarray
) -> Pull:
    """Adjoint of `membrane` (theory 3.12, 3.34), back through the steps to the first."""
    last, j = divmod(stage, len(net.layers))
    path = _path(net, x, stage, history)
    layer, name, alpha = net.layers[j], f"layers.{j}", net.alpha
    (beta, theta), has = neuron(net, j), (layer.beta is not None, layer.theta is not None)
    terms: list[Term] = [Term(f"{name}.theta", -dm, None)] if has[1] else []
    cotangents: dict[int, np.ndarray] = {}
    up = -net.adapt * dm
    none = np.zeros(np.broadcast_shapes(dm.shape, dv.shape))
    current, own_spread, both = none, none, none  # of the later step, as what it sends to this one
    for t in range(last, -1, -1):
        current = current + dm
        # Without accumulation nothing of current or membrane is in the variance but the step's own drive.
        own_spread = own_spread + dv + both if net.accumulate else dv
        y, source = _below(net, x, t, j, history)
        some, dy = pull_read(net, name, y, current, own_spread)
        terms += some
        if j:
            cotangents[source] = dy
        if not t:
            break
        past, before = (t - 1) * len(net.layers) + j, path[t - 1]
        own = history[past]
        dz = (1.0 - net.adapt_decay) * up
        if layer.recurrent_mu is not None:
            own2, slope = square(own, net.domain, net.variance)
            terms += [
                Term(f"{name}.recurrent_mu", current, own),
                Term(f"{name}.recurrent_sigma2", own_spread, own2),
            ]
            dz = dz + current @ layer.recurrent_mu + (own_spread @ layer.recurrent_sigma2) * slope
        shared = 2.0 * dv + both if net.accumulate else none  # what alpha beta n times the covariance is worth
        held = beta**2 * dv if net.accumulate else none
        if net.reset_gradient and net.reset == "hard":
            dz = dz - beta * before.mean * dm - held * before.spread - alpha * beta * before.both * shared
        elif net.reset_gradient:
            dz = dz - theta * dm
        cotangents[past] = dz
        keep = 1.0 - own if net.reset == "hard" else 1.0
        if has[0]:  # of the membrane's own decay, not of the neurons below
            spread = 2.0 * beta * before.spread * dv + alpha * before.both * shared if net.accumulate else 0.0
            terms.append(Term(f"{name}.beta", keep * (before.mean * dm + spread), None))
        if has[1] and net.reset == "soft":
            terms.append(Term(f"{name}.theta", -own * dm, None))
        dm, dv, both = beta * keep * dm, keep * held, alpha * beta * keep * shared
        current, own_spread, up = alpha * current, alpha**2 * own_spread, net.adapt_decay * up
    return terms, cotangents


def output(net: LIF, x: np.ndarray, history: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the reduced outputs (theory 3.13); the readout's noise is independent over steps."""
    m, v = _readings(net, x, history)
    weights = _weights(net, m)
    return (weights * m).sum(axis=0), (weights**2 * v).sum(axis=0)


def pull_output(net: LIF, x: np.ndarray, history: Sequence[np.ndarray], dm: np.ndarray, dv: np.ndarray) -> Pull:
    """Adjoint of `output`; for "max" the chosen step is held."""
    weights = _weights(net, _readings(net, x, history)[0])
    terms: list[Term] = []
    cotangents: dict[int, np.ndarray] = {}
    for t, weight in enumerate(weights):
        source = (t + 1) * len(net.layers) - 1
        y = history[source]
        some, dy = pull_read(net, "readout", y, weight * dm, weight**2 * dv)
        terms += some
        cotangents[source] = dy
    return terms, cotangents


def _readings(net: LIF, x: np.ndarray, history: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Moments of the readout's input at every step, each (steps, states, outputs)."""
    spikes = [history[(t + 1) * len(net.layers) - 1] for t in range(x.shape[0])]
    moments = [read(net, "readout", y) for y in spikes]
    return np.stack([m for m, _ in moments]), np.stack([v for _, v in moments])


def _weights(net: LIF, m: np.ndarray) -> np.ndarray:
    """How much each step's reading counts in the reduced output, (steps, states, outputs) or broadcastable."""
    steps = m.shape[0]
    lag = np.arange(steps)[:, None] - np.arange(steps)[None, :]  # of step t after step s
    decay = np.where(lag >= 0, float(net.readout_beta or 0.0) ** np.abs(lag), 0.0)
    if net.reduce == "mean":
        return decay.mean(axis=0)[:, None, None]
    if net.reduce == "last":
        return decay[-1][:, None, None]
    integrated = np.tensordot(decay, m.real, axes=(1, 0))
    return np.moveaxis(decay[integrated.argmax(axis=0)], -1, 0)
