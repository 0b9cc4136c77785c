"""Neurons with a synaptic current and an adaptive threshold: forward against the sums that define it, backward by
finite differences, as in test_lif.

(3.30) to (3.34): with the relaxation `gs` the forward is differentiable, so the whole backward is its derivative; for
other members each spike moves as z_t + k_t (r_t - its recorded r_t).
"""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError
from refsbnn.reference import lif, lif_slow
from tests.refsbnn.differences import check_gradient
from tests.refsbnn.reference.test_lif import BERNOULLI, CDF, EPS, given_gradients, layer, seeds, shapes, weights
from tests.refsbnn.reference.test_lif import settings_of_a_neuron as plain

slow = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([0.0, 0.6, 1.0]),
        "adapt": st.sampled_from([0.0, 0.9, -0.4]),
        "adapt_decay": st.sampled_from([0.0, 0.7, 1.0]),
    }
)
settings_of_a_neuron = st.builds(lambda one, other: one | other, plain, slow)
# All states at once, and a reset that covariances lose by: not left to chance.
EVERY = {"noise": "gaussian", "reset": "hard", "accumulate": True, "variance": "linear"}
EVERY |= {"alpha": 0.6, "adapt": 0.9, "adapt_decay": 0.7}


@given(seed=seeds, shape=shapes, recurrent=st.booleans(), kinds=settings_of_a_neuron)
@settings(deadline=None)
def test_forward_is_the_sum_of_drives_that_defines_it(seed: int, shape: tuple, recurrent: bool, kinds: dict) -> None:
    """(3.32): each drive's weight in the membrane, written out; a_t of (3.33) as a sum over all earlier spikes."""
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    z, tape = lif_slow.forward(*arguments[:2], u, weights(arguments), member="st", **kinds)
    beta, alpha, theta, decay = kinds["beta"], kinds["alpha"], kinds["theta"], kinds["adapt_decay"]
    drives, noise = arguments[0].copy(), arguments[1].copy()
    if recurrent:
        drives[1:] += z[:-1] @ arguments[2].T
        noise[1:] += z[:-1] @ arguments[3].T
    for b, i in np.ndindex(shape[1:]):
        held, taken = np.zeros(shape[0]), 0.0
        for t in range(shape[0]):
            fired = z[t - 1, b, i] if t else 0.0
            held *= beta * (1.0 - fired) if kinds["reset"] == "hard" else beta
            current = [alpha ** (t - s) if s <= t else 0.0 for s in range(shape[0])]  # 0^0 is 1: the step's own
            held += current
            taken = beta * taken + (theta * fired if kinds["reset"] == "soft" else 0.0)
            M = held @ drives[:, b, i] - taken
            V = held**2 @ noise[:, b, i] if kinds["accumulate"] else noise[t, b, i]
            a = sum((1.0 - decay) * decay ** (t - 1 - s) * z[s, b, i] for s in range(t))
            # No weight exceeds t + 1 = 5 and no drive 6: under a hundred roundings of 5 * 5 * 6.
            assert abs(tape.M[t, b, i] - M) <= 100 * 150 * EPS
            assert abs(tape.V[t, b, i] - V) <= 100 * 750 * EPS
            assert abs(tape.a[t, b, i] - a) <= 20 * EPS
            if kinds["accumulate"]:
                assert abs(tape.C[t, b, i] - (held * current) @ noise[:, b, i]) <= 100 * 750 * EPS
            pi = CDF[kinds["noise"]]((M - theta - kinds["adapt"] * a) / math.sqrt(V))
            if abs(u[t, b, i] - pi) > 1e-11:  # both cdfs are good to 1e-13; M and V to 1e-12
                assert z[t, b, i] == float(u[t, b, i] < pi)


@given(seed=seeds, shape=shapes, recurrent=st.booleans(), kinds=plain, decay=st.sampled_from([0.0, 0.9]))
@settings(deadline=None)
def test_without_current_and_adaptation_it_is_the_plain_neuron(
    seed: int, shape: tuple, recurrent: bool, kinds: dict, decay: float
) -> None:
    """Forward to the bit, as what is added is 0; backward products are taken in another order."""
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    kinds, g = {**kinds, "member": "trapezoid"}, rng.normal(size=shape)
    z, tape = lif.forward(*arguments[:2], u, weights(arguments), **kinds)
    own, slow_tape = lif_slow.forward(*arguments[:2], u, weights(arguments), adapt_decay=decay, **kinds)
    for one, other in ((z, own), (tape.M, slow_tape.M), (tape.V, slow_tape.V)):
        np.testing.assert_array_equal(one, other)
    want = lif.backward(g, tape, u, weights(arguments), **kinds)
    got = lif_slow.backward(g, slow_tape, u, weights(arguments), adapt_decay=decay, **kinds)
    # Five steps of some ten roundings each, summed over three samples, relative to the largest gradient times what the
    # reset multiplies it with; slopes at r, off by r^2 roundings.
    parts = [np.abs(part).max() for part in (*want[:4], g) if part is not None]
    size = max(parts) * (1.0 + np.abs(tape.M).max() + tape.V.max()) * (1.0 + (tape.M**2 / tape.V).max())
    for one, other in zip(want[:4], got[:4], strict=True):
        assert (one is None) == (other is None)
        assert one is None or np.abs(one - other).max() <= 200 * EPS * size


@given(seed=seeds, shape=shapes, recurrent=st.booleans(), tau=st.sampled_from([0.7, 1.5]), kinds=settings_of_a_neuron)
@settings(deadline=None, max_examples=100)
def test_backward_of_the_relaxation_is_the_derivative_of_its_forward(
    seed: int, shape: tuple, recurrent: bool, tau: float, kinds: dict
) -> None:
    """With a cotangent of everything that the tape holds; decay and threshold of each neuron."""
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    beta, theta = rng.uniform(0.1, 0.9, shape[-1]), rng.uniform(-0.3, 1.0, shape[-1])
    words = {**kinds, "member": f"gs(tau={tau})"}
    g, dM, dV, dC, da = rng.normal(size=(5, *shape))
    dC = dC if kinds["accumulate"] else 0.0 * dC

    def forward(*a: np.ndarray) -> tuple[np.ndarray, ...]:
        *rest, beta, theta = a
        z, tape = lif_slow.forward(*rest[:2], u, weights(list(rest)), **{**words, "beta": beta, "theta": theta})
        return z, tape.M, tape.V, 0.0 * z if tape.C is None else tape.C, tape.a

    each = {**words, "beta": beta, "theta": theta}
    _, tape = lif_slow.forward(*arguments[:2], u, weights(arguments), **each)
    gradients = lif_slow.backward(
        g, tape, u, weights(arguments), dM=dM, dV=dV, dC=None if tape.C is None else dC, da=da, **each
    )
    found = (*given_gradients(gradients, recurrent)[: len(arguments)], gradients.beta, gradients.theta)
    check_gradient(forward, [*arguments, beta, theta], [g, dM, dV, dC, da], found, rng)


def moving_spikes(
    arguments: tuple[np.ndarray, ...], z: np.ndarray, r: np.ndarray, k: np.ndarray, kinds: dict, detached: bool
) -> np.ndarray:
    """Spikes that move by their slope: z_t + k_t (r_t - recorded r_t), with the states written out (theory 3.34)."""
    m, v, *recurrent = arguments
    moved = np.zeros_like(z)
    beta, alpha, decay = kinds["beta"], kinds["alpha"], kinds["adapt_decay"]
    M = V = J = U = C = a = before = frozen = np.zeros(z.shape[1:])
    for t in range(len(z)):
        m_t, v_t = m[t], v[t]
        if recurrent:
            m_t = m_t + np.einsum("ij,bj->bi", recurrent[0], before)
            square = before if kinds["variance"] == "linear" else before**2
            v_t = v_t + np.einsum("ij,bj->bi", recurrent[1], square)
        resetting = frozen if detached else before
        alive = 1 - resetting if kinds["reset"] == "hard" else 1.0
        J, U = alpha * J + m_t, alpha**2 * U + v_t
        M = beta * M * alive + J - (kinds["theta"] * resetting if kinds["reset"] == "soft" else 0.0)
        V = alive * (beta**2 * V + 2 * alpha * beta * C) + U if kinds["accumulate"] else v_t
        C = alpha * beta * alive * C + U
        a = decay * a + (1 - decay) * before  # the threshold is no reset: it moves where that is detached
        moved[t] = z[t] + k[t] * ((M - kinds["theta"] - kinds["adapt"] * a) / np.sqrt(V) - r[t])
        before, frozen = moved[t], z[t]
    return moved


@given(
    seed=seeds, shape=shapes, recurrent=st.booleans(), member=st.sampled_from(BERNOULLI), detached=st.booleans(),
    kinds=settings_of_a_neuron,
)  # fmt: skip
@example(seed=1, shape=(5, 3, 4), recurrent=True, member="st", detached=False, kinds=EVERY)
@settings(deadline=None, max_examples=100)
def test_backward_sends_each_slope_through_time(
    seed: int, shape: tuple, recurrent: bool, member: str, detached: bool, kinds: dict
) -> None:
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    each = [rng.uniform(0.1, 0.9, shape[-1]), rng.uniform(-0.3, 1.0, shape[-1])]
    words = {**kinds, "member": member, "beta": each[0], "theta": each[1]}
    g = rng.normal(size=shape)
    z, tape = lif_slow.forward(*arguments[:2], u, weights(arguments), **words)
    draws = estimators.get(member).draws
    extra = rng.random((draws, *shape)) if draws else None
    gradients = lif_slow.backward(g, tape, u, weights(arguments), reset_gradient=not detached, extra=extra, **words)
    threshold = each[1] + kinds["adapt"] * tape.a
    r = (tape.M - threshold) / np.sqrt(tape.V)
    k = estimators.get(member).slope(z, r, noises.get(kinds["noise"]), u=u, extra=extra)
    # As in test_lif: the rounding of r's own terms, a constant output that only counts in the bound.
    terms = k * (np.abs(tape.M) + np.abs(threshold)) / np.sqrt(tape.V)

    def moved(*a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        *rest, beta, theta = a
        return moving_spikes(tuple(rest), z, r, k, {**words, "beta": beta, "theta": theta}, detached), terms

    # A detached reset leaves out the spike's derivative, not the numbers': theory 3.28.
    found = (*given_gradients(gradients, recurrent)[: len(arguments)], gradients.beta, gradients.theta)
    check_gradient(moved, [*arguments, *each], [g, g], found, rng)


def test_four_steps_by_hand() -> None:
    """beta = alpha = 1/2, theta = 1, adapt 1, its decay 1/2; it fires at the second step alone."""
    m, v = np.array([0.5, 1.0, 0.5, 0.5]).reshape(4, 1, 1), np.ones((4, 1, 1))
    u = np.array([0.999, 0.001, 0.999, 0.999]).reshape(4, 1, 1)
    words = {"beta": 0.5, "theta": 1.0, "alpha": 0.5, "adapt": 1.0, "adapt_decay": 0.5}
    z, tape = lif_slow.forward(m, v, u, noise="gaussian", member="st", **words)
    np.testing.assert_array_equal(z.ravel(), [0, 1, 0, 0])
    # J = .5, 1.25, 1.125, 1.0625; U = 1, 1.25, 1.3125, 1.328125. Binary fractions: exact.
    np.testing.assert_array_equal(tape.M.ravel(), [0.5, 1.5, 1.125, 1.625])
    np.testing.assert_array_equal(tape.C.ravel(), [1.0, 1.5, 1.3125, 1.65625])
    np.testing.assert_array_equal(tape.V.ravel(), [1.0, 2.0, 1.3125, 2.3125])
    np.testing.assert_array_equal(tape.a.ravel(), [0.0, 0.0, 0.5, 0.25])


@given(seed=seeds, recurrent=st.booleans(), kinds=settings_of_a_neuron, cut=st.integers(1, 5), point=st.booleans())
@settings(deadline=None)
def test_two_pieces_are_the_whole(seed: int, recurrent: bool, kinds: dict, cut: int, point: bool) -> None:
    """A sequence cut in two, states handed on and gradients handed back, gives what it gives whole."""
    rng = np.random.default_rng(seed)
    (m, v, *own), u = layer(rng, (6, 2, 3), recurrent)
    recurrent_weights = (own[0], None if point else own[1]) if recurrent else None
    v = None if point else v
    direct = dict(zip(("dM", "dV", "dC", "da"), rng.normal(size=(4, *m.shape)), strict=True))
    g, words = rng.normal(size=m.shape), {**kinds, "member": "trapezoid"}
    z, tape = lif_slow.forward(m, v, u, recurrent_weights, **words)
    if tape.C is None:
        direct["dC"] = 0.0 * m
    whole = lif_slow.backward(g, tape, u, recurrent_weights, **direct, **words)
    assert whole.before is None
    early, late = slice(0, cut), slice(cut, 6)
    parts = [[None if a is None else a[part] for a in (m, v, u)] for part in (early, late)]
    z1, tape1 = lif_slow.forward(*parts[0], recurrent_weights, **words)
    z2, tape2 = lif_slow.forward(*parts[1], recurrent_weights, before=tape1.last, **words)
    np.testing.assert_array_equal(np.concatenate([z1, z2]), z)
    for name in ("M", "a"):
        np.testing.assert_array_equal(np.concatenate([getattr(tape1, name), getattr(tape2, name)]), getattr(tape, name))
    pieces = [{**words, **{name: d[part] for name, d in direct.items()}} for part in (early, late)]
    second = lif_slow.backward(g[late], tape2, u[late], recurrent_weights, **pieces[1])
    first = lif_slow.backward(g[early], tape1, u[early], recurrent_weights, after=second.before, **pieces[0])
    assert first.before is None
    np.testing.assert_array_equal(np.concatenate([first.m, second.m]), whole.m)
    if not point:
        np.testing.assert_array_equal(np.concatenate([first.v, second.v]), whole.v)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": -0.1}, r"adapt_decay are -0.1, 0.0 and 0.9; expected alpha and adapt_decay in \[0, 1\]"),
        ({"adapt_decay": 1.5}, r"alpha, adapt and adapt_decay are 0.0, 0.0 and 1.5"),
        ({"adapt": np.nan}, "alpha, adapt and adapt_decay are 0.0, nan and 0.9"),
        ({"beta": 1.1}, "beta and theta are 1.1 and 1.0"),
        ({"before": lif.State(*np.zeros((3, 3, 4)))}, "the state is a State; expected a SlowState"),
        ({"before": lif_slow.SlowState(*np.zeros((7, 3, 4)))._replace(U=None)}, "the state's U is None"),
        (
            {"before": lif_slow.SlowState(*np.zeros((7, 3, 4))), "accumulate": False},
            "the state's U is not None; the neurons say otherwise",
        ),
        ({"before": lif_slow.SlowState(*np.zeros((7, 3, 5)))}, r"state M has shape \(3, 5\); expected \(3, 4\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    good = {"m": np.zeros((2, 3, 4)), "v": np.ones((2, 3, 4)), "u": np.zeros((2, 3, 4)), "beta": 0.5, "theta": 1.0}
    with pytest.raises(InputError, match=message) as caught:
        lif_slow.forward(**{**good, "noise": "gaussian", "member": "st", **change})
    assert "\n" not in str(caught.value)
