"""Where L'(0) = L'(1) the variance is least at p1 = pi, and for p1 = 1/2 it has no bound as pi tends to 0 or 1.

Source: theory 2.4. With L' = 1 the second moment is f^2 (p1^2/pi + (1-p1)^2/(1-pi)): its minimum over p1 is f^2 at
p1 = pi, where the variance is 0; at p1 = 1/2 the weight's second moment is 1/(4 pi (1-pi)).
"""

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.record import Level, Rows, equal

TITLE = "Least variance at p1 = pi"


def check(level: Level) -> Rows:
    """The minimiser over a grid of p1, its variance, and growth of the trapezoid's weight in the tails."""
    for name in single.NOISES:
        law, r = noise.get(name), 0.6
        pi = float(law.cdf(r))
        offsets = np.linspace(-0.2, 0.2, 9)
        variances = [float(single.estimate(name, r, (0, 1), oracle.iwst(pi + d)).variance) for d in offsets]
        least, why = offsets[int(np.argmin(variances))], "a point of the grid of 9 values of p1"
        yield equal(TITLE, f"{name}, r = 0.6: p1 - pi of least variance, L = z", least, 0.0, 1e-12, why)
        yield equal(TITLE, f"{name}, r = 0.6: variance of st, L = z", min(variances), 0.0, 1e-15, "rounding of 1")
        for tail in (-2.0, -4.0) if level.quick else (-2.0, -4.0, -6.0, -8.0, 8.0):
            one, other = law.cdf(tail), law.sf(tail)
            found = single.estimate(name, tail, (0, 1), oracle.trapezoid())
            weight = float(found.square / law.pdf(tail) ** 2)
            expected = float(0.25 / (one * other))
            setting = f"{name}, r = {tail:g}: E[w^2] of the trapezoid"
            yield equal(TITLE, setting, weight, expected, 1e-12 * expected, "relative rounding of the tails")
