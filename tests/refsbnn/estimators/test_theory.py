"""What docs/theory.md says of one unit beside its formulas: identities, the optimum, and the table of masses."""

import re
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

import oracle
from refsbnn import estimators
from refsbnn.estimators import Agr, TwoPoint
from refsbnn.noise import GAUSSIAN, LOGISTIC
from tests.refsbnn.estimators.common import BOTH, ONE, ROUNDING, ZERO
from validation.evidence import single

THEORY = (Path(__file__).parents[3] / "docs" / "theory.md").read_text(encoding="utf-8")
numbers = st.integers(-64, 64).map(lambda k: k / 32)  # so that sums of a few are exact
r_body = st.floats(-3, 3)


@BOTH
@given(p0=numbers, p1=numbers, a=numbers, b=numbers, r=r_body)
def test_variance_of_a_two_point_member(noise, p0, p1, a, b, r) -> None:
    """Theory 2.4: the oracle's variance over both states, with L'(1) = a and L'(0) = b."""
    loss = (0.0, b, (a - b) / 2)
    found = single.estimate(noise.name, r, loss, oracle.two_point(lambda pi: (p0 + 0.0 * pi, p1 + 0.0 * pi)))
    f, pi, q = noise.pdf(r), noise.cdf(r), noise.sf(r)
    want = f**2 * (p1 * q * a - p0 * pi * b) ** 2 / (pi * q)
    # The oracle subtracts the squared mean from the mean square; both are sums of a few products.
    assert abs(found.variance - want) <= ROUNDING * (found.square + want) + 1e-300


@given(tau=st.floats(0.05, 8))
def test_the_mass_of_agr_is_one_at_one_distance(tau) -> None:
    c2 = 1 + tau**2
    r = np.sqrt(c2 * np.log(c2)) / tau
    for sign in (1, -1):
        # exp(b^2 r^2 / 2) = sqrt(c2): the exponent ln(c2) / 2 is below 2.1, its rounding a few units.
        assert abs(sum(Agr(tau).masses(np.array(sign * r), GAUSSIAN)) - 1) <= ROUNDING
    inside, outside = (sum(Agr(tau).masses(np.array(x * r), GAUSSIAN)) for x in (0.9, 1.1))
    assert inside < 1 < outside


@BOTH
@given(tau=st.floats(0.05, 8), r=st.floats(-12, 12))
def test_the_slopes_of_agr_average_to_the_density_of_the_relaxed_sum(noise, tau, r) -> None:
    """Gaussian: N(r; 0, 1 + tau^2). Any noise: the density of tau X + Y, which for the logistic has no short form."""
    if noise is LOGISTIC:
        tau = 1.0
    member, at = Agr(tau), np.array(r)
    mean = noise.cdf(r) * member.slope(ONE, at, noise) + noise.sf(r) * member.slope(ZERO, at, noise)
    with mpmath.workdps(40):
        if noise is GAUSSIAN:
            want = mpmath.npdf(r, 0, mpmath.sqrt(1 + mpmath.mpf(tau) ** 2))
        else:  # e^x (x - 2 + (x + 2) e^-x) / (1 - e^-x)^3 e^-x: of two standard logistics, 1/6 at 0
            x = abs(mpmath.mpf(r))
            y = mpmath.exp(-x)
            want = mpmath.mpf(1) / 6 if x < 1e-8 else y * ((x - 2) + (x + 2) * y) / (1 - y) ** 3
    assert abs(mean / float(want) - 1) <= ROUNDING * (1 + r * r)


@pytest.mark.parametrize("draws", [1, 10, 100])
@BOTH
@given(r=r_body, seed=st.integers(0, 2**32 - 1))
def test_the_least_mean_squared_error(noise, draws, r, seed) -> None:
    """Theory 2.22: the oracle's bias^2 + variance/n around p1* is a parabola with its vertex there."""
    loss = np.random.default_rng(seed).normal(size=5)
    polynomial, f = Polynomial(loss), float(noise.pdf(r))
    a, b = polynomial.deriv()(1.0), polynomial.deriv()(0.0)
    pi, q = float(noise.cdf(r)), float(noise.sf(r))
    D, C, whole = a - b, q * a + pi * b, polynomial(1.0) - polynomial(0.0)
    curvature = D**2 + C**2 / (draws * pi * q)
    best = (D * (whole - b) + C * b / (draws * q)) / curvature

    def error(p1: float) -> float:
        found = single.estimate(noise.name, r, loss, oracle.two_point(lambda x: (1.0 - p1 + 0.0 * x, p1 + 0.0 * x)))
        return float(found.bias**2 + found.variance / draws)

    # Sums of squares that are larger than what is left of them, by what the squared terms are.
    step, size = 0.5, f**2 * ((abs(best) + 1) ** 2 * (a**2 + b**2) / (pi * q) + whole**2)
    for side in (-step, step):
        assert abs(error(best + side) - error(best) - f**2 * curvature * step**2) <= 10 * ROUNDING * size


@given(a=numbers, b=numbers, pi=st.floats(0.01, 0.99), draws=st.integers(1, 100))
def test_the_optimum_for_a_quadratic_loss_is_a_shifted_mix(a, b, pi, draws) -> None:
    """Theory 2.22's second line from its first, in rational arithmetic as far as mpmath's 60 digits are that."""
    with mpmath.workdps(60):
        a, b, pi = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(pi)
        q = 1 - pi
        D, C = a - b, q * a + pi * b
        if abs(C) < 1e-6:
            return
        whole = (D * D / 2 + C * b / (draws * q)) / (D**2 + C**2 / (draws * pi * q))
        kappa = draws * pi * q * D**2 / C**2
        lam = kappa / (1 + kappa)
        assert abs(whole - (pi + kappa / 2 - pi * q * D / C) / (1 + kappa)) <= 1e-30 * (1 + abs(whole))
        assert abs(whole - ((1 - lam) * pi + lam / 2 - (1 - lam) * pi * q * D / C)) <= 1e-30 * (1 + abs(whole))
        c = draws * D**2 / C**2
        assert abs(lam - c * pi * q / (1 + c * pi * q)) <= 1e-30  # that of temp


def reinmax(r: np.ndarray, noise) -> tuple[np.ndarray, np.ndarray]:
    """ReinMax as its authors write it: 2 sigma'(logit (pi + z)/2) - sigma'(logit pi)/2, over sigma'(logit pi)."""
    pi, q = noise.cdf(r), noise.sf(r)
    moved = [(pi + z) / 2 for z in (0.0, 1.0)]
    return tuple(own * (2 * x * (1 - x) - pi * q / 2) / (pi * q) for own, x in zip((q, pi), moved, strict=True))


def reinmax_rao(r: np.ndarray, noise) -> tuple[np.ndarray, np.ndarray]:
    """Row 2 of the table: agr's slope in the place of sigma' at the moved logit."""
    pi, q = noise.cdf(r), noise.sf(r)
    masses = []
    for z, own in ((0.0, q), (1.0, pi)):
        slope = Agr(0.7).slope(np.array(z), noise.ppf((pi + z) / 2), LOGISTIC)
        masses.append(own * (2 * slope - pi * q / 2) / (pi * q))
    return masses[0], masses[1]


def decoupled(r: np.ndarray, noise) -> tuple[np.ndarray, np.ndarray]:
    """Row 4: st times the ratio of two logistic densities, tau_f = 1 and tau_b = 2."""
    l = LOGISTIC.ppf(noise.cdf(r))
    scale = LOGISTIC.pdf(l / 2) / 2 / LOGISTIC.pdf(l)
    return noise.sf(r) * scale, noise.cdf(r) * scale


NAMED = {
    "ReinMax [4]": TwoPoint(reinmax),
    "ReinMax-Rao": TwoPoint(reinmax_rao),
    "Gapped ST": estimators.get("gapped-st(gap=1,tau=1)"),
    "Decoupled ST": TwoPoint(decoupled),
}


@pytest.mark.parametrize("row", NAMED)
def test_the_masses_of_the_table(row: str) -> None:
    """Each number is the oracle's mean for L = z over f, with the logistic noise these estimators are written for."""
    told = re.search(
        rf"^\| {re.escape(row)}[^|]*\|.*?\| (\d\.\d\d) \| (\d\.\d\d) \| (\d\.\d\d) \|$", THEORY, re.MULTILINE
    )
    for pi, said in zip((0.5, 0.2, 0.05), told.groups(), strict=True):
        r = float(LOGISTIC.ppf(pi))
        member = NAMED[row]
        masses = oracle.two_point(lambda x, r=r, member=member: member.masses(np.full(x.shape, r), LOGISTIC))
        mean = single.estimate("logistic", r, (0.0, 1.0), masses).mean
        assert f"{mean / (pi * (1 - pi)):.2f}" == said, row


def test_reinmax_is_the_trapezoid() -> None:
    """Whatever pi is: so `reinmax` is a name and no member of its own."""
    r = np.linspace(-3, 3, 13)
    for noise in (GAUSSIAN, LOGISTIC):
        for mass in reinmax(r, noise):
            # pi (1 + pi)/2 - pi^2/2 cancels to pi/2: an eps of 1 over the smaller probability.
            assert (np.abs(mass - 0.5) <= ROUNDING / noise.sf(np.abs(r))).all()
    assert estimators.get("reinmax") == estimators.get("trapezoid")
