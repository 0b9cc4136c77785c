"""Confidence intervals of what was counted or averaged over networks, seeds or images."""

from typing import NamedTuple

import numpy as np
from scipy import special


class Interval(NamedTuple):
    """An estimate, and the ends of its two-sided confidence interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Format all three numbers by `spec`, as "0.91 (0.83 to 0.96)"."""
        value, low, high = (format(number, spec) for number in self)
        return f"{value} ({low} to {high})"


def fraction(count: int, trials: int, confidence: float = 0.99) -> Interval:
    """The exact binomial interval of Clopper and Pearson: it misses with probability 1 - `confidence` at most.

    >>> f"{fraction(9, 10, 0.95):.3f}"
    '0.900 (0.555 to 0.997)'
    """
    miss = (1.0 - confidence) / 2.0
    low = float(special.betaincinv(count, trials - count + 1, miss)) if count else 0.0
    high = float(special.betaincinv(count + 1, trials - count, 1.0 - miss)) if count < trials else 1.0
    return Interval(count / trials, low, high)


def difference(one: float, other: float, trials: int, confidence: float = 0.95) -> Interval:
    """The difference of two fractions of `trials` each, by Newcombe's hybrid of two Wilson intervals.

    For independent trials; where both are of the same examples, and so are right together more often than not, the
    interval is wider than it need be.

    >>> f"{difference(0.8, 0.6, 70):.3f}"
    '0.200 (0.048 to 0.340)'
    """
    (low, high), (other_low, other_high) = (_wilson(fraction, trials, confidence) for fraction in (one, other))
    gap = one - other
    return Interval(gap, gap - np.hypot(one - low, other_high - other), gap + np.hypot(high - one, other - other_low))


def _wilson(fraction: float, trials: int, confidence: float) -> tuple[float, float]:
    z2 = float(special.ndtri((1.0 + confidence) / 2.0)) ** 2 / trials
    centre, reach = fraction + z2 / 2.0, np.sqrt(z2 * (fraction * (1.0 - fraction) + z2 / 4.0))
    return float((centre - reach) / (1.0 + z2)), float((centre + reach) / (1.0 + z2))


def geometric_mean(ratios: np.ndarray, confidence: float = 0.99) -> Interval:
    """The geometric mean of positive numbers with Student's interval for the mean of their logarithms.

    >>> f"{geometric_mean(np.array([1.0, 2.0, 4.0]), 0.95):.3f}"
    '2.000 (0.357 to 11.190)'
    """
    return Interval(*(float(np.exp(number)) for number in mean(np.log(ratios), confidence)))


def mean(values: np.ndarray, confidence: float = 0.99) -> Interval:
    """The mean of independent numbers with Student's interval, exact where they are normal.

    >>> f"{mean(np.array([1.0, 2.0, 3.0]), 0.95):.3f}"
    '2.000 (-0.484 to 4.484)'
    """
    centre, count = float(np.mean(values)), len(values)
    reach = float(special.stdtrit(count - 1, (1.0 + confidence) / 2.0) * np.std(values, ddof=1) / np.sqrt(count))
    return Interval(centre, centre - reach, centre + reach)
