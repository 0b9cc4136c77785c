"""Logistic agr: the closed form at tau = 1 is the formula of the theory, and the quadrature beside it agrees."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.estimators import Agr
from refsbnn.noise import LOGISTIC
from tests.refsbnn.estimators.common import ONE, ROUNDING, mass_by_quadrature


@given(r=st.floats(-30, 30))
def test_logistic_agr_at_tau_one_is_the_formula_of_the_theory(r) -> None:
    """Theory 2.8 in k = e^r, with digits enough to outlast its cancellation; its limit at r = 0 is 1/12."""
    with mpmath.workdps(400):
        k = mpmath.exp(mpmath.mpf(r))
        if abs(r) < 1e-100:
            integral = mpmath.mpf(1) / 12
        else:
            bracket = (1 - k) * (1 + 3 * k) + 2 * (k + 1) ** 2 * mpmath.log((k + 1) / 2)
            integral = k * bracket / (2 * (k - 1) ** 3 * (k + 1))
        mass = float(integral * (1 + k) ** 2 / k)
    assert abs(Agr(1.0).masses(np.array(r), LOGISTIC)[1] / mass - 1) < ROUNDING


def test_logistic_agr_does_not_jump_at_tau_one() -> None:
    """The closed form at 1 and the quadrature beside it: the mass moves by at most (1 + |r|) p1 per unit of tau."""
    r = np.concatenate([np.linspace(-30, 30, 61), [0.5108, 0.5109]])
    for tau in (1 - 1e-12, 1 + 1e-12):
        ratio = Agr(tau).masses(r, LOGISTIC)[1] / Agr(1.0).masses(r, LOGISTIC)[1]
        assert (np.abs(ratio - 1) < 1e-12 * (1 + np.abs(r)) + ROUNDING * (1 + np.abs(r))).all()


@pytest.mark.parametrize("tau", [0.5, 0.9, 1.0, 1.2, 3.0])
def test_far_from_threshold(tau) -> None:
    """Where the integrand is a pure exponential between the ends 0 and r (r > 40 + 40 tau), rising or falling."""
    r = 200.3
    with mpmath.workdps(20):
        want = mass_by_quadrature(LOGISTIC, r, tau)
        slope = want / (1 + mpmath.exp(mpmath.mpf(r)))
    # The exponent of order r is rounded: r eps.
    assert abs(Agr(tau).masses(np.array(r), LOGISTIC)[1] / float(want) - 1) < r * ROUNDING
    assert abs(Agr(tau).slope(ONE, np.array(r), LOGISTIC) / float(slope) - 1) < r * ROUNDING
