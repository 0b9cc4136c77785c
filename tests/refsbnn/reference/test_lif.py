"""LIF layer: forward against neurons written out one by one, backward through time by finite differences.

Two checks of the backward. With the relaxation `gs` the forward is differentiable, so the whole backward is its
derivative. For any other member the backward is linear in the slopes k_t, and is the derivative of a forward in which
each spike moves as z_t + k_t (r_t - its recorded r_t); detached, the reset sees the recorded spikes instead.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError
from refsbnn.reference import lif, unit
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
CDF = {"gaussian": special.ndtr, "logistic": special.expit}
BERNOULLI = ("st", "trapezoid", "agr(tau=0.7)", "gr(tau=0.7,K=2)", "st-gs(tau=1)")
seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))
settings_of_a_neuron = st.fixed_dictionaries(
    {
        "beta": st.sampled_from([0.0, 0.5, 0.9, 1.0]),
        "theta": st.sampled_from([-0.3, 0.4, 1.0]),
        "noise": st.sampled_from(sorted(CDF)),
        "reset": st.sampled_from(lif.RESETS),
        "accumulate": st.booleans(),
        "variance": st.sampled_from(["linear", "quadratic"]),
    }
)


def layer(rng: np.random.Generator, shape: tuple[int, ...], recurrent: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """m, v and, where asked for, recurrent mu and sigma2; and u."""
    arguments = [rng.uniform(-1.0, 1.5, shape), rng.uniform(0.5, 2.0, shape)]
    if recurrent:
        arguments += [rng.uniform(-1.0, 1.0, shape[-1:] * 2), rng.uniform(0.2, 1.0, shape[-1:] * 2)]
    return arguments, rng.integers(1, 2**24, shape) * 2.0**-24


def weights(arguments: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    return (arguments[2], arguments[3]) if len(arguments) == 4 else None


def given_gradients(gradients: lif.LIFGradients, recurrent: bool) -> tuple[np.ndarray | None, ...]:
    """The gradients in the order of the arguments."""
    assert (gradients.recurrent_mu is None) == (gradients.recurrent_sigma2 is None) == (not recurrent)
    return gradients if recurrent else gradients[:2]


@given(seed=seeds, shape=shapes, recurrent=st.booleans(), kinds=settings_of_a_neuron)
@settings(deadline=None)
def test_forward_is_each_neuron_written_out(seed: int, shape: tuple, recurrent: bool, kinds: dict) -> None:
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    m, v = arguments[:2]
    z, tape = lif.forward(m, v, u, weights(arguments), member="st", **kinds)
    assert tape.z is z
    beta, theta, cdf = kinds["beta"], kinds["theta"], CDF[kinds["noise"]]
    for b, i in np.ndindex(shape[1:]):
        M = V = fired = 0.0
        for t in range(shape[0]):
            alive = 1.0 - fired if kinds["reset"] == "hard" else 1.0
            own_m, own_v = m[t, b, i], v[t, b, i]
            if recurrent and t > 0:  # the others' spikes are taken from the layer: each neuron is checked alone
                own_m += sum(arguments[2][i, j] for j in range(shape[2]) if z[t - 1, b, j])
                own_v += sum(arguments[3][i, j] for j in range(shape[2]) if z[t - 1, b, j])
            M = beta * M * alive + own_m - (theta * fired if kinds["reset"] == "soft" else 0.0)
            V = (beta * beta * V * alive if kinds["accumulate"] else 0.0) + own_v
            # No term exceeds 6 and each step adds under ten roundings to them.
            assert abs(tape.M[t, b, i] - M) <= 10 * 6 * shape[0] * EPS
            assert abs(tape.V[t, b, i] - V) <= 10 * 6 * shape[0] * EPS
            fired = z[t, b, i]
            pi = cdf((M - theta) / math.sqrt(V))
            if abs(u[t, b, i] - pi) > 1e-12:  # both cdfs are good to 1e-13
                assert fired == float(u[t, b, i] < pi)


@given(seed=seeds, shape=shapes, recurrent=st.booleans(), tau=st.sampled_from([0.7, 1.5]), kinds=settings_of_a_neuron)
@settings(deadline=None, max_examples=150)
def test_backward_of_the_relaxation_is_the_derivative_of_its_forward(
    seed: int, shape: tuple, recurrent: bool, tau: float, kinds: dict
) -> None:
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    kinds = {**kinds, "member": f"gs(tau={tau})"}
    g = rng.normal(size=shape)
    _, tape = lif.forward(*arguments[:2], u, weights(arguments), **kinds)
    gradients = lif.backward(g, tape, u, weights(arguments), **kinds)
    check_gradient(
        lambda *a: (lif.forward(*a[:2], u, weights(list(a)), **kinds)[0],),
        arguments,
        [g],
        given_gradients(gradients, recurrent),
        rng,
    )


def moving_spikes(
    arguments: tuple[np.ndarray, ...], z: np.ndarray, r: np.ndarray, k: np.ndarray, kinds: dict, detached: bool
) -> np.ndarray:
    """Spikes that move by their slope: z_t + k_t (r_t - recorded r_t), with the membrane written out (theory 3.12)."""
    m, v, *recurrent = arguments
    moved = np.zeros_like(z)
    M = V = before = frozen = np.zeros(z.shape[1:])
    for t in range(len(z)):
        m_t, v_t = m[t], v[t]
        if recurrent:
            m_t = m_t + np.einsum("ij,bj->bi", recurrent[0], before)
            square = before if kinds["variance"] == "linear" else before**2
            v_t = v_t + np.einsum("ij,bj->bi", recurrent[1], square)
        resetting = frozen if detached else before
        alive = 1 - resetting if kinds["reset"] == "hard" else 1.0
        M = kinds["beta"] * M * alive + m_t - (kinds["theta"] * resetting if kinds["reset"] == "soft" else 0.0)
        V = (kinds["beta"] ** 2 * V * alive if kinds["accumulate"] else 0.0) + v_t
        moved[t] = z[t] + k[t] * ((M - kinds["theta"]) / np.sqrt(V) - r[t])
        before, frozen = moved[t], z[t]
    return moved


@given(
    seed=seeds,
    shape=shapes,
    recurrent=st.booleans(),
    member=st.sampled_from(BERNOULLI),
    detached=st.booleans(),
    kinds=settings_of_a_neuron,
)
@settings(deadline=None, max_examples=150)
def test_backward_sends_each_slope_through_time(
    seed: int, shape: tuple, recurrent: bool, member: str, detached: bool, kinds: dict
) -> None:
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    g = rng.normal(size=shape)
    z, tape = lif.forward(*arguments[:2], u, weights(arguments), member=member, **kinds)
    draws = estimators.get(member).draws
    extra = rng.random((draws, *shape)) if draws else None
    gradients = lif.backward(
        g, tape, u, weights(arguments), member=member, reset_gradient=not detached, extra=extra, **kinds
    )
    r = (tape.M - kinds["theta"]) / np.sqrt(tape.V)
    k = estimators.get(member).slope(z, r, noises.get(kinds["noise"]), u=u, extra=extra)
    # The spikes move by k (r - recorded r), which cancels: the rounding is that of r's own terms, a constant output
    # that only counts in the bound.
    terms = k * (np.abs(tape.M) + abs(kinds["theta"])) / np.sqrt(tape.V)
    check_gradient(
        lambda *a: (moving_spikes(a, z, r, k, kinds, detached), terms),
        arguments,
        [g, g],
        given_gradients(gradients, recurrent),
        rng,
    )


@given(
    seed=seeds, shape=shapes, recurrent=st.booleans(), member=st.sampled_from([*BERNOULLI[:3], "gs(tau=0.9)"]),
    kinds=settings_of_a_neuron, both=st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_decays_and_thresholds_of_each_neuron_have_their_gradients(
    seed: int, shape: tuple, recurrent: bool, member: str, kinds: dict, both: bool
) -> None:
    """Theory 3.27, 3.28: of the relaxation by its forward pass, of members by spikes that move by their slope."""
    rng = np.random.default_rng(seed)
    arguments, u = layer(rng, shape, recurrent)
    theta = rng.uniform(-0.3, 1.0, shape[-1])
    each = [rng.uniform(0.1, 0.9, shape[-1]), theta if both else np.full(shape[-1], kinds["theta"])]
    g, own = rng.normal(size=shape), weights(arguments)
    words = {**kinds, "member": member, "beta": each[0], "theta": theta if both else kinds["theta"]}
    z, tape = lif.forward(*arguments[:2], u, own, **words)
    gradients = lif.backward(g, tape, u, own, **words)
    r = (tape.M - each[1]) / np.sqrt(tape.V)
    k = np.zeros_like(r) if member[:3] == "gs(" else estimators.get(member).slope(z, r, noises.get(kinds["noise"]), u=u)
    terms = k * (np.abs(tape.M) + np.abs(each[1])) / np.sqrt(tape.V)

    def moved(*a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        *rest, beta, theta = a
        if member[:3] == "gs(":
            return lif.forward(*rest[:2], u, weights(rest), **{**words, "beta": beta, "theta": theta})[0], terms
        return moving_spikes(tuple(rest), z, r, k, {**kinds, "beta": beta, "theta": theta}, False), terms

    assert (gradients.theta is None) == (not both)
    expected = (*given_gradients(gradients, recurrent)[: len(arguments)], gradients.beta, gradients.theta)
    check_gradient(moved, [*arguments, *each], [g, g], expected, rng)


@pytest.mark.parametrize(
    ("reset", "accumulate", "M", "V"),
    [
        ("hard", True, [0.5, 1.25, 0.5, 0.75], [1.0, 1.25, 1.0, 1.25]),
        ("hard", False, [0.5, 1.25, 0.5, 0.75], [1.0, 1.0, 1.0, 1.0]),
        ("soft", True, [0.5, 1.25, 0.125, 0.5625], [1.0, 1.25, 1.3125, 1.328125]),
    ],
)
def test_four_steps_by_hand(reset: str, accumulate: bool, M: list[float], V: list[float]) -> None:
    """beta = 1/2, theta = 1, input 1/2, 1, 1/2, 1/2; the uniforms make it fire at the second step alone."""
    m, v = np.array([0.5, 1.0, 0.5, 0.5]).reshape(4, 1, 1), np.ones((4, 1, 1))
    u = np.array([0.999, 0.001, 0.999, 0.999]).reshape(4, 1, 1)
    z, tape = lif.forward(
        m, v, u, beta=0.5, theta=1.0, noise="gaussian", member="st", reset=reset, accumulate=accumulate
    )
    np.testing.assert_array_equal(z.ravel(), [0, 1, 0, 0])
    np.testing.assert_array_equal(tape.M.ravel(), M)  # binary fractions: exact
    np.testing.assert_array_equal(tape.V.ravel(), V)


@given(seed=seeds, noise=st.sampled_from(sorted(CDF)), reset=st.sampled_from(lif.RESETS))
@settings(deadline=None)
def test_one_step_is_a_unit_with_a_threshold_on_any_axes(seed: int, noise: str, reset: str) -> None:
    rng = np.random.default_rng(seed)
    (m, v), u = layer(rng, (1, 2, 3, 4, 2), recurrent=False)
    g = rng.normal(size=m.shape)
    z, tape = lif.forward(m, v, u, beta=0.9, theta=0.4, noise=noise, member="trapezoid", reset=reset)
    h = unit.forward(m - 0.4, v, u, noise=noise, member="trapezoid")
    np.testing.assert_array_equal(z, h)
    gradients = lif.backward(g, tape, u, beta=0.9, theta=0.4, noise=noise, member="trapezoid", reset=reset)
    expected = unit.backward(g, h, m - 0.4, v, u, noise=noise, member="trapezoid")
    np.testing.assert_array_equal(gradients[:2], expected)


@pytest.mark.parametrize("reset", lif.RESETS)
def test_a_silent_input_neither_fires_nor_has_a_slope_but_passes_gradients_on(reset: str) -> None:
    """No input at the first step: M = V = 0, a reachable state (theory 3.17). The second step's gradient reaches it."""
    m, v, u = np.array([0.0, 0.5]).reshape(2, 1, 1), np.array([0.0, 1.0]).reshape(2, 1, 1), np.full((2, 1, 1), 0.5)
    kinds = {"beta": 0.5, "theta": 1.0, "noise": "gaussian", "member": "st", "reset": reset}
    z, tape = lif.forward(m, v, u, **kinds)
    np.testing.assert_array_equal(z, np.zeros((2, 1, 1)))
    gradients = lif.backward(np.ones((2, 1, 1)), tape, u, **kinds)
    dm, dv = gradients.m.ravel(), gradients.v.ravel()
    phi = math.exp(-0.125) / math.sqrt(2 * math.pi)  # s = 1
    assert abs(dm[1] - phi) <= 4 * EPS * phi
    assert dv[1] == 0.25 * dm[1]  # -c m / (2 s^3) with m = -1/2
    assert (dm[0], dv[0]) == (0.5 * dm[1], 0.25 * dv[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": -np.ones((2, 3, 4))}, "v holds the negative value -1"),
        ({"v": np.ones((2, 3))}, r"v has shape \(2, 3\); expected \(2, 3, 4\)"),
        ({"u": np.full((2, 3, 4), 1.5)}, r"u holds 1.5; expected uniforms in \[0, 1\)"),
        ({"beta": -0.1}, r"beta and theta are -0.1 and 1.0; expected beta in \[0, 1\]"),
        ({"beta": 1.1}, "beta and theta are 1.1 and 1.0"),
        ({"theta": np.nan}, "beta and theta are 0.5 and nan"),
        ({"reset": "none"}, "reset is 'none'; accepted: 'hard', 'soft'"),
        ({"member": "relu"}, "estimator is 'relu'"),
        ({"noise": "uniform"}, "noise is 'uniform'"),
        ({"recurrent": (np.ones((4, 3)), np.ones((4, 3)))}, r"recurrent mu has shape \(4, 3\); expected \(4, 4\)"),
        ({"recurrent": (np.ones((4, 4)), -np.ones((4, 4)))}, "recurrent sigma2 holds the negative value"),
        ({"recurrent": (np.ones((4, 4)), np.ones((4, 4))), "variance": "cubic"}, "variance is 'cubic'"),
        ({name: np.ones(2) / 2 for name in "mvu"}, r"m has shape \(2,\); expected \(T, batch, \*units\)"),
        (
            {**{name: np.ones((2, 3, 4, 4)) / 2 for name in "mvu"}, "recurrent": (np.ones((4, 4)), np.ones((4, 4)))},
            r"m has shape \(2, 3, 4, 4\); expected \(T, batch, units\) with recurrent weights",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    good = {"m": np.zeros((2, 3, 4)), "v": np.ones((2, 3, 4)), "u": np.zeros((2, 3, 4)), "beta": 0.5, "theta": 1.0}
    with pytest.raises(InputError, match=message) as caught:
        lif.forward(**{**good, "noise": "gaussian", "member": "st", **change})
    assert "\n" not in str(caught.value)


def test_backward_refuses_what_does_not_fit_the_tape() -> None:
    ones = np.ones((2, 3, 4))
    _, tape = lif.forward(ones, ones, 0 * ones, beta=0.5, theta=1.0, noise="gaussian", member="st")
    call: Callable[..., object] = lambda **k: lif.backward(  # noqa: E731
        **{"g": ones, "tape": tape, "u": 0 * ones, "beta": 0.5, "theta": 1.0, "noise": "gaussian", "member": "st", **k}
    )
    for change, message in (
        ({"g": ones[0]}, r"g has shape \(3, 4\); expected \(2, 3, 4\)"),
        ({"u": ones[0]}, r"u has shape"),
        ({"reset": "x"}, "reset is 'x'"),
        ({"member": "gr(K=2)"}, "needs `extra`"),
        ({"member": "gr(K=2)", "extra": ones}, r"extra has shape \(2, 3, 4\); expected \(any, 2, 3, 4\)"),
    ):
        with pytest.raises(InputError, match=message):
            call(**change)


@given(seed=seeds, recurrent=st.booleans(), kinds=settings_of_a_neuron, cut=st.integers(1, 5), point=st.booleans())
@settings(deadline=None)
def test_two_pieces_are_the_whole(seed: int, recurrent: bool, kinds: dict, cut: int, point: bool) -> None:
    """A sequence cut in two, states handed on and gradients handed back, gives what it gives whole."""
    rng = np.random.default_rng(seed)
    (m, v, *own), u = layer(rng, (6, 2, 3), recurrent)
    recurrent_weights = (own[0], None if point else own[1]) if recurrent else None
    v = None if point else v
    g, dM, dV = rng.normal(size=(3, *m.shape))
    words = {**kinds, "member": "trapezoid"}
    z, tape = lif.forward(m, v, u, recurrent_weights, **words)
    whole = lif.backward(g, tape, u, recurrent_weights, dM=dM, dV=dV, **words)
    assert whole.before is None

    def piece(a: np.ndarray | None, part: slice) -> np.ndarray | None:
        return None if a is None else a[part]

    early, late = slice(0, cut), slice(cut, 6)
    z1, tape1 = lif.forward(m[early], piece(v, early), u[early], recurrent_weights, **words)
    z2, tape2 = lif.forward(m[late], piece(v, late), u[late], recurrent_weights, before=tape1.last, **words)
    np.testing.assert_array_equal(np.concatenate([z1, z2]), z)
    np.testing.assert_array_equal(np.concatenate([tape1.M, tape2.M]), tape.M)
    parts = [{**words, "dM": dM[part], "dV": dV[part]} for part in (early, late)]
    second = lif.backward(g[late], tape2, u[late], recurrent_weights, **parts[1])
    first = lif.backward(g[early], tape1, u[early], recurrent_weights, after=second.before, **parts[0])
    assert first.before is None
    np.testing.assert_array_equal(np.concatenate([first.m, second.m]), whole.m)
    if not point:
        np.testing.assert_array_equal(np.concatenate([first.v, second.v]), whole.v)
    if recurrent:  # the same terms, added in two groups: a handful of roundings of their absolute sum
        bound = 50 * EPS * np.einsum("tbi,tbj->ij", np.abs(whole.m[1:]), z[:-1])
        assert (np.abs(first.recurrent_mu + second.recurrent_mu - whole.recurrent_mu) <= bound).all()
