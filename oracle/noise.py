"""The noise of a unit and the law of its spike (theory 1.1, 3.17).

Both noises are symmetric, so 1 - F(r) = F(-r) and the upper tail is as accurate as the lower one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

Function = Callable[[np.ndarray], np.ndarray]
LOG_SQRT_TWO_PI = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class Noise:
    """A symmetric standardised noise: distribution function F, density f, and f/F, the score of a spike."""

    name: str
    cdf: Function
    log_cdf: Function
    log_pdf: Function
    pdf_over_cdf: Function

    def pdf(self, r: np.ndarray) -> np.ndarray:
        """Density f(r)."""
        return np.exp(self.log_pdf(r))


def _gaussian_log_pdf(r: np.ndarray) -> np.ndarray:
    return -0.5 * r * r - LOG_SQRT_TWO_PI


def _gaussian_pdf_over_cdf(r: np.ndarray) -> np.ndarray:
    # erfcx(x) = exp(x^2) erfc(x) takes the exponentials out of the ratio: no cancellation however small F is.
    return np.sqrt(2.0 / np.pi) / special.erfcx(-r / np.sqrt(2.0))


def _logistic_log_pdf(r: np.ndarray) -> np.ndarray:
    return special.log_expit(r) + special.log_expit(-r)


def _logistic_pdf_over_cdf(r: np.ndarray) -> np.ndarray:
    return special.expit(-r)


GAUSSIAN = Noise("gaussian", special.ndtr, special.log_ndtr, _gaussian_log_pdf, _gaussian_pdf_over_cdf)
LOGISTIC = Noise("logistic", special.expit, special.log_expit, _logistic_log_pdf, _logistic_pdf_over_cdf)
NOISES = {noise.name: noise for noise in (GAUSSIAN, LOGISTIC)}


class Law(NamedTuple):
    """The law of units whose pre-activation has mean m and variance v; every array has the shape of m.

    A unit without variance is a step, z = 1[m > 0], and has no slope (theory 3.17): `live` is False there and
    r, f and the derivatives of r are 0.
    """

    noise: Noise
    r: np.ndarray
    live: np.ndarray
    p0: np.ndarray
    p1: np.ndarray
    f: np.ndarray
    drdm: np.ndarray
    drdv: np.ndarray

    def score(self) -> tuple[np.ndarray, np.ndarray]:
        """Derivative of log P(z) with respect to r, for z = 0 and z = 1."""
        return -self.hazard(0), self.hazard(1)

    def hazard(self, z: int) -> np.ndarray:
        """f / P(z): f/(1-F) for z = 0, f/F for z = 1; 0 for a unit without variance."""
        return np.where(self.live, self.noise.pdf_over_cdf(self.r if z else -self.r), 0.0)


def law(noise: Noise, m: np.ndarray, v: np.ndarray) -> Law:
    """Law of units with pre-activation mean `m` and variance `v`."""
    live = v > 0.0
    v_safe = np.where(live, v, 1.0)
    inverse = live / np.sqrt(v_safe)
    r = m * inverse
    step = (m > 0.0).astype(np.float64)
    return Law(
        noise=noise,
        r=r,
        live=live,
        p0=np.where(live, noise.cdf(-r), 1.0 - step),
        p1=np.where(live, noise.cdf(r), step),
        f=live * noise.pdf(r),
        drdm=inverse,
        drdv=-0.5 * r / v_safe,
    )
