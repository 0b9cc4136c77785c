"""The kernels' exp of float64: against mpmath, and to the bits of the C library that it follows."""

import math
import platform

import mpmath
import numpy as np
import pytest
from numba import njit

from refsbnn.kernels import exponential
from refsbnn.kernels.simd import LANES, load, store


@njit
def over(x: np.ndarray, out: np.ndarray) -> None:
    """exp of each sixteen numbers."""
    for i in range(0, len(x), LANES):
        store(out, i, exponential.exponential(load(x, i)))


def exps(x: np.ndarray) -> np.ndarray:
    """exp by the kernel; a multiple of sixteen numbers."""
    out = np.empty_like(x)
    over(x, out)
    return out


def drawn(seed: int, size: int) -> np.ndarray:
    """Numbers of every size that exp knows, both signs, and those of a KL term."""
    rng = np.random.default_rng(seed)
    every = np.exp2(rng.uniform(-70.0, 9.0, size)) * rng.choice([-1.0, 1.0], size)
    return np.concatenate([every, rng.uniform(-20.0, 20.0, size)])


def test_within_0p511_units_in_the_last_place() -> None:
    """The bound is that of Arm's optimized routines, whose constants these are; 0.5 is that of a rounding."""
    x = drawn(0, 1024)
    got = exps(x)
    with mpmath.workdps(40):
        for value, at in zip(got.tolist(), x.tolist(), strict=True):
            exact = mpmath.exp(mpmath.mpf(at))
            assert abs(value - exact) <= 0.511 * mpmath.mpf(2) ** (mpmath.frexp(exact)[1] - 53), at


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64", reason="another C library has other last bits"
)
def test_the_bits_of_glibc() -> None:
    x = drawn(1, 1 << 15)
    np.testing.assert_array_equal(exps(x), [math.exp(at) for at in x.tolist()])


def test_beyond_the_normal_numbers() -> None:
    x = np.array(
        [0.0, -0.0, 800.0, -800.0, 709.7, -740.0, 512.0, -512.0, np.inf, -np.inf, np.nan, 1.0, 2.0, 3.0, 4.0, 5.0]
    )
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_array_max_ulp(exps(x), np.exp(x), 1)
