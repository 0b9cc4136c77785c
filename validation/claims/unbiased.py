"""A member is unbiased for affine losses iff its target has mass 1, for quadratic ones iff its mean is 1/2 too.

Source: theory 2.2. For L = z the bias is (dpi/dr) (mass - 1), and for L = z^2 it is (dpi/dr) (2 p1 - 1). So both
directions show as numbers: members that meet the condition have no bias, the others have just this one.
"""

import numpy as np

from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.record import Level, Rows, equal

TITLE = "Unbiased for affine and quadratic losses"
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
                yield equal(TITLE, setting, bias, law.pdf(r) * excess, tolerance, f"bias; {WHY}")
