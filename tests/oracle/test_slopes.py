"""Conditional moments of the relaxation's slope: the oracle's quadrature against closed forms and mpmath."""

import mpmath
import numpy as np
import pytest

from oracle.noise import GAUSSIAN, LOGISTIC, NOISES
from oracle.slopes import slope_moment

R = np.array([-35.0, -6.0, -1.2, -1e-3, 0.0, 0.7, 3.0, 8.0, 30.0])
TAUS = [1e-3, 0.05, 0.4, 1.0, 2.5, 30.0]
# Gauss-Legendre at its best: a few dozen roundings, and the condition r^2 of exp(-r^2/2) in the tail.
TOLERANCE = 1e-12


@pytest.mark.parametrize("tau", TAUS)
def test_gaussian_mean_slope_is_the_closed_form(tau: float) -> None:
    """Theory 2.7: f(r) p1 = N(r; 0, c2) Phi(m1/s1)."""
    c2 = 1.0 + tau**2
    with mpmath.workdps(50):
        expected = [
            mpmath.npdf(r, 0, mpmath.sqrt(c2)) * mpmath.ncdf(r * tau / mpmath.sqrt(c2)) / mpmath.ncdf(r)
            for r in map(mpmath.mpf, R)
        ]
    np.testing.assert_allclose(slope_moment(GAUSSIAN, R, tau, 1), np.array(expected, dtype=float), rtol=TOLERANCE)


@pytest.mark.parametrize("tau", TAUS)
def test_gaussian_mean_square_slope_is_a_gaussian_integral_too(tau: float) -> None:
    """The square of phi(a/tau)/tau is a Gaussian of variance tau^2/2 up to a factor 1/(2 tau sqrt(pi))."""
    narrow = mpmath.mpf(tau) / mpmath.sqrt(2)
    with mpmath.workdps(50):
        width = mpmath.sqrt(1 + narrow**2)
        expected = [
            mpmath.npdf(r, 0, width)
            * mpmath.ncdf(r * narrow / width)
            / mpmath.ncdf(r)
            / (2 * tau * mpmath.sqrt(mpmath.pi))
            for r in map(mpmath.mpf, R)
        ]
    np.testing.assert_allclose(slope_moment(GAUSSIAN, R, tau, 2), np.array(expected, dtype=float), rtol=TOLERANCE)


def test_logistic_mean_slope_is_the_closed_form_at_tau_one() -> None:
    """Theory 2.8, with enough digits that its cancellation near r = 0 does no harm."""
    expected = []
    with mpmath.workdps(120):
        for r in map(mpmath.mpf, R):
            k = mpmath.exp(r)
            above = (1 - k) * (1 + 3 * k) + 2 * (k + 1) ** 2 * mpmath.log((k + 1) / 2)
            integral = mpmath.mpf(1) / 12 if r == 0 else k * above / (2 * (k - 1) ** 3 * (k + 1))
            expected.append(float(integral * (1 + mpmath.exp(-r))))
    np.testing.assert_allclose(slope_moment(LOGISTIC, R, 1.0, 1), expected, rtol=TOLERANCE)


@pytest.mark.parametrize("name", list(NOISES))
@pytest.mark.parametrize("tau", [0.05, 0.4, 2.5, 30.0])
@pytest.mark.parametrize("power", [1, 2])
def test_moments_are_the_integrals(name: str, tau: float, power: int) -> None:
    """The defining integral over a > 0 by mpmath, split where its structure is."""
    for r in (-6.0, -0.3, 2.0, 9.0):
        with mpmath.workdps(40):  # quad stops at an absolute error, and values go down to 1e-18

            def density(x: mpmath.mpf) -> mpmath.mpf:
                return mpmath.npdf(x) if name == "gaussian" else mpmath.sech(x / 2) ** 2 / 4

            def integrand(a: mpmath.mpf, r: float = r) -> mpmath.mpf:
                return density(a - r) * (density(a / tau) / tau) ** power

            below = mpmath.ncdf(r) if name == "gaussian" else 1 / (1 + mpmath.exp(-r))
            peak = r / (1.0 + power / tau**2)  # of the Gaussian integrand
            around = [c + d * w for c, w in ((0.0, tau), (r, 1.0), (peak, tau)) for d in (-9, -6, -3, 0, 3, 6, 9, 40)]
            edges = sorted({0.0, 120.0, *(edge for edge in around if edge > 0.0)})
            expected = float(mpmath.quad(integrand, edges) / below)
        found = slope_moment(NOISES[name], np.array([r]), tau, power)[0]
        assert abs(found - expected) <= 1e-11 * expected, (r, found, expected)


@pytest.mark.parametrize("name", list(NOISES))
def test_shapes_are_kept_and_blocks_join(name: str) -> None:
    r = np.linspace(-3.0, 3.0, 3 * 4 * 500).reshape(3, 4, 500)
    whole = slope_moment(NOISES[name], r, 0.5, 1)
    assert whole.shape == r.shape
    np.testing.assert_allclose(whole[1, 2, 3:5], slope_moment(NOISES[name], r[1, 2, 3:5], 0.5, 1), rtol=1e-14)
