"""A neuron whose weights are drawn once: given its past drives its membrane is Gaussian.

Source: theory 3.19, 3.20. One neuron, hard reset, two inputs and a bias, two steps. By (3.20) the first drive is
followed and the second is conditional on it; the other way conditions the first drive on the membrane of the second
step, which for each first spike is a linear function of the weights. Both are quadratures of one variable and share no
conditional law. Where the probabilities hold for every threshold, u_2 is uniform; with the moments of (3.9) it is not.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import integrate, special

from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, equal

CLAIM = Claim(
    title="Weights shared in time",
    sentence="Given the past drives of the neuron its membrane is Gaussian, and each u_t is uniform.",
    owner="ours",
    source="theory 3.20",
    statement="With one draw of the weights for all steps, M_t and V_t of (3.20) give the probability of every "
    "sequence of spikes; the moments of (3.9) give a u_t that is not uniform.",
    assumptions=("V_t > 0: an input outside the span of the earlier ones", "Gaussian noise"),
    finding="holds",
    reason="all sequences of two steps, by two orders of integration",
    claimed="P by (3.20) is P",
    headline="P(no spike, spike)",
    equations=(
        Formula("3.19", r"z_t = 1[A_t > \theta], \quad A_t = \beta A_{t-1} (1 - z_{t-1}) + a_t"),
        Formula("3.20", r"M_t = P_t + m_t + k^T K^{-1} (a_{<t} - m_{<t}), \quad V_t = k_{tt} - k^T K^{-1} k"),
    ),
    code=("validation/claims/shared_in_time.py",),
)
BETA, THETA = 0.9, 0.5
X = np.array([[1.0, 0.4, 1.0], [0.3, 1.2, 1.0]])  # two steps; the last input is the bias's
MU, SIGMA2 = np.array([0.5, -0.2, 0.1]), np.array([0.3, 0.4, 0.2])
ENDS = ((-np.inf, THETA), (THETA, np.inf))  # of the first drive, without and with a spike
MEAN, K = X @ MU, (X * SIGMA2) @ X.T  # of the drives
WHY = "two quadratures to 1e-12"


def check(level: Level) -> Rows:
    """Probabilities of the sequences, and the mean of the uniforms."""
    for first, label in ((0, "no spike"), (1, "spike")):
        past = over(ENDS[first], partial(fires, z=first))
        yield equal(CLAIM.title, f"P({label}, spike)", past, reversed_order(first), 1e-10, WHY)
    for power in (1, 2):
        setting = f"E[u_2^{power}]"
        off = abs(uniform_of_redrawn(power) - 1.0 / (power + 1.0))
        why = "not uniform: any visible change"
        yield at_least(CLAIM.title, f"{setting} with the moments of (3.9): distance from uniform", off, 1e-3, why)


def density(a: float, mean: float, variance: float) -> float:
    """The normal density."""
    return float(np.exp(-0.5 * (a - mean) ** 2 / variance) / np.sqrt(2.0 * np.pi * variance))


def over(ends: tuple[float, float], value: Callable[[float], float]) -> float:
    """The mean of a function of the first drive between two ends."""
    low, high = np.clip(ends, MEAN[0] - 12.0 * np.sqrt(K[0, 0]), MEAN[0] + 12.0 * np.sqrt(K[0, 0]))
    return integrate.quad(lambda a: density(a, MEAN[0], K[0, 0]) * value(a), low, high, epsabs=1e-13)[0]


def conditional(a: float, z: int) -> tuple[float, float]:
    """Mean and deviation of the second membrane given the first drive (theory 3.20)."""
    mean = BETA * a * (1 - z) + MEAN[1] + K[0, 1] / K[0, 0] * (a - MEAN[0])
    return mean, float(np.sqrt(K[1, 1] - K[0, 1] ** 2 / K[0, 0]))


def fires(a: float, z: int) -> float:
    """P(second spike) given the first drive."""
    mean, deviation = conditional(a, z)
    return float(special.ndtr((mean - THETA) / deviation))


def redrawn(a: float, z: int) -> tuple[float, float]:
    """The moments of (3.9)."""
    return BETA * MEAN[0] * (1 - z) + MEAN[1], float(np.sqrt(BETA**2 * K[0, 0] * (1 - z) + K[1, 1]))


def reversed_order(z: int) -> float:
    """P(z_1 = z, second spike): the first drive given the second membrane, which is linear in the weights."""
    row = X[1] + (1 - z) * BETA * X[0]  # of the second membrane in the weights
    mean, variance, both = row @ MU, (row**2 * SIGMA2).sum(), (row * SIGMA2) @ X[0]

    def given(membrane: float) -> float:
        centre = MEAN[0] + both / variance * (membrane - mean)
        spike = special.ndtr((centre - THETA) / np.sqrt(K[0, 0] - both**2 / variance))
        return density(membrane, mean, variance) * float(spike if z else 1.0 - spike)

    return integrate.quad(given, THETA, mean + 12.0 * np.sqrt(variance), epsabs=1e-13)[0]


def uniform_of_redrawn(power: int) -> float:
    """E[u_2^power] under the law of drawn weights, with u_2 by the moments of (3.9)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    total = 0.0
    for z, ends in enumerate(ENDS):

        def value(a: float, z: int = z) -> float:
            true_mean, true_deviation = conditional(a, z)
            mean, deviation = redrawn(a, z)
            u = special.ndtr(-(true_mean + true_deviation * nodes - mean) / deviation)
            return float(weights @ u**power) / np.sqrt(2.0 * np.pi)

        total += over(ends, value)
    return total
