"""What makes a spike, or a relaxed value, out of r and a uniform: the proposals of the members, one unit at a time.

The float32 Gaussian spike has a vector form beside it; this is every other case.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from refsbnn import estimators
from refsbnn.errors import InputError
from refsbnn.noise import Gaussian, Noise

SPIKE, STEP, RELAXED, GIVEN = range(4)
KINDS = {"bernoulli": SPIKE, "deterministic": STEP, "relaxed": RELAXED, "fixed": GIVEN}
ROOT_HALF = math.sqrt(0.5)


class Proposal(NamedTuple):
    """How units are sampled.

    Attributes
    ----------
    kind : int, one of those above
    u : (...) float64, what stands for the uniforms
    tau : float, the temperature
    gaussian : bool, whether the noise is
    """

    kind: int
    u: np.ndarray
    tau: float
    gaussian: bool

    @property
    def spikes(self) -> bool:
        """Whether the values are spikes."""
        return self.kind in (SPIKE, STEP)


def kind_of(who: estimators.Member) -> int:
    """The kind of the proposal that a member declares.

    Raises
    ------
    InputError
        A member of the user's own with a proposal that no kernel knows.
    """
    if who.proposal not in KINDS:
        raise InputError(f"the numba backend cannot sample {who.name}; accepted: the members of refsbnn.estimators")
    return KINDS[who.proposal]


def proposal(who: estimators.Member, noise: Noise, u: Any) -> Proposal:
    """What a scalar kernel needs to sample `who` with uniforms u; in float64, so that F^-1(u) keeps its digits."""
    kind = kind_of(who)
    drawn = np.asarray(u, np.float64)
    if kind == RELAXED:
        drawn = noise.ppf(drawn)
    if kind == GIVEN:
        drawn = who.sample(np.zeros(drawn.shape), drawn, noise)
    return Proposal(kind, drawn, who.temperature, isinstance(noise, Gaussian))


@njit(cache=True, error_model="numpy")
def cdf(r, gaussian):
    """F(r).

    Parameters
    ----------
    r : float64
    gaussian : bool, else logistic
    """
    if gaussian:
        return 0.5 * math.erfc(-r * ROOT_HALF)
    if r >= 0.0:
        return 1.0 / (1.0 + math.exp(-r))
    return math.exp(r) / (1.0 + math.exp(r))


@njit(cache=True, error_model="numpy")
def sample(m, v, u, kind, tau, gaussian):
    """Value of a unit with mean m and variance v; v = 0 is a step (theory 1.1, 3.17).

    Parameters
    ----------
    m, v : float64
    u : float64, as in Proposal
    kind : int
    tau : float
    gaussian : bool
    """
    if v == 0.0:
        return 1.0 if m > 0.0 else 0.0
    r = m / math.sqrt(v)
    if kind == SPIKE:
        return 1.0 if u < cdf(r, gaussian) else 0.0
    if kind == STEP:
        return 1.0 if r > 0.0 else 0.0
    if kind == RELAXED:
        return cdf((r - u) / tau, gaussian)
    return u
