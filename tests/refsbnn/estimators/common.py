"""What the tests of the family share: both noises, both states, and quadrature over u given the spike."""

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
