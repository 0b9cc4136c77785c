"""kernels.posterior against refsbnn.posterior."""

import numpy as np
import pytest

from refsbnn import posterior as reference
from refsbnn.kernels import posterior
from tests.refsbnn.kernels.common import around, close


@pytest.mark.parametrize("size", [1, *around(posterior.SHARDS), 300])
@pytest.mark.parametrize("prior", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_reference(size, prior, dtype):
    rng = np.random.default_rng(size)
    mu = rng.normal(size=size).astype(dtype)
    rho = (np.log(prior) + rng.normal(size=size) * rng.choice([0.0, 1e-3, 3.0], size)).astype(dtype)
    value, dmu, drho = posterior.kl_of(mu, rho, prior)
    want = reference.kl_of(mu.astype(float), rho.astype(float), prior)
    # In float64 throughout: each weight is off by a rounding of 1 + ratio, however small its divergence.
    assert abs(value - want[0]) <= 4.0 * np.finfo(float).eps * (
        size + np.exp(rho.astype(float)).sum() / prior + want[0]
    )
    close(dmu, want[1], np.abs(want[1]), 2)
    close(drho, want[2], np.abs(want[2]) + 1.0, 2)
