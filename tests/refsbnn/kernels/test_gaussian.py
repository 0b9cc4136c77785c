"""The float32 Gaussian of the kernels against scipy, over the whole line, and to its last digits against mpmath."""

import mpmath
import numpy as np
import pytest
from numba import njit
from scipy import special

from refsbnn.kernels import gaussian
from refsbnn.kernels.simd import LANES, load, store

EPS = np.finfo(np.float32).eps
R = np.concatenate([np.linspace(-37.0, 37.0, 1 << 16), np.random.default_rng(0).normal(size=1 << 16)]).astype(
    np.float32
)


def over(function, x=R):
    """The vector function on x, R unless another is given, and x."""

    @njit
    def run(x, out):
        for i in range(0, len(x), LANES):
            store(out, i, function(load(x, i)))

    out = np.empty_like(x)
    run(x, out)
    return out.astype(float), x.astype(float)


def test_probability_is_good_to_two_units_of_the_grid_of_uniforms():
    p, r = over(gaussian.probability)
    assert np.abs(p - special.ndtr(r)).max() <= 2.0 * EPS
    near = np.abs(r) < 12.9  # beyond, Phi(r) nears the smallest normal number and is kept from falling below it
    assert (np.abs(p / special.ndtr(r) - 1.0) <= 6.0 * EPS * (1.0 + r * r))[near].all()


def test_bell_and_ratio_are_good_to_the_rounding_of_r_squared():
    b, r = over(gaussian.bell)
    near = np.abs(r) < 13.0
    assert (np.abs(b / np.exp(-0.5 * r * r) - 1.0) <= 3.0 * EPS * (1.0 + r * r))[near].all()
    assert (b >= 0.0).all()
    assert (b[~near] <= 2e-37).all()
    ratio, r = over(gaussian.density_over_cdf)
    low = np.sqrt(2.0 / np.pi) / special.erfcx(-np.minimum(r, 0.0) / np.sqrt(2.0))
    high = np.exp(-0.5 * r * r) / np.sqrt(2.0 * np.pi) / special.ndtr(r)
    exact = np.where(r < 0.0, low, high)
    assert (np.abs(ratio - exact) <= 6.0 * EPS * (1.0 + r * r) * exact + 1e-37).all()


def test_limits():
    @njit
    def run(x, out):
        store(out, 0, gaussian.probability(load(x, 0)))

    x, out = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    x[:3] = np.inf, -np.inf, np.nan
    run(x, out)
    assert out[:3].tolist() == [1.0, 0.0, 0.0]
    assert abs(out[3] - 0.5) <= EPS


# What each is off by at r >= 0, of itself: a part that no r changes, and of r^2. Rounding r^2 / 2 costs r^2 / 4 eps of
# exp(-r^2 / 2), which has 1.5 eps of its own: its sum, and the last rounding. R is right to 4 eps, as its file says; a
# product or quotient adds half. Above zero the divisor 1 - Phi(-r) is half
# at least, so that Phi(-r)'s own 6 eps count once more, beside three roundings.
LIMITS = {
    "tail": (gaussian.tail, 1.0, 4.0, 0.0),
    "bell": (gaussian.bell, 1.0, 1.5, 0.25),
    "below": (gaussian.probability, -1.0, 6.0, 0.25),
    "hazard": (gaussian.density_over_cdf, -1.0, 5.0, 0.0),
    "hazard above": (gaussian.density_over_cdf, 1.0, 9.0, 0.25),
}


@pytest.mark.parametrize("name", LIMITS)
def test_errors_are_those_of_rounding_against_mpmath(name):
    """At every exponent that a number below 12.9 has, from the smallest subnormal on, and at drawn numbers."""
    function, sign, fixed, grows = LIMITS[name]
    rng = np.random.default_rng(3)
    every = np.exp2(np.arange(-149.0, 3.0)) * rng.uniform(1.0, 2.0, 152)
    r = np.concatenate([every, rng.uniform(0.0, 12.9, 1024 - 152)]).astype(np.float32)
    got, _ = over(function, np.float32(sign) * r)
    with mpmath.workdps(30):
        for value, at in zip(got, r.astype(float), strict=True):
            x = mpmath.mpf(at)
            low, bell = mpmath.erfc(x / mpmath.sqrt(2)) / 2, mpmath.exp(-x * x / 2)
            density = bell / mpmath.sqrt(2 * mpmath.pi)
            exact = {
                "tail": low / bell, "bell": bell, "below": low, "hazard": density / low,
                "hazard above": density / (1 - low),
            }[name]  # fmt: skip
            assert abs(float(value / exact - 1)) <= (fixed + grows * at**2) * EPS, at
