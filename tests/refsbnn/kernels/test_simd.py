"""Tiles for few registers and for many: the same sums."""

import numpy as np
import pytest
from numba import njit

from refsbnn.kernels import simd
from refsbnn.kernels.simd import Factor, Rows, address


@njit(error_model="numpy")
def few(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """c += a @ b, in tiles for few registers."""
    rows, depth = a.shape
    columns = b.shape[1]
    left, right, into = Factor(address(a), 0, depth, 1), Rows(address(b), 0, columns), Rows(address(c), 0, columns)
    simd._matmul_add_few(left, right, into, rows, columns, depth)


@pytest.mark.parametrize("columns", [16, 32, 48])
@pytest.mark.parametrize("rows", range(1, 14))
def test_tiles_for_few_registers_have_the_sums_of_their_terms(rows: int, columns: int) -> None:
    """Whole numbers, whose sums float32 holds exactly, in whatever order; the result is added to what was there."""
    rng = np.random.default_rng(rows)
    a, b, c = (rng.integers(-9, 10, shape).astype(np.float32) for shape in ((rows, 7), (7, columns), (rows, columns)))
    expected = c + a @ b
    few(a, b, c)
    np.testing.assert_array_equal(c, expected)
