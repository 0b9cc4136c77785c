"""Every member's mean is (dpi/dtheta) (p1 L'(1) + p0 L'(0)), with the target masses (p0, p1) of its weight.

Source: theory 2.1 and 2.3. The exact mean is the oracle's, from slopes found by quadrature or from hazards; the masses
are those of refsbnn.estimators, closed forms. One unit, a random loss of degree 5.
"""

import numpy as np
from numpy.polynomial import Polynomial

from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Mean of a member",
    sentence="The mean of a member is dpi/dtheta * integral L' dp whatever q is.",
    owner="ours",
    source="theory 2.1",
    statement="With q = Bernoulli(pi) every member's mean is dpi/dr (p1 L'(1) + p0 L'(0)), with the closed masses (p0, "
    "p1) of its weight.",
    assumptions=(
        "one unit",
        "a loss with a derivative at both states",
    ),
    finding="holds",
    reason="slopes by quadrature and masses in closed form agree to rounding",
    claimed="the mean is the target's integral",
    headline="agr(tau=1), gaussian: mean",
    equations=(
        Formula("2.1", r"\frac{d\pi}{d\theta}\, w(h)\, L'(h), \quad h \sim q, \quad w = \frac{dp}{dq}"),
        Formula("2.3", r"\text{mean} = \frac{d\pi}{d\theta} \left( p_1 L'(1) + p_0 L'(0) \right)"),
        Formula("2.7", r"p_1 = \frac{1}{2 \sqrt{1 + \tau^2}}\, \mathrm{erfcx}\left( \frac{-b r}{\sqrt{2}} \right)"),
        Formula("2.8", r"p_1 = \frac{-\ln(1 - t) - t - t^2 / 2}{t^3}, \quad t = \tanh(r / 2)"),
        Formula(
            "2.20", r"p_1 = \pi + \lambda \left( \frac{1}{2} - \pi \right), \quad \lambda = \frac{c \pi q}{1 + c \pi q}"
        ),
        Formula("2.21", r"p_1 = \frac{\sigma'(\max(l, g) / \tau)}{\tau q}"),
    ),
    code=(
        "refsbnn/estimators/binary.py",
        "refsbnn/estimators/gumbel.py",
    ),
)
WHY = "a few dozen roundings of the terms' size; the oracle's quadrature is good to 1e-13"


def check(level: Level) -> Rows:
    """One row per member and noise at a random r."""
    rng = level.rng(__name__)
    for name in single.NOISES:
        law = noise.get(name)
        for spec, member in single.MEMBERS.items():
            r, coefficients = rng.uniform(-3.0, 3.0), rng.normal(size=6)
            slope = Polynomial(coefficients).deriv()
            p0, p1 = estimators.get(spec).masses(np.array(r), law)
            terms = law.pdf(r) * p1 * slope(1.0), law.pdf(r) * p0 * slope(0.0)
            mean = single.estimate(name, r, coefficients, member).mean
            tolerance = 1e-12 * sum(abs(term) for term in terms)
            yield equal(CLAIM.title, f"{spec}, {name}: mean", mean, sum(terms), tolerance, f"r = {r:.3f}; {WHY}")
