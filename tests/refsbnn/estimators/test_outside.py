"""Identity straight-through and the surrogates."""

import numpy as np
import pytest

from refsbnn import estimators
from refsbnn.estimators import IdentitySt, Surrogate
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
    }
    r = np.array([1e-3, 0.02, 0.3, 0.9, 1.3, 6.0])
    assert set(primitives) == set(estimators.get(kind).kind for kind in ("fast-sigmoid", "arctan", "triangular"))
    for kind, primitive in primitives.items():
        want = np.imag(primitive(r + 1e-100j)) / 1e-100
        for signed in (r, -r):
            assert np.abs(Surrogate(kind, scale).slope(ZERO, signed, GAUSSIAN) - want).max() < ROUNDING * scale, kind
