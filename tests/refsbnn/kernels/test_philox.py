"""Uniforms made in a kernel have the bits of refsbnn.streams."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.kernels import philox
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.kernels.common import SETTINGS


@SETTINGS
@given(
    seed=st.integers(0, 2**64 - 1),
    purpose=st.sampled_from(Purpose),
    step=st.integers(0, 2**32 - 1),
    sample=st.integers(0, 2**32 - 1),
    layer=st.integers(0, 2**12 - 1),
    time=st.integers(0, 2**16 - 1),
    first=st.integers(0, 50),
)
def test_same_bits(seed, purpose, step, sample, layer, time, first):
    u = np.empty(64, np.float32)
    word = time + (layer << 16) + (int(purpose) << 28)
    philox.uniforms(np.uint64(seed), np.int64(sample), word, step, first, u)
    drawn = Streams(seed).uniforms(purpose, step=step, samples=[sample], layer=layer, time=time, units=4 * first + 64)
    assert (u == drawn[0, 4 * first :]).all()
