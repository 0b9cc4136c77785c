"""The linear extension of v between the states is exact to first order in sigma2 for every member; the quadratic one
is not.

Source: theory 3.4. What holds: where a {0,1} spike acts through its variance alone, the linear extension makes the
loss affine in the spike to first order in sigma2, so every member of mass 1 is exact to that order, and one of mass
p0 + p1 is off by p0 + p1 - 1. The quadratic extension has slope 0 at z = 0 and twice the difference at z = 1: off by
2 p1 - 1, so only members of mean 1/2 are exact. Two limits to the wording: the mass (agr, gr, st-gs are off in both),
and a spike that acts through its mean too, where the first order in sigma2 has a bias of its own.
"""

import numpy as np

import oracle
from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal, refutes

CLAIM = Claim(
    title="Extension of the variance",
    sentence="The linear extension of v between the states is exact to first order in sigma2 for every member; the "
    "quadratic one is not.",
    owner="ours",
    source="theory 3.4, its short form",
    statement="Where a {0,1} spike acts through its variance alone, members of mass 1 are exact to first order in "
    "sigma2 under the linear extension, and only those of mean 1/2 under the quadratic one.",
    assumptions=(
        "{0,1} units",
        "mu = 0 above the spike",
        "mass 1",
    ),
    finding="does not hold",
    reason="another mass is off by p0 + p1 - 1; beside a mean the first order in sigma2 has a bias of its own",
    claimed="bias 0 to first order, every member",
    headline="agr(tau=1), linear, spike acts by variance alone: relative bias",
    equations=(Formula("3.4", r"\text{linear: } x_2 = x,\ dx_2 = 1; \quad \text{quadratic: } x_2 = x^2,\ dx_2 = 2x"),),
    code=(
        "refsbnn/reference/moments.py",
        "oracle/dynamics.py",
    ),
)
SOURCE = "the linear extension is exact to first order in sigma2 for every member"
LINEAR = single.loss((0, 1))


def check(level: Level) -> Rows:
    """Relative biases under both extensions, orders in sigma2, and the first order beside a mean."""
    yield from (*through_the_readout(), *orders(), *beside_a_mean())


def through_the_readout() -> Rows:
    """One spike that enters a Gaussian likelihood by its variance alone: L = sigma2 z / 2, at any sigma2."""
    law, r = noise.GAUSSIAN, 0.7
    for spec in ("st", "iwst(p=0.3)", "trapezoid", "agr(tau=1)"):
        p0, p1 = (float(p) for p in estimators.get(spec).masses(np.array(r), law))
        for variance, expected in (("linear", p0 + p1 - 1.0), ("quadratic", 2.0 * p1 - 1.0)):
            layers = [oracle.Layer([[r]], [[0.0]], [0.0], [1.0])]
            net = oracle.Layered(layers, oracle.Layer([[0.0]], [[0.4]]), variance=variance)
            found = oracle.moments(net, [1.0], oracle.Gaussian([0.0]), single.MEMBERS[spec])[single.KEY]
            setting = f"{spec}, {variance}, spike acts by variance alone: relative bias"
            row = equal(CLAIM.title, setting, (found.bias / found.gradient)[0, 0], expected, 1e-12, "a few roundings")
            wrong = variance == "linear" and spec.startswith("agr")
            yield refutes(row, f"{SOURCE}; agr has mass {p0 + p1:.4f}, not 1") if wrong else row


def chain(mu: float, sigma2: float, variance: str, member: oracle.Discrete) -> oracle.Estimate:
    """Two units in a chain, the second on m = 1 + mu z, v = 1 + sigma2 z, and the loss its spike."""
    first, second = oracle.Layer([[0.7]], [[0.0]], [0.0], [1.0]), oracle.Layer([[mu]], [[sigma2]], [1.0], [1.0])
    net = oracle.Layered([first, second], oracle.Layer([[1.0]], [[0.0]]), variance=variance)
    return oracle.moments(net, [1.0], LINEAR, member)[single.KEY]


def orders() -> Rows:
    """Order in sigma2 of the relative bias without a mean: 0 unless exact to first order; mean 1/2 gains one more."""
    for spec, variance, order in (
        ("st", "linear", 1),
        ("trapezoid", "linear", 2),
        ("iwst(p=0.3)", "linear", 1),
        ("st", "quadratic", 0),
        ("iwst(p=0.3)", "quadratic", 0),
        ("trapezoid", "quadratic", 1),
    ):
        found = [chain(0.0, 2.0**-k, variance, single.MEMBERS[spec]) for k in (9, 10)]
        relative = [abs(float((one.bias / one.gradient)[0, 0])) for one in found]
        setting = f"{spec}, {variance}, chain of two, mu = 0: order of the relative bias in sigma2"
        why = "slope between sigma2 = 2^-9 and 2^-10; its error is of order sigma2"
        yield equal(CLAIM.title, setting, np.log2(relative[0] / relative[1]), order, 0.01, why)


def beside_a_mean() -> Rows:
    """d bias / d sigma2 at 0 with mu = 1/2, against its formula.

    V(z) = F((1 + mu z) / sqrt(1 + sigma2 z)) has dV/dsigma2 = h(z) = -z m f(m) / 2 with m = 1 + mu z, so the bias
    changes by f(r) [p1 h'(1) + p0 h'(0) - h(1) + h(0)], and h' = -(m f + z mu f (1 - m^2)) / 2.
    """
    law, mu = noise.GAUSSIAN, 0.5
    f = float(law.pdf(0.7))

    def h(z: float) -> float:
        m = 1.0 + mu * z
        return float(-0.5 * z * m * law.pdf(m))

    def slope(z: float) -> float:
        m = 1.0 + mu * z
        return float(-0.5 * law.pdf(m) * (m + z * mu * (1.0 - m * m)))

    for spec in ("st", "trapezoid"):
        p0, p1 = (float(p) for p in estimators.get(spec).masses(np.array(0.7), law))
        expected = f * (p1 * slope(1.0) + p0 * slope(0.0) - h(1.0) + h(0.0))
        bias = [float(chain(mu, step, "linear", single.MEMBERS[spec]).bias[0, 0]) for step in (0.0, 2e-3, 1e-3)]
        derivative = 2.0 * (bias[2] - bias[0]) / 1e-3 - (bias[1] - bias[0]) / 2e-3
        setting = f"{spec}, linear, chain of two, mu = 1/2: d bias / d sigma2 at 0"
        row = equal(
            CLAIM.title, setting, derivative, expected, 1e-5, "one-sided difference, extrapolated: error of step^2"
        )
        yield refutes(row, f"{SOURCE}; it is not 0 beside a mean")
