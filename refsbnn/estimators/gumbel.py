"""The Gumbel family: the relaxation gs, its straight-through form st-gs, and their Rao-Blackwellisations gr and agr.

All use relax = F, the noise's own cdf, of the pre-activation a = r - F^-1(u) divided by the temperature tau. A spike
is a > 0, which is u < F(r).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from refsbnn.errors import InputError
from refsbnn.estimators import logistic_agr
from refsbnn.estimators.member import LARGEST, BinaryTarget, Form, Given, Member, check_given, is_spike
from refsbnn.noise import SQRT_HALF, Gaussian, Logistic, Noise


@dataclass(frozen=True)
class Gumbel(Member):
    """A member of the Gumbel family, at a temperature."""

    tau: float = 1.0

    def __post_init__(self) -> None:
        self.check_number("tau", lambda tau: tau > 0.0, "a number > 0 (`trapezoid` is the limit 0)")

    def slope_at(self, r: np.ndarray, noise: Noise, u: np.ndarray) -> np.ndarray:
        """relax'(a/tau)/tau with the a = r - F^-1(u) that made the forward value."""
        return noise.pdf((r - noise.ppf(u)) / self.tau) / self.tau


@dataclass(frozen=True)
class Agr(Gumbel, BinaryTarget):
    """`agr(tau=...)`, analytical Gumbel-Rao: w f = E[relax'(a/tau)/tau given z] (theory 2.7, 2.8).

    With Gaussian noise, c2 = 1 + tau^2 and b = tau / sqrt(c2):
    p1 = N(r; 0, c2) Phi(b r) / phi(r) = erfcx(-b r / sqrt 2) / (2 sqrt(c2)) (theory 2.7).
    With logistic noise see `refsbnn.estimators.logistic_agr` (theory 2.8). p0 is p1 at -r.

    The target's mass is not 1. As tau -> 0 the member becomes the trapezoid. Saturated: the slope of the state that
    cannot occur tends to relax'(0)/tau (Gaussian; the excess over the threshold vanishes there) or to the mean of
    relax'(a/tau)/tau over exponential a (logistic; ln 2 - 1/2 at tau = 1).

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import noise
    >>> Agr(tau=0.5).slope(np.array([0.0, 1.0]), np.zeros(2), noise.GAUSSIAN).round(4)
    array([0.3568, 0.3568])
    """

    spelling: ClassVar[str] = "agr"
    examples: ClassVar[tuple[str, ...]] = ("agr(tau=0.5)", "agr(tau=1)")

    @property
    def form(self) -> Form:
        return Form("agr", (self.tau,))

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        r = np.asarray(r, dtype=np.float64)
        return self._mass(-r, noise), self._mass(r, noise)

    def _mass(self, r: np.ndarray, noise: Noise) -> np.ndarray:
        """The mass p1 at r; it grows without bound as r -> inf and is clipped at the largest float."""
        if isinstance(noise, Gaussian):
            width = np.hypot(1.0, self.tau)
            return np.minimum(special.erfcx(-r * (self.tau / width * SQRT_HALF)) / (2.0 * width), LARGEST)
        _check_logistic("agr", noise)
        return logistic_agr.mass(r, self.tau)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return E[relax'(a/tau)/tau given z], without the overflow of p1 and the underflow of f."""
        s = np.where(is_spike(h), r, np.negative(r))
        if not isinstance(noise, Gaussian):
            _check_logistic("agr", noise)
            return logistic_agr.slope(s, self.tau)
        width = np.hypot(1.0, self.tau)
        b = self.tau / width
        # Below zero the exponentials of N(s; 0, c2), Phi(b s) and Phi(s) cancel and erfcx is what they leave; above
        # zero Phi(s) >= 1/2. The clip is where exp has long been 0 and the square would overflow.
        low = np.abs(np.minimum(s, 0.0)) * SQRT_HALF
        below = special.erfcx(b * low) / special.erfcx(low)
        high = np.clip(s, 0.0, 1e150)
        above = np.exp(-0.5 * np.square(high / width)) * noise.cdf(b * high) / noise.cdf(high)
        return np.where(s < 0.0, below, above) / (np.sqrt(2.0 * np.pi) * width)


@dataclass(frozen=True)
class Gr(Gumbel):
    """`gr(tau=...,K=...)`, Gumbel-Rao by K draws: w f = mean over k of relax'(a_k/tau)/tau, a_k given z (theory 2.10).

    Its mean given z is `agr`; its variance around that mean falls as 1/K. With an extra uniform e the draw is
    a = r - F^-1(u') with u' = e pi for a spike and u' = pi + e (1 - pi) for none. `masses` are the mean masses.

    Examples
    --------
    >>> Gr(tau=0.5, K=4).draws
    4
    """

    spelling: ClassVar[str] = "gr"
    examples: ClassVar[tuple[str, ...]] = ("gr(tau=0.5,K=4)",)
    K: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number("K", lambda K: K >= 1 and K % 1 == 0, "an integer >= 1")
        object.__setattr__(self, "K", int(self.K))

    @property
    def draws(self) -> int:
        return self.K

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        return Agr(self.tau).masses(r, noise)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        shape = np.broadcast_shapes(np.shape(h), np.shape(r))
        extra = check_given(self.name, "`extra`, its own uniforms", extra)
        if extra.shape != (self.K, *shape):
            raise InputError(f"{self.name}: extra has shape {extra.shape}; expected {(self.K, *shape)}")
        spike = is_spike(h)
        # By symmetry |a| given z = 0 is the excess at -r, at the uniform's upper end.
        excess = noise.excess(np.where(spike, r, np.negative(r)), np.where(spike, extra, 1.0 - extra))
        return noise.pdf(excess / self.tau).mean(axis=0) / self.tau


@dataclass(frozen=True)
class StGs(Gumbel):
    """`st-gs(tau=...)`, straight-through Gumbel-softmax: w f = relax'(a/tau)/tau with the a that made z (theory 2.9).

    `masses` are the mean masses, those of `agr`.

    Examples
    --------
    >>> StGs(tau=0.5).name
    'st-gs(tau=0.5)'
    """

    spelling: ClassVar[str] = "st-gs"
    examples: ClassVar[tuple[str, ...]] = ("st-gs(tau=0.5)",)

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        return Agr(self.tau).masses(r, noise)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return self.slope_at(r, noise, check_given(self.name, "`u`, the uniform that made the spike", u))


@dataclass(frozen=True)
class Gs(Gumbel):
    """`gs(tau=...)`, the relaxation (Concrete): h = relax(a/tau), w f = dh/dr = relax'(a/tau)/tau (theory 2.11).

    The same as w = f(tau relax^-1(h) - r) / (f(r) q(h)) with the density q(h) = f(a - r) tau / relax'(a/tau): the
    target has the density f(tau relax^-1(h) - r) / f(r) on (0, 1). The forward value is not a spike, so deeper layers
    see inputs between the states.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import noise
    >>> Gs(tau=1.0).sample(np.zeros(2), np.array([0.25, 0.75]), noise.GAUSSIAN).round(4)
    array([0.75, 0.25])
    """

    spelling: ClassVar[str] = "gs"
    examples: ClassVar[tuple[str, ...]] = ("gs(tau=0.5)",)
    proposal: ClassVar[str] = "relaxed"

    @property
    def temperature(self) -> float:
        return self.tau

    def sample(self, r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
        return noise.cdf((r - noise.ppf(u)) / self.tau)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        # From u and not from h, which rounds to 0 or 1 long before the slope vanishes.
        return self.slope_at(r, noise, check_given(self.name, "`u`, the uniform that made the forward value", u))


def _check_logistic(spelling: str, noise: Noise) -> None:
    if not isinstance(noise, Logistic):
        raise InputError(f"{spelling} has no closed form for the noise {noise!r}; accepted: 'gaussian', 'logistic'")
