"""kernels.pool against reference.pool: exact for spikes, to rounding for floats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.kernels import pool
from refsbnn.reference import pool as reference
from tests.refsbnn.kernels.common import DTYPES, SEEDS, SETTINGS, close


@SETTINGS
@given(
    seed=SEEDS,
    shape=st.sampled_from([(1, 2, 2, 1), (3, 5, 6, 4), (2, 3, 7, 5, 17), (4, 4, 2)]),
    size=st.sampled_from([1, 2]),
    stride=st.sampled_from([None, 1, 3]),
    dtype=DTYPES,
    spikes=st.booleans(),
)
def test_agrees_with_the_reference(seed, shape, size, stride, dtype, spikes):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, shape).astype(np.uint8) if spikes else rng.normal(size=shape).astype(dtype)
    values = x.astype(float)
    y = pool.average_forward(x, size, stride)
    close(y, reference.average_forward(values, size, stride), 4.0, size**2)
    g = rng.normal(size=y.shape).astype(y.dtype)
    want = reference.average_backward(g.astype(float), shape, size, stride)
    close(pool.average_backward(g, shape, size, stride), want, 4.0, size**2)
    y, index = pool.max_forward(x, size, stride)
    want, places = reference.max_forward(values, size, stride)
    assert y.dtype == x.dtype
    assert (y == want).all()
    assert (index == places).all()
    g = rng.normal(size=y.shape).astype(dtype)
    want = reference.max_backward(g.astype(float), places, shape, size, stride)
    close(pool.max_backward(g, index, shape, size, stride), want, 4.0, size**2)


@pytest.mark.parametrize(
    ("x", "size", "message"),
    [
        (np.zeros((1, 2, 2, 1), np.uint8), 3, "a pooling window of 3 x 3"),
        (np.full((1, 2, 2, 1), 2, np.uint8), 2, "x holds 2; spikes are 0 or 1"),
        (np.full((1, 2, 2, 1), np.nan, np.float32), 2, "x holds NaN or infinity"),
        (np.zeros((1, 2, 2, 1), np.int32), 2, "x has type int32; accepted: float32, float64"),
    ],
)
def test_bad_input_is_refused_in_one_line(x, size, message):
    with pytest.raises(InputError, match=message):
        pool.max_forward(x, size)
