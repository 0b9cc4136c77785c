"""Gradient estimators of one binary unit as their authors write them: slopes at the logit l, given the state z.

A slope k stands for the estimate L'(z) k of dE[L]/dl. Nothing here uses the members of refsbnn or of the oracle.
"""

from collections.abc import Callable

import numpy as np
from scipy import integrate, special

Slope = Callable[[float, int], float]


def jacobian(p: float) -> float:
    """d softmax / d l of two classes, the second of probability p: its entry diag(p) - p p^T."""
    return p * (1.0 - p)


def straight_through(l: float, z: int) -> float:
    """The gradient at the state goes through the softmax (Bengio et al. 2013)."""
    return jacobian(float(special.expit(l)))


def reinmax(l: float, z: int) -> float:
    """Twice the softmax's Jacobian at pi_1 = (pi + onehot)/2, less half of that at pi (Liu et al. 2023)."""
    pi = float(special.expit(l))
    return 2.0 * jacobian((pi + z) / 2.0) - 0.5 * jacobian(pi)


def darn(l: float, z: int, at: float = 0.5) -> float:
    """Score times the loss expanded to first order around `at` (Gregor et al. 2014): L'(z) (z - at) dlnP(z)/dl."""
    return (z - at) * (z - float(special.expit(l)))


def zgr(l: float, z: int) -> float:
    """The average of straight-through and DARN around the mean (Shekhovtsov 2023)."""
    return 0.5 * (straight_through(l, z) + darn(l, z, at=float(special.expit(l))))


def gapped(l: float, z: int, gap: float = 1.0, tau: float = 1.0) -> float:
    """Softmax Jacobian at logits moved until the drawn class leads by a gap (Fan et al. 2022, m1 and m2)."""
    logits = np.array([0.0, l])
    drawn = np.array([1.0 - z, float(z)])
    first = (logits.max() - logits @ drawn) * drawn
    second = -np.maximum(logits + gap - logits.max(), 0.0) * (1.0 - drawn)
    return jacobian(special.softmax((logits + first + second) / tau)[1]) / tau


def decoupled(l: float, z: int, backward: float = 2.0) -> float:
    """Straight-through with a temperature of the backward pass's own (arXiv:2410.13331), forward temperature 1."""
    return jacobian(float(special.expit(l / backward))) / backward


def gumbel_softmax(l: float, tau: float, state: int | None, power: int = 1) -> float:
    """Mean slope of sigma((l + G1 - G0) / tau), G Gumbel noise, given the state or over both (Jang et al. 2017)."""

    def integrand(a: float) -> float:
        density = special.expit(a - l) * special.expit(l - a)
        return float((special.expit(a / tau) * special.expit(-a / tau) / tau) ** power * density)

    def side(sign: float) -> float:
        return float(
            integrate.quad(lambda a: integrand(sign * a), 0.0, np.inf, epsabs=1e-14, epsrel=1e-12, limit=200)[0]
        )

    if state is None:
        return side(1.0) + side(-1.0)
    return side(1.0) / float(special.expit(l)) if state else side(-1.0) / float(special.expit(-l))


def gumbel_rao(l: float, z: int, tau: float = 0.7) -> float:
    """The mean slope of straight-through Gumbel-softmax given the state (Paulus et al. 2021)."""
    return gumbel_softmax(l, tau, z)


def reinmax_rao(l: float, z: int, tau: float = 0.7) -> float:
    """ReinMax with Gumbel-Rao in the place of its first term (arXiv:2603.08257, read from its abstract)."""
    pi = float(special.expit(l))
    return 2.0 * gumbel_softmax(float(special.logit((pi + z) / 2.0)), tau, z) - 0.5 * jacobian(pi)


def reinmax_cv(l: float, z: int, tau: float = 0.7) -> float:
    """ReinMax and the mean of a control variate, Gumbel-Rao less straight-through Gumbel-softmax at the moved logit.

    Read from the abstract of arXiv:2603.08257, with its factor at 1.
    """
    moved = float(special.logit((float(special.expit(l)) + z) / 2.0))
    return reinmax(l, z) + gumbel_softmax(moved, tau, z) - gumbel_softmax(moved, tau, None)


def mass(slope: Slope, l: float) -> float:
    """Mass p0 + p1 of the target that a slope stands for: its mean for the loss z, over dpi/dl."""
    pi = float(special.expit(l))
    return ((1.0 - pi) * slope(l, 0) + pi * slope(l, 1)) / jacobian(pi)
