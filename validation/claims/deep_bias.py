"""The deep estimator's relative bias is O(delta) for st and O(delta^2) for the trapezoid, where delta_ij = mu_ij / s_i.

Source: theory 4.5. That is so where a spike acts on the next layer through its mean alone: weights without posterior
noise, or {-1,+1} spikes, whose square is 1. A {0,1} spike also adds its weight's variance sigma2_ij to v_i, a share
kappa_ij = sigma2_ij / v_i, and so moves r_i by -r_i kappa_ij / 2 however small mu_ij is: with mu -> 0 and sigma2 fixed
the relative bias of both tends to a constant. What is true of {0,1} spikes: O(delta + kappa) for st,
O((delta + kappa)^2) for the trapezoid. A member whose mass is not 1 (agr, identity-st) keeps a relative bias of order
1 in every case.

Measured on networks of random weights: the first layer fixed, all above scaled, cross-entropy of the readout.
The relative bias is |E g - gradient| / |gradient| of the first layer's mu, both norms over all networks together.
"""

from collections.abc import Callable
from math import erf

import numpy as np

import oracle
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Row, Rows, equal, refutes

CLAIM = Claim(
    title="Bias of deep networks",
    sentence="The relative bias of a deep estimate is O(delta) for st and O(delta^2) for the trapezoid, delta_ij = "
    "mu_ij / s_i.",
    owner="ours",
    source="theory 4.5, its short form",
    statement="These orders hold where a spike acts through its mean alone. A {0,1} spike of a noisy weight also moves "
    "the variance by a share kappa: then O(delta + kappa) for st, O((delta + kappa)^2) for the trapezoid. A "
    "member of mass other than 1 keeps a bias of order 1.",
    assumptions=(
        "all layers above the first are scaled together",
        "the bias's variance stays",
    ),
    finding="holds with conditions",
    reason="point weights or {-1,+1} units; with {0,1} units and posterior noise the order is 0",
    claimed="orders 1 and 2, in every network",
    headline="trapezoid, 2 layers, {0,1}, sigma2 fixed: order of the relative bias",
    equations=(Formula("4.5", r"B = \text{mean of } \frac{\|\mu_i\|^2}{v_i}"),),
    code=(
        "oracle/transfer.py",
        "refsbnn/objective.py",
    ),
)
NETWORKS = 12
SOURCE = "relative bias O(delta) for st, O(delta^2) for the trapezoid"
WHY = (
    "slope of log bias over log delta at three halvings of delta, extrapolated once: its error is O(delta^2) with "
    "coefficients of the random weights"
)
TOLERANCE = 0.15

Scaled = Callable[[oracle.Layer, float], oracle.Layer]


def point(layer: oracle.Layer, delta: float) -> oracle.Layer:
    """Weights without noise; unit noise from the bias."""
    return layer._replace(mu=delta * layer.mu, sigma2=0.0 * layer.sigma2, bias_sigma2=np.ones(len(layer.mu)))


def shrinking_mean(layer: oracle.Layer, delta: float) -> oracle.Layer:
    """mu tends to 0 under a fixed posterior variance."""
    return layer._replace(mu=delta * layer.mu)


def shrinking_both(layer: oracle.Layer, delta: float) -> oracle.Layer:
    """delta and kappa tend to 0 together."""
    return layer._replace(mu=delta * layer.mu, sigma2=delta * layer.sigma2, bias_sigma2=np.ones(len(layer.mu)))


# Label, what shrinks, domain, smallest power of 1/2, predicted order of each member.
CASES: tuple[tuple[str, Scaled, str, int, dict[str, int]], ...] = (
    ("{0,1}, no posterior noise", point, "binary", 6, {"st": 1, "trapezoid": 2, "agr(tau=1)": 0}),
    ("{-1,+1}, sigma2 fixed", shrinking_mean, "bipolar", 6, {"st": 1, "trapezoid": 2, "agr(tau=1)": 0}),
    ("{0,1}, kappa = O(delta)", shrinking_both, "binary", 6, {"st": 1, "trapezoid": 2, "agr(tau=1)": 0}),
    ("{0,1}, sigma2 fixed", shrinking_mean, "binary", 10, {"st": 0, "trapezoid": 0}),
)
MEMBERS = {"st": oracle.st(), "trapezoid": oracle.trapezoid(), "agr(tau=1)": oracle.agr(1.0)}


def check(level: Level) -> Rows:
    """Measured orders by depth."""
    rng = level.rng(__name__)
    for depth in (2,) if level.quick else (2, 3):
        nets = [networks.layered(rng, [2] + [3] * depth) for _ in range(NETWORKS)]
        for label, scaled, domain, last, orders in CASES:
            for spec, order in orders.items():
                steps = (last - 2, last - 1, last)
                curve = [relative_bias(nets, scaled, 2.0**-k, domain, MEMBERS[spec]) for k in steps]
                slopes = np.log2(np.array(curve[:-1]) / np.array(curve[1:]))
                setting = f"{spec}, {depth} layers, {label}: order of the relative bias"
                row = equal(CLAIM.title, setting, 2.0 * slopes[-1] - slopes[-2], order, TOLERANCE, WHY)
                wrong = label == "{0,1}, sigma2 fixed"
                yield refutes(row, f"{SOURCE}; here it tends to {curve[-1]:.3g}") if wrong else row
    yield from (limit(member, spec) for spec, member in MEMBERS.items() if spec != "agr(tau=1)")


def limit(member: oracle.Discrete, spec: str) -> Row:
    """Two {0,1} units in a chain at delta = 0: V(z) = F(1 / sqrt(1 + z)) moves through the variance alone."""
    pi, end = 0.5 * (1.0 + erf(0.5 / np.sqrt(2.0))), 1.0 / np.sqrt(2.0)
    first, second = oracle.Layer([[0.5]], [[0.0]], [0.0], [1.0]), oracle.Layer([[0.0]], [[1.0]], [1.0], [1.0])
    net = oracle.Layered([first, second], oracle.Layer([[1.0]], [[0.0]]))
    linear = oracle.Custom(lambda logits: (logits[:, 0], np.ones_like(logits)))
    found = oracle.moments(net, [1.0], linear, member)["layers.0.mu"]
    # dV/dz = f(r) dr/dz with r = (1 + z)^(-1/2) and dr/dz = -(1 + z)^(-3/2) / 2.
    slopes = [-0.5 * gauss(1.0), -0.5 * 2.0**-1.5 * gauss(end)]
    p1 = 0.5 if spec == "trapezoid" else pi
    change = 0.5 * (erf(end / np.sqrt(2.0)) - erf(1.0 / np.sqrt(2.0)))
    expected = (p1 * slopes[1] + (1.0 - p1) * slopes[0]) / change - 1.0
    setting = f"{spec}, two {{0,1}} units in a chain, mu = 0, sigma2 = 1, noise floor 1: relative bias"
    row = equal(
        CLAIM.title, setting, float((found.bias / found.gradient)[0, 0]), expected, 1e-13, "rounding of the parts"
    )
    return refutes(row, f"{SOURCE}; here delta = 0")


def gauss(r: float) -> float:
    """The normal density."""
    return float(np.exp(-0.5 * r * r) / np.sqrt(2.0 * np.pi))


def relative_bias(
    nets: list[oracle.Layered], scaled: Scaled, delta: float, domain: str, member: oracle.Discrete
) -> float:
    """Relative bias of the first layer's mu with all layers above scaled."""
    bias, gradient = 0.0, 0.0
    for net in nets:
        above = [scaled(layer, delta) for layer in net.layers[1:]]
        readout = net.readout._replace(mu=delta * net.readout.mu)
        small = oracle.Layered([net.layers[0], *above], readout, domain=domain)
        found = oracle.moments(small, [0.5, -0.8], oracle.Categorical(0), member)["layers.0.mu"]
        bias += float((found.bias**2).sum())
        gradient += float((found.gradient**2).sum())
    return float(np.sqrt(bias / gradient))
