"""Every member's mean is (dpi/dtheta) (p1 L'(1) + p0 L'(0)), with the target masses (p0, p1) of its weight.

Source: theory 2.1 and 2.3. The exact mean is the oracle's, from slopes found by quadrature or from hazards; the masses
are those of refsbnn.estimators, closed forms. One unit, a random loss of degree 5.
"""

import numpy as np
from numpy.polynomial import Polynomial

from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.record import Level, Rows, equal

TITLE = "Mean of a member"
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
            yield equal(TITLE, f"{spec}, {name}, r = {r:.3f}", mean, sum(terms), tolerance, WHY)
