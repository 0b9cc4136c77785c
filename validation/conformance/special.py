"""The noises' functions in 40-digit decimals: cdf, pdf, inverse cdf, and the relaxation's mean slope (theory 2.7, 2.8).

Series and iterations stop where the next term is below the last digit, so the results hold to about 35 digits.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from statistics import NormalDist

from validation.conformance.number import DIGITS, HALF, ONE, ZERO, Real, exp, function, log

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
TINY = Decimal(10) ** -(DIGITS + 5)
TAIL = Decimal(7)  # beyond it the series would lose half of the digits


@lru_cache(maxsize=65536)
def normal_pdf(r: Decimal) -> Decimal:
    """phi(r)."""
    return (-r * r / 2).exp() / (2 * PI).sqrt()


@lru_cache(maxsize=65536)
def normal_cdf(r: Decimal) -> Decimal:
    """Phi(r): 1/2 + phi(r) (r + r^3/3 + r^5/15 + ...), and Laplace's continued fraction in the tails."""
    if r > TAIL:
        return 1 - normal_cdf(-r)
    if r < -TAIL:
        fraction = -r
        for k in range(400, 0, -1):
            fraction = -r + k / fraction
        return normal_pdf(r) / fraction
    term, series, n = r, r, 1
    while abs(term) > TINY:
        n += 2
        term = term * r * r / n
        series += term
    return HALF + normal_pdf(r) * series


@lru_cache(maxsize=65536)
def normal_ppf(u: Decimal) -> Decimal:
    """Phi^-1(u) for 0 < u < 1, by Newton's method from a float64 start: errors 1e-7, 1e-14, 1e-28, 1e-56."""
    x = Decimal(NormalDist().inv_cdf(float(u))).quantize(Decimal("1e-7"))
    for _ in range(3):
        # Halley's correction keeps the tails from needing more steps.
        step = (normal_cdf(x) - u) / normal_pdf(x)
        x = x - step / (1 + x * step / 2)
    return x


def logistic_cdf(r: Decimal) -> Decimal:
    """sigma(r)."""
    return 1 / (1 + (-r).exp())


def logistic_pdf(r: Decimal) -> Decimal:
    """sigma'(r)."""
    return logistic_cdf(r) * logistic_cdf(-r)


class Noise:
    """A noise's functions on `Real` numbers."""

    def __init__(
        self, pdf: Callable[[Decimal], Decimal], cdf: Callable[[Decimal], Decimal], ppf: Callable[[Decimal], Decimal]
    ) -> None:
        self._pdf, self._cdf, self._ppf = pdf, cdf, ppf

    def cdf(self, r: Real) -> Real:
        """F(r)."""
        return function(r, self._cdf(r.value), self._pdf(r.value))

    def sf(self, r: Real) -> Real:
        """1 - F(r) = F(-r)."""
        return self.cdf(-r)

    def ppf(self, u: Real) -> Real:
        """F^-1(u)."""
        x = self._ppf(u.value)
        return function(u, x, 1 / self._pdf(x))


class Gaussian(Noise):
    """Standard normal noise."""

    def pdf(self, r: Real) -> Real:
        """phi(r), by its own operations."""
        return exp(-(r * r) / 2) / function(r, (2 * PI).sqrt(), ZERO)


class Logistic(Noise):
    """Standard logistic noise."""

    def pdf(self, r: Real) -> Real:
        """sigma(r) sigma(-r)."""
        return self.cdf(r) * self.sf(r)


NOISES: dict[str, Gaussian | Logistic] = {
    "gaussian": Gaussian(normal_pdf, normal_cdf, normal_ppf),
    "logistic": Logistic(logistic_pdf, logistic_cdf, lambda u: (u / (1 - u)).ln()),
}


def relaxed_mean(noise: str, tau: Decimal, r: Real) -> Real:
    """E[relax'(a/tau)/tau given a > 0] for a = r + noise: the slope of `agr` given a spike."""
    F = NOISES[noise].cdf(r)
    if noise == "gaussian":  # theory 2.7: N(r; 0, c2) Phi(b r) / Phi(r)
        c2 = 1 + tau * tau
        width, b = lift(c2.sqrt()), lift(tau / c2.sqrt())
        return NOISES[noise].pdf(r / width) / width * NOISES[noise].cdf(b * r) / F
    J = logistic_integral(tau, r.value)
    if tau == 1:
        # theory 2.8 as it stands cancels near r = 0: its terms are larger than their sum by up to 3/t^2, and a series
        # takes over at |t| = 1/4 at the latest, where that is 48.
        t = (r.value / 2).exp() - (-r.value / 2).exp()
        t = t / ((r.value / 2).exp() + (-r.value / 2).exp())
        rounding = 1.0 + min(48.0, float(3 / (t * t))) if t else 49.0
    else:
        rounding = 4.0  # a quadrature's sum of positive terms, each of a few operations
    h = Decimal("1e-12")
    slope = (logistic_integral(tau, r.value + h) - logistic_integral(tau, r.value - h)) / (2 * h)
    return function(r, J, slope, rounding) / F


@lru_cache(maxsize=65536)
def logistic_integral(tau: Decimal, r: Decimal) -> Decimal:
    """J(r) = integral over a > 0 of relax'(a/tau)/tau f(a - r).

    theory 2.8 for tau = 1; for other 1/tau = c = 2, 3, ... by Gauss-Legendre panels in y = e^-a on [0, 1], where
    relax'(a/tau) = y^c / (1 + y^c)^2 and f(a - r) da = e^r / (1 + y e^r)^2 dy are smooth as long as e^r is not large.
    """
    if tau == 1 and abs(r) > Decimal("0.001"):
        k = r.exp()
        bracket = (1 - k) * (1 + 3 * k) + 2 * (k + 1) ** 2 * ((k + 1) / 2).ln()
        return k * bracket / (2 * (k - 1) ** 3 * (k + 1))
    c = 1 / tau
    if c != c.to_integral_value() or abs(r) > 4:
        raise ValueError(f"tau is {tau}, r is {r}; the cases use 1/tau = 1, 2, 3, ... and |r| <= 4")
    nodes, panels, sum_ = legendre(24), 16, ZERO
    k = r.exp()
    for panel in range(panels):
        for x, w in nodes:
            y = (panel + (1 + x) / 2) / panels
            yc = y ** int(c)
            sum_ += w * yc / ((1 + yc) ** 2) * k / ((1 + y * k) ** 2)
    return sum_ / (2 * panels) / tau


@lru_cache(maxsize=4)
def legendre(n: int) -> tuple[tuple[Decimal, Decimal], ...]:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1], by Newton's method on the three-term recurrence."""
    rule = []
    for i in range(n):
        # Bisection of the sign changes would do; the classical start needs a cosine, so start from a Chebyshev series.
        x = _cosine(PI * (Decimal(i) + Decimal("0.75")) / (Decimal(n) + HALF))
        for _ in range(8):
            p, before = x, ONE
            for k in range(2, n + 1):
                p, before = ((2 * k - 1) * x * p - (k - 1) * before) / k, p
            slope = n * (x * p - before) / (x * x - 1)
            x = x - p / slope
        rule.append((x, 2 / ((1 - x * x) * slope * slope)))
    return tuple(rule)


def _cosine(x: Decimal) -> Decimal:
    term, series, n = ONE, ONE, 0
    while abs(term) > TINY:
        n += 2
        term = -term * x * x / (n * (n - 1))
        series += term
    return series


def lift(x: Decimal) -> Real:
    """A constant that is itself rounded."""
    return Real(x, abs(float(x)))


def softplus(x: Real) -> Real:
    """ln(1 + e^x)."""
    return log(1 + exp(x)) if x.value < 0 else x + log(1 + exp(-x))
