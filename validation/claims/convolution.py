"""A convolution is the dense layer it unrolls to: same moments, same estimator, weights shared over positions.

Source: theory 3.6, 3.16. The oracle enumerates the unrolled layer, with a pooling of its spikes in front of the
readout; the network that trains has the convolution and the pooling. Exact mean, bias, variance and mean squared error,
and a Monte-Carlo mean (Bernstein's bound, false alarm 1e-9 a run), are held to the oracle's.
"""

import numpy as np

import oracle
from validation import twin
from validation.evidence import networks
from validation.evidence.agreement import TOLERANCE, WHY, deviation, distance
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most
from validation.twin import Convolution, Twin

CLAIM = Claim(
    title="Convolution",
    sentence="A convolution is the dense layer it unrolls to, its positions being independent.",
    owner="ours",
    source="theory 3.6",
    statement="Moments and the estimator's mean, bias and variance are those of the unrolled layer, weights shared "
    "over positions, with stride, padding and pooling.",
    assumptions=("noise drawn afresh at each position",),
    finding="holds",
    reason="to 4,000 eps; sampled means within Bernstein's bound",
    claimed="difference 0",
    headline="stride 2, padding 1, average pooling, all states: largest deviation",
    equations=(
        Formula("3.6", r"m[y, x, o] = \sum_{k, l, c} \mu[o, k, l, c]\, X[S y + k - P, S x + l - P, c] + \mu_b[o]"),
        Formula("3.16", r"\text{average: } y = \text{mean of the window}; \quad \text{max: } y = \text{largest value}"),
    ),
    code=(
        "refsbnn/reference/conv2d.py",
        "refsbnn/reference/pool.py",
        "oracle/convolution.py",
    ),
)
SHAPE = (2, 2, 2, 1)  # out, kernel height, kernel width, in
SIDE = 3
FALSE_ALARM = 5e-10  # and as much for the other networks
MEMBER = "trapezoid"
LOSS = oracle.Categorical(1, eps=[0.3, -0.4])


def check(level: Level) -> Rows:
    """Enumerated and sampled means, with and without stride, padding and pooling."""
    rng = level.rng(__name__)
    options = [(1, 0, ""), (2, 1, "average"), (1, 0, "max"), (2, 1, "")]
    options = options[1:3] if level.quick else options
    for stride, padding, pool in options:
        one, x = make(rng, stride, padding, pool)
        setting = f"stride {stride}, padding {padding}" + (f", {pool} pooling" if pool else "")
        worst = deviation(one, x, LOSS)
        yield at_most(CLAIM.title, f"{setting}, all states: largest deviation", worst, TOLERANCE["float64"], WHY)
        samples = 20_000 if level.quick else 100_000
        entries = sum(value.size for value in one.parameters.values()) * len(options)
        ratio = distance(one, x, LOSS, samples, FALSE_ALARM / entries, rng)
        why = f"{samples} samples; largest distance over its Bernstein bound; false alarm 1e-9 a run"
        yield at_most(CLAIM.title, f"{setting}, sampled: distance over bound", ratio, 1.0, why)


def make(rng: np.random.Generator, stride: int, padding: int, pool: str) -> tuple[Twin, np.ndarray]:
    """A convolution of two filters, its spikes pooled or not, and a dense readout; and the input."""
    convolution = Convolution(SHAPE, SIDE, SIDE, stride, padding)
    filters = rng.normal(size=SHAPE), rng.uniform(0.1, 0.5, size=SHAPE)
    layer = convolution.layer(*filters, rng.normal(size=2), rng.uniform(0.1, 0.3, size=2))
    pools = {"readout": oracle.Pool(pool, 2, 2, 2, size=2)} if pool else {}
    readout = networks.layer(rng, 2, 2 if pool else len(layer.mu))
    net = oracle.Layered([layer], readout, pools=pools)
    x = rng.normal(size=SIDE * SIDE)
    return twin.of(net, x, LOSS, MEMBER, convolutions={"layers.0": convolution}), x
