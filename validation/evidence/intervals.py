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
