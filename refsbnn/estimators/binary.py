"""Members with a spike as forward value and a target on {0, 1} given in a line: st, iwst, mix, trapezoid, two-point."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refsbnn.errors import InputError, check_array, check_number
from refsbnn.estimators.member import BinaryTarget
from refsbnn.noise import Noise


@dataclass(frozen=True)
class StraightThrough(BinaryTarget):
    """`st`: w = 1, so p1 = pi (theory 2.3). Least variance for an affine loss; bias of second order.

    Examples
    --------
    >>> from refsbnn.noise import LOGISTIC
    >>> float(StraightThrough().slope(1.0, 0.0, LOGISTIC))
    0.25
    """

    spelling: ClassVar[str] = "st"

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        return noise.sf(r), noise.cdf(r)

    def slope(
        self, h: np.ndarray, r: np.ndarray, noise: Noise, u: np.ndarray | None = None, extra: np.ndarray | None = None
    ) -> np.ndarray:
        return np.broadcast_to(noise.pdf(r), np.broadcast_shapes(np.shape(h), np.shape(r)))

    def weight(
        self, h: np.ndarray, r: np.ndarray, noise: Noise, u: np.ndarray | None = None, extra: np.ndarray | None = None
    ) -> np.ndarray:
        return np.ones(np.broadcast_shapes(np.shape(h), np.shape(r)))


@dataclass(frozen=True)
class Iwst(BinaryTarget):
    """`iwst(p=...)`: target masses p1 = p, p0 = 1 - p (theory 2.5).

    Saturated: the slope of the state that cannot occur tends to p |r| (Gaussian) or p (logistic), 1 - p for z = 0.

    Parameters
    ----------
    p : float or callable
        A number in [0, 1], or a function of the array pi that returns one for every unit.
    """

    spelling: ClassVar[str] = "iwst"
    p: float | Callable[[np.ndarray], np.ndarray] = 0.5

    def __post_init__(self) -> None:
        if not callable(self.p):
            check_number("iwst: p", self.p, lambda p: 0.0 <= p <= 1.0, "a number from 0 to 1, or a function of pi")
            object.__setattr__(self, "p", float(self.p))

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        if not callable(self.p):
            p1 = np.full(np.shape(r), self.p)
            return 1.0 - p1, p1
        p1 = check_array(f"{self.name}: p(pi)", self.p(noise.cdf(r)), np.shape(r))
        if (p1 < 0.0).any() or (p1 > 1.0).any():
            raise InputError(f"{self.name}: p(pi) has values from {p1.min():g} to {p1.max():g}; accepted: 0 to 1")
        return 1.0 - p1, p1


@dataclass(frozen=True)
class Mix(BinaryTarget):
    """`mix(lam=...)`: p1 = (1 - lam) pi + lam/2, from `st` (lam = 0) to the trapezoid (lam = 1) (theory 2.6)."""

    spelling: ClassVar[str] = "mix"
    lam: float = 0.5

    def __post_init__(self) -> None:
        check_number("mix: lam", self.lam, lambda lam: 0.0 <= lam <= 1.0, "a number from 0 to 1")
        object.__setattr__(self, "lam", float(self.lam))

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        half = 0.5 * self.lam
        return (1.0 - self.lam) * noise.sf(r) + half, (1.0 - self.lam) * noise.cdf(r) + half


@dataclass(frozen=True)
class Trapezoid(BinaryTarget):
    """`trapezoid`: p0 = p1 = 1/2, unbiased for quadratic losses, error L'''/12 (theory 2.6 with lam = 1).

    Its variance in units of the squared gradient grows without bound as pi tends to 0 or 1, since 1/(4 pi) does; the
    variance itself vanishes there, as f^2 / (4 pi) (theory 2.4).
    """

    spelling: ClassVar[str] = "trapezoid"

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        half = np.full(np.shape(r), 0.5)
        return half, half


@dataclass(frozen=True)
class TwoPoint(BinaryTarget):
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
    target: tuple[float, float] | Callable[[np.ndarray, Noise], tuple[np.ndarray, np.ndarray]]

    def __post_init__(self) -> None:
        if not callable(self.target):
            masses = check_array("two-point: target", self.target, (2,))
            object.__setattr__(self, "target", (float(masses[0]), float(masses[1])))

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        if not callable(self.target):
            return np.full(np.shape(r), self.target[0]), np.full(np.shape(r), self.target[1])
        p0, p1 = self.target(r, noise)
        shape = np.shape(r)
        return check_array(f"{self.name}: p0", p0, shape), check_array(f"{self.name}: p1", p1, shape)
