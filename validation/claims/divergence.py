"""The KL term is never negative, is zero only at the prior, and is what its integral says.

Source: theory 4.2. refsbnn.posterior.kl against a numerical integral of q log(q/p), at the prior, next to it (where the
closed form cancels) and away from it; its gradients against central differences of that integral.
"""

import numpy as np

from refsbnn import posterior
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, equal

CLAIM = Claim(
    title="KL of the posterior",
    sentence="The KL term is a sum of terms that are never negative and zero only at the prior.",
    owner="ours",
    source="theory 4.2",
    statement="posterior.kl is the integral of q log(q/p), at the prior, next to it and away from it, and its "
    "gradients are those of that integral.",
    assumptions=("Gaussian posterior and prior, independent weights",),
    finding="holds",
    reason="value and gradients agree with the integral",
    claimed="KL >= 0, with equality at the prior",
    headline="sigma2 = prior (1 + 1e-06): value",
    equations=(
        Formula(
            "4.2",
            r"\mathrm{KL} = \frac{1}{2} \sum \left[ \frac{\mu^2}{\sigma_p^2} + d - \ln(1 + d) \right], \quad d = "
            r"\frac{\sigma^2}{\sigma_p^2} - 1",
        ),
    ),
    code=("refsbnn/posterior.py",),
)


def check(level: Level) -> Rows:
    """Values and gradients."""
    rng = level.rng(__name__)
    prior = 0.3
    at = posterior.kl(np.zeros(3), np.full(3, prior), prior)
    yield equal(CLAIM.title, "at the prior: value", at.value, 0.0, 0.0, "exact: every term is 0")
    yield equal(CLAIM.title, "at the prior: largest gradient", np.abs([at.mu, at.sigma2]).max(), 0.0, 0.0, "exact")
    for share in (1e-4, 1e-6, 1e-9):
        sigma2 = prior * (1.0 + share)
        d = (sigma2 - prior) / prior  # what the rounded variance stands for
        value = posterior.kl(np.zeros(1), np.array([sigma2]), prior).value
        expected = d * d / 4.0 - d**3 / 6.0 + d**4 / 8.0
        why = "first three terms of the series; a few roundings"
        yield equal(CLAIM.title, f"sigma2 = prior (1 + {share:.0e}): value", value, expected, 1e-11 * expected, why)
    means, variances = rng.normal(size=1000), np.exp(rng.uniform(-3.0, 3.0, size=1000)) * prior
    smallest = min(posterior.kl(means[i], variances[i], prior).value for i in range(1000))
    yield at_least(CLAIM.title, "smallest of 1000 random posteriors off the prior", smallest, 1e-300, "positive")
    for _ in range(1 if level.quick else 4):
        m, s2 = float(rng.normal()), float(np.exp(rng.normal()))
        found, setting = posterior.kl(np.array(m), np.array(s2), prior), f"mu = {m:.3f}, sigma2 = {s2:.3f}"
        why = "Gauss-Hermite rule of 40 nodes is exact for the quadratic log-ratio; rounding"
        yield equal(CLAIM.title, f"{setting}: value", found.value, integral(m, s2, prior), 1e-12, why)
        h = 1e-4
        dm = (integral(m + h, s2, prior) - integral(m - h, s2, prior)) / (2.0 * h)
        ds = (integral(m, s2 + h * s2, prior) - integral(m, s2 - h * s2, prior)) / (2.0 * h * s2)
        why = "central difference: h^2 and rounding over h"
        yield equal(CLAIM.title, f"{setting}: gradient of mu", float(found.mu), dm, 1e-9 * (1.0 + abs(dm)), why)
        yield equal(
            CLAIM.title, f"{setting}: gradient of sigma2", float(found.sigma2), ds, 1e-7 * (1.0 + 1.0 / s2), why
        )


def integral(mu: float, sigma2: float, prior: float) -> float:
    """E_q[log q - log p] for q = N(mu, sigma2), p = N(0, prior), by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    w = mu + np.sqrt(sigma2) * nodes
    log_q = -0.5 * nodes**2 - 0.5 * np.log(sigma2)
    log_p = -0.5 * w**2 / prior - 0.5 * np.log(prior)
    return float(weights @ (log_q - log_p) / np.sqrt(2.0 * np.pi))
