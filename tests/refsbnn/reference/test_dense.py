"""Dense layer: forward against its sums written out, backward by finite differences."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.reference import dense
from refsbnn.reference.moments import DOMAINS, VARIANCES
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
options = {"domain": st.sampled_from(DOMAINS), "variance": st.sampled_from(VARIANCES)}
seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 5)
leading = st.lists(st.integers(1, 3), max_size=2).map(tuple)


def layer(rng: np.random.Generator, lead: tuple[int, ...], n_in: int, n_out: int) -> list[np.ndarray]:
    """x between the states, and weights and bias."""
    return [
        rng.uniform(0.1, 0.9, (*lead, n_in)),
        rng.normal(size=(n_out, n_in)),
        rng.uniform(0.1, 2.0, (n_out, n_in)),
        rng.normal(size=n_out),
        rng.uniform(0.1, 2.0, n_out),
    ]


@given(seed=seeds, lead=leading, n_in=sides, n_out=sides)
@settings(deadline=None)
def test_forward_on_spikes_is_the_sum_over_inputs(seed: int, lead: tuple[int, ...], n_in: int, n_out: int) -> None:
    rng = np.random.default_rng(seed)
    x, mu, sigma2, bias_mu, bias_sigma2 = layer(rng, lead, n_in, n_out)
    x = np.round(x)
    for variance, signed in product(VARIANCES, (False, True)):
        spikes, domain = (2 * x - 1, "bipolar") if signed else (x, "binary")
        m, v = dense.forward(spikes, mu, sigma2, bias_mu, bias_sigma2, domain=domain, variance=variance)
        for place in np.ndindex(*lead, n_out):
            row, i = spikes[place[:-1]], place[-1]
            # Sums of n_in + 1 products in any order: each term meets at most n_in + 2 roundings.
            bound = 2 * (n_in + 2) * EPS
            terms = [mu[i, j] * row[j] for j in range(n_in)] + [bias_mu[i]]
            assert abs(m[place] - sum(terms)) <= bound * sum(map(abs, terms))
            terms = [sigma2[i, j] * row[j] ** 2 for j in range(n_in)] + [bias_sigma2[i]]
            assert abs(v[place] - sum(terms)) <= bound * sum(terms)


def test_no_bias_is_a_bias_of_zero() -> None:
    x, mu, sigma2, bias_mu, _ = layer(np.random.default_rng(), (2,), 3, 4)
    zero = np.zeros(4)
    np.testing.assert_array_equal(dense.forward(x, mu, sigma2), dense.forward(x, mu, sigma2, zero, zero))
    np.testing.assert_array_equal(dense.forward(x, mu, sigma2, bias_mu), dense.forward(x, mu, sigma2, bias_mu, zero))


@given(seed=seeds, lead=leading, n_in=sides, n_out=sides, **options)
@settings(deadline=None)
def test_backward(seed: int, lead: tuple[int, ...], n_in: int, n_out: int, domain: str, variance: str) -> None:
    rng = np.random.default_rng(seed)
    arguments = layer(rng, lead, n_in, n_out)
    dm, dv = rng.normal(size=(2, *lead, n_out))
    gradients = dense.backward(dm, dv, *arguments[:3], domain=domain, variance=variance)
    check_gradient(lambda *a: dense.forward(*a, domain=domain, variance=variance), arguments, [dm, dv], gradients, rng)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w, s: dense.forward(x[:, :2], w, s), r"x has shape \(2, 2\); expected \(2, 3\)"),
        (lambda x, w, s: dense.forward(np.float64(1), w, s), r"x has shape \(\); expected \(3\)"),
        (lambda x, w, s: dense.forward(x, w[0], s), r"mu has shape \(3,\); expected \(any, any\)"),
        (lambda x, w, s: dense.forward(x, w, s.T), r"sigma2 has shape \(3, 4\); expected \(4, 3\)"),
        (lambda x, w, s: dense.forward(x, w, -s), "sigma2 holds the negative value -1"),
        (lambda x, w, s: dense.forward(x, w, s, np.zeros(3)), r"bias_mu has shape \(3,\); expected \(4\)"),
        (lambda x, w, s: dense.forward(x, w, s, None, -np.ones(4)), "bias_sigma2 holds the negative value"),
        (lambda x, w, s: dense.forward(x * np.nan, w, s), "x holds NaN or infinity"),
        (lambda x, w, s: dense.forward([["a"]], w, s), "x is not a numeric array"),
        (lambda x, w, s: dense.forward(x, w, s, domain="spikes"), "domain is 'spikes'"),
        (lambda x, w, s: dense.backward(w, w, x, w, s), r"dm has shape \(4, 3\); expected \(2, 4\)"),
        (lambda x, w, s: dense.backward(x @ w.T, x, x, w, s), r"dv has shape \(2, 3\); expected \(2, 4\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    x, w = np.ones((2, 3)), np.ones((4, 3))
    with pytest.raises(InputError, match=message) as caught:
        call(x, w, w)
    assert "\n" not in str(caught.value)
