"""Likelihoods, bias penalty and KL weight: values against mpmath or SciPy's densities, gradients by differences."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from refsbnn.errors import InputError
from refsbnn.objective import bernoulli, bias_penalty, categorical, gaussian, kl_weight
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


@given(seed=seeds, shape=shapes)
@settings(deadline=None)
def test_categorical_gradient(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=shape), rng.integers(shape[-1], size=shape[:-1])
    g = rng.normal(size=shape[:-1])
    loglik, dlogits = categorical(logits, labels)
    assert loglik.shape == shape[:-1]
    check_gradient(lambda a: (categorical(a, labels)[0],), [logits], [g], [g[..., None] * dlogits], rng)
    # A shift of all logits changes nothing: each gradient sums to zero, up to a rounding for each class.
    assert (np.abs(dlogits.sum(axis=-1)) <= 8 * shape[-1] * EPS).all()


@given(seed=seeds, classes=st.integers(2, 5), spread=st.sampled_from([1.0, 30.0, 800.0]))
@settings(deadline=None)
def test_categorical_value_is_log_softmax(seed: int, classes: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    logits, label = spread * rng.normal(size=classes), int(rng.integers(classes))
    with mpmath.workdps(400):
        exps = [mpmath.exp(mpmath.mpf(x)) for x in logits]
        p = [e / sum(exps) for e in exps]
        exact, slope = float(mpmath.log(p[label])), [float((i == label) - q) for i, q in enumerate(p)]
    loglik, dlogits = categorical(logits, np.array(label))
    # Absolute: the shift by the largest logit rounds to eps |logits|, the sum and its log to a few eps.
    bound = 8 * EPS * (1 + np.abs(logits).max())
    assert abs(float(loglik) - exact) <= bound
    assert (np.abs(dlogits - slope) <= bound).all()


@given(seed=seeds, shape=shapes)
@settings(deadline=None)
def test_bernoulli_value_and_gradient(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    logits, targets, g = rng.normal(size=shape), rng.integers(0, 2, shape).astype(float), rng.normal(size=shape[:-1])
    loglik, dlogits = bernoulli(logits, targets)
    p = 1 / (1 + np.exp(-logits))
    expected = stats.bernoulli.logpmf(targets, p).sum(axis=-1)
    # Conditioning of p -> log(1 - p): the rounding of p grows by 1 / (1 - p) = 1 + e^logit, that of log(p) likewise.
    assert (np.abs(loglik - expected) <= 8 * shape[-1] * EPS * (1 + np.exp(np.abs(logits).max()))).all()
    check_gradient(lambda a: (bernoulli(a, targets)[0],), [logits], [g], [g[..., None] * dlogits], rng)


@given(logit=st.floats(-700, 700), target=st.sampled_from([0.0, 0.25, 1.0]))
@settings(deadline=None)
def test_bernoulli_is_accurate_into_the_tails(logit: float, target: float) -> None:
    loglik, dlogits = bernoulli(np.array([logit]), np.array([target]))
    with mpmath.workdps(700):
        l, t = mpmath.mpf(logit), mpmath.mpf(target)
        p = 1 / (1 + mpmath.exp(-l))
        exact = float(t * mpmath.log(p) + (1 - t) * mpmath.log(1 - p))
        slope, terms = float(t - p), float(t * (1 - p) + (1 - t) * p)
    # Terms of one sign; exp and expit of l lose eps |l| relative only where they are that far in their tail.
    assert abs(float(loglik) - exact) <= 8 * EPS * (1 + abs(logit)) * abs(exact)
    # Relative to the sum of its two terms: for data (target 0 or 1) that is the gradient itself.
    assert abs(float(dlogits[0]) - slope) <= 8 * EPS * (1 + abs(logit)) * terms


@given(seed=seeds, shape=shapes)
@settings(deadline=None)
def test_gaussian_gradient_and_its_value_without_posterior_noise(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    m, targets, g = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=shape[:-1])
    v, noise = rng.uniform(0.2, 2.0, shape), rng.uniform(0.2, 2.0)
    _, dm, dv = gaussian(m, v, targets, noise)
    check_gradient(
        lambda a, b: (gaussian(a, b, targets, noise)[0],), [m, v], [g], [g[..., None] * dm, g[..., None] * dv], rng
    )
    sure = gaussian(m, np.zeros(shape), targets, noise)[0]
    each = stats.norm.logpdf(targets, m, np.sqrt(noise))
    assert (np.abs(sure - each.sum(axis=-1)) <= 32 * EPS * (1 + np.abs(each).sum(axis=-1) / noise)).all()


def test_gaussian_is_the_expectation_over_the_readout() -> None:
    m, v, target, noise = 0.3, 1.7, -0.8, 0.6
    got = float(gaussian(np.array([m]), np.array([v]), np.array([target]), noise)[0])
    # The log-likelihood is quadratic in the output, so two Gauss-Hermite nodes integrate it exactly.
    nodes, weights = np.polynomial.hermite_e.hermegauss(2)
    exact = weights @ stats.norm.logpdf(target, m + np.sqrt(v) * nodes, np.sqrt(noise)) / weights.sum()
    assert abs(got - exact) <= 32 * EPS * abs(exact)


@given(seed=seeds, shape=shapes)
@settings(deadline=None)
def test_bias_penalty_value_and_gradients(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    norm2, v, g = rng.uniform(0.1, 3.0, shape[-1:]), rng.uniform(0.3, 2.0, shape), rng.normal()
    B, dnorm2, dv = bias_penalty(norm2, v)
    each = [norm2[place[-1]] / v[place] for place in np.ndindex(shape)]
    assert abs(B - sum(each) / len(each)) <= 4 * len(each) * EPS * B
    check_gradient(
        lambda a, b: (np.array(bias_penalty(a, b)[0]),), [norm2, v], [np.array(g)], [g * dnorm2, g * dv], rng
    )


def test_bias_penalty_of_a_unit_without_variance_is_zero() -> None:
    B, dnorm2, dv = bias_penalty(np.array([2.0, 3.0]), np.array([[0.0, 1.5]]))
    assert B == 1.0
    np.testing.assert_array_equal(dnorm2, [0.0, 1 / 3])
    np.testing.assert_array_equal(dv, [[0.0, -(3.0 / 1.5) / 1.5 / 2]])


@given(examples=st.integers(1, 10**6), warmup=st.integers(0, 100), step=st.integers(0, 200))
def test_kl_weight_rises_to_one_over_n_and_says_when_it_is_not(examples: int, warmup: int, step: int) -> None:
    weight = kl_weight(step, examples, warmup=warmup)
    if step >= warmup:
        assert weight == (1 / examples, False)
    else:
        assert weight.tempered
        assert weight.value == pytest.approx(step / warmup / examples, rel=4 * EPS)
    cold = kl_weight(step, examples, warmup=warmup, temperature=0.5)
    assert cold == (weight.value / 2, True)
    assert kl_weight(step + 1, examples, warmup=warmup).value >= weight.value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: categorical(np.zeros((2, 3)), np.array([0, 3])), "labels run from 0 to 3; expected 0 to 2"),
        (lambda: categorical(np.zeros((2, 3)), np.array([-1, 0])), "labels run from -1 to 0; expected 0 to 2"),
        (
            lambda: categorical(np.zeros((2, 3)), np.array([0.0, 1.0])),
            r"labels are float64 .* expected integers \(2,\)",
        ),
        (lambda: categorical(np.zeros((2, 3)), np.array([0])), r"labels are int64 of shape \(1,\)"),
        (lambda: categorical(np.array([[np.inf]]), np.array([0])), "logits holds NaN or infinity"),
        (lambda: categorical(np.array(1.0), np.array(0)), r"logits has shape \(\); expected \(any\)"),
        (lambda: bernoulli(np.array(1.0), np.array(0)), r"logits has shape \(\)"),
        (lambda: gaussian(np.zeros(2), np.ones(2), np.zeros(2), np.ones(2)), r"noise_variance has shape \(2,\)"),
        (lambda: bernoulli(np.zeros(2), np.array([0.0, 2.0])), r"targets run from 0 to 2; expected \[0, 1\]"),
        (lambda: bernoulli(np.zeros(2), np.zeros(3)), "targets has shape"),
        (lambda: gaussian(np.zeros(2), np.array([0.0, -1.0]), np.zeros(2), 1.0), "v holds the negative value -1"),
        (lambda: gaussian(np.zeros(2), np.ones(2), np.zeros(2), 0.0), "noise_variance holds 0"),
        (lambda: bias_penalty(np.ones(3), np.ones((2, 4))), r"v has shape \(2, 4\); expected \(2, 3\)"),
        (lambda: bias_penalty(np.array([-1.0]), np.ones((2, 1))), "norm2 holds the negative value"),
        (lambda: kl_weight(0, 0), "examples is 0"),
        (lambda: kl_weight(-1, 10), "step is -1; expected a finite number >= 0"),
        (lambda: kl_weight(1, 10, temperature=np.nan), "temperature is nan; expected"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
