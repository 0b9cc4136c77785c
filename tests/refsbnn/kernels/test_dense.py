"""kernels.dense against reference.dense on the same inputs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.kernels import dense, matrix, occur, simd, sparse
from refsbnn.reference import dense as reference
from tests.refsbnn.kernels.common import around

SIZES = st.integers(1, 40)


def case(seed, leading, features, out, dtype, density, domain, form):
    """Weights, cotangents and inputs: `form` floats or spikes."""
    rng = np.random.default_rng(seed)
    mu, sigma2 = rng.normal(size=(out, features)), rng.exponential(size=(out, features))
    bias = rng.normal(size=out), rng.exponential(size=out)
    dm, dv = rng.normal(size=(2, *leading, out))
    if form == "spikes":
        x = (rng.random((*leading, features)) < density).astype(np.uint8)
        values = 2.0 * x - 1.0 if domain == "bipolar" else x.astype(float)
    else:
        low = {"real": -3.0, "binary": 0.0, "bipolar": -1.0}[domain]
        x = rng.uniform(low, 1.0, size=(*leading, features)).astype(dtype)
        values = x.astype(float)
    cast = [np.ascontiguousarray(a, dtype) for a in (mu, sigma2, *bias, dm, dv)]
    return x, values, cast, [a.astype(float) for a in cast]


def close(given, exact, absolute, terms, dtype):
    """Within (terms + 4) eps of the absolute terms: a sum of n terms, in any order, errs by n eps of theirs."""
    bound = (terms + 4) * np.finfo(dtype).eps * absolute
    assert given.dtype == dtype
    np.testing.assert_array_less(np.abs(given - exact), bound + np.finfo(dtype).tiny)


@given(
    seed=st.integers(0, 2**32 - 1),
    leading=st.sampled_from([(1,), (5,), (3, 4), (1, 1), (70,)]),
    features=SIZES,
    out=st.one_of(SIZES, st.sampled_from([64, 65, 130])),
    dtype=st.sampled_from([np.float32, np.float64]),
    density=st.sampled_from([0.0, 0.06, 0.5, 1.0]),
    domain=st.sampled_from(["real", "binary", "bipolar"]),
    variance=st.sampled_from(["linear", "quadratic"]),
    form=st.sampled_from(["floats", "spikes"]),
    point=st.booleans(),
)
def test_agrees_with_the_reference(seed, leading, features, out, dtype, density, domain, variance, form, point):
    if form == "spikes" and domain == "real":
        domain = "binary"
    agree(seed, leading, features, out, dtype, density, domain, variance, form, point)


# rows, features, outputs: rows of gradients and of sums at a time, inputs whose bytes are read at a time, columns of
# gradients and of sums at a time
SPIKES = [(n, 11, 20) for n in (*around(sparse.CHUNK), *around(sparse.ROWS))]
SPIKES += [(9, n, 11) for n in around(occur.WORD)]
SPIKES += [(9, 11, n) for n in (*around(simd.LANES), *around(sparse.BLOCK), *around(sparse.PANEL))]
SPIKES += [(2 * sparse.ROWS + 5, 300, 4 * sparse.PANEL + 5), (2 * sparse.CHUNK + 5, 70, 2 * sparse.BLOCK + 5)]
# rows of a product at a time, terms at a time of the forward pass, the weights and the inputs, parts of the rows
FLOATS = [(n, 5, 7) for n in (*around(matrix.SHARDS), *around(matrix.ROWS))]
FLOATS += [size for n in around(matrix.DEPTH) for size in ((3, n, 7), (n, 3, 7), (3, 5, n))]
FLOATS += [(3, 5, n) for n in (*around(simd.LANES), *around(matrix.DEPTH // 2))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SPIKES, ids=str)
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_events_on_both_sides_of_every_block(sizes, dtype, domain):
    rows, features, out = sizes
    agree(sum(sizes), (rows,), features, out, dtype, 0.3, domain, "linear", "spikes", True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", FLOATS, ids=str)
def test_products_on_both_sides_of_every_block(sizes, dtype):
    rows, features, out = sizes
    agree(sum(sizes), (rows,), features, out, dtype, 1.0, "real", "linear", "floats", True)
    agree(sum(sizes), (rows,), features, out, dtype, 1.0, "binary", "linear", "floats", False)


def agree(seed, leading, features, out, dtype, density, domain, variance, form, point):
    x, values, cast, exact = case(seed, leading, features, out, dtype, density, domain, form)
    options = {"domain": domain, "variance": variance}
    m, v = dense.forward(x, *cast[:4], **options)
    size = [np.abs(a) for a in exact]
    ones = np.ones_like(values)
    # Bipolar spikes are summed as 2 w z - w: three times the absolute terms at most.
    wide = 3.0 * np.maximum(np.abs(values), 1.0 if domain == "bipolar" else 0.0)
    terms = features + 1
    for got, want, bound in zip(
        (m, v), reference.forward(values, *exact[:4], **options), reference.forward(wide, *size[:4]), strict=True
    ):
        close(got, want, bound, terms, dtype)
    got = dense.backward(*cast[4:], x, *cast[:2], **options)
    want = reference.backward(*exact[4:], values, *exact[:2], **options)
    bound = reference.backward(*size[4:], 3.0 * ones, *size[:2])  # domain real: squares 9, slopes 6
    rows = int(np.prod(leading))
    for g, w, b, n in zip(got, want, bound, (2 * out, rows, rows, rows, rows), strict=True):
        close(g, w, b, n, dtype)
    if point:  # the mean's half alone: sums in the same order, so the same bits
        alone, none = dense.forward(x, cast[0], None, cast[2], **options)
        assert none is None
        assert (alone == m).all()
        dx, *parts = dense.backward(cast[4], None, x, cast[0], None, **options)
        exact_x = reference.backward(exact[4], None, values, exact[0], None, **options).x
        close(dx, exact_x, bound.x, 2 * out, dtype)
        for g, w in zip(parts, (got.mu, None, got.bias_mu, None), strict=True):
            assert g is w is None or (g == w).all()


def test_events_and_bytes_agree_to_the_bit():
    x, _, cast, _ = case(3, (4, 7), 50, 33, np.float32, 0.2, "binary", "spikes")
    events = Events.of(x)
    for a, b in zip(
        dense.forward(x, *cast[:4], domain="binary"), dense.forward(events, *cast[:4], domain="binary"), strict=True
    ):
        assert (a == b).all()
    a = dense.backward(*cast[4:], x, *cast[:2], domain="binary")
    b = dense.backward(*cast[4:], events, *cast[:2], domain="binary", input_gradient=False)
    assert b.x is None
    for left, right in zip(a[1:], b[1:], strict=True):
        assert (left == right).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((3, 4), np.int64)}, "x is a ndarray of type int64; expected a contiguous array of float32"),
        ({"x": np.zeros((3, 5), np.uint8)}, r"x has shape \(3, 5\); expected \(\.\.\., 4\)"),
        ({"x": np.full((3, 4), 2, np.uint8)}, "x holds 2; spikes are 0 or 1"),
        ({"x": np.zeros((4, 3), np.uint8).T}, "x is not contiguous"),
        ({"x": np.full((3, 4), np.nan, np.float32)}, "x holds NaN or infinity"),
        ({"x": np.full((3, 4), 2.0, np.float32)}, "x holds values from 2 to 2; binary ones lie in"),
        ({"mu": np.zeros((2, 4), np.float16)}, "mu has type float16; accepted: float32, float64"),
        ({"sigma2": np.zeros((2, 4))}, "sigma2 is a ndarray of type float64; expected a contiguous array of float32"),
        ({"sigma2": np.full((2, 4), -1.0, np.float32)}, "sigma2 holds the negative value -1"),
        ({"sigma2": None, "bias_sigma2": np.zeros(2, np.float32)}, "bias_sigma2 is given without sigma2"),
        ({"domain": "real"}, "x holds spikes but the domain is 'real'"),
    ],
)
def test_bad_input(change, message):
    given = {"x": np.zeros((3, 4), np.uint8), "mu": np.zeros((2, 4), np.float32), "domain": "binary"}
    given["sigma2"] = np.zeros((2, 4), np.float32)
    with pytest.raises(InputError, match=message):
        dense.forward(**(given | change))
