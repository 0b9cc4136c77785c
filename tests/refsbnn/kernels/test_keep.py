"""What a tape keeps of spikes: all of them, on both sides of every whole byte."""

import numpy as np
import pytest

from refsbnn.kernels import keep
from tests.refsbnn.kernels.common import around


@pytest.mark.parametrize("units", [0, 1, *around(8)])
def test_bits_are_the_bytes_again(units):
    spikes = np.random.default_rng(units).integers(0, 2, (3, units)).astype(np.uint8)
    kept = keep(spikes)
    assert kept.bits.nbytes == -(-3 * units // 8)
    np.testing.assert_array_equal(np.asarray(kept), spikes)
    np.testing.assert_array_equal(np.asarray(kept, np.float32), spikes.astype(np.float32))


def test_other_values_are_kept_as_they_are():
    values = np.array([0.5, 1.0])
    assert keep(values) is values
