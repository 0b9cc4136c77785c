"""Posterior: variance parameter, KL against mpmath and finite differences, zero-mean filters."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import oracle
from refsbnn.errors import InputError
from refsbnn.posterior import fitted_prior, kl, kl_of, rho_of, sigma2_of, zero_mean, zero_mean_backward
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)


def exact_kl(mu: float, sigma2: float, prior: float) -> mpmath.mpf:
    """The formula of theory 4.2 for one weight, in 250 digits (mu^2 / prior may be 1e-200 beside the other terms)."""
    with mpmath.workdps(250):
        m, s, p = mpmath.mpf(mu), mpmath.mpf(sigma2), mpmath.mpf(prior)
        return ((m * m + s) / p - 1 - mpmath.log(s / p)) / 2


def test_variance_parameter_and_its_inverse() -> None:
    rho = np.linspace(-40.0, 20.0, 61)
    np.testing.assert_array_equal(sigma2_of(rho), np.exp(rho))
    # log of a rounded exp: absolute error eps from the argument's rounding, eps |rho| from the result's.
    np.testing.assert_array_less(np.abs(rho_of(sigma2_of(rho)) - rho), 4 * EPS * (1 + np.abs(rho)))
    assert rho_of(0.25) == np.log(0.25)


@given(
    mu=st.one_of(st.floats(-10, 10).filter(lambda x: abs(x) > 1e-98), st.just(0.0)),  # mu^2 must not underflow
    prior=st.floats(1e-3, 1e3),
    ratio=st.one_of(
        st.floats(-100, 10).map(lambda e: 10.0**e),
        st.floats(-60, 0).map(lambda e: 1 + 2.0**e),
        st.floats(-60, -1).map(lambda e: 1 - 2.0**e),
    ),
)
@settings(deadline=None)
def test_kl_of_one_weight_is_exact_near_the_prior_and_far(mu: float, prior: float, ratio: float) -> None:
    sigma2 = prior * ratio
    got = kl(np.array([mu]), np.array([sigma2]), prior)
    exact = float(exact_kl(mu, sigma2, prior))
    # Terms of one sign; a dozen roundings each, grown by the worst cancellation left (x = 3/2: 0.5 - 0.405).
    assert abs(got.value - exact) <= 64 * EPS * exact
    # (1/prior - 1/sigma2)/2 from the exact difference: four roundings.
    with mpmath.workdps(60):
        slope = float((1 / mpmath.mpf(prior) - 1 / mpmath.mpf(sigma2)) / 2)
    assert abs(got.sigma2[0] - slope) <= 8 * EPS * abs(slope)
    assert abs(got.mu[0] - mu / prior) <= EPS * abs(mu / prior)


def test_the_fitted_prior_has_the_least_kl_and_its_gradients_need_no_more() -> None:
    """Theory 4.18 against the oracle's KL: least over the prior's variance, and differences of that least value."""
    rng = np.random.default_rng(7)
    mu, rho = 0.3 * rng.normal(size=(3, 4)), rng.normal(-2.0, 1.0, (3, 4))

    def least(t: float, dmu: np.ndarray, drho: np.ndarray) -> float:
        net = oracle.Layered([(mu + t * dmu, np.exp(rho + t * drho))], (np.ones((1, 3)), np.ones((1, 3))))
        found = optimize.minimize_scalar(
            lambda log: oracle.kl(net, np.exp(log), times={"readout": 0})[0],
            bounds=(-9.0, 9.0),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return float(found.fun)

    prior = fitted_prior(mu, rho)
    value, dmu, drho = kl_of(mu, rho, prior)
    assert value == pytest.approx(least(0.0, mu, rho), rel=1e-13)
    assert value == pytest.approx(0.5 * float((np.log(prior) - rho).sum()), rel=1e-13)
    ways = rng.normal(size=mu.shape), rng.normal(size=mu.shape)
    one, half = ((least(t, *ways) - least(-t, *ways)) / (2 * t) for t in (1e-3, 5e-4))
    # What is left of the two central differences is of order 1e-12, times fifth derivatives of some hundreds.
    assert abs(float((dmu * ways[0] + drho * ways[1]).sum()) - (4.0 * half - one) / 3.0) < 1e-8


@given(seed=seeds, shape=st.lists(st.integers(1, 4), max_size=3).map(tuple))
@settings(deadline=None)
def test_kl_is_nonnegative_sums_and_has_its_gradients(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    mu, sigma2, prior = rng.normal(size=shape), rng.uniform(0.2, 3.0, shape), rng.uniform(0.2, 3.0, shape[-1:])
    got = kl(mu, sigma2, prior)
    each = [exact_kl(*entry) for entry in np.broadcast(mu, sigma2, prior)]
    assert got.value > 0
    assert abs(got.value - float(sum(each))) <= (64 + mu.size) * EPS * got.value
    cotangent = rng.normal()
    check_gradient(
        lambda a, b: (np.array(kl(a, b, prior).value),),
        [mu, sigma2],
        [np.array(cotangent)],
        [cotangent * got.mu, cotangent * got.sigma2],
        rng,
    )


@given(prior=st.floats(1e-30, 1e30))
@settings(deadline=None)
def test_kl_is_zero_at_the_prior_alone(prior: float) -> None:
    at = kl(np.zeros(2), np.full(2, prior), prior)
    assert at.value == 0.0
    assert not at.mu.any()
    assert not at.sigma2.any()
    assert kl(np.zeros(1), np.array([np.nextafter(prior, np.inf)]), prior).value > 0
    assert kl(np.zeros(1), np.array([np.nextafter(prior, 0)]), prior).value > 0
    assert kl(np.array([1e-3 * np.sqrt(prior)]), np.array([prior]), prior).value > 0


@given(seed=seeds, shape=st.one_of(st.tuples(*[st.integers(1, 5)] * 2), st.tuples(*[st.integers(1, 3)] * 4)))
@settings(deadline=None)
def test_zero_mean_projects_each_filter_and_its_backward_is_the_adjoint(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    mu, dmu = rng.normal(size=shape), rng.normal(size=shape)
    filters = zero_mean(mu)
    fan_in = mu[0].size
    # A filter's sum: one rounding of the mean times fan-in, and the sum's own.
    size = np.abs(mu).reshape(len(mu), -1).sum(axis=1)
    assert (np.abs(filters.reshape(len(mu), -1).sum(axis=1)) <= 4 * fan_in * EPS * size).all()
    # What is removed is the same number everywhere in the filter.
    removed = (mu - filters).reshape(len(mu), -1)
    assert (np.ptp(removed, axis=1) <= 8 * EPS * (np.abs(mu).max() + np.abs(removed).max())).all()
    check_gradient(lambda w: (zero_mean(w),), [mu], [dmu], [zero_mean_backward(dmu)], rng)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rho_of(np.array([1.0, 0.0])), "sigma2 holds 0; expected numbers > 0"),
        (lambda: kl(np.zeros(2), np.array([1.0, -1.0]), 1.0), "sigma2 holds -1; expected numbers > 0"),
        (lambda: kl(np.zeros(2), np.ones(2), 0.0), "prior_sigma2 holds 0"),
        (lambda: kl(np.zeros(2), np.ones(3), 1.0), r"sigma2 has shape \(3,\); expected \(2\)"),
        (lambda: kl(np.array([np.nan]), np.ones(1), 1.0), "mu holds NaN"),
        (lambda: kl(np.zeros(2), np.ones(2), np.ones(3)), r"prior_sigma2 has shape \(3,\)"),
        (lambda: kl(np.zeros(2), np.ones(2), np.ones((2, 1))), r"prior_sigma2 has shape \(2, 1\)"),
        (lambda: zero_mean(np.zeros(3)), r"mu has shape \(3,\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
