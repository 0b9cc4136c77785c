"""Sums in integers against Python's own, which have no limit; in NumPy and in Numba."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from refsbnn import fixed_point as plain
from refsbnn import optim
from refsbnn.kernels import fixed_point
from tests.refsbnn.kernels.common import around

BOTH = pytest.mark.parametrize("arithmetic", [plain, fixed_point], ids=["numpy", "numba"])


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exponent", [-1060, -960, -130, -20, 3, 100, 1000])
def test_numbers_are_added_as_the_nearest_integers(arithmetic: Any, dtype: type, exponent: int) -> None:
    """59 bits below the exponent; shifts on both sides of +-1000, where a power of two is no number any more."""
    if dtype is np.float32 and not -140 < exponent < 120:
        pytest.skip("no float32 is as large, or as small")
    g = np.ldexp(np.random.default_rng(0).uniform(-1.0, 1.0, 9), exponent).astype(dtype)
    total, shift = np.arange(9), 59 - exponent
    arithmetic.add(total, g, shift)
    assert total.tolist() == [i + round(Fraction(float(each)) * Fraction(2) ** shift) for i, each in enumerate(g)]


@BOTH
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [*around(fixed_point.NORMAL)[:3], 176])
def test_float32_where_its_own_powers_of_two_end(arithmetic: Any, sign: int, shift: int) -> None:
    """Subnormal numbers and products among them: their integers are 0."""
    rng, shift = np.random.default_rng(2), sign * shift
    with np.errstate(under="ignore"):
        g = np.ldexp(rng.uniform(-1.0, 1.0, 300), rng.integers(-149, min(127, 50 - shift), 300)).astype(np.float32)
    total = np.arange(300)
    arithmetic.add(total, g, shift)
    assert total.tolist() == [i + round(Fraction(float(each)) * Fraction(2) ** shift) for i, each in enumerate(g)]


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [-1030, -62, -10, 0, 40])
def test_integers_are_read_as_the_nearest_numbers(arithmetic: Any, dtype: type, shift: int) -> None:
    q = np.random.default_rng(1).integers(-(2**62), 2**62, 11)
    q[0] = 2**62
    with np.errstate(under="ignore", over="ignore"):
        known = np.ldexp(q.astype(np.float64), shift).astype(dtype)
        found, largest = arithmetic.read(q, shift, np.dtype(dtype))
    assert largest == 2**62
    assert found.dtype == dtype
    assert (found == known).all()


@BOTH
@pytest.mark.parametrize("size", [0, 1, *around(optim.BLOCK)])
def test_every_number_of_every_block_counts_once(arithmetic: Any, size: int) -> None:
    """The first summand takes the place of what was there."""
    g = np.arange(size) - 7.0
    total = np.full(size, 2**62)
    for first in (True, False):
        arithmetic.add(total, g.astype(np.float32), 3, first=first)
    assert (total == 16 * g.astype(np.int64)).all()
    values, largest = arithmetic.read(total, -4, np.dtype(np.float64))
    assert (values == g).all()
    assert largest == np.abs(total).max(initial=0)


@BOTH
@pytest.mark.parametrize("sign", [1, -1])
def test_reading_finds_the_largest_wherever_it_is(arithmetic: Any, sign: int) -> None:
    for size in (1, *around(optim.BLOCK)):
        for place in (0, size // 2, size - 1):
            q = np.random.default_rng(size).integers(-1000, 1000, size)
            q[place] = sign * 3000
            assert arithmetic.read(q, 0, np.dtype(np.float32))[1] == 3000
    assert arithmetic.read(np.array([5, -(2**63)]), 0, np.dtype(np.float64))[1] == 2**63


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, *around(optim.BLOCK)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_magnitude_is_found_wherever_it_is(arithmetic: Any, dtype: type, size: int, sign: int) -> None:
    """Alone, and while numbers are added."""
    values = np.random.default_rng(size).integers(-1000, 1000, size).astype(dtype)
    for place in (0, size // 2, size - 1):
        other = values.copy()
        other[place] = sign * 3000
        assert arithmetic.largest(other) == 3000
        for limit in (10.0, 4000.0):
            assert arithmetic.add(np.zeros(size, np.int64), other, 0, limit) == 3000


@BOTH
def test_the_largest_of_none_and_of_extremes(arithmetic: Any) -> None:
    """Of -0.0 too, and of subnormals."""
    for dtype in (np.float32, np.float64):
        assert arithmetic.largest(np.zeros(0, dtype)) == 0.0
        assert arithmetic.largest(np.array([-0.0], dtype)) == 0.0
        least = np.nextafter(dtype(0), dtype(-1))
        assert arithmetic.largest(np.array([0.0, least], dtype)) == -float(least)
        for odd in (np.nan, -np.nan, np.inf, -np.inf):
            assert not np.isfinite(arithmetic.largest(np.array([1.0, odd, -2.0], dtype)))


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", [0, 37, -1])
def test_a_limit_that_is_reached_is_told(arithmetic: Any, dtype: type, place: int) -> None:
    """In any block, without an overflow; what is below every limit is added."""
    for odd, limit in ((4.0, 4.0), (2.0**100, 4.0), (np.inf, np.inf), (np.nan, np.inf), (-np.inf, 4.0), (np.nan, 4.0)):
        g = np.full(75, -0.5, dtype)
        g[place] = odd
        with np.errstate(all="raise"):
            found = arithmetic.add(np.zeros(g.size, np.int64), g, 60, limit)
        assert found == abs(odd) or (np.isnan(odd) and np.isnan(found))
    total = np.full(3, 7)
    assert arithmetic.add(total, np.array([1.0, -0.5, -4.0], dtype), 3, np.nextafter(4.0, 5.0), True) == 4.0
    assert total.tolist() == [8, -4, -32]
    assert arithmetic.add(total, np.zeros(3, dtype), 2000, 0.0) == 0.0
