"""kernels.weights against reference.weights on the same draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.kernels import weights
from refsbnn.reference import weights as reference
from tests.refsbnn.kernels.common import DTYPES, SEEDS, SETTINGS, close


@SETTINGS
@given(
    seed=SEEDS,
    images=st.booleans(),
    steps=st.booleans(),
    dtype=DTYPES,
    domain=st.sampled_from(["binary", "bipolar", "real"]),
)
def test_agrees_with_the_reference(seed, images, steps, dtype, domain):
    rng = np.random.default_rng(seed)
    own, filters = ((4, 5, 2), (3, 3, 3, 2)) if images else ((6,), (4, 6))
    leading = (2, 3) if steps else (3,)
    z = rng.integers(0, 2, (*leading, *own)).astype(np.uint8)
    x = z if domain != "real" else rng.normal(size=z.shape).astype(dtype)
    values = {"binary": z.astype(float), "bipolar": 2.0 * z - 1.0, "real": x.astype(float)}[domain]
    arrays = rng.normal(size=filters), 0.2 + rng.exponential(size=filters), rng.normal(size=(3, *filters))
    bias = rng.normal(size=filters[0]), 0.2 + rng.exponential(size=filters[0]), rng.normal(size=(3, filters[0]))
    cast = [a.astype(dtype) for a in (*arrays, *bias)]
    name = "conv2d" if images else "dense"
    got = getattr(weights, name)(x, *cast, domain=domain)
    want = getattr(reference, name)(values, *(a.astype(float) for a in cast), domain=domain)
    for part, truth in zip(got[:2], want[:2], strict=True):
        close(part, truth, 30.0 * np.abs(values).max() ** 2 * filters[-1], 40)
    # u = 1 - Phi of a sum of tens of terms of order one.
    np.testing.assert_array_less(np.abs(got[2] - want[2]), 2000.0 * np.finfo(dtype).eps)


def test_bad_input_is_refused_in_one_line():
    mu = np.ones((2, 3), np.float32)
    with pytest.raises(InputError, match=r"eps has shape \(1, 2, 3\); expected \(4, 2, 3\)"):
        weights.dense(np.zeros((4, 3), np.uint8), mu, mu, np.ones((1, 2, 3), np.float32), domain="binary")
