"""Logistic agr: the closed form at tau = 1 is the formula of the theory, and the quadrature beside it agrees."""

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.estimators import Agr
from refsbnn.noise import LOGISTIC
from tests.refsbnn.estimators.common import ROUNDING


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
