"""Estimators that need the loss at both states are not members: given a spike, their estimate is not w(z) L'(z).

Source: theory 2.1, 2.13 to 2.15. A member's conditional mean given z is dpi/dtheta w(z) L'(z) with w independent of L.
Let L = z and M = z + c (z^2 - 2z), c = 1/2: L'(1) = M'(1) = 1, but L(1) - L(0) = 1 and M(1) - M(0) = 1/2. For a member
the mean given z = 1 is the same for both. REINFORCE with leave-one-out, ARM and DisARM are those of refsbnn.baselines,
averaged over their uniforms cell by cell; PSA (Shekhovtsov, Yanush and Flach 2020) and ARMS (Dimitriev and Zhou 2021,
two samples of any correlation) as they are written for one unit. All of these are unbiased, which shows that they are
what they are called. DisARM is ARMS of two antithetic samples.

ReinMax-CV multiplies L'(z), as far as its abstract tells, and so is a member: see "One class of estimators".
"""

from collections.abc import Callable
from itertools import product

import numpy as np

import oracle
from refsbnn import baselines, noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Estimators that are not members",
    sentence="Given the spike, a member's mean is dpi/dtheta w(z) L'(z), with a weight that does not depend on L.",
    owner="ours",
    source="theory 2.1",
    statement="PSA, REINFORCE with leave-one-out, ARM, DisARM and ARMS are no members: for two losses of the same "
    "slope at the spike their means given the spike are as the differences L(1) - L(0).",
    assumptions=("one unit",),
    finding="holds",
    reason="by (2.1) members give 1; these give the ratio of the losses' differences, 1/2",
    claimed="ratio 1 for members alone",
    headline="arm: ratio of the means given z = 1 of two losses of the same L'(1)",
    equations=(
        Formula("2.1", r"\frac{d\pi}{d\theta}\, w(h)\, L'(h)"),
        Formula("2.13", r"\frac{1}{K} \sum_k \left( L_k - \text{mean}_{j \ne k} L_j \right) \frac{d \ln P(z_k)}{dr}"),
        Formula("2.14", r"\left( L(\tilde z) - L(z) \right) \left( u - \frac{1}{2} \right) \frac{f}{F (1 - F)}"),
        Formula(
            "2.15", r"\left( L(z) - L(\tilde z) \right) \frac{z - \tilde z}{2} \max\left( \frac{f}{F}, \ldots \right)"
        ),
    ),
    code=("refsbnn/baselines.py",),
)
LAW = noise.GAUSSIAN
R = 0.4
LOSSES = ((0.0, 1.0), (0.0, 0.0, 0.5))  # z, and z + (z^2 - 2z)/2 = z^2/2: the same slope at 1
Means = tuple[float, float]  # given z = 0 and z = 1
Given = Callable[[float, float], Means]  # of L(0) and L(1)
WHY = "a few roundings; cells of refsbnn's baselines are exact"


def check(level: Level) -> Rows:
    """The ratio of means given a spike, and the mean over both states."""
    f, pi = float(LAW.pdf(R)), float(LAW.cdf(R))
    for name, given in ESTIMATORS.items():
        first, second = (given(0.0, sum(loss)) for loss in LOSSES)
        setting = f"{name}: ratio of the means given z = 1 of two losses of the same L'(1)"
        yield equal(CLAIM.title, setting, second[1] / first[1], 0.5, 1e-12, WHY)
        mean = (1.0 - pi) * first[0] + pi * first[1]
        yield equal(CLAIM.title, f"{name}: mean for L = z", mean, f, 1e-13, f"unbiased; {WHY}")


def psa(low: float, high: float) -> Means:
    """PSA of a last layer is the exact gradient of each of its units, whatever the spike: here the oracle's."""
    found = float(single.estimate("gaussian", R, (low, high - low), oracle.st()).gradient)
    return found, found


def arms(low: float, high: float, rho: float = -0.2) -> Means:
    """(L(b) - L(b')) (b - b')/2 / (1 - rho) dlogit(pi)/dr, spikes b and b' of correlation rho; given b."""
    pi, q = float(LAW.cdf(R)), float(LAW.sf(R))
    differ = (1.0 - rho) * np.array([pi, q])  # P(b' = 1 | b = 0), P(b' = 0 | b = 1)
    estimate = 0.5 * (high - low) / (1.0 - rho) * float(LAW.pdf(R)) / (pi * q)
    return float(differ[0] * estimate), float(differ[1] * estimate)


def by_cells(estimator: Callable[..., baselines.Estimate], samples: int = 1) -> Given:
    """The mean of one of refsbnn's baselines given the first spike: each is affine in u between pi and 1 - pi."""
    pi = float(LAW.cdf(R))
    cuts = np.unique([0.0, pi, 1.0 - pi, 1.0])
    u, width = 0.5 * (cuts[1:] + cuts[:-1]), np.diff(cuts)
    cells = list(product(range(len(u)), repeat=samples))
    weight = np.array([np.prod(width[list(cell)]) for cell in cells])
    spike = np.array([u[cell[0]] < pi for cell in cells])
    uniforms = np.array([u[list(cell)] for cell in cells]).T[..., None]

    def given(low: float, high: float) -> Means:
        found = estimator(
            [lambda states: np.full((len(cells), 1), R)],
            lambda states: low + (high - low) * states[-1][:, 0],
            np.zeros((len(cells), 1)),
            [uniforms if samples > 1 else uniforms[0]],
            LAW,
        )
        each = found.gradients[0].sum(axis=0)[:, 0] if samples > 1 else found.gradients[0][:, 0]
        none, some = (float(weight[state] @ each[state] / weight[state].sum()) for state in (~spike, spike))
        return none, some

    return given


ESTIMATORS: dict[str, Given] = {
    "psa": psa,
    "reinforce, K = 2": by_cells(baselines.reinforce, 2),
    "arm": by_cells(baselines.arm),
    "disarm": by_cells(baselines.disarm),
    "arms, correlation -0.2": arms,
}
