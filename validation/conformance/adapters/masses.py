"""Members of the family in a line each, for the adapters of any array library: arithmetic on probabilities alone.

`own` and `other` are the probabilities of the spike's state and of the other one, n the member's numbers. Nothing here
comes from refsbnn, oracle or the conformance answers.
"""

import math
from collections.abc import Callable
from typing import Any

Array = Any  # a tensor or array of whatever library
Numbers = dict[str, Any]

# Target masses (p0, p1) from pi and 1 - pi (theory 2.3); the slope is p_z f / P(z).
MASSES: dict[str, Callable[[Numbers, Array, Array], tuple[Any, Any]]] = {
    "st": lambda n, pi, q: (q, pi),
    "iwst": lambda n, pi, q: (1.0 - n["p"], n["p"]),
    "mix": lambda n, pi, q: tuple((1.0 - n["lam"]) * p + 0.5 * n["lam"] for p in (q, pi)),
    "trapezoid": lambda n, pi, q: (0.5, 0.5),
    "reinmax": lambda n, pi, q: (0.5, 0.5),
    "two-point": lambda n, pi, q: n["target"],
    "temp": lambda n, pi, q: tempered(n["c"] * pi * q, pi, q),
}


def tempered(spread: Array, pi: Array, q: Array) -> tuple[Array, Array]:
    """theory 2.20."""
    lam = spread / (1.0 + spread)
    return (1.0 - lam) * q + 0.5 * lam, (1.0 - lam) * pi + 0.5 * lam


# Slope with respect to the logit of pi; that with respect to r is it times the logit's derivative, the sum of both
# hazards (theory 2.21).
OVER_LOGIT: dict[str, Callable[[Numbers, Array, Array], Array]] = {
    "gapped-st": lambda n, own, other: sigmoid_slope(
        ((other / own) ** (1.0 / n["tau"])).clip(max=math.exp(-n["gap"] / n["tau"])), n["tau"]
    ),
}


def sigmoid_slope(y: Array, tau: float) -> Array:
    """sigma'(a/tau)/tau from y = e^(-a/tau)."""
    return y / ((1.0 + y) * (1.0 + y)) / tau


def slope(name: str, n: Numbers, z: Array, r: Array, noise: Any, where: Callable[..., Array]) -> Array:
    """w f(r) of a member in one of the tables; `where` is the library's."""
    s = where(z > 0.5, r, -r)
    if name in OVER_LOGIT:
        return OVER_LOGIT[name](n, noise.cdf(s), noise.cdf(-s)) * (noise.hazard(s) + noise.hazard(-s))
    pi = noise.cdf(r)
    p0, p1 = (p + 0.0 * pi for p in MASSES[name](n, pi, noise.cdf(-r)))
    return where(z > 0.5, p1, p0) * noise.hazard(s)
