"""kernels.lif against reference.lif on the same uniforms: resets, options, members, types."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators, noise
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.kernels import lif, lif_adjoint, simd, sparse
from refsbnn.reference import lif as reference
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.kernels.common import DTYPES, RELAXED, SEEDS, SETTINGS, SPIKING, around, clear_of, close, size


def arrays_of(rng, shape, dtype, drive, recurrent):
    """Currents, cotangents and recurrent weights."""
    arrays = [drive + rng.normal(size=shape), rng.exponential(size=shape) + 0.1, rng.normal(size=shape)]
    n = shape[2]
    weights = [rng.normal(size=(n, n)) / np.sqrt(n), rng.exponential(size=(n, n)) / n] if recurrent else None
    return [a.astype(dtype) for a in arrays], weights and tuple(w.astype(dtype) for w in weights)


@st.composite
def cases(draw):
    """Arrays and options of a layer of neurons."""
    rng = np.random.default_rng(draw(SEEDS))
    dtype, T, batch = draw(DTYPES), draw(st.sampled_from([1, 2, 5])), draw(st.sampled_from([1, 3, 9]))
    recurrent = draw(st.booleans())
    units = (draw(st.sampled_from([1, 7, 16, 37])),) if recurrent else draw(st.sampled_from([(1,), (20,), (2, 3, 4)]))
    shape = (T, batch, *units)
    drive = draw(st.sampled_from([-30.0, 0.5, 30.0]))  # silent, lively, every neuron at every step
    arrays, weights = arrays_of(rng, shape, dtype, drive, recurrent)
    options = {
        "beta": draw(st.sampled_from([0.0, 0.8, 1.0])),
        "theta": draw(st.sampled_from([0.0, 1.0])),
        "noise": draw(st.sampled_from(["gaussian", "logistic"])),
        "member": draw(st.sampled_from(SPIKING + RELAXED)),
        "reset": draw(st.sampled_from(["hard", "soft"])),
        "accumulate": draw(st.booleans()),
        "variance": draw(st.sampled_from(["linear", "quadratic"])),
    }
    if draw(st.booleans()):  # point weights: no variances
        arrays[1], weights = None, weights and (weights[0], None)
    return rng, arrays, weights, options, draw(st.booleans()), draw(st.booleans())


def between(rng, m, v, options, *, gradient=False):
    """A state of the layer, or gradients of one, in the type and form of the kernel and of the reference."""
    shape, dtype = m.shape[1:], m.dtype
    M, z = rng.normal(size=shape).astype(dtype), (rng.random(shape) < 0.5).astype(np.uint8)
    V = None if v is None else rng.exponential(size=shape).astype(dtype)
    if gradient:
        z = rng.normal(size=shape).astype(dtype)
    elif options["member"] in RELAXED:
        z = rng.random(shape).astype(dtype)
    return reference.State(M, V, z), reference.State(float64(M), float64(V), float64(z))


def doubled(weights):
    return weights and tuple(float64(w) for w in weights)


def float64(array):
    return None if array is None else np.asarray(array, float)


@SETTINGS
@given(cases())
def test_agrees_with_the_reference(case):
    agree(*case)


# batch, units: samples of a shard, neurons of a vector, sums in registers (of means beside variances, and alone); rows
# of gradients at a time of the recurrent weights, four steps a sample.
BLOCKS = [(n, 5) for n in around(lif_adjoint.SHARD)] + [(3, n) for n in around(simd.LANES)]
BLOCKS += [(2, n) for n in (*around(sparse.WIDE // 2), *around(sparse.WIDE))]
BLOCKS += [(n, 7) for n in around(sparse.CHUNK // 4)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", BLOCKS, ids=str)
@pytest.mark.parametrize("point", [False, True])
def test_neurons_on_both_sides_of_every_block(sizes, dtype, point):
    for member, reset in (("agr(tau=0.5)", "hard"), ("trapezoid", "soft"), ("gs(tau=0.8)", "hard")):
        rng = np.random.default_rng(sizes)
        arrays, weights = arrays_of(rng, (5, *sizes), dtype, 0.5, True)
        if point:
            arrays[1], weights = None, (weights[0], None)
        options = {"beta": 0.8, "theta": 1.0, "noise": "gaussian", "member": member, "reset": reset}
        agree(rng, arrays, weights, {**options, "accumulate": True, "variance": "quadratic"}, True, True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [(5,), (33,), (2, 3, 7)], ids=str)
def test_decays_and_thresholds_of_each_neuron(units, dtype):
    """Both, or one of the two, of neurons or of channels; rules in the loop, slopes given to it, values in between."""
    for member, reset in (
        ("agr(tau=0.5)", "hard"),
        ("trapezoid", "soft"),
        ("gs(tau=0.8)", "hard"),
        ("gs(tau=1)", "soft"),
    ):
        for number, point in enumerate((False, True)):
            rng = np.random.default_rng([len(units), number])
            arrays, weights = arrays_of(rng, (5, 9, *units), dtype, 0.5, len(units) == 1)
            if point:
                arrays[1], weights = None, weights and (weights[0], None)
            beta, theta = rng.uniform(size=units[-1]).astype(dtype), rng.normal(size=units[-1]).astype(dtype)
            for each in ({"beta": beta, "theta": theta}, {"beta": beta, "theta": 0.75}, {"beta": 0.75, "theta": theta}):
                options = {**each, "noise": "gaussian", "member": member, "reset": reset, "accumulate": True}
                agree(rng, arrays, weights, {**options, "variance": "linear"}, number == 0, number == 1)


def agree(rng, arrays, weights, options, reset_gradient, continued):
    m, v, g = arrays
    u = rng.integers(0, 2**24, m.shape) * 2.0**-24
    before, after = (None, None), (None, None)
    if continued:
        before, after = between(rng, m, v, options), between(rng, m, v, options, gradient=True)

    exactly = {key: float64(each) if isinstance(each, np.ndarray) else each for key, each in options.items()}

    def run(u):
        return reference.forward(m.astype(float), float64(v), u, doubled(weights), before=before[1], **exactly)

    def probability(u):
        M, V = run(u)[1][:2]
        return noise.get(options["noise"]).cdf((M - options["theta"]) / np.sqrt(1.0 if V is None else V))

    if options["member"] in SPIKING:  # one spike on the brink would send the two apart from there on
        u = clear_of(u, probability)
    want, tape = run(u)
    V = np.ones_like(m) if v is None else tape.V
    z, own = lif.forward(m, v, u, weights, before=before[0], **options)
    assert z.dtype == (np.uint8 if options["member"] in SPIKING else m.dtype)
    steps, inputs = len(m), m.shape[2] + 4
    terms = 4 * steps * inputs  # roundings that reach one number, each at most eps of the largest intermediate one
    close(own.M, tape.M, size(tape.M, m, want @ np.abs(weights[0].T) if weights else m), terms)
    if v is None:
        assert own.V is tape.V is None
    else:
        close(own.V, tape.V, size(tape.V, v), terms)
    if z.dtype == np.uint8:
        assert (z == want).all()
    else:
        close(z, want, 1.0 + size(tape.M / np.sqrt(V)), terms)
    extra = rng.random((draws, *m.shape)) if (draws := estimators.get(options["member"]).draws) else None
    words = {**options, "reset_gradient": reset_gradient, "extra": extra}
    dM, dV = rng.normal(size=(2, *m.shape)).astype(m.dtype)
    got = lif.backward(g, own, u, weights, dM=dM, dV=dV, after=after[0], **words)
    exact = reference.backward(
        g.astype(float), reference.LIFTape(*(float64(part) for part in own[:3]), before[1]), u, doubled(weights),
        dM=dM.astype(float), dV=dV.astype(float), after=after[1], **{**words, **exactly},
    )  # fmt: skip
    got, exact = ([*part[:4], part.beta, part.theta, *(part.before or ())] for part in (got, exact))
    largest = size(*(part for part in exact if part is not None), g) * (1.0 + size(tape.M, V))
    for part, truth in zip(got, exact, strict=True):
        if truth is None:
            assert part is None
        else:
            summed = math.prod(m.shape[1:-1])  # samples and, where channels share a number, places
            close(part, truth, largest, terms * (1.0 + summed) + 40.0 * (1.0 + size(tape.M / np.sqrt(V)) ** 2))


def test_uniforms_by_address_are_the_same_bits():
    rng = np.random.default_rng(0)
    m, v = rng.normal(size=(6, 5, 37)).astype(np.float32), rng.exponential(size=(6, 5, 37)).astype(np.float32)
    weights = rng.normal(size=(37, 37)).astype(np.float32), np.full((37, 37), 0.1, np.float32)
    address = CounterDraws(Streams(5), Purpose.TRAIN, 3, np.arange(5) + 7).address(2, (37,), steps=6)
    options = {"beta": 0.9, "theta": 1.0, "noise": "gaussian", "member": "agr(tau=0.5)"}
    made, drawn = (
        lif.forward(m, v, address, weights, **options),
        lif.forward(m, v, np.asarray(address), weights, **options),
    )
    assert (made[0] == drawn[0]).all()
    assert (made[1].M == drawn[1].M).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recurrent": (np.zeros((3, 3), np.float32), None)}, "point weights have neither"),
        (
            {"before": reference.State(np.zeros((2, 3), np.float32), None, np.zeros((2, 3), np.uint8))},
            "state's V is None",
        ),
        (
            {"before": reference.State(*np.zeros((3, 2, 4), np.float32))},
            r"state M has shape \(2, 4\); expected \(2, 3\)",
        ),
        ({"recurrent": (np.zeros((3, 3)), np.zeros((3, 3)))}, "recurrent mu is a ndarray of type float64"),
        ({"recurrent": (np.zeros((2, 3), np.float32),) * 2}, r"recurrent mu has shape \(2, 3\); expected \(3, 3\)"),
        ({"beta": 1.5}, "beta and theta are 1.5"),
        ({"beta": np.full(2, 0.5, np.float32)}, r"beta has shape \(2,\); expected \(3"),
        ({"beta": np.full(3, 1.5, np.float32)}, "beta and theta are 1.5"),
        ({"theta": np.zeros(3)}, "theta is a ndarray of type float64; expected a contiguous array of float32"),
        ({"reset": "none"}, "reset is 'none'; accepted: 'hard', 'soft'"),
        ({"m": np.full((4, 2, 3), np.inf, np.float32)}, "m holds NaN or infinity"),
        ({"u": np.zeros((4, 2))}, r"u has shape \(4, 2\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    given = {"m": np.zeros((4, 2, 3), np.float32), "v": np.ones((4, 2, 3), np.float32), "u": np.zeros((4, 2, 3))}
    options = {"beta": 0.9, "theta": 1.0, "noise": "gaussian", "member": "st"}
    with pytest.raises(InputError, match=message):
        lif.forward(**{**given, **options, **change})
