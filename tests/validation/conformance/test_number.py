"""The decimals: functions against mpmath, and scales against what rounding really does."""

import decimal
from decimal import Decimal

import mpmath
import numpy as np
import pytest

from validation.conformance import special
from validation.conformance.number import CONTEXT, Real, array, contract, exp, lift, log, scales, sqrt, total, values

DIGITS = Decimal(10) ** -25  # far below half an ulp of float64, 1e-16


@pytest.fixture(autouse=True)
def context():
    with decimal.localcontext(CONTEXT):
        yield


def relative(ours: Decimal, theirs: mpmath.mpf) -> float:
    return float(abs(mpmath.mpf(str(ours)) / theirs - 1))


@pytest.mark.parametrize("r", ["-40", "-12", "-7.1", "-6.9", "-1.5", "0.03125", "0.25", "3", "8"])
def test_noises_are_those_of_mpmath(r: str) -> None:
    x = Decimal(r)
    with mpmath.workdps(50):
        m = mpmath.mpf(r)
        assert relative(special.normal_cdf(x), mpmath.ncdf(m)) < 1e-25
        assert relative(special.normal_pdf(x), mpmath.npdf(m)) < 1e-25
        assert relative(special.logistic_cdf(x), 1 / (1 + mpmath.exp(-m))) < 1e-25


@pytest.mark.parametrize("u", [2.0**-25, 0.001, 0.4, 0.5 + 2.0**-24, 1.0 - 2.0**-24])
def test_the_normal_quantile_inverts_the_cdf(u: float) -> None:
    assert abs(special.normal_cdf(special.normal_ppf(Decimal(u))) - Decimal(u)) < DIGITS * Decimal(u)


@pytest.mark.parametrize("tau", ["1", "0.5"])
@pytest.mark.parametrize("r", ["-3", "-0.0005", "0", "0.5", "2"])
def test_the_relaxations_integral_is_that_of_mpmath(tau: str, r: str) -> None:
    with mpmath.workdps(40):
        t, m = mpmath.mpf(tau), mpmath.mpf(r)

        def density(a: mpmath.mpf) -> mpmath.mpf:
            return mpmath.exp(-abs(a)) / (1 + mpmath.exp(-abs(a))) ** 2

        exact = mpmath.quad(lambda a: density(a / t) / t * density(a - m), [0, 1, 2, 4, 8, 16, 40, 100])
        assert relative(special.logistic_integral(Decimal(tau), Decimal(r)), exact) < 1e-20


def test_the_scale_bounds_what_rounding_does() -> None:
    """A chain of operations in float32 stays within half an eps of the scale for each: the half is the rounding's."""
    rng = np.random.default_rng(20261124)
    eps = np.finfo(np.float32).eps
    a = rng.integers(1, 64, (200, 3)) / np.float32(32)

    def chain(x, y, z, root, power, logarithm):
        return power(x * y - z) / root(x + z) + logarithm(y) * x

    exact = [chain(*array(row), sqrt, exp, log) for row in a]
    rough = [chain(*row.astype(np.float32), np.sqrt, np.exp, np.log) for row in a]
    error = np.array([abs(float(r) - float(x.value)) for r, x in zip(rough, exact, strict=True)])
    scale = np.array([x.scale for x in exact])
    # Correctly rounded operations err by eps/2; NumPy's exp and log by up to 4 ulp more, so 4 eps bound them all.
    assert (error <= 4.0 * eps * scale).all()
    assert (error > 0.01 * eps * scale).any()  # and the scale is not far too large


def test_sums_count_their_terms_absolute_values() -> None:
    x = array([1.0, -1.0, 0.5])
    assert total(x)[()].scale == 2.5
    assert values(total(x)) == 0.5
    product = contract(array([[2.0, 3.0]]), array([[1.0, 1.0], [1.0, -1.0]]))
    assert values(product).tolist() == [[5.0, -1.0]]
    assert scales(product).tolist() == [[10.0, 10.0]]  # each product rounds once, each sum once


def test_a_real_times_a_number_is_exact() -> None:
    assert (lift(3) * Decimal("0.1")).value == Decimal("0.3")
    assert isinstance(1 - lift(2), Real)
    assert (1 / lift(4)).value == Decimal("0.25")
