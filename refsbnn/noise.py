"""The unit's standardised noise, Gaussian or logistic, accurate to 1e-13 relative into the tails.

A unit spikes with probability pi = F(r), r = m/s (theory 1.1). Training meets saturated units, so every function here
is computed in the form that keeps its relative accuracy in the tail: for |r| <= 37 (Gaussian) and |r| <= 700
(logistic), beyond which the probabilities leave the range of normal floating-point numbers. Both noises are
symmetric, F(-r) = 1 - F(r), and the code uses it.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from refsbnn.errors import InputError

SQRT_HALF = np.sqrt(0.5)
SQRT_2_OVER_PI = np.sqrt(2.0 / np.pi)
LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)

# Beyond |r| = 40 exp(-r^2/2) is zero in float64; beyond 1e150 r^2 overflows.
_GAUSSIAN_UNDERFLOW = 40.0
_SQUARE_OVERFLOW = 1e150


class Noise(ABC):
    """A symmetric, standardised noise. Methods map float64 arrays element by element and keep their shape.

    Examples
    --------
    >>> get("gaussian").cdf(0.0), round(float(get("logistic").pdf(0.0)), 2)
    (array(0.5), 0.25)
    >>> far, law = np.array([-30.0]), get("gaussian")  # where F underflows, its logarithm and f/F do not
    >>> law.log_cdf(far).round(3), law.log_pdf(far).round(3), law.pdf_over_cdf(far).round(3)
    (array([-454.321]), array([-450.919]), array([30.033]))
    >>> law.sf(far), law.log_sf(-far).round(3), law.pdf_over_sf(-far).round(3)
    (array([1.]), array([-454.321]), array([30.033]))
    >>> float(law.ppf(0.5)), float(law.excess(0.0, 1.0)), float(law.pdf_derivative(0.0))
    (0.0, 0.0, -0.0)
    """

    name: str

    @abstractmethod
    def cdf(self, r: ArrayLike) -> np.ndarray:
        """F(r), the spike probability (theory 1.1)."""

    @abstractmethod
    def pdf(self, r: ArrayLike) -> np.ndarray:
        """f(r) = dF/dr."""

    @abstractmethod
    def log_cdf(self, r: ArrayLike) -> np.ndarray:
        """ln F(r)."""

    @abstractmethod
    def log_pdf(self, r: ArrayLike) -> np.ndarray:
        """ln f(r)."""

    @abstractmethod
    def pdf_over_cdf(self, r: ArrayLike) -> np.ndarray:
        """f(r)/F(r), the derivative of ln F. For r -> -inf it tends to -r (Gaussian) or 1 (logistic)."""

    @abstractmethod
    def pdf_derivative(self, r: ArrayLike) -> np.ndarray:
        """df/dr."""

    @abstractmethod
    def ppf(self, u: ArrayLike) -> np.ndarray:
        """F^-1(u) for u in [0, 1]; -inf at 0 and +inf at 1."""

    @abstractmethod
    def excess(self, r: ArrayLike, q: ArrayLike) -> np.ndarray:
        """The a >= 0 with F(r - a) = q F(r), for q in [0, 1].

        With q uniform, a is a draw of the pre-activation r + noise given that it is positive (theory 2.10), also
        where F(r) has underflowed. a = 0 at q = 1 and +inf at q = 0. The error of a is a few units of rounding of
        max(a, 1).
        """

    def sf(self, r: ArrayLike) -> np.ndarray:
        """1 - F(r), without the cancellation."""
        return self.cdf(-np.asarray(r, dtype=np.float64))

    def log_sf(self, r: ArrayLike) -> np.ndarray:
        """ln(1 - F(r))."""
        return self.log_cdf(-np.asarray(r, dtype=np.float64))

    def pdf_over_sf(self, r: ArrayLike) -> np.ndarray:
        """f(r)/(1 - F(r)), the hazard."""
        return self.pdf_over_cdf(-np.asarray(r, dtype=np.float64))

    def __repr__(self) -> str:
        return f"refsbnn.noise.get({self.name!r})"


class Gaussian(Noise):
    """Standard normal noise: F = Phi, f = phi.

    Examples
    --------
    >>> float(GAUSSIAN.cdf(-37.0))
    5.72557...e-300
    >>> float(GAUSSIAN.pdf_over_cdf(-1e4))
    10000.0000999...
    """

    name = "gaussian"

    def pdf(self, r: ArrayLike) -> np.ndarray:
        return _exp_minus_half_square(r) / np.sqrt(2.0 * np.pi)

    def log_pdf(self, r: ArrayLike) -> np.ndarray:
        r = np.clip(r, -_SQUARE_OVERFLOW, _SQUARE_OVERFLOW)
        return -0.5 * r * r - LOG_SQRT_2PI

    def cdf(self, r: ArrayLike) -> np.ndarray:
        tail = _gaussian_tail(r)
        return np.where(np.asarray(r) < 0.0, tail, 1.0 - tail)

    def log_cdf(self, r: ArrayLike) -> np.ndarray:
        r = np.clip(r, -_SQUARE_OVERFLOW, _SQUARE_OVERFLOW)
        negative = -0.5 * r * r + np.log(0.5 * special.erfcx(np.abs(r) * SQRT_HALF))
        return np.where(r < 0.0, negative, np.log1p(-_gaussian_tail(r)))

    def pdf_over_cdf(self, r: ArrayLike) -> np.ndarray:
        r = np.asarray(r, dtype=np.float64)
        # F's exponential cancels f's below zero; above it F is at least 1/2 and the quotient is safe.
        negative = SQRT_2_OVER_PI / special.erfcx(np.abs(np.minimum(r, 0.0)) * SQRT_HALF)
        return np.where(r < 0.0, negative, self.pdf(r) / self.cdf(np.maximum(r, 0.0)))

    def pdf_derivative(self, r: ArrayLike) -> np.ndarray:
        # Clipped because inf * 0 is not a number; the derivative underflows long before.
        return -np.clip(r, -_SQUARE_OVERFLOW, _SQUARE_OVERFLOW) * self.pdf(r)

    def ppf(self, u: ArrayLike) -> np.ndarray:
        return special.ndtri(np.asarray(u, dtype=np.float64))

    def excess(self, r: ArrayLike, q: ArrayLike) -> np.ndarray:
        r, q = np.broadcast_arrays(np.asarray(r, dtype=np.float64), np.asarray(q, dtype=np.float64))
        # Down to r = -5 invert F at q F(r) directly, from its complement where that is the smaller one.
        body = np.maximum(r, -5.0)
        below, above = q * self.cdf(body), (1.0 - q) + q * self.sf(body)
        near = body - np.where(below < 0.5, self.ppf(below), -self.ppf(above))
        # In the lower tail solve ln F(r - a) - ln F(r) = ln q with F's exponential taken out, by Newton's method from
        # the root of r a - a^2/2 = ln q. The start is within a relative 1/r^2 <= 1/25 of the root, so the errors of
        # the four steps are below 2e-3, 3e-6, 7e-12 and rounding.
        tail = np.clip(r, -_SQUARE_OVERFLOW, -5.0)
        with np.errstate(divide="ignore"):
            log_q = np.log(q)
        finite = np.maximum(log_q, -800.0)
        a = -2.0 * finite / (np.sqrt(tail * tail - 2.0 * finite) - tail)
        reference = special.erfcx(-tail * SQRT_HALF)
        for _ in range(4):
            log_ratio = a * (tail - 0.5 * a) + np.log(special.erfcx((a - tail) * SQRT_HALF) / reference)
            a = a + (log_ratio - finite) / self.pdf_over_cdf(tail - a)
        far = np.where(q > 0.0, np.maximum(a, 0.0), np.inf)
        return np.where(r < -5.0, far, np.maximum(near, 0.0))


class Logistic(Noise):
    """Standard logistic noise: F = sigma, f = sigma (1 - sigma).

    Examples
    --------
    >>> float(LOGISTIC.log_cdf(-700.0))
    -700.0
    >>> float(LOGISTIC.pdf_over_cdf(0.0))
    0.5
    """

    name = "logistic"

    def cdf(self, r: ArrayLike) -> np.ndarray:
        return special.expit(np.asarray(r, dtype=np.float64))

    def pdf(self, r: ArrayLike) -> np.ndarray:
        return self.cdf(r) * self.sf(r)

    def log_cdf(self, r: ArrayLike) -> np.ndarray:
        r = np.asarray(r, dtype=np.float64)
        return np.minimum(r, 0.0) - np.log1p(np.exp(-np.abs(r)))

    def log_pdf(self, r: ArrayLike) -> np.ndarray:
        return self.log_cdf(r) + self.log_sf(r)

    def pdf_over_cdf(self, r: ArrayLike) -> np.ndarray:
        return self.sf(r)

    def pdf_derivative(self, r: ArrayLike) -> np.ndarray:
        # f (1 - 2F), with 1 - 2F = -tanh(r/2), which keeps its accuracy near zero.
        return -self.pdf(r) * np.tanh(0.5 * np.asarray(r, dtype=np.float64))

    def ppf(self, u: ArrayLike) -> np.ndarray:
        u = np.asarray(u, dtype=np.float64)
        # arctanh keeps the relative accuracy around u = 1/2, the difference of logarithms that of the tails.
        middle = 2.0 * np.arctanh(np.clip(2.0 * u - 1.0, -0.5, 0.5))
        with np.errstate(divide="ignore"):
            tails = np.log(u) - np.log1p(-u)
        return np.where(np.abs(u - 0.5) <= 0.25, middle, tails)

    def excess(self, r: ArrayLike, q: ArrayLike) -> np.ndarray:
        r, q = np.asarray(r, dtype=np.float64), np.asarray(q, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.logaddexp(0.0, r + np.log1p(-q)) - np.log(q)


def _exp_minus_half_square(r: ArrayLike) -> np.ndarray:
    """exp(-r^2/2) to a few units of rounding.

    Rounding r^2/2 first would cost r^2/2 units in the result. The square of r's leading part (a multiple of 1/16) is
    exact, and the rest, (r - high)(r + high)/2, is small.
    """
    r = np.clip(r, -_GAUSSIAN_UNDERFLOW, _GAUSSIAN_UNDERFLOW)
    high = np.round(r * 16.0) / 16.0
    return np.exp(-0.5 * high * high) * np.exp(-0.5 * (r - high) * (r + high))


def _gaussian_tail(r: ArrayLike) -> np.ndarray:
    """Phi(-|r|) = exp(-r^2/2) erfcx(|r|/sqrt 2) / 2."""
    return 0.5 * _exp_minus_half_square(r) * special.erfcx(np.abs(r) * SQRT_HALF)


GAUSSIAN = Gaussian()
LOGISTIC = Logistic()


def get(noise: str | Noise) -> Noise:
    """Return the noise of that name; an instance is passed through.

    Raises
    ------
    InputError
        The name is unknown.

    Examples
    --------
    >>> get("logistic") is LOGISTIC
    True
    """
    if isinstance(noise, Noise):
        return noise
    known: dict[str, Noise] = {"gaussian": GAUSSIAN, "logistic": LOGISTIC}
    if not isinstance(noise, str) or noise not in known:
        raise InputError(f"noise is {noise!r}; accepted: 'gaussian', 'logistic'")
    return known[noise]
