"""Members with a target on {0, 1}: by their weight, E_q[w g(z)] = p0 g(0) + p1 g(1), targets written out here."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import oracle.members
import oracle.noise
from refsbnn import estimators
from refsbnn.errors import InputError
from refsbnn.estimators import IdentitySt, Iwst, Mix, TwoPoint
from refsbnn.estimators.binary import GappedSt, Temp
from refsbnn.noise import GAUSSIAN, LOGISTIC
from tests.refsbnn.estimators.common import BOTH, ONE, ROUNDING, ZERO

unit = st.floats(0, 1)
value = st.floats(-3, 3)


def own_target(r, noise):
    """A user's target: depends on r and on the noise, is negative in places, and has no mass of 1."""
    return 0.1 * np.cos(r), noise.pdf(r)


def tempered(c, pi, rest):
    """Theory 2.20 as it is written there, with the masses apart from one another's tails."""
    lam = c * pi * rest / (1 + c * pi * rest)
    return (1 - lam) * rest + lam / 2, (1 - lam) * pi + lam / 2


def gapped(gap, tau, pi, rest):
    """Theory 2.21: sigma'(a/tau)/tau times dl/dpi = 1/(pi rest), the state's probability taken out."""
    logit = math.log(pi / rest)
    return tuple(
        1 / (2 + 2 * math.cosh(a / tau)) / tau / other for a, other in ((min(logit, -gap), pi), (max(logit, gap), rest))
    )


def members(p, q, lam):
    """Members with proposal Bern(pi), each with its target masses (p0, p1) from pi, 1 - pi, f and r."""
    return (
        (estimators.get("st"), lambda pi, rest, f, r: (rest, pi)),
        (Iwst(p), lambda pi, rest, f, r: (1 - p, p)),
        (Iwst(lambda pi: pi * pi), lambda pi, rest, f, r: (rest * (1 + pi), pi * pi)),
        (Mix(lam), lambda pi, rest, f, r: ((1 - lam) * rest + lam / 2, (1 - lam) * pi + lam / 2)),
        (estimators.get("trapezoid"), lambda pi, rest, f, r: (0.5, 0.5)),
        (TwoPoint((p, q)), lambda pi, rest, f, r: (p, q)),
        (TwoPoint(own_target), lambda pi, rest, f, r: (0.1 * np.cos(r), f)),
        (Temp(4 * lam), lambda pi, rest, f, r: tempered(4 * lam, pi, rest)),
        (GappedSt(p, 0.5 + lam), lambda pi, rest, f, r: gapped(p, 0.5 + lam, pi, rest)),
        (IdentitySt(), lambda pi, rest, f, r: (rest / f, pi / f)),
    )


@BOTH
@given(p=unit, q=value, lam=unit, r=st.floats(-6, 6), g0=value, g1=value)
def test_members_by_their_weight(noise, p, q, lam, r, g0, g1) -> None:
    """Every member in every example, so that an error of one is never left to a draw of its name."""
    for member, target in members(p, q, lam):
        check(member, target, noise, r, g0, g1)


def check(member, target, noise, r, g0, g1) -> None:
    pi, rest, f = float(noise.cdf(r)), float(noise.sf(r)), float(noise.pdf(r))
    p0, p1 = target(pi, rest, f, r)
    at = np.array(r)
    # A target given through pi knows 1 - p(pi) to an absolute eps only; all others to a few relative roundings.
    error0, error1 = ROUNDING * abs(p0) + 4 * np.finfo(float).eps, ROUNDING * abs(p1)
    masses = member.masses(at, noise)
    assert abs(masses[0] - p0) <= error0
    assert abs(masses[1] - p1) <= error1

    bound = error0 * abs(g0) + error1 * abs(g1) + 1e-300
    w0, w1 = member.weight(ZERO, at, noise), member.weight(ONE, at, noise)
    assert abs(rest * w0 * g0 + pi * w1 * g1 - (p0 * g0 + p1 * g1)) <= bound
    # The exact mean of the estimate, by the slopes the backward pass uses: (dpi/dr)(p0 L'(0) + p1 L'(1)).
    mean = rest * member.slope(ZERO, at, noise) * g0 + pi * member.slope(ONE, at, noise) * g1
    assert abs(mean - f * (p0 * g0 + p1 * g1)) <= f * bound + 1e-300


@BOTH
@given(c=st.floats(0, 100), gap=unit, tau=st.floats(0.3, 2), r=st.floats(-6, 6))
def test_the_oracles_members_have_these_masses(noise, c, gap, tau, r) -> None:
    """Its mean slopes times the states' probabilities over f, against the targets written out above."""
    law = oracle.noise.law(oracle.noise.NOISES[noise.name], np.array(r), np.array(1.0))
    pi, rest = float(law.p1), float(law.p0)
    for member, target in (
        (oracle.members.temp(c), tempered(c, pi, rest)),
        (oracle.members.gapped_st(gap, tau), gapped(gap, tau, pi, rest)),
    ):
        found = member.slopes(law).mean * np.array([rest, pi]) / law.f
        # The exponents of a logit, up to 20 over tau, round by as many units.
        assert (np.abs(found - target) <= ROUNDING * (1 + abs(math.log(pi / rest)) / tau) * np.array(target)).all()
    for make in (lambda: oracle.members.temp(-1.0), lambda: oracle.members.gapped_st(-1.0, 1.0)):
        with pytest.raises(oracle.InputError, match=r"is -1\.0; expected a number >= 0"):
            make()


def exact(noise, r):
    """F(r), 1 - F(r) and f(r) in mpmath."""
    if noise is GAUSSIAN:
        return mpmath.ncdf(r), mpmath.ncdf(-r), mpmath.npdf(r)
    return 1 / (1 + mpmath.exp(-r)), 1 / (1 + mpmath.exp(r)), mpmath.sech(r / 2) ** 2 / 4


@BOTH
@pytest.mark.parametrize(
    "member",
    [Temp(0.0), Temp(1.0), Temp(250.0), *(GappedSt(g, t) for g in (0.0, 1.0, 6.0) for t in (0.2, 1.0, 2.5))],
    ids=lambda member: member.name,
)
def test_slopes_and_masses_into_the_tails_are_those_of_mpmath(noise, member) -> None:
    for r in (-30.0, -7.0, -1.3, -1e-3, 0.0, 0.4, 2.0, 11.0):
        with mpmath.workdps(450):  # a logit of 450 keeps its digits
            pi, rest, f = exact(noise, mpmath.mpf(r))
            states = ((0, rest, pi), (1, pi, rest))
            if isinstance(member, Temp):
                lam = member.c * pi * rest / (1 + member.c * pi * rest)
                masses = [(1 - lam) * own + lam / 2 for _, own, _ in states]
            else:
                moved = [max(mpmath.log(own / other), member.gap) / member.tau for _, own, other in states]
                sigmoid = [1 / (1 + mpmath.exp(-a)) for a in moved]
                slope = [s * (1 - s) / member.tau for s in sigmoid]
                masses = [k / other for k, (_, _, other) in zip(slope, states, strict=True)]
            slopes = [float(mass / own * f) for mass, (_, own, _) in zip(masses, states, strict=True)]
            masses = [float(mass) for mass in masses]
            # An exponent of the size of the logit's, its rounding the same number of units.
            units = 1.0 + float(abs(mpmath.log(pi / rest))) / getattr(member, "tau", 1.0)
        found = member.masses(np.array(r), noise)
        for z in (0, 1):
            got = member.slope(np.array(float(z)), np.array(r), noise)
            assert abs(got - slopes[z]) <= ROUNDING * units * slopes[z] + 1e-300, (r, z)
            assert abs(found[z] - masses[z]) <= ROUNDING * units * masses[z] + 1e-300, (r, z)


@BOTH
@given(c=st.floats(0, 1e4), r=st.floats(-1e3, 1e3))
def test_no_weight_of_temp_exceeds_one_and_half_c(noise, c, r) -> None:
    """Theory 2.20: the bound is met in the tail, at the state that cannot occur, and the mass is 1."""
    at, member = np.array(r), Temp(c)
    for h in (ZERO, ONE):
        assert 0.5 <= member.weight(h, at, noise) <= (1 + c / 2) * (1 + ROUNDING)
    assert abs(member.weight(ONE, np.array(-1e3), noise) - (1 + c / 2)) <= ROUNDING * (1 + c / 2)
    assert abs(sum(member.masses(at, noise)) - 1) <= ROUNDING


@BOTH
def test_the_gapped_mass_at_three_probabilities(noise) -> None:
    """The numbers of the table in theory 2, to their two digits: .79, 1.05, 1.16 at pi = .5, .2, .05."""
    r = noise.ppf(np.array([0.5, 0.2, 0.05]))
    assert sum(GappedSt(1.0, 1.0).masses(r, noise)).round(2).tolist() == [0.79, 1.05, 1.16]


@pytest.mark.parametrize(("noise", "far"), [(GAUSSIAN, 1e4), (LOGISTIC, 1e6)], ids=["gaussian", "logistic"])
def test_limits_and_extremes_in_saturation(noise, far) -> None:
    """Theory 2.18: temp tends to 0, gapped-st to sigma'(gap/tau)/tau times the hazard's |r| or 1."""
    share = math.exp(0.25) / (1 + math.exp(0.25)) ** 2 / 2
    rate = far if noise is GAUSSIAN else 1.0
    assert Temp(4.0).slope(ONE, np.array(-far), noise) <= 1e-300
    assert abs(GappedSt(0.5, 2.0).slope(ONE, np.array(-far), noise) / (share * rate) - 1) <= 2e-8  # 1/r^2
    r = np.concatenate([-(10.0 ** np.linspace(-10, 200, 211)), [0.0], 10.0 ** np.linspace(-10, 200, 211)])
    sizes = (1e-8, 0.5, 3.0, 1e8)
    for member in (*map(Temp, sizes), *(GappedSt(gap, tau) for gap in (0.0, 40.0) for tau in sizes)):
        for h in (ZERO, ONE):
            assert np.isfinite(member.slope(h, r, noise)).all()
            assert np.isfinite(member.weight(h, r, noise)).all()
        assert np.isfinite(member.masses(r, noise)).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("temp(c=-1)", r"^temp: c is -1; expected a number >= 0$"),
        ("gapped-st(gap=-1)", r"^gapped-st: gap is -1; expected a number >= 0$"),
        ("gapped-st(tau=0)", r"^gapped-st: tau is 0; expected a number > 0$"),
    ],
)
def test_numbers_out_of_range_are_one_line(spec, message) -> None:
    with pytest.raises(InputError, match=message):
        estimators.get(spec)


@BOTH
@given(r=st.floats(-6, 6))
def test_without_a_gap_at_temperature_one_the_common_state_has_the_slope_of_st(noise, r) -> None:
    """sigma'(logit pi) = pi (1 - pi), which is what dl/dpi undoes."""
    h = ONE if r > 0 else ZERO
    got = GappedSt(0.0, 1.0).slope(h, np.array(r), noise)
    assert abs(got - noise.pdf(r)) <= ROUNDING * (1 + r * r) * noise.pdf(r)
