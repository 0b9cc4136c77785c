"""What a kernel's scratch array held before is nothing to it: not even NaN stays."""

import numpy as np
import pytest

from refsbnn.kernels.lif_adjoint import SHARD, add_recurrent
from refsbnn.kernels.lif_loops import Square


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recurrent_gradients_do_not_read_old_scratch(dtype: type) -> None:
    rng, width = np.random.default_rng(3), 32
    dM, dV = rng.normal(size=(2, SHARD * width)).astype(dtype)
    mu, sigma2 = rng.normal(size=width * width).astype(dtype), rng.exponential(size=width * width).astype(dtype)
    h, results = rng.random((5, 20)).astype(dtype), []
    for old in (0.0, np.nan, np.inf):
        dz, scratch = np.zeros(SHARD * width, dtype), np.full(SHARD * width, old, dtype)
        add_recurrent(dM, dV, Square(mu, sigma2, width, True), h, dz, scratch)
        results.append(dz)
    assert np.isfinite(results[0]).all()
    assert all((result == results[0]).all() for result in results[1:])
