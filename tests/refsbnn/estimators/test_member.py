"""What holds for every member: slope = w f, forward values in range, finite numbers in saturation (theory 2.18)."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators
from refsbnn.estimators import Agr, Gr, Gs, Iwst, Mix, Quadrature, StGs, Surrogate, TwoPoint
from refsbnn.noise import GAUSSIAN, LOGISTIC
from tests.refsbnn.estimators.common import BOTH, ONE, ROUNDING, ZERO

LARGEST = np.finfo(np.float64).max
r_body = st.floats(-6, 6)
temperature = st.floats(0.05, 8)


@BOTH
@given(r=r_body, u=st.floats(0, 1, exclude_max=True), tau=temperature)
def test_weight_times_density_is_the_slope(noise, r, u, tau) -> None:
    """For every member, at the forward value it samples."""
    f = noise.pdf(r)
    extra = np.linspace(0.1, 0.9, 4)
    named = [estimators.get(name) for name in estimators.NAMES if name not in ("two-point", "quadrature")]
    own = [TwoPoint((0.3, -0.2)), Quadrature((0.2, 0.9), (0.4, -0.1)), Agr(tau), StGs(tau), Gs(tau), Gr(tau, 4)]
    spelt = [estimators.get(spec) for spec in estimators.EXAMPLES]
    for member in [*named, *spelt, *own]:
        h = member.sample(np.array(r), np.array(u), noise)
        own_draws = extra[: member.draws] if member.draws else None
        slope, weight = (getattr(member, part)(h, np.array(r), noise, u, own_draws) for part in ("slope", "weight"))
        # Weights as quotients of exponentials take the rounding of an exponent: |ln f| and that of the slope.
        exponents = 1.0 + abs(noise.log_pdf(r)) + abs(np.log(np.maximum(slope, 1e-300)) if slope > 0 else 0.0)
        assert abs(weight * f - slope) <= ROUNDING * exponents * abs(slope), member.name


@BOTH
@given(r=r_body)
def test_forward_values(noise, r) -> None:
    """Spikes are 1[u < pi]; relaxed values lie in [0, 1]; surrogates fire at r > 0 whatever u."""
    pi = float(noise.cdf(r))
    u = np.array([0.0, np.nextafter(pi, 0.0), pi, np.nextafter(1.0, 0.0)])
    for name in estimators.NAMES:
        if name in ("two-point", "quadrature"):
            continue
        member = estimators.get(name)
        h = member.sample(np.full(4, r), u, noise)
        assert h.dtype == np.float64
        assert h.shape == (4,)
        if member.proposal == "bernoulli":
            assert h.tolist() == (u < pi).tolist(), name
        elif member.proposal == "deterministic":
            assert h.tolist() == [float(r > 0)] * 4
        else:
            assert (h >= 0).all()
            assert (h <= 1).all()


def everyone() -> list:
    named = [estimators.get(name) for name in estimators.NAMES if name not in ("two-point", "quadrature")]
    extreme = [kind(tau) for kind in (Agr, StGs, Gs) for tau in (1e-8, 0.5, 3.0, 1e8)]
    own = [Gr(1e-8, 1), Gr(3.0, 2), Iwst(0.0), Iwst(1.0), Mix(0.0), Iwst(lambda pi: pi), TwoPoint((0.3, -0.7))]
    named += [estimators.get(spec) for spec in estimators.EXAMPLES]
    return [*named, *extreme, *own, Surrogate("arctan", 1e3), Quadrature((0.0, 1.0), (1.5, -0.5))]


@pytest.mark.parametrize(("noise", "reach"), [(GAUSSIAN, 1e4), (LOGISTIC, 1e6)], ids=["gaussian", "logistic"])
def test_saturated_units_have_finite_slopes_and_weights(noise, reach) -> None:
    """Both states, also the one that cannot occur; ends of the uniforms' range; a floating-point warning fails."""
    half = np.concatenate([10.0 ** np.linspace(-10, np.log10(reach), 120), [1e200]])
    r = np.concatenate([-half, [0.0], half])
    for member in everyone():
        extra = np.tile(np.linspace(0, 1 - 2.0**-24, max(member.draws, 1))[:, None], r.size) if member.draws else None
        for u in (0.0, 0.37, 1 - 2.0**-24):
            h = member.sample(r, np.full(r.shape, u), noise)
            assert ((h >= 0) & (h <= 1)).all()
            for value in (h, np.zeros(r.shape), np.ones(r.shape)):
                for part in (member.slope, member.weight):
                    got = part(value, r, noise, np.full(r.shape, u), extra)
                    assert np.isfinite(got).all(), f"{member.name} {part.__name__} u={u} r={r[~np.isfinite(got)]}"
        if member.proposal == "bernoulli":
            assert np.isfinite(member.masses(r, noise)).all(), member.name


def limits(noise, far: float) -> list:
    """Limits of the slope at r -> -inf for the state z = 1, which cannot occur there."""
    rate = far if noise is GAUSSIAN else 1.0
    with mpmath.workdps(20):
        relaxed = mpmath.quad(
            lambda a: mpmath.exp(-a / 3 - a) / (1 + mpmath.exp(-a / 3)) ** 2 / 3, [0, 1, 3, 6, 12, 25, 60]
        )
    agr = [
        (Agr(1.0), (2 * np.pi) ** -0.5 if noise is GAUSSIAN else np.log(2) - 0.5),
        (Agr(3.0), (2 * np.pi) ** -0.5 / 3 if noise is GAUSSIAN else float(relaxed)),
    ]
    return [
        (estimators.get("st"), 0.0),
        (Iwst(0.3), 0.3 * rate),
        (Mix(0.4), 0.2 * rate),
        (estimators.get("trapezoid"), 0.5 * rate),
        (TwoPoint((0.9, 0.2)), 0.2 * rate),
        *agr,
    ]


@pytest.mark.parametrize(("noise", "far"), [(GAUSSIAN, 1e4), (LOGISTIC, 1e6)], ids=["gaussian", "logistic"])
def test_limits_in_saturation(noise, far) -> None:
    for member, limit in limits(noise, far):
        # The Gaussian hazard is r (1 + 1/r^2 - ...), and agr's slope nears its limit with 1/r^2 as well.
        assert abs(member.slope(ONE, np.array(-far), noise) - limit) <= 2e-8 * limit, member.name
        likely = 1.0 if isinstance(member, Agr) else 0.0
        assert member.slope(ZERO, np.array(-far), noise) <= likely * 1e-300
    assert estimators.get("trapezoid").weight(ONE, np.array(-far), noise) == LARGEST
    assert estimators.get("trapezoid").weight(ZERO, np.array(-far), noise) == 0.5
    assert Iwst(0.0).weight(ONE, np.array(-far), noise) == 0.0
    assert estimators.get("st").weight(ONE, np.array(-far), noise) == 1.0
