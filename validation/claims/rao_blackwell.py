"""agr is the conditional expectation of st-gs given the spike: same mean, no larger variance; gr(K) lies between.

Source: theory 2.7 to 2.10; Paulus, Maddison and Krause (2021) for the Monte-Carlo form. The variance of gr(K) is
exactly Var(agr) + (Var(st-gs) - Var(agr)) / K, for one unit and any loss.
"""

import oracle
from validation.claims import single
from validation.claims.record import Level, Row, at_least, equal

TITLE = "agr is st-gs, Rao-Blackwellised"
WHY = "quadrature good to 1e-13, and the variance is a difference of second moments"


def check(level: Level) -> list[Row]:
    """Means, variances and the 1/K law for random losses."""
    rng = level.rng(__name__)
    rows = []
    for noise in single.NOISES:
        for tau in (0.1, 1.0) if level.quick else (0.03, 0.1, 0.5, 1.0, 3.0):
            r, coefficients = rng.uniform(-2.0, 2.0), rng.normal(size=5)
            found = {
                name: single.estimate(noise, r, coefficients, member)
                for name, member in (("agr", oracle.agr(tau)), ("st-gs", oracle.st_gs(tau)), ("gr", oracle.gr(tau, 4)))
            }
            setting = f"{noise}, tau = {tau:g}, r = {r:.3f}"
            agr, raw, four = found["agr"], found["st-gs"], found["gr"]
            scale = 1e-12 * float(raw.square)
            between = agr.variance + (raw.variance - agr.variance) / 4.0
            rows += [
                equal(TITLE, f"mean of st-gs, {setting}", raw.mean, agr.mean, scale**0.5 * 1e-6, WHY),
                at_least(TITLE, f"Var(st-gs) - Var(agr), {setting}", raw.variance - agr.variance, 0.0, WHY, scale),
                equal(TITLE, f"Var(gr(K=4)), {setting}", four.variance, between, scale, WHY),
            ]
    return rows
