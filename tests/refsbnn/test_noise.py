"""refsbnn/noise.py against mpmath, into the tails."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import noise as noises
from refsbnn.errors import InputError
from refsbnn.noise import GAUSSIAN, LOGISTIC

EPS = np.finfo(np.float64).eps
# The requirement is 1e-13. Each function is at most about ten well-conditioned floating-point steps of one or two
# units of rounding each; a lost tail or a rounded square costs hundreds.
TOLERANCE = 20 * EPS
DIGITS = 40
# Where the probabilities are still normal numbers.
REACH = {"gaussian": 37.0, "logistic": 700.0}
BOTH = pytest.mark.parametrize("noise", [GAUSSIAN, LOGISTIC], ids=lambda noise: noise.name)


def points(reach: float) -> np.ndarray:
    """Both tails with digits to spare (no round numbers), the body, and the neighbourhood of zero."""
    tail = np.linspace(0.013, reach, 97)
    near_zero = 10.0 ** np.linspace(-300, 0, 31)
    body = np.linspace(0.0371, 6.0, 53)
    half = np.concatenate([tail, near_zero, body, [reach]])
    return np.concatenate([-half, [0.0], half])


def gaussian_cdf(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def logistic_cdf(x):
    return 1 / (1 + mpmath.exp(-x))


def gaussian_pdf(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def logistic_pdf(x):
    return logistic_cdf(x) * logistic_cdf(-x)


def references(noise) -> dict:
    """Definitions of every function from F(x), f(x) and F(-x) = 1 - F(x)."""
    cdf, pdf = (gaussian_cdf, gaussian_pdf) if noise is GAUSSIAN else (logistic_cdf, logistic_pdf)

    def log_cdf(x):
        return mpmath.log(cdf(x)) if x < 0 else mpmath.log1p(-cdf(-x))

    derivative = (lambda x: -x * pdf(x)) if noise is GAUSSIAN else (lambda x: -pdf(x) * mpmath.tanh(x / 2))
    return {
        "cdf": cdf,
        "sf": lambda x: cdf(-x),
        "pdf": pdf,
        "log_cdf": log_cdf,
        "log_sf": lambda x: log_cdf(-x),
        "log_pdf": lambda x: mpmath.log(pdf(x)),
        "pdf_over_cdf": lambda x: pdf(x) / cdf(x),
        "pdf_over_sf": lambda x: pdf(x) / cdf(-x),
        "pdf_derivative": derivative,
    }


def relative_errors(got: np.ndarray, want: list) -> np.ndarray:
    return np.array(
        [float(abs(mpmath.mpf(float(g)) - w) / (abs(w) if w != 0 else 1)) for g, w in zip(got, want, strict=True)]
    )


@BOTH
@pytest.mark.parametrize("function", sorted(references(GAUSSIAN)))
def test_functions_keep_their_relative_accuracy_into_the_tails(noise, function) -> None:
    r = points(REACH[noise.name])
    with mpmath.workdps(DIGITS):
        want = [references(noise)[function](mpmath.mpf(float(x))) for x in r]
        errors = relative_errors(getattr(noise, function)(r), want)
    # Below the smallest normal number (the Gaussian derivative at |r| = 1e-300 is none of them) nothing is asked.
    worst = errors.argmax()
    assert errors[worst] < TOLERANCE, f"{noise.name} {function} at r = {r[worst]}: {errors[worst]:.1e}"


@BOTH
def test_derivatives_are_derivatives(noise) -> None:
    """pdf = dF/dr and pdf_derivative = df/dr by mpmath's own differentiation of the cdf, not by the formulas above."""
    cdf = references(noise)["cdf"]
    for r in (-3.3, -0.7, 0.0, 1.9):
        with mpmath.workdps(DIGITS):
            first, second = mpmath.diff(cdf, r), mpmath.diff(cdf, r, 2)
        assert abs(noise.pdf(r) - first) < TOLERANCE * abs(first)
        # At r = 0 the derivative is 0 and mpmath's difference 1e-15 or so.
        assert abs(noise.pdf_derivative(r) - second) < TOLERANCE * abs(second) + 1e-15


def uniforms() -> np.ndarray:
    half = np.concatenate([10.0 ** np.linspace(-300, -0.31, 60), 0.5 - 10.0 ** np.linspace(-16, -0.31, 60)])
    grid = np.array([1, 2, 3, 1234567, 2**23 - 1, 2**23 + 1, 2**24 - 1]) * 2.0**-24
    return np.concatenate([half, 1.0 - half[half > 2.0**-53], grid])


@BOTH
def test_ppf_inverts_the_cdf(noise) -> None:
    """By the residual of mpmath's cdf: the error of x is (F(x) - u)/f(x) to first order. Upper half by 1 - u, exact."""
    u = uniforms()
    cdf, pdf = (references(noise)[key] for key in ("cdf", "pdf"))
    for value, x in zip(u, noise.ppf(u), strict=True):
        with mpmath.workdps(DIGITS):
            target = mpmath.mpf(float(value))
            residual = cdf(mpmath.mpf(x)) - target if x < 0 else (1 - target) - cdf(-mpmath.mpf(x))
            error = float(abs(residual / pdf(mpmath.mpf(x))))
        assert error <= TOLERANCE * abs(x), f"{noise.name} ppf({value}): {error / max(abs(x), 1e-300):.1e}"


@BOTH
def test_ppf_at_the_ends(noise) -> None:
    assert noise.ppf(np.array([0.0, 0.5, 1.0])).tolist() == [-np.inf, 0.0, np.inf]


@BOTH
def test_excess_is_the_conditional_pre_activation(noise) -> None:
    """F(r - a) = q F(r): residual of mpmath's ln F over its derivative, in units of rounding of max(a, 1)."""
    cdf, pdf = (references(noise)[key] for key in ("cdf", "pdf"))
    tails = [-1e4, -300.0, -40.0, -37.0, -8.0, -5.1] if noise is GAUSSIAN else [-1e4, -700.0, -40.0]
    for r in [*tails, -4.9, -1.0, 0.0, 0.3, 2.0, 5.5, 20.0]:
        for q in (2.0**-24, 1e-3, 0.3, 0.7, 0.999, 1.0 - 2.0**-24):
            a = float(noise.excess(r, q))
            assert a >= 0.0
            with mpmath.workdps(60):
                x = mpmath.mpf(r) - mpmath.mpf(a)
                residual = mpmath.log(cdf(x)) - mpmath.log(cdf(mpmath.mpf(r))) - mpmath.log(q)
                error = float(abs(residual * cdf(x) / pdf(x)))
            # The logarithm of F(r) turns by f/F <= 5 a unit of r - a, hence of rounding, where it is inverted.
            assert error < TOLERANCE * max(a, 1.0), f"{noise.name} excess({r}, {q}): {error:.1e}"
    assert noise.excess(np.array([-50.0, 0.0, 50.0]), 0.0).tolist() == [np.inf] * 3
    assert np.max(noise.excess(np.array([-50.0, -5.0, 0.0, 50.0]), 1.0)) <= TOLERANCE


@BOTH
def test_saturated_units_give_limits_and_never_nan(noise) -> None:
    """Also where F underflows and where r^2 overflows; a floating-point warning fails the test."""
    r = np.array([1e2, 1e4, 1e6, 1e160, 1e300])
    r = np.concatenate([-r, r])
    for function in references(noise):
        assert not np.isnan(getattr(noise, function)(r)).any(), function
    for function in ("cdf", "sf", "pdf", "pdf_over_cdf", "pdf_over_sf", "pdf_derivative", "log_cdf", "log_sf"):
        assert np.isfinite(getattr(noise, function)(r)).all(), function
    limit = 1e4 + 1e-4 if noise is GAUSSIAN else 1.0  # r + 1/r - 2/r^3 ...
    assert abs(noise.pdf_over_cdf(-1e4) / limit - 1.0) < TOLERANCE
    assert abs(noise.pdf_over_sf(1e4) / limit - 1.0) < TOLERANCE
    with mpmath.workdps(DIGITS):
        want = references(noise)["log_cdf"](mpmath.mpf(-1e4))
    assert abs(noise.log_cdf(-1e4) / float(want) - 1.0) < TOLERANCE
    assert abs(noise.log_sf(1e4) / float(want) - 1.0) < TOLERANCE
    assert noise.cdf(1e6) == 1.0
    assert noise.cdf(-1e6) == 0.0


@BOTH
@given(r=st.floats(-700, 700))
def test_probabilities_add_up(noise, r) -> None:
    assert abs(noise.cdf(r) + noise.sf(r) - 1.0) <= 2 * EPS
    assert noise.pdf(r) == noise.pdf(-r)
    assert noise.log_sf(r) == noise.log_cdf(-r)


@BOTH
@given(r=st.floats(-8, 8))
def test_cdf_and_ppf_are_inverse(noise, r) -> None:
    """u's rounding, eps u, moves the inverse by eps u / f(r)."""
    assert abs(noise.ppf(noise.cdf(r)) - r) <= 4 * EPS * (noise.cdf(r) / noise.pdf(r) + abs(r))


@BOTH
def test_shapes_are_kept(noise) -> None:
    r = np.linspace(-1, 1, 6).reshape(2, 3)
    for function in [*references(noise), "ppf"]:
        assert getattr(noise, function)(np.abs(r)).shape == (2, 3)
        assert np.shape(getattr(noise, function)(0.25)) == ()
    assert noise.excess(r, 0.5).shape == (2, 3)


def test_get_takes_names_and_instances_and_refuses_the_rest() -> None:
    assert noises.get("gaussian") is GAUSSIAN
    assert noises.get(LOGISTIC) is LOGISTIC
    for wrong in ("normal", "", None, 3):
        with pytest.raises(InputError, match=r"^noise is .*; accepted: 'gaussian', 'logistic'$"):
            noises.get(wrong)
