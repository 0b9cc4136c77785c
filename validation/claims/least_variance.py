"""Where L'(0) = L'(1) the variance is least at p1 = pi, and for p1 = 1/2 it has no bound as pi tends to 0 or 1.

Source: theory 2.4. With L' = 1 the second moment is f^2 (p1^2/pi + (1-p1)^2/(1-pi)): its minimum over p1 is f^2 at
p1 = pi, where the variance is 0; at p1 = 1/2 the weight's second moment is 1/(4 pi (1-pi)).
"""

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Least variance at p1 = pi",
    sentence="If L'(0) = L'(1), the least variance among masses that sum to 1 is at p1 = pi; at p1 = 1/2 it grows "
    "without bound relative to the squared gradient.",
    owner="ours",
    source="theory 2.4",
    statement="For L = z the variance of iwst(p) is least, and 0, at p = pi; the trapezoid's E[w^2] is 1 / (4 pi (1 - "
    "pi)).",
    assumptions=(
        "one unit",
        "an affine loss",
    ),
    finding="holds",
    reason="minimiser, minimum and growth are the predicted ones",
    claimed="least variance at p1 = pi",
    headline="gaussian, r = 0.6: p1 - pi of least variance, L = z",
    equations=(
        Formula(
            "2.4",
            r"\text{second moment} = \left( \frac{d\pi}{d\theta} \right)^2 \left[ \frac{p_1^2}{\pi} L'(1)^2 + "
            r"\frac{p_0^2}{1 - \pi} L'(0)^2 \right]",
        ),
        Formula("2.5", r"p_1 = p, \quad p_0 = 1 - p"),
    ),
    code=(
        "refsbnn/estimators/binary.py",
        "oracle/moments.py",
    ),
)


def check(level: Level) -> Rows:
    """The minimiser over a grid of p1, its variance, and growth of the trapezoid's weight in the tails."""
    for name in single.NOISES:
        law, r = noise.get(name), 0.6
        pi = float(law.cdf(r))
        offsets = np.linspace(-0.2, 0.2, 9)
        variances = [float(single.estimate(name, r, (0, 1), oracle.iwst(pi + d)).variance) for d in offsets]
        least, why = offsets[int(np.argmin(variances))], "a point of the grid of 9 values of p1"
        yield equal(CLAIM.title, f"{name}, r = 0.6: p1 - pi of least variance, L = z", least, 0.0, 1e-12, why)
        yield equal(CLAIM.title, f"{name}, r = 0.6: variance of st, L = z", min(variances), 0.0, 1e-15, "rounding of 1")
        for tail in (-2.0, -4.0) if level.quick else (-2.0, -4.0, -6.0, -8.0, 8.0):
            one, other = law.cdf(tail), law.sf(tail)
            found = single.estimate(name, tail, (0, 1), oracle.trapezoid())
            weight = float(found.square / law.pdf(tail) ** 2)
            expected = float(0.25 / (one * other))
            setting = f"{name}, r = {tail:g}: E[w^2] of the trapezoid"
            yield equal(CLAIM.title, setting, weight, expected, 1e-12 * expected, "relative rounding of the tails")
