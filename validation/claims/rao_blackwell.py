"""agr is the conditional expectation of st-gs given the spike: same mean, no larger variance; gr(K) lies between.

Source: theory 2.7 to 2.10; Paulus, Maddison and Krause (2021) for the Monte-Carlo form. Given the spike, the slope of
st-gs averages to that of agr; and the variance of gr(K) is exactly Var(agr) + (Var(st-gs) - Var(agr)) / K, for one unit
and any loss.
"""

from itertools import pairwise

import numpy as np
from scipy import integrate

import oracle
from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, equal

CLAIM = Claim(
    title="agr is st-gs, Rao-Blackwellised",
    sentence="The Rao-Blackwellised estimator has the same mean as straight-through Gumbel-softmax and no larger "
    "variance.",
    owner="others",
    source="Paulus, Maddison and Krause 2021",
    statement="Given the spike the slope of st-gs averages to that of agr, and Var(gr(K)) = Var(agr) + (Var(st-gs) - "
    "Var(agr)) / K.",
    assumptions=("one unit",),
    finding="holds",
    reason="means and variances agree to the quadrature's error",
    claimed="variance no larger",
    headline="Var(gr(K=4)), gaussian, tau = 1",
    equations=(
        Formula("2.9", r"w = \frac{\mathrm{relax}'(a / \tau)}{\tau f(r)}, \quad a = r - F^{-1}(u)"),
        Formula("2.10", r"w = \frac{1}{K} \sum_k \frac{\mathrm{relax}'(a_k / \tau)}{\tau f(r)}"),
        Formula("5.7", r"k - d \text{ and } k + d, \text{ with probability } \tfrac{1}{2} \text{ each}"),
    ),
    code=(
        "refsbnn/estimators/gumbel.py",
        "oracle/members.py",
    ),
)
WHY = "quadrature good to 1e-13, and the variance is a difference of second moments"


def check(level: Level) -> Rows:
    """Conditional means of the slopes, then variances and the 1/K law for random losses."""
    rng = level.rng(__name__)
    for name in single.NOISES:
        for tau in (0.1, 1.0) if level.quick else (0.03, 0.1, 0.5, 1.0, 3.0):
            r, coefficients = rng.uniform(-2.0, 2.0), rng.normal(size=5)
            found = {
                key: single.estimate(name, r, coefficients, member)
                for key, member in (("agr", oracle.agr(tau)), ("st-gs", oracle.st_gs(tau)), ("gr", oracle.gr(tau, 4)))
            }
            setting, why = f"{name}, tau = {tau:g}", f"r = {r:.3f}; {WHY}"
            agr, raw, four = found["agr"], found["st-gs"], found["gr"]
            scale = 1e-12 * float(raw.square)
            between = agr.variance + (raw.variance - agr.variance) / 4.0
            slope = float(estimators.Agr(tau).slope(np.array(1.0), np.array(r), noise.get(name)))
            yield equal(
                CLAIM.title, f"E[slope of st-gs | z = 1], {setting}", averaged(name, r, tau), slope, 1e-10, INTEGRAL
            )
            yield at_least(
                CLAIM.title, f"Var(st-gs) - Var(agr), {setting}", raw.variance - agr.variance, 0.0, why, scale
            )
            yield equal(CLAIM.title, f"Var(gr(K=4)), {setting}", four.variance, between, scale, why)


INTEGRAL = "adaptive quadrature over u to 1e-11; u = F(r - a) loses digits where 1 - u is small"


def averaged(name: str, r: float, tau: float) -> float:
    """The slope of refsbnn's st-gs averaged over the uniforms that make a spike, u = F(r - a) with a > 0."""
    law, member = noise.get(name), estimators.StGs(tau)

    def slope(a: float) -> float:
        u = law.cdf(np.array(r - a))
        return float(member.slope(np.array(1.0), np.array(r), law, u=u) * law.pdf(r - a))

    reach = max(r, 0.0) + 30.0
    cuts = sorted({tau, 4.0 * tau, 16.0 * tau, abs(r), reach})
    ends = [0.0, *(cut for cut in cuts if cut < reach), reach]
    parts = [integrate.quad(slope, *pair, epsabs=1e-12, epsrel=1e-11)[0] for pair in pairwise(ends)]
    return sum(parts) / float(law.cdf(r))
