"""Members with a spike as forward value and a target on {0, 1} in closed form, all but those of the Gumbel family."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refsbnn.errors import InputError, check_array
from refsbnn.estimators.member import LARGEST, BinaryTarget, Form, Given, clipped_ratio, is_spike
from refsbnn.noise import Noise

Masses = tuple[np.ndarray, np.ndarray]


class Affine(BinaryTarget):
    """A member with the masses p_z = a P(z) + b_z, so the slope a f + b_z f/P(z) (theory 2.19).

    Saturated: the slope of the state that cannot occur tends to b_z |r| (Gaussian) or b_z (logistic).
    """

    @abstractmethod
    def affine(self) -> tuple[float, float, float] | None:
        """a, b0 and b1; None where a function of the user's gives the masses."""

    def given(self, r: np.ndarray, noise: Noise) -> Masses:
        """The masses by the user's function."""
        raise InputError(f"{self.name} has neither numbers nor a function for its masses")

    def _parts(self, r: np.ndarray, noise: Noise) -> tuple[float, float | np.ndarray, float | np.ndarray]:
        return self.affine() or (0.0, *self.given(r, noise))

    @property
    def form(self) -> Form | None:
        numbers = self.affine()
        return None if numbers is None else Form("affine", numbers)

    def masses(self, r: np.ndarray, noise: Noise) -> Masses:
        a, b0, b1 = self._parts(r, noise)
        return a * noise.sf(r) + b0, a * noise.cdf(r) + b1

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return a f + b1 f/F for a spike, a f + b0 f/(1 - F) for none."""
        a, b0, b1 = self._parts(r, noise)
        return a * noise.pdf(r) + np.where(is_spike(h), b1 * noise.pdf_over_cdf(r), b0 * noise.pdf_over_sf(r))

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return a + b1/pi for a spike, a + b0/(1 - pi) for none."""
        a, b0, b1 = self._parts(r, noise)
        return a + np.where(is_spike(h), clipped_ratio(b1, noise.cdf(r)), clipped_ratio(b0, noise.sf(r)))


@dataclass(frozen=True)
class StraightThrough(Affine):
    """`st`: w = 1, so p1 = pi (theory 2.3). Least variance for an affine loss; bias of second order.

    Examples
    --------
    >>> from refsbnn.noise import LOGISTIC
    >>> float(StraightThrough().slope(1.0, 0.0, LOGISTIC))
    0.25
    """

    spelling: ClassVar[str] = "st"
    examples: ClassVar[tuple[str, ...]] = ("st",)

    def affine(self) -> tuple[float, float, float]:
        return 1.0, 0.0, 0.0


@dataclass(frozen=True)
class Iwst(Affine):
    """`iwst(p=...)`: target masses p1 = p, p0 = 1 - p (theory 2.5).

    Parameters
    ----------
    p : float or callable
        A number in [0, 1], or a function of the array pi that returns one for every unit.

    Examples
    --------
    >>> Iwst(p=0.25).name
    'iwst(p=0.25)'
    """

    spelling: ClassVar[str] = "iwst"
    examples: ClassVar[tuple[str, ...]] = ("iwst(p=0.3)",)
    p: float | Callable[[np.ndarray], np.ndarray] = 0.5

    def __post_init__(self) -> None:
        if not callable(self.p):
            self.check_number("p", lambda p: 0.0 <= p <= 1.0, "a number from 0 to 1, or a function of pi")

    def affine(self) -> tuple[float, float, float] | None:
        return None if callable(self.p) else (0.0, 1.0 - self.p, self.p)

    def given(self, r: np.ndarray, noise: Noise) -> Masses:
        assert callable(self.p)
        p1 = check_array(f"{self.name}: p(pi)", self.p(noise.cdf(r)), np.shape(r))
        if (p1 < 0.0).any() or (p1 > 1.0).any():
            raise InputError(f"{self.name}: p(pi) has values from {p1.min():g} to {p1.max():g}; accepted: 0 to 1")
        return 1.0 - p1, p1


@dataclass(frozen=True)
class Mix(Affine):
    """`mix(lam=...)`: p1 = (1 - lam) pi + lam/2, from `st` (lam = 0) to the trapezoid (lam = 1) (theory 2.6).

    Examples
    --------
    >>> Mix(lam=0.25).name
    'mix(lam=0.25)'
    """

    spelling: ClassVar[str] = "mix"
    examples: ClassVar[tuple[str, ...]] = ("mix(lam=0.5)",)
    lam: float = 0.5

    def __post_init__(self) -> None:
        self.check_number("lam", lambda lam: 0.0 <= lam <= 1.0, "a number from 0 to 1")

    def affine(self) -> tuple[float, float, float]:
        return 1.0 - self.lam, 0.5 * self.lam, 0.5 * self.lam


@dataclass(frozen=True)
class Trapezoid(Affine):
    """`trapezoid`: p0 = p1 = 1/2, unbiased for quadratic losses, error L'''/12 (theory 2.6 with lam = 1).

    `reinmax` is another name of it: for two states ReinMax is this member. Its variance in units of the squared
    gradient grows without bound as pi tends to 0 or 1, since 1/(4 pi) does; the variance itself vanishes there, as
    f^2 / (4 pi) (theory 2.4).

    Examples
    --------
    >>> from refsbnn import estimators
    >>> estimators.get("reinmax")
    Trapezoid()
    """

    spelling: ClassVar[str] = "trapezoid"
    aliases: ClassVar[tuple[str, ...]] = ("reinmax",)
    examples: ClassVar[tuple[str, ...]] = ("trapezoid",)

    def affine(self) -> tuple[float, float, float]:
        return 0.0, 0.5, 0.5


@dataclass(frozen=True)
class TwoPoint(Affine):
    """`two-point(target=...)`: a target measure on {0, 1} of the user's own (theory 2.3).

    Parameters
    ----------
    target : pair of float, or callable
        The masses (p0, p1), or a function target(r, noise) that returns two arrays of r's shape. Their sum need not
        be 1 and they may be negative.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn.noise import GAUSSIAN
    >>> TwoPoint((0.25, 0.75)).weight(np.array([0.0, 1.0]), np.zeros(2), GAUSSIAN)
    array([0.5, 1.5])
    """

    spelling: ClassVar[str] = "two-point"
    examples: ClassVar[tuple[str, ...]] = ("two-point(target=[0.25,0.5])",)
    target: tuple[float, float] | Callable[[np.ndarray, Noise], Masses]

    def __post_init__(self) -> None:
        if not callable(self.target):
            masses = check_array("two-point: target", self.target, (2,))
            object.__setattr__(self, "target", (float(masses[0]), float(masses[1])))

    def affine(self) -> tuple[float, float, float] | None:
        return None if callable(self.target) else (0.0, *self.target)

    def given(self, r: np.ndarray, noise: Noise) -> Masses:
        assert callable(self.target)
        p0, p1 = self.target(r, noise)
        shape = np.shape(r)
        return check_array(f"{self.name}: p0", p0, shape), check_array(f"{self.name}: p1", p1, shape)


@dataclass(frozen=True)
class Temp(BinaryTarget):
    """`temp(c=...)`: `mix` with a lam that falls in the tails, so that no weight exceeds 1 + c/2 (theory 2.20).

    p1 = pi + lam (1/2 - pi), lam = c pi q / (1 + c pi q) with q = 1 - pi. Mass 1; `st` at c = 0, the trapezoid as c
    grows. Saturated: the slope of either state tends to 0, as that of `st`.

    Parameters
    ----------
    c : float
        A number >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import noise
    >>> Temp(c=2.0).weight(np.array([0.0, 1.0]), np.array([30.0, -30.0]), noise.GAUSSIAN)  # at most 1 + c/2
    array([2., 2.])
    """

    spelling: ClassVar[str] = "temp"
    examples: ClassVar[tuple[str, ...]] = ("temp(c=2)", "temp(c=0)", "temp(c=100)")
    c: float = 1.0

    def __post_init__(self) -> None:
        self.check_number("c", lambda c: c >= 0.0, "a number >= 0")

    @property
    def form(self) -> Form:
        return Form("temp", (self.c,))

    def _weight(self, own: np.ndarray, other: np.ndarray) -> np.ndarray:
        """p_z / P(z) from the state's probability and the other's; P(z) cancels, so nothing is divided by it."""
        return (1.0 + 0.5 * self.c * other) / (1.0 + self.c * own * other)

    def masses(self, r: np.ndarray, noise: Noise) -> Masses:
        q, pi = noise.sf(r), noise.cdf(r)
        return q * self._weight(q, pi), pi * self._weight(pi, q)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return self.weight(h, r, noise) * noise.pdf(r)

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        s = np.where(is_spike(h), r, np.negative(r))
        return self._weight(noise.cdf(s), noise.sf(s))


@dataclass(frozen=True)
class GappedSt(BinaryTarget):
    """`gapped-st(gap=...,tau=...)`, Gapped Straight-Through: slope sigma'(a/tau)/tau of a moved logit (theory 2.21).

    l = logit(pi) is moved to a = max(l, gap) if z = 1, min(l, -gap) if z = 0, and the chain rule goes through
    dl/dr = f/F + f/(1 - F). With logistic noise l = r. Its mass is not 1. Saturated: the slope of the state that
    cannot occur tends to sigma'(gap/tau)/tau times |r| (Gaussian) or 1 (logistic).

    Parameters
    ----------
    gap : float
        A number >= 0: how far the logit lies on the spike's side at least.
    tau : float
        Temperature, > 0.

    Examples
    --------
    >>> GappedSt(gap=1.0, tau=0.5).name
    'gapped-st(gap=1,tau=0.5)'
    """

    spelling: ClassVar[str] = "gapped-st"
    examples: ClassVar[tuple[str, ...]] = (
        *("gapped-st(gap=1,tau=1)", "gapped-st(gap=0.5,tau=0.5)"),
        *("gapped-st(gap=0,tau=2)", "gapped-st(gap=3,tau=0.25)"),
    )
    gap: float = 1.0
    tau: float = 1.0

    def __post_init__(self) -> None:
        self.check_number("gap", lambda gap: gap >= 0.0, "a number >= 0")
        self.check_number("tau", lambda tau: tau > 0.0, "a number > 0")

    @property
    def form(self) -> Form:
        return Form("gapped", (self.gap, self.tau))

    def masses(self, r: np.ndarray, noise: Noise) -> Masses:
        q, pi = noise.log_sf(r), noise.log_cdf(r)
        return self._mass(q, pi), self._mass(pi, q)

    def _mass(self, own: np.ndarray, other: np.ndarray) -> np.ndarray:
        """sigma'(a/tau) / (tau P(other)) from ln P of the state and of the other one; clipped at the largest float."""
        gapped = own - other <= self.gap
        a = np.where(gapped, self.gap, own - other) / self.tau
        # A logit that is not moved: its e^(-a/tau) and 1/P(other) are powers of P(other), in one exponent.
        kept = other * (1.0 / self.tau - 1.0) - own / self.tau
        exponent = np.where(gapped, -self.gap / self.tau - other, kept)
        exponent = exponent - 2.0 * np.log1p(np.exp(-a)) - np.log(self.tau)
        return np.exp(np.minimum(exponent, np.log(LARGEST)))

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        s = np.where(is_spike(h), r, np.negative(r))
        y = np.exp(-np.maximum(noise.log_cdf(s) - noise.log_sf(s), self.gap) / self.tau)
        return y / np.square(1.0 + y) / self.tau * (noise.pdf_over_cdf(s) + noise.pdf_over_sf(s))
