"""Moments of the slope of a relaxation given the spike it made (theory 2.7 to 2.10), by quadrature.

A unit draws a = r + noise and spikes if a > 0; the relaxation relax(a / tau), with relax = F, has the slope
f(a / tau) / tau. `agr` is the mean of that slope given the spike, and `st-gs` needs its mean square too. Closed forms
exist for some of these; this file does not use them, the tests do.
"""

import numpy as np

from oracle.noise import GAUSSIAN, Noise

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
PANEL_NODES, PANEL_WEIGHTS = np.polynomial.legendre.leggauss(20)
BLOCK = 4096  # values of r at once: 64 nodes each, 2 MB an array


def slope_moment(noise: Noise, r: np.ndarray, tau: float, power: int) -> np.ndarray:
    """E[(f(a/tau)/tau)^power | a > 0] with a = r + noise; given a <= 0 it is the same at -r, by symmetry."""
    flat = np.ascontiguousarray(r, dtype=np.float64).ravel()
    integrate = _gaussian if noise is GAUSSIAN else _two_scales
    blocks = [integrate(noise, flat[i : i + BLOCK], tau, power) for i in range(0, flat.size, BLOCK)]
    return np.concatenate(blocks).reshape(r.shape) if blocks else np.zeros(r.shape)


def _integrand(noise: Noise, r: np.ndarray, a: np.ndarray, tau: float, power: int) -> np.ndarray:
    """The slope's power times the density of a given a > 0; in logarithms, since F(r) may underflow."""
    r = r[:, None]
    slope = noise.log_pdf(a / tau) - np.log(tau)
    return np.exp(noise.log_pdf(a - r) - noise.log_cdf(r) + power * slope)


def _gaussian(noise: Noise, r: np.ndarray, tau: float, power: int) -> np.ndarray:
    """One Gauss-Legendre rule over the part of a > 0 where the integrand is above e^-40 of its largest value.

    The integrand is a Gaussian in a of mean `centre` and precision `precision`, cut at 0.
    """
    precision = 1.0 + power / tau**2
    centre = r / precision
    reach = np.sqrt(80.0 / precision)
    start = np.maximum(centre - reach, 0.0)
    # Below 0 the largest value is at a = 0: (a - centre)^2 - centre^2 = reach^2, without cancellation.
    below = reach**2 / (np.sqrt(centre**2 + reach**2) + np.abs(centre))
    stop = np.where(centre > 0.0, centre + reach, below)
    half = 0.5 * (stop - start)
    a = start[:, None] + half[:, None] * (NODES + 1.0)
    return half * (_integrand(noise, r, a, tau, power) @ WEIGHTS)


def _two_scales(noise: Noise, r: np.ndarray, tau: float, power: int) -> np.ndarray:
    """Panels that double in width away from a = 0 (scale tau) and from a = r (scale 1), where the structure is."""
    scale = min(1.0, tau)
    peak = np.maximum(r, 0.0)
    tail = 45.0  # beyond the peak the integrand falls at least like exp(-a)
    total = np.zeros_like(r)
    for start, stop in ((np.zeros_like(r), 0.5 * peak), (peak, 0.5 * peak), (peak, peak + tail)):
        length = np.abs(stop - start)
        side = np.sign(stop - start)
        inner, width = 0.0, scale
        while inner < length.max(initial=0.0):
            low, high = np.minimum(inner, length), np.minimum(inner + width, length)
            half = 0.5 * (high - low)
            a = start[:, None] + side[:, None] * (low[:, None] + half[:, None] * (PANEL_NODES + 1.0))
            total += half * (_integrand(noise, r, a, tau, power) @ PANEL_WEIGHTS)
            inner, width = inner + width, 2.0 * width
    return total
