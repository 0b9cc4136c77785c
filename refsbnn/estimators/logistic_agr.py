"""Analytical Gumbel-Rao with logistic noise and relaxation: the mass p1 and the slope given a spike (theory 2.8).

J(r) = integral over a > 0 of relax'(a/tau)/tau f(a - r). The mass is p1 = J/f(r), the slope given a spike J/F(r).
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from refsbnn.estimators.member import LARGEST
from refsbnn.noise import LOGISTIC

_SERIES_BELOW = 0.25
_SERIES = 1.0 / np.arange(3.0, 31.0)


def mass(r: np.ndarray, tau: float) -> np.ndarray:
    """Return p1 at r, clipped at the largest float64 (for tau > 1 it grows as exp(r (1 - 1/tau)))."""
    if tau == 1.0:
        return _mass_at_tau_one(r)
    with np.errstate(over="ignore"):
        return np.minimum(_integral(r, tau, np.zeros_like(r)) * np.square(1.0 + np.exp(-np.abs(r))), LARGEST)


def slope(r: np.ndarray, tau: float) -> np.ndarray:
    """Return the mean of relax'(a/tau)/tau over the pre-activation a given a > 0."""
    if tau == 1.0:
        return _mass_at_tau_one(r) * LOGISTIC.sf(r)
    return _integral(r, tau, np.maximum(r, 0.0)) * (1.0 + np.exp(-np.abs(r)))


def _mass_at_tau_one(r: np.ndarray) -> np.ndarray:
    """p1 = (-ln(1 - t) - t - t^2/2) / t^3 with t = tanh(r/2): theory 2.8 at tau = 1 with k = (1 + t)/(1 - t).

    Near t = 0 the series sum_n t^n/(n + 3): 28 terms leave out less than 0.25^28 = 1e-17. At |t| = 1/4 the closed
    form loses 3/t^2 = 48 units of rounding to cancellation. ln(1 - t) = ln 2 + ln(1 - F(r)) has no overflow.
    """
    t = np.tanh(0.5 * r)
    near = np.abs(t) < _SERIES_BELOW
    safe = np.where(near, 1.0, t)
    closed = (-(np.log(2.0) + LOGISTIC.log_sf(r)) - safe * (1.0 + 0.5 * safe)) / safe**3
    return np.where(near, np.polynomial.polynomial.polyval(np.where(near, t, 0.0), _SERIES), closed)


# Gauss-Legendre on panels at most 4 min(tau, 1) wide. The integrand's poles lie at a distance of at least
# pi min(tau, 1) from the real line, so on a panel (half-width 2 min(tau, 1)) its Bernstein ellipse has
# rho = pi/2 + sqrt(1 + (pi/2)^2) = 3.43, and 16 nodes leave a relative error of order rho^-32 = 7e-18.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANELS = 10
_REACH = 4.0 * _PANELS  # e^-40 = 4e-18: what an end correction is worth at the far side of its panels


def _integral(r: np.ndarray, tau: float, drop: np.ndarray) -> np.ndarray:
    """Integral over a > 0 of exp(rate a - drop) / tau * A * B up to a = r+, and its continuation beyond.

    relax'(a/tau) = e^(-a/tau) A with A = (1 + e^(-a/tau))^-2, and f(a - r) = e^-|a-r| B with B = (1 + e^-|a-r|)^-2.
    So the integrand is an exponential of rate c = 1 - 1/tau below r (for r > 0) and of rate -(1 + 1/tau) above,
    times end corrections A, which is 1 beyond 40 tau, and B, which is 1 further than 40 from r. Where both are 1 the
    integral is elementary; the rest takes three groups of ten panels. `drop` = 0 scales the result to J/f, `drop` =
    max(r, 0) to J/F, up to the factors (1 + e^-|r|) of the callers.
    """
    rate = 1.0 - 1.0 / tau
    top = np.maximum(r, 0.0)
    # The end with the finer structure takes its panels first, the other what is left of [0, top].
    if tau <= 1.0:
        first = np.minimum(_REACH * tau, top)
        second = np.maximum(first, top - _REACH)
    else:
        second = np.maximum(0.0, top - _REACH)
        first = np.minimum(_REACH * tau, second)

    def below(a: np.ndarray) -> np.ndarray:
        return _exp(rate * a - drop) / np.square((1.0 + np.exp(-a / tau)) * (1.0 + np.exp(a - top)))

    def above(x: np.ndarray) -> np.ndarray:
        damping = (1.0 + np.exp(-(top + x) / tau)) * (1.0 + np.exp(-(top - r) - x))
        return _exp(rate * top - drop - x * (1.0 + 1.0 / tau)) / np.square(damping)

    gap = second - first
    middle = _exp(rate * np.where(rate > 0.0, second, first) - drop) * gap * special.exprel(-abs(rate) * gap)
    total = middle + _gauss(below, np.zeros_like(top), first) + _gauss(below, second, top)
    return (total + _gauss(above, np.zeros_like(top), np.full_like(top, _REACH * tau / (1.0 + tau)))) / tau


def _gauss(function: Callable[[np.ndarray], np.ndarray], start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Composite Gauss-Legendre over [start, stop], element by element, one node at a time to stay small in memory."""
    half = (stop - start) / (2.0 * _PANELS)
    total = np.zeros_like(start)
    for panel in range(_PANELS):
        centre = start + (2 * panel + 1) * half
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            total += weight * function(centre + node * half)
    # An empty interval may lie where the integrand has overflowed.
    return np.where(half > 0.0, total, 0.0) * half


def _exp(exponent: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(exponent, np.log(LARGEST)))
