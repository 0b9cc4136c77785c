"""All joint states of a twin: the uniforms that lead its network to each, and the law of what it then computes.

One uniform of every cell of every unit: [0, pi) and [pi, 1) for a spike. They are taken close to pi, so that a network
whose probability is off by more than `MARGIN` goes astray. Where a member's slope depends on a uniform besides, the
cell gets a quadrature: the estimate is linear in each unit's slope, slopes are independent given the spikes (theory
5.7), so a few points that have the slope's mean and mean square in the cell give the first two moments of the estimate
exactly. Probabilities, and pi, are the oracle's; the estimates are those of `Network.backward`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import special

import oracle
from oracle import dynamics, tree
from oracle.members import UnitStates
from oracle.noise import Law
from oracle.slopes import slope_moment
from refsbnn import estimators, objective
from refsbnn.draws import GivenDraws
from refsbnn.errors import InputError
from refsbnn.estimators.gumbel import Gr, StGs
from refsbnn.layers import Moments
from validation.twin import Twin

MARGIN = {"float64": 2.0**-20, "float32": 2.0**-9}  # distance from pi relative to the cell: far above rounding of pi


class States(NamedTuple):
    """Joint states that can occur: probabilities (states,), and the draws that lead to each."""

    p: np.ndarray
    draws: GivenDraws


# Cells and points in them.


def points(law: Law, tau: float, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Three uniforms in each cell and their weights, (units..., z, 3): a quadrature of the relaxation's slope there.

    The relaxation's slope at a is f(a / tau) / tau (theory 2.9), every number up to f(0) / tau somewhere in a cell. Of
    a law with mean k, deviation d and skewness c, k + d (c -+ sqrt(c^2 + 4)) / 2 are the two points of Gauss; here they
    are moved outwards a little, k is the third, and the weights are those of the slopes at the uniforms as rounded to
    the network's type.

    Raises
    ------
    InputError
        A unit so certain of its spike that uniforms of the type do not tell the points apart.
    """
    z = np.array([0.0, 1.0])
    sides = law.r[..., None] * (2.0 * z - 1.0)
    k, square, cube = (slope_moment(law.noise, sides, tau, power) for power in (1, 2, 3))
    variance = np.maximum(square - k**2, np.finfo(float).tiny)
    d = np.sqrt(variance)
    c = (cube - 3.0 * k * variance - k**3) / d**3
    low, high = (k + d * (c + sign * np.sqrt(c**2 + 4.0)) / 2.0 for sign in (-1.0, 1.0))
    top = law.noise.pdf(np.zeros(1)) / tau
    slopes = np.clip(np.stack([0.8 * low, k, high + 0.2 * (top - high)], axis=-1), 1e-6 * k[..., None], top)
    outer = law.noise.cdf(sides[..., None] - tau * _inverse_density(law, tau * slopes))  # 1 - u where z = 0
    u = np.minimum(np.where(z[:, None] > 0.0, outer, 1.0 - outer), 1.0 - np.finfo(dtype).epsneg)
    u = u.astype(dtype).astype(np.float64)
    if (np.diff(np.sort(u, axis=-1), axis=-1) == 0.0).any():
        raise InputError(f"r is up to {np.abs(law.r).max():.3g}: uniforms of {np.dtype(dtype)} are too sparse for it")
    rest = np.where(z[:, None] > 0.0, u, 1.0 - u)  # exact
    y = law.noise.pdf((sides[..., None] - _quantile(law, rest)) / tau) / tau - k[..., None]
    weights = [
        (variance + y[..., i] * y[..., j]) / ((y[..., h] - y[..., i]) * (y[..., h] - y[..., j]))
        for h, i, j in ((0, 1, 2), (1, 0, 2), (2, 0, 1))
    ]
    return u, np.stack(weights, axis=-1)


def _inverse_density(law: Law, density: np.ndarray) -> np.ndarray:
    """The a >= 0 with f(a) = `density`."""
    share = np.minimum(density / law.noise.pdf(np.zeros(1)), 1.0)
    if law.noise.name == "gaussian":
        return np.sqrt(-2.0 * np.log(share))
    upper = (1.0 + np.sqrt(1.0 - share)) / 2.0  # F(a), as f = F (1 - F)
    return np.log(upper**2 / (share / 4.0))


def _quantile(law: Law, p: np.ndarray) -> np.ndarray:
    """F^-1(p), accurate for small p."""
    return special.ndtri(p) if law.noise.name == "gaussian" else special.logit(p)


def cells(law: Law, member: str, dtype: str) -> list[UnitStates]:
    """What a unit may do, with a uniform in the place of the slope: the one of the spike, then the extra ones.

    Raises
    ------
    InputError
        A member whose forward value may be any number: it has no finite set of states.
    """
    own, known = estimators.get(member), oracle.member(member)
    if isinstance(known, oracle.Relaxed):
        if known.orders:
            raise InputError(f"member {member!r} sends any number forward; accepted: those of finitely many")
        return [_rule(known, law)]
    p = np.stack([law.p0, law.p1], axis=-1)
    values = np.broadcast_to([0.0, 1.0], p.shape)
    margin, below_one = MARGIN[dtype], 1.0 - np.finfo(dtype).epsneg
    # How far into the upper cell: near 1 uniforms are no denser than eps.
    into = np.minimum(np.maximum(margin * law.p0, 16.0 * np.finfo(dtype).eps), law.p0 / 2.0)
    edge = np.stack([np.minimum(law.p1 + into, below_one), law.p1 * (1.0 - margin)], axis=-1)
    if not isinstance(own, StGs | Gr):
        return [UnitStates(values, p, edge)]
    u, weights = points(law, own.tau, dtype)
    if not own.draws:  # the uniform of the spike is the slope's as well
        return [_flat(values[..., None], p[..., None] * weights, u)]
    # u = e pi in the cell of a spike, pi + e (1 - pi) in the other (theory 2.10)
    inside = np.stack([u[..., 0, :] - law.p1[..., None], u[..., 1, :]], axis=-2)
    e = np.clip(inside / np.maximum(p, np.finfo(float).tiny)[..., None], 0.0, below_one)
    digits = np.arange(3**own.draws)[:, None] // 3 ** np.arange(own.draws) % 3  # a point for each of the extra draws
    joint = p[..., None] * np.prod([weights[..., digits[:, k]] for k in range(own.draws)], axis=0)
    numbers = [np.broadcast_to(edge[..., None], joint.shape), *(e[..., digits[:, k]] for k in range(own.draws))]
    return [_flat(values[..., None], joint, number) for number in numbers]


def _flat(values: np.ndarray, p: np.ndarray, u: np.ndarray) -> UnitStates:
    """The last two axes, spike and point, as one."""
    shape = (*p.shape[:-2], -1)
    return UnitStates(*(np.broadcast_to(part, p.shape).reshape(shape) for part in (values, p, u)))


def _rule(member: oracle.Relaxed, law: Law) -> UnitStates:
    """A member whose forward values are finitely many, in order: the middle of each one's cell."""
    here = member.nodes(law, 0)
    above = np.cumsum(here.probabilities, axis=-1)
    return here._replace(slopes=above - here.probabilities / 2.0)


# Draws.


def states(twin: Twin, x: np.ndarray, loss: Any) -> States:
    """Every joint state with its probability, without those that cannot occur."""
    net, dtype = twin.net, twin.network.dtype.name
    first = cells(dynamics.unit_law(net, x, 0, []), twin.member, dtype)
    cases, numbers = first[0].values.shape[-1], len(first)
    found: list[list[np.ndarray]] = []
    for k in range(numbers):

        def numbered(law: Law, k: int = k) -> UnitStates:
            return cells(law, twin.member, dtype)[k]

        parts = list(tree.leaves(net, x, numbered, cases))
        p = np.concatenate([part.p for part in parts])
        found.append([np.concatenate(several) for several in zip(*(part.slopes for part in parts), strict=True)])
    possible = p != 0.0  # rounding may leave the weight of a point a little below 0
    return States(p[possible], draws(twin, loss, [[u[possible] for u in each] for each in found]))


def draws(twin: Twin, loss: Any, uniforms: list[list[np.ndarray]]) -> GivenDraws:
    """Draws of the network from uniforms (rows, units) of every stage: those of the spikes, then each extra one."""
    rows, count = len(uniforms[0][0]), len(twin.units)

    def placed(each: list[np.ndarray]) -> dict[int, np.ndarray]:
        out = {}
        for j, unit in enumerate(twin.units):
            steps = [u.reshape(rows, *unit.shape) for u in each[j::count]]
            out[unit.number] = np.stack(steps) if twin.network.input.steps is not None else steps[0]
        return out

    spikes, *extra = (placed(each) for each in uniforms)
    eps = getattr(loss, "eps", None)
    readouts = {} if eps is None else {twin.readout: np.tile(np.asarray(eps, np.float64), (rows, 1))}
    return GivenDraws(rows, spikes, readouts, {j: np.stack([each[j] for each in extra]) for j in spikes if extra})


def random(twin: Twin, x: np.ndarray, loss: Any, rows: int, rng: np.random.Generator) -> GivenDraws:
    """Independent uniforms."""
    units = dynamics.stages(twin.net, x)
    numbers = 1 + estimators.get(twin.member).draws
    return draws(twin, loss, [[rng.random((rows, n)) for n in units] for _ in range(numbers)])


def each_row(twin: Twin, given: GivenDraws) -> Iterator[GivenDraws]:
    """The draws of one row after another."""
    timed = int(twin.network.input.steps is not None)

    def row(values: Mapping[int, np.ndarray], axis: int, i: int) -> dict[int, np.ndarray]:
        return {j: np.take(u, [i], axis) for j, u in values.items()}

    for i in range(given.rows):
        yield GivenDraws(1, row(given.spikes, timed, i), row(given.readouts, 0, i), row(given.extra, 1 + timed, i))


# What the network computes.


def run(
    twin: Twin, x: np.ndarray, loss: Any, given: GivenDraws, weights: np.ndarray, *, input_gradient: bool = True
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The loss of every row, and the sum over rows of weight times the estimate of `Network.backward`."""
    network, rows = twin.network, given.rows
    timed = network.input.steps is not None
    one = x.reshape(*x.shape[: int(timed)], *network.input.shape)
    inputs = np.repeat(np.expand_dims(one, int(timed)), rows, int(timed))
    out, tape = network.forward(twin.parameters, inputs, given)
    scale = weights[:, None]
    if isinstance(out, Moments):
        m = out.m.astype(np.float64)
        v = np.zeros_like(m) if out.v is None else out.v.astype(np.float64)
        value, dm, dv = loss_of(loss, m, v)
        g: Any = Moments(scale * dm, None if out.v is None else scale * dv)
    else:
        value, dlogits, _ = loss_of(loss, out.astype(np.float64), np.zeros(out.shape))
        g = scale * dlogits
    return value, network.backward(twin.parameters, tape, g, input_gradient=input_gradient)[0]


def loss_of(loss: Any, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The oracle's loss by `refsbnn.objective`, of logits m where it has samples: value and derivatives."""
    if isinstance(loss, oracle.Gaussian):
        loglik, dm, dv = objective.gaussian(m, v, np.broadcast_to(loss.targets, m.shape), loss.noise_variance)
        return -loglik, -dm, -dv
    if isinstance(loss, oracle.Custom):
        value, g = loss.function(m)
        return value, g, np.zeros_like(m)
    if isinstance(loss, oracle.Categorical):
        loglik, g = objective.categorical(m, np.full(len(m), loss.label))
    else:
        loglik, g = objective.bernoulli(m, np.broadcast_to(loss.targets, m.shape))
    return -loglik, -g, np.zeros_like(m)


def mean(twin: Twin, x: np.ndarray, loss: Any, given: States | None = None) -> tuple[float, dict[str, np.ndarray]]:
    """Expected loss and mean of the estimate, all states as the rows of one batch, without dx as in training."""
    p, draws = given or states(twin, x, loss)
    value, gradients = run(twin, x, loss, draws, p, input_gradient=False)
    return float(p @ value), gradients


def moments(twin: Twin, x: np.ndarray, loss: Any, given: States | None = None) -> dict[str, oracle.Estimate]:
    """Exact mean, bias, variance and mean squared error of what `Network.backward` returns, by the network's names.

    Each state is a batch of its own: a backward pass sums over its batch, and squares want the parts.
    """
    p, draws = given or states(twin, x, loss)
    first = {key: np.zeros(value.shape) for key, value in twin.parameters.items()}
    second = {key: np.zeros(value.shape) for key, value in twin.parameters.items()}
    one = np.ones(1)
    for weight, row in zip(p, each_row(twin, draws), strict=True):
        for key, value in run(twin, x, loss, row, one)[1].items():
            wide = value.astype(np.float64)
            first[key] += weight * wide
            second[key] += weight * wide**2
    exact = twin.named(folded(twin, oracle.exact(twin.net, x, loss).gradient))
    return {key: oracle.Estimate(exact[key], first[key], second[key]) for key in first}


def folded(twin: Twin, gradients: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The oracle's gradients in the network's coordinates."""
    return {key: twin.fold[key](value[None])[0] for key, value in gradients.items()}


def answers(twin: Twin, x: np.ndarray, loss: Any) -> dict[str, oracle.Estimate]:
    """What the oracle says that `moments` should give."""
    return twin.named(oracle.moments(twin.net, x, loss, oracle.member(twin.member), fold=twin.fold))
