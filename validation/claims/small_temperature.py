"""As tau tends to 0, agr(tau) tends to the trapezoid, at rate tau.

Source: theory 2.7 ("ZGR" is the limit). Expanding the density under the relaxation,
p1 = 1/2 + tau a1 h1 + tau^2 a2 h2 / 2 + O(tau^3), where a_k = integral_0^inf x^k relax'(x) dx and h1 = -f'(r)/f(r),
h2 = f''(r)/f(r); p0 is the same at -r.
"""

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="agr at small temperature",
    sentence="At zero temperature the Gumbel-Rao estimator is an average of two straight-through ones.",
    owner="others",
    source="Shekhovtsov 2023 (ZGR)",
    statement="As tau tends to 0, p1 of agr(tau) tends to 1/2 at rate tau, with the coefficients of its expansion.",
    assumptions=("one unit",),
    finding="holds",
    reason="coefficient and rate are the predicted ones",
    claimed="limit: the trapezoid",
    headline="gaussian, r = 0.9: (p1 - 1/2) / tau at tau = 2^-8",
    equations=(
        Formula("2.7", r"p_1 = \frac{1}{2 \sqrt{1 + \tau^2}}\, \mathrm{erfcx}\left( \frac{-b r}{\sqrt{2}} \right)"),
    ),
    code=(
        "refsbnn/estimators/gumbel.py",
        "oracle/slopes.py",
    ),
)
# a1 and a2: of the normal distribution, and of the logistic one (ln 2 and pi^2/6).
MOMENTS = {"gaussian": (1.0 / np.sqrt(2.0 * np.pi), 0.5), "logistic": (np.log(2.0), np.pi**2 / 6.0)}
WHY = "next term of the expansion: below tau^2 (1/6) 5.5 max|f'''|/f < 2 tau^2; rounding of p1 over tau"


def check(level: Level) -> Rows:
    """(p1 - 1/2) / tau against its expansion: L = z^2/2 has L'(0) = 0 and L'(1) = 1, so the mean is f p1."""
    for name in single.NOISES:
        law, r = noise.get(name), 0.9
        f, slope = float(law.pdf(r)), float(law.pdf_derivative(np.array(r)))
        first, second = MOMENTS[name]
        # f'' = (r^2 - 1) f for the normal; f'' = f (1 - 6 f) for the logistic, from f' = f (1 - 2F).
        curvature = r * r - 1.0 if name == "gaussian" else 1.0 - 6.0 * f
        for power in (4, 8) if level.quick else (4, 6, 8, 10):
            tau = 2.0**-power
            p1 = float(single.estimate(name, r, (0.0, 0.0, 0.5), oracle.agr(tau)).mean) / f
            expected = -first * slope / f + tau * second * curvature / 2.0
            setting, tolerance = f"{name}, r = 0.9: (p1 - 1/2) / tau at tau = 2^-{power}", 2.0 * tau**2 + 1e-13 / tau
            yield equal(CLAIM.title, setting, (p1 - 0.5) / tau, expected, tolerance, WHY)
