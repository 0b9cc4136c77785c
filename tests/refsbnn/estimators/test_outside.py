"""Identity straight-through and the surrogates."""

import numpy as np
import pytest
from scipy import special

from refsbnn import estimators
from refsbnn.estimators import SURROGATES, Agr, IdentitySt, Surrogate
from refsbnn.noise import GAUSSIAN
from tests.refsbnn.estimators.common import BOTH, ONE, ROUNDING, ZERO


@BOTH
def test_identity_st_passes_the_gradient_unchanged(noise) -> None:
    r = np.linspace(-50, 50, 7)
    assert IdentitySt().slope(ONE, r, noise).tolist() == [1.0] * 7


@pytest.mark.parametrize("scale", [0.7, 2.0, 25.0])
def test_surrogate_slopes_are_derivatives_of_their_sigmoids(scale) -> None:
    """By complex steps of the primitives on r > 0; the slopes are even in r."""
    primitives = {
        "fast-sigmoid": lambda x: x / (1 + scale * x),
        "arctan": lambda x: np.arctan(np.pi / 2 * scale * x) / np.pi,
        "triangular": lambda x: np.where(scale * x.real < 1, x - scale * x * x / 2, 0.0),
        "gaussian": lambda x: special.erf(scale * x / np.sqrt(2)) / 2,
    }
    r = np.array([1e-3, 0.02, 0.3, 0.9, 1.3, 6.0])
    assert set(primitives) == set(estimators.get(kind).kind for kind in SURROGATES)
    for kind, primitive in primitives.items():
        want = np.imag(primitive(r + 1e-100j)) / 1e-100
        for signed in (r, -r):
            assert np.abs(Surrogate(kind, scale).slope(ZERO, signed, GAUSSIAN) - want).max() < ROUNDING * scale, kind


@pytest.mark.parametrize("tau", [0.3, 0.5, 2.0])
def test_the_gaussian_surrogate_is_the_summed_slope_of_agr(tau) -> None:
    """J(r) + J(-r) = N(r; 0, 1 + tau^2) (theory 2.7): the slopes of the two states by their probabilities."""
    r = np.linspace(-6.0, 6.0, 49)
    agr = Agr(tau)
    mean = agr.slope(ONE, r, GAUSSIAN) * GAUSSIAN.cdf(r) + agr.slope(ZERO, r, GAUSSIAN) * GAUSSIAN.sf(r)
    got = Surrogate("gaussian", 1.0 / np.hypot(1.0, tau)).slope(ONE, r, GAUSSIAN)
    np.testing.assert_allclose(got, mean, rtol=1e-12)
