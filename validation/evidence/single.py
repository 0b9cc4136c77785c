"""One noisy unit with a polynomial loss: where most claims about the family can be seen bare."""

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import Polynomial

import oracle
from refsbnn import estimators

KEY = "layers.0.mu"
Coefficients = Sequence[float] | np.ndarray

# Members with a target on {0, 1} by the name refsbnn gives them, beside the oracle's own. The masses of a two-point
# target are the user's: the oracle takes them as a function only.
MEMBERS: dict[str, oracle.Discrete] = {
    spec: member
    for spec in estimators.EXAMPLES
    if estimators.get(spec).proposal == "bernoulli" and not spec.startswith("two-point")
    if isinstance(member := oracle.member(spec), oracle.Discrete)
}
NOISES = ("gaussian", "logistic")


def network(noise: str, r: float) -> oracle.Layered:
    """One unit with m = r and v = 1 at x = 1, read out as it is: its logit is z, or its relaxed value."""
    return oracle.Layered([oracle.Layer([[r]], [[1.0]])], oracle.Layer([[1.0]], [[0.0]]), noise=noise)


def loss(coefficients: Coefficients) -> oracle.Custom:
    """L(z) = sum_k c_k z^k."""
    polynomial = Polynomial(coefficients)
    return oracle.Custom(lambda logits: (polynomial(logits[:, 0]), polynomial.deriv()(logits)))


def estimate(
    noise: str, r: float, coefficients: Coefficients, member: oracle.Discrete | oracle.Relaxed
) -> oracle.Estimate:
    """The member's law as an estimate of d/dr E L(z); every array is a number."""
    found = oracle.moments(network(noise, r), [1.0], loss(coefficients), member)[KEY]
    return oracle.Estimate(*(np.asarray(part[0, 0]) for part in (found.gradient, found.mean, found.square)))
