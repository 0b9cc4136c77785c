"""Weight sampling: the spikes of the equivalent uniforms are those of the sampled weights, written out."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from refsbnn.errors import InputError
from refsbnn.reference import conv2d, dense, unit, weights

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)
domains = st.sampled_from(["binary", "bipolar", "real"])


def values(rng: np.random.Generator, shape: tuple[int, ...], domain: str) -> np.ndarray:
    """Spikes, or real values."""
    spikes = rng.integers(0, 2, shape).astype(float)
    return {"binary": spikes, "bipolar": 2 * spikes - 1, "real": rng.normal(size=shape)}[domain]


def drawn(rng: np.random.Generator, shape: tuple[int, ...], batch: int) -> list[np.ndarray]:
    """mu, sigma2, eps of the weights, bias_mu, bias_sigma2, bias_eps."""
    return [
        rng.normal(size=shape), rng.uniform(0.1, 2.0, shape), rng.normal(size=(batch, *shape)),
        rng.normal(size=shape[0]), rng.uniform(0.1, 2.0, shape[0]), rng.normal(size=(batch, shape[0])),
    ]  # fmt: skip


def agree(m: np.ndarray, v: np.ndarray, u: np.ndarray, a: np.ndarray, size: float) -> None:
    """The uniforms are the sampled pre-activations' upper tail, and the unit fires where those are positive."""
    # a - m cancels: its error is eps on the sums' absolute terms, over s; the density turns it into one of u.
    slack = 100 * EPS * (1 + size / np.sqrt(np.where(v > 0, v, 1)))
    noisy = v > 0
    e = np.where(noisy, (a - m) / np.sqrt(np.where(noisy, v, 1)), 0)
    assert (np.abs(u - special.ndtr(-e)) <= slack).all()
    z = unit.forward(m, v, u, noise="gaussian", member="st")
    sure = np.abs(u - special.ndtr(m / np.sqrt(np.where(noisy, v, 1)))) > slack + 1e-12  # cdfs are good to 1e-13
    np.testing.assert_array_equal(z[sure & noisy], (a > 0)[sure & noisy])


@given(seed=seeds, lead=st.sampled_from([(), (2,)]), batch=st.integers(1, 3), domain=domains, bias=st.booleans())
@settings(deadline=None)
def test_dense(seed: int, lead: tuple[int, ...], batch: int, domain: str, bias: bool) -> None:
    rng = np.random.default_rng(seed)
    x = values(rng, (*lead, batch, 4), domain)
    mu, sigma2, eps, bias_mu, bias_sigma2, bias_eps = drawn(rng, (3, 4), batch)
    biases = (bias_mu, bias_sigma2, bias_eps) if bias else (None, None, None)
    m, v, u = weights.dense(x, mu, sigma2, eps, *biases, domain=domain)
    np.testing.assert_array_equal((m, v), dense.forward(x, mu, sigma2, *biases[:2], domain=domain))
    a = np.zeros_like(m)
    for place in np.ndindex(*lead, batch):
        W = mu + np.sqrt(sigma2) * eps[place[-1]]
        a[place] = W @ x[place] + (bias_mu + np.sqrt(bias_sigma2) * bias_eps[place[-1]] if bias else 0)
    agree(m, v, u, a, size=10 * 4 * 10)  # five terms, none above 40 (normal draws: beyond 1e-9 rare)


@given(seed=seeds, lead=st.sampled_from([(), (2,)]), domain=domains, bias=st.booleans(), stride=st.integers(1, 2))
@settings(deadline=None)
def test_convolution(seed: int, lead: tuple[int, ...], domain: str, bias: bool, stride: int) -> None:
    rng = np.random.default_rng(seed)
    batch, geometry = 3, {"stride": stride, "padding": 1}
    x = values(rng, (*lead, batch, 3, 4, 2), domain)
    mu, sigma2, eps, bias_mu, bias_sigma2, bias_eps = drawn(rng, (5, 2, 3, 2), batch)
    biases = (bias_mu, bias_sigma2, bias_eps) if bias else (None, None, None)
    m, v, u = weights.conv2d(x, mu, sigma2, eps, *biases, domain=domain, **geometry)
    np.testing.assert_array_equal((m, v), conv2d.forward(x, mu, sigma2, *biases[:2], domain=domain, **geometry))
    a = np.zeros_like(m)
    for place in np.ndindex(*lead, batch):
        W = mu + np.sqrt(sigma2) * eps[place[-1]]
        b = bias_mu + np.sqrt(bias_sigma2) * bias_eps[place[-1]] if bias else None
        a[place] = conv2d.forward(x[place], W, sigma2, b, **geometry)[0]  # a given filter: the mean's linear map
    agree(m, v, u, a, size=13 * 4 * 10)


def test_steps_of_one_example_share_its_weights() -> None:
    rng = np.random.default_rng()
    x = np.ones((2, 1, 4))
    mu, sigma2, eps, *_ = drawn(rng, (3, 4), 1)
    _, _, u = weights.dense(x, mu, sigma2, eps, domain="binary")
    np.testing.assert_array_equal(u[0], u[1])


def test_units_without_variance_and_far_draws_give_usable_uniforms() -> None:
    x, one = np.array([[0.0], [1.0], [1.0]]), np.ones((1, 1))
    eps = np.array([0.0, -40.0, 40.0]).reshape(3, 1, 1)
    _, _, u = weights.dense(x, one, one, eps, domain="binary")
    assert u[0].item() == 0.5
    assert u[1].item() == 1 - 2.0**-53
    assert 0 <= u[2].item() < 1e-300


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w, e: weights.dense(x, w, w, e[:1]), r"eps has shape \(1, 3, 4\); expected \(2, 3, 4\)"),
        (lambda x, w, e: weights.dense(x, w, -w, e), "sigma2 holds the negative value"),
        (lambda x, w, e: weights.dense(x[0], w, w, e), r"x has shape \(4,\); weight sampling needs a batch axis"),
        (lambda x, w, e: weights.dense(x / 2, w, w, e, domain="binary"), "x holds values off the binary states"),
        (lambda x, w, e: weights.dense(x, w, w, e, None, np.ones(3)), "bias_eps"),
        (
            lambda x, w, e: weights.conv2d(np.ones((2, 3, 4)), np.ones((1, 2, 2, 4)), np.ones((1, 2, 2, 4)), e),
            "4 dimensions at least",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(np.ones((2, 4)), np.ones((3, 4)), np.ones((2, 3, 4)))
    assert "\n" not in str(caught.value)
