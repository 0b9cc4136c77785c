"""For one unit, the trapezoid's error is L'''/12, of order (effect of one spike)^3; with p1 = pi it is
(pi - 1/2) L'' and of order 2.

Source: theory 2.2 and 2.3. With L(z) = exp(delta z) the effect of a spike is of order delta, and the biases over f are
delta^3/12 and (pi - 1/2) delta^2, up to a relative O(delta).
"""

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Order of one unit's error",
    sentence="For mass 1 the bias is of second order in the effect of one spike, or third for p1 = 1/2, where the "
    "error is L'''(xi)/12 exactly.",
    owner="ours",
    source="theory 2.3",
    statement="With L = exp(delta z) the biases over f tend to delta^3/12 for the trapezoid and (pi - 1/2) delta^2 for "
    "st.",
    assumptions=(
        "one unit",
        "a loss three times differentiable",
    ),
    finding="holds",
    reason="coefficients and slopes are the predicted ones",
    claimed="order 3",
    headline="trapezoid, gaussian, r = 0.7: slope of log|bias| over log delta",
    equations=(
        Formula(
            "2.3",
            r"\frac{\text{bias}}{d\pi / d\theta} = (p_1 - \tfrac{1}{2}) L''(\tfrac{1}{2}) + "
            r"\frac{L'''(\tfrac{1}{2})}{12} + \ldots",
        ),
    ),
    code=("oracle/moments.py",),
)
WHY = "the next terms of the expansion: 1/24 delta for the trapezoid, (pi/2 - 1/6) delta for st"


def check(level: Level) -> Rows:
    """Leading coefficients and measured orders."""
    for name in single.NOISES:
        law, r = noise.get(name), 0.7
        f, pi = float(law.pdf(r)), float(law.cdf(r))
        for spec, member, order, coefficient in (
            ("trapezoid", oracle.trapezoid(), 3, 1.0 / 12.0),
            ("st", oracle.st(), 2, pi - 0.5),
        ):
            deltas = 2.0 ** -np.arange(2.0, 5.0 if level.quick else 7.0)
            biases = [bias(name, r, delta, member) / f for delta in deltas]
            delta = deltas[-1]
            slope = np.log2(biases[-2] / biases[-1])
            setting = f"{spec}, {name}, r = 0.7"
            value, share = biases[-1] / delta**order, f"bias / (f delta^{order}) at delta = 2^{np.log2(delta):.0f}"
            yield equal(CLAIM.title, f"{setting}: {share}", value, coefficient, delta / 2.0, WHY)
            yield equal(CLAIM.title, f"{setting}: slope of log|bias| over log delta", slope, order, 2.0 * delta, WHY)


def bias(name: str, r: float, delta: float, member: oracle.Discrete) -> float:
    """The member's exact bias for L = exp(delta z)."""

    def exponential(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = np.exp(delta * logits)
        return value[:, 0], delta * value

    found = oracle.moments(single.network(name, r), [1.0], oracle.Custom(exponential), member)
    return float(found[single.KEY].bias[0, 0])
