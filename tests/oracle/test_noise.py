"""The oracle's own distribution functions, against mpmath, and the law of a unit."""

import mpmath
import numpy as np
import pytest

from oracle.noise import NOISES, law

POINTS = np.array([-300.0, -37.0, -9.0, -2.5, -1e-3, 0.0, 0.4, 3.0, 8.5, 30.0])


def exact(name: str, r: float) -> tuple[mpmath.mpf, mpmath.mpf]:
    """F and f with 60 digits."""
    x = mpmath.mpf(r)
    if name == "gaussian":
        return mpmath.ncdf(x), mpmath.npdf(x)
    return 1 / (1 + mpmath.exp(-x)), mpmath.exp(-x) / (1 + mpmath.exp(-x)) ** 2


@pytest.mark.parametrize("name", list(NOISES))
def test_law_of_a_unit_is_accurate_on_both_sides_and_far_out(name: str) -> None:
    here = law(NOISES[name], POINTS, np.ones_like(POINTS))
    with mpmath.workdps(60):
        for i, r in enumerate(POINTS):
            cdf, pdf = exact(name, r)
            other, _ = exact(name, -r)
            values = {"p1": (here.p1[i], cdf), "p0": (here.p0[i], other), "f": (here.f[i], pdf)}
            values |= {"f/F": (here.hazard(1)[i], pdf / cdf), "f/(1-F)": (here.hazard(0)[i], pdf / other)}
            for what, (value, true) in values.items():
                # exp(-r^2/2) has condition r^2: the exponent's rounding. Below 1e-300 there are no digits to keep.
                bound = (8.0 + r * r) * np.finfo(float).eps * true + mpmath.mpf(1e-300)
                assert abs(mpmath.mpf(float(value)) - true) <= bound, (what, r, value, true)


@pytest.mark.parametrize("name", list(NOISES))
def test_r_is_the_ratio_and_its_derivatives_are_those_of_the_ratio(name: str) -> None:
    m, v, h = np.array([1.3, -0.4]), np.array([0.7, 2.1]), 1e-30
    here = law(NOISES[name], m, v)
    np.testing.assert_allclose(here.r, m / np.sqrt(v), rtol=1e-15)
    np.testing.assert_allclose(here.drdm, ((m + 1j * h) / np.sqrt(v)).imag / h, rtol=1e-14)
    np.testing.assert_allclose(here.drdv, (m / np.sqrt(v + 1j * h)).imag / h, rtol=1e-14)


@pytest.mark.parametrize("name", list(NOISES))
def test_a_unit_without_variance_is_a_step_without_slope(name: str) -> None:
    here = law(NOISES[name], np.array([-0.1, 0.0, 0.1]), np.zeros(3))
    np.testing.assert_array_equal(here.p1, [0.0, 0.0, 1.0])  # theory 3.17: z = 1[m > 0], so 0 at m = 0
    np.testing.assert_array_equal(here.p0, [1.0, 1.0, 0.0])
    for value in (here.f, here.drdm, here.drdv, *here.score()):
        np.testing.assert_array_equal(value, np.zeros(3))


@pytest.mark.parametrize("name", list(NOISES))
def test_nothing_is_nan_at_absurd_ratios(name: str) -> None:
    here = law(NOISES[name], np.array([-1e12, 1e12]), np.array([1e-12, 1e-12]))
    for value in (here.p0, here.p1, here.f, *here.score()):
        assert np.isfinite(value).all()
