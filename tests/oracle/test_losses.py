"""Losses: their derivatives by complex step, their values by the definition, and what they refuse."""

import mpmath
import numpy as np
import pytest
from scipy import stats

import oracle

RNG = np.random.default_rng(0)
M, V = RNG.normal(size=(4, 3)), RNG.uniform(0.1, 2.0, (4, 3))
NOISE = [0.3, -1.2, 0.7]


def quartic(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (logits**4).sum(axis=1), 4.0 * logits**3


LOSSES = {
    "categorical": oracle.Categorical(2),
    "categorical with noise": oracle.Categorical(1, eps=NOISE),
    "bernoulli": oracle.Bernoulli([0.0, 1.0, 0.3]),
    "bernoulli with noise": oracle.Bernoulli([0.2, 1.0, 0.3], eps=NOISE),
    "gaussian": oracle.Gaussian([0.5, -1.0, 2.0], noise_variance=0.4),
    "custom": oracle.Custom(quartic, eps=NOISE),
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_derivatives_are_those_of_the_value(name: str) -> None:
    loss, h = LOSSES[name], 1e-5
    loss.check(3)
    _, dm, dv = loss.evaluate(M, V)
    for j in range(3):
        e = np.zeros(3)
        e[j] = h
        for slope, (dM, dV) in ((dm, (e, 0.0)), (dv, (0.0, e))):
            up, down = loss.evaluate(M + dM, V + dV)[0], loss.evaluate(M - dM, V - dV)[0]
            # Central differences: h^2/6 of a third derivative below 1e2, and the value's rounding over h.
            np.testing.assert_allclose(slope[:, j], (up - down) / (2 * h), atol=1e-8, rtol=1e-8)


def test_values_are_minus_the_log_likelihood() -> None:
    logits = M + np.sqrt(V) * np.array(NOISE)
    expected = -np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))[:, 1]
    np.testing.assert_allclose(LOSSES["categorical with noise"].evaluate(M, V)[0], expected, rtol=1e-14)
    p = 1.0 / (1.0 + np.exp(-logits))
    y = np.array([0.2, 1.0, 0.3])
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(LOSSES["bernoulli with noise"].evaluate(M, V)[0], expected, rtol=1e-13)


def test_gaussian_integrates_the_readouts_noise() -> None:
    """E over N(m, v) of -log N(y; output, noise_variance), by Gauss-Hermite, exact for quadratics."""
    points, weights = np.polynomial.hermite_e.hermegauss(5)
    outputs = M[..., None] + np.sqrt(V)[..., None] * points
    targets = np.array([0.5, -1.0, 2.0])[:, None]
    expected = -stats.norm.logpdf(outputs, targets, np.sqrt(0.4)) @ weights / weights.sum()
    np.testing.assert_allclose(LOSSES["gaussian"].evaluate(M, V)[0], expected.sum(axis=1), rtol=1e-14)


def test_large_logits_neither_overflow_nor_lose_the_small_term() -> None:
    logits = np.array([[800.0, 0.0, -800.0]])
    value, dm, _ = oracle.Categorical(0).evaluate(logits, V[:1])
    assert value[0] == float(mpmath.log1p(mpmath.exp(-800) + mpmath.exp(-1600)))
    assert np.isfinite(dm).all()
    assert oracle.Bernoulli([1.0, 1.0, 1.0]).evaluate(logits, V[:1])[0][0] == pytest.approx(np.log(2.0) + 800.0)


def test_an_output_without_variance_has_no_slope_in_it() -> None:
    v = V.copy()
    v[0, 1] = 0.0
    assert LOSSES["custom"].evaluate(M, v)[2][0, 1] == 0.0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (oracle.Categorical(3), "label is 3; expected an integer from 0 to 2"),
        (oracle.Categorical(1.0), "label is 1.0; expected an integer"),
        (oracle.Categorical(0, eps=[1.0]), r"eps has shape \(1,\); expected \(3,\)"),
        (oracle.Bernoulli([0.0, 1.0]), r"targets has shape \(2,\); expected \(3,\)"),
        (oracle.Bernoulli([0.0, 1.5, 0.0]), "targets holds a number above 1"),
        (oracle.Gaussian([0.0, np.nan, 0.0]), "targets holds NaN or infinity"),
        (oracle.Gaussian([0.0, 0.0, 0.0], 0.0), "noise_variance is 0.0; expected a number > 0"),
        (oracle.Custom(lambda logits: (logits, logits)), r"function returned shapes \(2, 3\) and \(2, 3\)"),
        (oracle.Custom(lambda logits: None), "function does not map logits"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(loss: oracle.Loss, message: str) -> None:
    with pytest.raises(oracle.InputError, match=message):
        loss.check(3)
