"""The reference layers, averaged over every joint state, give the oracle's exact mean, parameter by parameter.

Source: theory 5.1; the check is deterministic. Uniforms are chosen to force each state; the states' probabilities are
the oracle's; refsbnn computes every state's estimate by its own forward and backward, and the weighted sum is held to
the oracle's mean.
"""

import numpy as np

import oracle
from oracle import dynamics
from validation.claims import reference
from validation.evidence import networks
from validation.evidence.record import Level, Row, at_most

TITLE = "Reference layers over all states"
MEMBERS = {"st": oracle.st(), "mix(lam=0.5)": oracle.mix(0.5), "agr(tau=0.5)": oracle.agr(0.5)}
WHY = "rounding: c eps with c of a few hundred operations, relative to the estimate's root mean square"


def check(level: Level) -> list[Row]:
    """Largest deviation over all parameters, by network and member."""
    rng = level.rng(__name__)
    nets: dict[str, tuple[oracle.Network, np.ndarray]] = {
        "dense": (networks.layered(rng, [2, 3, 3]), rng.normal(size=2)),
        "dense, quadratic, logistic": (
            networks.layered(rng, [2, 3, 3], variance="quadratic", noise="logistic"),
            rng.normal(size=2),
        ),
        "dense, {-1,+1}": (networks.layered(rng, [2, 3, 3], domain="bipolar"), rng.normal(size=2)),
        "residual": (networks.residual(rng, 2, 2, [1, 2], scales=[0.8, 1.1]), rng.normal(size=2)),
        "residual, instantaneous": (networks.residual(rng, 2, 2, [2, 1], accumulate=False), rng.normal(size=2)),
        "LIF hard": (networks.lif(rng, [2, 2], theta=0.5), rng.normal(size=(3, 2))),
        "LIF soft, recurrent": (
            networks.lif(rng, [2, 2], recurrent=True, reset="soft", theta=0.5),
            rng.normal(size=(3, 2)),
        ),
        "LIF, reset detached": (
            networks.lif(rng, [2, 2], theta=0.5, reset_gradient=False, reduce="last"),
            rng.normal(size=(3, 2)),
        ),
    }
    rows = []
    for label, (net, x) in nets.items():
        losses: list[oracle.Loss] = [oracle.Categorical(1, eps=rng.normal(size=2)), oracle.Bernoulli([1.0, 0.0])]
        losses.append(oracle.Gaussian(rng.normal(size=2), 0.7))
        for (spec, member), loss in zip(MEMBERS.items(), losses, strict=True):
            worst = deviation(net, x, loss, spec, member)
            setting = f"{label}, {spec}, {type(loss).__name__}: largest deviation"
            rows.append(at_most(TITLE, setting, worst, 1e-12, WHY))
    return rows


def deviation(net: oracle.Network, x: np.ndarray, loss: oracle.Loss, spec: str, member: oracle.Discrete) -> float:
    """Largest difference of a mean, relative to its parameter's root mean square, and of the loss."""
    uniforms, spikes = reference.forced(dynamics.stages(net, x), net.domain)
    value, found = reference.estimate(net, x, loss, spec, uniforms, probabilities(net, x, spikes))
    truth = oracle.moments(net, x, loss, member)
    if found.keys() != truth.keys():
        raise AssertionError(f"parameters differ: {sorted(found)} and {sorted(truth)}")
    worst = max(np.abs(found[key] - truth[key].mean).max() / np.sqrt(truth[key].square.max() or 1.0) for key in truth)
    loss_gap = abs(value - oracle.exact(net, x, loss).loss)
    return float(max(worst, loss_gap))


def probabilities(net: oracle.Network, x: np.ndarray, spikes: list[np.ndarray]) -> np.ndarray:
    """The oracle's probability of each joint state."""
    p = np.ones(len(spikes[0]))
    for t, z in enumerate(spikes):
        law = dynamics.unit_law(net, x, t, spikes[:t])
        p = p * np.where(z > 0.0, law.p1, law.p0).prod(axis=1)
    return p
