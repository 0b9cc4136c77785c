"""kernels.lif_slow against reference.lif_slow on the same uniforms: currents, thresholds, options, members, types."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators, noise
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.kernels import lif_adjoint, lif_slow, simd, sparse
from refsbnn.reference import lif_slow as reference
from refsbnn.reference.lif_slow import SlowState
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.kernels.common import RELAXED, SETTINGS, SPIKING, around, clear_of, close, size
from tests.refsbnn.kernels.test_lif import arrays_of, cases, doubled, float64

slow = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([0.0, 0.7, 1.0]),
        "adapt": st.sampled_from([0.0, 0.8]),
        "adapt_decay": st.sampled_from([0.0, 0.6, 1.0]),
    }
)
MIXED = {"alpha": 0.7, "adapt": 0.6, "adapt_decay": 0.8}


def between(rng, m, v, options, *, gradient=False):
    """A state of the layer, or gradients of one, in the type and form of the kernel and of the reference."""
    shape, dtype = m.shape[1:], m.dtype
    M, J = rng.normal(size=(2, *shape)).astype(dtype)
    V, U, C = rng.exponential(size=(3, *shape)).astype(dtype)
    z, a = (rng.random(shape) < 0.5).astype(np.uint8), rng.random(shape).astype(dtype)
    if gradient:
        z = rng.normal(size=shape).astype(dtype)
    elif options["member"] in RELAXED:
        z = rng.random(shape).astype(dtype)
    carries = v is not None and options["accumulate"]
    own = SlowState(M, None if v is None else V, z, J, *((U, C) if carries else (None, None)), a)
    return own, SlowState(*(float64(part) for part in own))


@SETTINGS
@given(cases(), slow)
def test_agrees_with_the_reference(case, slow):
    rng, arrays, weights, options, *ways = case
    agree(rng, arrays, weights, {**options, **slow}, *ways)


# As in test_lif: samples of a shard, neurons of a vector, sums in registers.
BLOCKS = [(n, 5) for n in around(lif_adjoint.SHARD)] + [(3, n) for n in around(simd.LANES)]
BLOCKS += [(2, n) for n in (*around(sparse.WIDE // 2), *around(sparse.WIDE))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", BLOCKS, ids=str)
@pytest.mark.parametrize("point", [False, True])
def test_neurons_on_both_sides_of_every_block(sizes, dtype, point):
    for member, reset in (("agr(tau=0.5)", "hard"), ("trapezoid", "soft"), ("gs(tau=0.8)", "hard")):
        rng = np.random.default_rng(sizes)
        arrays, weights = arrays_of(rng, (5, *sizes), dtype, 0.5, True)
        if point:
            arrays[1], weights = None, (weights[0], None)
        options = {"beta": 0.8, "theta": 1.0, "noise": "gaussian", "member": member, "reset": reset, **MIXED}
        agree(rng, arrays, weights, {**options, "accumulate": True, "variance": "quadratic"}, True, True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [(5,), (33,), (2, 3, 7)], ids=str)
def test_decays_and_thresholds_of_each_neuron(units, dtype):
    """Both, or one of the two, of neurons or of channels; rules in the loop, slopes given to it, values in between."""
    for member, reset in (("agr(tau=0.5)", "hard"), ("trapezoid", "soft"), ("gs(tau=0.8)", "hard")):
        for number, point in enumerate((False, True)):
            rng = np.random.default_rng([len(units), number])
            arrays, weights = arrays_of(rng, (5, 9, *units), dtype, 0.5, len(units) == 1)
            if point:
                arrays[1], weights = None, weights and (weights[0], None)
            beta, theta = rng.uniform(size=units[-1]).astype(dtype), rng.normal(size=units[-1]).astype(dtype)
            for each in ({"beta": beta, "theta": theta}, {"beta": beta, "theta": 0.75}, {"beta": 0.75, "theta": theta}):
                options = {**each, "noise": "gaussian", "member": member, "reset": reset, "accumulate": True, **MIXED}
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
        tape = run(u)[1]
        threshold = options["theta"] + options["adapt"] * tape.a
        return noise.get(options["noise"]).cdf((tape.M - threshold) / np.sqrt(1.0 if tape.V is None else tape.V))

    if options["member"] in SPIKING:  # one spike on the brink would send the two apart from there on
        u = clear_of(u, probability)
    want, tape = run(u)
    V = np.ones_like(m) if v is None else tape.V
    z, own = lif_slow.forward(m, v, u, weights, before=before[0], **options)
    assert z.dtype == (np.uint8 if options["member"] in SPIKING else m.dtype)
    steps, inputs = len(m), m.shape[2] + 4
    # As in test_lif, and the filters: a drive is held by current and membrane, up to steps times its size.
    terms = 8 * steps * inputs
    largest = size(tape.M, m, want @ np.abs(weights[0].T) if weights else m) * steps
    close(own.M, tape.M, largest, terms)
    close(own.a, tape.a, 1.0, terms)
    for name in ("V", "C"):
        mine, truth = getattr(own, name), getattr(tape, name)
        assert (mine is None) == (truth is None)
        if truth is not None:
            close(mine, truth, size(tape.V, v), terms)
    ends = zip(own.last, tape.last, strict=True)
    for mine, truth in ends:
        assert (mine is None) == (truth is None)
        if truth is not None:
            close(mine.astype(m.dtype), truth, largest + size(V) + 1.0, terms)
    if z.dtype == np.uint8:
        assert (z == want).all()
    else:
        close(z, want, 1.0 + size(tape.M / np.sqrt(V)), terms)
    extra = rng.random((draws, *m.shape)) if (draws := estimators.get(options["member"]).draws) else None
    words = {**options, "reset_gradient": reset_gradient, "extra": extra}
    direct = dict(zip(("dM", "dV", "dC", "da"), rng.normal(size=(4, *m.shape)).astype(m.dtype), strict=True))
    direct["dC"] = None if own.C is None else direct["dC"]
    got = lif_slow.backward(g, own, u, weights, after=after[0], **direct, **words)
    exact = reference.backward(
        g.astype(float),
        reference.SlowTape(*(float64(part) for part in own[:5]), tape.last, before[1]),
        u,
        doubled(weights),
        after=after[1],
        **{name: float64(part) for name, part in direct.items()},
        **{**words, **exactly},
    )
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
    options = {"beta": 0.9, "theta": 1.0, "noise": "gaussian", "member": "agr(tau=0.5)", **MIXED}
    made, drawn = (lif_slow.forward(m, v, source, weights, **options) for source in (address, np.asarray(address)))
    assert (made[0] == drawn[0]).all()
    assert (made[1].M == drawn[1].M).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 1.5}, "alpha, adapt and adapt_decay are 1.5, 0.0 and 0.9"),
        ({"beta": 1.5}, "beta and theta are 1.5"),
        ({"recurrent": (np.zeros((3, 3)), np.zeros((3, 3)))}, "recurrent mu is a ndarray of type float64"),
        ({"before": SlowState(*np.zeros((7, 2, 3), np.float32))._replace(C=None)}, "the state's C is None"),
        ({"before": SlowState(*np.zeros((7, 2, 3)))}, "state M is a ndarray of type float64"),
        ({"before": SlowState(*np.zeros((7, 2, 4), np.float32))}, r"state M has shape \(2, 4\); expected \(2, 3\)"),
        ({"m": np.full((4, 2, 3), np.inf, np.float32)}, "m holds NaN or infinity"),
        ({"u": np.zeros((4, 2))}, r"u has shape \(4, 2\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    given = {"m": np.zeros((4, 2, 3), np.float32), "v": np.ones((4, 2, 3), np.float32), "u": np.zeros((4, 2, 3))}
    options = {"beta": 0.9, "theta": 1.0, "noise": "gaussian", "member": "st"}
    with pytest.raises(InputError, match=message):
        lif_slow.forward(**{**given, **options, **change})
