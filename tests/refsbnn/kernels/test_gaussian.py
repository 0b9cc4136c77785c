"""The float32 Gaussian of the kernels against scipy, over the whole line."""

import numpy as np
from numba import njit
from scipy import special

from refsbnn.kernels import gaussian
from refsbnn.kernels.simd import LANES, load, store

EPS = np.finfo(np.float32).eps
R = np.concatenate([np.linspace(-37.0, 37.0, 1 << 16), np.random.default_rng(0).normal(size=1 << 16)]).astype(
    np.float32
)


def over(function):
    """The vector function on R."""

    @njit
    def run(x, out):
        for i in range(0, len(x), LANES):
            store(out, i, function(load(x, i)))

    out = np.empty_like(R)
    run(R, out)
    return out.astype(float), R.astype(float)


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
