"""kernels.check: what is wrong is seen wherever it stands."""

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.kernels import check


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 16, 1000])
def test_one_bad_entry_anywhere_is_refused(size, dtype):
    value = np.random.default_rng(size).exponential(size=size).astype(dtype)
    assert check.check_float("x", value, (size,), dtype, nonnegative=True) is value
    for at in {0, size // 2, size - 1}:
        for bad, message in ((np.nan, "NaN or infinity"), (-np.inf, "NaN or infinity"), (-1e-30, "value -1e-30")):
            wrong = value.copy()
            wrong[at] = bad
            with pytest.raises(InputError, match=message):
                check.check_float("x", wrong, (size,), dtype, nonnegative=True)


def test_finite_numbers_whose_sum_is_not_are_finite():
    value = np.full(1000, 3e38, np.float32)
    assert check.check_float("x", value) is value
