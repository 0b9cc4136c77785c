"""The mean of the network's estimates over random uniforms lies within Bernstein's bound of the exact mean.

Source: theory 2 and 5; the bound uses the oracle's exact variance and range of each entry. Tests what enumeration
cannot: sampling from uniforms, members that draw (st-gs, gr) with every uniform they can be given, large batches. A
correct implementation fails one of these checks, in a whole run, with probability 1e-9 at most (union bound over all
entries of all rows, and those of convolutions).
"""

import numpy as np

import oracle
from validation import twin
from validation.evidence import networks
from validation.evidence.agreement import distance
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most

CLAIM = Claim(
    title="Networks, sampled",
    sentence="The mean of the network's estimates over random uniforms is the exact mean.",
    owner="ours",
    source="theory 2.1",
    statement="It lies within Bernstein's bound of the oracle's exact mean, for every parameter, also for members that "
    "draw.",
    assumptions=("a false alarm in a whole run has probability 1e-9 at most",),
    finding="holds",
    reason="every distance is below its bound",
    claimed="distance <= bound",
    headline="dense, st: distance over bound",
    equations=(
        Formula("2.1", r"\frac{d\pi}{d\theta}\, w(h)\, L'(h), \quad h \sim q"),
        Formula("2.10", r"w = \frac{1}{K} \sum_k \frac{\mathrm{relax}'(a_k / \tau)}{\tau f(r)}"),
    ),
    code=(
        "refsbnn/network.py",
        "refsbnn/estimators/gumbel.py",
    ),
)
FALSE_ALARM = 5e-10  # and as much for convolutions
MEMBERS = ("st", "trapezoid", "st-gs(tau=0.5)", "gr(tau=0.5,K=2)")
WHY = (
    "largest distance over its Bernstein bound; sampled: a correct implementation exceeds 1 in a run with "
    "probability 1e-9 at most"
)
LOSS = oracle.Categorical(1, eps=[0.3, -0.4])


def check(level: Level) -> Rows:
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
    for label, (net, x) in nets.items():
        for member in MEMBERS:
            ratio = distance(twin.of(net, x, LOSS, member), x, LOSS, samples, FALSE_ALARM / entries, rng)
            yield at_most(
                CLAIM.title, f"{label}, {member}: distance over bound", ratio, 1.0, f"{samples} samples; {WHY}"
            )
