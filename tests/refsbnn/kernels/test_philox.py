"""Uniforms made in a kernel have the bits of refsbnn.streams."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding
from numba import njit

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


@pytest.mark.skipif(not binding.get_host_cpu_features().get("avx2"), reason="instructions of AVX2 and later")
def test_four_or_eight_blocks_are_made_at_a_time():
    """The products are of vectors; each of their lanes holds a word of one block of four uniforms."""
    compiled = njit(error_model="numpy")(philox.uniforms.py_func)
    compiled(np.uint64(1), 5, 7, 3, 0, np.empty(64, np.float32))
    (text,) = compiled.inspect_asm().values()
    assert re.search(r"vpmuludq\s.*%[yz]mm", text)
