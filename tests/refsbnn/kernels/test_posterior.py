"""kernels.posterior against refsbnn.posterior."""

import math
import platform

import numpy as np
import pytest

from refsbnn import posterior as reference
from refsbnn.errors import InputError
from refsbnn.kernels import posterior
from tests.refsbnn.kernels.common import around, close


@pytest.mark.parametrize("size", [1, *around(posterior.SHARDS), 300])
@pytest.mark.parametrize("prior", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_reference(size, prior, dtype):
    rng = np.random.default_rng(size)
    mu = rng.normal(size=size).astype(dtype)
    rho = (np.log(prior) + rng.normal(size=size) * rng.choice([0.0, 1e-3, 3.0], size)).astype(dtype)
    dmu, drho = np.zeros_like(mu), np.zeros_like(rho)
    value = posterior.add_kl(dmu, drho, mu, rho, prior)
    want = reference.kl_of(mu.astype(float), rho.astype(float), prior)
    # In float64 throughout: each weight is off by a rounding of 1 + ratio, however small its divergence.
    assert abs(value - want[0]) <= 4.0 * np.finfo(float).eps * (
        size + np.exp(rho.astype(float)).sum() / prior + want[0]
    )
    close(dmu, want[1], np.abs(want[1]), 2)
    close(drho, want[2], np.abs(want[2]) + 1.0, 2)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64", reason="another C library has other last bits"
)
@pytest.mark.parametrize("size", [7, 1000])
def test_the_bits_of_one_weight_after_the_other(size):
    """Sums by shards, in order, of float64 terms; gradients rounded to float32 before each product and the sum."""
    rng = np.random.default_rng(size)
    mu, rho = rng.normal(size=size).astype(np.float32), rng.normal(-3.0, 1.0, size).astype(np.float32)
    prior, weight, count = 0.07, 1.0 / 7.0, 3  # no power of two, so that the order of the products shows
    before = rng.normal(0.0, 1e-3, (2, size)).astype(np.float32)
    m, e = mu.astype(float), rho.astype(float) - math.log(prior)
    ratio = np.array([math.exp(each) for each in e.tolist()])
    terms = m * m / prior + (ratio - 1.0 - e)
    parts = []
    for shard in range(posterior.SHARDS):
        total = 0.0
        for term in terms[shard * size // posterior.SHARDS : (shard + 1) * size // posterior.SHARDS].tolist():
            total += term
        parts.append(0.5 * total)
    gradients = before.copy()
    value = posterior.add_kl(*gradients, mu, rho, prior, weight=weight, count=count)
    assert value == count * float(np.array(parts).sum())
    for found, old, own in zip(gradients, before, (m / prior, 0.5 * (ratio - 1.0)), strict=True):
        scaled = own.astype(np.float32) * np.float32(count) * np.float32(weight)
        np.testing.assert_array_equal(found, old + scaled)


@pytest.mark.parametrize("module", [reference, posterior], ids=["reference", "kernels"])
def test_gradients_that_cannot_be_added_to_are_refused(module):
    """Nothing is written before the check: the kernel goes by address."""
    own = np.ones(4, np.float32)
    before = np.zeros(4, np.float32)
    for dmu, drho, options, told in (
        (before[:2], before, {}, r"dmu has shape \(2,\); expected \(4\)"),
        (before, before[:, None], {}, r"drho has shape \(4, 1\); expected \(4\)"),
        (before, before, {"weight": math.nan}, "weight is nan; expected a finite number"),
        (before, before, {"count": 0}, "count is 0; expected an integer >= 1"),
    ):
        with pytest.raises(InputError, match=f"^{told}$"):
            module.add_kl(dmu, drho, own, own, 1.0, **options)
    assert not before.any()


def test_the_kernel_refuses_gradients_that_it_would_copy():
    """A strided array, or one of another type, would take the sum in a copy and lose it."""
    own, before = np.ones(4, np.float32), np.zeros((4, 2), np.float32)
    form = r"is a ndarray of type float32 that is not contiguous; expected a contiguous array of float32"
    with pytest.raises(InputError, match=f"^dmu {form}$"):
        posterior.add_kl(before[:, 0], own.copy(), own, own, 1.0)
    with pytest.raises(InputError, match=r"^drho is a ndarray of type float64; expected a contiguous array of float32"):
        posterior.add_kl(own.copy(), np.zeros(4), own, own, 1.0)
    nan = np.full(4, np.nan, np.float32)
    posterior.add_kl(nan, own.copy(), own, own, 1.0)  # which gradient is not finite is clipping's to tell
