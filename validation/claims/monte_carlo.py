"""The mean of the reference layers' estimates over random uniforms lies within Bernstein's bound of the exact mean.

Source: theory 2 and 5; the bound uses the oracle's exact variance and range of each entry. Tests what enumeration
cannot: sampling from uniforms, and members that draw (st-gs, gr). A correct implementation fails one of these checks,
in a whole run, with probability 1e-9 at most (union bound over all entries of all rows, and those of convolutions).
"""

import numpy as np

import oracle
from oracle import dynamics
from refsbnn import estimators, noise
from validation.claims import reference
from validation.evidence import bounds, networks
from validation.evidence.record import Level, Row, at_most

TITLE = "Reference layers, sampled"
FALSE_ALARM = 5e-10  # and as much for convolutions
MEMBERS = {
    "st": oracle.st(),
    "trapezoid": oracle.trapezoid(),
    "st-gs(tau=0.5)": oracle.st_gs(0.5),
    "gr(tau=0.5,K=2)": oracle.gr(0.5, 2),
}
WHY = (
    "largest distance over its Bernstein bound; sampled: a correct implementation exceeds 1 in a run with "
    "probability 1e-9 at most"
)


def check(level: Level) -> list[Row]:
    """Largest ratio of distance to bound, by network and member."""
    rng = level.rng(__name__)
    samples = 20_000 if level.quick else 200_000
    nets: dict[str, tuple[oracle.Network, np.ndarray]] = {
        "dense": (networks.layered(rng, [2, 2, 2]), rng.normal(size=2)),
        "dense, {-1,+1}, logistic": (
            networks.layered(rng, [2, 2, 2], domain="bipolar", noise="logistic"),
            rng.normal(size=2),
        ),
        "residual": (networks.residual(rng, 2, 1, [1, 2]), rng.normal(size=2)),
        "LIF": (networks.lif(rng, [2, 2], theta=0.5), rng.normal(size=(2, 2))),
        "LIF recurrent": (networks.lif(rng, [2, 2], recurrent=True, theta=0.5), rng.normal(size=(2, 2))),
    }
    entries = sum(value.size for net, _ in nets.values() for value in oracle.parameters(net).values()) * len(MEMBERS)
    rows = []
    for label, (net, x) in nets.items():
        for spec, member in MEMBERS.items():
            ratio = distance(net, x, spec, member, samples, FALSE_ALARM / entries, rng)
            rows.append(at_most(TITLE, f"{label}, {spec}, {samples} samples: distance over bound", ratio, 1.0, WHY))
    return rows


def distance(
    net: oracle.Network,
    x: np.ndarray,
    spec: str,
    member: oracle.Discrete,
    samples: int,
    false_alarm: float,
    rng: np.random.Generator,
) -> float:
    """Largest distance of sampled from exact mean over all entries, in units of each one's bound."""
    stages, draws = dynamics.stages(net, x), estimators.get(spec).draws
    loss = oracle.Categorical(1, eps=[0.3, -0.4])
    uniforms = [rng.random((samples, units)) for units in stages]
    extra = [rng.random((draws, samples, units)) for units in stages]
    _, mean = reference.estimate(
        net, x, loss, spec, uniforms, np.full(samples, 1.0 / samples), extra if draws else None
    )
    exact = bounds.spread(net, x, loss, member, highest=float(noise.get(net.noise).pdf(0.0)) / 0.5)
    worst = 0.0
    for key, each in exact.items():
        bound = bounds.bernstein(each, samples, false_alarm)
        worst = max(worst, float((np.abs(mean[key] - each.mean) / bound).max()))
    return worst
