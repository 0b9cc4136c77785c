"""Convolution: forward against its sums written out, backward by finite differences."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.reference import conv2d, dense
from refsbnn.reference.moments import DOMAINS, VARIANCES
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)


@st.composite
def geometries(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
    """Shapes of x and mu, stride and padding, such that the filter fits."""
    kh, kw, padding = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 2))
    height = draw(st.integers(max(1, kh - 2 * padding), 6))
    width = draw(st.integers(max(1, kw - 2 * padding), 6))
    n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    lead = tuple(draw(st.lists(st.integers(1, 2), max_size=2)))
    return (*lead, height, width, n_in), (n_out, kh, kw, n_in), draw(st.integers(1, 3)), padding


def layer(rng: np.random.Generator, x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> list[np.ndarray]:
    """x between the states, and filters and bias."""
    return [
        rng.uniform(0.1, 0.9, x_shape),
        rng.normal(size=w_shape),
        rng.uniform(0.1, 2.0, w_shape),
        rng.normal(size=w_shape[0]),
        rng.uniform(0.1, 2.0, w_shape[0]),
    ]


def written_out(x: np.ndarray, w: np.ndarray, bias: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """One image's convolution as nested sums."""
    height, width, _ = x.shape
    out, kh, kw, _ = w.shape
    rows, columns = (height + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1
    y = np.tile(bias, (rows, columns, 1))
    for p, q, o, k, l in np.ndindex(rows, columns, out, kh, kw):
        i, j = p * stride + k - padding, q * stride + l - padding
        if 0 <= i < height and 0 <= j < width:
            y[p, q, o] += sum(w[o, k, l, c] * x[i, j, c] for c in range(x.shape[2]))
    return y


@given(seed=seeds, geometry=geometries(), signed=st.booleans(), variance=st.sampled_from(VARIANCES))
@settings(deadline=None, max_examples=40)
def test_forward_on_spikes_is_the_sum_under_the_filter(seed: int, geometry: tuple, signed: bool, variance: str) -> None:
    x_shape, w_shape, stride, padding = geometry
    x, mu, sigma2, bias_mu, bias_sigma2 = layer(np.random.default_rng(seed), x_shape, w_shape)
    x = 2 * np.round(x) - 1 if signed else np.round(x)
    domain = "bipolar" if signed else "binary"
    got = conv2d.forward(
        x, mu, sigma2, bias_mu, bias_sigma2, stride=stride, padding=padding, domain=domain, variance=variance
    )
    for y, values, weight, bias in zip(got, (x, x * x), (mu, sigma2), (bias_mu, bias_sigma2), strict=True):
        # Sums of kh kw in + 1 products in any order: each term meets at most that many roundings and one more.
        bound = 2 * (np.prod(w_shape[1:]) + 2) * EPS
        for place in np.ndindex(*x_shape[:-3]):
            expected = written_out(values[place], weight, bias, stride, padding)
            size = written_out(np.abs(values[place]), np.abs(weight), np.abs(bias), stride, padding)
            assert y[place].shape == expected.shape
            assert (np.abs(y[place] - expected) <= bound * size).all()


@given(seed=seeds, geometry=geometries(), domain=st.sampled_from(DOMAINS), variance=st.sampled_from(VARIANCES))
@settings(deadline=None, max_examples=40)
def test_backward(seed: int, geometry: tuple, domain: str, variance: str) -> None:
    x_shape, w_shape, stride, padding = geometry
    rng = np.random.default_rng(seed)
    arguments = layer(rng, x_shape, w_shape)
    kinds = {"stride": stride, "padding": padding, "domain": domain, "variance": variance}
    dm, dv = rng.normal(size=(2, *conv2d.output_shape(x_shape, w_shape, stride, padding)))
    gradients = conv2d.backward(dm, dv, *arguments[:3], **kinds)
    check_gradient(lambda *a: conv2d.forward(*a, **kinds), arguments, [dm, dv], gradients, rng)


def test_a_filter_of_one_pixel_is_a_dense_layer_at_each_position() -> None:
    rng = np.random.default_rng()
    x, mu, sigma2, bias_mu, bias_sigma2 = layer(rng, (2, 4, 5, 3), (6, 1, 1, 3))
    got = conv2d.forward(x, mu, sigma2, bias_mu, bias_sigma2)
    expected = dense.forward(x, mu[:, 0, 0], sigma2[:, 0, 0], bias_mu, bias_sigma2)
    # The same sums of 4 terms, perhaps in another order; no term is above 5 (normal draws: 1e-6 rare).
    np.testing.assert_allclose(got, expected, rtol=0, atol=2 * 5 * 4 * 5 * EPS)


def test_padding_has_no_variance_for_bipolar_spikes() -> None:
    """x2 = 1 holds at every spike, not at the zeros around the image: they would add noise from nothing."""
    spikes = np.ones((1, 1, 1))
    _, v = conv2d.forward(spikes, np.ones((1, 3, 3, 1)), np.ones((1, 3, 3, 1)), padding=1, domain="bipolar")
    assert v.item() == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: conv2d.forward(x[..., :1], w, w), r"x has shape \(4, 5, 1\); expected \(any, any, 2\)"),
        (lambda x, w: conv2d.forward(x[0], w, w), r"x has shape \(5, 2\); expected \(any, any, 2\)"),
        (lambda x, w: conv2d.forward(x[:2], w, w), r"filter \(3, 3\) is larger than the padded input of x \(2, 5, 2\)"),
        (lambda x, w: conv2d.forward(x, w[0], w), r"mu has shape \(3, 3, 2\); expected \(any, any, any, any\)"),
        (lambda x, w: conv2d.forward(x, w, -w), "sigma2 holds the negative value"),
        (lambda x, w: conv2d.forward(x, w, w, stride=0), "stride and padding are 0 and 0"),
        (lambda x, w: conv2d.forward(x, w, w, padding=-1), "stride and padding are 1 and -1"),
        (lambda x, w: conv2d.backward(x, x, x, w, w), r"dm has shape \(4, 5, 2\); expected \(2, 3, 7\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(np.ones((4, 5, 2)), np.ones((7, 3, 3, 2)))
    assert "\n" not in str(caught.value)
