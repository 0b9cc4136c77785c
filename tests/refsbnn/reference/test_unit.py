"""The noisy binary unit: spikes against SciPy's cdf, each member's backward against differences of pi (theory 3.2)."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError
from refsbnn.reference import unit
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
CDF: dict[str, Callable[[np.ndarray], np.ndarray]] = {"gaussian": special.ndtr, "logistic": special.expit}
FAMILY = (
    "st", "iwst(p=0.3)", "mix(lam=0.5)", "trapezoid", "agr(tau=0.7)", "gr(tau=0.7,K=3)", "st-gs(tau=0.7)",
    "gs(tau=0.7)", "uniform", "simpson", "gauss2",
    "quadrature(nodes=[0.2,0.7],weights=[0.3,0.6],probabilities=[0.5,0.5])",  # its weights differ from node to node
)  # fmt: skip
OUTSIDE = ("identity-st", "fast-sigmoid", "arctan", "triangular", "gaussian")
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
noise_names = st.sampled_from(sorted(CDF))
domains = st.sampled_from(unit.DOMAINS)


def moments(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """m, v and u of units that are not saturated: |r| < 3."""
    return rng.uniform(-1.5, 1.5, shape), rng.uniform(0.3, 2.0, shape), rng.integers(1, 2**24, shape) * 2.0**-24


def slopes(g: np.ndarray, h: np.ndarray, m: np.ndarray, v: np.ndarray, u: np.ndarray, **kinds) -> list[np.ndarray]:
    """dm and dv for extra uniforms drawn here where the member asks for them, and those uniforms."""
    draws = estimators.get(kinds["member"]).draws
    extra = np.random.default_rng(0).random((draws, *m.shape)) if draws else None
    return [*unit.backward(g, h, m, v, u, extra=extra, **kinds), extra]


@given(seed=seeds, shape=shapes, noise=noise_names, member=st.sampled_from([*FAMILY[:7], "identity-st"]))
@settings(deadline=None)
def test_a_spike_is_a_uniform_below_pi(seed: int, shape: tuple[int, ...], noise: str, member: str) -> None:
    m, v, u = moments(np.random.default_rng(seed), shape)
    pi = CDF[noise](m / np.sqrt(v))
    sure = np.abs(u - pi) > 1e-12  # both cdfs are good to 1e-13
    z = unit.forward(m, v, u, noise=noise, member=member)
    np.testing.assert_array_equal(z[sure], (u < pi)[sure])
    y = unit.forward(m, v, u, noise=noise, member=member, domain="bipolar")
    np.testing.assert_array_equal(y, 2 * z - 1)


def test_surrogates_fire_above_zero_whatever_the_uniform() -> None:
    m, v, u = np.array([-0.1, 0.1, 0.0]), np.ones(3), np.array([0.0, 0.999, 0.0])
    for member in OUTSIDE[1:]:
        np.testing.assert_array_equal(unit.forward(m, v, u, noise="logistic", member=member), [0.0, 1.0, 0.0])


@given(seed=seeds, shape=shapes, noise=noise_names, member=st.sampled_from(FAMILY), domain=domains)
@settings(deadline=None, max_examples=200)
def test_backward_is_the_weight_times_the_derivative_of_pi(
    seed: int, shape: tuple[int, ...], noise: str, member: str, domain: str
) -> None:
    """With h and its weight held, the estimator is the derivative of g w pi(m, v); bipolar values count twice."""
    rng = np.random.default_rng(seed)
    m, v, u = moments(rng, shape)
    g, kinds = rng.normal(size=shape), {"noise": noise, "member": member, "domain": domain}
    h = unit.forward(m, v, u, **kinds)
    dm, dv, extra = slopes(g, h, m, v, u, **kinds)
    state, factor = (h, 1.0) if domain == "binary" else ((h + 1) / 2, 2.0)
    w = estimators.get(member).weight(state, m / np.sqrt(v), noises.get(noise), u=u, extra=extra)
    check_gradient(lambda a, b: (CDF[noise](a / np.sqrt(b)),), [m, v], [factor * g * w], [dm, dv], rng)


@given(seed=seeds, shape=shapes, noise=noise_names, tau=st.sampled_from([0.5, 1.0, 2.0]), domain=domains)
@settings(deadline=None)
def test_backward_of_the_relaxation_is_the_derivative_of_its_forward(
    seed: int, shape: tuple[int, ...], noise: str, tau: float, domain: str
) -> None:
    rng = np.random.default_rng(seed)
    m, v, u = moments(rng, shape)
    g, kinds = rng.normal(size=shape), {"noise": noise, "member": f"gs(tau={tau})", "domain": domain}
    gradients = unit.backward(g, unit.forward(m, v, u, **kinds), m, v, u, **kinds)
    check_gradient(lambda a, b: (unit.forward(a, b, u, **kinds),), [m, v], [g], gradients, rng)


@given(seed=seeds, shape=shapes, member=st.sampled_from(OUTSIDE), domain=domains)
@settings(deadline=None)
def test_backward_outside_the_family_is_a_slope_in_r(
    seed: int, shape: tuple[int, ...], member: str, domain: str
) -> None:
    rng = np.random.default_rng(seed)
    m, v, u = moments(rng, shape)
    g, kinds = rng.normal(size=shape), {"noise": "gaussian", "member": member, "domain": domain}
    h = unit.forward(m, v, u, **kinds)
    k = estimators.get(member).slope(h, m / np.sqrt(v), noises.GAUSSIAN, u=u)
    factor = 1.0 if domain == "binary" else 2.0
    gradients = unit.backward(g, h, m, v, u, **kinds)
    check_gradient(lambda a, b: (a / np.sqrt(b),), [m, v], [factor * g * k], gradients, rng)


@given(seed=seeds, noise=noise_names, member=st.sampled_from(FAMILY + OUTSIDE), power=st.integers(-30, 30))
@settings(deadline=None)
def test_scaling_mean_and_deviation_together_changes_no_spike(seed: int, noise: str, member: str, power: int) -> None:
    """By a power of two, so to the bit: r is the same number, and the gradients scale back."""
    rng = np.random.default_rng(seed)
    m, v, u = moments(rng, (4,))
    g, scale, kinds = rng.normal(size=4), 2.0**power, {"noise": noise, "member": member}
    h, scaled = (unit.forward(m * c, v * c * c, u, **kinds) for c in (1.0, scale))
    np.testing.assert_array_equal(h, scaled)
    dm, dv, _ = slopes(g, h, m, v, u, **kinds)
    dm_scaled, dv_scaled, _ = slopes(g, h, m * scale, v * scale * scale, u, **kinds)
    np.testing.assert_array_equal(dm_scaled * scale, dm)
    np.testing.assert_array_equal(dv_scaled * scale * scale, dv)


@pytest.mark.parametrize("member", FAMILY + OUTSIDE)
@pytest.mark.parametrize("noise", sorted(CDF))
def test_a_unit_without_variance_fires_above_zero_and_has_no_slope(noise: str, member: str) -> None:
    m, v, u = np.array([-0.5, 0.0, 0.5, 0.5]), np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.999, 0.25])
    kinds = {"noise": noise, "member": member}
    h = unit.forward(m, v, u, **kinds)
    np.testing.assert_array_equal(h[:3], [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(unit.forward(m, v, u, domain="bipolar", **kinds)[:3], [-1.0, -1.0, 1.0])
    dm, dv, _ = slopes(np.full(4, 2.0), h, m, v, u, **kinds)
    assert not dm[:3].any()
    assert not dv[:3].any()
    assert np.isfinite([dm[3], dv[3]]).all()


@pytest.mark.parametrize("member", FAMILY + OUTSIDE)
@pytest.mark.parametrize("noise", sorted(CDF))
def test_saturated_units_have_finite_gradients(noise: str, member: str) -> None:
    """Far in the tails, with next to no variance, and at the lowest uniform."""
    m = np.array([40.0, -40.0, 800.0, -800.0, 1.0, -1.0, 1e-3])
    v = np.array([1.0, 1.0, 1.0, 1.0, 1e-100, 1e-100, 1e100])
    for u in (np.zeros(7), np.full(7, 1 - 2.0**-24)):
        h = unit.forward(m, v, u, noise=noise, member=member)
        dm, dv, _ = slopes(np.ones(7), h, m, v, u, noise=noise, member=member)
        assert np.isfinite(dm).all()
        assert np.isfinite(dv).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": -np.ones(3)}, "v holds the negative value -1; expected numbers >= 0"),
        ({"v": np.ones(2)}, r"v has shape \(2,\); expected \(3\)"),
        ({"u": np.ones(3)}, r"u holds 1; expected uniforms in \[0, 1\)"),
        ({"u": -np.ones(3)}, "u holds the negative value"),
        ({"m": np.array([np.nan, 0, 0])}, "m holds NaN or infinity"),
        ({"noise": "cauchy"}, "noise is 'cauchy'"),
        ({"member": "straight"}, "estimator is 'straight'; accepted: st, "),
        ({"domain": "real"}, "domain is 'real'; accepted: 'binary', 'bipolar'"),
        ({"g": np.ones(4)}, r"g has shape \(4,\); expected \(3\)"),
        ({"h": np.ones(4)}, r"h has shape \(4,\); expected \(3\)"),
        ({"member": "gr"}, "needs `extra`"),
    ],
)
def test_bad_input_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    good = {"m": np.zeros(3), "v": np.ones(3), "u": np.zeros(3), "noise": "gaussian", "member": "st"}
    given_ = {**good, **change}
    with pytest.raises(InputError, match=message) as caught:
        unit.backward(**{"g": np.ones(3), "h": np.ones(3), **given_})
    assert "\n" not in str(caught.value)
    if not {"g", "h"} & set(change) and change != {"member": "gr"}:
        with pytest.raises(InputError, match=message):
            unit.forward(**given_)
