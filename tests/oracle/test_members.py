"""Members as slopes: their masses on {0, 1}, their order, their limits and what they refuse."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import oracle
from oracle.members import NAMED
from oracle.noise import NOISES, Law, law
from tests.oracle.networks import EPS, SETTINGS

R = np.linspace(-6.0, 6.0, 25)
DISCRETE = [
    oracle.st(),
    *(oracle.member(name) for name in NAMED if name not in ("iwst", "mix")),
    oracle.iwst(0.3),
    oracle.iwst(lambda pi: pi**2),
    oracle.mix(0.4),
    oracle.trapezoid(),
    oracle.agr(0.7),
    oracle.st_gs(0.7),
    oracle.gr(0.7, 3),
    oracle.identity_st(),
    oracle.two_point(lambda pi: (0.2 + 0.0 * pi, pi)),
]


def units(name: str, r: np.ndarray = R) -> Law:
    return law(NOISES[name], r, np.ones_like(r))


def masses(member: oracle.Discrete, here: Law) -> tuple[np.ndarray, np.ndarray]:
    """p_z = P(z) E[k | z] / f: what the member puts on each state (theory 2.3)."""
    mean = member.slopes(here).mean
    return here.p0 * mean[:, 0] / here.f, here.p1 * mean[:, 1] / here.f


@pytest.mark.parametrize("name", list(NOISES))
def test_masses_are_those_of_the_table(name: str) -> None:
    here = units(name)
    pi = here.p1
    half = np.full_like(pi, 0.5)
    expected = {
        oracle.st(): (here.p0, pi),
        oracle.iwst(0.3): (0.7 + 0.0 * pi, 0.3 + 0.0 * pi),
        oracle.iwst(lambda pi: pi**2): (1.0 - pi**2, pi**2),
        oracle.mix(0.4): (0.6 * here.p0 + 0.2, 0.6 * pi + 0.2),
        oracle.mix(0.0): (here.p0, pi),
        oracle.trapezoid(): (half, half),
        oracle.two_point(lambda pi: (0.2 + 0.0 * pi, pi)): (0.2 + 0.0 * pi, pi),
        oracle.identity_st(): (here.p0 / here.f, pi / here.f),
    }
    for member, (p0, p1) in expected.items():
        found = masses(member, here)
        for mass, wanted in zip(found, (p0, p1), strict=True):
            np.testing.assert_allclose(mass, wanted, rtol=32 * EPS, atol=4 * EPS, err_msg=member.name)


@pytest.mark.parametrize("tau", [0.1, 0.7, 3.0])
def test_gaussian_agr_has_the_masses_of_its_closed_form(tau: float) -> None:
    c2 = 1.0 + tau**2
    m1, s1 = R * tau**2 / c2, tau / np.sqrt(c2)
    front = stats.norm.pdf(R, 0.0, np.sqrt(c2)) / stats.norm.pdf(R)
    p0, p1 = masses(oracle.agr(tau), units("gaussian"))
    np.testing.assert_allclose(p1, front * stats.norm.cdf(m1 / s1), rtol=1e-12)
    np.testing.assert_allclose(p0, front * stats.norm.cdf(-m1 / s1), rtol=1e-12)


@pytest.mark.parametrize("name", list(NOISES))
@pytest.mark.parametrize("tau", [0.05, 0.5, 1.0, 4.0])
def test_agr_gr_and_st_gs_share_the_mean_and_are_ordered_in_the_square(name: str, tau: float) -> None:
    here = units(name)
    agr, st_gs = oracle.agr(tau).slopes(here), oracle.st_gs(tau).slopes(here)
    last = st_gs
    for draws in (1, 2, 5, 50):
        gr = oracle.gr(tau, draws).slopes(here)
        np.testing.assert_array_equal(gr.mean, agr.mean)
        assert (gr.square <= last.square * (1 + 4 * EPS)).all()
        np.testing.assert_allclose((gr.square - agr.square) * draws, st_gs.square - agr.square, atol=1e-13 / tau**2)
        last = gr
    assert (agr.square < st_gs.square).all()  # Jensen, strictly: the slope is not constant


@pytest.mark.parametrize("name", list(NOISES))
def test_agr_tends_to_the_trapezoid(name: str) -> None:
    """With a slope of width tau at a = 0 the change is of order tau: f(a) = f(0) + a f'(0) + ..."""
    here = units(name, np.linspace(-2.0, 2.0, 9))
    limit = oracle.trapezoid().slopes(here).mean
    errors = [np.abs(oracle.agr(tau).slopes(here).mean - limit).max() for tau in (1e-2, 1e-3, 1e-4)]
    assert errors[0] < 0.05
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.1)
    assert errors[2] == pytest.approx(errors[1] / 10, rel=0.1)


@SETTINGS
@given(st.sampled_from(DISCRETE), st.sampled_from(list(NOISES)))
def test_states_carry_the_moments_and_a_whole_probability(member: oracle.Discrete, name: str) -> None:
    here = units(name)
    values, p, k = member.states(here)
    np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=4 * EPS)
    mean, square = member.slopes(here)
    for z, chance in ((0.0, here.p0), (1.0, here.p1)):
        given_z = p * (values == z)
        np.testing.assert_allclose(given_z.sum(axis=-1), chance, rtol=4 * EPS)
        np.testing.assert_allclose((given_z * k).sum(axis=-1), chance * mean[:, int(z)], rtol=1e-12)
        np.testing.assert_allclose((given_z * k**2).sum(axis=-1), chance * square[:, int(z)], rtol=1e-12)


@pytest.mark.parametrize("member", DISCRETE, ids=lambda member: member.name)
@pytest.mark.parametrize("name", list(NOISES))
def test_slopes_are_finite_in_saturation_and_none_without_variance(member: oracle.Discrete, name: str) -> None:
    far = law(NOISES[name], np.array([-1e3, -38.0, 38.0, 1e3]), np.ones(4))
    for value in member.slopes(far):
        assert np.isfinite(value).all()
    still = law(NOISES[name], np.array([-1.0, 0.0, 1.0]), np.zeros(3))
    for value in (*member.slopes(still), member.corners(still).slopes):
        assert not value.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: oracle.iwst(1.2), r"p is 1.2; expected a number in \[0, 1\]"),
        (lambda: oracle.mix(-0.1), "lam is -0.1; expected a number >= 0"),
        (lambda: oracle.agr(0.0), "tau is 0.0; expected a number > 0"),
        (lambda: oracle.st_gs("hot"), "tau is 'hot'; expected a number > 0"),
        (lambda: oracle.gr(1.0, 0), "draws is 0; expected an integer >= 1"),
        (lambda: oracle.gr(1.0, 2.5), "draws is 2.5; expected an integer >= 1"),
        (lambda: oracle.two_point(lambda pi: (pi, pi / 0.0 * 0.0)).slopes(units("logistic")), "not finite"),
        (lambda: oracle.member("agr(temperature=2)"), "has the parameter 'temperature'; accepted: tau"),
        (lambda: oracle.member("agr(tau=x)"), "tau is 'x'; expected a number"),
        (lambda: oracle.member("iwst"), "lacks a parameter; it takes p"),
        (lambda: oracle.member("sts"), "member 'sts' is unknown; accepted: st, iwst"),
        (lambda: oracle.member("st()("), "is unknown; accepted"),
        (lambda: oracle.member(None), "member None is unknown"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_what_is_no_member_is_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(oracle.InputError, match=message):
        make()


@pytest.mark.parametrize(
    "name",
    [
        *("st", "iwst(p=0.3)", "mix(lam=0.25)", "trapezoid", "agr(tau=0.5)", "gr(tau=0.5,K=3)", "st-gs(tau=2)"),
        *("identity-st", "gs(tau=0.1)", "uniform", "simpson", "gauss2", "fast-sigmoid(scale=2)", "arctan(scale=1)"),
        *("triangular(scale=0.5)", "gaussian(scale=0.5)"),
    ],
)
def test_names_are_read_and_spelt_the_same(name: str) -> None:
    assert oracle.member(name).name == name


def test_reinmax_is_a_name_of_the_trapezoid() -> None:
    assert oracle.member("reinmax").name == "trapezoid"
