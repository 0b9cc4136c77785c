"""For one unit, the bias of gs(tau) tends to 0 with tau and its variance grows as 1/tau.

Source: theory 2.11. With L = z^2 the bias is -tau f'(r) E max(X, X') + O(tau^2), X and X' two draws of the noise; with
L = z the second moment is f(r) / tau times the integral of relax'^2, up to a relative O(tau^2).
"""

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="gs at small temperature",
    sentence="At a low temperature the relaxed estimate is less biased and has more variance.",
    owner="others",
    source="Maddison et al. 2017, Jang et al. 2017",
    statement="For one unit the bias of gs(tau) is of order tau and its second moment grows as 1/tau.",
    assumptions=("one unit",),
    finding="holds",
    reason="both coefficients are the predicted ones",
    claimed="bias to 0, variance without bound",
    headline="gaussian, r = 0.9, tau = 2^-8: second moment times tau, L = z",
    equations=(
        Formula("2.11", r"h = \mathrm{relax}(a / \tau), \quad w f(r) = \frac{\mathrm{relax}'(a / \tau)}{\tau}"),
    ),
    code=(
        "refsbnn/estimators/gumbel.py",
        "oracle/quadrature.py",
    ),
)
LARGEST_OF_TWO = {"gaussian": 1.0 / np.sqrt(np.pi), "logistic": 1.0}
SLOPE_SQUARED = {"gaussian": 0.5 / np.sqrt(np.pi), "logistic": 1.0 / 6.0}


def check(level: Level) -> Rows:
    """bias / tau and tau times the second moment."""
    for name in single.NOISES:
        law, r = noise.get(name), 0.9
        f, slope = float(law.pdf(r)), float(law.pdf_derivative(np.array(r)))
        for power in (8,) if level.quick else (4, 6, 8, 10):
            tau = 2.0**-power
            bias = single.estimate(name, r, (0, 0, 1), oracle.gs(tau)).bias / tau
            square = single.estimate(name, r, (0, 1), oracle.gs(tau)).square * tau
            setting, why = (
                f"{name}, r = 0.9, tau = 2^-{power}",
                "next term of the expansion; its coefficient is below 2",
            )
            limit = f * SLOPE_SQUARED[name]
            yield equal(
                CLAIM.title, f"{setting}: bias / tau, L = z^2", bias, -slope * LARGEST_OF_TWO[name], 2.0 * tau, why
            )
            yield equal(
                CLAIM.title, f"{setting}: second moment times tau, L = z", square, limit, 2.0 * tau**2 + 1e-13, why
            )
