"""Members with a target on {0, 1}: by their weight, E_q[w g(z)] = p0 g(0) + p1 g(1), targets written out here."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators
from refsbnn.estimators import IdentitySt, Iwst, Mix, TwoPoint
from tests.refsbnn.estimators.common import BOTH, ONE, ROUNDING, ZERO

unit = st.floats(0, 1)
value = st.floats(-3, 3)


def own_target(r, noise):
    """A user's target: depends on r and on the noise, is negative in places, and has no mass of 1."""
    return 0.1 * np.cos(r), noise.pdf(r)


@st.composite
def members(draw):
    """A member with proposal Bern(pi) and its target masses (p0, p1) from pi, 1 - pi, f and r."""
    p, q, lam = draw(unit), draw(value), draw(unit)
    cases = [
        (estimators.get("st"), lambda pi, rest, f, r: (rest, pi)),
        (Iwst(p), lambda pi, rest, f, r: (1 - p, p)),
        (Iwst(lambda pi: pi * pi), lambda pi, rest, f, r: (rest * (1 + pi), pi * pi)),
        (Mix(lam), lambda pi, rest, f, r: ((1 - lam) * rest + lam / 2, (1 - lam) * pi + lam / 2)),
        (estimators.get("trapezoid"), lambda pi, rest, f, r: (0.5, 0.5)),
        (TwoPoint((p, q)), lambda pi, rest, f, r: (p, q)),
        (TwoPoint(own_target), lambda pi, rest, f, r: (0.1 * np.cos(r), f)),
        (IdentitySt(), lambda pi, rest, f, r: (rest / f, pi / f)),
    ]
    return draw(st.sampled_from(cases))


@BOTH
@given(case=members(), r=st.floats(-6, 6), g0=value, g1=value)
def test_members_by_their_weight(noise, case, r, g0, g1) -> None:
    member, target = case
    pi, rest, f = float(noise.cdf(r)), float(noise.sf(r)), float(noise.pdf(r))
    p0, p1 = target(pi, rest, f, r)
    at = np.array(r)
    # A target given through pi knows 1 - p(pi) to an absolute eps only; all others to a few relative roundings.
    error0, error1 = ROUNDING * abs(p0) + 4 * np.finfo(float).eps, ROUNDING * abs(p1)
    masses = member.masses(at, noise)
    assert abs(masses[0] - p0) <= error0
    assert abs(masses[1] - p1) <= error1

    bound = error0 * abs(g0) + error1 * abs(g1) + 1e-300
    w0, w1 = member.weight(ZERO, at, noise), member.weight(ONE, at, noise)
    assert abs(rest * w0 * g0 + pi * w1 * g1 - (p0 * g0 + p1 * g1)) <= bound
    # The exact mean of the estimate, by the slopes the backward pass uses: (dpi/dr)(p0 L'(0) + p1 L'(1)).
    mean = rest * member.slope(ZERO, at, noise) * g0 + pi * member.slope(ONE, at, noise) * g1
    assert abs(mean - f * (p0 * g0 + p1 * g1)) <= f * bound + 1e-300
