"""A member is unbiased for affine losses iff its target has mass 1, for quadratic ones iff its mean is 1/2 too.

Source: theory 2.2. For L = z the bias is (dpi/dr) (mass - 1), and for L = z^2 it is (dpi/dr) (2 p1 - 1). So both
directions show as numbers: members that meet the condition have no bias, the others have just this one.
"""

import numpy as np

from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Unbiased for affine and quadratic losses",
    sentence="The bias of one unit is zero for affine L if and only if p has mass 1; for quadratic L if and only if "
    "its mean is 1/2 besides.",
    owner="ours",
    source="theory 2.2",
    statement="For L = z the bias is dpi/dr (mass - 1), for L = z^2 it is dpi/dr (2 p1 - 1).",
    assumptions=("one unit",),
    finding="holds",
    reason="both directions show as numbers",
    claimed="bias 0 at p1 = 1/2, mass 1",
    headline="trapezoid, gaussian, r = 0.8, L = z^2",
    equations=(
        Formula("2.2", r"\text{bias} = \frac{d\pi}{d\theta} \left[ \int L' dp - \int_0^1 L'(h)\, dh \right]"),
        Formula("1.3", r"\frac{d}{d\theta} E[L] = \frac{d\pi}{d\theta} \int_0^1 L'(h)\, dh"),
    ),
    code=(
        "refsbnn/estimators/binary.py",
        "oracle/moments.py",
    ),
)
WHY = "a few dozen roundings; the oracle's quadrature is good to 1e-13"


def check(level: Level) -> Rows:
    """Two rows per member: bias for L = z and for L = z^2."""
    for name in single.NOISES[: 1 if level.quick else 2]:
        law, r = noise.get(name), 0.8
        for spec, member in single.MEMBERS.items():
            p0, p1 = estimators.get(spec).masses(np.array(r), law)
            for loss, coefficients, excess in (("z", (0, 1), p0 + p1 - 1.0), ("z^2", (0, 0, 1), 2.0 * p1 - 1.0)):
                bias = single.estimate(name, r, coefficients, member).bias
                setting = f"{spec}, {name}, r = 0.8, L = {loss}"
                tolerance = 1e-12 * float(p0 + p1)
                yield equal(CLAIM.title, setting, bias, law.pdf(r) * excess, tolerance, f"bias; {WHY}")
