"""kernels.unit against reference.unit on the same uniforms, every member and noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators, noise
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.kernels import simd, slopes, unit
from refsbnn.reference import unit as reference
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.kernels.common import DTYPES, RELAXED, SAFE, SEEDS, SETTINGS, SPIKING, around, close


@SETTINGS
@given(
    seed=SEEDS,
    shape=st.sampled_from([(1,), (5,), (3, 16), (2, 33), (1, 1), (2, 3, 17), (3, 1030)]),
    dtype=DTYPES,
    member=st.sampled_from(SPIKING + RELAXED),
    law=st.sampled_from(["gaussian", "logistic"]),
    domain=st.sampled_from(["binary", "bipolar"]),
    spread=st.sampled_from([0.5, 3.0, 12.0]),
)
def test_agrees_with_the_reference(seed, shape, dtype, member, law, domain, spread):
    agree(seed, shape, dtype, member, law, domain, spread)


BLOCKS = [(3, n) for n in (*around(simd.LANES), *around(unit.CHUNK))] + [(1, n) for n in around(slopes.CHUNK)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", BLOCKS, ids=str)
def test_units_on_both_sides_of_every_block(shape, dtype):
    for member in ("agr(tau=0.5)", "trapezoid", "arctan(scale=2)", "gs(tau=0.8)"):
        agree(shape[1], shape, dtype, member, "gaussian", "bipolar", 3.0)


def agree(seed, shape, dtype, member, law, domain, spread):
    rng = np.random.default_rng(seed)
    v = rng.exponential(size=shape) * (rng.random(shape) > 0.1)  # some units without noise
    m = spread * rng.normal(size=shape) * np.sqrt(v + (v == 0.0))
    m, v = m.astype(dtype), v.astype(dtype)
    u = rng.integers(0, 2**24, shape) * 2.0**-24
    extra = rng.random((estimators.get(member).draws, *shape)) if estimators.get(member).draws else None
    options = {"noise": law, "member": member, "domain": domain}
    exact_m, exact_v = m.astype(float), v.astype(float)
    h = unit.forward(m, v, u, **options)
    want = reference.forward(exact_m, exact_v, u, **options)
    got = h.astype(float)
    if h.dtype == np.uint8:
        got = 2.0 * got - 1.0 if domain == "bipolar" else got
    r = np.where(exact_v > 0.0, exact_m / np.sqrt(np.where(exact_v > 0.0, exact_v, 1.0)), 0.0)
    if member in SPIKING:
        sure = (np.abs(u - noise.get(law).cdf(r)) > SAFE) | (exact_v == 0.0)
        assert (got == want)[sure].all()
    else:
        close(h, want, 1.0 + np.abs(r), 16)  # cdf at a/tau, whose rounding is that of r
    g = rng.normal(size=shape).astype(dtype)
    values = want if member in RELAXED else got
    dm, dv = unit.backward(g, h, m, v, u, extra=extra, **options)
    exact = reference.backward(g.astype(float), values, exact_m, exact_v, u, extra=extra, **options)
    # r is right to a few eps, so phi(r) to r^2 eps; the hazards and agr are quotients of a dozen roundings. A relaxed
    # value is known to eps only.
    condition = 1.0 + r * r
    s = np.sqrt(np.where(exact_v > 0.0, exact_v, 1.0))
    whole = np.abs(g) / s  # the gradient of m at slope 1
    absolute = 1.0 if member.startswith("triangular") else 0.0  # 1 - k |r| cancels at its foot
    eps = np.finfo(dtype).eps
    cut = 0.0 if dtype == np.float64 else 2.0**-112  # below that g w f(r) counts as zero
    for part, truth, unit_size in zip((dm, dv), exact, (whole, whole * np.abs(r) / (2.0 * s)), strict=True):
        size = np.abs(truth) + absolute * unit_size
        # Where f is cut at the smallest normal number nothing below it can be told.
        assert (
            np.abs(part - truth) <= 40.0 * eps * condition * size + (1e-36 + cut / np.abs(g)) * unit_size + 1e-300
        ).all()


def test_uniforms_by_address_are_the_same_bits():
    rng = np.random.default_rng(4)
    shapes = [((3, 70), None), ((6, 3, 70), 6), ((2, 5, 5, 3), None)]
    for shape, steps in [*shapes, *(((2, n), None) for n in (1, 2, 3, 4, 5, *around(unit.CHUNK)))]:
        m, v = rng.normal(size=shape).astype(np.float32), rng.exponential(size=shape).astype(np.float32)
        batch = shape[0] if steps is None else shape[1]
        units = shape[1:] if steps is None else shape[2:]
        address = CounterDraws(Streams(2**40 + 9), Purpose.TRAIN, 12, np.arange(batch) * 1000).address(
            5, units, steps=steps
        )
        options = {"noise": "gaussian", "member": "st"}
        made, drawn = unit.forward(m, v, address, **options), unit.forward(m, v, np.asarray(address), **options)
        assert (made == drawn).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("member", SPIKING)
@pytest.mark.parametrize("law", ["gaussian", "logistic"])
def test_saturated_units_have_finite_gradients(dtype, member, law):
    m = np.array([0.0, 30.0, -30.0, 1e4, -1e4, 1e15, -1e15, 1.0], dtype)
    v = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0], dtype)
    draws = estimators.get(member).draws
    extra = np.full((draws, 8), 0.5) if draws else None
    options = {"noise": law, "member": member}
    u = np.full(8, 0.5)
    for h in (np.zeros(8, np.uint8), np.ones(8, np.uint8)):
        dm, dv = unit.backward(np.ones(8, dtype), h, m, v, u, extra=extra, **options)
        assert np.isfinite(dm).all()
        assert not np.isnan(dv).any()
        assert dm[-1] == dv[-1] == 0.0
    h = unit.forward(m, v, u, **options)
    assert h[[3, 4, 5, 6, 7]].tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": np.zeros((2, 3))}, "v is a ndarray of type float32; expected a contiguous array of float64"),
        ({"m": np.full((2, 3), np.nan, np.float32)}, "m holds NaN or infinity"),
        ({"v": np.full((2, 3), -1.0, np.float32)}, "v holds the negative value -1"),
        ({"u": np.ones((2, 3))}, "u holds 1; expected uniforms in"),
        ({"u": np.zeros((3, 2))}, r"u has shape \(3, 2\); expected \(2, 3\)"),
        ({"m": np.zeros((3, 2), np.float32).T}, "that is not contiguous; expected a contiguous array"),
        ({"domain": "real"}, "domain is 'real'; accepted: 'binary', 'bipolar'"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    given = {"m": np.zeros((2, 3), np.float32), "v": np.ones((2, 3), np.float32), "u": np.zeros((2, 3))}
    with pytest.raises(InputError, match=message):
        unit.forward(**{**given, "noise": "gaussian", "member": "st", **change})
