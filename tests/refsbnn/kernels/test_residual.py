"""kernels.residual against reference.residual; whole blocks are in the twin's tests and in test_backends.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.kernels import residual
from refsbnn.reference import residual as reference
from tests.refsbnn.kernels.common import DTYPES, SEEDS, SETTINGS, around, close, size


@SETTINGS
@given(
    seed=SEEDS,
    shape=st.sampled_from([(5, 9), (3, 4, 5, 6), (2, 0), *((n,) for n in around(residual.CHUNK))]),
    dtype=DTYPES,
    scale=st.sampled_from([1.0, 0.4, -0.7]),
    accumulate=st.booleans(),
)
def test_the_stream_agrees_with_the_reference(seed, shape, dtype, scale, accumulate):
    rng = np.random.default_rng(seed)
    H, m, dH, dU = (rng.normal(size=shape).astype(dtype) for _ in range(4))
    U, v = (rng.exponential(size=shape).astype(dtype) for _ in range(2))
    options = {"scale": scale, "accumulate": accumulate}
    wide = [part.astype(float) for part in (H, U, m, v, dH, dU)]
    largest = size(*wide)
    got = (*residual.add_forward(H, U, m, v, **options), *residual.add_backward(dH, dU, **options))
    want = (*reference.add_forward(*wide[:4], **options), *reference.add_backward(*wide[4:], **options))
    for part, truth in zip(got, want, strict=True):
        assert part.dtype == dtype
        close(part, truth, 2.0 * largest, 4.0)  # the scale, its square, a product and a sum


def test_bad_input_is_refused_in_one_line():
    stream = np.ones((2, 3), np.float32)
    with pytest.raises(InputError, match=r"m has shape \(3, 2\); expected \(2, 3\)"):
        residual.add_forward(stream, stream, np.ones((3, 2), np.float32), stream)
