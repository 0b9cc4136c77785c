"""What the tests of the family share: noises, states, quadrature over u given the spike, and agr's own integral."""

import mpmath
import numpy as np
import pytest

from refsbnn.noise import GAUSSIAN, LOGISTIC

# Sums of a few products of functions accurate to 20 roundings.
ROUNDING = 200 * np.finfo(np.float64).eps
BOTH = pytest.mark.parametrize("noise", [GAUSSIAN, LOGISTIC], ids=lambda noise: noise.name)
ZERO, ONE = np.array(0.0), np.array(1.0)


def half_line(noise, sign: float, r: float, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes u and weights for the law of u given z (1 for sign = +1): quadrature in a = sign (r - F^-1(u)) > 0.

    Gauss-Legendre with 10 nodes on panels as wide as the finest scale (tau, the noise's 1). The integrands' nearest
    singularity is pi scales away (logistic), so rho = 2 pi + sqrt(1 + 4 pi^2) = 12.6 and the error rho^-20 = 1e-22.
    What lies beyond 46, or weighs less than 1e-20, is left out.
    """
    breaks = np.arange(0.0, 46.0, min(tau, 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(10)
    half = np.diff(breaks) / 2
    a = (breaks[:-1, None] + half[:, None] * (nodes + 1)).ravel()
    density = noise.pdf(r - sign * a) / (noise.cdf(r) if sign > 0 else noise.sf(r))
    weight = (half[:, None] * weights).ravel() * density
    keep = weight > 1e-20
    return noise.cdf(r - sign * a[keep]), weight[keep]


def mass_by_quadrature(noise, r: float, tau: float):
    """p1 = integral over a > 0 of relax'(a/tau)/tau f(a - r)/f(r), with breakpoints at both scales."""
    r, tau = mpmath.mpf(r), mpmath.mpf(tau)

    def log_density(x):
        return -x * x / 2 if noise is GAUSSIAN else -abs(x) - 2 * mpmath.log1p(mpmath.exp(-abs(x)))

    constant = 1 / mpmath.sqrt(2 * mpmath.pi) if noise is GAUSSIAN else 1
    finest = min(tau, 1)
    # Structure at 0 and at r; the Gaussian integrand's single bump lies at r tau^2/(1 + tau^2).
    centres = [(0, tau), (r, 1)] if noise is LOGISTIC else [(0, finest), (r * tau**2 / (1 + tau**2), finest)]
    breaks = {c + s * k * scale for c, scale in centres for k in (0, 1, 3, 6, 10, 16, 24, 40) for s in (1, -1)}
    stop = max(r, 0) + 100 * finest
    points = sorted({mpmath.mpf(0), stop, *(p for p in breaks if 0 < p < stop)})
    return mpmath.quad(
        lambda a: constant * mpmath.exp(log_density(a / tau) + log_density(a - r) - log_density(r)) / tau,
        points,
        method="gauss-legendre",
    )
