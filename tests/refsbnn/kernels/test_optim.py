"""Updates compiled and plain: the same bits."""

import numpy as np
import pytest

from refsbnn import optim as plain
from refsbnn.kernels import optim
from tests.refsbnn.kernels.common import around


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("n", around(optim.CHUNK))
def test_the_compiled_update_has_the_bits_of_the_plain_one(n, decay, dtype):
    rng = np.random.default_rng(2)
    w = {"mu": rng.standard_normal((n, 1)).astype(dtype)}
    one, other = plain.Adam(weight_decay=decay), plain.Adam(weight_decay=decay, update=optim.adam_update)
    a, b = w, w
    for _ in range(3):
        g = {"mu": rng.standard_normal((n, 1)).astype(dtype)}
        a, b = one.step(a, g, 0.1, 0.3), other.step(b, g, 0.1, 0.3)
    assert b["mu"].dtype == dtype
    np.testing.assert_array_equal(a["mu"], b["mu"])
    for name, buffer in one.buffers.items():
        np.testing.assert_array_equal(buffer["mu"], other.buffers[name]["mu"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 7, 8, 9, *around(optim.LEAF), *around(plain.BLOCK)])
def test_the_compiled_sum_of_squares_has_the_bits_of_the_plain_one(n, dtype):
    values = np.random.default_rng(n).standard_normal((n, 1)).astype(dtype)
    assert optim.squares(values) == plain.squares(values)
    values[n // 2] = np.inf
    assert optim.squares(values) == plain.squares(values) == np.inf
