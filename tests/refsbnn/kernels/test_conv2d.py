"""kernels.conv2d against reference.conv2d on the same inputs."""

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.kernels import bits, conv2d, conv2d_batch, conv2d_spikes, lookup, simd, winograd
from refsbnn.reference import conv2d as reference
from tests.refsbnn.kernels.common import around, close, rectangle

# leading axes, height, width, channels, filters, height and width of the filter, stride, padding
SHAPES = [
    ((1,), 1, 1, 1, 1, 1, 1, 1, 0),
    ((3,), 7, 9, 5, 3, 3, 3, 1, 1),
    ((2, 2), 8, 8, 64, 16, 3, 3, 1, 1),
    ((1,), 9, 11, 70, 20, 3, 3, 2, 1),
    ((2,), 6, 5, 3, 17, 2, 4, 1, 2),
    ((), 5, 5, 16, 4, 1, 1, 2, 0),
    ((2,), 4, 4, 2, 3, 3, 3, 1, 0),
    ((18,), 3, 4, 2, 3, 3, 3, 1, 2),
    ((2,), 32, 32, 3, 9, 5, 5, 2, 2),  # the first of cifar10_small
]
# Images a shard, positions a word, a word of channels and of a patch, vectors of channels and filters, tiles at a time,
# columns of a gradient at a time.
SHAPES += [((n,), 3, 4, 2, 3, 3, 3, 1, 1) for n in around(conv2d_batch.SHARDS)]
SHAPES += [((2,), *rectangle(n), 3, 5, 3, 3, 1, 1) for n in around(bits.WORD)]
SHAPES += [((2,), *rectangle(n), 3, 5, 1, 1, 1, 0) for n in around(bits.WORD)]
SHAPES += [((1,), 3, 5, n, 3, 2, 2, 1, 0) for n in (*around(bits.WORD), *around(bits.WORD // 4))]
SHAPES += [((1,), 3, 5, n, n + 1, 3, 3, 1, 1) for n in around(simd.LANES)]
SHAPES += [((1,), 2 * n, 2 * m - 1, 2, 5, 3, 3, 1, 1) for n, m in map(rectangle, around(winograd.TILES))]
SHAPES += [((1,), 3, 4, 2, n, 3, 3, 1, 2) for n in (*around(winograd.DEPTH), *around(winograd.DEPTH // 2))]
# Positions of a task that sums moments, of many images or of one; entries of one that sums gradients, with a task for
# each shard and with one for all; sums over images of a task; rows of a word that are looked up.
SHAPES += [((n,), 1, 1, 3, 5, 1, 1, 1, 0) for n in around(conv2d_spikes.POSITIONS)]
SHAPES += [((1,), *rectangle(n), 2, 5, 1, 1, 1, 0) for n in around(conv2d_spikes.POSITIONS)]
SHAPES += [((3,), 3, 2, n, 3, 1, 1, 1, 0) for n in around(conv2d_spikes.ENTRIES)]
SHAPES += [((18,), 2, 2, 3, n, 3, 3, 1, 1) for n in (120, 250)]
SHAPES += [((2,), *rectangle(n), 1, 1, 1, 1, 1, 0) for n in around(conv2d_batch.SPAN)]
SHAPES += [((2,), 2, 3, n, 3, 1, 1, 1, 0) for n in (*around(4 * lookup.GROUP), *around(8 * lookup.GROUP))]
SHAPES += [((2,), *rectangle(n), 3, 5, 1, 1, 1, 0) for n in (*around(4 * lookup.GROUP), *around(8 * lookup.GROUP))]
# domain, extension of the variance, whether x comes as spikes, their density
FORMS = [
    ("real", "linear", False, 1.0),
    ("binary", "linear", False, 1.0),
    ("bipolar", "quadratic", False, 1.0),
    ("binary", "linear", True, 0.0),
    ("binary", "linear", True, 0.4),
    ("binary", "quadratic", True, 0.4),
    ("bipolar", "linear", True, 0.4),
    ("bipolar", "quadratic", True, 1.0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_the_reference(shape, dtype):
    rng = np.random.default_rng(SHAPES.index(shape))
    for form in FORMS:
        agree(rng, shape, dtype, *form)


def agree(rng, shape, dtype, domain, variance, spikes, density):
    leading, height, width, channels, out, kh, kw, stride, padding = shape
    mu, sigma2 = rng.normal(size=(out, kh, kw, channels)), rng.exponential(size=(out, kh, kw, channels))
    bias = rng.normal(size=out), rng.exponential(size=out)
    z = (rng.random((*leading, height, width, channels)) < density).astype(np.uint8)
    if spikes:
        x, values = z, 2.0 * z - 1.0 if domain == "bipolar" else z.astype(float)
    else:
        x = rng.uniform({"real": -3.0, "binary": 0.0, "bipolar": -1.0}[domain], 1.0, z.shape).astype(dtype)
        values = x.astype(float)
    cast = [np.ascontiguousarray(a, dtype) for a in (mu, sigma2, *bias)]
    exact = [a.astype(float) for a in cast]
    options = {"stride": stride, "padding": padding, "domain": domain, "variance": variance}
    m, v = conv2d.forward(x, *cast, **options)
    want = reference.forward(values, *exact, **options)
    absolute = [np.abs(a) for a in exact]
    wide = np.full(values.shape, 3.0)  # bipolar spikes are summed as 2 w z - w; squares reach 9
    geometry = {"stride": stride, "padding": padding}
    bounds = reference.forward(wide, *absolute, **geometry)
    inputs = kh * kw * channels + 1
    for got, truth, bound in zip((m, v), want, bounds, strict=True):
        close(got, truth, bound, inputs)
    dm, dv = rng.normal(size=(2, *m.shape)).astype(dtype)
    got = conv2d.backward(dm, dv, x, *cast[:2], **options)
    truth = reference.backward(dm.astype(float), dv.astype(float), values, *exact[:2], **options)
    bounds = reference.backward(np.abs(dm).astype(float), np.abs(dv).astype(float), wide, *absolute[:2], **geometry)
    positions = int(np.prod(m.shape[:-1]))
    # Winograd's transforms mix a tile: a sum of 16 entries of size 4 at most, so the local maximum bounds its error.
    spread = 16.0 * np.abs(bounds.x).max() if (kh, kw, stride) == (3, 3, 1) else bounds.x
    close(got.x, truth.x, spread, 2 * kh * kw * out)
    for part, exactly, bound in zip(got[1:], truth[1:], bounds[1:], strict=True):
        close(part, exactly, bound, positions)
    assert conv2d.backward(dm, dv, x, *cast[:2], input_gradient=False, **options).x is None
    # Point weights: the mean's half alone, its sums in the same order, so the same bits.
    alone, none = conv2d.forward(x, cast[0], None, cast[2], **options)
    assert none is None
    assert (alone == m).all()
    plain = conv2d.backward(dm, None, x, cast[0], None, **options)
    exact_x = reference.backward(dm.astype(float), None, values, exact[0], None, **options).x
    close(plain.x, exact_x, spread, 2 * kh * kw * out)
    for part, same in zip(plain[1:], (got.mu, None, got.bias_mu, None), strict=True):
        assert part is same is None or (part == same).all()


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
@pytest.mark.parametrize(("n", "out", "channels"), [(1, 5, 9), (3, 16, 9), (18, 40, 45), (18, 260, 3), (600, 17, 1)])
def test_one_table_or_two_at_a_time_give_the_same_bits(monkeypatch, n, out, channels, domain):
    rng, found, terms = np.random.default_rng(n), [], 9 * channels + 1
    x = (rng.random((n, 3, 4, channels)) < 0.4).astype(np.uint8)
    mu, sigma2 = (part.astype(np.float32) for part in rng.random((2, out, 3, 3, channels)))
    dm, dv = rng.normal(size=(2, n, 3, 4, out)).astype(np.float32)
    for wide in (1, 2):
        monkeypatch.setattr(conv2d_spikes, "tables_at_a_time", lambda wide=wide: wide)
        moments = conv2d.forward(x, mu, sigma2, padding=1, domain=domain)
        gradients = conv2d.backward(dm, dv, x, mu, sigma2, padding=1, domain=domain)
        reference_m, reference_v = reference.forward(
            2.0 * x - 1.0 if domain == "bipolar" else 1.0 * x,
            *(part.astype(float) for part in (mu, sigma2)), padding=1, domain=domain,
        )  # fmt: skip
        close(moments[0], reference_m, 3.0 * terms, terms)
        close(moments[1], reference_v, 3.0 * terms, terms)
        found.append((*moments, gradients.mu, gradients.sigma2))
    assert all((one == two).all() for one, two in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((1, 4, 4, 3), np.uint8)}, r"x has shape \(1, 4, 4, 3\); expected \(\.\.\., 2\)"),
        ({"x": np.full((1, 4, 4, 2), 3, np.uint8)}, "x holds 3; spikes are 0 or 1"),
        ({"x": np.zeros((1, 4, 4, 2))}, "x is a ndarray of type float64; expected a contiguous array of float32"),
        ({"x": np.zeros((1, 2, 2, 2), np.uint8)}, "is larger than the padded input"),
        ({"stride": 0}, "stride and padding are 0 and 0"),
        ({"sigma2": np.full((5, 3, 3, 2), -1.0, np.float32)}, "sigma2 holds the negative value -1"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    given = {"x": np.zeros((1, 4, 4, 2), np.uint8), "mu": np.zeros((5, 3, 3, 2), np.float32), "domain": "binary"}
    given["sigma2"] = given["mu"]
    with pytest.raises(InputError, match=message):
        conv2d.forward(**(given | change))
