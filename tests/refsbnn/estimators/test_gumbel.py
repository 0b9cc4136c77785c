"""agr, gr, st-gs and gs: closed forms against the integrals they stand for, conditional means by quadrature."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators
from refsbnn.estimators import Agr, Gr, Gs, StGs
from refsbnn.noise import GAUSSIAN
from tests.refsbnn.estimators.common import BOTH, ONE, ROUNDING, ZERO, half_line, mass_by_quadrature

r_body = st.floats(-6, 6)


@BOTH
@pytest.mark.parametrize("tau", [0.01, 0.3, 0.9, 1.0, 1.7, 6.0])
def test_agr_is_the_integral_it_stands_for(noise, tau) -> None:
    """1e-12 relative over the body and the beginning of the tails, masses and slopes, both states."""
    member = Agr(tau)
    pdf_over_cdf = (
        (lambda x: mpmath.npdf(x) / mpmath.ncdf(x)) if noise is GAUSSIAN else (lambda x: 1 / (1 + mpmath.exp(x)))
    )
    for r in (-20.0, -3.0, -0.51, -1e-3, 0.0, 0.2, 0.509, 0.512, 1.3, 7.0, 25.0):
        with mpmath.workdps(20):
            want = mass_by_quadrature(noise, r, tau)
            slope = want * pdf_over_cdf(mpmath.mpf(r))
        at, mirrored = np.array(r), np.array(-r)
        assert abs(member.masses(at, noise)[1] / float(want) - 1) < 1e-12, r
        assert abs(member.masses(mirrored, noise)[0] / float(want) - 1) < 1e-12, r
        assert abs(member.slope(ONE, at, noise) / float(slope) - 1) < 1e-12, r
        assert abs(member.slope(ZERO, mirrored, noise) / float(slope) - 1) < 1e-12, r


@BOTH
@given(r=r_body, tau=st.floats(1e-6, 1e-2))
def test_agr_tends_to_the_trapezoid_as_tau_vanishes(noise, r, tau) -> None:
    """a/tau has the law of a half relaxation, so p1 = 1/2 + O(tau): f(a - r)/f(r) <= exp(|r| a) for a of order tau."""
    for mass in Agr(tau).masses(np.array(r), noise):
        assert abs(mass - 0.5) <= 4 * tau * (1 + abs(r))
    for h in (ZERO, ONE):
        trapezoid = estimators.get("trapezoid").slope(h, np.array(r), noise)
        assert abs(Agr(tau).slope(h, np.array(r), noise) / trapezoid - 1) <= 8 * tau * (1 + abs(r))


@BOTH
@pytest.mark.parametrize("tau", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("r", [-3.2, -0.4, 0.0, 1.1, 2.9])
def test_st_gs_has_agr_as_conditional_mean_and_no_less_variance(noise, r, tau) -> None:
    for z, sign in ((ZERO, -1.0), (ONE, 1.0)):
        u, weight = half_line(noise, sign, r, tau)
        # u = F(r - a) is rounded: where u is near 1, a moves by eps/(1 - u), which its weight makes harmless.
        slope = StGs(tau).slope(np.full(u.shape, z), np.full(u.shape, r), noise, u)
        agr = Agr(tau).slope(z, np.array(r), noise)
        assert abs(weight.sum() - 1) < 1e-12
        assert abs(weight @ slope / agr - 1) < 1e-12
        assert weight @ slope**2 > agr**2


@BOTH
@pytest.mark.parametrize("r", [-3.1, -1.2, 0.3, 2.7])
def test_gr_has_agr_as_mean_and_a_kth_of_the_variance(noise, r) -> None:
    """Tensor quadrature over the K extra uniforms, K = 1 and 2, both states: no sampling."""
    tau = 0.8
    for z, sign in ((ZERO, -1.0), (ONE, 1.0)):
        u, weight = half_line(noise, sign, r, tau)
        # The extra uniform e that stands for u: u = e pi for a spike, u = pi + e (1 - pi) for none.
        extra = u / noise.cdf(r) if sign > 0 else 1.0 - noise.sf(noise.ppf(u)) / noise.sf(r)
        agr = Agr(tau).slope(z, np.array(r), noise)
        moments = []
        for K, e, w in (
            (1, extra[None], weight),
            (2, np.stack([x.ravel() for x in np.meshgrid(extra, extra)]), np.outer(weight, weight).ravel()),
        ):
            slope = Gr(tau, K).slope(np.full(e.shape[1:], z), np.full(e.shape[1:], r), noise, None, np.clip(e, 0, 1))
            moments.append((w @ slope, w @ slope**2))
        # e is rounded near 1, where a is small and the slope flat: errors of order eps again.
        for mean, _ in moments:
            assert abs(mean / agr - 1) < 1e-11
        variances = [square - mean**2 for mean, square in moments]
        assert abs(variances[1] / variances[0] - 0.5) < 1e-9
        assert variances[0] > 1e-3 * agr**2


@BOTH
def test_gr_draws_reach_the_pre_activation_in_the_tails(noise) -> None:
    """Given a spike at r = -50 the excess is near exponential with rate f/F: at e its quantile is -ln e / rate."""
    r, e = np.array(-50.0), 0.3
    excess = -np.log(e) / noise.pdf_over_cdf(r)
    slope = Gr(0.5, 1).slope(ONE, r, noise, None, np.array([e]))
    # Second order terms: (excess/r) for the Gaussian, e^-50 for the logistic; the slope itself changes with a^2.
    assert abs(slope / (noise.pdf(excess / 0.5) / 0.5) - 1) < 1e-4
    mirrored = Gr(0.5, 1).slope(ZERO, -r, noise, None, np.array([1 - e]))
    assert abs(mirrored / slope - 1) < ROUNDING


@BOTH
@pytest.mark.parametrize("tau", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("r", [-1.7, 0.4])
def test_gs_is_a_member_by_its_weight(noise, tau, r) -> None:
    """E_u[w g(h)] over the law of u against the integral of g over the target f(tau relax^-1(h) - r)/f(r) dh.

    The integral by the trapezoid sum in x = relax^-1(h) over the real line, whose error is e^(-2 pi d/step) with the
    nearest singularity at d >= pi/2 (logistic): below e^-150.
    """

    def g(h):
        return np.cos(3 * h) + h

    total = 0.0
    for sign, probability in ((1.0, noise.cdf(r)), (-1.0, noise.sf(r))):
        u, weight = half_line(noise, sign, r, tau)
        h = Gs(tau).sample(np.full(u.shape, r), u, noise)
        total += probability * weight @ (Gs(tau).weight(h, np.full(u.shape, r), noise, u) * g(h))
    step = 1 / 16
    x = np.arange(-60, 60, step)
    want = step * np.sum(g(noise.cdf(x)) * noise.pdf(tau * x - r) / noise.pdf(r) * noise.pdf(x))
    assert abs(total / want - 1) < 1e-12


@BOTH
@given(r=st.floats(-4, 4), u=st.floats(0.02, 0.98), tau=st.floats(0.3, 3))
def test_gs_slope_is_the_derivative_of_its_forward_value(noise, r, u, tau) -> None:
    """Sixth-order central difference with step 1/64 scales; its remainder is below 1e-9 of the largest derivative."""
    step = tau / 64
    shifts = np.array([1, 2, 3])
    ahead, behind = (Gs(tau).sample(r + s * shifts * step, np.full(3, u), noise) for s in (1, -1))
    difference = (ahead - behind) @ np.array([3 / 4, -3 / 20, 1 / 60]) / step
    assert abs(Gs(tau).slope(None, np.array(r), noise, np.array(u)) - difference) < 1e-9 / tau
