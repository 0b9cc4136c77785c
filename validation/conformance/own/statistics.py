"""The tests: an exact binomial for counts, Bernstein's inequality for means. Nothing is asymptotic, nothing estimated.

For N independent estimates X with mean mu, variance s2 and |X - mu| <= b,

    P(|mean - mu| >= t) <= 2 exp(-N t^2 / (2 (s2 + b t / 3)))                                          (Bernstein 1924)

and mu, s2 and b come from enumeration, never from the sample.
"""

import numpy as np
from scipy import special

# A probability on the grid of 2^-24 is off by up to one step, and its argument rounds in float32: four steps a unit.
LAW_ERROR = 2.0**-22


def binomial_p(count: np.ndarray, draws: int, p: np.ndarray, error: float) -> np.ndarray:
    """Two-sided p-value of counts of `draws` events of probability p, p itself being known to `error`.

    Twice the smaller tail, each tail at the end of [p - error, p + error] that makes it largest.

    Examples
    --------
    >>> binomial_p(np.array([5]), 10, np.array([0.5]), 0.0)
    array([1.])
    >>> binomial_p(np.array([0]), 10, np.array([0.5]), 0.0)  # 2 / 2^10
    array([0.00195312])
    """
    low, high = np.clip(p - error, 0.0, 1.0), np.clip(p + error, 0.0, 1.0)
    below = np.where(count >= draws, 1.0, special.bdtr(np.minimum(count, draws - 1), draws, low))
    above = np.where(count <= 0, 1.0, special.bdtrc(np.maximum(count, 1) - 1.0, draws, high))
    return np.minimum(1.0, 2.0 * np.minimum(below, above))


def bernstein_p(deviation: np.ndarray, draws: int, variance: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Bound on the probability that a mean of `draws` deviates so far; 1 for no deviation.

    Examples
    --------
    >>> bernstein_p(np.array([0.0]), 100, np.array([1.0]), np.array([1.0]))
    array([1.])
    """
    spread = 2.0 * (variance + reach * deviation / 3.0)
    exponent = draws * np.square(deviation) / np.where(spread > 0.0, spread, 1.0)
    impossible = (spread == 0.0) & (deviation > 0.0)
    return np.where(impossible, 0.0, np.minimum(1.0, 2.0 * np.exp(-exponent)))


def bernstein_reach(alpha: float, draws: int, variance: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The deviation whose bound is alpha: t with N t^2 = ln(2/alpha) 2 (s2 + b t / 3).

    Examples
    --------
    >>> t = bernstein_reach(1e-6, 1000, np.array([1.0]), np.array([3.0]))
    >>> bernstein_p(t, 1000, np.array([1.0]), np.array([3.0])).round(12)
    array([1.e-06])
    """
    c = 2.0 * np.log(2.0 / alpha) / draws
    half = c * reach / 6.0
    return half + np.sqrt(half * half + c * variance)


def detectable(
    alphas: tuple[float, float], draws: tuple[int, int], miss: float, variance: np.ndarray, reach: np.ndarray
) -> np.ndarray:
    """The smallest error of a mean that is found with probability 1 - miss, if the wrong law spreads no more.

    Both stages have to see it: each stage's threshold plus how far the wrong mean may fall back, in half the misses.
    """
    stages = zip(alphas, draws, strict=True)
    each = [bernstein_reach(a, n, variance, reach) + bernstein_reach(miss / 2.0, n, variance, reach) for a, n in stages]
    return np.maximum(*each)
