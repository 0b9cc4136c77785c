"""The members whose forward value is a spike z ~ Bernoulli(pi) (theory 2.1 to 2.10, 2.16, 2.19 to 2.21), as slopes.

An estimator replaces the derivative of a spike with respect to r by its slope k: the gradient at z is g k, and the
member's weight is w = k / f. Here a member is the mean and the mean square of k given z; both together, with the
independence of the units, are all that its exact bias and variance need.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from oracle.errors import InputError, number
from oracle.noise import Law
from oracle.slopes import slope_moment


class Slopes(NamedTuple):
    """Mean and mean square of the slope given z; the last axis is z = 0, 1."""

    mean: np.ndarray
    square: np.ndarray


class UnitStates(NamedTuple):
    """What one unit may do: its forward value in [0, 1], probability and slope; the last axis runs over the cases."""

    values: np.ndarray
    probabilities: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True)
class Discrete:
    """A member that sends spikes forward.

    Parameters
    ----------
    name : str
    slopes : callable
        Law -> Slopes.
    highest : float, optional
        For a slope that varies given z, with values between 0 and `highest`.

    Examples
    --------
    >>> import oracle
    >>> isinstance(oracle.st(), oracle.Discrete), oracle.st_gs().random
    (True, True)
    >>> law = oracle.noise.law(oracle.noise.NOISES["gaussian"], m=np.zeros(1), v=np.ones(1))
    >>> oracle.st().states(law).slopes.round(4)  # f(0) in both states
    array([[0.3989, 0.3989]])
    >>> oracle.st_gs().corners(law).slopes.round(4)  # from 0 to the largest
    array([[0.    , 0.    , 0.3989, 0.3989]])
    """

    name: str
    slopes: Callable[[Law], Slopes]
    highest: Callable[[Law], float] | None = None

    @property
    def random(self) -> bool:
        """Whether the slope varies given z."""
        return self.highest is not None

    def corners(self, law: Law) -> UnitStates:
        """The unit's states with the slope at either end of its range: an estimate is largest at one of these."""
        states = self.states(law)
        if self.highest is None:
            return states
        ends = np.array([0.0, 0.0, self.highest(law), self.highest(law)])
        return states._replace(slopes=ends * law.live[..., None])

    def states(self, law: Law) -> UnitStates:
        """The unit's two states, or four where the slope is random.

        An estimate is linear in each unit's slope and slopes are independent given the spikes, so a slope that takes
        mean - sd and mean + sd with probability 1/2 each gives the exact first two moments (theory 5.7).
        """
        mean, square = self.slopes(law)
        probabilities = np.stack([law.p0, law.p1], axis=-1)
        values = np.broadcast_to([0.0, 1.0], mean.shape)
        if not self.random:
            return UnitStates(values, probabilities, mean)
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        return UnitStates(
            np.concatenate([values, values], axis=-1),
            np.concatenate([probabilities, probabilities], axis=-1) / 2.0,
            np.concatenate([mean - spread, mean + spread], axis=-1),
        )


def two_point(target: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], name: str = "two-point") -> Discrete:
    """The member of a target measure on {0, 1} (theory 2.3).

    Parameters
    ----------
    target : callable
        pi -> masses (p0, p1), arrays of pi's shape; they need not add up to 1.
    name : str

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> half = oracle.two_point(lambda pi: (0.5 + 0 * pi, 0.5 + 0 * pi), name="half")
    >>> law = oracle.moments(net, [1.0, 0.5], loss, half)["layers.0.mu"]
    >>> law.mean.round(5)  # the trapezoid
    array([[-0.12371, -0.06185]])
    """

    def slopes(law: Law) -> Slopes:
        masses = np.stack(np.broadcast_arrays(*target(law.p1), law.p1)[:2], axis=-1)
        if not np.isfinite(masses).all():
            raise InputError(f"the target of {name} gives a mass that is not finite")
        mean = masses * np.stack([law.hazard(0), law.hazard(1)], axis=-1)
        return Slopes(mean, mean**2)

    return Discrete(name, slopes)


def st() -> Discrete:
    """Straight-through: weight 1, the slope is f whatever the spike.

    Examples
    --------
    >>> import oracle
    >>> oracle.st().name
    'st'
    """

    def slopes(law: Law) -> Slopes:
        mean = np.stack([law.f, law.f], axis=-1)
        return Slopes(mean, mean**2)

    return Discrete("st", slopes)


def iwst(p: float | Callable[[np.ndarray], np.ndarray]) -> Discrete:
    """Importance-weighted straight-through: masses (1-p, p), p a number in [0, 1] or a function of pi (theory 2.5).

    Examples
    --------
    >>> import oracle
    >>> oracle.iwst(0.5).name
    'iwst(p=0.5)'
    """
    if callable(p):
        mass = p
        return two_point(lambda pi: (1.0 - np.asarray(mass(pi)), np.asarray(mass(pi))), "iwst(p=function)")
    fixed = _fraction("p", p)
    return two_point(lambda pi: (np.full_like(pi, 1.0 - fixed), np.full_like(pi, fixed)), f"iwst(p={fixed:g})")


def mix(lam: float) -> Discrete:
    """Between straight-through (lam = 0) and the trapezoid (lam = 1): p1 = (1-lam) pi + lam/2 (theory 2.6).

    Examples
    --------
    >>> import oracle
    >>> oracle.mix(0.25).name
    'mix(lam=0.25)'
    """
    lam = _fraction("lam", lam)

    def slopes(law: Law) -> Slopes:
        hazard = np.stack([law.hazard(0), law.hazard(1)], axis=-1)
        mean = (1.0 - lam) * law.f[..., None] + 0.5 * lam * hazard
        return Slopes(mean, mean**2)

    return Discrete("trapezoid" if lam == 1.0 else f"mix(lam={lam:g})", slopes)


def trapezoid() -> Discrete:
    """Masses (1/2, 1/2), whatever pi is.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.moments(net, [1.0, 0.5], loss, oracle.trapezoid())["layers.0.mu"]
    >>> law.gradient.round(5), law.mean.round(5)
    (array([[-0.12223, -0.06112]]), array([[-0.12371, -0.06185]]))
    """
    return mix(1.0)


def temp(c: float = 1.0) -> Discrete:
    """`mix` with lam = c pi q / (1 + c pi q): near the trapezoid in the middle, near st in the tails (theory 2.20)."""
    c = number("c", c, lowest=0.0)

    def slopes(law: Law) -> Slopes:
        hazard = np.stack([law.hazard(0), law.hazard(1)], axis=-1)
        spread = c * law.p0 * law.p1
        lam = (spread / (1.0 + spread))[..., None]
        mean = (1.0 - lam) * law.f[..., None] + 0.5 * lam * hazard
        return Slopes(mean, mean**2)

    return Discrete(f"temp(c={c:g})", slopes)


def gapped_st(gap: float = 1.0, tau: float = 1.0) -> Discrete:
    """Gapped straight-through: slope of the sigmoid at the logit moved to the spike's side (theory 2.21).

    sigma'(a/tau) = sigma(a/tau) sigma(-a/tau), times the logit's derivative in r, the sum of both hazards.
    """
    gap, tau = number("gap", gap, lowest=0.0), number("tau", tau, above=0.0)

    def slopes(law: Law) -> Slopes:
        own = law.noise.log_cdf(law.r) - law.noise.log_cdf(-law.r)
        moved = np.maximum(np.stack([-own, own], axis=-1), gap) / tau
        both = (law.hazard(0) + law.hazard(1))[..., None]
        mean = special.expit(moved) * special.expit(-moved) / tau * both
        return Slopes(mean, mean**2)

    return Discrete(f"gapped-st(gap={gap:g},tau={tau:g})", slopes)


def agr(tau: float = 1.0) -> Discrete:
    """Analytical Gumbel-Rao: the relaxation's mean slope given the spike (theory 2.7, 2.8).

    Examples
    --------
    >>> import oracle
    >>> oracle.agr(tau=0.5).name
    'agr(tau=0.5)'
    """
    tau = number("tau", tau, above=0.0)

    def slopes(law: Law) -> Slopes:
        mean = _relaxation(law, tau, 1)
        return Slopes(mean, mean**2)

    return Discrete(f"agr(tau={tau:g})", slopes)


def st_gs(tau: float = 1.0) -> Discrete:
    """Straight-through Gumbel-softmax: the relaxation's slope at the draw that made the spike (theory 2.9).

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.moments(net, [1.0, 0.5], loss, oracle.st_gs(tau=0.5))["layers.0.mu"]
    >>> same = oracle.moments(net, [1.0, 0.5], loss, oracle.agr(tau=0.5))["layers.0.mu"]
    >>> bool(np.allclose(law.mean, same.mean)), bool((law.variance >= same.variance).all())
    (True, True)
    """
    tau = number("tau", tau, above=0.0)

    def slopes(law: Law) -> Slopes:
        return Slopes(_relaxation(law, tau, 1), _relaxation(law, tau, 2))

    return Discrete(f"st-gs(tau={tau:g})", slopes, _top(tau))


def gr(tau: float = 1.0, draws: int = 1) -> Discrete:
    """Monte-Carlo Gumbel-Rao: the mean slope of `draws` fresh draws given the spike (theory 2.10).

    Examples
    --------
    >>> import oracle
    >>> oracle.gr(tau=0.5, draws=4).name
    'gr(tau=0.5,K=4)'
    """
    tau = number("tau", tau, above=0.0)
    if not isinstance(draws, int | np.integer) or draws < 1:
        raise InputError(f"draws is {draws!r}; expected an integer >= 1")

    def slopes(law: Law) -> Slopes:
        mean, square = _relaxation(law, tau, 1), _relaxation(law, tau, 2)
        return Slopes(mean, mean**2 + (square - mean**2) / draws)

    return Discrete(f"gr(tau={tau:g},K={draws})", slopes, _top(tau))


def identity_st() -> Discrete:
    """Identity straight-through: slope 1 in r, no density (theory 2.16).

    Examples
    --------
    >>> import oracle
    >>> oracle.identity_st().name
    'identity-st'
    """

    def slopes(law: Law) -> Slopes:
        mean = np.stack([law.live, law.live], axis=-1).astype(np.float64)
        return Slopes(mean, mean)

    return Discrete("identity-st", slopes)


def _relaxation(law: Law, tau: float, power: int) -> np.ndarray:
    moments = [slope_moment(law.noise, side, tau, power) for side in (-law.r, law.r)]
    return np.stack(moments, axis=-1) * law.live[..., None]


def _top(tau: float) -> Callable[[Law], float]:
    """The relaxation's steepest slope, at a = 0."""
    return lambda law: float(law.noise.pdf(np.zeros(1))[0]) / tau


def _fraction(name: str, value: float) -> float:
    if number(name, value, lowest=0.0) > 1.0:
        raise InputError(f"{name} is {value!r}; expected a number in [0, 1]")
    return float(value)


# The names of these, and ReinMax, which for two states is the trapezoid.
NAMED: dict[str, Callable[..., Discrete]] = {
    "st": st,
    "iwst": iwst,
    "mix": mix,
    "trapezoid": trapezoid,
    "reinmax": trapezoid,
    "temp": temp,
    "gapped-st": gapped_st,
    "agr": agr,
    "gr": gr,
    "st-gs": st_gs,
    "identity-st": identity_st,
}
