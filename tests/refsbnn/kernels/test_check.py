"""kernels.check: what is wrong is seen wherever it stands, in every block and in what is left after the last."""

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.kernels import check, simd
from tests.refsbnn.kernels.common import around


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, *around(simd.LANES), *around(check.CHUNK)])
def test_one_bad_entry_anywhere_is_refused(size, dtype):
    value = np.random.default_rng(size).exponential(size=size).astype(dtype)
    assert check.check_float("x", value, (size,), dtype, nonnegative=True) is value
    edges = {*around(simd.LANES), *around(check.CHUNK)}
    for at in {0, size - 1} | {n + shift for n in edges for shift in (-1, 0) if n + shift < size}:
        for bad, message in ((np.nan, "NaN or infinity"), (-np.inf, "NaN or infinity"), (-1e-30, "value -1e-30")):
            wrong = value.copy()
            wrong[at] = bad
            with pytest.raises(InputError, match=message):
                check.check_float("x", wrong, (size,), dtype, nonnegative=True)


def test_finite_numbers_whose_sum_is_not_are_finite():
    assert check.is_finite(np.full(2 * check.CHUNK + 3, 3e38, np.float32))
